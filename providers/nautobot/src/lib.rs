#![doc = include_str!("../README.md")]

mod client;
mod free;
mod list;
mod probe;
mod provider;
mod record;
mod refusal;
mod settings;
mod vendor;
mod wire;

use ipam_provider::Registration;

pub use provider::Nautobot;
pub use settings::Settings;

/// Nautobot in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(vendor::NAME);
