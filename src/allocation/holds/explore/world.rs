//! All that there is: holds, an IPAM, proxies, callers and time. And what must never be.

use super::super::hold::Moment;
use super::caller::{Caller, Doing};
use super::mutation::Mutation;
use super::numbers::{ADDRESSES, Batch, CANDIDATE, LIFE, Late, RECYCLE_AFTER, SCOPES, Small, ip};
use crate::allocation::Timestamp;

/// All that there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) mutation: Mutation,
    pub(super) now: u64,
    pub(super) event: u64,
    pub(super) holds: [Option<Small>; ADDRESSES as usize],
    /// Which caller has the record of an address.
    pub(super) ipam: [Option<usize>; ADDRESSES as usize],
    pub(super) callers: Vec<Caller>,
    /// Of each proxy and subnet.
    pub(super) batches: Vec<[Option<Batch>; 2]>,
    pub(super) late: Vec<Late>,
    pub(super) ticks: u8,
    pub(super) crashes: u8,
    pub(super) losses: u8,
}

/// What follows, or the violation.
pub(super) type Next = Result<World, String>;

impl World {
    fn new(proxies: usize, callers: Vec<Caller>) -> Self {
        Self {
            mutation: Mutation::None,
            now: 10,
            event: 1,
            holds: [None; ADDRESSES as usize],
            ipam: [None; ADDRESSES as usize],
            callers,
            batches: vec![[None; 2]; proxies],
            late: Vec::new(),
            ticks: 0,
            crashes: 0,
            losses: 0,
        }
    }

    /// Two hosts with a MAC in nested subnets, and one without, all at the beginning.
    pub(super) fn fresh(proxies: usize) -> Self {
        Self::new(proxies, vec![Caller::new(0, 1, 1), Caller::new(proxies - 1, 2, 0), Caller::new(proxies - 1, 0, 1)])
    }

    /// A host has an address whose promise ends soon; two others ask. The host has a MAC or none.
    pub(super) fn promised_before(proxies: usize, host: u8) -> Self {
        let other = if host > 0 { 0 } else { 1 };
        let callers = vec![
            Caller { doing: Doing::Holding { address: 1 }, promise: Some((1, 11)), ..Caller::new(0, host, 1).idle() },
            Caller::new(proxies - 1, 2, 0),
            Caller::new(proxies - 1, other, 1),
        ];
        let mut world = Self::new(proxies, callers);
        // One without a MAC is recycled before it ends.
        let until = if host > 0 { 11 } else { 12 };
        world.holds[0] =
            Some(Small { subnet: 1, host, state: 0, granted: 9, until, event: 1, confirmed: 0, is_allocation: false });
        world.event = 2;
        world
    }

    /// A host has an address, which its proxy may add; others ask another proxy.
    pub(super) fn added_before() -> Self {
        let callers = vec![
            Caller { doing: Doing::Holding { address: 1 }, promise: Some((1, 12)), ..Caller::new(0, 1, 1).idle() },
            Caller::new(1, 2, 1),
            Caller::new(1, 0, 0),
        ];
        let mut world = Self::new(2, callers);
        world.holds[0] = Some(Small {
            subnet: 1,
            host: 1,
            state: 0,
            granted: 9,
            until: 12,
            event: 1,
            confirmed: 0,
            is_allocation: false,
        });
        world.event = 2;
        world
    }

    /// An allocation has waited so long for its turn to write that its address may be given to another host; one that can
    /// have no other asks.
    pub(super) fn chosen_before(proxies: usize) -> Self {
        let chosen = Doing::Chosen { arrival: 1, address: 1 };
        let callers = vec![
            Caller { doing: chosen, came: 10, ..Caller::new(0, 1, 0).idle().allocating() },
            Caller::new(proxies - 1, 2, 1),
            Caller::new(proxies - 1, 0, 0),
        ];
        let mut world = Self::new(proxies, callers);
        let hold =
            Small { subnet: 0, host: 0, state: 0, granted: 8, until: 12, event: 2, confirmed: 0, is_allocation: true };
        world.holds[0] = Some(hold);
        world.event = 3;
        world
    }

    /// A host has had its address for long, and may let it go; two others ask.
    pub(super) fn reserved_before(proxies: usize) -> Self {
        let callers = vec![
            Caller { doing: Doing::Reserved { address: 1 }, ..Caller::new(0, 1, 1) },
            Caller::new(proxies - 1, 2, 0),
            Caller::new(proxies - 1, 0, 1),
        ];
        let mut world = Self::new(proxies, callers);
        world.ipam[0] = Some(0);
        world
    }

    /// A host has just been promised an address, another one asks, and a third deletes an address that it does not have.
    pub(super) fn deleted_by_another(proxies: usize) -> Self {
        let mut world = Self::promised_before(proxies, 1);
        world.callers[2] = Caller { is_stray: true, ..Caller::new(proxies - 1, 0, 1) };
        world
    }

