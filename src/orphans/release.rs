//! Releasing an orphan, after a last look at ledger and IPAM.

use std::sync::Arc;

use super::search::is_record_of;
use crate::allocation::{Allocator, Cleared, Failure, GroupChoice};
use crate::ledger::{LedgerError, Records, Standing};

/// Why an orphan is not released.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Kept {
    /// Somebody else was faster, or it was given to a host again.
    #[error("it was deleted or added again meanwhile")]
    Changed,
    /// The record is not ours any more, or of another host.
    #[error("its record in the IPAM is not the one that this proxy has made for that host")]
    Another,
    /// It is being added.
    #[error("it is being given to a host right now")]
    InUse,
    /// The ledger cannot be read.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// The IPAM fails or refuses.
    #[error("{0}")]
    Failed(#[from] Failure),
}

/// Releases it; `false` when the IPAM had no record of it. `why` is for ledger and log.
pub(crate) async fn release(
    allocator: &Arc<Allocator>,
    ledger: &Records,
    orphan: &Standing,
    why: &'static str,
) -> Result<bool, Kept> {
    if !ledger.standing_of(orphan.address).await?.contains(orphan) {
        return Err(Kept::Changed);
    }
    let group = GroupChoice::of(orphan.group.clone());
    let same = orphan.clone();
    let is_same = move |record: &_| is_record_of(&same, record);
    match allocator.release_orphan(orphan.prefix, group, orphan.address, is_same, why).await? {
        Cleared::Released => Ok(true),
        Cleared::Absent => Ok(false),
        Cleared::Another => Err(Kept::Another),
        Cleared::InUse => Err(Kept::InUse),
    }
}
