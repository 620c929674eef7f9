//! What both APIs of Address Manager can do, in the words of neither.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use ipam_provider::{Error, ErrorKind, FreeQuery, Mac, Prefix, Result, Subnet};

use crate::settings::Dns;
use crate::vendor::WHAT;

/// A configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) description: String,
}

/// A network, with the configuration that it is in.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) id: u64,
    pub(crate) prefix: Prefix,
    pub(crate) name: String,
    pub(crate) configuration: Configuration,
}

/// The record of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) id: u64,
    /// Such as `STATIC`, in upper case.
    pub(crate) state: String,
    pub(crate) name: Option<String>,
    pub(crate) mac: Option<Mac>,
    /// What is in the field of the settings.
    pub(crate) field: Option<String>,
}

impl Address {
    /// Is it the gateway of its network? Address Manager keeps it for as long as the network has one.
    pub(crate) fn is_gateway(&self) -> bool {
        self.state == "GATEWAY"
    }
}

/// Is an address with a record in this state free all the same?
pub(crate) fn is_free(state: &str) -> bool {
    matches!(state, "UNASSIGNED" | "UNALLOCATED")
}

/// An address to record.
#[derive(Debug, Clone)]
pub(crate) struct NewAddress {
    pub(crate) address: IpAddr,
    pub(crate) name: Option<String>,
    pub(crate) mac: Option<Mac>,
    /// The name of a field, and what goes into it.
    pub(crate) field: Option<(String, String)>,
}

/// What changes in the record of an address; all else stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) name: Option<String>,
    pub(crate) mac: Option<Mac>,
    /// The name of a field, and what goes into it.
    pub(crate) field: Option<(String, String)>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A part of the records of a network.
#[derive(Debug, Default)]
pub(crate) struct AddressPage {
    pub(crate) records: BTreeMap<IpAddr, Address>,
    /// Where the list goes on; `None` after the last part.
    pub(crate) next: Option<String>,
}

/// What a record is wanted of: the network, which is in this configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) subnet: &'a Subnet,
    pub(crate) network: u64,
    pub(crate) configuration: u64,
}

/// A host record in DNS.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) id: u64,
    /// Its whole name, in lower case.
    pub(crate) name: String,
}

/// What is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// The zone of the settings in this configuration.
    ZoneOf(u64),
    /// A network.
    Network(u64),
}

/// One API of one Address Manager.
///
/// Absent is not an error but for what an earlier answer promised: that is `NotFound`. Each implementation knows its own
/// answers and texts; what they mean for an address or a subnet is said by the provider.
#[async_trait]
pub(crate) trait AddressManager: fmt::Debug + Send + Sync {
    /// Can the user log in? Gives what Address Manager says of itself.
    async fn reach(&self) -> Result<String>;

    /// May the user change anything, as far as can be told without a change?
    async fn may_write(&self) -> Result<()>;

    /// May the user see networks of a configuration?
    async fn may_view_networks(&self, configuration: &Configuration) -> Result<()>;

    async fn configurations(&self) -> Result<Vec<Configuration>>;

    /// The configuration of exactly this name.
    async fn configuration(&self, name: &str) -> Result<Option<Configuration>>;

    /// All networks of a configuration, in any order.
    async fn networks(&self, configuration: &Configuration) -> Result<Vec<Network>>;

    /// The networks of exactly this prefix, in this configuration or in all of them.
    async fn find(&self, prefix: Prefix, configuration: Option<&str>) -> Result<Vec<Network>>;

    /// The record of an address; `None` when it is free.
    async fn address(&self, place: Place<'_>, address: IpAddr) -> Result<Option<Address>>;

    /// The records of an address in all configurations, each with the configuration's name.
    async fn addresses(&self, address: IpAddr) -> Result<Vec<(String, Address)>>;

    /// See [`Provider::free_addresses`](ipam_provider::Provider::free_addresses).
    async fn free(&self, place: Place<'_>, query: FreeQuery<'_>) -> Result<Vec<IpAddr>>;

    /// At most so many records of a network, from a place on that an earlier part has named.
    async fn list(&self, place: Place<'_>, from: Option<&str>, at_most: usize) -> Result<AddressPage>;

    /// Records an address; `AlreadyExists` when it is taken, `NotFound` when the network has gone. Gives the id of the record.
    async fn add(&self, place: Place<'_>, new: &NewAddress) -> Result<u64>;

    /// Changes the record of an address; `false` when it was gone already.
    async fn change(&self, place: Place<'_>, address: IpAddr, record: &Address, changes: &Changes) -> Result<bool>;

    /// Deletes the record of an address; `false` when it was gone already.
    async fn delete(&self, place: Place<'_>, address: IpAddr, record: &Address) -> Result<bool>;

    /// Is there this zone in this view of the configuration?
    async fn has_zone(&self, configuration: u64, dns: &Dns) -> Result<bool>;

    /// Makes a host record of this name in the zone, with the record for the way back.
    async fn add_host(&self, configuration: u64, dns: &Dns, name: &str, address: (u64, IpAddr)) -> Result<()>;

    /// The host records of an address that have no other one.
    async fn hosts_of(&self, address: u64) -> Result<Vec<Host>>;

    /// Deletes a host record; one that is gone is no error.
    async fn delete_host(&self, host: &Host) -> Result<()>;

    /// Deploys quickly.
    async fn deploy(&self, target: Target, dns: Option<&Dns>) -> Result<()>;
}

/// An error that says that something has gone is none: it is absent.
pub(crate) fn absent_if_gone<T: Default>(outcome: Result<T>) -> Result<T> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        outcome => outcome,
    }
}

/// The session may change nothing.
pub(crate) fn read_only() -> Error {
    let text = format!(
        "{WHAT} lets the proxy only read: the url leads to a standby server, or the API user may not write. Correct the one \
         or the other"
    );
    Error::new(ErrorKind::Rejected, text)
}
