//! Connections of which every byte is the test's own, and answers read apart without a library.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use serde_json::Value;

use super::{Process, SERVER_NAME, authority, identities};

/// The server gives up on a caller after 10 seconds, and on the rest of the connection after 10 more.
pub(crate) const AT_MOST: Duration = Duration::from_secs(30);

/// How a connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Plain,
    Tls,
}

pub(crate) const DOORS: [Door; 2] = [Door::Plain, Door::Tls];

pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection of which every byte is ours.
pub(crate) struct Wire {
    pub(crate) tcp: TcpStream,
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) deadline: Instant,
}

impl Wire {
    pub(crate) fn open(server: &Process, door: Door) -> Self {
        let address = if door == Door::Plain { server.http() } else { server.https() };
        let tcp = TcpStream::connect(address).expect("a connection");
        tcp.set_nodelay(true).expect("no delay");
        tcp.set_read_timeout(Some(AT_MOST)).expect("a limit");
        tcp.set_write_timeout(Some(AT_MOST)).expect("a limit");
        let own = tcp.try_clone().expect("a handle");
        let stream: Box<dyn Stream> = match door {
            Door::Plain => Box::new(own),
            Door::Tls => Box::new(connector().connect(SERVER_NAME, own).expect("a handshake")),
        };
        Self { tcp, stream, deadline: Instant::now() + AT_MOST }
    }

    /// Sends; `false` when the server has closed the connection.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes).and_then(|()| self.stream.flush()) {
            Ok(()) => true,
            Err(error) => {
                assert!(!is_timeout(&error), "the server neither reads nor closes");
                false
            }
        }
    }

    /// Looks for an answer for a moment; `false` when there is one, or when the connection is closed.
    pub(crate) fn is_waiting(&mut self, moment: Duration, answer: &mut Vec<u8>) -> bool {
        self.tcp.set_read_timeout(Some(moment)).expect("a limit");
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                answer.extend_from_slice(&buffer[..count]);
                false
            }
            Err(error) => is_timeout(&error),
        }
    }

    /// So many answers, on a connection that stays open.
    pub(crate) fn receive(&mut self, count: usize, at_most: Duration) -> Vec<Answer> {
        let deadline = Instant::now() + at_most;
        let (mut answers, mut received, mut buffer) = (Vec::new(), Vec::new(), [0; 16 * 1024]);
        while answers.len() < count {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.tcp.set_read_timeout(Some(left)).expect("a limit");
            let read = self.stream.read(&mut buffer);
            let read = read.unwrap_or_else(|error| panic!("{} answers within {at_most:?}: {error}", answers.len()));
            assert!(read > 0, "closed after {} answers", answers.len());
            received.extend_from_slice(&buffer[..read]);
            while let Some((answer, length)) = first_answer(&received) {
                answers.push(answer);
                received.drain(..length);
            }
        }
        assert_eq!((answers.len(), received.len()), (count, 0), "no more than was asked for");
        answers
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut answer = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.tcp.set_read_timeout(Some(left)).expect("a limit");
            match self.stream.read(&mut buffer) {
                Ok(0) => return answer,
                Ok(count) => answer.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(&error) => {
                    panic!("neither closed nor answered within {AT_MOST:?}: {:?}", String::from_utf8_lossy(&answer))
                }
                // Reset, or the end of TLS without its goodbye.
                Err(_) => return answer,
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A TLS client with Foreman's certificate.
pub(crate) fn connector() -> SslConnector {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a TLS context");
    connector.cert_store_mut().add_cert(authority().x509.clone()).expect("added");
    connector.set_verify(SslVerifyMode::PEER);
    connector.set_certificate(&identities().foreman.x509).expect("a certificate");
    connector.set_private_key(&identities().foreman.key).expect("its key");
    connector.build()
}

/// An answer, read apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// An error says what is wrong, in JSON.
    pub(crate) fn assert_is_readable(&self) {
        if self.status >= 400 {
            assert!(self.head.to_ascii_lowercase().contains("content-type: application/json"), "{self:?}");
            assert!(self.json()["error"].as_str().is_some_and(|text| text.len() > 10), "{self:?}");
        }
    }
}

/// The first answer, and how long it is; `None` when more must come.
fn first_answer(bytes: &[u8]) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().expect("a length"));
    assert_eq!(header("transfer-encoding"), None, "none of our answers is chunked");
    let body = bytes[end + 4..].get(..length)?.to_vec();
    Some((Answer { status, head, body }, end + 4 + length))
}

/// All answers on a connection that was closed.
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let half = || panic!("half an answer: {:?}", String::from_utf8_lossy(bytes));
        let (answer, length) = first_answer(bytes).unwrap_or_else(half);
        answers.push(answer);
        bytes = &bytes[length..];
    }
    answers
}

/// [`request`] for a GET.
pub(crate) fn get(target: &str) -> Vec<u8> {
    request("GET", target, "")
}

/// A request after which the connection is to be closed, as curl would send it.
pub(crate) fn request(method: &str, target: &str, more: &str) -> Vec<u8> {
    let head = "Host: proxy.example.com\r\nUser-Agent: curl/8.5.0\r\nConnection: close\r\n";
    format!("{method} {target} HTTP/1.1\r\n{head}{more}\r\n").into_bytes()
}
