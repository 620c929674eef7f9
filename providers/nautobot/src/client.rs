//! Requests to Nautobot's REST API: authentication, paging, and what an answer means.
//!
//! Every path ends with a slash: without one Nautobot redirects, a `POST` too. Only parameters that the recorded
//! versions know are sent, because any other is a 400 (`Unknown filter field`). The version of the API is left to the
//! server: a version that it does not know is a 406.

use std::fmt;
use std::net::IpAddr;

use ipam_provider::http::{self, Answer, HttpClient, Method, Request};
use ipam_provider::{Error, ErrorKind, Result};
use reqwest::header::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Settings;
use crate::refusal::{collection_error, error, is_lost_race, is_other_parent, lacks_right};
use crate::vendor::{Right, WHAT};
use crate::wire::{AddressRow, AvailableList, AvailableRow, NewAddress, PAGE, Page, PrefixRow};

const NAMESPACES: [&str; 2] = ["ipam", "namespaces"];
const PREFIXES: [&str; 2] = ["ipam", "prefixes"];
const ADDRESSES: [&str; 2] = ["ipam", "ip-addresses"];

/// What can be listed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Objects {
    Namespaces,
    Prefixes,
    Addresses,
    Statuses,
    Tags,
    Tenants,
}

impl Objects {
    fn path(self) -> [&'static str; 2] {
        match self {
            Self::Namespaces => NAMESPACES,
            Self::Prefixes => PREFIXES,
            Self::Addresses => ADDRESSES,
            Self::Statuses => ["extras", "statuses"],
            Self::Tags => ["extras", "tags"],
            Self::Tenants => ["tenancy", "tenants"],
        }
    }

    fn right(self) -> Right {
        match self {
            Self::Namespaces => Right::ViewNamespaces,
            Self::Prefixes => Right::ViewPrefixes,
            Self::Addresses => Right::ViewAddresses,
            Self::Statuses => Right::ViewStatuses,
            Self::Tags => Right::ViewTags,
            Self::Tenants => Right::ViewTenants,
        }
    }
}

/// What became of an address that was to be added.
#[derive(Debug)]
pub(crate) enum Added {
    Done,
    /// The prefix that was named is there, and is not the smallest one of the namespace around the address.
    NotItsParent,
    Refused(Error),
    /// The database had the address already, or has another fault: Nautobot answers both in one way, and whoever asks
    /// must look.
    PerhapsTaken(Error),
}

/// Asks Nautobot in the name of the token's user.
#[derive(Clone)]
pub(crate) struct Client {
    http: HttpClient,
    authorization: HeaderValue,
}

