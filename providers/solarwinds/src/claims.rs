//! One lock for each address that is being reserved or released: SolarWinds refuses no write to an address that is taken, so
//! that nothing may come between the look at its row and the write.
//!
//! The lock is held across requests, and it remembers a reservation that was started and whose answer did not come. Rules 2
//! and 4 of `providers/README.md` allow both.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use crate::client::RESERVED_FOR_MINUTES;

/// The server ends a reservation that is not finished.
const STARTED_LASTS: Duration = Duration::from_secs(60 * RESERVED_FOR_MINUTES);

/// What is known of an address besides its row.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    started: Option<Instant>,
}

impl Claim {
    /// A reservation is about to be started.
    pub(crate) fn begin(&mut self) {
        self.started = Some(Instant::now());
    }

    /// What became of the reservation is known.
    pub(crate) fn end(&mut self) {
        self.started = None;
    }

    /// May a reservation of ours have been started and not finished?
    pub(crate) fn is_begun(&self) -> bool {
        self.started.is_some_and(|started| started.elapsed() < STARTED_LASTS)
    }
}

type Locks = BTreeMap<(String, IpAddr), Arc<tokio::sync::Mutex<Claim>>>;

/// The addresses that are being written, and those whose reservation has no known end.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<Locks>);

impl Claims {
    fn locks(&self) -> MutexGuard<'_, Locks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other call writes the address of this subnet.
    pub(crate) async fn lock(&self, subnet: &str, address: IpAddr) -> OwnedMutexGuard<Claim> {
        let lock = {
            let mut locks = self.locks();
            // A lock without a holder is dropped, unless it has a reservation to remember.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1 || lock.try_lock().is_ok_and(|claim| claim.is_begun()));
            locks.entry((subnet.to_owned(), address)).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// Was a reservation of the address started whose end is not known? Not while it is being written.
    pub(crate) fn is_begun(&self, subnet: &str, address: IpAddr) -> bool {
        let lock = self.locks().get(&(subnet.to_owned(), address)).cloned();
        lock.is_some_and(|lock| lock.try_lock().is_ok_and(|claim| claim.is_begun()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[tokio::test]
    async fn an_address_has_one_writer_and_others_do_not_wait() {
        let claims = Claims::default();
        let held = claims.lock("1", ip(1)).await;
        for (subnet, address) in [("1", ip(2)), ("2", ip(1))] {
            drop(claims.lock(subnet, address).await);
        }
        let mut second = Box::pin(claims.lock("1", ip(1)));
        let waits = tokio::time::timeout(Duration::from_millis(5), &mut second).await;
        assert!(waits.is_err(), "it is held");
        drop(held);
        drop(second.await);
        drop(claims.lock("1", ip(9)).await);
        assert_eq!(claims.locks().len(), 1, "what is over is dropped");
    }

    #[tokio::test]
    async fn a_reservation_without_a_known_end_is_remembered() {
        let claims = Claims::default();
        claims.lock("1", ip(1)).await.begin();
        drop(claims.lock("1", ip(2)).await);
        assert!(claims.is_begun("1", ip(1)) && !claims.is_begun("2", ip(1)) && !claims.is_begun("1", ip(2)));
        assert!(claims.lock("1", ip(1)).await.is_begun());
        claims.lock("1", ip(1)).await.end();
        assert!(!claims.is_begun("1", ip(1)));
    }
}
