//! A hold: our short promise of one address.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use ipam_provider::{GroupName, Mac, Prefix, Subnet, titled};
use serde::Serialize;

use super::Timestamp;

/// The subnet that a hold is in, as far as it tells holds apart.
///
/// The IPAM's own id is left out on purpose: a subnet that is deleted and made again has another, and the promises
/// stand all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Scope {
    /// The provider's name.
    pub provider: Arc<str>,
    /// The group that the record is in, whether it was asked for or not.
    pub group: Option<GroupName>,
    /// The prefix.
    pub prefix: Prefix,
}

impl Scope {
    /// The scope of a subnet of this provider.
    pub fn new(provider: &str, subnet: &Subnet) -> Self {
        Self { provider: provider.into(), group: subnet.group.clone(), prefix: subnet.prefix }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&titled(self.prefix, self.group.as_ref()))
    }
}

/// How far the address of a hold has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
}

/// Tells one request from another: 32 bits of a hash of its `X-Request-Id`. That is enough, because only requests with
/// one MAC in one subnet are compared, within the life of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestMark(NonZeroU32);

impl RequestMark {
    /// The mark of a request whose id has this hash. A mark is its own hash: `of(mark.get())` is the same mark.
    pub(super) fn of(hash: u64) -> Self {
        let [.., a, b, c, d] = hash.to_be_bytes();
        Self(NonZeroU32::new(u32::from_be_bytes([a, b, c, d])).unwrap_or(NonZeroU32::MIN))
    }

    pub(super) fn get(self) -> u32 {
        self.0.get()
    }
}

/// Our promise of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Whom it was promised to; `None` for a caller without a MAC.
    pub mac: Option<Mac>,
    /// How far it has come.
    pub state: HoldState,
    /// When it was promised, or last promised again.
    pub granted: Timestamp,
    /// When the promise ends.
    pub until: Timestamp,
    /// The request that was last answered with it.
    pub request: Option<RequestMark>,
    /// When it was granted among all events of this process; compares with [`Ask::arrival`].
    pub(super) sequence: u64,
    /// When the IPAM last said that the address is free.
    pub(super) confirmed: Timestamp,
    /// Until when the journal has it.
    pub(super) journaled: Timestamp,
}

impl Hold {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

/// One question for an address.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Who asks, if known.
    pub mac: Option<Mac>,
    /// The request it belongs to.
    pub request: Option<RequestMark>,
    /// When it came, among all events of this process.
    pub(super) arrival: u64,
}