impl Client {
    /// A client of these settings. Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        Ok(Self { http: HttpClient::new(WHAT, &settings.http)?, authorization: settings.authorization() })
    }

    /// All rows that the filters leave, over all pages.
    pub(crate) async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        objects: Objects,
        filters: &[(&str, &str)],
    ) -> Result<Vec<T>> {
        let page = |offset| async move {
            let page: Page<T> = self.page(objects, filters, PAGE, offset).await?;
            Ok(http::Page { rows: page.results.0, count: Some(page.count), has_next: page.next.is_some() })
        };
        http::all_rows(WHAT, page).await
    }

    /// One page of a list.
    pub(crate) async fn page<T: DeserializeOwned + Send + 'static>(
        &self,
        objects: Objects,
        filters: &[(&str, &str)],
        limit: usize,
        offset: usize,
    ) -> Result<Page<T>> {
        let [app, name] = objects.path();
        let mut request = self.request(Method::GET, &["api", app, name, ""]).query("limit", limit);
        if offset > 0 {
            request = request.query("offset", offset);
        }
        for (key, value) in filters {
            request = request.query(key, value);
        }
        let answer = request.send().await?;
        match answer.status {
            200 => answer.into_json().await,
            _ => Err(collection_error(&answer, objects.right())),
        }
    }

    /// The prefix of this id, with the name of its namespace. `NotFound` when there is none.
    pub(crate) async fn prefix(&self, id: &str) -> Result<PrefixRow> {
        let [app, name] = PREFIXES;
        let answer = self.request(Method::GET, &["api", app, name, id, ""]).query("depth", 1).send().await?;
        expect(&answer, 200, Right::ViewPrefixes)?.json()
    }

    /// Addresses of the prefix that have no record, lowest first, from `from` on. The edges that nobody may have are
    /// among them in part: the first address of an IPv6 prefix is.
    pub(crate) async fn available(
        &self,
        prefix: &str,
        limit: usize,
        from: Option<IpAddr>,
    ) -> Result<Vec<AvailableRow>> {
        let [app, name] = PREFIXES;
        let path = ["api", app, name, prefix, "available-ips", ""];
        let mut request = self.request(Method::GET, &path).query("limit", limit);
        if let Some(from) = from {
            request = request.query("range_start", from);
        }
        let answer = request.send().await?;
        // The prefix itself was seen before, so it is its addresses that the user may not see.
        expect(&answer, 200, Right::ViewAddresses)?;
        Ok(answer.into_json::<AvailableList>().await?.0)
    }

    /// Adds an address. Nautobot looks whether it is taken, looks again and writes; of two that write at once, the
    /// database refuses the second.
    pub(crate) async fn add(&self, new: &NewAddress) -> Result<Added> {
        let [app, name] = ADDRESSES;
        let answer = self.request(Method::POST, &["api", app, name, ""]).json(new).send().await?;
        if answer.is_success() {
            let row: AddressRow = answer.json()?;
            let asked = new.address.split_once('/').and_then(|(host, _)| host.parse().ok());
            let dropped: Vec<&str> = new
                .custom_fields
                .keys()
                .filter(|key| !row.custom_fields.contains_key(*key))
                .map(String::as_str)
                .collect();
            if !dropped.is_empty() {
                // Nautobot says nothing of a field that it does not know.
                let (address, fields) = (&new.address, dropped.join(", "));
                log::warn!("nautobot: {address} is recorded without {fields}: no such custom field of IP addresses");
            }
            return match row.host() == asked {
                true => Ok(Added::Done),
                false => {
                    Err(Error::new(ErrorKind::Unexpected, "Nautobot added another address than it was asked to add"))
                }
            };
        }
        if is_other_parent(&answer) {
            return Ok(Added::NotItsParent);
        }
        if lacks_right(&answer) && self.may_add().await.is_ok() {
            // Conditions of a permission are looked at when the record is there, and refused as without the permission.
            let (host, right) = (new.address.split('/').next().unwrap_or_default(), Right::AddAddresses);
            let text = format!(
                "The user of the Nautobot token may not add IP address {host}: the permission {right} does not reach it"
            );
            return Ok(Added::Refused(Error::new(ErrorKind::Unauthenticated, text)));
        }
        let error = collection_error(&answer, Right::AddAddresses);
        Ok(if is_lost_race(&answer) { Added::PerhapsTaken(error) } else { Added::Refused(error) })
    }

    /// Deletes the address of this id. `NotFound` when it is not there, or when the user may not see it.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        let [app, name] = ADDRESSES;
        let answer = self.request(Method::DELETE, &["api", app, name, id, ""]).send().await?;
        expect(&answer, 204, Right::DeleteAddresses).map(drop)
    }

    /// Is Nautobot there, and does it take the token? The inner result is whether the user may view namespaces.
    pub(crate) async fn reach(&self) -> Result<Result<()>> {
        let [app, name] = NAMESPACES;
        let answer = self.request(Method::GET, &["api", app, name, ""]).query("limit", 1).send().await?;
        if answer.status == 200 {
            return answer.json::<Page<Value>>().map(|_| Ok(()));
        }
        let error = collection_error(&answer, Right::ViewNamespaces);
        if lacks_right(&answer) { Ok(Err(error)) } else { Err(error) }
    }

    /// May the user add addresses? A record of nothing is refused for what it lacks, after the right was checked.
    pub(crate) async fn may_add(&self) -> Result<()> {
        let [app, name] = ADDRESSES;
        let nothing = serde_json::Map::new();
        let answer = self.request(Method::POST, &["api", app, name, ""]).json(&nothing).send().await?;
        match answer.status {
            400 => Ok(()),
            _ => Err(collection_error(&answer, Right::AddAddresses)),
        }
    }

    /// May the user delete addresses? The right is checked before the address is looked for, and nothing has this id.
    pub(crate) async fn may_delete(&self) -> Result<()> {
        match self.delete("00000000-0000-0000-0000-000000000000").await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    fn request(&self, method: Method, segments: &[&str]) -> Request<'_> {
        let request = self.http.request(method, segments).header("authorization", &self.authorization);
        // Without it a browser's page may be answered.
        request.header("accept", &HeaderValue::from_static("application/json"))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("http", &self.http).finish_non_exhaustive()
    }
}

/// The answer, if it has the one status that means success.
fn expect(answer: &Answer, status: u16, right: Right) -> Result<&Answer> {
    if answer.status == status { Ok(answer) } else { Err(error(answer, right)) }
}
