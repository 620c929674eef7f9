//! The holds of one address space in memory: by address, and an index by MAC.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Mac, Prefix};

use super::hold::{Ask, Grant, Hold, HoldState, Moment, Offer, Scope};
use super::place::{Held, StateCounts};
use super::rules::{self, Becomes, Step};
use super::runs::Runs;
use crate::allocation::Timestamp;
use crate::telemetry::request_id::RequestId;

/// The lowest address of both families, in the order of [`IpAddr`].
const LOWEST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The highest.
const HIGHEST: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));

/// A hold, and until when the journal has it.
#[derive(Debug, Clone)]
struct Entry {
    hold: Hold,
    journaled: Timestamp,
}

/// The holds of one address space. What is held in a prefix is a range of it.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Boxed: half of a tree's room is empty where addresses come in order.
    by_address: BTreeMap<IpAddr, Box<Entry>>,
    /// Of the holds that can be offered to their MAC again. Two MACs may have the same mark.
    by_mac: BTreeSet<(MacMark, IpAddr)>,
    /// Of the holds that a request has left a trace on.
    by_request: BTreeSet<(RequestId, IpAddr)>,
    /// The addresses whose holds a proxy has to see to, in the order of [`Hold::pending`].
    pending: BTreeSet<(Timestamp, IpAddr)>,
    /// The addresses in `by_address`.
    held: Runs,
    /// Those of them that are reserved in the IPAM as far as is known.
    reserved: Runs,
    /// How many of them are in each state.
    states: StateCounts,
    /// Where the removal of ended holds goes on.
    swept_to: Option<IpAddr>,
}

