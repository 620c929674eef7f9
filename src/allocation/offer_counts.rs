//! What offers cost, and what they could not give.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts for the life of the process, whatever allocators come and go.
#[derive(Debug, Default)]
pub struct OfferCounts {
    fetched: AtomicU64,
    wasted: AtomicU64,
    refused: AtomicU64,
}

impl OfferCounts {
    /// How many free addresses IPAMs were asked for and have named.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// How many of them were forgotten and had been offered to no host. A batch is counted when it leaves the memory.
    pub fn wasted(&self) -> u64 {
        self.wasted.load(Ordering::Relaxed)
    }

    /// How many offers were refused because nothing in the subnet was free.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn fetch(&self, number: usize) {
        self.fetched.fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(super) fn waste(&self, number: usize) {
        self.wasted.fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}
