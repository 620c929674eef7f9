//! The holds of one subnet in little memory: packed, sorted by address, with an index by MAC.
//!
//! A hold in a subnet of up to 16 host bits takes 28 bytes, and 4 more when it is offered to a MAC; in a larger one of IPv4
//! 30 and 7, in an IPv6 subnet of 64 host bits 34 and 11. Every operation on one address or MAC is a few binary searches.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;

use ipam_provider::{Mac, Prefix};

use super::Timestamp;
use super::hold::{Hold, HoldState};
use super::packed::{Packed, low};
use super::sorted::{Keyed, Sorted};

/// The holds of one subnet, whatever its size. An address outside of the subnet is never held.
pub(super) trait Shelf: fmt::Debug + Send {
    /// How many holds there are.
    fn len(&self) -> usize;

    /// The hold of an address.
    fn get(&self, address: IpAddr) -> Option<Hold>;

    /// Enters a hold, in place of any other of the address.
    fn put(&mut self, address: IpAddr, hold: &Hold);

    /// Takes the hold of an address out.
    fn remove(&mut self, address: IpAddr) -> Option<Hold>;

    /// Takes all out that have ended. Tells those of which nobody knew whether they are reserved.
    fn remove_ended(&mut self, now: Timestamp) -> Vec<IpAddr>;

    /// All holds behind an address, or all, by address.
    fn behind(&self, address: Option<IpAddr>) -> Box<dyn Iterator<Item = (IpAddr, Hold)> + '_>;

    /// The first hold offered to a MAC that is wanted. First is what was first offered to it and is since.
    fn find_offer(&self, mac: Mac, wanted: &mut dyn FnMut(&Hold) -> bool) -> Option<(IpAddr, Hold)>;

    /// How many entries the index by MAC has.
    #[cfg(test)]
    fn indexed(&self) -> usize;
}

/// A shelf for the holds of a subnet.
pub(super) fn shelf(prefix: Prefix) -> Box<dyn Shelf> {
    let bits = if prefix.is_ipv6() { 128 } else { 32 };
    match bits - prefix.length() {
        0..=16 => Box::new(ShelfOf::<2, 2, RandomState>::new(prefix)),
        17..=32 => Box::new(ShelfOf::<4, 3, RandomState>::new(prefix)),
        33..=64 => Box::new(ShelfOf::<8, 3, RandomState>::new(prefix)),
        _ => Box::new(ShelfOf::<16, 3, RandomState>::new(prefix)),
    }
}

/// A shelf for a subnet whose addresses differ in their last `N` bytes at most. Of the hash of a MAC it keeps `H` bytes.
#[derive(Debug)]
struct ShelfOf<const N: usize, const H: usize, S> {
    prefix: Prefix,
    holds: Sorted<Packed<N>>,
    /// Of each hold that is offered to a MAC.
    by_mac: Sorted<Offered<N, H>>,
    /// The MACs that have no room in a packed hold.
    long_macs: BTreeMap<[u8; N], Mac>,
    hasher: S,
}

/// One entry of the index by MAC. Different MACs may have one hash; the hold tells. With three bytes a million MACs seldom
/// do, with two as many as there are addresses of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Offered<const N: usize, const H: usize> {
    hash: [u8; H],
    address: [u8; N],
}

impl<const N: usize, const H: usize> Keyed for Offered<N, H> {
    type Key = [u8; H];

    fn key(&self) -> [u8; H] {
        self.hash
    }
}

impl<const N: usize, const H: usize, S: BuildHasher + Default> ShelfOf<N, H, S> {
    fn new(prefix: Prefix) -> Self {
        Self { prefix, holds: Sorted::new(), by_mac: Sorted::new(), long_macs: BTreeMap::new(), hasher: S::default() }
    }

    /// The bytes that tell the address from the others of the subnet; `None` for an address of another.
    fn key(&self, address: IpAddr) -> Option<[u8; N]> {
        if !self.prefix.contains(address) {
            return None;
        }
        match address {
            IpAddr::V4(address) => address.octets().last_chunk().copied(),
            IpAddr::V6(address) => address.octets().last_chunk().copied(),
        }
    }

