//! Telling systemd regularly that the service is alive (`WatchdogSec=`).

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::notify::Notifier;

/// Pings the service manager until it is dropped.
///
/// The pings are a task on the runtime it was started on, so they stop when that runtime hangs, and systemd restarts
/// the service. For the runtime's hanging to mean something, start it where requests are served.
#[derive(Debug)]
pub struct Watchdog {
    task: JoinHandle<()>,
}

impl Watchdog {
    /// Starts pinging if the service manager wants it (`WATCHDOG_USEC`), at half its limit, as sd_watchdog_enabled(3)
    /// advises.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_environment(notifier: &Notifier) -> Option<Self> {
        sd_notify::watchdog_enabled().map(|limit| Self::start(notifier.clone(), limit))
    }

    /// Starts pinging for a manager that loses patience after `limit`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn start(notifier: Notifier, limit: Duration) -> Self {
        let mut pings = interval(between_pings(limit));
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let task = tokio::spawn(async move {
            loop {
                pings.tick().await;
                notifier.alive();
            }
        });
        Self { task }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn between_pings(limit: Duration) -> Duration {
    // An interval of nothing is not allowed; no manager means it.
    (limit / 2).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use tokio::task::{spawn_blocking, yield_now};

    use super::super::notify::tests::Manager;
    use super::*;

    #[test]
    fn pings_come_twice_per_limit() {
        assert_eq!(between_pings(Duration::from_secs(30)), Duration::from_secs(15));
        assert!(between_pings(Duration::ZERO) > Duration::ZERO);
    }

    #[tokio::test]
    async fn pings_go_on_until_the_watchdog_is_dropped() {
        let manager = Manager::new();
        let watchdog = Watchdog::start(manager.notifier.clone(), Duration::from_millis(4));
        let heard = spawn_blocking(move || [(); 3].map(|()| manager.heard())).await.expect("no panic");
        assert_eq!(heard, ["WATCHDOG=1\n"; 3]);
        let task = watchdog.task.abort_handle();
        assert!(!task.is_finished());
        drop(watchdog);
        yield_now().await;
        assert!(task.is_finished());
    }

    #[tokio::test]
    async fn a_runtime_that_hangs_does_not_ping() {
        let manager = Arc::new(Manager::new());
        let _watchdog = Watchdog::start(manager.notifier.clone(), Duration::from_millis(4));
        let listening = Arc::clone(&manager);
        assert_eq!(spawn_blocking(move || listening.heard()).await.expect("no panic"), "WATCHDOG=1\n");
        // From here on there is no await, which is the hanging.
        while !manager.is_silent() {}
        let hung = Instant::now();
        while hung.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        assert!(manager.is_silent());
    }
}
