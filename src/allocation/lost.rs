//! Additions whose answer is lost, and what a look at the IPAM says of them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{Error, ErrorKind, Requester, Reservation};
use log::Level;

use super::Failure;
use super::holds::{Hold, HoldState, Scope};
use crate::telemetry::request_id::RequestId;

/// An addition whose caller was told of a failure, or of nothing, and which may still take effect.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
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
pub(crate) enum Unsettled {
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

/// What became of an addition whose caller was not told of a success.
#[derive(Debug)]
pub(crate) enum Finding {
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

    /// The request whose addition it was, as far as its hold says.
    pub(super) fn request_id(&self) -> Option<&RequestId> {
        self.before.as_ref()?.trace.as_ref().map(|trace| &trace.request)
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
pub(super) fn reserved(address: IpAddr, subnet: impl fmt::Display, request: &str) -> String {
    format!(
        "{address} in {subnet} is reserved in the IPAM for {request}, whose caller may not know of it; delete the reservation if no host uses it"
    )
}

/// A request, for the log.
pub(super) fn request(id: Option<&RequestId>) -> String {
    id.map_or_else(|| "a request without id".to_owned(), |id| format!("request {id}"))
}
