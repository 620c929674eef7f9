//! The suite over holds in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;

use super::super::place::Place;
use super::super::suite::{Subject, suite};
use super::MemoryPlace;
use crate::allocation::Clock;

struct InMemory {
    place: Arc<MemoryPlace>,
    clock: Clock,
}

#[async_trait]
impl Subject for InMemory {
    async fn start() -> Option<Self> {
        let clock = Clock::manual();
        Some(Self { place: Arc::new(MemoryPlace::new(clock.clone())), clock })
    }

    fn place(&self) -> Arc<dyn Place> {
        self.place.clone()
    }

    fn unit(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

suite!(InMemory);

/// The same with a journal.
mod journaled {
    use super::*;

    struct Journaled {
        in_memory: InMemory,
        _directory: TempDir,
    }

    #[async_trait]
    impl Subject for Journaled {
        async fn start() -> Option<Self> {
            let (directory, clock) = (tempfile::tempdir().expect("a directory"), Clock::manual());
            let place = Arc::new(MemoryPlace::open(directory.path(), clock.clone()).expect("holds"));
            Some(Self { in_memory: InMemory { place, clock }, _directory: directory })
        }

        fn place(&self) -> Arc<dyn Place> {
            self.in_memory.place()
        }

        fn unit(&self) -> Duration {
            self.in_memory.unit()
        }

        async fn pass(&self, time: Duration) {
            self.in_memory.pass(time).await;
        }
    }

    suite!(Journaled);
}
