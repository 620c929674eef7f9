//! Requests to NetBox: the token, pages, and answers as rows.

use std::collections::HashSet;

use ipam_provider::Result;
use ipam_provider::http::{Api, HeaderValue, HttpClient, HttpSettings, Page, pages, secret_header};
use ipam_provider::settings::Secret;
use secrecy::ExposeSecret;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use crate::refusal::error;
use crate::vendor::{ADD_ADDRESS, ADDRESSES, CHANGE_ADDRESS, DELETE_ADDRESS, VIEW_ADDRESS, WHAT};
use crate::wire;

/// Asks one NetBox. There is no session: each request carries the token. Paths end with an empty segment: without the
/// slash at the end NetBox redirects or finds nothing.
#[derive(Debug, Clone)]
pub(crate) struct Client(Api);

/// The header for a token: those of 4.5 and newer begin with `nbt_` and are bearers; older versions know `Token` only.
///
/// `None` for a text that cannot be in a header.
pub(crate) fn authorization(token: &Secret) -> Option<HeaderValue> {
    let token = token.expose_secret();
    let scheme = if token.starts_with("nbt_") { "Bearer" } else { "Token" };
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    secret_header(&format!("{scheme} {token}")).filter(|_| is_token)
}

impl Client {
    /// A client for the settings. Does no network.
    pub(crate) fn new(settings: &HttpSettings, authorization: HeaderValue) -> Result<Self> {
        let api = Api::new(HttpClient::new(WHAT, settings)?, error)
            .with_header("authorization", authorization)
            .with_header("accept-language", HeaderValue::from_static("en"));
        Ok(Self(api))
    }

    /// What is at the path of a record, or below it.
    pub(crate) async fn get<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        permission: &str,
    ) -> Result<T> {
        self.0.get(path, query, permission).await
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
        let mut rows = pages(WHAT, page).await?;
        let mut seen = HashSet::new();
        rows.retain(|row: &T| seen.insert(row.id()));
        Ok(rows)
    }

    /// How many rows a list has; `None` when NetBox does not say.
    pub(crate) async fn count(&self, path: &[&str], query: &[(&str, &str)], permission: &str) -> Result<Option<u64>> {
        Ok(self.page::<IgnoredAny>(path, query, permission, 1, 0).await?.count)
    }

    /// One page of the rows in the order of their ids.
    async fn page<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        permission: &str,
        limit: usize,
        offset: usize,
    ) -> Result<wire::Page<T>> {
        let query = [query, &[("ordering", "id")]].concat();
        self.page_as_it_is(path, &query, permission, limit, offset).await
    }

    /// One page of addresses by address, which is their own order: `ordering=address` would sort by length first.
    pub(crate) async fn page_of_addresses(
        &self,
        query: &[(&str, &str)],
        limit: usize,
        offset: usize,
    ) -> Result<Page<wire::Address>> {
        let page: wire::Page<_> = self.page_as_it_is(&ADDRESSES, query, VIEW_ADDRESS, limit, offset).await?;
        Ok(Page { rows: page.results.0, count: page.count, has_next: page.next.is_some() })
    }

    async fn page_as_it_is<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        permission: &str,
        limit: usize,
        offset: usize,
    ) -> Result<wire::Page<T>> {
        let (limit, offset) = (limit.to_string(), offset.to_string());
        let query = [query, &[("limit", &limit), ("offset", &offset)]].concat();
        self.0.list(path, &query, permission).await
    }

    /// May the token list what is at this path?
    pub(crate) async fn allows(&self, path: &[&str], permission: &str) -> Result<()> {
        self.0.list::<IgnoredAny>(path, &[("limit", "1")], permission).await.map(drop)
    }

    /// Creates an address.
    pub(crate) async fn create(&self, new: &wire::NewAddress<'_>) -> Result<wire::Address> {
        let answer = self.0.post(&ADDRESSES, new).await?;
        self.0.created(&answer, ADD_ADDRESS)
    }

    /// Asks for an address without an address, of which nothing can come: that it is missing must be a part of the
    /// refusal. The right to add is looked at before, and then every field: what is wrong with them is answered.
    pub(crate) async fn try_blank(&self, blank: &wire::NewAddress<'_>) -> Result<Map<String, Value>> {
        let answer = self.0.post(&ADDRESSES, blank).await?;
        match answer.json() {
            Ok(Value::Object(body)) if answer.status == 400 && body.contains_key("address") => Ok(body),
            _ => Err(self.0.collection_error(&answer, ADD_ADDRESS)),
        }
    }

    /// Changes an address; `false` when it is gone.
    pub(crate) async fn change(&self, id: u64, changes: &wire::AddressChanges) -> Result<bool> {
        let path = ["api", "ipam", "ip-addresses", &id.to_string(), ""];
        let changed = self.0.patch::<wire::Address>(&path, changes, CHANGE_ADDRESS).await?;
        Ok(changed.is_some())
    }

    /// Deletes an address; `false` when it is gone already.
    pub(crate) async fn delete(&self, id: u64) -> Result<bool> {
        self.0.delete(&["api", "ipam", "ip-addresses", &id.to_string(), ""], DELETE_ADDRESS).await
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
