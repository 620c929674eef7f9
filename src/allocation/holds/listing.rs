//! Holds as people and programs see them, a page at a time.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{AddressSpace, Mac};
use serde::Serialize;

use super::hold::{Hold, HoldState, Scope, Space};
use super::place::{After, PlaceError};
use crate::allocation::Timestamp;

/// One live hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldAddress {
    /// The subnet that it was last asked for in.
    #[serde(flatten)]
    pub scope: Arc<Scope>,
    /// The address.
    pub address: IpAddr,
    /// `offered`, `adding`, `unanswered`, `reserved` or `released`.
    pub state: HoldState,
    /// The host it is held for, if known.
    pub mac: Option<Mac>,
    /// Since when it has been promised, being added or released, in UTC. Holds grow older only while a proxy runs: of one from
    /// before a restart this is later than it was, by the time that no proxy ran. Holds in a database have no such gap.
    pub since: String,
    /// Until when, in UTC.
    pub until: String,
}

impl HeldAddress {
    pub(super) fn new(address: IpAddr, hold: &Hold, utc: impl Fn(Timestamp) -> String) -> Self {
        let (since, until) = (utc(hold.granted), utc(hold.until));
        Self { scope: hold.scope.clone(), address, state: hold.state, mac: hold.mac, since, until }
    }
}

/// Some live holds, by address space and address. Each is as it was when it was read.
#[derive(Debug, Clone, Serialize)]
pub struct Page {
    /// The holds.
    pub holds: Vec<HeldAddress>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The start is not from a page.
    #[error("'after' must be the value of 'next' in an earlier answer")]
    After,
    /// The holds cannot be reached.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Where the list goes on after a hold: `address@provider@space`.
pub(super) fn after(hold: &Hold, address: IpAddr) -> String {
    let Space { provider, name } = &hold.scope.space;
    format!("{address}@{provider}@{name}")
}

pub(super) fn read_after(text: &str) -> Result<After, ListError> {
    let mut parts = text.splitn(3, '@');
    let mut part = || parts.next().ok_or(ListError::After);
    let (address, provider, name) = (part()?, part()?, part()?);
    let address = address.parse().map_err(|_| ListError::After)?;
    Ok((Space { provider: provider.into(), name: AddressSpace::new(name) }, address))
}