impl Table {
    /// How many there are, ended ones included.
    pub(super) fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Is an address there, live or ended?
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.by_address.contains_key(&address)
    }

    /// The live hold of an address.
    pub(super) fn get(&self, address: IpAddr, now: Timestamp) -> Option<&Hold> {
        self.by_address.get(&address).map(|entry| &entry.hold).filter(|hold| hold.is_live(now))
    }

    /// The hold of an address, live or ended.
    pub(super) fn entry(&self, address: IpAddr) -> Option<&Hold> {
        self.by_address.get(&address).map(|entry| &entry.hold)
    }

    /// Until when the journal has the hold of an address.
    pub(super) fn journaled(&self, address: IpAddr) -> Timestamp {
        self.by_address.get(&address).map_or(Timestamp::default(), |entry| entry.journaled)
    }

    /// Notes until when the journal has it.
    pub(super) fn set_journaled(&mut self, address: IpAddr, until: Timestamp) {
        if let Some(entry) = self.by_address.get_mut(&address) {
            entry.journaled = until;
        }
    }

    /// Enters a hold in place of any other of the address.
    pub(super) fn put(&mut self, address: IpAddr, hold: Hold) {
        let key = key(address, &hold);
        // A renewal changes neither state nor MAC; what the journal has of it still counts, unless it is now too long.
        let is_renewed = |before: &Hold| {
            let is_same = before.state == hold.state && before.mac == hold.mac && before.trace == hold.trace;
            is_same && before.pending() == hold.pending() && before.until <= hold.until
        };
        let is_renewal = self.by_address.get(&address).is_some_and(|entry| is_renewed(&entry.hold));
        let journaled = if is_renewal { self.journaled(address) } else { Timestamp::default() };
        if !is_renewal {
            self.held.insert(address);
            match hold.state {
                HoldState::Reserved => self.reserved.insert(address),
                _ => self.reserved.remove(address),
            }
            self.index(address, &hold);
        }
        self.states.add(hold.state, 1);
        let before = self.by_address.insert(address, Box::new(Entry { hold, journaled }));
        if let Some(entry) = &before {
            self.states.remove_one(entry.hold.state);
        }
        let old_key = before.and_then(|entry| self::key(address, &entry.hold));
        if old_key != key {
            if let Some(old) = old_key {
                self.by_mac.remove(&old);
            }
            self.by_mac.extend(key);
        }
    }

    /// Enters a hold in the indices by request and of what is pending, in place of what is there of the address.
    fn index(&mut self, address: IpAddr, hold: &Hold) {
        let before = self.by_address.get(&address).map(|entry| &entry.hold);
        let (old, new) = (before.and_then(|before| before.trace.as_deref()), hold.trace.as_deref());
        if old.map(|trace| &trace.request) != new.map(|trace| &trace.request) {
            if let Some(trace) = old {
                self.by_request.remove(&(trace.request.clone(), address));
            }
            self.by_request.extend(new.map(|trace| (trace.request.clone(), address)));
        }
        if let Some(from) = before.and_then(Hold::pending) {
            self.pending.remove(&(from, address));
        }
        self.pending.extend(hold.pending().map(|from| (from, address)));
    }

    /// Removes the hold of an address.
    pub(super) fn remove(&mut self, address: IpAddr) {
        let Some(entry) = self.by_address.remove(&address) else { return };
        self.held.remove(address);
        self.reserved.remove(address);
        self.states.remove_one(entry.hold.state);
        if let Some(from) = entry.hold.pending() {
            self.pending.remove(&(from, address));
        }
        if let Some(trace) = &entry.hold.trace {
            self.by_request.remove(&(trace.request.clone(), address));
        }
        if let Some(key) = key(address, &entry.hold) {
            self.by_mac.remove(&key);
        }
    }

    /// The addresses that have a hold, live or ended.
    pub(super) fn held(&self) -> &Runs {
        &self.held
    }

    /// Those of them whose address is reserved as far as is known: few, and for seconds.
    pub(super) fn reserved(&self) -> &Runs {
        &self.reserved
    }

    /// How many are in each state, ended ones included.
    pub(super) fn states(&self) -> &StateCounts {
        &self.states
    }

    /// The live holds that a request has left a trace on.
    pub(super) fn traced(&self, request: &RequestId, now: Timestamp) -> Vec<Held> {
        let of_request = (request.clone(), LOWEST)..=(request.clone(), HIGHEST);
        let addresses = self.by_request.range(of_request).map(|(_, address)| *address);
        addresses.filter_map(|address| Some((address, self.get(address, now)?.clone()))).collect()
    }

    /// The first live holds that a proxy has to see to.
    pub(super) fn pending(&self, now: Timestamp, at_most: usize) -> Vec<Held> {
        let addresses = self.pending.iter().map(|(_, address)| *address);
        let held = addresses.filter_map(|address| Some((address, self.get(address, now)?.clone())));
        held.take(at_most).collect()
    }

    /// What the asking MAC is to be offered again in the prefix.
    pub(super) fn offer_for(&self, prefix: Prefix, ask: &Ask, now: Timestamp) -> Option<Offer> {
        let mac = ask.mac?;
        let of_mark = self.by_mac.range((mark(mac), prefix.network())..=(mark(mac), prefix.last()));
        let holds = of_mark.filter_map(|(_, address)| Some((*address, self.get(*address, now)?)));
        rules::offer_for(holds.filter(|(_, hold)| hold.mac == Some(mac)), ask)
    }

    /// The promise that a claim comes to: of the address that the asking MAC is to be offered again, or of the first
    /// candidate that is not held; `None` when all are held.
    pub(super) fn promise(
        &self,
        scope: &Arc<Scope>,
        mut candidates: &mut dyn Iterator<Item = IpAddr>,
        grant: &Grant,
        at: Moment,
    ) -> Option<Promise> {
        if let Some(again) = self.promise_again(scope, grant, at) {
            return Some(again);
        }
        let address = Iterator::find(&mut candidates, |address| self.get(*address, at.now).is_none())?;
        Some(Promise { address, hold: rules::granted(scope, grant, at), is_one_more: !self.has(address) })
    }

    fn promise_again(&self, scope: &Arc<Scope>, grant: &Grant, at: Moment) -> Option<Promise> {
        let offer = self.offer_for(scope.prefix, &grant.ask, at.now)?;
        // A released address is offered again only after the IPAM was asked about it.
        let there = self.get(offer.address, at.now).filter(|hold| hold.state != HoldState::Released);
        match Step::Renew(offer, Grant { confirmed: offer.confirmed, ..*grant }).apply(scope, there, at) {
            Becomes::Held(hold) => Some(Promise { address: offer.address, hold, is_one_more: false }),
            Becomes::Unchanged | Becomes::Ended => None,
        }
    }

    /// The entries after an address, live and ended, at most so many; of all, or of a prefix.
    pub(super) fn some_after(
        &self,
        after: Option<IpAddr>,
        within: Option<Prefix>,
        at_most: usize,
    ) -> impl Iterator<Item = (IpAddr, &Hold)> {
        let first = within.map_or(LOWEST, |prefix| prefix.network());
        let from = match after {
            Some(address) if address >= first => Bound::Excluded(address),
            _ => Bound::Included(first),
        };
        let is_within = move |address: &IpAddr| within.is_none_or(|prefix| *address <= prefix.last());
        let entries = self.by_address.range((from, Bound::Unbounded));
        entries
            .take_while(move |(address, _)| is_within(address))
            .take(at_most)
            .map(|(address, entry)| (*address, &entry.hold))
    }

    /// Of these many entries after an address: the best to be given to another host, and where to go on.
    pub(super) fn spare_after(
        &self,
        after: Option<IpAddr>,
        prefix: Prefix,
        at_most: usize,
        now: Timestamp,
        recycle_after: Duration,
    ) -> (Option<(Spare, Offer)>, Option<IpAddr>) {
        let (mut best, mut last): (Option<(Spare, Offer)>, _) = (None, None);
        for (address, hold) in self.some_after(after, Some(prefix), at_most) {
            last = Some(address);
            let spare = rules::spare(hold, now, recycle_after).filter(|_| hold.is_live(now));
            if let Some(rank) = spare.filter(|rank| best.as_ref().is_none_or(|(known, _)| rank < known)) {
                best = Some((rank, Offer::of(address, hold)));
            }
        }
        (best, last)
    }

    /// Removes what has ended of the next entries.
    pub(super) fn sweep(&mut self, at_most: usize, now: Timestamp) -> Swept {
        let swept = self.sweep_after(self.swept_to, None, at_most, now);
        self.swept_to = swept.last;
        swept
    }

    /// Removes what has ended of these many entries after an address; of all, or of a prefix.
    pub(super) fn sweep_after(
        &mut self,
        after: Option<IpAddr>,
        within: Option<Prefix>,
        at_most: usize,
        now: Timestamp,
    ) -> Swept {
        let (mut swept, mut ended, mut count) = (Swept::default(), Vec::new(), 0);
        for (address, hold) in self.some_after(after, within, at_most) {
            count += 1;
            swept.last = Some(address);
            if !hold.is_live(now) {
                ended.push((address, hold.state));
            }
        }
        if count < at_most {
            swept.last = None;
        }
        swept.removed = ended.len();
        for (address, state) in ended {
            swept.unanswered.extend((state == HoldState::Unanswered).then_some(address));
            self.remove(address);
        }
        swept
    }
}

