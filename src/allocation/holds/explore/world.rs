//! Holds, an IPAM, proxies, callers and time, as small as they can be and still go wrong.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ipam_provider::{AddressSpace, Mac};

use super::super::hold::{Ask, Grant, Hold, HoldState, Moment, Offer, Scope, Space};
use super::super::rules::{self, Becomes, Step};
use super::caller::{Caller, Doing};
use crate::allocation::Timestamp;

/// Addresses `10.0.0.1` to `10.0.0.3`.
pub(super) const ADDRESSES: u8 = 3;

/// Ticks of the clock. A request ends within a tick after the one that it came in.
pub(super) const LIFE: u64 = 3;
pub(super) const LIFE_WITHOUT_MAC: u64 = 3;
pub(super) const RECYCLE_AFTER: u64 = 1;
pub(super) const QUARANTINE: u64 = 4;
/// A batch is younger than this when a request comes that uses it.
pub(super) const CANDIDATE: u64 = 1;
pub(super) const BUDGET: u64 = 1;
/// How long a batch of now, and a request that uses it, may live.
pub(super) const SETTLED: u64 = CANDIDATE + BUDGET;
/// How long the fate of an unanswered add is looked for; until then it has taken effect or never will.
pub(super) const LOOKED_FOR: u64 = 3;
/// How long an add excludes its address: a proxy that ends in the middle of it leaves nobody to look.
pub(super) const ADDED_WITHIN: u64 = BUDGET + LOOKED_FOR;

/// The whole space, and the part of it that is asked for first.
static SCOPES: LazyLock<[Arc<Scope>; 2]> = LazyLock::new(|| {
    ["10.0.0.0/30", "10.0.0.1/32"].map(|prefix| {
        let space = Space { provider: "netbox".into(), name: AddressSpace::new("vrf 1") };
        Arc::new(Scope { space, group: None, prefix: prefix.parse().expect("a prefix") })
    })
});

pub(super) fn ip(address: u8) -> IpAddr {
    [10, 0, 0, address].into()
}

fn number_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(v4) => v4.octets()[3],
        IpAddr::V6(_) => unreachable!("there is none"),
    }
}

static MACS: LazyLock<[Mac; 2]> =
    LazyLock::new(|| ["00:00:5e:00:53:01", "00:00:5e:00:53:02"].map(|mac| mac.parse().expect("a MAC")));

/// The MAC of a host; host 0 has none.
pub(super) fn mac(host: u8) -> Option<Mac> {
    host.checked_sub(1).map(|number| MACS[usize::from(number)])
}

fn host_of(mac: Option<Mac>) -> u8 {
    mac.map_or(0, |mac| if mac == MACS[0] { 1 } else { 2 })
}

/// A hold in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Small {
    subnet: u8,
    pub(super) host: u8,
    state: u8,
    granted: u64,
    pub(super) until: u64,
    pub(super) event: u64,
    confirmed: u64,
}

const STATES: [HoldState; 5] =
    [HoldState::Offered, HoldState::Adding, HoldState::Unanswered, HoldState::Reserved, HoldState::Released];

impl Small {
    fn of(hold: &Hold) -> Self {
        let at = |list: &[HoldState]| list.iter().position(|state| *state == hold.state).expect("a state");
        Self {
            subnet: u8::from(hold.scope == SCOPES[1]),
            host: host_of(hold.mac),
            state: u8::try_from(at(&STATES)).expect("a few"),
            granted: hold.granted.0,
            until: hold.until.0,
            event: hold.event,
            confirmed: hold.confirmed.0,
        }
    }

    pub(super) fn hold(&self) -> Hold {
        Hold {
            scope: SCOPES[usize::from(self.subnet)].clone(),
            mac: mac(self.host),
            state: self.state(),
            granted: Timestamp(self.granted),
            until: Timestamp(self.until),
            request: None,
            event: self.event,
            confirmed: Timestamp(self.confirmed),
            trace: None,
        }
    }

    pub(super) fn state(&self) -> HoldState {
        STATES[usize::from(self.state)]
    }
}

/// Free addresses of a subnet, as a proxy remembers them: one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Batch {
    pub(super) free: u8,
    pub(super) asked: u64,
    pub(super) event: u64,
}

/// A write that the IPAM may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Late {
    pub(super) caller: usize,
    pub(super) address: u8,
    pub(super) until: u64,
}

/// A rule that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mutation {
    /// None: the rules as they are.
    None,
    /// A finished add leaves no hold, although batches from before live on.
    FinishEnds,
    /// An add whose answer is lost leaves no hold.
    LoseEnds,
    /// A spare address is given away although it changed since it was read.
    ReuseWhatChanged,
    /// A delete ends what was promised or sent after it began.
    DeleteWhatChanged,
    /// A delete that finds no record ends an offer.
    DeleteEndsOffers,
    /// An add does not exclude the address.
    BeginLeaves,
    /// What is spare is not asked for its age.
    SpareAtOnce,
    /// An add does not make the hold live until it is done.
    BeginKeepsTheEnd,
}

impl Mutation {
    pub(super) const ALL: [Self; 8] = [
        Self::FinishEnds,
        Self::LoseEnds,
        Self::ReuseWhatChanged,
        Self::DeleteWhatChanged,
        Self::DeleteEndsOffers,
        Self::BeginLeaves,
        Self::SpareAtOnce,
        Self::BeginKeepsTheEnd,
    ];
}

/// All that there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    mutation: Mutation,
    pub(super) now: u64,
    event: u64,
    holds: [Option<Small>; ADDRESSES as usize],
    /// Which caller has the record of an address.
    pub(super) ipam: [Option<usize>; ADDRESSES as usize],
    pub(super) callers: Vec<Caller>,
    /// Of each proxy and subnet.
    pub(super) batches: Vec<[Option<Batch>; 2]>,
    pub(super) late: Vec<Late>,
    ticks: u8,
    crashes: u8,
    pub(super) losses: u8,
}

