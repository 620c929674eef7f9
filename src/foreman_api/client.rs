//! One call of Foreman's API: its credentials, its limits, and what an answer means.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ipam_provider::settings::Secret;
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE,
};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Error;
use super::oauth::Consumer;
use super::wire::{Complaint, Page};
use crate::telemetry::with_causes;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(15);

/// How long an answer may take: Foreman asks the proxy for its features before it answers, and waits 60 seconds for it.
const ANSWER: Duration = Duration::from_secs(120);

/// How many records a page of a list has. Unless it is asked for, it is as few as the caller has chosen for tables.
const PER_PAGE: usize = 1000;

/// No Foreman has more pages of that size than this.
const PAGES_AT_MOST: usize = 1000;

/// The cookie that Foreman knows a session by: with it a request skips the check of the password, which is slow.
const SESSION: &str = "_session_id=";

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// A user of Foreman.
    Basic {
        /// The login.
        user: String,
        /// The password, or a personal access token.
        password: Secret,
    },
    /// Foreman's consumer key and secret, as its installer uses them.
    OAuth {
        /// Key and secret.
        consumer: Consumer,
        /// Where they came from, for people.
        origin: String,
        /// The user that Foreman takes the call for, where its setting `oauth_map_users` is on.
        user: String,
    },
}

impl Credentials {
    fn who(&self) -> String {
        match self {
            Self::Basic { user, .. } => format!("the user {user}"),
            Self::OAuth { user, .. } => format!("the user {user} (by OAuth)"),
        }
    }
}

/// A Foreman to be called.
#[derive(Debug)]
pub(crate) struct Foreman {
    base: Url,
    credentials: Credentials,
    client: Client,
    /// Name and value of the session's cookie, once there is one.
    session: Mutex<Option<HeaderValue>>,
}

/// An answer that is a success.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The JSON.
    pub(crate) body: Value,
    /// Foreman's version, such as `3.12.1`, from the header `Foreman_version`.
    pub(crate) version: Option<String>,
}