    fn address(&self, key: [u8; N]) -> IpAddr {
        match self.prefix.network() {
            IpAddr::V4(network) => with_last(network.octets(), key).into(),
            IpAddr::V6(network) => with_last(network.octets(), key).into(),
        }
    }

    fn mac_of(&self, packed: &Packed<N>) -> Option<Mac> {
        packed.mac(|| self.long_macs.get(&packed.key()).copied())
    }

    fn unpack(&self, packed: &Packed<N>) -> Hold {
        packed.hold(|| self.long_macs.get(&packed.key()).copied())
    }

    /// The MAC that the hold is offered to.
    fn offered_to(&self, packed: &Packed<N>) -> Option<Mac> {
        if packed.state() == HoldState::Offered { self.mac_of(packed) } else { None }
    }

    /// The entry in the index by MAC of an address offered to it.
    fn entry(&self, mac: Mac, address: [u8; N]) -> Offered<N, H> {
        Offered { hash: self.hash(mac), address }
    }

    fn hash(&self, mac: Mac) -> [u8; H] {
        low(self.hasher.hash_one(mac))
    }
}

fn with_last<const ALL: usize, const N: usize>(mut all: [u8; ALL], last: [u8; N]) -> [u8; ALL] {
    if let Some(end) = all.last_chunk_mut() {
        *end = last;
    }
    all
}

impl<const N: usize, const H: usize, S: BuildHasher + Default + fmt::Debug + Send> Shelf for ShelfOf<N, H, S> {
    fn len(&self) -> usize {
        self.holds.len()
    }

    fn get(&self, address: IpAddr) -> Option<Hold> {
        self.holds.get(self.key(address)?).map(|packed| self.unpack(packed))
    }

    fn put(&mut self, address: IpAddr, hold: &Hold) {
        let Some(key) = self.key(address) else { return };
        let packed = Packed::new(key, hold);
        let before = match self.holds.get_mut(key) {
            Some(place) => Some(std::mem::replace(place, packed)),
            None => {
                self.holds.insert(packed);
                None
            }
        };
        let was_offered_to = before.as_ref().and_then(|before| self.offered_to(before));
        if before.is_some_and(|before| before.has_long_mac()) {
            self.long_macs.remove(&key);
        }
        if let Some(mac) = hold.mac.filter(|_| packed.has_long_mac()) {
            self.long_macs.insert(key, mac);
        }
        let is_offered_to = self.offered_to(&packed);
        // One that stays offered to its MAC keeps its turn among the MAC's others.
        if was_offered_to != is_offered_to {
            if let Some(entry) = was_offered_to.map(|mac| self.entry(mac, key)) {
                self.by_mac.remove(entry.hash, |other| *other == entry);
            }
            if let Some(entry) = is_offered_to.map(|mac| self.entry(mac, key)) {
                self.by_mac.insert(entry);
            }
        }
    }

    fn remove(&mut self, address: IpAddr) -> Option<Hold> {
        let packed = self.holds.remove(self.key(address)?, |_| true)?;
        if let Some(entry) = self.offered_to(&packed).map(|mac| self.entry(mac, packed.key())) {
            self.by_mac.remove(entry.hash, |other| *other == entry);
        }
        let hold = self.unpack(&packed);
        self.long_macs.remove(&packed.key());
        Some(hold)
    }

    fn remove_ended(&mut self, now: Timestamp) -> Vec<IpAddr> {
        let ended = |packed: &Packed<N>| packed.until() <= now;
        let before = self.holds.len();
        let mut offered: Vec<Offered<N, H>> = Vec::new();
        let (mut long, mut unanswered) = (Vec::new(), Vec::new());
        for packed in self.holds.starting_at([0; N]).filter(|packed| ended(packed)) {
            offered.extend(self.offered_to(packed).map(|mac| self.entry(mac, packed.key())));
            long.extend(Some(packed.key()).filter(|_| packed.has_long_mac()));
            unanswered.extend((packed.state() == HoldState::Unanswered).then(|| self.address(packed.key())));
        }
        self.holds.retain(|packed| !ended(packed));
        if self.holds.len() == before {
            return unanswered;
        }
        offered.sort_unstable();
        self.by_mac.retain(|entry| offered.binary_search(entry).is_err());
        for key in long {
            self.long_macs.remove(&key);
        }
        unanswered
    }

