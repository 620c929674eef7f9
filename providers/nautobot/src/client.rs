//! Requests to Nautobot's REST API: authentication, paging, and what an answer means.
//!
//! Only parameters that the recorded versions know are sent, because any other is a 400 (`Unknown filter field`). The
//! version of the API is left to the server: a version that it does not know is a 406.

use std::net::IpAddr;

use ipam_provider::http::{Api, HttpClient, Method, Page, pages};
use ipam_provider::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Settings;
use crate::refusal::{error, is_lost_race, is_other_parent, lacks_right};
use crate::vendor::{
    ADD_ADDRESSES, ADDRESSES, CHANGE_ADDRESSES, DELETE_ADDRESSES, NAMESPACES, Objects, VIEW_ADDRESSES, VIEW_NAMESPACES,
    VIEW_PREFIXES, WHAT,
};
use crate::wire::{self, AddressChanges, AddressRow, AvailableList, AvailableRow, NewAddress, PAGE, PrefixRow};

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
#[derive(Debug, Clone)]
pub(crate) struct Client(Api);

impl Client {
    /// A client of these settings. Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let http = HttpClient::new(WHAT, &settings.http)?;
        Ok(Self(Api::new(http, error).with_header("authorization", settings.authorization())))
    }

    /// All rows that the filters leave, over all pages.
    pub(crate) async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        objects: Objects,
        filters: &[(&str, &str)],
    ) -> Result<Vec<T>> {
        let page = |offset| async move {
            let page: wire::Page<T> = self.page(objects, filters, PAGE, offset).await?;
            Ok(Page { rows: page.results.0, count: Some(page.count), has_next: page.next.is_some() })
        };
        pages(WHAT, page).await
    }

    /// One page of a list.
    pub(crate) async fn page<T: DeserializeOwned + Send + 'static>(
        &self,
        objects: Objects,
        filters: &[(&str, &str)],
        limit: usize,
        offset: usize,
    ) -> Result<wire::Page<T>> {
        let (limit, offset) = (limit.to_string(), offset.to_string());
        let mut query = vec![("limit", limit.as_str())];
        if offset != "0" {
            query.push(("offset", &offset));
        }
        query.extend(filters);
        self.0.list(&objects.path, &query, objects.right).await
    }

    /// The prefix of this id, with the name of its namespace. `NotFound` when there is none.
    pub(crate) async fn prefix(&self, id: &str) -> Result<PrefixRow> {
        self.0.get(&["api", "ipam", "prefixes", id, ""], &[("depth", "1")], VIEW_PREFIXES).await
    }

    /// Addresses of the prefix that have no record, lowest first, from `from` on. The edges that nobody may have are
    /// among them in part: the first address of an IPv6 prefix is.
    pub(crate) async fn available(
        &self,
        prefix: &str,
        limit: usize,
        from: Option<IpAddr>,
    ) -> Result<Vec<AvailableRow>> {
        let path = ["api", "ipam", "prefixes", prefix, "available-ips", ""];
        let (limit, from) = (limit.to_string(), from.map(|from| from.to_string()));
        let mut query = vec![("limit", limit.as_str())];
        query.extend(from.as_deref().map(|from| ("range_start", from)));
        // The prefix itself was seen before, so it is its addresses that the user may not see.
        Ok(self.0.get::<AvailableList>(&path, &query, VIEW_ADDRESSES).await?.0)
    }

    /// Adds an address. Nautobot looks whether it is taken, looks again and writes; of two that write at once, the
    /// database refuses the second.
    pub(crate) async fn add(&self, new: &NewAddress) -> Result<Added> {
        let answer = self.0.post(&ADDRESSES.path, new).await?;
        if answer.is_success() {
            let row: AddressRow = self.0.created(&answer, ADD_ADDRESSES)?;
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
            let host = new.address.split('/').next().unwrap_or_default();
            let text = format!(
                "The user of the Nautobot token may not add IP address {host}: the permission {ADD_ADDRESSES} does not \
                 reach it"
            );
            return Ok(Added::Refused(Error::new(ErrorKind::Unauthenticated, text)));
        }
        let error = self.0.collection_error(&answer, ADD_ADDRESSES);
        Ok(if is_lost_race(&answer) { Added::PerhapsTaken(error) } else { Added::Refused(error) })
    }

    /// Deletes the address of this id; `false` when it is not there, or when the user may not see it.
    pub(crate) async fn delete(&self, id: &str) -> Result<bool> {
        self.0.delete(&["api", "ipam", "ip-addresses", id, ""], DELETE_ADDRESSES).await
    }

    /// Is Nautobot there, and does it take the token? The inner result is whether the user may view namespaces.
    pub(crate) async fn reach(&self) -> Result<Result<()>> {
        let answer = self.0.send(self.0.request(Method::GET, &NAMESPACES.path).query("limit", 1)).await?;
        if answer.status == 200 {
            return answer.json::<wire::Page<Value>>().map(|_| Ok(()));
        }
        let error = self.0.collection_error(&answer, VIEW_NAMESPACES);
        if lacks_right(&answer) { Ok(Err(error)) } else { Err(error) }
    }

    /// May the user add addresses? A record of nothing is refused for what it lacks, after the right was checked.
    pub(crate) async fn may_add(&self) -> Result<()> {
        let answer = self.0.post(&ADDRESSES.path, &Map::new()).await?;
        match answer.status {
            400 => Ok(()),
            _ => Err(self.0.collection_error(&answer, ADD_ADDRESSES)),
        }
    }

    /// Changes an address; `false` when it is gone.
    pub(crate) async fn change(&self, id: &str, changes: &AddressChanges) -> Result<bool> {
        let path = ["api", "ipam", "ip-addresses", id, ""];
        Ok(self.0.patch::<AddressRow>(&path, changes, CHANGE_ADDRESSES).await?.is_some())
    }

    /// May the user change addresses? As [`may_delete`](Self::may_delete).
    pub(crate) async fn may_change(&self) -> Result<()> {
        self.change("00000000-0000-0000-0000-000000000000", &AddressChanges::default()).await.map(drop)
    }

    /// May the user delete addresses? The right is checked before the address is looked for, and nothing has this id.
    pub(crate) async fn may_delete(&self) -> Result<()> {
        self.delete("00000000-0000-0000-0000-000000000000").await.map(drop)
    }
}
