//! The live holds, to be shown to people and programs.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::hold::{Hold, HoldState, Scope};
use super::holds::SubnetHolds;

/// One live hold, for people and programs that want to see who holds what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldAddress {
    /// The subnet.
    #[serde(flatten)]
    pub scope: Scope,
    /// The address.
    pub address: IpAddr,
    /// `offered`, `adding`, `unanswered` or `reserved`.
    pub state: HoldState,
    /// Whom it is held for, if known.
    pub mac: Option<ipam_provider::Mac>,
    /// Since when, in UTC.
    pub since: String,
    /// Until when, in UTC.
    pub until: String,
}

impl HeldAddress {
    pub(super) fn new(scope: &Scope, address: IpAddr, hold: &Hold) -> Self {
        Self {
            scope: scope.clone(),
            address,
            state: hold.state,
            mac: hold.mac,
            since: hold.granted.to_utc(),
            until: hold.until.to_utc(),
        }
    }
}

/// Live holds by subnet and address, some at a time: there may be a million, and nobody waits for all of them. Each piece
/// is as it was when it was taken.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Those that are not listed to the end.
    subnets: VecDeque<Arc<SubnetHolds>>,
    /// The last address that was listed of the first of them.
    behind: Option<IpAddr>,
}

impl Listing {
    /// Lists the subnets in this order.
    pub(super) fn new(subnets: impl IntoIterator<Item = Arc<SubnetHolds>>) -> Self {
        Self { subnets: subnets.into_iter().collect(), behind: None }
    }
}

/// A list of all holds that are left.
impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.clone().flatten())
    }
}

impl Iterator for Listing {
    type Item = Vec<HeldAddress>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(subnet) = self.subnets.front() {
            let held = |(address, hold)| HeldAddress::new(subnet.scope(), address, &hold);
            let piece = subnet.some_behind(self.behind, subnet.now(), held);
            if let Some(last) = piece.last() {
                self.behind = Some(last.address);
                return Some(piece);
            }
            self.subnets.pop_front();
            self.behind = None;
        }
        None
    }
}
