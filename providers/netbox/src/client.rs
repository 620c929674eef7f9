//! Requests to NetBox: the token, pages, and answers as rows.

use std::collections::HashSet;

use ipam_provider::http::{Answer, HttpClient, HttpSettings, Method, Page, Request, all_rows};
use ipam_provider::settings::Secret;
use ipam_provider::{Error, ErrorKind, Result};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use crate::refusal::{collection_error, error};
use crate::vendor::{ADD_ADDRESS, ADDRESSES, DELETE_ADDRESS, WHAT};
use crate::wire;

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

    async fn ask(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer> {
        let request = self.request(Method::GET, path);
        query.iter().fold(request, |request, (key, value)| request.query(key, value)).send().await
    }

    /// What is at the path of a record, or below it.
    pub(crate) async fn get<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        permission: &str,
    ) -> Result<T> {
        let answer = self.ask(path, query).await?;
        if answer.status == 200 { answer.into_json().await } else { Err(error(&answer, permission)) }
    }

    /// All rows of a list, page by page. What comes need not be what the query says: NetBox ignores parameters that it
    /// does not know or that are empty, so that the caller checks each row.
    ///
    /// The `next` of a page is not followed, because it may name another host, which must not see the token. Rows that
    /// are added meanwhile are at the end (or, before there was an `ordering`, move others, which then come twice).
    pub(crate) async fn list<T: wire::Row>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        permission: &str,
    ) -> Result<Vec<T>> {
        let page = |offset| async move {
            let page: wire::Page<T> = self.page(path, query, permission, wire::PAGE, offset).await?;
            Ok(Page { rows: page.results.0, count: page.count, has_next: page.next.is_some() })
        };
        let mut rows = all_rows(WHAT, page).await?;
        let mut seen = HashSet::new();
        rows.retain(|row: &T| seen.insert(row.id()));
        Ok(rows)
    }

    /// How many rows a list has; `None` when NetBox does not say.
    pub(crate) async fn count(&self, path: &[&str], query: &[(&str, &str)], permission: &str) -> Result<Option<u64>> {
        Ok(self.page::<IgnoredAny>(path, query, permission, 1, 0).await?.count)
    }

    async fn page<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        permission: &str,
        limit: usize,
        offset: usize,
    ) -> Result<wire::Page<T>> {
        let (limit, offset) = (limit.to_string(), offset.to_string());
        let query = [query, &[("ordering", "id"), ("limit", &limit), ("offset", &offset)]].concat();
        let answer = self.ask(path, &query).await?;
        if answer.status == 200 { answer.into_json().await } else { Err(collection_error(&answer, permission)) }
    }

    /// May the token list what is at this path?
    pub(crate) async fn allows(&self, path: &[&str], permission: &str) -> Result<()> {
        let answer = self.ask(path, &[("limit", "1")]).await?;
        if answer.status == 200 { Ok(()) } else { Err(collection_error(&answer, permission)) }
    }

    /// Creates an address.
    pub(crate) async fn create(&self, new: &wire::NewAddress<'_>) -> Result<wire::Address> {
        let answer = self.post(new).await?;
        match answer.status {
            201 => answer.json(),
            // Nothing of NetBox: a page of a front end, perhaps.
            200..=299 => Err(Error::new(ErrorKind::Unexpected, format!("{WHAT} does not say what it has recorded"))),
            _ => Err(collection_error(&answer, ADD_ADDRESS)),
        }
    }

    /// Asks for an address without an address, of which nothing can come: that it is missing must be a part of the
    /// refusal. The right to add is looked at before, and then every field: what is wrong with them is answered.
    pub(crate) async fn try_blank(&self, blank: &wire::NewAddress<'_>) -> Result<Map<String, Value>> {
        let answer = self.post(blank).await?;
        match answer.json() {
            Ok(Value::Object(body)) if answer.status == 400 && body.contains_key("address") => Ok(body),
            _ => Err(collection_error(&answer, ADD_ADDRESS)),
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
