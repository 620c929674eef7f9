//! The holds of one address space in memory: by address, and an index by MAC.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Bound;
use std::time::Duration;

use ipam_provider::{Mac, Prefix};

use super::hold::{Ask, Hold, HoldState, Offer};
use super::rules;
use crate::allocation::Timestamp;

/// The lowest address of both families, in the order of [`IpAddr`].
const LOWEST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A hold, and until when the journal has it.
#[derive(Debug, Clone)]
struct Entry {
    hold: Hold,
    journaled: Timestamp,
}

/// The holds of one address space. What is held in a prefix is a range of it.
#[derive(Debug, Default)]
pub(super) struct Table {
    by_address: BTreeMap<IpAddr, Entry>,
    /// Of the holds that can be offered to their MAC again.
    by_mac: BTreeSet<(Mac, IpAddr)>,
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
        let is_renewed =
            |before: &Hold| before.state == hold.state && before.mac == hold.mac && before.until <= hold.until;
        let is_renewal = self.by_address.get(&address).is_some_and(|entry| is_renewed(&entry.hold));
        let journaled = if is_renewal { self.journaled(address) } else { Timestamp::default() };
        let before = self.by_address.insert(address, Entry { hold, journaled });
        let old_key = before.and_then(|entry| self::key(address, &entry.hold));
        if old_key != key {
            if let Some(old) = old_key {
                self.by_mac.remove(&old);
            }
            self.by_mac.extend(key);
        }
    }

    /// Removes the hold of an address.
    pub(super) fn remove(&mut self, address: IpAddr) {
        if let Some(entry) = self.by_address.remove(&address)
            && let Some(key) = key(address, &entry.hold)
        {
            self.by_mac.remove(&key);
        }
    }

    /// What the asking MAC is to be offered again in the prefix.
    pub(super) fn offer_for(&self, prefix: Prefix, ask: &Ask, now: Timestamp) -> Option<Offer> {
        let mac = ask.mac?;
        let of_mac = self.by_mac.range((mac, prefix.network())..=(mac, prefix.last()));
        rules::offer_for(of_mac.filter_map(|(_, address)| Some((*address, self.get(*address, now)?))), ask)
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

    /// Removes what has ended of the next entries. Returns the addresses of which it was unknown whether they are reserved,
    /// and whether all entries have been looked at since the beginning.
    pub(super) fn sweep(&mut self, at_most: usize, now: Timestamp) -> (Vec<IpAddr>, bool) {
        let looked_at: Vec<(IpAddr, bool)> =
            self.some_after(self.swept_to, None, at_most).map(|(address, hold)| (address, hold.is_live(now))).collect();
        let is_complete = looked_at.len() < at_most;
        self.swept_to = if is_complete { None } else { looked_at.last().map(|(address, _)| *address) };
        let mut unanswered = Vec::new();
        for (address, _) in looked_at.into_iter().filter(|(_, is_live)| !is_live) {
            let entry = self.by_address.get(&address);
            unanswered.extend(entry.filter(|entry| entry.hold.state == HoldState::Unanswered).map(|_| address));
            self.remove(address);
        }
        (unanswered, is_complete)
    }
}

/// How soon a hold is given to another host; see [`rules::spare`].
pub(super) type Spare = (bool, Timestamp, u64);

/// Its place in the index by MAC, if it can be offered to its MAC again.
fn key(address: IpAddr, hold: &Hold) -> Option<(Mac, IpAddr)> {
    let can_be_offered = matches!(hold.state, HoldState::Offered | HoldState::Released);
    hold.mac.filter(|_| can_be_offered).map(|mac| (mac, address))
}
