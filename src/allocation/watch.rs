//! Reservations that turn up after their caller was told of a failure, or could not be told anything.
//!
//! When the answer to a write is lost and a look does not find its effect, the caller must be told something, and the write
//! may still be on its way. If Foreman then repeats the add, the record is recognised; if it does not, the address would
//! stay reserved for a host that nobody created, and nobody would know. So the proxy looks again a few times while the hold
//! lives, and names what it finds in the log.
//!
//! It does not remove what it finds. Foreman may repeat the add between the look and the removal, and a removal whose own
//! answer is lost may land after that: then a host would run with an address that the IPAM calls free.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Error, ErrorKind, Provider, Requester, Reservation};
use log::Level;
use tokio::time::{Instant, sleep};

use super::Failure;
use super::allocator::{Allocator, WATCHED_AT_MOST};
use super::holds::{Hold, HoldState, Scope};
use super::lookup::GroupChoice;
use crate::telemetry::request_id::{self, RequestId};

/// When to look, after the caller was told; and a last time before the hold ends.
const LOOKS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// How long before the end of the hold the last look is: the address should still be excluded when it is found.
const BEFORE_END: Duration = Duration::from_secs(10);

/// An addition whose caller was told of a failure, or of nothing, and which may still take effect.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    pub(super) scope: Arc<Scope>,
    pub(super) address: IpAddr,
    pub(super) by: Requester,
    /// What was held before the addition began.
    pub(super) before: Option<Hold>,
    /// Of the mark that it left in the holds.
    pub(super) ticket: u64,
    /// Whose addition it was.
    pub(super) request: String,
}

/// A look that did not find the reservation.
#[derive(Debug)]
pub(super) enum Unsettled {
    /// The address is not reserved; the write may still be on its way.
    Absent,
    /// The look failed too.
    Unknown(Error),
}

impl From<Unsettled> for Failure {
    fn from(unsettled: Unsettled) -> Self {
        match unsettled {
            Unsettled::Absent => {
                Error::new(ErrorKind::Unexpected, "External IPAM contradicts itself about the address; try again")
                    .into()
            }
            Unsettled::Unknown(error) => error.into(),
        }
    }
}

impl Lost {
    /// Is the record that was found after a lost answer provably the one that the lost reservation made?
    ///
    /// Only while the address was promised and not yet reserved: a record that was there before belongs to another host.
    /// Two MACs decide it. Without them the mark that only this proxy sets does: while the hold lived, the proxy offered
    /// the address to no other host.
    pub(super) fn is_own(&self, record: &Reservation) -> bool {
        let before = self.before.as_ref();
        let was_promised = before.is_some_and(|hold| matches!(hold.state, HoldState::Offered | HoldState::Unanswered));
        match (record.mac, self.by.mac) {
            (Some(recorded), Some(wanted)) => was_promised && recorded == wanted,
            _ => was_promised && record.ours,
        }
    }

    /// What the log is told when the caller is told of the failure.
    pub(super) fn told_unknown(&self, error: &Error, look: &Unsettled) -> String {
        let Self { address, scope, request, .. } = self;
        let look = match look {
            Unsettled::Absent => "it was not when the proxy looked, but may yet be".to_owned(),
            Unsettled::Unknown(look) => format!("a look failed: {look}"),
        };
        format!(
            "Whether {address} in {scope} is reserved for {request} is unknown: {error}; {look}. The address is offered to nobody meanwhile"
        )
    }

    /// What the log is told of an addition that is found without the proxy that began it.
    pub(super) fn told_left(&self) -> String {
        let Self { address, scope, request, .. } = self;
        format!(
            "{address} in {scope} was being added for {request} by a proxy that has not gone on: it was killed, for example. Whether the address is reserved is looked for; it is offered to nobody meanwhile"
        )
    }

    /// What the log is told of a record that cannot be told from somebody else's.
    pub(super) fn told_reserved_by_somebody(&self) -> String {
        let Self { address, scope, request, .. } = self;
        format!("{address} in {scope} is reserved, and it cannot be told whether for {request}")
    }
}

/// What became of an addition whose caller was not told of a success.
#[derive(Debug)]
pub(super) enum Finding {
    /// Somebody has dealt with the address since: the addition was repeated, or the address deleted or released.
    DealtWith,
    /// It took effect.
    Reserved,
    /// The address is reserved, and not provably by the addition.
    ReservedBySomebody,
    /// It took no effect as long as the hold lived.
    Absent,
    /// The last look failed.
    Unknown(Failure),
}

impl Allocator {
    /// Looks again for the effect of an addition, in the background.
    pub(super) fn watch(self: &Arc<Self>, lost: Lost) {
        let Ok(permit) = self.watches.clone().try_acquire_owned() else {
            log::warn!("{} in {} is not looked for again: {WATCHED_AT_MOST} others are", lost.address, lost.scope);
            return;
        };
        let this = self.clone();
        tokio::spawn(request_id::inherit(async move {
            let finding = this.look_again(&lost).await;
            drop(permit);
            if let Some((level, text)) = finding.told(&lost) {
                log::log!(level, "{text}");
            }
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

impl Finding {
    /// What the log is told, if anything, and how urgent it is.
    pub(super) fn told(&self, lost: &Lost) -> Option<(Level, String)> {
        let Lost { address, scope, request, .. } = lost;
        let (level, text) = match self {
            Self::DealtWith => return None,
            Self::Reserved => (Level::Warn, reserved(*address, scope, request)),
            Self::ReservedBySomebody => (Level::Warn, lost.told_reserved_by_somebody()),
            Self::Absent => (Level::Info, format!("{address} in {scope} has not become reserved for {request}")),
            Self::Unknown(failure) => (
                Level::Warn,
                format!("It cannot be found out whether {address} in {scope} is reserved for {request}: {failure}"),
            ),
        };
        Some((level, text))
    }
}

/// What the log is told of a reservation whose caller was told of a failure, or of nothing.
pub(super) fn reserved(address: IpAddr, place: impl fmt::Display, request: &str) -> String {
    format!(
        "{address} in {place} is reserved in the IPAM for {request}, whose caller may not know of it; delete the reservation if no host uses it"
    )
}

/// A request, for the log.
pub(super) fn request(id: Option<&RequestId>) -> String {
    id.map_or_else(|| "a request without id".to_owned(), |id| format!("request {id}"))
}
