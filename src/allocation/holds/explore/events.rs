//! Everything that can happen next: a step of a caller, a tick of the clock, a crash, and writes that come late.

use super::super::hold::HoldState;
use super::super::rules::Step;
use super::caller::{Caller, Doing};
use super::numbers::{ADDRESSES, BUDGET, LOOKED_FOR, Late, mac, ticks};
use super::world::{Next, World};

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

impl World {
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
            all.extend(self.taken_over(address).map(|next| (What::TakesOver { address }, Ok(next))));
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

    /// An add whose proxy has ended is taken over by another one.
    fn taken_over(&self, address: u8) -> Option<Self> {
        let dead = self.get(address).filter(|hold| hold.state() == HoldState::Adding)?;
        let mut next = self.clone();
        let lose = Step::LoseAdd { ticket: dead.event, mac: mac(dead.host), at_least: ticks(LOOKED_FOR) };
        next.step(usize::from(dead.subnet), address, &lose);
        Some(next).filter(|_| self.now > dead.granted + BUDGET)
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

    /// The caller's proxy ends in the middle of what it does.
    fn abort(&mut self, caller: usize, is_late: bool) {
        let doing = self.callers[caller].doing;
        if let Doing::Send { address, .. } = doing
            && is_late
        {
            self.late.push(Late { caller, address, until: self.now + LOOKED_FOR - 1 });
        }
        if doing.is_request() {
            self.callers[caller].promise = None;
            self.callers[caller].doing = match doing {
                Doing::Finish { address, .. } => Doing::Reserved { address },
                _ => Doing::Nothing,
            };
        }
    }
}
