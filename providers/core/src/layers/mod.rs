//! What all providers get alike, each in a layer of its own: a layer is a [`Provider`] around a [`Provider`].
//!
//! The order matters: [`Timed`] is inside, so that each attempt has its own time limit; [`RetryReads`] is around it;
//! [`Observed`] is outermost, so that one operation is one line however often it was tried. [`wrap`] puts them so.

mod observed;
mod retry_reads;
mod timed;

use std::sync::Arc;
use std::time::Duration;

pub use observed::Observed;
pub use retry_reads::RetryReads;
pub use timed::Timed;

use crate::Provider;

/// Limits for the calls to an IPAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one attempt at one operation may take.
    pub attempt: Duration,
    /// How often a read is tried at most, the first time included; at least 1.
    pub read_attempts: u32,
}

/// Wraps a provider in all layers.
pub fn wrap(provider: Arc<dyn Provider>, limits: Limits) -> Arc<dyn Provider> {
    let timed = Arc::new(Timed::new(provider, limits.attempt));
    let retrying = Arc::new(RetryReads::new(timed, limits.read_attempts));
    Arc::new(Observed::new(retrying))
}
