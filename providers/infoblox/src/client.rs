//! Requests to Infoblox's web API (WAPI): searches in pages, references, functions, and what an answer means.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ipam_provider::http::{Answer, Api, HeaderValue, HttpClient, Login, Method, Page, pages};
use ipam_provider::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Settings;
use crate::refusal::{error, is_exhausted, is_malformed, lacks_right};
use crate::session::Session;
use crate::vendor::{GRID, Kind, VIEWS, WHAT};
use crate::wire::{self, Available, NextAvailable, PAGE, Restart};

/// What became of an object that was to be created.
#[derive(Debug)]
pub(crate) enum Created {
    Done,
    /// Infoblox understood and refused it: something has the address, the client or the name, or a rule is broken.
    Refused(Error),
}

/// What became of a search for free addresses.
#[derive(Debug)]
pub(crate) enum Found {
    Free(Vec<IpAddr>),
    /// There are fewer than were asked for.
    TooFew,
    /// The call is refused as such: perhaps no more than some number may be asked for.
    Malformed(Error),
}

/// Asks Infoblox in the name of the user.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    api: Api,
    version: String,
    cloud_member: bool,
}

impl Client {
    /// A client of these settings. Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let http = HttpClient::new(WHAT, &settings.http)?;
        let login = Login::new("cookie", Session::new(http.clone(), settings));
        // With every request, also without a body: without it the answer is XML.
        let json = HeaderValue::from_static("application/json");
        let api = Api::new(http, error).with_header("content-type", json).with_login(login);
        let version = format!("v{}", settings.wapi_version);
        Ok(Self { api, version, cloud_member: settings.cloud_member })
    }

    /// The path of a type of objects or of an object, whose reference has slashes.
    fn path<'a>(&'a self, reference: &'a str) -> Vec<&'a str> {
        ["wapi", &self.version].into_iter().chain(reference.split('/')).collect()
    }

    /// All objects that the filters leave, over all pages. Filters are exact: what compares otherwise (`~`, `:`, `*`) is part
    /// of a parameter's name, and these are ours.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the network view of a filter is not there.
    pub(crate) async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        kind: Kind,
        filters: &[(&str, &str)],
    ) -> Result<Vec<T>> {
        let next: Mutex<Option<String>> = Mutex::default();
        let next = &next;
        let page = |_| async move {
            let id = next.lock().unwrap_or_else(PoisonError::into_inner).take();
            let page: wire::Page<T> = self.page(kind, filters, PAGE, id.as_deref()).await?;
            let has_next = page.next_page_id.is_some();
            *next.lock().unwrap_or_else(PoisonError::into_inner) = page.next_page_id;
            Ok(Page { rows: page.result.0, count: None, has_next })
        };
        pages(WHAT, page).await
    }

    /// At most so many objects that the filters leave, from the page of this id on. An id is good for one question.
    async fn page<T: DeserializeOwned + Send + 'static>(
        &self,
        kind: Kind,
        filters: &[(&str, &str)],
        size: usize,
        id: Option<&str>,
    ) -> Result<wire::Page<T>> {
        let size = size.to_string();
        let mut query = vec![("_paging", "1"), ("_return_as_object", "1"), ("_max_results", size.as_str())];
        query.push(("_return_fields", kind.fields));
        query.extend(id.map(|id| ("_page_id", id)));
        if self.cloud_member {
            query.push(("_proxy_search", "GM"));
        }
        query.extend(filters);
        self.api.get(&self.path(kind.name), &query, kind.read).await
    }

    /// The first objects that the filters leave, at most so many, and whether there are more.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub(crate) async fn first<T: DeserializeOwned + Send + 'static>(
        &self,
        kind: Kind,
        filters: &[(&str, &str)],
        at_most: usize,
    ) -> Result<(Vec<T>, bool)> {
        let page = self.page(kind, filters, at_most.min(PAGE), None).await?;
        Ok((page.result.0, page.next_page_id.is_some()))
    }

    /// Is Infoblox there, and does it let the user in? The inner result is whether the user may read network views.
    pub(crate) async fn reach(&self) -> Result<Result<()>> {
        let request = self.api.request(Method::GET, &self.path(VIEWS.name)).query("_max_results", 1);
        let answer = self.api.send(request).await?;
        if answer.status == 200 {
            return answer.json::<Vec<Value>>().map(|_| Ok(()));
        }
        let error = self.api.error(&answer, VIEWS.read);
        if lacks_right(&answer) { Ok(Err(error)) } else { Err(error) }
    }

    /// Calls a function of an object.
    async fn call(&self, reference: &str, function: &str, arguments: &impl Serialize) -> Result<Answer> {
        let request = self.api.request(Method::POST, &self.path(reference)).query("_function", function);
        Ok(self.api.send(request.json(arguments)).await?)
    }

    /// So many free addresses of a network or range, none of them among `exclude`.
    pub(crate) async fn next_available(
        &self,
        kind: Kind,
        reference: &str,
        num: usize,
        exclude: Vec<IpAddr>,
    ) -> Result<Found> {
        let answer = self.call(reference, "next_available_ip", &NextAvailable { num, exclude }).await?;
        match answer.status {
            200 | 201 => Ok(Found::Free(answer.json::<Available>()?.ips.0)),
            _ if is_exhausted(&answer) => Ok(Found::TooFew),
            _ if is_malformed(&answer) => Ok(Found::Malformed(self.api.error(&answer, kind.read))),
            _ => Err(self.api.error(&answer, kind.read)),
        }
    }

    /// Creates an object. Infoblox itself refuses an address that is taken.
    pub(crate) async fn create(&self, kind: Kind, new: &impl Serialize) -> Result<Created> {
        let request = self.api.request(Method::POST, &self.path(kind.name)).query("_return_fields", "network_view");
        let answer = self.api.send(request.json(new)).await?;
        if answer.status == 201 {
            return is_reference(&answer).map(|()| Created::Done);
        }
        let error = self.api.error(&answer, kind.write);
        match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::Rejected if answer.status == 400 => Ok(Created::Refused(error)),
            _ => Err(error),
        }
    }

    /// Changes an object; `false` when it is not there any more.
    pub(crate) async fn update(&self, kind: Kind, reference: &str, change: &impl Serialize) -> Result<bool> {
        let request = self.api.request(Method::PUT, &self.path(reference)).json(change);
        let answer = self.api.send(request).await?;
        self.is_done(kind, &answer)
    }

    /// Deletes an object; `false` when it is not there any more.
    pub(crate) async fn delete(&self, kind: Kind, reference: &str) -> Result<bool> {
        let answer = self.api.send(self.api.request(Method::DELETE, &self.path(reference))).await?;
        self.is_done(kind, &answer)
    }

    /// A write of an object answers with its reference.
    fn is_done(&self, kind: Kind, answer: &Answer) -> Result<bool> {
        if answer.status == 200 {
            return is_reference(answer).map(|()| true);
        }
        match self.api.error(answer, kind.write) {
            error if error.kind() == ErrorKind::NotFound => Ok(false),
            error => Err(error),
        }
    }

    /// Asks the grid to restart those services that need it.
    pub(crate) async fn restart_services(&self) -> Result<()> {
        let grids: Vec<wire::GridRow> = self.list(GRID, &[]).await?;
        let grid = grids.first().ok_or_else(|| Error::new(ErrorKind::Unexpected, "Infoblox has no grid"))?;
        let arguments = Restart { restart_option: "RESTART_IF_NEEDED", service_option: "ALL" };
        let answer = self.call(&grid._ref, "restartservices", &arguments).await?;
        if answer.is_success() { Ok(()) } else { Err(self.api.error(&answer, GRID.write)) }
    }
}

/// A write answers with the reference of the object, or with the object.
fn is_reference(answer: &Answer) -> Result<()> {
    let written: Value = answer.json()?;
    if written.is_string() || written["_ref"].is_string() { Ok(()) } else { Err(answer.not_understood(WHAT)) }
}
