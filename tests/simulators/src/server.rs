//! What all simulators have in common: a small HTTP/1.1 server that can be made to fail in every way a network can.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use ipam_conformance::{Fault, RAW_BODY};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio_openssl::SslStream;

use crate::tls::{self, Tls};
use crate::{Request, Response};

/// A request's head is not longer.
const HEAD_AT_MOST: usize = 64 * 1024;

const HEADERS_AT_MOST: usize = 64;

/// How long [`Fault::Slow`] takes: longer than anybody waits.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// The vendor's part of a simulator.
pub trait Ipam: Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: &Request) -> Response;

    /// Does the request change reservations? Faults of writes hit these.
    fn is_write(&self, request: &Request) -> bool;

    /// How the vendor refuses a session that it does not know any more.
    fn session_expired(&self) -> Response;
}

/// A running simulator. It ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    thread: ThreadId,
    shared: Arc<Shared>,
    // Dropped to end the server's thread.
    _end: oneshot::Sender<()>,
}

struct Shared {
    ipam: Arc<dyn Ipam>,
    tls: Option<Tls>,
    fault: watch::Sender<Option<Fault>>,
    write_time: Mutex<Duration>,
    requests: Mutex<Vec<Request>>,
    port: Mutex<Port>,
    port_changed: Condvar,
}

/// What callers can find on the port.
#[derive(Debug, Default)]
struct Port {
    is_open: bool,
    connections: usize,
    has_ended: bool,
}

impl Shared {
    fn port(&self) -> MutexGuard<'_, Port> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_port(&self, change: impl FnOnce(&mut Port)) {
        change(&mut self.port());
        self.port_changed.notify_all();
    }
}

/// An open connection.
struct Connected(Arc<Shared>);

impl Connected {
    fn new(shared: Arc<Shared>) -> Self {
        shared.change_port(|port| port.connections += 1);
        Self(shared)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.change_port(|port| port.connections -= 1);
    }
}

/// The server's thread, however it ends: nobody waits for it any more.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.change_port(|port| port.has_ended = true);
    }
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    pub fn start(ipam: Arc<dyn Ipam>) -> Self {
        Self::listening(([127, 0, 0, 1], 0).into(), None, ipam)
    }

    /// Starts a server that speaks TLS. Port 0 is a free port; for a client whose port cannot be changed there is
    /// [`address_with_port`](tls::address_with_port).
    pub fn start_with_tls(address: SocketAddr, tls: Tls, ipam: Arc<dyn Ipam>) -> Self {
        Self::listening(address, Some(tls), ipam)
    }

    fn listening(address: SocketAddr, tls: Option<Tls>, ipam: Arc<dyn Ipam>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            ipam,
            tls,
            fault: watch::channel(None).0,
            write_time: Mutex::default(),
            requests: Mutex::default(),
            port: Mutex::default(),
            port_changed: Condvar::new(),
        });
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let serving = shared.clone();
        let thread = thread::spawn(move || {
            let _running = Running(serving.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = listen(address).await;
                tell.send(listener.local_addr().expect("it listens")).expect("somebody waits");
                tokio::select! {
                    () = serve(listener, serving) => {}
                    _ = ended => {}
                }
            });
        });
        let address = told.recv().expect("the server starts");
        Self { address, scheme, thread: thread.thread().id(), shared, _end: end }
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Host and port alone, for clients that put the rest before and after it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on every request is answered with this fault, or as usual. Returns when the port is closed and nobody is
    /// connected any more, or when it is open, as the fault has it.
    ///
    /// Called by the [`Ipam`] while it answers, it cannot wait for itself: the port is closed or opened after the answer.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.shared.fault.send_replace(fault);
        if thread::current().id() == self.thread {
            return;
        }
        let is_gone = fault == Some(Fault::Gone);
        let is_awaited = |port: &mut Port| {
            let is_so = if is_gone { !port.is_open && port.connections == 0 } else { port.is_open };
            !is_so && !port.has_ended
        };
        drop(self.shared.port_changed.wait_while(self.shared.port(), is_awaited));
    }

    /// From now on each write takes this long. Others are answered meanwhile.
    pub fn set_write_time(&self, time: Duration) {
        *self.shared.write_time.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// All requests since the last time this was asked, those that were hit by a fault included.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    // After `Gone` the same port is listened on again.
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("a port");
    socket.listen(1024).expect("it listens")
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let address = listener.local_addr().expect("it listens");
    let mut listener = Some(listener);
    let mut fault = shared.fault.subscribe();
    loop {
        let is_gone = *fault.borrow_and_update() == Some(Fault::Gone);
        match (&listener, is_gone) {
            (Some(_), true) => listener = None,
            (None, false) => listener = Some(listen(address).await),
            _ => {}
        }
        shared.change_port(|port| port.is_open = listener.is_some());
        let Some(open) = &listener else {
            if fault.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(stream, Connected::new(shared.clone())));
                }
            }
            _ = fault.changed() => {}
        }
    }
}

