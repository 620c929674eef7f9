//! All holds of one subnet, and the rules that look at several of them at once.
//!
//! Pure: no clock, no lock, no file. Each method is one atomic step because its caller keeps the table behind a lock.
//! A hold that has ended counts as absent from that moment on; its memory is freed by a sweep now and then.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ipam_provider::{AddressSet, Prefix};

use super::Timestamp;
use super::hold::{Ask, Hold, HoldState};
use super::journal::{Entry, SLACK_OF_LIFE};
use super::shelf::{Shelf, shelf};

/// A hold without a MAC that is older than this may be handed out again when nothing else is free.
pub(super) const RECYCLABLE_AFTER: Duration = Duration::from_secs(60);

/// How often ended holds are removed at most: the sweep looks at every hold of the subnet.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// How many entries all tables of the process have in memory, ended ones included.
#[derive(Debug, Clone, Default)]
pub(super) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more, unless there are `at_most` already. Of parallel callers just as many succeed as there is room.
    fn try_one_more(&self, at_most: usize) -> bool {
        let one_more = |count| Some(count + 1).filter(|more| *more <= at_most);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Keeps in step with a table that had `before` entries and has `after`.
    fn follow(&self, before: usize, after: usize) {
        if after >= before {
            self.0.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.0.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

/// The holds of one subnet.
#[derive(Debug)]
pub(super) struct HoldTable {
    shelf: Box<dyn Shelf>,
    count: Count,
    next_sweep: Timestamp,
}

impl Drop for HoldTable {
    fn drop(&mut self) {
        self.count.follow(self.shelf.len(), 0);
    }
}

/// An address that is offered to somebody already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) address: IpAddr,
    /// When the IPAM last said that it is free.
    pub(super) confirmed: Timestamp,
    /// Tells this grant from a later one of the same address.
    pub(super) sequence: u64,
}

impl Offer {
    fn of(address: IpAddr, hold: &Hold) -> Self {
        Self { address, confirmed: hold.confirmed, sequence: hold.sequence }
    }
}

/// What a grant is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    pub(super) ask: Ask,
    pub(super) life: Duration,
    pub(super) now: Timestamp,
    pub(super) sequence: u64,
    /// When the IPAM last said that the address is free.
    pub(super) confirmed: Timestamp,
}

impl Grant {
    fn hold(self) -> Hold {
        Hold {
            mac: self.ask.mac,
            state: HoldState::Offered,
            granted: self.now,
            until: self.now + self.life,
            request: self.ask.request,
            sequence: self.sequence,
            confirmed: self.confirmed,
            journaled: Timestamp::default(),
        }
    }
}

/// What came of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// This address is promised.
    Granted(IpAddr),
    /// None of the candidates is free.
    NoneFree,
    /// One is free, and there are too many holds already.
    TooManyHolds,
}

impl HoldTable {
    /// An empty table for a subnet.
    pub(super) fn new(prefix: Prefix, count: Count, now: Timestamp) -> Self {
        Self { shelf: shelf(prefix), count, next_sweep: now + SWEEP_EVERY }
    }

    /// The live hold of an address.
    pub(super) fn get(&self, address: IpAddr, now: Timestamp) -> Option<Hold> {
        self.shelf.get(address).filter(|hold| hold.is_live(now))
    }

    /// The hold of an address, whether live or ended.
    pub(super) fn get_even_ended(&self, address: IpAddr) -> Option<Hold> {
        self.shelf.get(address)
    }

