//! Which addresses are orphans.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use ipam_provider::Reservation;
use jiff::Timestamp;

use super::InForeman;
use crate::allocation::{Allocator, Failure, GroupChoice};
use crate::foreman_api::{Inventory, Scope};
use crate::ledger::{LedgerError, Records, Standing};

/// How many records of the ledger are read at a time.
const ROWS: usize = 1000;

/// How many records of the IPAM are looked at at once: Foreman's calls have the rest of it.
const AT_ONCE: usize = 4;

/// Why no orphans are looked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSearched {
    /// Foreman may have more hosts than it shows.
    #[error("nothing is concluded from what Foreman shows, because it may not be everything: {0}")]
    NotWhole(String),
    /// There is no ledger that could be read.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

/// The search for orphans.
#[derive(Debug)]
pub(crate) struct Search<'s> {
    /// What was added.
    pub ledger: &'s Records,
    /// The IPAM.
    pub allocator: &'s Arc<Allocator>,
    /// What Foreman has.
    pub inventory: &'s Inventory,
    /// When the inventory was begun.
    pub taken: Timestamp,
    /// How old an address must be.
    pub after: Duration,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The orphans, by address.
    pub orphans: Vec<Standing>,
    /// Addresses that may be orphans, and that the IPAM could not be asked about.
    pub unread: Vec<(IpAddr, Failure)>,
}

impl Search<'_> {
    /// Looks for all orphans.
    ///
    /// # Errors
    /// When the inventory is not proven to be complete, or the ledger cannot be read.
    pub(crate) async fn run(&self) -> Result<Found, NotSearched> {
        if let Scope::Unproven { why } = &self.inventory.scope {
            return Err(NotSearched::NotWhole(why.clone()));
        }
        let foreman = InForeman::of(self.inventory);
        let mut missing = Vec::new();
        let mut after = None;
        loop {
            let (part, next) = self.ledger.standing(after, ROWS).await?;
            missing.extend(part.into_iter().filter(|standing| self.is_missing(standing, &foreman)));
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let mut suspects = Vec::new();
        for standing in missing {
            if !self.has_moved(&standing, &foreman).await? {
                suspects.push(standing);
            }
        }
        let mut looks = stream::iter(suspects)
            .map(|standing| async move { (self.look(&standing).await, standing) })
            .buffered(AT_ONCE);
        let mut found = Found::default();
        while let Some((look, standing)) = looks.next().await {
            match look {
                Ok(true) => found.orphans.push(standing),
                Ok(false) => {}
                Err(failure) => found.unread.push((standing.address, failure)),
            }
        }
        Ok(found)
    }

    /// Was it added long enough ago, by Foreman, for a subnet that uses this proxy, and has no host in Foreman it?
    fn is_missing(&self, standing: &Standing, foreman: &InForeman<'_>) -> bool {
        is_of_foreman(standing)
            && is_older(standing, self.taken, self.after)
            && foreman.uses(standing.prefix)
            && foreman.with(standing.address).is_empty()
            && self.allocator.provider().is_of(&standing.provider, standing.prefix, standing.group.as_ref())
    }

    /// Does its host have another address of the subnet that was not added through the proxy? Foreman changes addresses so when
    /// it imports facts: the host exists, and may still use the old one. After a roll-back and another try, the new address was
    /// added.
    async fn has_moved(&self, standing: &Standing, foreman: &InForeman<'_>) -> Result<bool, LedgerError> {
        for now in foreman.of_host(standing.mac, standing.host_name.as_deref()) {
            let is_there = standing.prefix.contains(now.address);
            if is_there && self.ledger.standing_of(now.address).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Does the IPAM have a record of ours that is of this host?
    async fn look(&self, standing: &Standing) -> Result<bool, Failure> {
        let group = GroupChoice::of(standing.group.clone());
        match self.allocator.reservation(standing.prefix, &group, standing.address).await {
            Ok(record) => Ok(record.is_some_and(|record| is_record_of(standing, &record))),
            // Nothing is left there.
            Err(Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. }) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

/// Has Foreman added it?
fn is_of_foreman(standing: &Standing) -> bool {
    standing.door.as_deref() == Some("foreman")
}

/// Was it added so long before a time?
pub(crate) fn is_older(standing: &Standing, taken: Timestamp, after: Duration) -> bool {
    u64::try_from(taken.duration_since(standing.since).as_secs()).is_ok_and(|age| age >= after.as_secs())
}

/// Does the record carry the proxy's mark, and name no other host than the ledger?
pub(super) fn is_record_of(standing: &Standing, record: &Reservation) -> bool {
    let is_same_mac = record.mac.zip(standing.mac).is_none_or(|(one, other)| one == other);
    let names = record.hostname.as_deref().filter(|name| !name.is_empty()).zip(standing.host_name.as_deref());
    record.ours && is_same_mac && names.is_none_or(|(one, other)| one.eq_ignore_ascii_case(other))
}
