//! Reservations that turn up after their caller was told of a failure, or could not be told anything.
//!
//! When the answer to a write is lost and a look does not find its effect, the caller must be told something, and the write
//! may still be on its way. If Foreman then repeats the add, the record is recognised; if it does not, the address would
//! stay reserved for a host that nobody created, and nobody would know. So the proxy looks again a few times while the hold
//! lives, and names what it finds in the log.
//!
//! It does not remove what it finds. Foreman may repeat the add between the look and the removal, and a removal whose own
//! answer is lost may land after that: then a host would run with an address that the IPAM calls free.

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::Provider;
use tokio::time::{Instant, sleep};

use super::Failure;
use super::allocator::{Allocator, WATCHED_AT_MOST};
use super::events::{EventKind, Subject};
use super::holds::{HoldState, Scope};
use super::lookup::GroupChoice;
use super::lost::{Finding, Lost};
use crate::telemetry::request_id;

/// When to look, after the caller was told; and a last time before the hold ends.
const LOOKS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// How long before the end of the hold the last look is: the address should still be excluded when it is found.
const BEFORE_END: Duration = Duration::from_secs(10);

impl Allocator {
    /// Looks again for the effect of an addition, in the background.
    pub(super) fn watch(self: &Arc<Self>, lost: Lost) {
        let Ok(permit) = self.watches.clone().try_acquire_owned() else {
            let subject = Subject::of(&lost.scope, lost.address);
            self.events.emit_for(lost.request_id(), subject, EventKind::NotWatched { others: WATCHED_AT_MOST });
            return;
        };
        let this = self.clone();
        tokio::spawn(request_id::inherit(async move {
            let finding = this.look_again(&lost).await;
            drop(permit);
            let subject = Subject::of(&lost.scope, lost.address);
            this.events.emit_for(
                lost.request_id(),
                subject,
                EventKind::LostAddFound { lost: &lost, finding: &finding },
            );
        }));
    }

    /// Looks again until the effect is seen, somebody has dealt with the address, or the hold is about to end.
    pub(super) async fn look_again(&self, lost: &Lost) -> Finding {
        let start = Instant::now();
        let mut looks = LOOKS.into_iter();
        loop {
            let Some(left) = self.time_left(lost).await else { return Finding::DealtWith };
            let until_end = left.saturating_sub(BEFORE_END);
            let until_next = looks.next().map(|look| look.saturating_sub(start.elapsed()));
            let next = until_next.filter(|next| *next < until_end);
            sleep(next.unwrap_or(until_end)).await;
            if self.time_left(lost).await.is_none() {
                return Finding::DealtWith;
            }
            let found = self.find(lost).await;
            // The addition may have been repeated while the IPAM was asked.
            if self.time_left(lost).await.is_none() {
                return Finding::DealtWith;
            }
            match found {
                Ok(Some(finding)) => return finding,
                Ok(None) if next.is_none() => return Finding::Absent,
                Err(failure) if next.is_none() => return Finding::Unknown(failure),
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// How long the hold lives on; `None` when the mark that the addition left is there no more.
    async fn time_left(&self, lost: &Lost) -> Option<Duration> {
        let place = self.place();
        let now = place.moment().await.ok()?.now;
        let hold = place.get(&lost.scope.space, lost.address).await.ok()?;
        let marked = hold.filter(|hold| hold.state == HoldState::Unanswered && hold.event == lost.ticket)?;
        Some(marked.until.since(now))
    }

    /// What the IPAM has of the address; `None` when it is not reserved.
    async fn find(&self, lost: &Lost) -> Result<Option<Finding>, Failure> {
        let Scope { prefix, group, .. } = &*lost.scope;
        self.in_time(async {
            let subnet = self.lookup.subnet(self.provider(), *prefix, &GroupChoice::of(group.clone())).await?;
            let record = subnet.provider().reservation(&subnet, lost.address).await?;
            Ok(record.map(|record| match lost.is_own(&record) {
                true => Finding::Reserved,
                false => Finding::ReservedBySomebody,
            }))
        })
        .await
    }
}
