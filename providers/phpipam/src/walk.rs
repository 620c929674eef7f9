//! Free addresses of a subnet with too many used ones for phpIPAM to list: addresses are looked up one by one.
//!
//! A walk goes upward from the lowest free address. If that one is held and thousands of used ones follow it, a walk of
//! single steps would end before it finds any, at the same place each time. So the steps become longer, and the next walk
//! goes on where this one has found something.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam_provider::{Error, ErrorKind, FreeQuery, Result, Subnet, next_address};

use crate::Phpipam;
use crate::vendor::WHAT;

/// How many addresses are looked up for one question: some 5 ms each.
const LOOK_UPS_AT_MOST: usize = 256;

/// After as many used addresses in a row the steps become longer.
const SINGLE_STEPS_AT_MOST: usize = 64;

impl Phpipam {
    /// What is found is free and ascending, but may be less than there is, and lower ones may be free too.
    pub(crate) async fn walk(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let Some(first) = self.first_free(subnet).await? else {
            self.check_mark(subnet).await?;
            return Ok(Vec::new());
        };
        log::warn!(
            "{WHAT} cannot list the addresses of subnet {subnet}, so each is asked for. Raise memory_limit in its php.ini"
        );
        let (lowest, last) = subnet.prefix.offerable(subnet.pool);
        let mut walk = Walk { provider: self, subnet, query, first, last, found: Vec::new(), look_ups: 0 };
        // Of IPv6, phpIPAM's first one may be the subnet-router anycast address.
        let after_first = if first < lowest { Some(lowest) } else { next_address(first) };
        if first >= lowest && !query.held.contains(first) {
            walk.found.push(first);
        }
        let before = walk.found.len();
        let is_exhausted = match self.walks.next(subnet, first) {
            Some(next) => walk.upward(next).await? && walk.found.len() == before,
            None => true,
        };
        let mut is_all = false;
        if is_exhausted {
            self.walks.forget(subnet);
            is_all = match after_first {
                Some(start) => walk.upward(start).await?,
                None => true,
            };
        }
        let found = walk.found;
        if found.is_empty() && !is_all {
            let text = format!(
                "Subnet {subnet} has too many addresses for {WHAT} to list, and none of those that were looked up is \
                 free. Try again, or raise memory_limit in the php.ini of {WHAT}"
            );
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        Ok(found)
    }
}

struct Walk<'a> {
    provider: &'a Phpipam,
    subnet: &'a Subnet,
    query: FreeQuery<'a>,
    first: IpAddr,
    last: IpAddr,
    found: Vec<IpAddr>,
    look_ups: usize,
}

impl Walk<'_> {
    fn is_over(&self) -> bool {
        self.found.len() == self.query.at_most || self.look_ups == LOOK_UPS_AT_MOST
    }

    /// The next walk goes on there, also if a time limit ends this one.
    fn remember(&self, next: IpAddr) {
        self.provider.walks.remember(self.subnet, self.first, next);
    }

    /// The lowest address from here on that is not held.
    fn candidate(&self, from: IpAddr) -> Option<IpAddr> {
        self.query.held.absent_within(from, self.last).next()
    }

    async fn is_free(&mut self, address: IpAddr) -> Result<bool> {
        self.look_ups += 1;
        Ok(self.provider.row(self.subnet, address).await?.is_none())
    }

    /// Walks from `start` until enough is found. Was every address from there on looked up?
    async fn upward(&mut self, start: IpAddr) -> Result<bool> {
        let mut is_all = true;
        let mut from = Some(start);
        while let Some(start) = from {
            let Some(used) = self.single_steps(start).await? else { return Ok(is_all) };
            is_all = false;
            if self.is_over() {
                break;
            }
            self.remember(used);
            let free = self.longer_steps(used).await?;
            if let Some(free) = free {
                self.remember(free);
                self.found.push(free);
            }
            from = free.and_then(next_address);
        }
        Ok(is_all)
    }

    /// Looks up one address after the other, until there are many used ones in a row. Where it stopped; `None` at the end of
    /// the subnet.
    async fn single_steps(&mut self, from: IpAddr) -> Result<Option<IpAddr>> {
        let mut used_in_a_row = 0;
        let mut next = self.candidate(from);
        while let Some(address) = next {
            if self.is_over() || used_in_a_row == SINGLE_STEPS_AT_MOST {
                return Ok(Some(address));
            }
            if self.is_free(address).await? {
                self.found.push(address);
                used_in_a_row = 0;
            } else {
                used_in_a_row += 1;
            }
            next = next_address(address).and_then(|above| self.candidate(above));
        }
        Ok(None)
    }

    /// Looks for a free address in steps that double. Beyond the end of the subnet they begin again, with single ones, after
    /// the last used address: so a free end of the subnet is found, however short it is.
    async fn longer_steps(&mut self, from: IpAddr) -> Result<Option<IpAddr>> {
        let mut step: u128 = 1;
        let mut used = from;
        let mut next = Some(from);
        while !self.is_over() {
            match next.and_then(|address| self.candidate(address)) {
                Some(address) if self.is_free(address).await? => return Ok(Some(address)),
                Some(address) => {
                    used = address;
                    next = above(address, step);
                    step = step.saturating_mul(2);
                }
                None if step > 2 => {
                    next = above(used, 1);
                    step = 2;
                }
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// The address `step` above this one; `None` beyond the last one.
fn above(address: IpAddr, step: u128) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits().checked_add(u32::try_from(step).ok()?)?).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits().checked_add(step)?).into(),
    })
}
