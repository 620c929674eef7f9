//! The HTTP client of a provider: one pool of connections, within the limits of the settings.

use std::fmt;

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Proxy, Url, redirect};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::files::{authorities, identity, unusable};
use super::{Answer, HttpSettings, TELL_IF_IT_LASTS, certificate};
use crate::{Error, ErrorKind, Recorder, Result};

pub use reqwest::Method;
pub use reqwest::header::HeaderValue;

/// A body larger than this is not read to its end; a full list of a large subnet is a few MiB.
const BODY_AT_MOST: usize = 64 * 1024 * 1024;

/// The value of a header that is not shown in `Debug`; `None` for text that a header cannot hold.
pub fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Asks one IPAM.
#[derive(Clone)]
pub struct HttpClient {
    what: &'static str,
    base: Url,
    inner: reqwest::Client,
    recorder: Recorder,
}

impl HttpClient {
    /// A client for the IPAM at `settings.url`; `what` is the product's name for people. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(what: &'static str, settings: &HttpSettings) -> Result<Self> {
        Self::build(what, settings, false)
    }

    /// As [`new`](Self::new), for an IPAM that needs the cookies that it sets. Where credentials come in a header, a cookie
    /// does harm: Django checks a POST that has one for cross-site request forgery.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn with_cookies(what: &'static str, settings: &HttpSettings) -> Result<Self> {
        Self::build(what, settings, true)
    }

    fn build(what: &'static str, settings: &HttpSettings, keeps_cookies: bool) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("foreman-ipam-proxy/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.connect)
            .read_timeout(settings.read)
            .cookie_store(keeps_cookies)
            .no_proxy();
        if let Some(file) = &settings.ca_file {
            builder = builder.tls_certs_merge(authorities(file).map_err(unusable)?);
        }
        if let Some((certificate, key)) = &settings.identity {
            builder = builder.identity(identity(certificate, key)?);
        }
        if !settings.verify_tls {
            log::warn!("verify_tls is off: whoever answers for {what} is believed. Set ca_file instead");
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(proxy) = &settings.proxy {
            let proxy = Proxy::all(proxy.expose_secret()).map_err(|error| {
                Error::new(ErrorKind::Rejected, "The setting proxy cannot be used").because(error.without_url())
            })?;
            builder = builder.proxy(proxy);
        }
        let inner = builder.build().map_err(|error| {
            Error::new(ErrorKind::Rejected, "The HTTP client cannot be set up").because(error.without_url())
        })?;
        Ok(Self { what, base: settings.url.clone(), inner, recorder: settings.recorder.clone() })
    }

    /// A request to the path of these segments below the base URL. Each segment is encoded, a slash in it included; an
    /// empty last one makes a slash at the end.
    pub fn request(&self, method: Method, segments: &[&str]) -> Request<'_> {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(segments);
        Request { client: self, method, url, headers: HeaderMap::new(), body: None }
    }

    /// The product's name for people.
    pub fn what(&self) -> &'static str {
        self.what
    }
}

/// No URL: its path may be nobody's business. No headers: they hold the credentials.
impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("what", &self.what)
            .field("host", &self.base.host_str())
            .finish_non_exhaustive()
    }
}

/// A request to be sent.
#[derive(Clone)]
pub struct Request<'a> {
    client: &'a HttpClient,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Request<'_> {
    /// The method, such as `GET`; with [`url`](Self::url) for products that have requests signed.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The whole URL as it is sent, query included.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.url.query_pairs_mut().append_pair(key, &value.to_string());
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &HeaderValue) -> Self {
        self.headers.insert(HeaderName::from_static(name), value.clone());
        self
    }

    /// Sends this as JSON.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.headers.insert(reqwest::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Some(serde_json::to_vec(body).expect("requests of texts and numbers are JSON"));
        self
    }

    /// Sends the request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Unreachable`](ErrorKind::Unreachable) when no connection can be made;
    /// [`Unavailable`](ErrorKind::Unavailable) when it ends too early;
    /// [`TimedOut`](ErrorKind::TimedOut) after `read_seconds`;
    /// [`Unexpected`](ErrorKind::Unexpected) for a body of more than 64 MiB.
    pub async fn send(self) -> Result<Answer> {
        Ok(self.recorded().await?.1)
    }

    /// As [`send`](Self::send), and what the answer sets as the cookie of this name: `name=value`, as the header `cookie`
    /// takes it back. For products whose session is a cookie and that must not have the credentials with each request.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub async fn send_for_cookie(self, name: &str) -> Result<(Answer, Option<HeaderValue>)> {
        let (headers, answer) = self.recorded().await?;
        let set = headers.get_all(reqwest::header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = set.map(|value| value.split(';').next().unwrap_or_default().trim());
        let pair = pairs.find(|pair| pair.split_once('=').is_some_and(|(known, _)| known == name));
        Ok((answer, pair.and_then(secret_header)))
    }

    /// Sends the request, and records it and its answer where exchanges are recorded.
    async fn recorded(self) -> Result<(HeaderMap, Answer)> {
        let sent = self.client.recorder.sent(&self.method, &self.url, &self.headers, self.body.as_deref());
        let outcome = self.exchange().await;
        if let Some(sent) = sent {
            match &outcome {
                Ok((headers, answer)) => sent.answered(answer.status, headers.clone(), &answer.body),
                Err(error) => sent.failed(error),
            }
        }
        outcome
    }

    async fn exchange(self) -> Result<(HeaderMap, Answer)> {
        let Self { client, method, url, headers, body } = self;
        let mut request = client.inner.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|error| client.failed(error))?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| client.failed(error))? {
            if body.len() + part.len() > BODY_AT_MOST {
                return Err(Error::new(
                    ErrorKind::Unexpected,
                    format!("{} gives an answer of more than 64 MiB. Ask for a smaller subnet or group", client.what),
                ));
            }
            body.extend_from_slice(&part);
        }
        Ok((headers, Answer { status, body }))
    }
}

