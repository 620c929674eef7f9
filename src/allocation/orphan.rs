//! Releasing what no host has any more, on a condition that the IPAM's record must meet.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{ErrorKind, Prefix, Provider, Reservation};
use tokio::time::Instant;

use super::Failure;
use super::allocator::{Allocator, Deleted};
use super::events::EventKind;
use super::holds::HoldState;
use super::lookup::{Found, GroupChoice};

/// What became of a release on a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cleared {
    /// The record was there and is gone.
    Released,
    /// There was no record.
    Absent,
    /// The record does not meet the condition; nothing was written.
    Another,
    /// The address is being given to a host at this moment; nothing was written.
    InUse,
}

impl Allocator {
    /// What the IPAM has recorded of the address. Holds do not count.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet).
    pub(crate) async fn reservation(
        &self,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
    ) -> Result<Option<Reservation>, Failure> {
        self.in_time(async {
            let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
            match subnet.provider().reservation(&subnet, address).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let subnet = self.look_up_again(&subnet, group).await?;
                    Ok(subnet.provider().reservation(&subnet, address).await?)
                }
                outcome => Ok(outcome?),
            }
        })
        .await
    }

    /// Deletes the reservation of an address whose host is gone, if the record carries the proxy's mark and `is_of_host` says
    /// that it is still the one that is meant. `why` is in the ledger.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet), or what the provider fails with.
    pub(crate) async fn release_orphan(
        self: &Arc<Self>,
        prefix: Prefix,
        group: GroupChoice,
        address: IpAddr,
        is_of_host: impl Fn(&Reservation) -> bool + Send + Sync + 'static,
        why: &'static str,
    ) -> Result<Cleared, Failure> {
        let this = self.clone();
        let deadline = Instant::now() + self.rules.request_budget;
        let work = async move {
            let outcome = match this.lookup.subnet(this.provider(), prefix, &group).await {
                Ok(subnet) => this.look_and_release(&subnet, address, &is_of_host, why, deadline).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = &outcome {
                let subject = this.subject(prefix, &group, address);
                this.events.note(subject, EventKind::DeleteFailed { failure }).seen().await;
            }
            outcome
        };
        self.to_its_end(work).await
    }

    async fn look_and_release(
        &self,
        subnet: &Found,
        address: IpAddr,
        is_of_host: &(dyn Fn(&Reservation) -> bool + Send + Sync),
        why: &'static str,
        deadline: Instant,
    ) -> Result<Cleared, Failure> {
        let hold = self.place().get(&subnet.scope.space, address).await?;
        if hold.is_some_and(|hold| matches!(hold.state, HoldState::Adding | HoldState::Unanswered)) {
            return Ok(Cleared::InUse);
        }
        match subnet.provider().reservation(subnet, address).await? {
            Some(record) if record.ours && is_of_host(&record) => {}
            Some(_) => return Ok(Cleared::Another),
            None => {}
        }
        // Also without a record: the ledger then says that there is none.
        Ok(match self.release(subnet, address, Some(why), deadline).await? {
            Deleted::Removed => Cleared::Released,
            Deleted::WasAbsent => Cleared::Absent,
        })
    }
}
