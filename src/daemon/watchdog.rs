//! Telling systemd regularly that the service is alive (`WatchdogSec=`).

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::notify::Notifier;
use super::roll_call::RollCall;

/// Pings the service manager until it is dropped.
///
/// Each ping waits until all workers have answered the [`RollCall`], and is a task on the runtime that it was started on.
/// So the pings stop when one worker hangs, or that runtime, and systemd restarts the service. The thread that accepts
/// connections is not watched, nor are threads for work that blocks, whose callers have limits of their own.
#[derive(Debug)]
pub(crate) struct Watchdog {
    task: JoinHandle<()>,
}

impl Watchdog {
    /// Starts pinging if the service manager wants it (`WATCHDOG_USEC`), three times within its limit;
    /// sd_watchdog_enabled(3) advises two.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(crate) fn from_environment(notifier: &Notifier, workers: &RollCall) -> Option<Self> {
        sd_notify::watchdog_enabled().map(|limit| Self::start(notifier.clone(), workers.clone(), limit))
    }

    /// Starts pinging for a manager that loses patience after `limit`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(crate) fn start(notifier: Notifier, workers: RollCall, limit: Duration) -> Self {
        let pause = between_pings(limit);
        let mut pings = interval(pause);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let task = tokio::spawn(async move {
            loop {
                pings.tick().await;
                match timeout(pause, workers.is_answered()).await {
                    Ok(true) => notifier.alive(),
                    // The server is ending, or is about to start workers anew.
                    Ok(false) => {}
                    Err(_) => log::error!(
                        "A thread that answers requests hangs, so the service manager is not told that the proxy is alive"
                    ),
                }
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
    // Three in each limit: one that fails is told in the log before the manager loses patience.
    let third = limit / 3;
    // An interval of nothing is not allowed; no manager means it.
    third.max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use tokio::task::{spawn_blocking, yield_now};

    use super::super::notify::tests::Manager;
    use super::super::roll_call::tests::Worker;
    use super::*;

    #[test]
    fn pings_come_three_times_per_limit() {
        assert_eq!(between_pings(Duration::from_secs(30)), Duration::from_secs(10));
        assert!(between_pings(Duration::ZERO) > Duration::ZERO);
    }

    #[tokio::test]
    async fn pings_go_on_until_the_watchdog_is_dropped() {
        let manager = Manager::new();
        let workers = RollCall::default();
        let _worker = Worker::that_serves(&workers);
        let watchdog = Watchdog::start(manager.notifier.clone(), workers, Duration::from_millis(4));
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
        let workers = RollCall::default();
        let _worker = Worker::that_serves(&workers);
        let _watchdog = Watchdog::start(manager.notifier.clone(), workers, Duration::from_millis(4));
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

    #[tokio::test(start_paused = true)]
    async fn one_worker_that_hangs_ends_the_pings_until_it_goes_on() {
        let limit = Duration::from_secs(30);
        let manager = Manager::new();
        let workers = RollCall::default();
        let _serving = Worker::that_serves(&workers);
        let mut hanging = Worker::that_hangs(&workers);
        let _watchdog = Watchdog::start(manager.notifier.clone(), workers, limit);
        // The clock stands still and leaps: nothing is waited for.
        tokio::time::sleep(3 * limit).await;
        assert!(manager.is_silent());
        hanging.go_on();
        assert_eq!(spawn_blocking(move || manager.heard()).await.expect("no panic"), "WATCHDOG=1\n");
    }
}
