//! Addresses, hosts, times and holds as numbers, as few as can still go wrong.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ipam_provider::{AddressSpace, Mac};

use super::super::hold::{Hold, HoldState, Offer, RequestMark, Scope, Space};
use crate::allocation::Timestamp;

/// Addresses `10.0.0.1` to `10.0.0.3`.
pub(super) const ADDRESSES: u8 = 3;

/// Ticks of the clock. A request ends within a tick after the one that it came in.
pub(super) const LIFE: u64 = 3;
pub(super) const LIFE_WITHOUT_MAC: u64 = 3;
pub(super) const RECYCLE_AFTER: u64 = 1;
pub(super) const QUARANTINE: u64 = 4;
/// A batch is younger than this when a request comes that uses it.
pub(super) const CANDIDATE: u64 = 1;
pub(super) const BUDGET: u64 = 1;
/// How long a batch of now, and a request that uses it, may live.
pub(super) const SETTLED: u64 = CANDIDATE + BUDGET;
/// How long the fate of an unanswered add is looked for; until then it has taken effect or never will.
pub(super) const LOOKED_FOR: u64 = 3;
/// How long an add excludes its address: a proxy that ends in the middle of it leaves nobody to look.
pub(super) const ADDED_WITHIN: u64 = BUDGET + LOOKED_FOR;

/// The whole space, and the part of it that is asked for first.
pub(super) static SCOPES: LazyLock<[Arc<Scope>; 2]> = LazyLock::new(|| {
    ["10.0.0.0/30", "10.0.0.1/32"].map(|prefix| {
        let space = Space { provider: "netbox".into(), name: AddressSpace::new("vrf 1") };
        Arc::new(Scope { space, group: None, prefix: prefix.parse().expect("a prefix") })
    })
});

pub(super) fn ip(address: u8) -> IpAddr {
    [10, 0, 0, address].into()
}

pub(super) fn number_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(v4) => v4.octets()[3],
        IpAddr::V6(_) => unreachable!("there is none"),
    }
}

static MACS: LazyLock<[Mac; 2]> =
    LazyLock::new(|| ["00:00:5e:00:53:01", "00:00:5e:00:53:02"].map(|mac| mac.parse().expect("a MAC")));

/// The MAC of a host; host 0 has none.
pub(super) fn mac(host: u8) -> Option<Mac> {
    host.checked_sub(1).map(|number| MACS[usize::from(number)])
}

fn host_of(mac: Option<Mac>) -> u8 {
    mac.map_or(0, |mac| if mac == MACS[0] { 1 } else { 2 })
}

/// Of the only allocation.
pub(super) const MARK: RequestMark = RequestMark::FIRST;

/// A hold in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Small {
    pub(super) subnet: u8,
    pub(super) host: u8,
    pub(super) state: u8,
    pub(super) granted: u64,
    pub(super) until: u64,
    pub(super) event: u64,
    pub(super) confirmed: u64,
    /// Was it promised to the allocation?
    pub(super) is_allocation: bool,
}

const STATES: [HoldState; 5] =
    [HoldState::Offered, HoldState::Adding, HoldState::Unanswered, HoldState::Reserved, HoldState::Released];

impl Small {
    pub(super) fn of(hold: &Hold) -> Self {
        let at = |list: &[HoldState]| list.iter().position(|state| *state == hold.state).expect("a state");
        Self {
            subnet: u8::from(hold.scope == SCOPES[1]),
            host: host_of(hold.mac),
            state: u8::try_from(at(&STATES)).expect("a few"),
            granted: hold.granted.0,
            until: hold.until.0,
            event: hold.event,
            confirmed: hold.confirmed.0,
            is_allocation: hold.request.is_some(),
        }
    }

    pub(super) fn hold(&self) -> Hold {
        Hold {
            scope: SCOPES[usize::from(self.subnet)].clone(),
            mac: mac(self.host),
            state: self.state(),
            granted: Timestamp(self.granted),
            until: Timestamp(self.until),
            request: self.is_allocation.then_some(MARK),
            event: self.event,
            confirmed: Timestamp(self.confirmed),
            trace: None,
        }
    }

    pub(super) fn state(&self) -> HoldState {
        STATES[usize::from(self.state)]
    }
}

/// Free addresses of a subnet, as a proxy remembers them: one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Batch {
    pub(super) free: u8,
    pub(super) asked: u64,
    pub(super) event: u64,
}

/// A write that the IPAM may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Late {
    pub(super) caller: usize,
    pub(super) address: u8,
    pub(super) until: u64,
}

/// An offer in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SmallOffer {
    pub(super) address: u8,
    pub(super) confirmed: u64,
    pub(super) event: u64,
}

impl SmallOffer {
    pub(super) fn of(offer: Offer) -> Self {
        let address = (1..=3).find(|address| ip(*address) == offer.address).expect("one of the addresses");
        Self { address, confirmed: offer.confirmed.0, event: offer.event }
    }

    pub(super) fn offer(self) -> Offer {
        Offer { address: ip(self.address), confirmed: Timestamp(self.confirmed), event: self.event }
    }
}

pub(super) fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks)
}