impl HttpClient {
    fn failed(&self, error: reqwest::Error) -> Error {
        let what = self.what;
        if let Some(text) = certificate::refusal(what, &error) {
            return Error::new(ErrorKind::Unreachable, text).because(error.without_url());
        }
        // A time-out while the connection is made is both.
        let (kind, text) = if error.is_connect() {
            // Begins as the Ruby plugin's text does.
            (ErrorKind::Unreachable, format!("Unable to connect to External IPAM server ({what})"))
        } else if error.is_timeout() {
            (ErrorKind::TimedOut, format!("{what} gives no answer in time"))
        } else {
            (ErrorKind::Unavailable, format!("The connection to {what} ended before its answer"))
        };
        Error::new(kind, format!("{text}. {TELL_IF_IT_LASTS}")).because(error.without_url())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use serde_json::json;

    use super::*;
    use crate::testing::read_settings;

    /// Sends two requests to a server that sets a cookie; was the cookie sent back with the second one?
    async fn returns_the_cookie(new: fn(&'static str, &HttpSettings) -> Result<HttpClient>) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let server = thread::spawn(move || {
            let mut has_cookie = false;
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().expect("a connection");
                let lines = BufReader::new(&stream).lines().map(|line| line.expect("a line").to_lowercase());
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                has_cookie = head.contains(&"cookie: sessionid=0123".to_owned());
                let answer =
                    "HTTP/1.1 204 No Content\r\nSet-Cookie: sessionid=0123; Path=/\r\nConnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).expect("a connection");
            }
            has_cookie
        });
        let read = |section: &mut crate::settings::Section| HttpSettings::read(section, "https://ipam.example.com");
        let settings = read_settings(json!({"url": url}), read).0.expect("settings");
        let client = new("Some IPAM", &settings).expect("a client");
        for _ in 0..2 {
            client.request(Method::POST, &["api", ""]).send().await.expect("an answer");
        }
        server.join().expect("no panic")
    }

    #[tokio::test]
    async fn a_cookie_is_given_as_it_is_sent_back() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().expect("a connection");
                let lines = BufReader::new(&stream).lines().map(|line| line.expect("a line"));
                assert!(lines.take_while(|line| !line.is_empty()).count() > 0);
                let cookies = "Set-Cookie: other=1; path=/\r\nSet-Cookie: auth=\"a=b,c\"; httponly; path=/\r\n";
                let answer = format!("HTTP/1.1 204 No Content\r\n{cookies}Connection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).expect("a connection");
            }
        });
        let read = |section: &mut crate::settings::Section| HttpSettings::read(section, "https://ipam.example.com");
        let settings = read_settings(json!({"url": url}), read).0.expect("settings");
        let client = HttpClient::new("Some IPAM", &settings).expect("a client");
        let cookie = async |name| {
            let sent = client.request(Method::GET, &["a"]).send_for_cookie(name).await;
            sent.expect("an answer").1
        };
        let given = cookie("auth").await.expect("a cookie");
        assert_eq!(given.to_str().expect("text"), "auth=\"a=b,c\"");
        assert!(given.is_sensitive());
        assert_eq!(cookie("aut").await, None);
    }

    #[tokio::test]
    async fn cookies_are_returned_only_where_the_ipam_needs_them() {
        assert!(!returns_the_cookie(HttpClient::new).await);
        assert!(returns_the_cookie(HttpClient::with_cookies).await);
    }
}
