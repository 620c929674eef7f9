//! Annotating: what the proxy learns of a host goes into the record that it has made.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{Annotated, Annotation, ErrorKind, Prefix};
use tokio::time::Instant;

use super::Failure;
use super::allocator::Allocator;
use super::events::{EventKind, Subject};
use super::lookup::{Found, GroupChoice};

impl Allocator {
    /// Changes host name and MAC of the record of an address, if the proxy has made it. What became of a lost answer is not
    /// looked for: the same call can be repeated.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet), or what the provider fails with; [`Unsupported`](ErrorKind::Unsupported) for an IPAM
    /// that does not [change its records](ipam_provider::Annotate).
    pub async fn annotate(
        self: &Arc<Self>,
        prefix: Prefix,
        group: GroupChoice,
        address: IpAddr,
        note: Annotation,
    ) -> Result<Annotated, Failure> {
        let this = self.clone();
        let deadline = Instant::now() + self.rules.request_budget;
        let work = async move {
            let outcome = this.find_and_annotate(prefix, &group, address, &note, deadline).await;
            if let Err(failure) = &outcome {
                let subject = this.subject(prefix, &group, address);
                this.events.emit(subject, EventKind::AnnotateFailed { note: &note, failure });
            }
            outcome
        };
        self.to_its_end(work).await
    }

    async fn find_and_annotate(
        &self,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
        note: &Annotation,
        deadline: Instant,
    ) -> Result<Annotated, Failure> {
        let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
        match self.change_record(&subnet, address, note, deadline).await {
            Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                let subnet = self.look_up_again(&subnet, group).await?;
                self.change_record(&subnet, address, note, deadline).await
            }
            outcome => outcome,
        }
    }

    async fn change_record(
        &self,
        subnet: &Found,
        address: IpAddr,
        note: &Annotation,
        deadline: Instant,
    ) -> Result<Annotated, Failure> {
        let turn = self.turn_to_write(subnet, deadline).await?;
        let outcome = turn.annotate(subnet, address, note).await?;
        if outcome == Annotated::Changed {
            self.events.emit(Subject::of(&subnet.scope, address), EventKind::Annotated { note });
        }
        Ok(outcome)
    }
}
