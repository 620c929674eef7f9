//! A product's REST API: what goes with every request, the status that means success, and JSON.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, HeaderValue, HttpClient, Login, LoginError, Method, Request};
use crate::{Error, ErrorKind, Result};

/// What the vendor means by an answer that is not the expected one. The text names the right that the request needed, in
/// the vendor's words.
pub type Refusal = fn(&Answer, &str) -> Error;

/// Asks one product.
#[derive(Clone)]
pub struct Api {
    http: HttpClient,
    headers: Vec<(&'static str, HeaderValue)>,
    login: Option<Login>,
    refusal: Refusal,
}

/// No headers: they hold the credentials.
impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("http", &self.http).finish_non_exhaustive()
    }
}

impl Api {
    /// An API whose answers mean what `refusal` says. Does no network.
    pub fn new(http: HttpClient, refusal: Refusal) -> Self {
        let json = HeaderValue::from_static("application/json");
        // Without it a page for browsers may be answered.
        Self { http, headers: vec![("accept", json)], login: None, refusal }
    }

    /// Sends this header with every request.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends the token of this login with every request.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// A request with the headers of every request.
    pub fn request(&self, method: Method, path: &[&str]) -> Request<'_> {
        let request = self.http.request(method, path);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Sends a request, with a token where the product wants one, and gives the answer whatever its status.
    ///
    /// # Errors
    /// Those of [`Request::send`] and of [`Login::send`].
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, LoginError> {
        match &self.login {
            Some(login) => login.send(request).await,
            None => Ok(request.send().await?),
        }
    }

    /// What is at the path of a record, or below it.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), and the vendor's for any status but 200.
    pub async fn get<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        right: &str,
    ) -> Result<T> {
        let answer = self.ask(path, query).await?;
        if answer.status == 200 { answer.into_json().await } else { Err(self.error(&answer, right)) }
    }

    /// A page of a list, or all of it. Lists are always there: a 404 is a wrong `url`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        right: &str,
    ) -> Result<T> {
        let answer = self.ask(path, query).await?;
        if answer.status == 200 { answer.into_json().await } else { Err(self.collection_error(&answer, right)) }
    }

    async fn ask(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, LoginError> {
        let request = self.request(Method::GET, path);
        self.send(query.iter().fold(request, |request, (key, value)| request.query(key, value))).await
    }

    /// Adds a record to the list at this path. Gives the answer whatever its status, because what a refusal means is
    /// mostly the operation's own; [`created`](Self::created) reads it.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub async fn post(&self, path: &[&str], new: &impl Serialize) -> Result<Answer, LoginError> {
        self.send(self.request(Method::POST, path).json(new)).await
    }

    /// The new record, as the answer to [`post`](Self::post) shows it.
    ///
    /// # Errors
    /// The vendor's for any status but 201.
    pub fn created<T: DeserializeOwned>(&self, answer: &Answer, right: &str) -> Result<T> {
        if answer.status == 201 { answer.json() } else { Err(self.collection_error(answer, right)) }
    }

    /// Changes these fields of a record; `None` when it is gone.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), and the vendor's for any status but 200.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        changes: &impl Serialize,
        right: &str,
    ) -> Result<Option<T>> {
        let answer = self.send(self.request(Method::PATCH, path).json(changes)).await?;
        if answer.status == 200 {
            return answer.json().map(Some);
        }
        match self.error(&answer, right) {
            error if error.kind() == ErrorKind::NotFound => Ok(None),
            error => Err(error),
        }
    }

    /// Deletes a record; `false` when it is gone already.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), and the vendor's for any status but 204.
    pub async fn delete(&self, path: &[&str], right: &str) -> Result<bool> {
        let answer = self.send(self.request(Method::DELETE, path)).await?;
        if answer.status == 204 {
            return Ok(true);
        }
        match self.error(&answer, right) {
            error if error.kind() == ErrorKind::NotFound => Ok(false),
            error => Err(error),
        }
    }

    /// What an answer means that is not the expected one, to a request about a record.
    pub fn error(&self, answer: &Answer, right: &str) -> Error {
        (self.refusal)(answer, right)
    }

    /// What an answer means that is not the expected one, to a request about a list or for a new record in it. A 404 is
    /// then not about a record, whatever its body: a gateway may say it in JSON.
    pub fn collection_error(&self, answer: &Answer, right: &str) -> Error {
        if answer.status == 404 { no_api(self.http.what()) } else { self.error(answer, right) }
    }
}

/// Something else than the product's API answers at the `url`.
pub fn no_api(what: &str) -> Error {
    let text = format!(
        "There is no API of {what} at the url in the proxy's settings. Write the address of {what} itself, without /api or the \
         like"
    );
    Error::new(ErrorKind::Unexpected, text)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use serde_json::{Value, json};

    use super::super::HttpSettings;
    use super::*;
    use crate::testing::read_settings;

    fn refusal(answer: &Answer, right: &str) -> Error {
        let kind = if answer.status == 404 { ErrorKind::NotFound } else { ErrorKind::Rejected };
        Error::new(kind, format!("the vendor's {} for {right}", answer.status))
    }

    /// An API that gives this answer once.
    fn api(status: u16, body: &'static str) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let lines = BufReader::new(&stream).lines().map(|line| line.expect("a line").to_lowercase());
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            assert!(head.contains(&"accept: application/json".to_owned()), "{head:?}");
            assert!(head.contains(&"authorization: token 0123".to_owned()), "{head:?}");
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).expect("a connection");
        });
        let read = |section: &mut crate::settings::Section| HttpSettings::read(section, "https://ipam.example.com");
        let settings = read_settings(json!({"url": url}), read).0.expect("settings");
        let http = HttpClient::new("Some IPAM", &settings).expect("a client");
        Api::new(http, refusal).with_header("authorization", HeaderValue::from_static("Token 0123"))
    }

    #[tokio::test]
    async fn an_answer_of_another_status_is_what_the_vendor_says() {
        let record: Value = api(200, r#"{"id": 1}"#).get(&["a"], &[("b", "c")], "view").await.expect("a record");
        assert_eq!(record, json!({"id": 1}));
        let error = api(409, "").get::<Value>(&["a"], &[], "view").await.expect_err("no record");
        assert_eq!(error.to_string(), "the vendor's 409 for view");
        let error = api(404, "").get::<Value>(&["a"], &[], "view").await.expect_err("no record");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        for (status, outcome) in [(204, Ok(true)), (404, Ok(false)), (200, Err(())), (409, Err(()))] {
            assert_eq!(api(status, "").delete(&["a"], "delete").await.map_err(drop), outcome, "{status}");
        }
    }

    #[tokio::test]
    async fn a_list_that_is_not_there_is_a_wrong_url() {
        let rows: Vec<u8> = api(200, "[1, 2]").list(&["a"], &[], "view").await.expect("a list");
        assert_eq!(rows, [1, 2]);
        let error = api(404, r#"{"detail": "Not found."}"#).list::<Value>(&["a"], &[], "view").await;
        let error = error.expect_err("no list");
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        assert!(error.to_string().starts_with("There is no API of Some IPAM at the url"), "{error}");
        for (status, kind) in [(404, ErrorKind::Unexpected), (400, ErrorKind::Rejected), (200, ErrorKind::Rejected)] {
            let api = api(status, "{}");
            let answer = api.post(&["a"], &json!({})).await.expect("an answer");
            assert_eq!(api.created::<Value>(&answer, "add").expect_err("nothing is created").kind(), kind, "{status}");
        }
    }
}
