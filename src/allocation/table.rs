//! All holds of one subnet, and the rules that look at several of them at once.
//!
//! Pure: no clock, no lock, no file. Each method is one atomic step because its caller keeps the table behind a lock.
//! A hold that has ended counts as absent from that moment on; its memory is freed by a sweep now and then.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use ipam_provider::Mac;

use super::hold::{Ask, Hold, HoldState};
use super::journal::{Entry, SLACK_OF_LIFE};
use super::{Clock, Timestamp};

/// A hold without a MAC that is older than this may be handed out again when nothing else is free.
pub(super) const RECYCLABLE_AFTER: Duration = Duration::from_secs(60);

/// How often ended holds are removed at most: the sweep looks at every hold of the subnet.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The holds of one subnet.
#[derive(Debug)]
pub(super) struct HoldTable {
    holds: BTreeMap<IpAddr, Hold>,
    // Addresses offered to a MAC, in the order they were first offered. A host with several interfaces in one subnet
    // has several.
    by_mac: HashMap<Mac, Vec<IpAddr>>,
    next_sweep: Timestamp,
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

impl HoldTable {
    pub(super) fn new(clock: &Clock) -> Self {
        Self { holds: BTreeMap::new(), by_mac: HashMap::new(), next_sweep: clock.now() + SWEEP_EVERY }
    }

    /// The live hold of an address.
    pub(super) fn get(&self, address: IpAddr, now: Timestamp) -> Option<&Hold> {
        self.holds.get(&address).filter(|hold| hold.is_live(now))
    }

    /// All live holds, by address.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = (IpAddr, &Hold)> {
        self.holds.iter().filter(move |(_, hold)| hold.is_live(now)).map(|(address, hold)| (*address, hold))
    }

    /// The addresses that are not to be offered.
    pub(super) fn held(&self, now: Timestamp) -> BTreeSet<IpAddr> {
        self.live(now).map(|(address, _)| address).collect()
    }

    /// How many entries the table has in memory, ended ones included.
    pub(super) fn len(&self) -> usize {
        self.holds.len()
    }

    /// The address that the asking MAC is to be given again.
    ///
    /// One that was already the answer to an earlier question of the same request is passed over: Foreman asks with the
    /// host's MAC for each of its interfaces, so the second question of a request is for a second interface. "Earlier"
    /// is an answer given before this question came; parallel questions are not interfaces.
    pub(super) fn offer_for(&self, ask: &Ask, now: Timestamp) -> Option<Offer> {
        let addresses = self.by_mac.get(&ask.mac?)?;
        let offered = addresses.iter().filter_map(|address| Some((*address, self.get(*address, now)?)));
        let mut again = offered.filter(|(_, hold)| {
            let is_answered = ask.request.is_some() && hold.request == ask.request && hold.sequence < ask.arrival;
            hold.state == HoldState::Offered && !is_answered
        });
        again.next().map(|(address, hold)| Offer::of(address, hold))
    }

    /// Promises an offer again, unless it changed hands meanwhile.
    pub(super) fn renew(&mut self, offer: Offer, grant: Grant) -> Option<&Hold> {
        let hold = self.holds.get_mut(&offer.address)?;
        let is_same = hold.is_live(grant.now) && hold.state == HoldState::Offered && hold.mac == grant.ask.mac;
        if !is_same {
            return None;
        }
        let confirmed = hold.confirmed.max(grant.confirmed);
        *hold = Hold { confirmed, journaled: hold.journaled, ..grant.hold() };
        Some(hold)
    }

    /// Promises the first candidate that nobody holds. When the asking MAC has been answered meanwhile, by a parallel
    /// question, that answer is given again.
    pub(super) fn claim(&mut self, candidates: &[IpAddr], grant: Grant) -> Option<IpAddr> {
        if let Some(offer) = self.offer_for(&grant.ask, grant.now) {
            return self.renew(offer, Grant { confirmed: offer.confirmed, ..grant }).map(|_| offer.address);
        }
        let free = candidates.iter().copied().find(|address| self.get(*address, grant.now).is_none())?;
        self.put(free, grant.hold());
        Some(free)
    }