impl Foreman {
    /// Foreman at `url`, whose certificate is signed by an authority of this system or of one of the PEM files. Does no
    /// network.
    ///
    /// # Errors
    /// [`Error::Unusable`] for a URL that is none, or a file that has no certificates.
    pub(crate) fn new(url: &str, authorities: &[PathBuf], credentials: Credentials) -> Result<Self, Error> {
        let base = Url::parse(url).ok().filter(|base| ["http", "https"].contains(&base.scheme()) && base.has_host());
        let base = base.ok_or_else(|| {
            Error::Unusable("the address of Foreman is none; write https:// and the host, as in foreman_url".to_owned())
        })?;
        let mut builder = Client::builder()
            .user_agent(concat!("foreman-ipam-proxy/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .no_proxy();
        for file in authorities {
            let certificates = ipam_provider::http::authorities(file);
            builder = builder.tls_certs_merge(certificates.map_err(|error| Error::Unusable(with_causes(&error)))?);
        }
        let client = builder.build();
        let client = client.map_err(|error| Error::Unusable(format!("no TLS client: {}", with_causes(&error))))?;
        Ok(Self { base, credentials, client, session: Mutex::default() })
    }

    /// Foreman's address, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The caller as Foreman knows it, for messages.
    pub(crate) fn who(&self) -> String {
        self.credentials.who()
    }

    /// Calls the API at a path below `/api/v2`.
    pub(crate) async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Answer, Error> {
        self.request(method, path, &[], body).await
    }

    /// Reads one record; `None` when Foreman does not have it, or the user may not see it.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Option<T>, Error> {
        match self.call(Method::GET, path, None).await {
            Ok(answer) => self.understood(answer.body).map(Some),
            Err(Error::NoRecord { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a list of all records that a search finds, page by page.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        parameters: &[(&str, &str)],
    ) -> Result<Vec<T>, Error> {
        self.list_by(PER_PAGE, path, parameters).await
    }

    /// As [`list`](Self::list), with this many records a page. Between two pages a record can move from one to the other.
    pub(super) async fn list_by<T: DeserializeOwned>(
        &self,
        per_page: usize,
        path: &[&str],
        parameters: &[(&str, &str)],
    ) -> Result<Vec<T>, Error> {
        let per_page = per_page.to_string();
        let mut found = Vec::new();
        for page in 1..=PAGES_AT_MOST {
            let page = page.to_string();
            let query = [parameters, &[("per_page", per_page.as_str()), ("page", page.as_str())]].concat();
            let answer = self.request(Method::GET, path, &query, None).await?;
            let Page { results, subtotal } = self.understood::<Page<T>>(answer.body)?;
            let is_last = results.is_empty();
            found.extend(results);
            if is_last || subtotal.is_none_or(|subtotal| found.len() >= subtotal) {
                break;
            }
        }
        Ok(found)
    }

    /// An answer as what it must be.
    pub(crate) fn understood<T: DeserializeOwned>(&self, body: Value) -> Result<T, Error> {
        serde_json::from_value(body).map_err(|error| {
            Error::Unexpected(format!(
                "{} answers with JSON that is not Foreman's ({error}); set foreman_url to the address of Foreman itself",
                self.url()
            ))
        })
    }

    async fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(["api", "v2"]).extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        // Foreman demands a CSRF token of a change within a session.
        let session = if method == Method::GET { self.session() } else { None };
        let is_within_session = session.is_some();
        let mut response = self.send(&method, &url, body, session).await?;
        if is_within_session && response.status() == StatusCode::UNAUTHORIZED {
            // Foreman looks at the session first, and does not look at the credentials when it has ended.
            response = self.send(&method, &url, body, None).await?;
        }
        self.read(response, path.first().copied().unwrap_or_default()).await
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&Value>,
        session: Option<HeaderValue>,
    ) -> Result<Response, Error> {
        let mut request = self.client.request(method.clone(), url.clone()).headers(self.headers(method, url)?);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(session) = session {
            request = request.header(COOKIE, session);
        }
        let response = request.send().await.map_err(|error| self.no_answer(error))?;
        self.keep_session(&response);
        Ok(response)
    }

    fn session(&self) -> Option<HeaderValue> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the session that Foreman names in a success; a refusal ends the one that there was.
    fn keep_session(&self, response: &Response) {
        let cookies = response.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        let mut named =
            cookies.filter(|cookie| cookie.starts_with(SESSION)).filter_map(|cookie| cookie.split(';').next());
        let named = named.next_back().and_then(|cookie| HeaderValue::from_str(cookie).ok());
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if response.status() == StatusCode::UNAUTHORIZED {
            *session = None;
        } else if let Some(mut named) = named {
            named.set_sensitive(true);
            *session = Some(named);
        }
    }

    fn headers(&self, method: &Method, url: &Url) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            // Errors are looked at, and repeated beside sentences of ours.
            (ACCEPT_LANGUAGE, HeaderValue::from_static("en")),
        ]);
        let unusable = |what: &str| Error::Unusable(format!("{what} has characters that HTTP cannot carry"));
        let authorization = match &self.credentials {
            Credentials::Basic { user, password } => {
                let pair = format!("{user}:{}", password.expose_secret());
                format!("Basic {}", openssl::base64::encode_block(pair.as_bytes()))
            }
            Credentials::OAuth { consumer, user, .. } => {
                let user = HeaderValue::from_str(user).map_err(|_| unusable("the user's name"))?;
                headers.insert(HeaderName::from_static("foreman-user"), user);
                let signed = consumer.authorize(method, url);
                signed.map_err(|error| Error::Unusable(format!("the request cannot be signed: {error}")))?
            }
        };
        let mut authorization = HeaderValue::from_str(&authorization).map_err(|_| unusable("the credential"))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        Ok(headers)
    }

