//! Which events are recorded, and how.

use ipam_provider::{Annotation, Mac, Requester};

use super::{Operation, Outcome, Record};
use crate::allocation::holds::Removed;
use crate::allocation::{Event, EventKind, Failure, Finding, Subject};

/// The host of a write.
type Host<'a> = (Option<Mac>, Option<&'a str>);

/// The record of an event; `None` for what is not the outcome of a write.
pub(super) fn record(event: &Event<'_>) -> Option<Record> {
    let (operation, outcome, host, message) = of_kind(&event.kind)?;
    let (mac, name) = host;
    let Subject { provider, group, prefix, address } = event.subject;
    Some(Record {
        at: event.at,
        door: event.caller.as_ref().map(|caller| caller.door.to_string()),
        caller: event.caller.as_ref().map(|caller| caller.principal.who.to_string()),
        request: event.request.as_ref().map(ToString::to_string),
        operation,
        outcome,
        provider: provider.to_owned(),
        group: group.cloned(),
        prefix,
        address,
        mac,
        host_name: name.map(str::to_owned),
        message,
    })
}

fn of_kind<'a>(kind: &'a EventKind<'_>) -> Option<(Operation, Outcome, Host<'a>, Option<String>)> {
    use Operation::{Add, Change, Delete, Restore};
    const NO_HOST: Host<'_> = (None, None);
    Some(match kind {
        EventKind::Added { by } => (Add, Outcome::Done, host(by), None),
        EventKind::AddFailed { by, failure } => (Add, outcome_of(failure), host(by), Some(failure.to_string())),
        EventKind::AddUnanswered { by, .. } => (Add, Outcome::Unanswered, host(by), None),
        EventKind::AddLeft { lost } => {
            let why = "the proxy that began it has not gone on";
            (Add, Outcome::Unknown, host(lost.by()), Some(why.to_owned()))
        }
        EventKind::LostAddFound { lost, finding } => {
            let (outcome, why) = match finding {
                Finding::DealtWith => return None,
                Finding::Reserved => (Outcome::Unanswered, "found by a later look".to_owned()),
                Finding::ReservedBySomebody => {
                    (Outcome::Unknown, "the address is reserved, and it cannot be told for whom".to_owned())
                }
                Finding::Absent => (Outcome::Failed, "a later look did not find it".to_owned()),
                Finding::Unknown(failure) => (Outcome::Unknown, failure.to_string()),
            };
            (Add, outcome, host(lost.by()), Some(why))
        }
        EventKind::Deleted { record: Some(record) } => (Delete, Outcome::Done, recorded(record), None),
        EventKind::Deleted { record: None } => (Delete, Outcome::Nothing, NO_HOST, None),
        EventKind::OrphanReleased { record, why } => (Delete, Outcome::Done, recorded(record), Some((*why).to_owned())),
        EventKind::DeleteFailed { failure } => (Delete, outcome_of(failure), NO_HOST, Some(failure.to_string())),
        EventKind::Restored { record, .. } => (Restore, Outcome::Done, recorded(record), None),
        EventKind::RestoreGivenUp { record, why, .. } => {
            (Restore, Outcome::Failed, recorded(record), Some((*why).to_owned()))
        }
        EventKind::Annotated { note } => (Change, Outcome::Done, learned(note), None),
        EventKind::AnnotateFailed { note, failure } => {
            (Change, outcome_of(failure), learned(note), Some(failure.to_string()))
        }
        EventKind::AddConfirmed { .. }
        | EventKind::AddUnknown { .. }
        | EventKind::ReservedBySomebody { .. }
        | EventKind::NotWatched { .. }
        | EventKind::AddUnfinished { .. }
        | EventKind::NothingToDelete
        | EventKind::DeleteConfirmed { .. }
        | EventKind::CountsAsDeleted { .. }
        | EventKind::DeleteUnknown { .. }
        | EventKind::DeleteUnnoted { .. }
        | EventKind::HoldKept { .. }
        | EventKind::NotNoted { .. }
        | EventKind::DeleteFailedAfterOthers { .. }
        | EventKind::TakenWhileHeld
        | EventKind::OfferStays { .. }
        | EventKind::UnsoundCandidate
        | EventKind::RestoreNotWanted
        | EventKind::RestoreNotNeeded
        | EventKind::RestorePutOff { .. }
        | EventKind::LeftOver { .. } => return None,
    })
}

fn host(by: &Requester) -> Host<'_> {
    (by.mac, by.hostname.as_deref().filter(|name| !name.is_empty()))
}

/// The host that a record is changed to.
fn learned(note: &Annotation) -> Host<'_> {
    (note.mac, note.hostname.as_deref())
}

/// The host of a record that was in the IPAM.
fn recorded(record: &Removed) -> Host<'_> {
    (record.mac, record.hostname.as_deref().filter(|name| !name.is_empty()))
}

/// A failure that leaves the write unknown is one that the IPAM has not answered.
fn outcome_of(failure: &Failure) -> Outcome {
    match failure {
        Failure::Provider(error) if error.kind().leaves_write_unknown() => Outcome::Unknown,
        _ => Outcome::Failed,
    }
}
