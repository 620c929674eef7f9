//! What the commands need that compare Foreman, the ledger and the IPAM.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::running::end_batches;
use super::{CommandError, load};
use crate::allocation::Allocator;
use crate::app::{self, Purpose, Runtime};
use crate::foreman_api::{Foreman, Inventory};
use crate::http::Serving;
use crate::ledger::{LedgerError, Place, Records};
use crate::telemetry::with_causes;

/// The three, beside a proxy that runs. Needs a tokio runtime.
pub(super) struct Compared {
    serving: Serving,
    runtime: Runtime,
    foreman: Arc<Foreman>,
    state_directory: PathBuf,
    /// `None` where nothing has been recorded yet.
    pub(super) ledger: Option<Records>,
}

impl Compared {
    /// By the settings in a directory. With `writes`, what is written is recorded in the ledger.
    pub(super) fn open(directory: &Path, writes: bool) -> Result<Self, CommandError> {
        let settings = load(directory)?;
        let place = Place::of(&settings.server.state_directory, settings.database.as_ref());
        let state_directory = settings.server.state_directory.clone();
        let runtime = if writes { Runtime::recording_beside(&settings) } else { Runtime::beside() };
        let purpose = if writes { Purpose::Serve } else { Purpose::Check(None) };
        let serving = app::serving(settings, &runtime, purpose);
        let serving = serving.map_err(|error| CommandError::failed(with_causes(&error)))?;
        let foreman = serving.names.foreman.clone().ok_or_else(|| {
            CommandError::failed(
                "it is not known as whom Foreman is asked; set foreman_url in settings.yml, and user and password in \
                 settings.d/foreman_names.yml",
            )
        })?;
        let ledger = match Records::open(place) {
            Ok(ledger) => Some(ledger),
            Err(LedgerError::Missing(_)) => None,
            Err(error) => return Err(CommandError::failed(error)),
        };
        Ok(Self { serving, runtime, foreman, state_directory, ledger })
    }

    pub(super) fn allocator(&self) -> &Arc<Allocator> {
        &self.serving.allocator
    }

    /// How old an address must be to be an orphan.
    pub(super) fn after(&self) -> Duration {
        self.serving.names.orphan_after
    }

    /// What Foreman has, and when the reading of it began.
    pub(super) async fn inventory(&self) -> Result<(Inventory, Timestamp), CommandError> {
        let taken = Timestamp::now();
        let inventory = self.serving.names.inventory(&self.foreman).await;
        let inventory = inventory.map_err(|error| {
            CommandError::failed(format!("nothing is concluded without Foreman: {}", with_causes(&error)))
        })?;
        if !inventory.subnets.iter().any(|subnet| subnet.uses_this_proxy) {
            return Err(CommandError::failed(self.serving.names.no_subnet()));
        }
        Ok((inventory, taken))
    }

    /// Saves what was recorded, and has a running proxy ask the IPAM again.
    pub(super) async fn finish(self) {
        self.runtime.finish().await;
        end_batches(&self.state_directory).await;
    }
}
