//! The way of all names into the records, whatever they were learned by.

use ipam_provider::{Annotated, Annotation, GroupName, Mac, Prefix, titled};

use super::Names;
use super::queue::Place;
use super::records::Records;

/// The group of a subnet of Foreman, which Foreman does not show; `None` when it cannot be told from another.
pub(super) async fn group_of(
    names: &Names,
    records: &impl Records,
    prefix: Prefix,
    is_only: bool,
) -> Result<Option<Option<GroupName>>, String> {
    if !is_only {
        return Ok(None);
    }
    if let Some(known) = names.queue.group_of(prefix) {
        return Ok(known);
    }
    let found = records.groups_with(prefix).await?;
    Ok(match &found[..] {
        [only] => Some(only.clone()),
        _ => None,
    })
}

/// Writes a name into the record of an address; `None` when the IPAM's provider cannot.
///
/// # Errors
/// What the IPAM fails with. The same can be written again.
pub(super) async fn write(
    records: &impl Records,
    place: &Place,
    hostname: &str,
    mac: Option<Mac>,
) -> Result<Option<Annotated>, String> {
    let subnet = titled(place.prefix, place.group.as_ref());
    let note = Annotation { hostname: Some(hostname.to_owned()), mac };
    let outcome = records.note(place, &note).await?;
    match outcome {
        // The allocator's event is in the log.
        Some(Annotated::Changed | Annotated::AsItWas | Annotated::Absent) => {}
        Some(Annotated::NotOurs) => {
            log::debug!("{} in {subnet} is not recorded by this proxy and keeps its name", place.address);
        }
        None => log::debug!("The IPAM's provider cannot write the name of {} in {subnet}", place.address),
    }
    Ok(outcome)
}
