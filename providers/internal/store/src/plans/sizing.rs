//! From a number of hosts, or a length, to the prefixes that are needed.

use ipam_provider::Prefix;

use super::{Calculated, CalculatedPrefix, PlanRecord, PoolRecord, Size, Sizes};
use crate::{Result, StoreError};

/// How many bits addresses of the prefix's family have.
pub(super) fn bits_of(prefix: &Prefix) -> u8 {
    if prefix.is_ipv6() { 128 } else { 32 }
}

/// How many addresses a prefix of this length has. Nothing in a store is as large as all of IPv6, so the number fits.
pub(super) fn addresses(bits: u8, length: u8) -> u128 {
    1u128.checked_shl(u32::from(bits - length)).unwrap_or(u128::MAX)
}

impl Sizes {
    /// How many hosts have room in a prefix of this length.
    pub(super) fn usable(&self, bits: u8, length: u8) -> u128 {
        addresses(bits, length).saturating_sub(self.kept_back.into())
    }

    /// The length of the smallest prefix of the first pool that is large enough.
    fn length(&self, bits: u8, size: Size) -> Result<u8> {
        let (shortest, longest) = (self.shortest, self.longest);
        let hosts = match size {
            Size::Length(length) if (shortest..=longest).contains(&length) => return Ok(length),
            Size::Length(length) => {
                let what =
                    format!("A prefix of length {length} is not in this plan; the length is {shortest} to {longest}");
                return Err(StoreError::Invalid(what));
            }
            Size::Hosts(hosts) => hosts,
        };
        // No more than a database can count.
        let largest = self.usable(bits, shortest).min(i64::MAX as u128);
        let at_most = self.hosts_at_most.map_or(largest, |limit| largest.min(limit.into()));
        if hosts == 0 || u128::from(hosts) > at_most {
            let what = format!("{hosts} hosts are not in this plan; the number is 1 to {at_most}");
            return Err(StoreError::Invalid(what));
        }
        let length = (shortest..=longest).rev().find(|length| self.usable(bits, *length) >= hosts.into());
        Ok(length.expect("there is room in the largest"))
    }
}

impl PlanRecord {
    /// What an allocation of this size has of each pool.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) for a size that the plan does not have.
    pub fn calculate(&self, size: Size) -> Result<Calculated> {
        let first = self.pools.first().expect("a plan has a pool");
        let length = self.sizes.length(bits_of(&first.prefix), size)?;
        let prefixes = self.pools.iter().map(|pool| {
            let (bits, length) = (bits_of(&pool.prefix), pool.length_beside(length));
            let (addresses, usable) = (addresses(bits, length), self.sizes.usable(bits, length));
            CalculatedPrefix { pool: pool.name.clone(), length, addresses, usable }
        });
        Ok(Calculated { prefixes: prefixes.collect() })
    }
}

impl PoolRecord {
    /// The length of the prefix that goes with one of this length of the first pool. That there is one is seen to when the
    /// plan is made.
    pub(super) fn length_beside(&self, first: u8) -> u8 {
        u8::try_from(i16::from(first) + self.shift).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOCATOR: Sizes = Sizes { shortest: 20, longest: 26, kept_back: 5, hosts_at_most: Some(4000) };

    /// The table of the IPAM-Prefix-Allocator: the bounds of each size.
    #[test]
    fn sizes_are_those_of_the_prefix_allocator() {
        for (from, to, length, usable) in [
            (1, 59, 26, 59),
            (60, 123, 25, 123),
            (124, 251, 24, 251),
            (252, 507, 23, 507),
            (508, 1019, 22, 1019),
            (1020, 2043, 21, 2043),
            (2044, 4000, 20, 4091),
        ] {
            for hosts in [from, to] {
                assert_eq!(ALLOCATOR.length(32, Size::Hosts(hosts)).expect("a size"), length, "{hosts}");
            }
            assert_eq!(ALLOCATOR.usable(32, length), usable);
        }
    }

    #[test]
    fn what_a_plan_does_not_have_is_refused_with_its_limits() {
        for (size, text) in [
            (Size::Hosts(0), "0 hosts are not in this plan; the number is 1 to 4000"),
            (Size::Hosts(4001), "4001 hosts are not in this plan; the number is 1 to 4000"),
            (Size::Length(19), "A prefix of length 19 is not in this plan; the length is 20 to 26"),
            (Size::Length(27), "A prefix of length 27 is not in this plan; the length is 20 to 26"),
        ] {
            assert_eq!(ALLOCATOR.length(32, size).expect_err("no size").to_string(), text);
        }
        let unlimited = Sizes { hosts_at_most: None, ..ALLOCATOR };
        assert_eq!(unlimited.length(32, Size::Hosts(4091)).expect("a size"), 20);
        assert!(unlimited.length(32, Size::Hosts(4092)).is_err());
        let ipv6 = Sizes { shortest: 56, longest: 64, kept_back: 0, hosts_at_most: None };
        assert_eq!(ipv6.length(128, Size::Hosts(i64::MAX as u64)).expect("a size"), 64);
    }
}
