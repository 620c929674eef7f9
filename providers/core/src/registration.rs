//! How a provider is found by name and built from its settings.

use std::path::PathBuf;
use std::sync::Arc;

use crate::database::Database;
use crate::settings::Section;
use crate::{Provider, Result};

/// One entry in the list of providers of a build.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// The name after `externalipam_` in `use_provider` and in the settings file's name.
    pub name: &'static str,
    /// Reads the provider's settings, reporting every fault to the section; does no network. What it returns is only
    /// run when there was no fault.
    pub read: fn(&mut Section) -> Plan,
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
}
