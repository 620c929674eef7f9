//! Free addresses in batches: one provider call serves many callers.
//!
//! A batch is what the provider called free at one moment, with what was held then left out. It is used for at most
//! `candidate_seconds` and belongs to a generation of its subnet: whoever finds the batch used up, or hears something
//! from the provider that contradicts it, moves the subnet to the next generation. Callers that come while a batch is
//! being fetched wait for that one call.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ipam_provider::{FreeQuery, Provider, Subnet};
use moka::future::Cache;

use super::hold::Scope;
use super::holds::SubnetHolds;
use super::{Failure, Timestamp};

/// How many addresses are fetched at least. A burst of host creations in one subnet needs one call in as many.
const BATCH: usize = 64;

/// How many are fetched at most: more would be stale before they are used.
const BATCH_AT_MOST: usize = 4096;

/// Addresses that were free when the provider was asked.
#[derive(Debug)]
pub(super) struct Batch {
    addresses: Vec<IpAddr>,
    /// How many addresses at the beginning have been given out.
    used: AtomicUsize,
    /// There are no more than these. Known of an empty answer only: one with fewer addresses than were asked for may be
    /// all that the provider could find in reasonable time.
    pub(super) is_all: bool,
    pub(super) generation: u64,
    /// When the IPAM called them free.
    pub(super) fetched: Timestamp,
    /// The same among all events of this process.
    pub(super) event: u64,
}

impl Batch {
    /// The addresses that nobody was given yet, lowest first.
    pub(super) fn left(&self) -> &[IpAddr] {
        &self.addresses[self.used.load(Ordering::Relaxed)..]
    }

    /// Somebody was given this address, which is the first of those left that was not held. A hint only: the holds tell
    /// what is free.
    pub(super) fn mark_used(&self, address: IpAddr) {
        if let Ok(position) = self.addresses.binary_search(&address) {
            self.used.fetch_max(position + 1, Ordering::Relaxed);
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
                Some(batch) if holds.now().since(batch.fetched) <= self.life => return Ok(batch),
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
    let held = holds.table().held(holds.now());
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
    addresses.sort_unstable();
    addresses.shrink_to_fit();
    let is_all = addresses.is_empty();
    Ok(Arc::new(Batch {
        addresses,
        used: AtomicUsize::new(0),
        is_all,
        generation,
        fetched: holds.now(),
        event: holds.tick(),
    }))
}
