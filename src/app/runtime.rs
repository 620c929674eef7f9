//! What lives as long as the process, whatever a reload replaces.

use std::sync::Arc;

use ipam_provider::Kept;

use super::StartError;
use crate::allocation::{Clock, Holds};
use crate::settings::Settings;
use crate::trust::{HostNames, SystemResolver};

/// The holds, the names of callers, and what providers have open.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    pub(super) holds: Holds,
    pub(super) names: HostNames,
    /// A store that the settings of before and after a reload both lead to stays open, and has one writer.
    pub(super) kept: Kept,
}

impl Runtime {
    /// For the proxy. A database that cannot be reached does not stop the start.
    pub(super) fn open(settings: &Settings) -> Result<Self, StartError> {
        let names = HostNames::new(Arc::new(SystemResolver)).within(settings.server.dns_limit());
        Ok(Self { holds: holds(settings)?, names, kept: Kept::default() })
    }

    /// For a command. A running proxy is not disturbed: the holds here are others.
    pub(crate) fn beside() -> Self {
        let names = HostNames::new(Arc::new(SystemResolver));
        Self { holds: Holds::in_memory(Clock::system()), names, kept: Kept::default() }
    }
}

fn holds(settings: &Settings) -> Result<Holds, StartError> {
    let Some(database) = &settings.database else {
        return Ok(Holds::open(&settings.server.state_directory, Clock::system())?);
    };
    log::info!("Holds are kept in the database {database}");
    Ok(Holds::shared(database.clone())?)
}
