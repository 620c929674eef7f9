#![doc = include_str!("../README.md")]

mod client;
mod free;
mod probe;
mod provider;
mod record;
mod refusal;
mod right;
mod settings;
mod wire;

use ipam_provider::Registration;

pub use provider::Nautobot;
pub use settings::Settings;

/// Nautobot in the list of providers.
pub const REGISTRATION: Registration = Registration { name: provider::NAME, read: settings::plan };
