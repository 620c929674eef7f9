//! Requests to NetBox: the token, pages, and answers as rows.

use std::collections::HashSet;

use ipam_provider::http::{Answer, HttpClient, HttpSettings, Method, Request};
use ipam_provider::settings::Secret;
use ipam_provider::{Error, ErrorKind, Result};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::error;
use crate::wire;

/// The product's name for people.
pub(crate) const WHAT: &str = "NetBox";

/// The largest page that is asked for; a server may be set to give less (`MAX_PAGE_SIZE`), and says so nowhere.
pub(crate) const PAGE: usize = 1000;

/// More rows than this are not read: something is wrong, and memory is not endless.
const ROWS_AT_MOST: usize = 2_000_000;

pub(crate) const STATUS: [&str; 3] = ["api", "status", ""];
pub(crate) const PREFIXES: [&str; 4] = ["api", "ipam", "prefixes", ""];
pub(crate) const ADDRESSES: [&str; 4] = ["api", "ipam", "ip-addresses", ""];
pub(crate) const VRFS: [&str; 4] = ["api", "ipam", "vrfs", ""];
pub(crate) const RANGES: [&str; 4] = ["api", "ipam", "ip-ranges", ""];

pub(crate) const VIEW_PREFIX: &str = "ipam.view_prefix";
pub(crate) const VIEW_ADDRESS: &str = "ipam.view_ipaddress";
pub(crate) const ADD_ADDRESS: &str = "ipam.add_ipaddress";
pub(crate) const DELETE_ADDRESS: &str = "ipam.delete_ipaddress";
pub(crate) const VIEW_VRF: &str = "ipam.view_vrf";
pub(crate) const VIEW_RANGE: &str = "ipam.view_iprange";

/// Asks one NetBox. There is no session: each request carries the token.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: HttpClient,
    // Marked as sensitive, so that it is not shown.
    authorization: HeaderValue,
}

/// The header for a token: those of 4.5 and newer begin with `nbt_` and are bearers; older versions know `Token` only.
///
/// `None` for a text that cannot be in a header.
pub(crate) fn authorization(token: &Secret) -> Option<HeaderValue> {
    let token = token.expose_secret();
    let scheme = if token.starts_with("nbt_") { "Bearer" } else { "Token" };
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::try_from(format!("{scheme} {token}")).ok().filter(|_| is_token)?;
    value.set_sensitive(true);
    Some(value)
}

impl Client {
    /// A client for the settings. Does no network.
    pub(crate) fn new(settings: &HttpSettings, authorization: HeaderValue) -> Result<Self> {
        Ok(Self { http: HttpClient::new(WHAT, settings)?, authorization })
    }

    /// A request below the base URL. The path ends with an empty segment: without the slash at the end NetBox redirects
    /// or finds nothing.
    fn request(&self, method: Method, path: &[&str]) -> Request<'_> {
        debug_assert_eq!(path.last(), Some(&""), "every path of NetBox ends with a slash");
        self.http
            .request(method, path)
            .header("authorization", &self.authorization)
            .header("accept", &HeaderValue::from_static("application/json"))
            .header("accept-language", &HeaderValue::from_static("en"))
    }

    /// The record or plain list at a path.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        permission: &str,
    ) -> Result<T> {
        let request =
            query.iter().fold(self.request(Method::GET, path), |request, (key, value)| request.query(key, value));
        let answer = request.send().await?;
        if answer.status == 200 { answer.json() } else { Err(error(&answer, permission)) }
    }

    /// All rows of a list, page by page. What comes need not be what the query says: NetBox ignores parameters that it
    /// does not know or that are empty, so that the caller checks each row.
    ///
    /// Pages are counted in rows received, because the server may give fewer than asked for; its `next` is not
    /// followed, because it may name another host, which must not see the token.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) also when rows went meanwhile: the pages behind them then skip some.
    /// Rows that came are at the end (or, before there was an `ordering`, move others, which then come twice).
    pub(crate) async fn list<T: wire::Row>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        permission: &str,
    ) -> Result<Vec<T>> {
        let mut rows: Vec<T> = Vec::new();
        let mut seen = HashSet::new();
        let mut received = 0;
        let mut counted = None;
        loop {
            let (limit, offset) = (PAGE.to_string(), received.to_string());
            let query = [query, &[("ordering", "id"), ("limit", &limit), ("offset", &offset)]].concat();
            let page: wire::Page<T> = self.get(path, &query, permission).await?;
            if counted > page.count {
                return Err(Error::new(ErrorKind::Unavailable, format!("A list in {WHAT} changed while it was read")));
            }
            counted = page.count;
            let is_empty = page.results.is_empty();
            received += page.results.len();
            rows.extend(page.results.into_iter().filter(|row| seen.insert(row.id())));
            if page.next.is_none() {
                return Ok(rows);
            }
            if is_empty || received > ROWS_AT_MOST {
                return Err(Error::new(ErrorKind::Unexpected, format!("A list in {WHAT} does not end")));
            }
        }
    }

    /// Is the answer to this GET a success?
    pub(crate) async fn allows(&self, path: &[&str], permission: &str) -> Result<()> {
        let answer = self.request(Method::GET, path).query("limit", 1).send().await?;
        if answer.status == 200 { Ok(()) } else { Err(error(&answer, permission)) }
    }

    /// Does this version have the list at the path?
    pub(crate) async fn has(&self, path: &[&str], permission: &str) -> Result<bool> {
        let answer = self.request(Method::GET, path).query("limit", 1).send().await?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(error(&answer, permission)),
        }
    }

    /// Creates an address.
    pub(crate) async fn create(&self, new: &wire::NewAddress<'_>) -> Result<wire::Address> {
        let answer = self.post(new).await?;
        match answer.status {
            201 => answer.json(),
            // Nothing of NetBox: a page of a front end, perhaps.
            200..=299 => Err(Error::new(ErrorKind::Unexpected, format!("{WHAT} does not say what it has recorded"))),
            _ => Err(error(&answer, ADD_ADDRESS)),
        }
    }

    /// Posts one new address or a list of them, and gives the answer as it is.
    pub(crate) async fn post(&self, new: &impl Serialize) -> Result<Answer> {
        self.request(Method::POST, &ADDRESSES).json(new).send().await
    }

    /// Deletes an address; `false` when it is gone already.
    pub(crate) async fn delete(&self, id: u64) -> Result<bool> {
        let id = id.to_string();
        let answer = self.request(Method::DELETE, &["api", "ipam", "ip-addresses", &id, ""]).send().await?;
        match answer.status {
            204 => Ok(true),
            200..=299 => Err(Error::new(ErrorKind::Unexpected, format!("{WHAT} does not say what it has deleted"))),
            _ => match error(&answer, DELETE_ADDRESS) {
                error if error.kind() == ErrorKind::NotFound => Ok(false),
                error => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_scheme() {
        let header =
            |token: &str| authorization(&Secret::from(token)).map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(header("0123456789abcdef").as_deref(), Some("Token 0123456789abcdef"));
        assert_eq!(header("nbt_key.secret").as_deref(), Some("Bearer nbt_key.secret"));
        for odd in ["", "Token abc", "abc\n", "ä"] {
            assert_eq!(header(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let value = authorization(&Secret::from("geheim")).expect("a token");
        assert!(!format!("{value:?}").contains("geheim"));
    }
}
