#![doc = include_str!("../README.md")]

mod claims;
mod client;
mod free;
mod probe;
mod provider;
mod record;
mod refusal;
mod reserve;
mod settings;
mod tree;
mod vendor;
mod wire;

use ipam_provider::Registration;

pub use provider::Solarwinds;
pub use settings::{CustomPropertiesIn, ReserveWith, Settings};

/// SolarWinds IPAM in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(vendor::NAME);
