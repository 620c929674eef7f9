//! How a provider is found by name and built from its settings.

use std::path::PathBuf;
use std::sync::Arc;

use crate::database::Database;
use crate::settings::Section;
use crate::trace::Trace;
use crate::{Kept, Provider, Result};

/// One entry in the list of providers of a build.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// The name after `externalipam_` in `use_provider` and in the settings file's name.
    pub name: &'static str,
    /// Reads the provider's settings, reporting every fault to the section; does no network. What it returns is only
    /// run when there was no fault.
    pub read: fn(&mut Section) -> Plan,
}

/// The settings of a provider, and what is built of them.
pub trait ProviderSettings: Sized + Send + 'static {
    /// Reads the section; every fault is noted in it. `None` only where there was one.
    fn read(section: &mut Section) -> Option<Self>;

    /// Builds the provider. Does no network.
    ///
    /// # Errors
    /// Mostly [`Rejected`](crate::ErrorKind::Rejected), when a file that the settings name cannot be used.
    fn build(self, surroundings: &Surroundings) -> Result<Arc<dyn Provider>>;
}

impl Registration {
    /// The entry of the provider with these settings.
    pub const fn of<S: ProviderSettings>(name: &'static str) -> Self {
        Self { name, read: plan::<S> }
    }
}

fn plan<S: ProviderSettings>(section: &mut Section) -> Plan {
    let settings = S::read(section);
    let recorder = section.recorder().clone();
    Box::new(move |surroundings| {
        surroundings.trace.iter().for_each(|trace| recorder.start(trace));
        settings.expect("a plan is only run when there was no fault").build(surroundings)
    })
}

/// Builds the provider from settings that were read without fault. No network here either: an IPAM that cannot be
/// reached does not stop the start.
pub type Plan = Box<dyn FnOnce(&Surroundings) -> Result<Arc<dyn Provider>> + Send>;

/// What of the proxy a provider may use.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where a provider may keep files.
    pub state_directory: PathBuf,
    /// May the provider create what is not there, to stay? `check` builds a provider too, and changes nothing.
    pub may_create: bool,
    /// What several proxies share, where there are several.
    pub database: Option<Database>,
    /// What keeps the exchanges with the IPAM, where somebody wants to see them.
    pub trace: Option<Trace>,
    /// What providers have open, also those of before a reload.
    pub kept: Kept,
}
