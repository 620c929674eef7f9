//! The contract between the proxy and one IPAM product.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;

use crate::{
    AddressSet, Annotate, Group, GroupName, ListReservations, ManageSubnets, Prefix, Requester, Reservation, Result,
    Subnet,
};

/// An IPAM that records which addresses of which subnets are taken.
///
/// A provider gives *facts and writes*. Which address a host is offered is not its business, nor are holds. Absent is
/// not an error: `Ok(None)`, `Ok(vec![])`. Implementations do not cache (but for what rule 2 of `providers/README.md`
/// allows), retry or limit time: the [`Guard`](crate::Guard) around them does. There are no default bodies, so that a
/// wrapper cannot forget an operation.
///
/// A [`Subnet`] is trusted for as long as its caller remembers it. When it has gone meanwhile,
/// [`free_addresses`](Self::free_addresses) says so; the other operations need not look again, and without an error they
/// have worked in its group as if it were there.
///
/// Any operation may fail with [`Unreachable`](crate::ErrorKind::Unreachable),
/// [`Unavailable`](crate::ErrorKind::Unavailable),
/// [`TimedOut`](crate::ErrorKind::TimedOut), [`Unauthenticated`](crate::ErrorKind::Unauthenticated) or
/// [`Unexpected`](crate::ErrorKind::Unexpected); what else it may fail with is said below.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync {
    /// The name in settings and log lines, such as `netbox`.
    fn name(&self) -> &'static str;

    /// What the IPAM can do. Constant for the life of the provider.
    fn capabilities(&self) -> Capabilities;

    /// How many operations may be under way at once; `None` for any number. Constant for the life of the provider.
    fn max_parallel(&self) -> Option<usize>;

    /// Proves reachability, credentials and rights for `check`, changing nothing; one entry for each thing looked at.
    async fn probe(&self) -> Vec<Probe>;

    /// All groups, by name. Empty for an IPAM without groups.
    async fn groups(&self) -> Result<Vec<Group>>;

    /// The group of exactly this name (case and blanks count), or `None`.
    async fn group(&self, name: &GroupName) -> Result<Option<Group>>;

    /// All subnets of a group, or all outside of groups, by prefix; empty when there is no such group, and without one when
    /// the IPAM has every subnet in a group.
    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>>;

    /// All records of exactly this prefix: in that group, or in every group and outside of groups. Which of several is
    /// meant is the caller's decision.
    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>>;

    /// What is recorded of the address in this subnet (never in another subnet or group of the same prefix), or `None`
    /// when it is free.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the subnet itself is seen to be gone.
    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>>;

    /// The records of this address that carry the proxy's mark, in every group and subnet; empty when there is none. One
    /// request where the product can, because it is sent only after a look-up of the subnet has failed.
    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>>;

    /// Free addresses, lowest first: at most `query.at_most`, none of `query.held`, none outside
    /// [`Prefix::offerable`]. Empty when, and only when, there are none; fewer than asked for may be what was found with
    /// reasonable effort.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the subnet is gone, [`Rejected`](crate::ErrorKind::Rejected) when
    /// the IPAM gives out no address of it (it contains subnets, for example).
    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>>;

    /// Records the address as taken.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when it is taken: the IPAM decides that, in one step with the
    /// write. [`NotFound`](crate::ErrorKind::NotFound) when the subnet is seen to be gone.
    /// [`Rejected`](crate::ErrorKind::Rejected) when the IPAM refuses this address.
    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()>;

    /// Removes the record of the address in this subnet, and only there.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the subnet is seen to be gone; an address that is not recorded is
    /// [`Released::WasAbsent`], no error. [`Rejected`](crate::ErrorKind::Rejected) when the IPAM or the settings forbid it.
    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released>;

    /// Creating and deleting subnets; `None` if the IPAM has no request for it, or it is not the proxy's business there.
    /// Constant for the life of the provider.
    fn manage_subnets(&self) -> Option<&dyn ManageSubnets>;

    /// Changes of host name and MAC in records of ours; `None` if the IPAM has no place for them or no request for it.
    /// Constant for the life of the provider.
    fn annotate(&self) -> Option<&dyn Annotate>;

    /// The records of a subnet, page by page; `None` if the IPAM has no request for them. Constant for the life of the
    /// provider.
    fn list_reservations(&self) -> Option<&dyn ListReservations>;
}

/// What to look for in [`Provider::free_addresses`].
#[derive(Debug, Clone, Copy)]
pub struct FreeQuery<'a> {
    /// How many addresses at most; at least 1.
    pub at_most: usize,
    /// Addresses not to answer, because they are held.
    pub held: &'a AddressSet,
}

/// A record that this proxy has made, found by its address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRecord {
    /// Where it is, for people, such as `VRF blue`.
    pub place: String,
}

/// What became of [`Provider::release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// This record was there and is gone.
    Removed(Reservation),
    /// There was no record.
    WasAbsent,
}

impl Released {
    /// Was there a record?
    pub fn is_removed(&self) -> bool {
        matches!(self, Self::Removed(_))
    }
}

/// What an IPAM can do: chooses checks, tests and documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Subnets are in groups.
    pub groups: bool,
    /// IPv6 subnets are supported.
    pub ipv6: bool,
    /// A reservation remembers 6-byte MACs.
    pub records_mac: bool,
    /// A reservation remembers a host name.
    pub records_hostname: bool,
}

/// What `check` looks at, one thing after the other.
#[derive(Debug, Default)]
pub struct Probes(Vec<Probe>);

impl Probes {
    /// Notes what was looked at and how it is. Is it well?
    pub fn note(&mut self, what: impl Into<String>, outcome: Result<()>) -> bool {
        let is_well = outcome.is_ok();
        self.0.push(Probe { what: what.into(), outcome });
        is_well
    }

    /// Notes a right that only host names and MACs of existing records need. Without it a hint is noted, and no fault.
    pub fn note_right_to_change(&mut self, what: &str, outcome: Result<()>) {
        let what = match outcome {
            Ok(()) => what.to_owned(),
            Err(error) => format!("{what}: no, so host names that Foreman sends later are not recorded ({error})"),
        };
        self.note(what, Ok(()));
    }

    /// All that was noted.
    pub fn finish(self) -> Vec<Probe> {
        self.0
    }
}

/// One thing that `check` looked at.
#[derive(Debug)]
pub struct Probe {
    /// What was looked at, such as "the token may add addresses".
    pub what: String,
    /// Nothing, or what is wrong and what to do. `check` shows the cause too: it is asked by an administrator, who has no
    /// log to look it up in.
    pub outcome: Result<()>,
}