/// Answers the requests of one connection until either side ends it. What is being answered when the IPAM goes away is
/// still answered, unless that takes time.
async fn connection(stream: TcpStream, connected: Connected) {
    let shared = &connected.0;
    let mut fault = shared.fault.subscribe();
    tokio::select! {
        biased;
        () = serve_connection(stream, shared) => {}
        _ = fault.wait_for(|fault| *fault == Some(Fault::Gone)) => {}
    }
}

async fn serve_connection(mut stream: TcpStream, shared: &Shared) {
    let Some(tls) = &shared.tls else {
        return converse(&mut stream, None, shared).await;
    };
    if let Some(mut stream) = tls.accept(stream).await {
        let client = tls::client(&stream);
        converse(&mut stream, client, shared).await;
    }
}

/// A connection, with or without TLS.
trait Transport: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for SslStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref()
    }
}

async fn converse(stream: &mut impl Transport, client: Option<String>, shared: &Shared) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read(stream, &mut buffer).await {
        request.headers.extend(client.iter().map(|name| (tls::CLIENT.to_owned(), name.clone())));
        shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        if !answer(stream, &request, shared).await {
            return;
        }
    }
}

/// Answers one request; `false` when the connection ended with it.
async fn answer(stream: &mut impl Transport, request: &Request, shared: &Shared) -> bool {
    let ipam = &shared.ipam;
    let fault = *shared.fault.borrow();
    let is_write = ipam.is_write(request);
    if is_write {
        let time = *shared.write_time.lock().unwrap_or_else(PoisonError::into_inner);
        tokio::time::sleep(time).await;
    }
    let response = match fault {
        None | Some(Fault::Gone) => ipam.answer(request),
        Some(Fault::Slow) => {
            tokio::time::sleep(AN_HOUR).await;
            return false;
        }
        Some(Fault::ResetBeforeWrite | Fault::ResetAfterWrite) if !is_write => ipam.answer(request),
        Some(Fault::ResetBeforeWrite) => return reset(stream),
        Some(Fault::ResetAfterWrite) => {
            ipam.answer(request);
            return reset(stream);
        }
        Some(Fault::Truncated) => {
            let whole = encode(&ipam.answer(request));
            // Even an empty body announces more than comes.
            let _ = stream.write_all(&whole[..whole.len().saturating_sub(2)]).await;
            return reset(stream);
        }
        Some(Fault::UnauthenticatedOnce) => {
            shared.fault.send_if_modified(|fault| fault.take().is_some());
            ipam.session_expired()
        }
        Some(Fault::TooManyRequests) => Response::html(429, RAW_BODY).with_header("Retry-After", "1"),
        Some(Fault::HtmlError) => Response::html(500, &format!("<html><body>{RAW_BODY}</body></html>")),
        Some(Fault::EmptyError) => Response::empty(500),
        Some(Fault::NoApi) => Response::json(404, &json!({"detail": "Not Found", "path": RAW_BODY})),
        Some(Fault::WrongJson) => {
            if is_write {
                ipam.answer(request);
            }
            Response::json(200, &json!({"what": RAW_BODY, "is": ["this"]}))
        }
    };
    stream.write_all(&encode(&response)).await.is_ok()
}

