//! Free addresses in batches: one provider call serves many callers.
//!
//! A batch is what the provider called free at one moment, with what was held then left out. It is used for at most
//! `candidate_seconds` and belongs to a generation of its subnet: whoever finds the batch used up, or hears something
//! from the provider that contradicts it, moves the subnet to the next generation. Callers that come while a batch is
//! being fetched wait for that one call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipam_provider::{AddressSet, FreeQuery, Provider, Subnet, addresses_between, next_address};
use moka::future::Cache;

use super::hold::Scope;
use super::holds::SubnetHolds;
use super::{Failure, Timestamp};

/// How many addresses are fetched at least. A burst of host creations in one subnet needs one call in as many.
const BATCH: usize = 64;

/// How many are fetched at most: more would be stale before they are used.
const BATCH_AT_MOST: usize = 4096;

/// The ends of all addresses of both families, in the order of [`IpAddr`].
const LOWEST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const HIGHEST: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));

/// Addresses that were free when the provider was asked.
#[derive(Debug)]
pub(super) struct Batch {
    addresses: AddressSet,
    /// All addresses below this one have been given out; `None` when all have.
    from: Mutex<Option<IpAddr>>,
    /// There are no more than these. Known of an empty answer only: one with fewer addresses than were asked for may be
    /// all that the provider could find in reasonable time.
    pub(super) is_all: bool,
    pub(super) generation: u64,
    /// When the IPAM was asked. Its answer is from some time after that.
    pub(super) asked_at: Timestamp,
    /// The same among all events of this process: the answer is none to a question that came later.
    pub(super) asked_event: u64,
}

impl Batch {
    /// The addresses that nobody was given yet, lowest first.
    pub(super) fn left(&self) -> impl Iterator<Item = IpAddr> {
        let from = *self.from.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = from.into_iter().flat_map(|from| self.addresses.runs_within(from, HIGHEST));
        runs.flat_map(|(first, last)| addresses_between(first, last))
    }

    /// Somebody was given this address, which is the first of those left that was not held. A hint only: the holds tell
    /// what is free.
    pub(super) fn mark_used(&self, address: IpAddr) {
        if !self.addresses.contains(address) {
            return;
        }
        let mut from = self.from.lock().unwrap_or_else(PoisonError::into_inner);
        if from.is_some_and(|from| from <= address) {
            *from = next_address(address);
        }
    }
}

/// The current batches of all subnets.
#[derive(Debug)]
pub(super) struct Candidates {
    batches: Cache<(Scope, u64), Arc<Batch>>,
    life: Duration,
}

impl Candidates {
    /// Batches that are used for at most `life`.
    pub(super) fn new(life: Duration) -> Self {
        // The cache's own time limit only frees memory; a batch may be too old before.
        let kept = life.max(Duration::from_secs(1));
        Self { batches: Cache::builder().time_to_live(kept).build(), life }
    }

    /// The current batch of a subnet; fetched when there is none.
    pub(super) async fn of(
        &self,
        provider: &dyn Provider,
        subnet: &Subnet,
        holds: &SubnetHolds,
    ) -> Result<Arc<Batch>, Failure> {
        let (key, generation) = loop {
            let generation = holds.generation();
            let key = (holds.scope().clone(), generation);
            match self.batches.get(&key).await {
                Some(batch) if holds.now().since(batch.asked_at) <= self.life => return Ok(batch),
                Some(_) => holds.drop_candidates(generation),
                None if holds.generation() == generation => break (key, generation),
                // Used up and dropped while it was looked for.
                None => {}
            }
        };
        if let Some(before) = generation.checked_sub(1) {
            // Nobody asks for it any more; a burst would leave many behind before their time is over.
            self.batches.invalidate(&(key.0.clone(), before)).await;
        }
        let fetched = self.batches.try_get_with(key, fetch(provider, subnet, holds, generation)).await;
        fetched.map_err(|failure: Arc<Failure>| (*failure).clone())
    }
}

async fn fetch(
    provider: &dyn Provider,
    subnet: &Subnet,
    holds: &SubnetHolds,
    generation: u64,
) -> Result<Arc<Batch>, Failure> {
    let (asked_at, asked_event) = (holds.now(), holds.tick());
    let held = holds.table().held(asked_at);
    // Many holds mean a large burst: larger batches keep the number of calls small.
    let at_most = (held.len() / 8).clamp(BATCH, BATCH_AT_MOST);
    let mut addresses = provider.free_addresses(subnet, FreeQuery { at_most, held: &held }).await?;
    // What a provider says is checked before it is offered.
    addresses.retain(|address| {
        let is_sound = subnet.is_offerable(*address) && !held.contains(*address);
        if !is_sound {
            log::warn!("{} offers {address} in {subnet}, which cannot be given out", provider.name());
        }
        is_sound
    });
    Ok(Arc::new(Batch {
        is_all: addresses.is_empty(),
        addresses: addresses.into_iter().collect(),
        from: Mutex::new(Some(LOWEST)),
        generation,
        asked_at,
        asked_event,
    }))
}
