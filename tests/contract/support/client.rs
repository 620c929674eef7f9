//! HTTP/1.1 by hand: what is sent is exactly what the test says.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use openssl::ssl::{SslConnector, SslConnectorBuilder, SslMethod, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use serde_json::Value;

use super::identity::{Identity, SERVER, identities};

/// Longer than the server may take for any answer.
const AT_MOST: Duration = Duration::from_secs(40);

const FOREMAN_AGENT: &str = "rest-client/2.1.0 (linux-gnu x86_64) ruby/3.1.2p20";

/// A caller; each call opens a connection of its own, as Foreman's do.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    tls: Option<SslConnector>,
    is_foreman: bool,
    request_id: Option<String>,
    token: Option<String>,
}

impl Client {
    pub(super) fn https(address: SocketAddr, identity: Option<&Identity>) -> Self {
        Self::with_tls(address, identity, |_| ())
    }

    /// As `https`, with a hand in the settings of TLS.
    pub(super) fn with_tls(
        address: SocketAddr,
        identity: Option<&Identity>,
        adjust: impl FnOnce(&mut SslConnectorBuilder),
    ) -> Self {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a TLS context");
        let mut trusted = X509StoreBuilder::new().expect("a store");
        trusted.add_cert(identities().authority.x509.clone()).expect("added");
        connector.set_cert_store(trusted.build());
        connector.set_verify(SslVerifyMode::PEER);
        if let Some(identity) = identity {
            connector.set_certificate(&identity.x509).expect("a certificate");
            connector.set_private_key(&identity.key).expect("its key");
        }
        adjust(&mut connector);
        Self { address, tls: Some(connector.build()), is_foreman: true, request_id: None, token: None }
    }

    pub(super) fn http(address: SocketAddr) -> Self {
        Self { address, tls: None, is_foreman: true, request_id: None, token: None }
    }

    /// The same caller with the headers of curl.
    pub(crate) fn like_curl(mut self) -> Self {
        self.is_foreman = false;
        self
    }

    /// The same caller within one request of Foreman's, which gives all its calls one id.
    pub(crate) fn within_request(mut self, id: &str) -> Self {
        self.request_id = Some(id.to_owned());
        self
    }

    /// The same caller with a token.
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.send(Request::new("GET", target))
    }

    pub(crate) fn head(&self, target: &str) -> Response {
        self.send(Request::new("HEAD", target))
    }

    /// An empty POST, in the form that Foreman gives it.
    pub(crate) fn post(&self, target: &str) -> Response {
        self.send(Request::empty_post(target))
    }

    pub(crate) fn delete(&self, target: &str) -> Response {
        self.send(Request::new("DELETE", target))
    }

    pub(crate) fn send(&self, request: Request) -> Response {
        let said = format!("{} {}", request.method, request.target);
        self.try_send(request).unwrap_or_else(|error| panic!("{said}: {error}"))
    }

    /// The answer, or why there is none.
    pub(crate) fn try_send(&self, request: Request) -> io::Result<Response> {
        self.connect()?.exchange(request)
    }

    /// A connection that stays open.
    pub(crate) fn connect(&self) -> io::Result<Connection> {
        let tcp = TcpStream::connect(self.address)?;
        tcp.set_read_timeout(Some(AT_MOST))?;
        tcp.set_write_timeout(Some(AT_MOST))?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            Some(connector) => Box::new(connector.connect(SERVER, tcp).map_err(io::Error::other)?),
            None => Box::new(tcp),
        };
        Ok(Connection { stream, client: self.clone(), received: Vec::new() })
    }

    fn headers(&self) -> Vec<(String, String)> {
        let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let host = owned("Host", &format!("{SERVER}:{}", self.address.port()));
        if !self.is_foreman {
            let token = self.token.iter().map(|token| owned("Authorization", &format!("Bearer {token}")));
            return [host, owned("User-Agent", "curl/8.5.0"), owned("Accept", "*/*")]
                .into_iter()
                .chain(token)
                .collect();
        }
        let fresh = || uuid::Uuid::new_v4().to_string();
        vec![
            owned("Accept", "application/json"),
            owned("User-Agent", FOREMAN_AGENT),
            owned("X-Request-Id", &self.request_id.clone().unwrap_or_else(fresh)),
            owned("X-Session-Id", &fresh()),
            owned("Accept-Encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"),
            host,
        ]
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One connection, for one request after the other.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    client: Client,
    received: Vec<u8>,
}

impl Connection {
    /// Sends a request with the headers of the client, and reads the answer.
    pub(crate) fn exchange(&mut self, request: Request) -> io::Result<Response> {
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
        for (name, value) in self.client.headers() {
            // What the request says itself wins.
            if !request.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(&name)) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let bytes = [head.as_bytes(), &request.body].concat();
        self.raw(&bytes, request.method == "HEAD")
    }

    /// Sends these bytes and reads one answer.
    pub(crate) fn raw(&mut self, bytes: &[u8], is_head: bool) -> io::Result<Response> {
        self.send(bytes)?;
        self.answer(is_head)
    }

    /// Sends these bytes and reads nothing.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    fn answer(&mut self, is_head: bool) -> io::Result<Response> {
        let head = self.until(b"\r\n\r\n")?;
        let head = String::from_utf8(head).map_err(io::Error::other)?;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let status: u16 = status.ok_or_else(|| io::Error::other(format!("no status line in {head:?}")))?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let mut response = Response { status, headers, body: Vec::new() };
        let has_body = !is_head && status != 204 && status != 304;
        if has_body {
            response.body = self.body(&response)?;
        }
        Ok(response)
    }

    fn body(&mut self, response: &Response) -> io::Result<Vec<u8>> {
        if let Some(length) = response.header("content-length") {
            let length: usize = length.parse().map_err(io::Error::other)?;
            while self.received.len() < length {
                self.more()?;
            }
            return Ok(self.received.drain(..length).collect());
        }
        if response.header("transfer-encoding") == Some("chunked") {
            return self.chunks();
        }
        while self.more().is_ok() {}
        Ok(std::mem::take(&mut self.received))
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n")?).map_err(io::Error::other)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            while self.received.len() < length + 2 {
                self.more()?;
            }
            body.extend(self.received.drain(..length));
            self.received.drain(..2);
            if length == 0 {
                return Ok(body);
            }
        }
    }

    /// Everything up to and including the mark.
    fn until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            let found = self.received.windows(mark.len()).position(|window| window == mark);
            match found {
                Some(start) => return Ok(self.received.drain(..start + mark.len()).collect()),
                None => self.more()?,
            }
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}

/// A request, target and all exactly as given.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// rest-client's POST without a body.
    pub(crate) fn empty_post(target: &str) -> Self {
        let post = Self::new("POST", target).header("Content-Length", "0");
        post.header("Content-Type", "application/x-www-form-urlencoded")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body; its length must be among the headers.
    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// A header, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// The text of an error, which is all that the body has.
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        let object = body.as_object().filter(|object| object.len() == 1);
        let text = object.and_then(|object| object.get("error")?.as_str());
        text.unwrap_or_else(|| panic!("no error: {} {body}", self.status)).to_owned()
    }

    /// Status and JSON together, to compare with what is expected.
    pub(crate) fn answer(&self) -> (u16, Value) {
        (self.status, self.json())
    }
}