/// Ends the connection so that the other side sees a reset, not an end.
fn reset(stream: &impl Transport) -> bool {
    #[expect(deprecated, reason = "a linger of zero does not block, which is why lingering is deprecated")]
    let lingering = stream.tcp().set_linger(Some(Duration::ZERO));
    lingering.expect("an option");
    false
}

/// The next request of the connection; `None` when it ended or is no HTTP.
async fn read(stream: &mut impl Transport, buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(request) = parse(buffer)? {
            return Some(request);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// A request from the beginning of the buffer, `Some(None)` when more must come, `None` when it is no HTTP.
pub(crate) fn parse(buffer: &mut Vec<u8>) -> Option<Option<Request>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_AT_MOST];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(buffer).ok()? else {
        return (buffer.len() <= HEAD_AT_MOST).then_some(None);
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers: Vec<(String, String)> =
        head.headers.iter().map(|header| (header.name.to_lowercase(), text(header.value))).collect();
    let target = head.path?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body_length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(Some(0), |(_, value)| value.parse().ok())?;
    let end = length + body_length;
    if buffer.len() < end {
        return Some(None);
    }
    let request = Request {
        method: head.method?.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: buffer[length..end].to_vec(),
        headers,
    };
    buffer.drain(..end);
    Some(Some(request))
}

pub(crate) fn encode(response: &Response) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} Simulated\r\n", response.status);
    for (name, value) in &response.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if response.status != 204 {
        text.push_str(&format!("Content-Length: {}\r\n", response.body.len()));
    }
    text.push_str("\r\n");
    [text.as_bytes(), &response.body].concat()
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};

    use super::*;

    /// Says yes.
    struct Agreeable;

    impl Ipam for Agreeable {
        fn answer(&self, _request: &Request) -> Response {
            Response::json(200, &json!("yes"))
        }

        fn is_write(&self, _request: &Request) -> bool {
            false
        }

        fn session_expired(&self) -> Response {
            Response::empty(401)
        }
    }

    #[test]
    fn an_ipam_that_is_gone_is_gone_at_once_and_back_at_once() {
        let server = Server::start(Arc::new(Agreeable));
        let connect = || std::net::TcpStream::connect(server.address);
        for _ in 0..50 {
            let mut stream = connect().expect("it listens");
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("a connection");
            stream.read_exact(&mut [0; 8]).expect("an answer");
            // Somebody waits for an answer that takes an hour.
            server.set_fault(Some(Fault::Slow));
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("a connection");

            server.set_fault(Some(Fault::Gone));
            assert_eq!(connect().expect_err("nobody listens").kind(), ErrorKind::ConnectionRefused);
            // It ends, in whichever way: else this would wait.
            let _ = stream.read_to_end(&mut Vec::new());
            server.set_fault(None);
        }
    }

    #[test]
    fn a_request_is_taken_when_it_is_whole() {
        let whole = b"POST /a%20b/c?x=1+2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET";
        for end in 0..whole.len() - 3 {
            let mut part = whole[..end].to_vec();
            assert!(parse(&mut part).expect("no fault").is_none(), "{end}");
        }
        let mut buffer = whole.to_vec();
        let request = parse(&mut buffer).expect("no fault").expect("whole");
        assert_eq!((request.method.as_str(), request.body.as_slice()), ("POST", &b"abc"[..]));
        assert_eq!(request.segments(), ["a b", "c"]);
        assert_eq!(request.parameter("x").as_deref(), Some("1 2"));
        assert_eq!(buffer, b"GET");
    }

    #[test]
    fn what_is_no_http_ends_the_connection() {
        assert!(parse(&mut b"\x16\x03\x01 hello\r\n\r\n".to_vec()).is_none());
        assert!(parse(&mut b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_vec()).is_none());
    }
}