    fn no_answer(&self, error: reqwest::Error) -> Error {
        let url = self.url().to_owned();
        if error.is_timeout() && !error.is_connect() {
            return Error::TimedOut { url, seconds: ANSWER.as_secs() };
        }
        let error = error.without_url();
        let why = with_causes(&error);
        // The TLS library has no kinds for these; the words are OpenSSL's.
        if why.contains("ostname mismatch") || why.contains("IP address mismatch") {
            Error::OtherName { url }
        } else if why.contains("certificate verify failed") {
            let reason = why.rsplit_once('(').map_or(why.as_str(), |(_, reason)| reason.trim_end_matches(')'));
            Error::Untrusted { url, why: reason.to_owned() }
        } else {
            Error::Unreachable { url, why }
        }
    }

    async fn read(&self, response: Response, resource: &str) -> Result<Answer, Error> {
        let status = response.status();
        let header = |name: &HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let version = header(&HeaderName::from_static("foreman_version"));
        if status.is_redirection() {
            let to = header(&LOCATION).unwrap_or_else(|| "an address that it does not name".to_owned());
            return Err(Error::Moved { url: self.url().to_owned(), to });
        }
        let text = response.text().await.map_err(|error| self.no_answer(error))?;
        let body: Option<Value> = serde_json::from_str(&text).ok();
        match body {
            Some(body) if status.is_success() => Ok(Answer { body, version }),
            Some(body) => Err(self.refusal(status, Complaint::of(&body), resource)),
            None => Err(self.refusal(status, Complaint::default(), resource)),
        }
    }

    fn refusal(&self, status: StatusCode, complaint: Complaint, resource: &str) -> Error {
        let Complaint { messages, attributes } = complaint;
        let message = messages.join(" ");
        match status {
            StatusCode::UNAUTHORIZED => self.unauthorized(message),
            StatusCode::FORBIDDEN => Error::Forbidden { who: self.who(), message, needed: permissions_for(resource) },
            StatusCode::UNPROCESSABLE_ENTITY if !messages.is_empty() => Error::Refused { messages, attributes },
            StatusCode::BAD_REQUEST if !messages.is_empty() => Error::Refused { messages, attributes },
            StatusCode::NOT_FOUND if !messages.is_empty() => Error::NoRecord { message },
            _ => Error::Unexpected(self.unexpected(status, &message)),
        }
    }

    fn unauthorized(&self, message: String) -> Error {
        let (who, right) = match &self.credentials {
            Credentials::Basic { user, .. } => (
                format!("the user {user} with this password"),
                "give the right password; after many wrong ones Foreman refuses this machine for five minutes",
            ),
            Credentials::OAuth { origin, user, .. } => (
                format!("the OAuth consumer key and secret of {origin}, or the user {user}"),
                "they are in Foreman's settings under Authentication, where OAuth must be active; the user of --as-user \
                 must exist, and the clocks of both machines must agree",
            ),
        };
        Error::Unauthorized { who, message, right }
    }

    fn unexpected(&self, status: StatusCode, message: &str) -> String {
        let url = self.url();
        let said = if message.is_empty() { String::new() } else { format!(": {message}") };
        if status.is_server_error() {
            format!("Foreman at {url} fails with status {}{said}; its log, production.log, says why", status.as_u16())
        } else {
            format!(
                "{url} does not answer as Foreman's API does (status {}{said}); set foreman_url to the address of \
                 Foreman itself, not of a Smart Proxy",
                status.as_u16()
            )
        }
    }
}

/// The permissions for what we do with a resource.
fn permissions_for(resource: &str) -> &'static str {
    match resource {
        "smart_proxies" => "view_smart_proxies, create_smart_proxies, edit_smart_proxies and destroy_smart_proxies",
        "subnets" => "view_subnets",
        "organizations" | "locations" => "view_organizations and view_locations",
        "report_templates" => {
            "view_, generate_, create_, edit_ and destroy_report_templates, assign_organizations and assign_locations"
        }
        "webhooks" | "webhook_templates" => {
            "view_, create_, edit_ and destroy_ of webhooks and of webhook_templates, assign_organizations and \
             assign_locations"
        }
        _ => "view_hosts and view_subnets",
    }
}
