//! Requests of v1: the path, the session, lists.

use ipam_provider::http::{Answer, Api, HeaderValue, HttpClient, Login, Method, Page, pages};
use ipam_provider::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;

use super::login::User;
use super::refusal::{error, unexpected};
use super::wire::{Entities, Entity};
use crate::settings::Settings;
use crate::vendor::WHAT;

/// Rows of a page. A list ends with a page that has fewer, as clients have it.
const PAGE: usize = 1000;

/// The parameters of a method.
pub(super) type Parameters<'a> = &'a [(&'a str, &'a str)];

/// Asks v1 in the name of the API user.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    api: Api,
    /// Without a session.
    anonymous: Api,
}

impl Rest {
    /// Does no network.
    pub(super) fn new(http: HttpClient, settings: &Settings) -> Self {
        let anonymous = Api::new(http, error);
        let (name, password) = (settings.user.clone(), settings.password.clone());
        let user = User { api: anonymous.clone(), name, password };
        Self { api: anonymous.clone().with_login(Login::new("authorization", user)), anonymous }
    }

    /// Does v1 answer here? It refuses a request without a session.
    pub(super) async fn is_there(&self) -> Result<bool> {
        let request = self.anonymous.request(Method::GET, &path("getSystemInfo"));
        let answer = self.anonymous.send(request).await?;
        match answer.status {
            401 | 403 => Ok(true),
            404 | 405 => Ok(false),
            _ => Err(error(&answer, "a session")),
        }
    }

    /// Calls a method. Gives the answer whatever its status.
    pub(super) async fn call(&self, verb: Method, method: &str, parameters: Parameters<'_>) -> Result<Answer> {
        let is_read = verb == Method::GET;
        let mut request = self.api.request(verb, &path(method));
        if !is_read {
            // There is no body. Some servers refuse a change that does not say so.
            request = request.header("content-length", &HeaderValue::from_static("0"));
        }
        let request = parameters.iter().fold(request, |request, (key, value)| request.query(key, value));
        Ok(self.api.send(request).await?)
    }

    /// Calls a method that reads.
    pub(super) async fn get<T: DeserializeOwned + Send + 'static>(
        &self,
        method: &str,
        parameters: Parameters<'_>,
        right: &str,
    ) -> Result<T> {
        let answer = self.call(Method::GET, method, parameters).await?;
        if answer.is_success() { answer.into_json().await } else { Err(error(&answer, right)) }
    }

    /// Calls a method that reads one entity; `None` for one that is not there.
    pub(super) async fn entity(&self, method: &str, parameters: Parameters<'_>, right: &str) -> Result<Option<Entity>> {
        let entity: Option<Entity> = self.get(method, parameters, right).await?;
        Ok(entity.filter(Entity::is_there))
    }

    /// All entities of a list, over all pages.
    pub(super) async fn list(&self, method: &str, parameters: Parameters<'_>, right: &str) -> Result<Vec<Entity>> {
        let page = |start: usize| async move {
            let (start, count) = (start.to_string(), PAGE.to_string());
            let all = [parameters, &[("start", start.as_str()), ("count", count.as_str())]].concat();
            let rows: Entities = self.get(method, &all, right).await?;
            // A full last page is followed by an empty one.
            let has_next = rows.0.len() >= PAGE;
            Ok(Page { rows: rows.0, count: None, has_next })
        };
        pages(WHAT, page).await
    }

    /// Calls a method that adds an entity and answers its id.
    pub(super) async fn add(&self, method: &str, parameters: Parameters<'_>, right: &str) -> Result<u64, Refusal> {
        let answer = self.call(Method::POST, method, parameters).await?;
        if !answer.is_success() {
            return Err(Refusal::of(&answer, right));
        }
        let text = String::from_utf8_lossy(&answer.body);
        let id = text.trim().trim_matches('"').parse().ok().filter(|id| *id != 0);
        Ok(id.ok_or_else(|| unexpected(&answer))?)
    }

    /// Replaces an entity.
    pub(super) async fn update(&self, entity: &Entity, right: &str) -> Result<(), Refusal> {
        let request = self.api.request(Method::PUT, &path("update")).json(entity);
        let answer = self.api.send(request).await.map_err(Error::from)?;
        if answer.is_success() { Ok(()) } else { Err(Refusal::of(&answer, right)) }
    }
}

/// Why nothing was written.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: Error,
    /// Are these Address Manager's own words, so that it has decided?
    pub(super) is_own: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, is_own: false }
    }
}

impl Refusal {
    fn of(answer: &Answer, right: &str) -> Self {
        Self { error: error(answer, right), is_own: super::refusal::said(answer).is_some() }
    }

    /// Is it open what Address Manager means?
    pub(super) fn is_open(&self) -> bool {
        self.is_own && self.error.kind() == ErrorKind::Unavailable
    }
}

fn path(method: &str) -> [&str; 4] {
    ["Services", "REST", "v1", method]
}