    /// The oldest hold without a MAC, when it is old enough to be handed out again.
    pub(super) fn recyclable(&self, now: Timestamp) -> Option<Offer> {
        let old = |hold: &Hold| now.since(hold.granted) > RECYCLABLE_AFTER;
        let without_mac = self.live(now).filter(|(_, hold)| hold.mac.is_none() && hold.state == HoldState::Offered);
        let oldest = without_mac.filter(|(_, hold)| old(hold)).min_by_key(|(_, hold)| (hold.granted, hold.sequence));
        oldest.map(|(address, hold)| Offer::of(address, hold))
    }

    /// Hands a recyclable hold to the asker, unless it changed meanwhile.
    pub(super) fn recycle(&mut self, offer: Offer, grant: Grant) -> bool {
        let is_same = |hold: &&Hold| hold.state == HoldState::Offered && hold.sequence == offer.sequence;
        let unchanged = self.get(offer.address, grant.now).filter(is_same).is_some();
        if unchanged {
            self.put(offer.address, grant.hold());
        }
        unchanged
    }

    /// Enters a hold, in place of any other of the address.
    pub(super) fn put(&mut self, address: IpAddr, hold: Hold) {
        self.remove(address);
        if let (Some(mac), HoldState::Offered) = (hold.mac, hold.state) {
            self.by_mac.entry(mac).or_default().push(address);
        }
        self.holds.insert(address, Hold { journaled: Timestamp::default(), ..hold });
    }

    /// What the journal is to be told of an address that was just changed; nothing when what it has covers the promise.
    pub(super) fn take_for_journal(&mut self, address: IpAddr, now: Timestamp) -> Option<Entry> {
        match self.holds.get_mut(&address).filter(|hold| hold.is_live(now)) {
            None => Some(Entry::Ended),
            Some(hold) if hold.until <= hold.journaled => None,
            Some(hold) => {
                hold.journaled = hold.until + SLACK_OF_LIFE;
                Some(Entry::Held(hold.clone()))
            }
        }
    }

    /// Ends the hold of an address.
    pub(super) fn remove(&mut self, address: IpAddr) -> Option<Hold> {
        let hold = self.holds.remove(&address)?;
        self.forget_offer(address, &hold);
        Some(hold)
    }

    /// Removes what has ended, if the last time is long enough ago.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_EVERY;
        let ended: Vec<IpAddr> =
            self.holds.iter().filter(|(_, hold)| !hold.is_live(now)).map(|(address, _)| *address).collect();
        for address in ended {
            self.remove(address);
        }
    }

    fn forget_offer(&mut self, address: IpAddr, hold: &Hold) {
        let Some(mac) = hold.mac else { return };
        if let Some(addresses) = self.by_mac.get_mut(&mac) {
            addresses.retain(|other| *other != address);
            if addresses.is_empty() {
                self.by_mac.remove(&mac);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            Self { table: HoldTable::new(&clock), clock, sequence: 0 }
        }

        fn tick(&mut self) -> u64 {
            self.sequence += 1;
            self.sequence
        }

        fn ask(&mut self, mac: Option<Mac>, request: Option<u64>) -> Ask {
            Ask { mac, request, arrival: self.tick() }
        }

        fn claim(&mut self, ask: Ask) -> Option<IpAddr> {
            let candidates: Vec<IpAddr> = (1..=4).map(address).collect();
            let now = self.clock.now();
            let grant = Grant { ask, life: LIFE, now, sequence: self.tick(), confirmed: now };
            self.table.claim(&candidates, grant)
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
        assert_eq!((subject.table.len(), subject.table.by_mac.len()), (0, 0));
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
                            subject.table.live(now).map(|(address, hold)| (address, hold.clone())).collect();
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
                        if let Some(hold) = subject.table.get(address(last), now).cloned() {
                            subject.table.put(address(last), Hold { state: HoldState::Reserved, ..hold });
                        }
                    }
                    Step::Wait(seconds) => {
                        subject.clock.advance(Duration::from_secs(seconds));
                        subject.table.sweep(subject.clock.now());
                    }
                }
                let offers: usize = subject.table.by_mac.values().map(Vec::len).sum();
                let offered = subject.table.holds.values().filter(|hold| hold.mac.is_some() && hold.state == HoldState::Offered);
                prop_assert_eq!(offers, offered.count(), "index and holds agree");
            }
        }
    }
}