    fn behind(&self, address: Option<IpAddr>) -> Box<dyn Iterator<Item = (IpAddr, Hold)> + '_> {
        let last = address.and_then(|address| self.key(address));
        let from = self.holds.starting_at(last.unwrap_or([0; N]));
        let behind = from.skip_while(move |packed| last == Some(packed.key()));
        Box::new(behind.map(|packed| (self.address(packed.key()), self.unpack(packed))))
    }

    fn find_offer(&self, mac: Mac, wanted: &mut dyn FnMut(&Hold) -> bool) -> Option<(IpAddr, Hold)> {
        let offered = self.by_mac.with(self.hash(mac)).filter_map(|entry| self.holds.get(entry.address));
        let mut of_mac = offered.filter(|packed| self.mac_of(packed) == Some(mac));
        of_mac.find_map(|packed| {
            let hold = self.unpack(packed);
            wanted(&hold).then(|| (self.address(packed.key()), hold))
        })
    }

    #[cfg(test)]
    fn indexed(&self) -> usize {
        self.by_mac.len()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::allocation::Clock;

    /// Every MAC has one of two hashes.
    #[derive(Debug, Default)]
    struct Colliding;

    impl BuildHasher for Colliding {
        type Hasher = LastBit;

        fn build_hasher(&self) -> LastBit {
            LastBit(0)
        }
    }

    struct LastBit(u64);

    impl Hasher for LastBit {
        fn write(&mut self, bytes: &[u8]) {
            self.0 ^= bytes.iter().map(|byte| u64::from(byte & 1)).sum::<u64>() & 1;
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    /// The same, said simply.
    #[derive(Default)]
    struct Model {
        holds: BTreeMap<IpAddr, Hold>,
        offers: Vec<IpAddr>,
    }

    impl Model {
        fn put(&mut self, address: IpAddr, hold: &Hold) {
            let turn = |hold: &Hold| hold.mac.filter(|_| hold.state == HoldState::Offered);
            let before = self.holds.insert(address, hold.clone());
            if before.as_ref().and_then(turn) != turn(hold) {
                self.offers.retain(|other| *other != address);
                self.offers.extend(turn(hold).map(|_| address));
            }
        }

        fn remove(&mut self, address: IpAddr) -> Option<Hold> {
            self.offers.retain(|other| *other != address);
            self.holds.remove(&address)
        }

        fn offers_to(&self, mac: Mac) -> Vec<IpAddr> {
            self.offers.iter().copied().filter(|address| self.holds[address].mac == Some(mac)).collect()
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put { place: u8, mac: Option<u8>, state: HoldState, life: u64 },
        Remove(u8),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        use HoldState::{Adding, Offered, Reserved, Unanswered};
        let states = prop::sample::select(vec![Offered, Offered, Offered, Adding, Unanswered, Reserved]);
        let step = prop_oneof![
            6 => (0u8..12, prop::option::of(0u8..6), states, 1u64..100)
                .prop_map(|(place, mac, state, life)| Step::Put { place, mac, state, life }),
            2 => (0u8..12).prop_map(Step::Remove),
            1 => (1u64..60).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 1..80)
    }

    /// Ethernet and InfiniBand.
    fn mac(number: u8) -> Mac {
        let mut bytes = [0; 20];
        bytes[0] = number;
        Mac::from_bytes(if number.is_multiple_of(3) { &bytes } else { &bytes[..6] }).expect("a MAC")
    }

    /// Addresses over the whole of a subnet, its first and last among them.
    fn address(prefix: Prefix, place: u8) -> IpAddr {
        let spread = |first: u128, last: u128| match place {
            11 => last,
            _ => first + (last - first) / 11 * u128::from(place),
        };
        match (prefix.network(), prefix.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                let bits = spread(first.to_bits().into(), last.to_bits().into());
                std::net::Ipv4Addr::from_bits(u32::try_from(bits).expect("32 bits")).into()
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                std::net::Ipv6Addr::from_bits(spread(first.to_bits(), last.to_bits())).into()
            }
            _ => unreachable!("both ends are of one family"),
        }
    }

    fn shelves() -> Vec<(Prefix, Box<dyn Shelf>)> {
        let parse = |text: &str| text.parse::<Prefix>().expect("a prefix");
        let mut shelves = Vec::new();
        for text in [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "192.0.2.0/28",
            "2001:db8::/112",
            "2001:db8::/64",
            "2001:db8::/48",
            "::/0",
            "0.0.0.0/0",
        ] {
            shelves.push((parse(text), shelf(parse(text))));
        }
        let (four, six) = (parse("198.18.0.0/15"), parse("2001:db8::/32"));
        shelves.push((four, Box::new(ShelfOf::<4, 3, Colliding>::new(four))));
        shelves.push((six, Box::new(ShelfOf::<16, 2, Colliding>::new(six))));
        shelves
    }

    fn assert_equal(prefix: Prefix, shelf: &dyn Shelf, model: &Model) {
        assert_eq!(shelf.len(), model.holds.len(), "{prefix}");
        assert_eq!(shelf.indexed(), model.offers.len(), "{prefix}");
        let all: Vec<_> = shelf.behind(None).collect();
        assert_eq!(all, model.holds.clone().into_iter().collect::<Vec<_>>(), "{prefix}");
        for place in 0..12 {
            let address = address(prefix, place);
            assert_eq!(shelf.get(address).as_ref(), model.holds.get(&address), "{prefix}");
            let behind: Vec<_> = shelf.behind(Some(address)).map(|(behind, _)| behind).collect();
            assert_eq!(behind, model.holds.keys().copied().filter(|other| *other > address).collect::<Vec<_>>());
        }
        for number in 0..6 {
            let mut seen = Vec::new();
            let _ = shelf.find_offer(mac(number), &mut |hold| {
                seen.push(hold.sequence);
                false
            });
            let expected = model.offers_to(mac(number));
            assert_eq!(seen, expected.iter().map(|address| model.holds[address].sequence).collect::<Vec<_>>());
            let first = shelf.find_offer(mac(number), &mut |_| true).map(|(address, _)| address);
            assert_eq!(first, expected.first().copied(), "{prefix}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_holds_what_was_put_in_whatever_the_subnet(steps in steps()) {
            for (prefix, mut shelf) in shelves() {
                let clock = Clock::manual();
                let mut model = Model::default();
                for (sequence, step) in (1..).zip(&steps) {
                    let now = clock.now();
                    match *step {
                        Step::Put { place, mac: number, state, life } => {
                            let hold = Hold {
                                mac: number.map(mac),
                                state,
                                granted: now,
                                until: now + Duration::from_secs(life),
                                request: None,
                                sequence,
                                confirmed: Timestamp::default(),
                                journaled: Timestamp::default(),
                            };
                            shelf.put(address(prefix, place), &hold);
                            model.put(address(prefix, place), &hold);
                        }
                        Step::Remove(place) => {
                            let address = address(prefix, place);
                            prop_assert_eq!(shelf.remove(address), model.remove(address));
                        }
                        Step::Wait(seconds) => {
                            clock.advance(Duration::from_secs(seconds));
                            let now = clock.now();
                            shelf.remove_ended(now);
                            let live = |hold: &Hold| now < hold.until;
                            model.holds.retain(|_, hold| live(hold));
                            model.offers.retain(|address| model.holds.contains_key(address));
                        }
                    }
                    assert_equal(prefix, &*shelf, &model);
                }
            }
        }
    }

    #[test]
    fn an_address_of_another_subnet_is_not_held() {
        let clock = Clock::manual();
        let mut shelf = shelf("2001:db8::/112".parse().expect("a prefix"));
        let hold = Hold {
            mac: None,
            state: HoldState::Offered,
            granted: clock.now(),
            until: clock.now() + Duration::from_secs(60),
            request: None,
            sequence: 1,
            confirmed: Timestamp::default(),
            journaled: Timestamp::default(),
        };
        shelf.put("2001:db8::1".parse().expect("an address"), &hold);
        for other in ["2001:db9::1", "0.0.0.1"] {
            let other: IpAddr = other.parse().expect("an address");
            shelf.put(other, &hold);
            assert_eq!((shelf.get(other), shelf.remove(other), shelf.len()), (None, None, 1));
        }
    }
}