    /// All live holds, by address.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = (IpAddr, Hold)> {
        self.live_behind(None, now)
    }

    /// All live holds behind an address, or all, by address.
    pub(super) fn live_behind(&self, address: Option<IpAddr>, now: Timestamp) -> impl Iterator<Item = (IpAddr, Hold)> {
        self.shelf.behind(address).filter(move |(_, hold)| hold.is_live(now))
    }

    /// The addresses that are not to be offered.
    pub(super) fn held(&self, now: Timestamp) -> AddressSet {
        self.live(now).map(|(address, _)| address).collect()
    }

    /// How many addresses are free in the IPAM, as far as is known, and held.
    pub(super) fn promised(&self, now: Timestamp) -> usize {
        self.live(now).filter(|(_, hold)| hold.state != HoldState::Reserved).count()
    }

    /// The address that the asking MAC is to be given again.
    ///
    /// One that was already the answer to an earlier question of the same request is passed over: Foreman asks with the
    /// host's MAC for each of its interfaces, so the second question of a request is for a second interface. "Earlier"
    /// is an answer given before this question came; parallel questions are not interfaces.
    pub(super) fn offer_for(&self, ask: &Ask, now: Timestamp) -> Option<Offer> {
        let mut is_again = |hold: &Hold| {
            let is_answered = ask.request.is_some() && hold.request == ask.request && hold.sequence < ask.arrival;
            hold.is_live(now) && !is_answered
        };
        self.shelf.find_offer(ask.mac?, &mut is_again).map(|(address, hold)| Offer::of(address, &hold))
    }

    /// Promises an offer again, unless it changed hands meanwhile.
    pub(super) fn renew(&mut self, offer: Offer, grant: Grant) -> Option<IpAddr> {
        let hold = self.get(offer.address, grant.now)?;
        let is_same = hold.state == HoldState::Offered && hold.mac == grant.ask.mac;
        if !is_same {
            return None;
        }
        let confirmed = hold.confirmed.max(grant.confirmed);
        self.shelf.put(offer.address, &Hold { confirmed, journaled: hold.journaled, ..grant.hold() });
        Some(offer.address)
    }

    /// Promises the first candidate that nobody holds. When the asking MAC has been answered meanwhile, by a parallel
    /// question, that answer is given again. There will not be more than `at_most` holds in all tables together.
    pub(super) fn claim(&mut self, candidates: impl Iterator<Item = IpAddr>, grant: Grant, at_most: usize) -> Claim {
        if let Some(offer) = self.offer_for(&grant.ask, grant.now) {
            let again = self.renew(offer, Grant { confirmed: offer.confirmed, ..grant });
            return again.map_or(Claim::NoneFree, Claim::Granted);
        }
        for address in candidates {
            let there = self.shelf.get(address);
            let is_new = there.is_none();
            if there.is_some_and(|hold| hold.is_live(grant.now)) {
                continue;
            }
            if is_new && !self.count.try_one_more(at_most) {
                return Claim::TooManyHolds;
            }
            self.shelf.put(address, &grant.hold());
            return Claim::Granted(address);
        }
        Claim::NoneFree
    }

    /// The oldest hold without a MAC, when it is old enough to be handed out again.
    pub(super) fn recyclable(&self, now: Timestamp) -> Option<Offer> {
        let old = |hold: &Hold| now.since(hold.granted) > RECYCLABLE_AFTER;
        let without_mac = self.live(now).filter(|(_, hold)| hold.mac.is_none() && hold.state == HoldState::Offered);
        let oldest = without_mac.filter(|(_, hold)| old(hold)).min_by_key(|(_, hold)| (hold.granted, hold.sequence));
        oldest.map(|(address, hold)| Offer::of(address, &hold))
    }

    /// Hands a recyclable hold to the asker, unless it changed meanwhile.
    pub(super) fn recycle(&mut self, offer: Offer, grant: Grant) -> bool {
        let is_same = |hold: &Hold| hold.state == HoldState::Offered && hold.sequence == offer.sequence;
        let unchanged = self.get(offer.address, grant.now).filter(is_same).is_some();
        if unchanged {
            self.put(offer.address, &grant.hold());
        }
        unchanged
    }

    /// Enters a hold, in place of any other of the address.
    pub(super) fn put(&mut self, address: IpAddr, hold: &Hold) {
        let before = self.shelf.len();
        self.shelf.put(address, &Hold { journaled: Timestamp::default(), ..hold.clone() });
        self.count.follow(before, self.shelf.len());
    }

    /// What the journal is to be told of an address that was just changed; nothing when what it has covers the promise.
    pub(super) fn take_for_journal(&mut self, address: IpAddr, now: Timestamp) -> Option<Entry> {
        match self.get(address, now) {
            None => Some(Entry::Ended),
            Some(hold) if hold.until <= hold.journaled => None,
            Some(hold) => {
                let hold = Hold { journaled: hold.until + SLACK_OF_LIFE, ..hold };
                self.shelf.put(address, &hold);
                Some(Entry::Held(hold))
            }
        }
    }

    /// Ends the hold of an address.
    pub(super) fn remove(&mut self, address: IpAddr) -> Option<Hold> {
        let removed = self.shelf.remove(address)?;
        self.count.follow(1, 0);
        Some(removed)
    }

    /// Lets those of which nobody knows whether they are reserved live for some time at least, even when they have ended.
    pub(super) fn keep_unanswered(&mut self, now: Timestamp, at_least: Duration) {
        let unanswered = self.shelf.behind(None).filter(|(_, hold)| hold.state == HoldState::Unanswered);
        for (address, hold) in unanswered.collect::<Vec<_>>() {
            self.put(address, &Hold { until: hold.until.max(now + at_least), ..hold });
        }
    }

    /// Removes what has ended, if the last time is long enough ago. Tells those of which nobody knew whether they are
    /// reserved.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Vec<IpAddr> {
        if now >= self.next_sweep { self.remove_ended(now) } else { Vec::new() }
    }

    /// Removes what has ended. Tells the same.
    pub(super) fn remove_ended(&mut self, now: Timestamp) -> Vec<IpAddr> {
        self.next_sweep = now + SWEEP_EVERY;
        let before = self.shelf.len();
        let unanswered = self.shelf.remove_ended(now);
        self.count.follow(before, self.shelf.len());
        unanswered
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ipam_provider::Mac;
    use proptest::prelude::*;

    use super::*;
    use crate::allocation::Clock;
    use crate::allocation::hold::RequestMark;

    const LIFE: Duration = Duration::from_secs(1800);

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn mac(last: u8) -> Option<Mac> {
        Some(format!("00:00:00:00:00:{last:02x}").parse().expect("a MAC"))
    }

    struct Subject {
        table: HoldTable,
        clock: Clock,
        sequence: u64,
    }

    impl Subject {
        fn new() -> Self {
            let clock = Clock::manual();
            let prefix = "10.0.0.0/24".parse().expect("a prefix");
            Self { table: HoldTable::new(prefix, Count::default(), clock.now()), clock, sequence: 0 }
        }

        fn tick(&mut self) -> u64 {
            self.sequence += 1;
            self.sequence
        }

        fn ask(&mut self, mac: Option<Mac>, request: Option<u64>) -> Ask {
            Ask { mac, request: request.map(RequestMark::of), arrival: self.tick() }
        }

        fn claim(&mut self, ask: Ask) -> Option<IpAddr> {
            match self.claim_within(ask, usize::MAX) {
                Claim::Granted(address) => Some(address),
                Claim::NoneFree => None,
                Claim::TooManyHolds => panic!("there is no limit"),
            }
        }

        fn claim_within(&mut self, ask: Ask, at_most: usize) -> Claim {
            let now = self.clock.now();
            let grant = Grant { ask, life: LIFE, now, sequence: self.tick(), confirmed: now };
            self.table.claim((1..=4).map(address), grant, at_most)
        }
    }

    #[test]
    fn two_macs_get_two_addresses_and_each_its_own_again() {
        let mut subject = Subject::new();
        for _ in 0..2 {
            for host in [1, 2, 3] {
                let ask = subject.ask(mac(host), None);
                assert_eq!(subject.claim(ask), Some(address(host)));
            }
        }
    }

    #[test]
    fn a_second_question_of_a_request_is_for_a_second_interface() {
        let mut subject = Subject::new();
        for request in [7, 8] {
            for interface in [1, 2] {
                let ask = subject.ask(mac(1), Some(request));
                assert_eq!(subject.claim(ask), Some(address(interface)), "request {request}");
            }
        }
    }

    #[test]
    fn parallel_questions_of_a_request_are_not_interfaces() {
        let mut subject = Subject::new();
        let asks = [subject.ask(mac(1), Some(7)), subject.ask(mac(1), Some(7))];
        for ask in asks {
            assert_eq!(subject.claim(ask), Some(address(1)));
        }
    }

    #[test]
    fn an_ended_hold_counts_for_nothing() {
        let mut subject = Subject::new();
        let first = subject.ask(mac(1), None);
        subject.claim(first);
        subject.clock.advance(LIFE);
        let now = subject.clock.now();
        assert_eq!(subject.table.held(now).len(), 0);
        let second = subject.ask(mac(2), None);
        assert_eq!(subject.claim(second), Some(address(1)));
        subject.clock.advance(LIFE + SWEEP_EVERY);
        subject.table.sweep(subject.clock.now());
        assert_eq!((subject.table.shelf.len(), subject.table.shelf.indexed(), subject.table.count.get()), (0, 0, 0));
    }

    #[test]
    fn at_the_limit_only_what_is_no_further_hold_is_granted() {
        let mut subject = Subject::new();
        for host in [1, 2] {
            let ask = subject.ask(mac(host), None);
            assert_eq!(subject.claim_within(ask, 2), Claim::Granted(address(host)));
        }
        let [third, again] = [subject.ask(mac(3), None), subject.ask(mac(2), None)];
        assert_eq!(subject.claim_within(third, 2), Claim::TooManyHolds);
        assert_eq!(subject.claim_within(again, 2), Claim::Granted(address(2)));
        subject.clock.advance(LIFE);
        // In place of one that has ended.
        assert_eq!(subject.claim_within(third, 2), Claim::Granted(address(1)));
        assert_eq!(subject.table.count.get(), 2);
    }

    #[test]
    fn a_table_that_is_dropped_takes_its_holds_out_of_the_count() {
        let mut subject = Subject::new();
        let ask = subject.ask(mac(1), None);
        subject.claim(ask);
        let count = subject.table.count.clone();
        assert_eq!(count.get(), 1);
        drop(subject);
        assert_eq!(count.get(), 0);
    }

    #[test]
    fn only_an_old_hold_without_a_mac_is_recyclable_the_oldest_first() {
        let mut subject = Subject::new();
        for host in [None, mac(9), None] {
            let ask = subject.ask(host, None);
            subject.claim(ask);
            subject.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(subject.table.recyclable(subject.clock.now()), None);
        subject.clock.advance(RECYCLABLE_AFTER);
        let offer = subject.table.recyclable(subject.clock.now()).expect("an old hold");
        assert_eq!(offer.address, address(1));
        let ask = subject.ask(mac(5), None);
        let now = subject.clock.now();
        let grant = Grant { ask, life: LIFE, now, sequence: subject.tick(), confirmed: now };
        assert!(subject.table.recycle(offer, grant));
        assert!(!subject.table.recycle(offer, grant), "it changed hands");
        assert_eq!(subject.table.recyclable(subject.clock.now()).map(|next| next.address), Some(address(3)));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Ask { mac: Option<u8>, request: Option<u64> },
        End(u8),
        Reserve(u8),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (prop::option::of(0u8..4), prop::option::of(0u64..3)).prop_map(|(mac, request)| Step::Ask { mac, request }),
            1 => (1u8..5).prop_map(Step::End),
            1 => (1u8..5).prop_map(Step::Reserve),
            1 => (1u64..2000).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 1..60)
    }

    proptest! {
        /// Whatever happens in whatever order: an address with a live hold goes to nobody but its MAC.
        #[test]
        fn a_live_hold_is_offered_to_nobody_else(steps in steps()) {
            let mut subject = Subject::new();
            for step in steps {
                let now = subject.clock.now();
                match step {
                    Step::Ask { mac: host, request } => {
                        let before: BTreeMap<IpAddr, Hold> =
                            subject.table.live(now).collect();
                        let host = host.and_then(mac);
                        let ask = subject.ask(host, request);
                        match subject.claim(ask) {
                            Some(given) => {
                                if let Some(hold) = before.get(&given) {
                                    prop_assert!(host.is_some() && hold.mac == host, "{} was held", given);
                                    prop_assert_eq!(hold.state, HoldState::Offered);
                                }
                                let hold = subject.table.get(given, now).expect("a hold");
                                prop_assert_eq!((hold.mac, hold.until), (host, now + LIFE));
                            }
                            None => prop_assert_eq!(before.len(), 4, "an address was free"),
                        }
                    }
                    Step::End(last) => { subject.table.remove(address(last)); }
                    Step::Reserve(last) => {
                        if let Some(hold) = subject.table.get(address(last), now) {
                            subject.table.put(address(last), &Hold { state: HoldState::Reserved, ..hold });
                        }
                    }
                    Step::Wait(seconds) => {
                        subject.clock.advance(Duration::from_secs(seconds));
                        subject.table.sweep(subject.clock.now());
                    }
                }
                let all: Vec<_> = subject.table.shelf.behind(None).collect();
                let is_offered = |hold: &Hold| hold.mac.is_some() && hold.state == HoldState::Offered;
                let offered = all.iter().filter(|(_, hold)| is_offered(hold)).count();
                prop_assert_eq!(subject.table.shelf.indexed(), offered, "index and holds agree");
                prop_assert_eq!(subject.table.count.get(), all.len());
            }
        }
    }
}
