//! Signals, as what they ask for.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use tokio::signal::unix::{SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP: read settings and certificates again.
    Reload,
    /// SIGUSR1: open the log file anew; logrotate sends it.
    ReopenLog,
    /// SIGTERM, SIGINT or SIGQUIT: finish what is being answered, then end.
    Stop,
}

/// The signals that this process gets from now on. SIGTTIN, on which the Ruby proxy lists its threads, is ignored
/// instead of stopping the process.
#[derive(Debug)]
pub(crate) struct Signals {
    heard: Vec<(tokio::signal::unix::Signal, Option<Signal>)>,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let meanings = [
            // First: when several came at once, the end comes before everything else.
            (SignalKind::terminate(), Some(Signal::Stop)),
            (SignalKind::interrupt(), Some(Signal::Stop)),
            (SignalKind::quit(), Some(Signal::Stop)),
            (SignalKind::user_defined1(), Some(Signal::ReopenLog)),
            (SignalKind::hangup(), Some(Signal::Reload)),
            (SignalKind::from_raw(SIGTTIN), None),
        ];
        let heard = meanings.into_iter().map(|(kind, meaning)| Ok((signal(kind)?, meaning)));
        Ok(Self { heard: heard.collect::<io::Result<_>>()? })
    }

    /// The next one. Equal signals that come in a row may be heard as one.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
        for (signal, meaning) in &mut self.heard {
            while let Poll::Ready(Some(())) = signal.poll_recv(context) {
                if let Some(meaning) = *meaning {
                    return Poll::Ready(meaning);
                }
            }
        }
        Poll::Pending
    }
}

/// Its number on Linux, except on MIPS; tokio has no name for it.
const SIGTTIN: i32 = 21;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn send(name: &str) {
        let kill = format!("kill -{name} {}", std::process::id());
        assert!(Command::new("sh").arg("-c").arg(kill).status().expect("a shell").success());
    }

    #[tokio::test]
    async fn each_signal_is_what_it_asks_for() {
        let mut signals = Signals::listen().expect("signals");
        for (name, meaning) in [
            ("HUP", Signal::Reload),
            ("USR1", Signal::ReopenLog),
            ("TERM", Signal::Stop),
            ("INT", Signal::Stop),
            ("QUIT", Signal::Stop),
        ] {
            // Ignored, or the process would stop here.
            send("TTIN");
            send(name);
            assert_eq!(signals.next().await, meaning, "{name}");
        }
    }
}
