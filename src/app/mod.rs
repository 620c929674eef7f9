//! The composition root: settings → provider → allocator → servers.
//!
//! [`App::build`] does everything that can fail before the first request: after it, all sockets listen.
//! [`App::run`] serves until a signal ends it. A reload builds from the settings what handlers work with, [`serving`], over the
//! same [`Runtime`].

mod assemble;
mod listen;
mod rehearsal;
mod restart_only;
mod runtime;
mod sockets;

use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_server::{Server, ServerHandle};
use actix_web::web::Data;
use tokio::time::Instant;

use crate::allocation::holds::DatabaseError;
use crate::allocation::{Holds, JournalError, Look};
use crate::daemon::{self, Notifier, PassedSockets, RollCall, Signal, Signals, Watchdog};
use crate::foreman_api;
use crate::http::{Arrivals, Shared};
use crate::names;
use crate::registry::PROVIDERS;
use crate::settings::{Faults, Settings};
use crate::telemetry::{self, Telemetry, with_causes};
use crate::tls;

pub(crate) use assemble::{Purpose, serving};
pub(crate) use listen::{Bound, control_socket};
pub(crate) use rehearsal::{check_state_directory, rehearse};

pub(crate) use runtime::Runtime;

use restart_only::RestartOnly;

/// How often ended holds are removed and the journal is looked at.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// How often holds that need it are seen to.
const SEE_TO_HOLDS_EVERY: Duration = Duration::from_secs(2);

/// How long the last answers leave for the last look at them. The service manager waits longer.
const LAST_LOOK_AT_LEAST: Duration = Duration::from_secs(10);

/// How often certificates and revocation lists that end soon are logged.
const WARN_OF_DATES_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// What systemd shows while all is well.
const SERVING: &str = "Serving";

/// What the proxy's page in Foreman calls the settings, when they are in trouble.
const SETTINGS: &str = "settings";

/// What the proxy is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As the settings say.
    Production,
    /// To try it out: plain HTTP from this machine is trusted.
    Demo,
}

