//! Random sequences of changes, compared with a set of addresses after each step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::key::Key;
use crate::{Contents, SubnetEdit, Usage};

/// One change; offsets are taken modulo the size of the subnet.
#[derive(Debug, Clone)]
enum Step {
    Take(u8),
    TakeNext,
    Release(u8),
    Exclude(u8, u8),
    Include(u8),
    Pool(bool),
    Gateway(Option<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Take),
        2 => Just(Step::TakeNext),
        4 => any::<u8>().prop_map(Step::Release),
        2 => (any::<u8>(), 0u8..8).prop_map(|(first, length)| Step::Exclude(first, length)),
        2 => any::<u8>().prop_map(Step::Include),
        1 => any::<bool>().prop_map(Step::Pool),
        2 => any::<Option<u8>>().prop_map(Step::Gateway),
    ]
}

const BOUNDS: [&str; 13] = [
    "10.0.0.0/27",
    "10.0.0.0/29",
    "10.0.0.0/30",
    "10.0.0.4/31",
    "255.255.255.255/32",
    "255.255.255.224/27",
    "2001:db8::/124",
    "2001:db8::2/127",
    "2001:db8::2/128",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124",
    "10.0.0.250-10.0.1.5",
    "10.0.0.7-10.0.0.7",
    "2001:db8::fffe-2001:db8::1:5",
];

/// What should be in the subnet, as sets.
struct Model {
    bounds: Bounds,
    pool: bool,
    gateway: Option<Key>,
    taken: BTreeSet<Key>,
    excluded: BTreeMap<Key, Key>,
}

impl Model {
    fn all(&self) -> Vec<Key> {
        let whole = self.bounds.whole();
        (0..whole.count()).map(|offset| Key(whole.first.0 + offset)).collect()
    }

    fn at(&self, offset: u8) -> Key {
        let all = self.all();
        all[usize::from(offset) % all.len()]
    }

    fn is_excluded(&self, key: Key) -> bool {
        self.gateway == Some(key) || self.is_in_a_range(key)
    }

    fn is_in_a_range(&self, key: Key) -> bool {
        self.excluded.range(..=key).next_back().is_some_and(|(_, last)| key <= *last)
    }

    fn is_offerable(&self, key: Key, pool: bool) -> bool {
        self.bounds.is_offerable(key.address(), pool)
    }

    fn free(&self) -> Vec<Key> {
        let is_free =
            |key: &Key| self.is_offerable(*key, self.pool) && !self.taken.contains(key) && !self.is_excluded(*key);
        self.all().into_iter().filter(is_free).collect()
    }

    fn is_wholly_excluded(&self) -> bool {
        self.all().into_iter().all(|key| self.is_excluded(key) || !self.is_offerable(key, self.pool))
    }

    fn usage(&self) -> Usage {
        let is_lost =
            |key: &&Key| self.is_offerable(**key, self.pool) && self.is_excluded(**key) && !self.taken.contains(key);
        Usage {
            used: self.taken.len() as u128,
            free: self.free().len() as u128,
            excluded: self.all().iter().filter(is_lost).count() as u128,
        }
    }

    /// Does the step to both; whether each succeeded must agree.
    fn step(&mut self, fixture: &mut Fixture, subnet: i64, step: &Step) -> (bool, bool) {
        match *step {
            Step::Take(offset) => {
                let key = self.at(offset);
                let right = self.is_offerable(key, self.pool) && self.taken.insert(key);
                let mut take = |address| {
                    let details = AddressDetails::default();
                    fixture.store.write(|writing| writing.add_address(subnet, address, details)).is_ok()
                };
                (right, take(key.address()))
            }
            Step::TakeNext => {
                let right = self.free().first().copied();
                self.taken.extend(right);
                let taken = fixture.store.write(|writing| writing.add_next_free(subnet, AddressDetails::default()));
                let taken = taken.ok().map(|record| Key::from(record.address));
                (taken == right, true)
            }
            Step::Release(offset) => {
                let key = self.at(offset);
                let released = fixture.store.write(|writing| writing.delete_address(subnet, key.address()));
                let removed = released.expect("the subnet is there").is_some();
                (self.taken.remove(&key), removed)
            }
            Step::Exclude(offset, length) => {
                let first = self.at(offset);
                let last = first.0.checked_add(u128::from(length)).map(Key);
                let last = last.filter(|last| self.bounds.whole().contains(*last)).unwrap_or(first);
                let overlaps = self.all().into_iter().any(|key| first <= key && key <= last && self.is_in_a_range(key));
                if !overlaps {
                    self.excluded.insert(first, last);
                }
                let range = ExcludedRange { first: first.address(), last: last.address(), comment: String::new() };
                (!overlaps, fixture.store.write(|writing| writing.exclude(subnet, &range)).is_ok())
            }
            Step::Include(offset) => {
                // Any range that is there; or one that is not.
                let count = self.excluded.len().max(1);
                let range = self.excluded.iter().nth(usize::from(offset) % count).map(|(first, last)| (*first, *last));
                let (first, last) = range.unwrap_or((self.at(offset), self.at(offset)));
                let include = |writing: &Writing<'_>| writing.include(subnet, first.address(), last.address());
                (self.excluded.remove(&first).is_some(), fixture.store.write(include).is_ok())
            }
            Step::Pool(pool) => {
                let is_possible = pool || self.bounds.prefix().is_some();
                let right = is_possible && self.taken.iter().all(|key| self.is_offerable(*key, pool));
                if right {
                    self.pool = pool;
                }
                let edit = SubnetEdit { pool: Some(pool), ..SubnetEdit::default() };
                (right, fixture.store.write(|writing| writing.edit_subnet(subnet, edit)).is_ok())
            }
            Step::Gateway(offset) => {
                self.gateway = offset.map(|offset| self.at(offset));
                let edit = SubnetEdit { gateway: Some(self.gateway.map(Key::address)), ..SubnetEdit::default() };
                (true, fixture.store.write(|writing| writing.edit_subnet(subnet, edit)).is_ok())
            }
        }
    }
}

