//! HTTP/1.1 by hand, with as little work as can be: the program shares its processors with the server that it measures.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use openssl::ssl::SslConnector;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_openssl::SslStream;

/// Foreman gives up after this long (its setting `proxy_request_timeout`).
const FOREMAN_WAITS: Duration = Duration::from_secs(60);

const HEADERS_AT_MOST: usize = 32;

/// How often a server that refuses connections is tried.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// What Foreman says of itself, with what it accepts.
const HEADERS_OF_FOREMAN: &str = "Accept: application/json\r\n\
     User-Agent: rest-client/2.1.0 (linux-gnu x86_64) ruby/3.1.2p20\r\n\
     Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\n";

/// Where the server is. It may move: a server that is started again has another port.
#[derive(Clone)]
pub struct Target {
    address: Arc<RwLock<SocketAddr>>,
    tls: Option<(SslConnector, Arc<str>)>,
}

impl Target {
    /// A server of plain HTTP.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address: Arc::new(RwLock::new(address)), tls: None }
    }

    /// A server of HTTPS, whose certificate must be for this name.
    pub fn tls(address: SocketAddr, connector: SslConnector, name: &str) -> Self {
        Self { tls: Some((connector, name.into())), ..Self::plain(address) }
    }

    /// From now on it is there.
    pub fn move_to(&self, address: SocketAddr) {
        *self.address.write().unwrap_or_else(PoisonError::into_inner) = address;
    }

    fn address(&self) -> SocketAddr {
        *self.address.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for as long as connections are refused, but not longer than `patience`.
    pub(crate) async fn wait(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            match TcpStream::connect(self.address()).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => tokio::time::sleep(TRY_EVERY).await,
                _ => return,
            }
        }
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect(self.address()).await?;
        tcp.set_nodelay(true)?;
        let Some((connector, name)) = &self.tls else { return Ok(Box::new(tcp)) };
        // Foreman begins each session anew, and so does this: nothing keeps sessions here.
        let ssl = connector.configure()?.into_ssl(name)?;
        let mut stream = SslStream::new(ssl, tcp)?;
        Pin::new(&mut stream).connect().await.map_err(io::Error::other)?;
        Ok(Box::new(stream))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("address", &self.address()).field("tls", &self.tls.is_some()).finish()
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How connections are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Connections {
    /// A new one for each call, as Foreman does.
    PerCall,
    /// One for each caller, kept alive.
    Kept,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// One caller's way to the server.
pub(crate) struct Line {
    target: Target,
    connections: Connections,
    stream: Option<Box<dyn Stream>>,
    request: Vec<u8>,
    received: Vec<u8>,
}

impl Line {
    pub(crate) fn new(target: Target, connections: Connections) -> Self {
        Self { target, connections, stream: None, request: Vec::new(), received: Vec::new() }
    }

    /// One call, as Foreman makes it.
    ///
    /// # Errors
    /// When there is no answer. Whether the server has done what it was asked to is then unknown.
    pub(crate) async fn call(&mut self, method: &str, target: &str, request_id: &str) -> io::Result<Answer<'_>> {
        self.send(method, target, request_id, None).await
    }

    /// The same with a body of JSON; its idempotency key is the id of the request.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub(crate) async fn send(
        &mut self,
        method: &str,
        target: &str,
        request_id: &str,
        json: Option<&str>,
    ) -> io::Result<Answer<'_>> {
        let answered = timeout(FOREMAN_WAITS, self.exchange(method, target, request_id, json)).await;
        let answered = answered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match answered {
            Ok((head, whole)) => {
                if !whole.is_reusable || self.connections == Connections::PerCall {
                    self.stream = None;
                }
                Ok(Answer { status: whole.status, body: &self.received[head..head + whole.length] })
            }
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }

    async fn exchange(
        &mut self,
        method: &str,
        target: &str,
        request_id: &str,
        json: Option<&str>,
    ) -> io::Result<(usize, Head)> {
        use std::io::Write;
        self.request.clear();
        write!(self.request, "{method} {target} HTTP/1.1\r\n{HEADERS_OF_FOREMAN}X-Request-Id: {request_id}\r\n")?;
        if let Some(json) = json {
            let length = json.len();
            write!(self.request, "Content-Length: {length}\r\nContent-Type: application/json\r\n")?;
            write!(self.request, "Idempotency-Key: {request_id}\r\n")?;
        } else if method == "POST" {
            self.request.extend_from_slice(b"Content-Length: 0\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        }
        self.request.extend_from_slice(b"Host: proxy\r\n\r\n");
        self.request.extend_from_slice(json.unwrap_or_default().as_bytes());
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(self.target.connect().await?),
        };
        stream.write_all(&self.request).await?;
        stream.flush().await?;
        self.received.clear();
        let mut head = None;
        loop {
            if head.is_none() {
                head = Head::parse(&self.received)?;
            }
            if let Some((length, whole)) = head
                && self.received.len() >= length + whole.length
            {
                return Ok((length, whole));
            }
            if stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// What an answer's head says.
#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    /// Of the body, in bytes.
    length: usize,
    is_reusable: bool,
}

impl Head {
    /// The head and its own length, when it is there as a whole.
    fn parse(received: &[u8]) -> io::Result<Option<(usize, Self)>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_AT_MOST];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(received).map_err(io::Error::other)? else {
            return Ok(None);
        };
        let status = response.code.unwrap_or_default();
        let header = |name: &str| response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        let text = |name: &str| header(name).and_then(|header| std::str::from_utf8(header.value).ok());
        let length = match text("content-length") {
            Some(length) => length.trim().parse().map_err(io::Error::other)?,
            None if status == 204 || status == 304 => 0,
            None => return Err(io::Error::other("the answer does not tell its length")),
        };
        let is_reusable = !text("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Some((head, Self { status, length, is_reusable })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nConnection: close\r\n\r\ntrue";
        for end in 0..whole.len() - 4 {
            assert!(Head::parse(&whole[..end]).expect("HTTP so far").is_none(), "{end}");
        }
        let (head, Head { status, length, is_reusable }) = Head::parse(whole).expect("HTTP").expect("whole");
        assert_eq!((&whole[head..], status, length, is_reusable), (&b"true"[..], 200, 4, false));
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        let (_, head) = Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n").expect("HTTP").expect("whole");
        assert_eq!(head.length, 0);
        assert!(Head::parse(b"\x15\x03\x01").is_err());
    }
}
