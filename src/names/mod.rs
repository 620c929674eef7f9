//! Names of hosts from Foreman, for the records of the IPAM.
//!
//! Foreman sends neither host name nor, on an add, MAC. An address that was added is queued and looked up in Foreman's API
//! until its host is visible there, which is after Foreman's commit; a webhook is a hint to read a host again. What Foreman
//! says of the host then goes into the record of the IPAM, if the record is ours.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `queue` | what is to be looked up, and when: bounded, in memory, lost in a restart |
//! | `learn` | which addresses a host of Foreman has, and whether it is the one that an address was added for |
//! | `records` | what is written, and the IPAM as far as it is needed for that |
//! | `task` | the one task that asks Foreman and writes |

mod learn;
mod queue;
mod records;
mod task;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ipam_provider::settings::Secret;
use openssl::memcmp;
use secrecy::ExposeSecret;

pub(crate) use queue::Queue;
pub(crate) use task::run;

use crate::allocation::{Event, EventKind, Subscriber};
use crate::caller::Door;
use crate::foreman_api::Foreman;

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
    match &event.kind {
        EventKind::Added { by } if event.caller.as_ref().is_some_and(|caller| caller.door == Door::Foreman) => {
            queue.learn_group(subject.prefix, subject.group);
            if looks_up {
                queue.push(subject.prefix, subject.group, subject.address, by.mac);
            }
        }
        EventKind::Deleted { .. } => queue.forget(subject.prefix, subject.group, subject.address),
        _ => {}
    }
}