fn the_store_agrees_with_a_set_of_addresses(engine: Engine) {
    proptest!(ProptestConfig::with_cases(engine.cases()), |(
        bounds in prop::sample::select(&BOUNDS[..]),
        pool: bool,
        steps in prop::collection::vec(step(), 1..40),
        held in prop::collection::btree_set(any::<u8>(), 0..12),
        at_most in 1usize..40,
    )| {
        let mut fixture = Fixture::on(engine);
        // It is about the tables, not about the disk.
        fixture.hurry();
        let bounds = prefix(bounds);
        let pool = pool || bounds.prefix().is_none();
        let mut model = Model { bounds, pool, gateway: None, taken: BTreeSet::new(), excluded: BTreeMap::new() };
        let subnet = fixture.try_subnet(NewSubnet { pool, ..NewSubnet::of(bounds) }).expect("a subnet");
        let held: BTreeSet<Key> = held.into_iter().map(|offset| model.at(offset)).collect();
        let held_addresses: AddressSet = held.iter().map(|key| key.address()).collect();
        for step in &steps {
            let (right, done) = model.step(&mut fixture, subnet.id, step);
            prop_assert_eq!(right, done, "{:?}", step);
            let free = fixture.store.read(|reading| reading.free_addresses(subnet.id, at_most, &held_addresses));
            prop_assert_eq!(free.is_err(), model.is_wholly_excluded());
            let right = model.free().into_iter().filter(|key| !held.contains(key)).take(at_most);
            match free {
                Ok(free) => prop_assert_eq!(free, right.map(Key::address).collect::<Vec<_>>()),
                Err(error) => prop_assert!(matches!(error, StoreError::AllExcluded(_)), "{error}"),
            }
            let now = fixture.store.read(|reading| reading.usage(&reading.subnet(subnet.id)?)).expect("usage");
            prop_assert_eq!(now, model.usage());
            prop_assert_eq!(fixture.findings(), Vec::<String>::new());
        }
        fixture.store.write(|writing| writing.delete_subnet(subnet.id, Contents::DeleteToo)).expect("a deletion");
        prop_assert_eq!(fixture.findings(), Vec::<String>::new());
    });
}

fn the_last_address_of_all_can_be_taken_and_freed(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("ffff:ffff:ffff:ffff::/64");
    let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    fixture.take(&subnet, last).expect("the last address");
    assert!(fixture.findings().is_empty());
    fixture.store.write(|writing| writing.delete_address(subnet.id, ip(last))).expect("a release");
    assert!(fixture.findings().is_empty());
    let usage = fixture.store.read(|reading| reading.usage(&subnet)).expect("usage");
    assert_eq!(usage, Usage { used: 0, free: (1 << 64) - 1, excluded: 0 });
}

fn many_held_addresses_are_passed_over(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/8");
    fixture.take(&subnet, "10.0.0.5").expect("an address");
    let held: AddressSet =
        (1..=100_000).map(|offset| Key::from(ip("10.0.0.0")).0 + offset).map(Key).map(Key::address).collect();
    let free = fixture.store.read(|reading| reading.free_addresses(subnet.id, 2, &held)).expect("free addresses");
    assert_eq!(free, [ip("10.1.134.161"), ip("10.1.134.162")]);
}

over_each_engine! {
    the_store_agrees_with_a_set_of_addresses,
    the_last_address_of_all_can_be_taken_and_freed,
    many_held_addresses_are_passed_over,
}
