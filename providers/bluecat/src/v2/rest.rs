//! Requests of v2: the path, the session, pages.

use ipam_provider::http::{Answer, Api, HeaderValue, HttpClient, Login, Method, Page, pages};
use ipam_provider::{ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::login::User;
use super::refusal::{self, error};
use super::wire;
use crate::settings::Settings;
use crate::vendor::{COMMENT, WHAT};

/// Rows of a page; what Address Manager gives unless more or fewer are asked for.
pub(super) const PAGE: usize = 1000;

/// Asks v2 in the name of the API user.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    api: Api,
    /// Without a session.
    anonymous: Api,
}

/// Where something is, below `/api/v2`.
pub(super) type Path<'a> = &'a [&'a str];

impl Rest {
    /// Does no network.
    pub(super) fn new(http: HttpClient, settings: &Settings) -> Self {
        let anonymous = Api::new(http, error);
        let (name, password) = (settings.user.clone(), settings.password.clone());
        let user = User { api: anonymous.clone(), name, password };
        let comment = HeaderValue::from_static(COMMENT);
        let api = anonymous.clone().with_login(Login::new("authorization", user));
        Self { api: api.with_header("x-bcn-change-control-comment", comment), anonymous }
    }

    /// Does v2 answer here? It refuses a request without a session in its own form. What an earlier version answers at this
    /// path is not known: a page or a redirect may be.
    pub(super) async fn is_there(&self) -> Result<bool> {
        let request = self.anonymous.request(Method::GET, &path(&["sessions", "current"]));
        let answer = self.anonymous.send(request).await?;
        match (answer.status, refusal::code(&answer)) {
            (401 | 403, Some(_)) => Ok(true),
            (401 | 403 | 408 | 425 | 429, None) => Err(error(&answer, "a session")),
            (200..=499, None) => Ok(false),
            _ => Err(error(&answer, "a session")),
        }
    }

    /// All rows of a list that the filter leaves, over all pages.
    pub(super) async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        at: Path<'_>,
        query: &[(&str, &str)],
        right: &str,
    ) -> Result<Vec<T>> {
        let page = |offset: usize| async move {
            let (limit, offset_text) = (PAGE.to_string(), offset.to_string());
            let mut all = vec![("limit", limit.as_str()), ("total", "true")];
            if offset > 0 {
                all.push(("offset", &offset_text));
            }
            all.extend(query);
            let wire::Page { total_count, data } = self.page(at, &all, right).await?;
            let read = offset + data.0.len();
            // A site that gives no total and caps pages below what is asked for would be read in part: an empty page ends
            // the list in every case.
            let has_next = total_count.map_or(!data.0.is_empty(), |total| total > read as u64);
            Ok(Page { rows: data.0, count: total_count, has_next })
        };
        match pages(WHAT, page).await {
            // Only what has a parent can be gone.
            Err(error) if error.kind() == ErrorKind::NotFound && at.len() == 1 => {
                Err(ipam_provider::http::no_api(WHAT).because(error))
            }
            outcome => outcome,
        }
    }

    /// One page of a list.
    pub(super) async fn page<T: DeserializeOwned + Send + 'static>(
        &self,
        at: Path<'_>,
        query: &[(&str, &str)],
        right: &str,
    ) -> Result<wire::Page<T>> {
        self.api.get(&path(at), query, right).await
    }

    /// What is at a path.
    pub(super) async fn get<T: DeserializeOwned + Send + 'static>(&self, at: Path<'_>, right: &str) -> Result<T> {
        self.api.get(&path(at), &[], right).await
    }

    /// Adds to a list. Gives the answer whatever its status.
    pub(super) async fn post(&self, at: Path<'_>, new: &impl Serialize) -> Result<Answer> {
        Ok(self.api.post(&path(at), new).await?)
    }

    /// Replaces a resource; `false` when it is gone.
    pub(super) async fn put(&self, at: Path<'_>, whole: &impl Serialize, right: &str) -> Result<bool> {
        let answer = self.api.send(self.api.request(Method::PUT, &path(at)).json(whole)).await?;
        if answer.status == 200 {
            return Ok(true);
        }
        match error(&answer, right) {
            error if error.kind() == ErrorKind::NotFound => Ok(false),
            error => Err(error),
        }
    }

    /// Deletes; `false` when it is gone already.
    pub(super) async fn delete(&self, at: Path<'_>, right: &str) -> Result<bool> {
        self.api.delete(&path(at), right).await
    }
}

fn path<'a>(at: Path<'a>) -> Vec<&'a str> {
    [&["api", "v2"], at].concat()
}
