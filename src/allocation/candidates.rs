//! Free addresses in batches: one provider call serves many callers.
//!
//! A batch is what the provider called free at one moment, with what was held then left out. It is used for at most
//! `candidate_seconds` and belongs to a generation of its subnet: a caller that finds the batch used up, or learns from the
//! provider something that contradicts it, moves the subnet to the next generation. Callers that come while a batch is
//! being fetched wait for that one call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipam_provider::{AddressSet, FreeQuery, Prefix, Provider, addresses_between, next_address};
use moka::{future, sync};

use super::events::{EventKind, Events, Subject};
use super::holds::{HeldIn, Moment, Place, Scope, Space};
use super::lookup::Found;
use super::offer_counts::OfferCounts;
use super::{Failure, Timestamp};

/// How many addresses are fetched at least. A burst of host creations in one subnet needs one call in as many.
const BATCH: usize = 64;

/// How many are fetched at least where one is chosen among many: as many as Neutron's own driver chooses from.
const WINDOW: usize = 1000;

/// How many are fetched at most: more would be stale before they are used.
const BATCH_AT_MOST: usize = 4096;

/// A subnet that was not asked for this long has no batch.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

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
    /// When the IPAM was asked. Its answer is from some time after that, and is none to a question that came later.
    pub(super) asked: Moment,
    /// How many addresses were promised, and so not asked for.
    pub(super) promised: usize,
    counts: Arc<OfferCounts>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.counts.waste(self.left().count());
    }
}

impl Batch {
    /// The addresses that were not given out yet, lowest first.
    pub(super) fn left(&self) -> impl Iterator<Item = IpAddr> {
        let from = *self.from.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = from.into_iter().flat_map(|from| self.addresses.runs_within(from, HIGHEST));
        runs.flat_map(|(first, last)| addresses_between(first, last))
    }

    /// This address was given out: the first of those left that was not held. A hint only: the holds decide what is free.
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

type Key = (Space, Prefix);

/// How many addresses a batch is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Width {
    /// Enough for a burst of callers that take the lowest.
    Narrow,
    /// Enough to choose among them.
    Window,
}

impl Width {
    fn at_least(self) -> usize {
        match self {
            Self::Narrow => BATCH,
            Self::Window => WINDOW,
        }
    }
}

/// The current batches of all subnets.
#[derive(Debug)]
pub(super) struct Candidates {
    generations: sync::Cache<Key, Arc<AtomicU64>>,
    /// A subnet's batches of both widths are of one generation.
    batches: future::Cache<(Key, u64, Width), Arc<Batch>>,
    life: Duration,
    /// Of all batches of the process.
    pub(super) counts: Arc<OfferCounts>,
}

impl Candidates {
    /// Batches that are used for at most `life`.
    pub(super) fn new(life: Duration) -> Self {
        // The cache's own time limit only frees memory; a batch may be too old before.
        let kept = life.max(Duration::from_secs(1));
        Self {
            generations: sync::Cache::builder().time_to_idle(FORGOTTEN_AFTER).build(),
            batches: future::Cache::builder().time_to_live(kept).build(),
            life,
            counts: Arc::default(),
        }
    }

    /// The current batch of a subnet; fetched when there is none. `now` is the time of the holds.
    pub(super) async fn of(
        &self,
        subnet: &Found,
        place: &dyn Place,
        events: &Events,
        now: Timestamp,
        width: Width,
    ) -> Result<Arc<Batch>, Failure> {
        let current = self.generation(&subnet.scope);
        let (key, generation) = loop {
            let generation = current.load(Ordering::Acquire);
            let key = (key(&subnet.scope), generation, width);
            match self.batches.get(&key).await {
                Some(batch) if now.since(batch.asked.now) <= self.life => return Ok(batch),
                Some(_) => self.drop_batch(&subnet.scope, generation),
                None if current.load(Ordering::Acquire) == generation => break (key, generation),
                // Used up and dropped while it was looked for.
                None => {}
            }
        };
        if let Some(before) = generation.checked_sub(1) {
            // It is not asked for again; a burst would leave many in memory before their time is over.
            for width in [Width::Narrow, Width::Window] {
                self.batches.invalidate(&(key.0.clone(), before, width)).await;
            }
        }
        let fetching = fetch(subnet, place, events, &self.counts, (generation, width));
        let fetched = self.batches.try_get_with(key, fetching).await;
        fetched.map_err(|failure: Arc<Failure>| (*failure).clone())
    }

    /// Makes a batch no longer current. Of several callers that found the same batch used up, the first moves on; the
    /// others find that done.
    pub(super) fn drop_batch(&self, scope: &Scope, generation: u64) {
        let current = self.generation(scope);
        let _ = current.compare_exchange(generation, generation + 1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Makes the current batch of a subnet no longer current, whichever it is.
    pub(super) fn drop_current(&self, scope: &Scope) {
        self.generation(scope).fetch_add(1, Ordering::AcqRel);
    }

    /// The same for all subnets.
    pub(super) fn drop_all(&self) {
        for (_, generation) in &self.generations {
            generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn generation(&self, scope: &Scope) -> Arc<AtomicU64> {
        let key = key(scope);
        self.generations.get(&key).unwrap_or_else(|| self.generations.get_with(key, Arc::default))
    }
}

fn key(scope: &Scope) -> Key {
    (scope.space.clone(), scope.prefix)
}

async fn fetch(
    subnet: &Found,
    place: &dyn Place,
    events: &Events,
    counts: &Arc<OfferCounts>,
    (generation, width): (u64, Width),
) -> Result<Arc<Batch>, Failure> {
    let asked = place.moment().await?;
    let mut held = place.held(&subnet.scope).await?;
    let mut addresses = free_addresses(subnet, &held, width).await?;
    // Before others lose theirs, or the subnet counts as full, what has ended is looked for.
    if addresses.is_empty() && place.remove_ended_in(&subnet.scope).await? {
        held = place.held(&subnet.scope).await?;
        addresses = free_addresses(subnet, &held, width).await?;
    }
    let HeldIn { addresses: held, promised } = held;
    // What a provider says is checked before it is offered.
    addresses.retain(|address| {
        let is_sound = subnet.is_offerable(*address) && !held.contains(*address);
        if !is_sound {
            events.emit(Subject::of(&subnet.scope, *address), EventKind::UnsoundCandidate);
        }
        is_sound
    });
    counts.fetch(addresses.len());
    Ok(Arc::new(Batch {
        is_all: addresses.is_empty(),
        addresses: addresses.into_iter().collect(),
        from: Mutex::new(Some(LOWEST)),
        generation,
        asked,
        promised,
        counts: counts.clone(),
    }))
}

/// Free addresses of a subnet that are not held, lowest first; enough for a batch of this width.
pub(super) async fn free_addresses(subnet: &Found, held: &HeldIn, width: Width) -> Result<Vec<IpAddr>, Failure> {
    let held = &held.addresses;
    // Many holds mean a large burst: larger batches keep the number of calls small.
    let at_most = (held.len() / 8).clamp(width.at_least(), BATCH_AT_MOST);
    Ok(subnet.provider().free_addresses(subnet, FreeQuery { at_most, held }).await?)
}
