//! Which addresses are held, as runs of addresses side by side: what a search for free addresses passes over.
//!
//! Kept up to date with each hold, so that a search need not look at every one: a million in a row are one run.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam_provider::next_address;

/// The first address of each run and its last; between two runs there is a gap.
#[derive(Debug, Default)]
pub(super) struct Runs(BTreeMap<IpAddr, IpAddr>);

impl Runs {
    /// Adds an address, unless it is there.
    pub(super) fn insert(&mut self, address: IpAddr) {
        let first = match self.at_or_before(address) {
            Some((_, last)) if last >= address => return,
            Some((first, last)) if next_address(last) == Some(address) => first,
            _ => address,
        };
        let last = next_address(address).and_then(|next| self.0.remove(&next)).unwrap_or(address);
        self.0.insert(first, last);
    }

    /// Removes an address, if it is there.
    pub(super) fn remove(&mut self, address: IpAddr) {
        let Some((first, last)) = self.at_or_before(address).filter(|(_, last)| *last >= address) else { return };
        match previous_address(address).filter(|_| first < address) {
            Some(previous) => self.0.insert(first, previous),
            None => self.0.remove(&first),
        };
        if let Some(next) = next_address(address).filter(|next| *next <= last) {
            self.0.insert(next, last);
        }
    }

    /// The first runs between two addresses, both included, cut there; at most so many.
    pub(super) fn some_within(&self, first: IpAddr, last: IpAddr, at_most: usize) -> Vec<(IpAddr, IpAddr)> {
        let begun = self.at_or_before(first).filter(|run| run.1 >= first).map(|run| run.0);
        let runs = self.0.range(begun.unwrap_or(first)..).take_while(|run| *run.0 <= last);
        runs.map(|run| (first.max(*run.0), last.min(*run.1))).take(at_most).collect()
    }

    fn at_or_before(&self, address: IpAddr) -> Option<(IpAddr, IpAddr)> {
        self.0.range(..=address).next_back().map(|(first, last)| (*first, *last))
    }
}

/// The next lower address of the same family; `None` before its first.
fn previous_address(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_sub(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(address) => address.to_bits().checked_sub(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipam_provider::addresses_between;
    use proptest::prelude::*;

    use super::*;

    /// Few addresses, so that they often lie side by side; the ends of both families among them.
    fn address() -> impl Strategy<Value = IpAddr> {
        let v4 = prop::sample::select(vec![0, 0x0a00_0000, u32::MAX - 7]);
        let v6 = prop::sample::select(vec![0, 0x2001_0db8 << 96, u128::MAX - 7]);
        prop_oneof![
            (v4, 0..8_u32).prop_map(|(from, offset)| Ipv4Addr::from_bits(from + offset).into()),
            (v6, 0..8_u128).prop_map(|(from, offset)| Ipv6Addr::from_bits(from + offset).into()),
        ]
    }

    proptest! {
        #[test]
        fn runs_agree_with_a_tree(
            changes in prop::collection::vec((any::<bool>(), address()), 0..80),
            a in address(),
            b in address(),
            at_most in 1..4_usize,
        ) {
            let (mut runs, mut tree) = (Runs::default(), BTreeSet::new());
            for (is_added, address) in changes {
                if is_added {
                    runs.insert(address);
                    tree.insert(address);
                } else {
                    runs.remove(address);
                    tree.remove(&address);
                }
            }
            let (first, last) = (a.min(b), a.max(b));
            let all = runs.some_within(first, last, usize::MAX);
            let addresses: Vec<IpAddr> = all.iter().flat_map(|run| addresses_between(run.0, run.1)).collect();
            prop_assert_eq!(addresses, tree.range(first..=last).copied().collect::<Vec<_>>());
            prop_assert!(all.windows(2).all(|two| next_address(two[0].1) != Some(two[1].0)), "a gap between two");
            // Some at a time they are the same.
            let (mut some, mut from) = (Vec::new(), Some(first));
            while let Some(begin) = from.filter(|from| *from <= last) {
                let slice = runs.some_within(begin, last, at_most);
                from = slice.last().and_then(|run| next_address(run.1));
                some.extend(slice);
            }
            // A walk from one family does not go on into the other; no prefix has both.
            prop_assert!(first.is_ipv4() != last.is_ipv4() || some == all);
        }
    }
}
