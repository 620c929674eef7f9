//! Events in the log. What a caller is told of is logged where it is answered.

use ipam_provider::titled;

use super::events::{Event, EventKind, Subject};
use super::lost::reserved;

/// Logs an event.
pub(crate) fn write(event: &Event<'_>) {
    let Subject { provider, group, prefix, address } = event.subject;
    let subnet = titled(prefix, group);
    match &event.kind {
        EventKind::Added { .. }
        | EventKind::AddFailed { .. }
        | EventKind::Deleted { .. }
        | EventKind::DeleteFailed { .. }
        | EventKind::AnnotateFailed { .. } => {}
        EventKind::OrphanReleased { record, why } => {
            let host = record.hostname.as_deref().map_or_else(String::new, |name| format!(" of {name}"));
            log::warn!("{address}{host} in {subnet} is released: {why}");
        }
        EventKind::Annotated { note } => {
            let host = note.hostname.as_deref().map(|name| format!(" the host name {name}"));
            let mac = note.mac.map(|mac| format!(" the MAC {mac}"));
            let parts: Vec<String> = host.into_iter().chain(mac).collect();
            log::info!("The record of {address} in {subnet} now has{}", parts.join(" and"));
        }
        EventKind::AddConfirmed { error } => {
            log::info!("{address} in {subnet} is reserved, although the IPAM's answer was lost ({error})");
        }
        EventKind::AddUnknown { lost, error, look } => log::warn!("{}", lost.told_unknown(error, look)),
        // Nothing shows whose it is: without a hold, for example, of an address that somebody typed.
        EventKind::ReservedBySomebody { lost, error } => log::warn!("{}: {error}", lost.told_reserved_by_somebody()),
        EventKind::AddLeft { lost } => log::warn!("{}", lost.told_left()),
        EventKind::NotWatched { others } => {
            log::warn!("{address} in {subnet} is not looked for again: {others} others are");
        }
        EventKind::LostAddFound { lost, finding } => {
            if let Some((level, text)) = finding.told(lost) {
                log::log!(level, "{text}");
            }
        }
        EventKind::AddUnanswered { request, .. } => log::warn!("{}", reserved(address, subnet, request)),
        EventKind::AddUnfinished { error } => {
            log::warn!("{address} in {subnet} is reserved, and its hold says that it is being added: {error}");
        }
        EventKind::NothingToDelete => log::info!("{address} in {subnet} was not reserved; nothing to delete"),
        EventKind::DeleteConfirmed { error } => {
            log::info!("{address} in {subnet} is deleted, although the IPAM's answer was lost ({error})");
        }
        EventKind::CountsAsDeleted { gone } => {
            log::warn!("{address} counts as deleted, because the IPAM has no record of it by this proxy: {gone}");
        }
        EventKind::DeleteUnknown { request, unnoted } => {
            let unless =
                unnoted.map_or_else(String::new, |failure| format!(", but the proxy cannot note that: {failure}"));
            log::warn!(
                "{address} in {subnet} may yet be deleted in the IPAM for {request}, whose caller was told that it failed; \
                 it is offered to no other host for now{unless}"
            );
        }
        // The caller is told what is in the IPAM now: Foreman would keep an address that is deleted.
        EventKind::DeleteUnnoted { failure } => log::error!(
            "{address} in {subnet} is deleted, and the proxy cannot note that: it may be offered to another host at once. {failure}"
        ),
        EventKind::HoldKept { failure } => log::info!("No hold of {address} is ended: {failure}"),
        EventKind::NotNoted { failure } => log::warn!("{failure}"),
        EventKind::DeleteFailedAfterOthers { others } => log::warn!(
            "The delete of {address} failed after that of {others} in the same request: if these are addresses of one host, Foreman keeps the host with all of them. Delete the host again, or add what is deleted to the IPAM again"
        ),
        EventKind::TakenWhileHeld => {
            log::info!("{address} in {subnet} was held and has been reserved in the IPAM meanwhile");
        }
        EventKind::OfferStays { error } => {
            log::warn!("An offer of {address} in {subnet} stays although it is reserved: {error}");
        }
        EventKind::UnsoundCandidate => {
            log::warn!("{provider} offers {address} in {subnet}, which cannot be given out");
        }
        EventKind::Restored { request, .. } => log::warn!(
            "{address} in {subnet} is reserved again as it was: {request} deleted it, and then its new address was refused, so that Foreman keeps this one"
        ),
        EventKind::RestoreNotWanted => log::info!("{address} in {subnet} is not reserved again: Foreman deals with it"),
        EventKind::RestoreNotNeeded => log::info!("{address} in {subnet} is reserved again already"),
        EventKind::RestorePutOff { why } => log::info!("{address} in {subnet} is not reserved again yet: {why}"),
        EventKind::RestoreGivenUp { request, why, .. } => log::error!(
            "{address} in {subnet} is not reserved again, although {request} deleted it before its new address was refused, and Foreman most likely keeps it: {why}. Find the host that has {address} in Foreman; add the address to the IPAM again, or give the host another one if the IPAM has it for another host"
        ),
        EventKind::LeftOver { request } => log::warn!(
            "{address} in {subnet} was added by {request} before another address of it was refused, and Foreman most likely does not keep it; delete the reservation if no host uses it"
        ),
    }
}
