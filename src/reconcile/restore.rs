//! Reserving again what a host in Foreman has and the IPAM lacks.

use std::sync::Arc;

use ipam_provider::{Requester, is_hostname};
use jiff::{SignedDuration, Timestamp};

use super::{Difference, Kind};
use crate::allocation::{Allocator, Failure, GroupChoice};
use crate::ledger::{LedgerError, Operation, Outcome, Query, Records, Subject};

/// An address that was deleted so lately may be that of a host which is being deleted.
const DELETED_LATELY: SignedDuration = SignedDuration::from_mins(10);

/// What became of one address.
#[derive(Debug)]
pub(crate) enum Restored {
    /// It is reserved.
    Done,
    /// It is not, for this reason.
    Not(String),
}

/// Reserves a missing address for its host. A record that is there by now is not changed.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn restore(
    allocator: &Arc<Allocator>,
    ledger: Option<&Records>,
    missing: &Difference,
) -> Result<Restored, LedgerError> {
    let Difference { kind: Kind::Missing, prefix, group, address, hosts, mac, .. } = missing else {
        return Ok(Restored::Not("it is not missing".to_owned()));
    };
    let [host] = &hosts[..] else {
        return Ok(Restored::Not(format!("several hosts have it in Foreman: {}", hosts.join(", "))));
    };
    if let Some(ledger) = ledger
        && was_deleted_lately(ledger, missing).await?
    {
        return Ok(Restored::Not(
            "it was deleted in the last ten minutes, perhaps with its host; try again later".to_owned(),
        ));
    }
    let group = GroupChoice::of(group.clone());
    let hostname = Some(host.clone()).filter(|name| is_hostname(name));
    let by = Requester { mac: *mac, hostname, ..Requester::default() };
    Ok(match allocator.add(*prefix, group.clone(), *address, by).await {
        Ok(added) => {
            added.answered().await;
            Restored::Done
        }
        Err(failure @ Failure::AlreadyReserved { .. }) => {
            let record = allocator.reservation(*prefix, &group, *address).await.ok().flatten();
            let other = record.and_then(|record| record.hostname).filter(|name| !name.is_empty());
            Restored::Not(match other {
                Some(name) => format!("the IPAM has it for {name} now, and that record is not changed"),
                None => failure.to_string(),
            })
        }
        Err(failure) => Restored::Not(failure.to_string()),
    })
}

async fn was_deleted_lately(ledger: &Records, missing: &Difference) -> Result<bool, LedgerError> {
    const ROWS: usize = 1000;
    let since = Timestamp::now().checked_sub(DELETED_LATELY).ok();
    let query = Query { subject: Subject::Address(missing.address), since, ..Query::default() };
    let (page, _) = ledger.page(&query, None, ROWS).await?;
    Ok(page.iter().any(|entry| {
        let record = &entry.record;
        record.prefix == missing.prefix
            && record.group == missing.group
            && record.operation == Operation::Delete
            && matches!(record.outcome, Outcome::Done | Outcome::Unanswered | Outcome::Unknown)
    }))
}
