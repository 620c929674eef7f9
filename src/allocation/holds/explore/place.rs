//! What a place that keeps holds does.

use std::net::IpAddr;
use std::time::Duration;

use super::super::hold::{Ask, Grant, Hold, HoldState, Moment, Offer};
use super::super::rules::{self, Becomes, Step};
use super::mutation::Mutation;
use super::numbers::{RECYCLE_AFTER, SCOPES, Small, ip, number_of};
use super::world::World;
use crate::allocation::Timestamp;

impl World {
    pub(super) fn offer_for(&self, subnet: usize, ask: &Ask) -> Option<Offer> {
        let held: Vec<(IpAddr, Hold)> =
            Self::inside(subnet).filter_map(|address| Some((ip(address), self.get(address)?.hold()))).collect();
        let of_mac = held.iter().filter(|(_, hold)| ask.mac.is_some() && hold.mac == ask.mac);
        rules::offer_for(of_mac.map(|(address, hold)| (*address, hold)), ask)
    }

    pub(super) fn spare(&self, subnet: usize) -> Option<Offer> {
        let recycle_after = if self.mutation == Mutation::SpareAtOnce { 0 } else { RECYCLE_AFTER };
        // A tick is a millisecond of the rules; at once is before the tick is over.
        let now = Timestamp(self.now + u64::from(self.mutation == Mutation::SpareAtOnce));
        let ranked = Self::inside(subnet).filter_map(|address| {
            let hold = self.get(address)?.hold();
            Some((rules::spare(&hold, now, Duration::from_millis(recycle_after))?, Offer::of(ip(address), &hold)))
        });
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, offer)| offer)
    }

    pub(super) fn claim(&mut self, subnet: usize, free: u8, grant: Grant) -> Option<u8> {
        let at = self.moment();
        if let Some(offer) = self.offer_for(subnet, &grant.ask) {
            let address = number_of(offer.address);
            let there = self.get(address).map(|hold| hold.hold()).filter(|hold| hold.state == HoldState::Offered);
            let renew = Step::Renew(offer, Grant { confirmed: offer.confirmed, ..grant });
            if let Some(there) = there
                && let Becomes::Held(renewed) = renew.apply(&SCOPES[subnet], Some(&there), at)
            {
                self.holds[usize::from(address - 1)] = Some(Small::of(&renewed));
                return Some(address);
            }
        }
        let free = Self::inside(subnet).find(|address| free & 1 << address > 0 && self.get(*address).is_none())?;
        self.holds[usize::from(free - 1)] = Some(Small::of(&rules::granted(&SCOPES[subnet], &grant, at)));
        Some(free)
    }

    /// One step of the rules, or of what the mutation makes of them.
    pub(super) fn step(&mut self, subnet: usize, address: u8, step: &Step) -> (Option<Small>, bool, Moment) {
        let (before, at) = (self.get(address), self.moment());
        let there = before.map(|hold| hold.hold());
        let becomes = self.mutation.apply(step, &SCOPES[subnet], there.as_ref(), at);
        match &becomes {
            Becomes::Unchanged => {}
            Becomes::Held(hold) => self.holds[usize::from(address - 1)] = Some(Small::of(hold)),
            Becomes::Ended => self.holds[usize::from(address - 1)] = None,
        }
        // A hold that ends as it begins counts as absent.
        self.forget_what_ended();
        (before, becomes != Becomes::Unchanged, at)
    }
}
