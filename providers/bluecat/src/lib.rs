#![doc = include_str!("../README.md")]

mod address_manager;
mod deploy;
mod hosts;
mod note;
mod probe;
mod provider;
mod record;
mod settings;
mod v1;
mod v2;
mod vendor;
mod version;

use ipam_provider::Registration;

pub use provider::Bluecat;
pub use settings::{ApiVersion, Deploy, Dns, Settings};

/// BlueCat Address Manager in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(vendor::NAME);
