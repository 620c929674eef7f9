//! Addresses one after another, and compact sets of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The next higher address of the same family; `None` after its last.
pub fn next_address(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_add(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(address) => address.to_bits().checked_add(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

/// The addresses from the first to the last, both included, one at a time: there may be 2^128. None when the last is below
/// the first.
pub fn addresses_between(first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpAddr> + use<> {
    let next = move |address: &IpAddr| next_address(*address).filter(|next| *next <= last);
    std::iter::successors((first <= last).then_some(first), next)
}

/// A set of addresses that takes memory for its gaps, not for its addresses: a million in a row cost as much as one.
///
/// Held addresses are such a set. The lowest free ones are offered, so that they lie side by side where the IPAM records
/// none. Each recorded one between them makes a gap, and each run costs 34 bytes: where every other address is recorded,
/// so does each held one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSet {
    /// First and last address of each run, ascending; between two runs there is a gap.
    runs: Vec<(IpAddr, IpAddr)>,
    count: usize,
}

impl AddressSet {
    /// How many addresses there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Is there no address?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Is the address in the set?
    pub fn contains(&self, address: IpAddr) -> bool {
        self.runs_within(address, address).next().is_some()
    }

    /// How many addresses lie between two, both included. None when the last is below the first.
    pub fn count_within(&self, first: IpAddr, last: IpAddr) -> usize {
        self.runs_within(first, last).map(length).sum()
    }

    /// The longest runs of addresses between two, both included: first and last of each, ascending. None when the last is
    /// below the first.
    pub fn runs_within(&self, first: IpAddr, last: IpAddr) -> impl Iterator<Item = (IpAddr, IpAddr)> + '_ {
        let ended = self.runs.partition_point(|run| run.1 < first);
        let begun = self.runs[ended..].iter().take_while(move |run| first <= last && run.0 <= last);
        begun.map(move |run| (run.0.max(first), run.1.min(last)))
    }

    /// The addresses between two, both included, that are not in the set, lowest first. None when the last is below the
    /// first.
    ///
    /// Each is worked out when it is asked for, and a run is passed in one step: neither 2^128 addresses nor a million in
    /// the set cost anything.
    pub fn absent_within(&self, first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpAddr> + '_ {
        let mut runs = self.runs_within(first, last).peekable();
        let mut next = Some(first);
        std::iter::from_fn(move || {
            // Behind a run there is a gap, so that no second one begins there.
            if let Some(run) = runs.next_if(|run| Some(run.0) == next) {
                next = next_address(run.1);
            }
            let absent = next.filter(|address| *address <= last)?;
            next = next_address(absent);
            Some(absent)
        })
    }

    /// The addresses of runs in any order, first and last of each. They may overlap.
    pub fn of_runs(runs: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let mut runs: Vec<_> = runs.into_iter().collect();
        runs.sort_unstable();
        let mut set = Self::default();
        for (first, last) in runs {
            let first = match set.runs.last() {
                Some(run) if run.1 >= first => next_address(run.1),
                _ => Some(first),
            };
            if let Some(first) = first.filter(|first| *first <= last) {
                set.append_run(first, last);
            }
        }
        set
    }

    /// Appends the addresses between two, both included, which are all above those that are there.
    pub fn append_run(&mut self, first: IpAddr, last: IpAddr) {
        match self.runs.last_mut() {
            Some(run) if next_address(run.1) == Some(first) => run.1 = last,
            _ => self.runs.push((first, last)),
        }
        self.count += length((first, last));
    }

    /// Appends an address that is not below those that are there, unless it is one of them.
    fn append(&mut self, address: IpAddr) {
        match self.runs.last_mut() {
            Some(run) if address <= run.1 => return,
            Some(run) if next_address(run.1) == Some(address) => run.1 = address,
            _ => self.runs.push((address, address)),
        }
        self.count += 1;
    }
}

/// From addresses in any order; ascending ones are never all in memory.
impl FromIterator<IpAddr> for AddressSet {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        let mut set = Self::default();
        let mut strays = Vec::new();
        for address in addresses {
            match set.runs.last() {
                Some(run) if address < run.0 => strays.push(address),
                _ => set.append(address),
            }
        }
        if strays.is_empty() {
            return set;
        }
        strays.extend(set.runs.into_iter().flat_map(|(first, last)| addresses_between(first, last)));
        strays.sort_unstable();
        strays.into_iter().collect()
    }
}

/// How many addresses a run has.
fn length((first, last): (IpAddr, IpAddr)) -> usize {
    let between = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => u128::from(last.to_bits() - first.to_bits()),
        (IpAddr::V6(first), IpAddr::V6(last)) => last.to_bits() - first.to_bits(),
        // No run goes from one family into the other.
        _ => 0,
    };
    usize::try_from(between).unwrap_or(usize::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Few addresses about some that matter, so that they often meet: the ends of both families among them.
    fn address() -> impl Strategy<Value = IpAddr> {
        let v4 = prop::sample::select(vec![0, 0x0a00_0000, u32::MAX - 15]);
        let v6 = prop::sample::select(vec![0, 0x2001_0db8 << 96, u128::MAX - 15]);
        prop_oneof![
            (v4, 0..16_u32).prop_map(|(from, offset)| Ipv4Addr::from_bits(from + offset).into()),
            (v6, 0..16_u128).prop_map(|(from, offset)| Ipv6Addr::from_bits(from + offset).into()),
        ]
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    proptest! {
        #[test]
        fn a_set_agrees_with_a_tree(addresses in prop::collection::vec(address(), 0..60), a in address(), b in address()) {
            let set: AddressSet = addresses.iter().copied().collect();
            let tree: BTreeSet<IpAddr> = addresses.iter().copied().collect();
            prop_assert_eq!(&set, &tree.iter().copied().collect::<AddressSet>(), "any order makes the same set");
            let mut runs = AddressSet::default();
            set.runs.iter().for_each(|(first, last)| runs.append_run(*first, *last));
            prop_assert_eq!(&runs, &set);
            let mut singles = AddressSet::default();
            tree.iter().for_each(|address| singles.append_run(*address, *address));
            prop_assert_eq!(&singles, &set);
            prop_assert_eq!((set.len(), set.is_empty()), (tree.len(), tree.is_empty()));
            prop_assert_eq!(set.contains(a), tree.contains(&a));
            let (first, last) = (a.min(b), a.max(b));
            let within: Vec<IpAddr> = tree.range(first..=last).copied().collect();
            prop_assert_eq!(set.count_within(first, last), within.len());
            let runs = set.runs_within(first, last);
            prop_assert_eq!(runs.flat_map(|(first, last)| addresses_between(first, last)).collect::<Vec<_>>(), within);
            // A walk of its own, for there may be 2^128 between two.
            let absent: Vec<IpAddr> = addresses_between(first, last).filter(|it| !tree.contains(it)).take(40).collect();
            prop_assert_eq!(set.absent_within(first, last).take(40).collect::<Vec<_>>(), absent);
        }
    }

    #[test]
    fn runs_in_any_order_that_overlap_make_the_set_of_their_addresses() {
        let run = |first, last| (ip(first), ip(last));
        let runs = [
            run("10.0.0.7", "10.0.0.9"),
            run("10.0.0.1", "10.0.0.3"),
            run("10.0.0.2", "10.0.0.2"),
            run("10.0.0.3", "10.0.0.4"),
            run("10.0.0.9", "10.0.0.6"),
            run("255.255.255.255", "255.255.255.255"),
            run("255.255.255.254", "255.255.255.255"),
        ];
        let set = AddressSet::of_runs(runs);
        let all = [run("10.0.0.1", "10.0.0.4"), run("10.0.0.7", "10.0.0.9"), run("255.255.255.254", "255.255.255.255")];
        assert_eq!(set, all.into_iter().flat_map(|(first, last)| addresses_between(first, last)).collect());
    }

    #[test]
    fn nothing_lies_between_an_address_and_a_lower_one() {
        let set: AddressSet = addresses_between(ip("10.0.0.1"), ip("10.0.0.9")).collect();
        for (first, last) in [("10.0.0.7", "10.0.0.3"), ("10.0.0.12", "10.0.0.3"), ("10.0.0.7", "10.0.0.0")] {
            let (first, last) = (ip(first), ip(last));
            assert_eq!(set.runs_within(first, last).next(), None, "{first} {last}");
            assert_eq!(set.count_within(first, last), 0, "{first} {last}");
            assert_eq!(set.absent_within(first, last).next(), None, "{first} {last}");
        }
    }

    #[test]
    fn what_is_absent_ends_with_the_last_address_even_when_asked_again() {
        let set: AddressSet = addresses_between(ip("255.255.255.252"), ip("255.255.255.254")).collect();
        let mut absent = set.absent_within(ip("255.255.255.253"), ip("255.255.255.255"));
        assert_eq!([absent.next(), absent.next(), absent.next()], [Some(ip("255.255.255.255")), None, None]);
        let mut absent = set.absent_within(ip("255.255.255.251"), ip("255.255.255.253"));
        assert_eq!([absent.next(), absent.next(), absent.next()], [Some(ip("255.255.255.251")), None, None]);
    }

    #[test]
    fn a_run_is_passed_in_one_step_however_long_it_is() {
        let set = AddressSet { runs: vec![(ip("2001:db8::1"), ip("2001:db8:ffff::"))], count: usize::MAX };
        let absent: Vec<IpAddr> = set.absent_within(ip("2001:db8::"), ip("2001:dff::")).take(2).collect();
        assert_eq!(absent, [ip("2001:db8::"), ip("2001:db8:ffff::1")]);
    }

    #[test]
    fn a_run_costs_its_two_ends() {
        assert_eq!(size_of::<(IpAddr, IpAddr)>(), 34, "as the documentation of the set says");
    }

    #[test]
    fn addresses_in_a_row_are_one_run() {
        let set: AddressSet = addresses_between(ip("10.0.0.0"), ip("10.0.255.255")).collect();
        assert_eq!((set.runs.len(), set.len()), (1, 65_536));
        let both: AddressSet = [ip("255.255.255.255"), ip("::")].into_iter().collect();
        assert_eq!(both.runs.len(), 2);
    }

    #[test]
    fn a_walk_ends_at_its_last_address() {
        let count = |first, last| addresses_between(ip(first), ip(last)).count();
        assert_eq!(count("255.255.255.254", "255.255.255.255"), 2);
        assert_eq!(count("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1);
        assert_eq!(count("10.0.0.2", "10.0.0.1"), 0);
    }

    #[test]
    fn the_next_address_is_counted_in_bits() {
        assert_eq!(next_address(ip("10.0.0.255")), Some(ip("10.0.1.0")));
        assert_eq!(next_address(ip("2001:db8::ffff")), Some(ip("2001:db8::1:0")));
        assert_eq!(next_address(ip("255.255.255.255")), None);
    }
}
