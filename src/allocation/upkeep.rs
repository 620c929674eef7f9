//! What is left to do of holds after their calls: adds that have no end, and what Foreman's roll-back leaves behind.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use ipam_provider::Requester;

use super::allocator::Allocator;
use super::events::{EventKind, Subject};
use super::holds::{Hold, HoldState, PlaceError, Step};
use super::lost::{self, Lost};

/// How much longer than its budget a request may live: until its answer is in the hands of the operating system.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// How many addresses are dealt with at the same time.
const AT_ONCE: usize = 16;

/// Which look of a process it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The first: what an earlier process was in the middle of when it ended is looked for too.
    First,
    /// One of those between.
    Next,
    /// The last: what is due soon is dealt with at once.
    Last,
}

impl Allocator {
    /// Sees to the holds that need it; to be called every some seconds, and by one task at a time. Other proxies over the
    /// same holds may do so at the same time.
    ///
    /// # Errors
    /// When the holds cannot be reached.
    pub async fn see_to_holds(self: &Arc<Self>, look: Look) -> Result<(), PlaceError> {
        let pending = self.place().pending().await?;
        let now = self.place().moment().await?.now;
        let too_old = self.rules.request_budget + ANSWERED_WITHIN;
        let mut due = Vec::new();
        for (address, hold) in pending {
            if !self.has(&hold.scope) {
                continue;
            }
            match hold.state {
                HoldState::Adding if now.since(hold.granted) > too_old => self.take_over(address, hold).await?,
                HoldState::Adding => {}
                HoldState::Unanswered if look == Look::First => self.watch(unanswered(address, hold.clone())),
                _ => {
                    let is_due = |at| at <= now || look == Look::Last;
                    due.extend(hold.due().filter(|due| is_due(due.at)).map(|due| (address, hold, due)));
                }
            }
        }
        let dealing = stream::iter(&due).map(|(address, hold, due)| self.deal_with(*address, hold, *due));
        let outcomes: Vec<_> = dealing.buffer_unordered(AT_ONCE).collect().await;
        outcomes.into_iter().collect()
    }

    /// An add whose proxy has ended, or goes on no more, counts as one whose answer is lost. Of several proxies one looks for
    /// its effect.
    async fn take_over(self: &Arc<Self>, address: IpAddr, hold: Hold) -> Result<(), PlaceError> {
        let step = Step::LoseAdd { ticket: hold.event, mac: hold.mac, at_least: self.rules.hold_without_mac };
        if self.place().step(&hold.scope, address, step).await?.is_done() {
            let lost = unanswered(address, hold);
            let subject = Subject::of(&lost.scope, address);
            self.events.emit_for(lost.request_id(), subject, EventKind::AddLeft { lost: &lost });
            self.watch(lost);
        }
        Ok(())
    }
}

/// An addition of which only the hold is left.
fn unanswered(address: IpAddr, hold: Hold) -> Lost {
    let hold = Hold { state: HoldState::Unanswered, ..hold };
    let request = match &hold.trace {
        Some(trace) => lost::request(Some(&trace.request)),
        None => "a request before the last start".to_owned(),
    };
    let by = Requester { mac: hold.mac, ..Requester::default() };
    Lost { scope: hold.scope.clone(), address, by, ticket: hold.event, before: Some(hold), request }
}