/// What a claim enters.
#[derive(Debug)]
pub(super) struct Promise {
    pub(super) address: IpAddr,
    pub(super) hold: Hold,
    /// Is there no entry of the address yet, live or ended?
    pub(super) is_one_more: bool,
}

/// What a sweep has done.
#[derive(Debug, Default)]
pub(super) struct Swept {
    /// How many holds were removed.
    pub(super) removed: usize,
    /// Addresses of them of which it was unknown whether they are reserved.
    pub(super) unanswered: Vec<IpAddr>,
    /// Where the next sweep goes on; `None` when it begins at the beginning.
    pub(super) last: Option<IpAddr>,
}

/// How soon a hold is given to another host; see [`rules::spare`].
pub(super) type Spare = (bool, Timestamp, u64);

/// Bytes that stand for a MAC in the index: a third of those that a MAC takes.
type MacMark = [u8; 8];

fn mark(mac: Mac) -> MacMark {
    let mut hasher = DefaultHasher::new();
    mac.hash(&mut hasher);
    hasher.finish().to_be_bytes()
}

/// Its place in the index by MAC, if it can be offered to its MAC again.
fn key(address: IpAddr, hold: &Hold) -> Option<(MacMark, IpAddr)> {
    let can_be_offered = matches!(hold.state, HoldState::Offered | HoldState::Released);
    hold.mac.filter(|_| can_be_offered).map(|mac| (mark(mac), address))
}
