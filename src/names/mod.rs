//! Names of hosts from Foreman, for the records of the IPAM.
//!
//! Foreman sends neither host name nor, on an add, MAC. An address that was added is queued and looked up in Foreman's API
//! until its host is visible there, which is after Foreman's commit; a webhook is a hint to read a host again; a sweep reads all
//! hosts. What Foreman says of the host then goes into the record of the IPAM, if the record is ours.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `queue` | what is to be looked up, and when: bounded, in memory, lost in a restart |
//! | `learn` | which addresses a host of Foreman has, and whether it is the one that an address was added for |
//! | `records` | what is written, and the IPAM as far as it is needed for that |
//! | `write` | how a name is written, whichever way it was learned |
//! | `task` | the one task that asks Foreman for what is queued, and writes |
//! | `sweep` | the task that reads everything from Foreman now and then |

mod learn;
mod queue;
mod records;
mod sweep;
mod task;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::settings::Secret;
use openssl::memcmp;
use secrecy::ExposeSecret;

pub(crate) use queue::Queue;
pub(crate) use records::Records;
pub(crate) use sweep::run as sweep;
pub(crate) use task::run;

use crate::allocation::{Event, EventKind, Finding, Subscriber};
use crate::caller::Door;
use crate::foreman_api::{Error, Foreman, Inventory};
use crate::registration::Address;

/// What the settings decide of names; a reload replaces it. The queue outlives it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// What is to be looked up.
    pub queue: Arc<Queue>,
    /// Foreman, when a source is on.
    pub foreman: Option<Arc<Foreman>>,
    /// Are new addresses looked up?
    pub look_up_after_add: bool,
    /// Are webhooks taken?
    pub webhooks: bool,
    /// What a webhook may show in place of a client certificate.
    pub webhook_token: Option<Secret>,
    /// How often everything is read from Foreman, if it is.
    pub sweep_every: Option<Duration>,
    /// How old an address must be to be an orphan when no host in Foreman has it.
    pub orphan_after: Duration,
    /// Are orphans released by themselves?
    pub release_orphans: bool,
    /// Where Foreman reaches this proxy; `None` when that is not known. It tells our subnets from those of other proxies.
    pub own: Option<Address>,
}

impl Names {
    /// What the allocator reports its events to; `None` when no source is on.
    pub(crate) fn subscriber(&self) -> Option<Subscriber> {
        self.foreman.as_ref()?;
        let (queue, looks_up) = (self.queue.clone(), self.look_up_after_add);
        Some(Arc::new(move |event: &Event<'_>| {
            note(&queue, looks_up, event);
            None
        }))
    }

    /// Is the Smart Proxy at this address this one?
    pub(crate) fn is_this_proxy(&self, url: &str) -> bool {
        self.own.is_some() && Address::parse(url) == self.own
    }

    /// Why a sweep has nothing to do, for people, when Foreman has no subnet of this proxy.
    pub(crate) fn no_subnet(&self) -> String {
        match &self.own {
            Some(own) => format!(
                "Foreman shows no subnet whose External IPAM is this proxy, {own}; if Foreman has it at another address, set \
                 proxy_url in settings.yml to that"
            ),
            None => {
                "the address at which Foreman reaches this proxy is not known; set proxy_url in settings.yml".to_owned()
            }
        }
    }

    /// Every address that a host in Foreman has.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses.
    pub(crate) async fn inventory(&self, foreman: &Foreman) -> Result<Inventory, Error> {
        foreman.inventory(&|url| self.is_this_proxy(url)).await
    }

    /// Is this the token of a webhook?
    pub(crate) fn is_token(&self, shown: &str) -> bool {
        self.webhook_token.as_ref().is_some_and(|token| {
            let token = token.expose_secret().as_bytes();
            token.len() == shown.len() && memcmp::eq(token, shown.as_bytes())
        })
    }
}

fn note(queue: &Queue, looks_up: bool, event: &Event<'_>) {
    let subject = &event.subject;
    // What the proxy found out by itself has no caller. A look-up of what another door has added finds nothing.
    let is_of_foreman = event.caller.as_ref().is_none_or(|caller| caller.door == Door::Foreman);
    let mac = match &event.kind {
        EventKind::Added { by } if event.caller.is_some() => by.mac,
        EventKind::AddUnanswered { by, .. } => by.mac,
        EventKind::LostAddFound { lost, finding: Finding::Reserved } => lost.by().mac,
        EventKind::Restored { record, .. } => record.mac,
        EventKind::Deleted { .. } | EventKind::OrphanReleased { .. } => {
            queue.note_change(subject.address);
            return queue.forget(subject.prefix, subject.group, subject.address);
        }
        _ => return,
    };
    queue.note_change(subject.address);
    if is_of_foreman {
        queue.learn_group(subject.prefix, subject.group);
        if looks_up {
            queue.push(subject.prefix, subject.group, subject.address, mac);
        }
    }
}