/// Why the proxy does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] Faults),
    /// There is no place for log lines.
    #[error(transparent)]
    Telemetry(#[from] telemetry::StartError),
    /// There is no place for the holds.
    #[error(transparent)]
    Holds(#[from] JournalError),
    /// The shared place for the holds cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The provider cannot be built.
    #[error("the provider {name} cannot be used")]
    Provider {
        /// Its name, or that of its settings file.
        name: String,
        /// What it says.
        source: ipam_provider::Error,
    },
    /// Foreman cannot be asked for names of hosts with these settings.
    #[error(transparent)]
    Foreman(#[from] foreman_api::Error),
    /// The files for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for")]
    Signals(#[source] std::io::Error),
    /// A socket cannot be opened.
    #[error("{0}")]
    Listen(String),
}

/// A proxy whose sockets listen.
pub(crate) struct App {
    directory: PathBuf,
    mode: Mode,
    telemetry: Telemetry,
    shared: Data<Shared>,
    runtime: Runtime,
    shutdown: Duration,
    started: RestartOnly,
    tls: Option<tls::Server>,
    server: Server,
    workers: RollCall,
    arrivals: Arrivals,
    bound: Bound,
    signals: Signals,
}

impl App {
    /// Builds everything from the settings in `directory`.
    ///
    /// # Errors
    /// When the settings are wrong, a file or directory cannot be used, or a socket cannot be opened. An IPAM that
    /// cannot be reached is no error.
    pub(crate) async fn build(directory: &Path, mode: Mode) -> Result<Self, StartError> {
        // First, because it changes the environment, which is safe while there is one thread.
        let passed = PassedSockets::from_environment().map_err(|error| StartError::Listen(error.to_string()))?;
        let settings = Settings::load(directory, PROVIDERS)?;
        let telemetry = Telemetry::init(&settings.log)?;
        log_settings(&settings);
        match daemon::raise_open_files() {
            Ok(limit) => log::debug!("Up to {limit} files and connections may be open"),
            Err(error) => log::warn!("The limit of open files cannot be raised: {error}"),
        }
        // From here on SIGHUP and SIGUSR1 end the process no more.
        let signals = Signals::listen().map_err(StartError::Signals)?;
        let runtime = Runtime::open(&settings)?;
        let tls = settings.tls.as_ref().map(assemble::tls_server).transpose()?;
        let server_settings = settings.server.clone();
        let api = settings.api.listener.clone();
        let started = RestartOnly::of(&settings);
        let serving = serving(settings, &runtime, Purpose::Serve)?;
        let shared = Data::new(Shared::new(serving, telemetry.ring(), runtime.metrics.clone(), tls.clone()));
        let workers = RollCall::default();
        let (server, bound, arrivals) =
            listen::listen(&server_settings, api.as_ref(), mode, &shared, tls.as_ref(), &workers, passed).await?;
        for url in bound.urls() {
            log::info!("Listening on {url}");
        }
        for url in bound.api_urls() {
            log::info!("The management API listens on {url}");
        }
        Ok(Self {
            directory: directory.to_owned(),
            mode,
            telemetry,
            shared,
            runtime,
            shutdown: server_settings.shutdown,
            started,
            tls,
            server,
            workers,
            arrivals,
            bound,
            signals,
        })
    }

    /// The addresses that the servers listen on, which the demo shows.
    #[cfg(feature = "internal")]
    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Serves until SIGTERM or SIGINT; then finishes what is under way.
    ///
    /// # Errors
    /// When the servers fail.
    pub(crate) async fn run(self) -> std::io::Result<()> {
        let Self {
            directory,
            mode,
            telemetry,
            shared,
            runtime,
            shutdown,
            started,
            tls,
            server,
            workers,
            arrivals,
            bound,
            mut signals,
        } = self;
        let handle = server.handle();
        let mut serving = actix_web::rt::spawn(server);
        let tidying = actix_web::rt::spawn(tidy(runtime.holds.clone()));
        let naming = actix_web::rt::spawn(names::run(shared.clone()));
        let sweeping = actix_web::rt::spawn(names::sweep(shared.clone()));
        let seeing = actix_web::rt::spawn(see_to_holds(shared.clone()));
        let warning = tls.clone().map(|tls| actix_web::rt::spawn(warn_of_dates(tls)));
        warn_of_shared_groups(&shared);
        let reload = Reload {
            directory: &directory,
            telemetry: &telemetry,
            shared: &shared,
            runtime: &runtime,
            started: &started,
            tls: tls.as_ref(),
        };
        let service_manager = Notifier::from_environment();
        let _watchdog = Watchdog::from_environment(&service_manager, &workers);
        service_manager.ready(SERVING);
        log::info!("Ready{}", if mode == Mode::Demo { ", as a demo" } else { "" });
        loop {
            let signal = tokio::select! {
                signal = signals.next() => signal,
                // Nobody stopped it, so something failed. The service manager starts the process again.
                ended = &mut serving => {
                    bound.remove_control_socket();
                    return ended.map_err(std::io::Error::other)?.and(Err(std::io::Error::other("the server ended")));
                }
            };
            match signal {
                Signal::Reload => {
                    service_manager.reloading();
                    reload.run();
                    service_manager.ready(SERVING);
                }
                // Waits for lines that are still being written, which must not hold up anything else.
                Signal::ReopenLog => {
                    let telemetry = telemetry.clone();
                    actix_web::rt::task::spawn_blocking(move || reopen(&telemetry));
                }
                Signal::Stop => break,
            }
        }
        service_manager.stopping();
        stop(&handle, &arrivals, &shared, shutdown).await;
        runtime.finish().await;
        tidying.abort();
        seeing.abort();
        naming.abort();
        sweeping.abort();
        warning.inspect(actix_web::rt::task::JoinHandle::abort);
        bound.remove_control_socket();
        serving.await.map_err(std::io::Error::other)?
    }
}

fn reopen(telemetry: &Telemetry) {
    // A failure is in the old log already.
    if telemetry.reopen().is_ok() {
        log::info!("The log is reopened");
    }
}

async fn stop(handle: &ServerHandle, arrivals: &Arrivals, shared: &Shared, shutdown: Duration) {
    log::info!("Stopping when the requests under way are answered");
    shared.stop();
    let deadline = Instant::now() + shutdown;
    // No more connections are accepted; those that were are served before the server forgets them.
    handle.pause().await;
    arrivals.settle().await;
    handle.stop(true).await;
    let allocator = shared.serving().allocator.clone();
    let left = deadline.saturating_duration_since(Instant::now()).max(LAST_LOOK_AT_LEAST);
    // What is left is left to the next process, or to another proxy over the same holds.
    let _ = actix_web::rt::time::timeout(left, allocator.see_to_holds(Look::Last)).await;
    log::info!("Stopped");
    log::logger().flush();
}

async fn tidy(holds: Holds) {
    loop {
        actix_web::rt::time::sleep(TIDY_EVERY).await;
        if let Err(error) = holds.tidy().await {
            let why = with_causes(&error);
            log::error!("Removing ended holds failed; it is tried again in {} seconds: {why}", TIDY_EVERY.as_secs());
        }
    }
}

async fn see_to_holds(shared: Data<Shared>) {
    let mut look = Look::First;
    loop {
        let allocator = shared.serving().allocator.clone();
        // A database that cannot be reached is trouble of the holds already.
        if allocator.see_to_holds(look).await.is_ok() {
            look = Look::Next;
        }
        actix_web::rt::time::sleep(SEE_TO_HOLDS_EVERY).await;
    }
}

/// Logs names of groups that several IPAMs have. Nothing waits for their answers.
fn warn_of_shared_groups(shared: &Shared) {
    let allocator = shared.serving().allocator.clone();
    actix_web::rt::spawn(async move {
        for sentence in allocator.provider().shared_groups().await {
            log::warn!("Several IPAMs have one group: {sentence}");
        }
    });
}

async fn warn_of_dates(tls: tls::Server) {
    loop {
        actix_web::rt::time::sleep(WARN_OF_DATES_EVERY).await;
        assemble::warn_of_dates(&tls);
    }
}

/// Everything that SIGHUP replaces, and what stays.
struct Reload<'a> {
    directory: &'a Path,
    telemetry: &'a Telemetry,
    shared: &'a Shared,
    runtime: &'a Runtime,
    started: &'a RestartOnly,
    tls: Option<&'a tls::Server>,
}

impl Reload<'_> {
    /// Reads settings and certificates again. When anything is wrong nothing changes, and the log and the proxy's page
    /// in Foreman say so.
    fn run(&self) {
        match self.replace() {
            Ok(()) => {
                self.shared.set_trouble(SETTINGS, None);
                log::info!("Settings and certificates are reloaded");
            }
            Err(error) => {
                let why = with_causes(&error);
                log::error!("Settings and certificates stay as they were: {why}");
                self.shared.set_trouble(SETTINGS, Some(format!("a reload failed: {why}")));
            }
        }
    }

    fn replace(&self) -> Result<(), StartError> {
        let mut settings = Settings::load(self.directory, PROVIDERS)?;
        log_settings(&settings);
        for key in self.started.restore(&mut settings) {
            log::warn!("{key}: changed by a restart only");
        }
        let level = settings.log.level;
        let tls = settings.tls.clone();
        let ledger_days = settings.holds.ledger_days;
        let serving = serving(settings, self.runtime, Purpose::Serve)?;
        if let (Some(server), Some(tls)) = (self.tls, &tls) {
            assemble::reload_tls(server, tls)?;
        }
        self.telemetry.set_level(level);
        if let Some(ledger) = &self.runtime.ledger {
            ledger.keep(ledger_days);
        }
        self.shared.replace(serving);
        warn_of_shared_groups(self.shared);
        Ok(())
    }
}

/// What has become of a file of settings, for people.
pub(crate) fn found(file: &Path) -> &'static str {
    if file.exists() { "read" } else { "not there, defaults apply" }
}

fn log_settings(settings: &Settings) {
    for file in &settings.files {
        log::info!("Settings {}: {}", file.display(), found(file));
    }
    for warning in &settings.warnings {
        log::warn!("{warning}");
    }
}