    /// The last caller has its address chosen and reserved in one call.
    pub(super) fn with_allocation(mut self) -> Self {
        if let Some(last) = self.callers.last_mut() {
            *last = last.clone().allocating();
        }
        self
    }

    pub(super) fn with(self, mutation: Mutation) -> Self {
        Self { mutation, ..self }
    }

    pub(super) fn with_ticks(self, ticks: u8) -> Self {
        Self { ticks, ..self }
    }

    pub(super) fn with_crashes(self, crashes: u8) -> Self {
        Self { crashes, ..self }
    }

    pub(super) fn with_lost_answers(self, losses: u8) -> Self {
        Self { losses, ..self }
    }

    /// What no longer makes a difference, so that states that differ in it are one.
    pub(super) fn forget_what_ended(&mut self) {
        let now = self.now;
        for hold in &mut self.holds {
            *hold = hold.filter(|hold| now < hold.until);
        }
        for batch in self.batches.iter_mut().flatten() {
            *batch = batch.filter(|batch| now - batch.asked < CANDIDATE);
        }
        for caller in &mut self.callers {
            caller.promise = caller.promise.filter(|(_, until)| now < *until);
        }
    }

    /// Leaves out what makes no difference any more. Events matter by their order only.
    pub(super) fn normalize(&mut self) {
        for caller in self.callers.iter_mut().filter(|caller| !caller.doing.is_request()) {
            caller.came = 0;
        }
        for hold in self.holds.iter_mut().flatten() {
            if self.now - hold.confirmed >= CANDIDATE {
                hold.confirmed = 0;
            }
        }
        self.late.sort_unstable();
        let mut known = vec![0];
        self.each_event(&mut |event| known.push(*event));
        known.sort_unstable();
        known.dedup();
        let number = |event: u64| known.binary_search(&event).expect("a known event") as u64;
        self.each_event(&mut |event| *event = number(*event));
        self.event = known.len() as u64;
    }

    fn each_event(&mut self, visit: &mut impl FnMut(&mut u64)) {
        for hold in self.holds.iter_mut().flatten() {
            visit(&mut hold.event);
        }
        for batch in self.batches.iter_mut().flatten().flatten() {
            visit(&mut batch.event);
        }
        for caller in &mut self.callers {
            caller.doing.each_event(visit);
        }
    }

    pub(super) fn moment(&mut self) -> Moment {
        let event = self.event;
        self.event += 1;
        Moment { now: Timestamp(self.now), event }
    }

    pub(super) fn get(&self, address: u8) -> Option<Small> {
        self.holds[usize::from(address - 1)]
    }

    /// The addresses of a subnet.
    pub(super) fn inside(subnet: usize) -> impl Iterator<Item = u8> {
        (1..=ADDRESSES).filter(move |address| SCOPES[subnet].prefix.contains(ip(*address)))
    }

    pub(super) fn record(&self, address: u8) -> Option<usize> {
        self.ipam[usize::from(address - 1)]
    }

    /// The caller is answered with the address.
    pub(super) fn promised(mut self, caller: usize, arrival: u64, address: u8) -> Next {
        if self.callers[caller].allocates {
            self.callers[caller].doing = Doing::Chosen { arrival, address };
            return Ok(self);
        }
        if let Some(other) = self.other_with_promise(caller, address) {
            return Err(format!("{address} is promised to {caller} while it is promised to {other}"));
        }
        if let Some(owner) = self.ipam[usize::from(address - 1)] {
            return Err(format!("{address} is promised to {caller} while it is reserved for {owner}"));
        }
        let host = self.callers[caller].host;
        let life = if host > 0 { LIFE } else { RECYCLE_AFTER + 1 };
        self.callers[caller].promise = Some((address, self.now + life));
        self.callers[caller].doing = Doing::Holding { address };
        Ok(self)
    }

    /// The IPAM makes a record, unless there is one; `true` when it did.
    pub(super) fn created(mut self, caller: usize, address: u8) -> Result<(Self, bool), String> {
        let record = &mut self.ipam[usize::from(address - 1)];
        if record.is_some() {
            return Ok((self, false));
        }
        *record = Some(caller);
        match self.other_with_promise(caller, address) {
            Some(other) => Err(format!("{address} is reserved for {caller} while it is promised to {other}")),
            None => Ok((self, true)),
        }
    }

    fn other_with_promise(&self, caller: usize, address: u8) -> Option<usize> {
        let has = |other: &Caller| other.promise.is_some_and(|(held, until)| held == address && self.now < until);
        (0..self.callers.len()).find(|other| *other != caller && has(&self.callers[*other]))
    }
}
