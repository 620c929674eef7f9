//! A hold: our short promise of one address.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{AddressSpace, GroupName, Mac, Prefix, Subnet, titled};
use serde::{Deserialize, Serialize, Serializer};

use super::trace::{Due, Trace};
use crate::allocation::Timestamp;
use crate::telemetry::request_id::RequestId;

/// An address space of one provider: within it an address is promised once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Space {
    /// The key of the IPAM: the provider's name, or that of the settings file where several IPAMs have one provider.
    pub provider: Arc<str>,
    /// The space, as the provider names it.
    pub name: AddressSpace,
}

/// The subnet that an address is asked for in. The space decides who may have the address; prefix and group are for people,
/// and say which part of the space is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Scope {
    /// The provider and its space.
    #[serde(flatten, serialize_with = "space_as_two")]
    pub space: Space,
    /// The group that the record is in, whether it was asked for or not.
    pub group: Option<GroupName>,
    /// The prefix.
    pub prefix: Prefix,
}

fn space_as_two<S: Serializer>(space: &Space, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Two<'a> {
        provider: &'a str,
        space: &'a str,
    }
    Two { provider: &space.provider, space: space.name.as_str() }.serialize(serializer)
}

impl Scope {
    /// The scope of a subnet of the IPAM of this key.
    pub fn new(provider: &str, subnet: &Subnet) -> Self {
        let space = Space { provider: provider.into(), name: subnet.space.clone() };
        Self { space, group: subnet.group.clone(), prefix: subnet.prefix }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&titled(self.prefix, self.group.as_ref()))
    }
}

/// How far the address of a hold has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldState {
    /// Offered to a caller, who may reserve it.
    Offered,
    /// A reservation is on its way to the IPAM.
    Adding,
    /// A reservation was sent and its answer lost: it may be in the IPAM or not.
    Unanswered,
    /// Reserved. Kept so that no batch of candidates from before offers it again.
    Reserved,
    /// In quarantine: the reservation was deleted. Offered to the MAC that had it, and to others when nothing else is free.
    Released,
}

impl HoldState {
    /// All states.
    pub(crate) const ALL: [Self; 5] = [Self::Offered, Self::Adding, Self::Unanswered, Self::Reserved, Self::Released];

    /// Its name where holds are kept, and in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Adding => "adding",
            Self::Unanswered => "unanswered",
            Self::Reserved => "reserved",
            Self::Released => "released",
        }
    }

    /// The state of this name. A state that only a newer version knows excludes the address until the hold ends.
    pub(super) fn of_name(name: &str) -> Self {
        match name {
            "offered" => Self::Offered,
            "adding" => Self::Adding,
            "unanswered" => Self::Unanswered,
            "released" => Self::Released,
            _ => Self::Reserved,
        }
    }
}

/// Tells one request from another: 32 bits of a hash of its `X-Request-Id`. That is enough, because only requests with
/// one MAC in one space are compared, within the life of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestMark(NonZeroU32);

impl RequestMark {
    /// The mark of a request whose id has the hash 1.
    #[cfg(test)]
    pub(super) const FIRST: Self = Self(NonZeroU32::MIN);

    /// The mark of a request whose id has this hash. A mark is its own hash: `of(mark.get())` is the same mark.
    pub(in crate::allocation) fn of(hash: u64) -> Self {
        let [.., a, b, c, d] = hash.to_be_bytes();
        Self(NonZeroU32::new(u32::from_be_bytes([a, b, c, d])).unwrap_or(NonZeroU32::MIN))
    }

    pub(in crate::allocation) fn get(self) -> u32 {
        self.0.get()
    }
}

/// Our promise of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The subnet that it was last asked for in.
    pub scope: Arc<Scope>,
    /// The host it is for; `None` for a caller without a MAC.
    pub mac: Option<Mac>,
    /// How far it has come.
    pub state: HoldState,
    /// When it was promised, or last promised again; for an address that is being added, when that began; for a released
    /// one, when it was released.
    pub granted: Timestamp,
    /// When the promise ends.
    pub until: Timestamp,
    /// The request that was last answered with it.
    pub request: Option<RequestMark>,
    /// Which event of the place last changed it; compares with [`Ask::arrival`].
    pub event: u64,
    /// When the IPAM last said that the address is free.
    pub confirmed: Timestamp,
    /// What a request of Foreman's has done to the address.
    pub trace: Option<Arc<Trace>>,
}

impl Hold {
    /// Does it count? One that has ended is as good as absent.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// The trace of a request, if it is the one that is there.
    pub(in crate::allocation) fn trace_of(&self, request: &RequestId) -> Option<&Trace> {
        self.trace.as_deref().filter(|trace| trace.request == *request)
    }

    /// When the address is dealt with after a refusal, if it is to be.
    pub(in crate::allocation) fn due(&self) -> Option<Due> {
        self.trace.as_ref()?.due
    }

    /// From when a proxy has to see to the hold, if one has to. Of an add whose answer is lost the proxy knows that had it, and
    /// there may be thousands: they come last.
    pub(in crate::allocation) fn pending(&self) -> Option<Timestamp> {
        match (self.state, self.due()) {
            (HoldState::Adding, _) => Some(self.granted),
            (_, Some(due)) => Some(due.at),
            (HoldState::Unanswered, None) => Some(Timestamp(u64::MAX)),
            (_, None) => None,
        }
    }
}

/// One question for an address.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The host that asks, if known.
    pub mac: Option<Mac>,
    /// The request it belongs to.
    pub request: Option<RequestMark>,
    /// When it came, among all events of the place.
    pub arrival: u64,
}

/// An address that can be offered without a new look for free ones: again to its MAC, or to another host after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The address.
    pub address: IpAddr,
    /// When the IPAM last said that it is free.
    pub confirmed: Timestamp,
    /// Tells this state of the hold from a later one.
    pub event: u64,
}

impl Offer {
    pub(in crate::allocation) fn of(address: IpAddr, hold: &Hold) -> Self {
        Self { address, confirmed: hold.confirmed, event: hold.event }
    }
}

/// What a promise is made of.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// The question.
    pub ask: Ask,
    /// How long the promise lives.
    pub life: Duration,
    /// When the IPAM last said that the address is free.
    pub confirmed: Timestamp,
}

/// The time and the number of an event, both of the place that keeps the holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// Orders the event among all others of the place.
    pub event: u64,
}
