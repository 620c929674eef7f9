//! What lives as long as the process, whatever a reload replaces.

use std::sync::Arc;

use ipam_provider::Kept;

use super::StartError;
use crate::allocation::{Clock, Holds};
use crate::ledger::{Ledger, Place};
use crate::metrics::Metrics;
use crate::names::Queue;
use crate::settings::Settings;
use crate::tokens::{Table, Tokens};
use crate::trust::{HostNames, SystemResolver};

/// The holds, the ledger, the names of callers, the metrics, and what providers have open.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    pub(super) holds: Holds,
    /// `None` where nothing is recorded.
    pub(super) ledger: Option<Ledger>,
    pub(super) names: HostNames,
    /// A store that the settings of before and after a reload both lead to stays open, and has one writer.
    pub(super) kept: Kept,
    /// The look-ups of names that wait.
    pub(super) looked_up: Arc<Queue>,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// The tokens of the management API; `None` where it is off.
    pub(super) tokens: Option<Tokens>,
}

impl Runtime {
    /// For the proxy. A database that cannot be reached does not stop the start.
    pub(super) fn open(settings: &Settings) -> Result<Self, StartError> {
        let names = HostNames::new(Arc::new(SystemResolver)).within(settings.server.dns_limit());
        let kept = Kept::default();
        Ok(Self {
            holds: holds(settings)?,
            ledger: Some(ledger(settings)),
            names,
            kept,
            looked_up: Arc::default(),
            metrics: Arc::new(Metrics::new()),
            tokens: settings.api.listener.is_some().then(|| tokens(settings)),
        })
    }

    /// For a command. A running proxy is not disturbed: the holds here are others.
    pub(crate) fn beside() -> Self {
        let names = HostNames::new(Arc::new(SystemResolver));
        let holds = Holds::in_memory(Clock::system());
        Self {
            holds,
            ledger: None,
            names,
            kept: Kept::default(),
            looked_up: Arc::default(),
            metrics: Arc::new(Metrics::new()),
            tokens: None,
        }
    }

    /// As [`beside`](Self::beside), for a command whose writes are recorded. [`finish`](Self::finish) saves the last records.
    pub(crate) fn recording_beside(settings: &Settings) -> Self {
        Self { ledger: Some(ledger(settings)), ..Self::beside() }
    }

    /// Saves what the ledger has not saved yet, and ends it.
    pub(crate) async fn finish(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.close().await;
        }
    }
}

/// The ledger. One that cannot be used does not stop the start.
fn ledger(settings: &Settings) -> Ledger {
    let days = settings.holds.ledger_days;
    let place = Place::of(&settings.server.state_directory, settings.database.as_ref());
    match days {
        0 => log::info!("There is no ledger: ledger_days is 0"),
        _ => log::info!("The ledger is in {place}, for {days} days"),
    }
    Ledger::start(place, days)
}

/// The tokens. A place that cannot be used does not stop the start.
fn tokens(settings: &Settings) -> Tokens {
    let place = Table::place(&settings.server.state_directory, settings.database.as_ref());
    log::info!("The tokens of the management API are in {place}");
    Tokens::at(place)
}

fn holds(settings: &Settings) -> Result<Holds, StartError> {
    let Some(database) = &settings.database else {
        return Ok(Holds::open(&settings.server.state_directory, Clock::system())?);
    };
    log::info!("Holds are kept in the database {database}");
    Ok(Holds::shared(database.clone())?)
}
