//! Records that are too old are removed, a few at a time, so that no write waits long.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::{Ledger, LedgerError, Records};

/// When the first look is, after the start, and how long until the next.
const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(3600);

/// How many records are removed at a time, and how long writes have the ledger for themselves after that.
pub(super) const SLICE: u32 = 200;
const PAUSE: Duration = Duration::from_millis(20);

/// Removes what is too old as long as the ledger is open.
pub(super) async fn keep(ledger: Ledger) {
    let mut wait = FIRST;
    loop {
        sleep(wait).await;
        if ledger.is_closed() {
            return;
        }
        wait = EVERY;
        let (days, Some(records)) = (ledger.days(), ledger.records()) else { continue };
        if days == 0 {
            continue;
        }
        match records.remove_before(oldest(days)).await {
            Ok(0) => {}
            Ok(removed) => log::info!("{removed} records of the ledger were too old and are removed"),
            Err(error) => log::warn!("Old records stay in the ledger for now: {error}"),
        }
    }
}

/// The time before which records are too old.
fn oldest(days: u32) -> Timestamp {
    let age = SignedDuration::from_hours(24 * i64::from(days));
    Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN)
}

impl Records {
    /// Removes all records from before a time, a few at a time, and returns how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_before(&self, before: Timestamp) -> Result<u64, LedgerError> {
        let mut removed = 0;
        loop {
            let slice = self.remove_slice(before, SLICE).await?;
            removed += slice;
            if slice < u64::from(SLICE) {
                return Ok(removed);
            }
            sleep(PAUSE).await;
        }
    }
}