/// What can happen.
#[derive(Debug)]
#[expect(dead_code, reason = "read by people, in the path to a violation")]
pub(super) enum What {
    Caller(usize, &'static str),
    Tick,
    Crash { proxy: usize, is_late: bool },
    TakesOver { address: u8 },
    LandsLate(Late),
    NeverLands(Late),
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
        world.holds[0] = Some(Small { subnet: 1, host, state: 0, granted: 9, until, event: 1, confirmed: 0 });
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
        world.holds[0] = Some(Small { subnet: 1, host: 1, state: 0, granted: 9, until: 12, event: 1, confirmed: 0 });
        world.event = 2;
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

    /// All that can happen next, in a fixed order.
    pub(super) fn all_next(&self) -> Vec<(What, Next)> {
        let mut all = Vec::new();
        for caller in 0..self.callers.len() {
            self.next_of(caller, &mut |what, next| all.push((What::Caller(caller, what), next)));
        }
        if self.ticks > 0 && self.can_time_pass() {
            let mut next = self.clone();
            next.ticks -= 1;
            next.now += 1;
            next.forget_what_ended();
            all.push((What::Tick, Ok(next)));
        }
        if self.crashes > 0 {
            for proxy in 0..self.batches.len() {
                for is_late in [false, true] {
                    all.push((What::Crash { proxy, is_late }, Ok(self.crashed(proxy, is_late))));
                }
            }
        }
        for address in 1..=ADDRESSES {
            if let Some(dead) = self.get(address).filter(|hold| hold.state() == HoldState::Adding)
                && self.now > dead.granted + BUDGET
            {
                let mut next = self.clone();
                let at_least = Duration::from_millis(LOOKED_FOR);
                let lose = Step::LoseAdd { ticket: dead.event, mac: mac(dead.host), at_least };
                next.step(usize::from(dead.subnet), address, &lose);
                all.push((What::TakesOver { address }, Ok(next)));
            }
        }
        for number in 0..self.late.len() {
            let mut next = self.clone();
            let late = next.late.remove(number);
            let created = next.clone().created(late.caller, late.address).map(|(next, _)| next);
            all.push((What::LandsLate(late), created));
            all.push((What::NeverLands(late), Ok(next)));
        }
        for (_, next) in &mut all {
            if let Ok(next) = next {
                next.normalize();
            }
        }
        all
    }

    /// Not while a request is at its end, or a late write.
    fn can_time_pass(&self) -> bool {
        let is_in_time = |caller: &Caller| !caller.doing.is_request() || self.now < caller.came + BUDGET;
        self.callers.iter().all(is_in_time) && self.late.iter().all(|late| self.now < late.until)
    }

    /// What no longer makes a difference, so that states that differ in it are one.
    fn forget_what_ended(&mut self) {
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

    fn crashed(&self, proxy: usize, is_late: bool) -> Self {
        let mut next = self.clone();
        next.crashes -= 1;
        next.batches[proxy] = [None; 2];
        for number in 0..next.callers.len() {
            if next.callers[number].proxy == proxy {
                next.abort(number, is_late);
            }
        }
        if next.batches.len() == 1 {
            // The place was in its memory: what the journal gives back.
            for hold in next.holds.iter_mut().flatten() {
                if matches!(hold.state(), HoldState::Adding | HoldState::Unanswered) {
                    hold.state = 2;
                    hold.until = hold.until.max(next.now + LOOKED_FOR);
                }
                hold.event = 0;
                hold.confirmed = 0;
            }
        }
        next
    }

    /// Leaves out what makes no difference any more. Events matter by their order only.
    fn normalize(&mut self) {
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

    // What a place does.

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
        let there = there.as_ref();
        let scope = &SCOPES[subnet];
        let becomes = match (self.mutation, step) {
            (Mutation::FinishEnds, Step::FinishAdd { .. }) | (Mutation::LoseEnds, Step::LoseAdd { .. }) => {
                Becomes::Ended
            }
            (Mutation::BeginLeaves, Step::BeginAdd { .. }) => Becomes::Unchanged,
            (Mutation::BeginKeepsTheEnd, Step::BeginAdd { .. }) => {
                Step::BeginAdd { at_least: Duration::ZERO, request: None }.apply(scope, there, at)
            }
            (Mutation::ReuseWhatChanged, Step::Reuse(offer, grant)) => {
                let offer = there.map_or(*offer, |hold| Offer::of(offer.address, hold));
                Step::Reuse(offer, *grant).apply(scope, there, at)
            }
            (Mutation::DeleteWhatChanged, Step::Delete { removed, quarantine, .. }) => {
                let seen = there.map(|hold| hold.event);
                Step::Delete { seen, removed: removed.clone(), quarantine: *quarantine, request: None }
                    .apply(scope, there, at)
            }
            (Mutation::DeleteEndsOffers, Step::Delete { seen, removed: None, .. })
                if there.is_some_and(|hold| hold.state == HoldState::Offered && Some(hold.event) == *seen) =>
            {
                Becomes::Ended
            }
            _ => step.apply(scope, there, at),
        };
        match &becomes {
            Becomes::Unchanged => {}
            Becomes::Held(hold) => self.holds[usize::from(address - 1)] = Some(Small::of(hold)),
            Becomes::Ended => self.holds[usize::from(address - 1)] = None,
        }
        // A hold that ends as it begins counts as absent.
        self.forget_what_ended();
        (before, becomes != Becomes::Unchanged, at)
    }

    // What must never be.

    /// The caller is answered with the address.
    pub(super) fn promised(mut self, caller: usize, address: u8) -> Next {
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
