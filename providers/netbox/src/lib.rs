#![doc = include_str!("../README.md")]

mod client;
mod free;
mod group_by;
mod note;
mod probe;
mod provider;
mod record;
mod refusal;
mod settings;
mod uniqueness;
mod wire;
mod withheld;

use ipam_provider::Registration;

pub use provider::Netbox;
pub use settings::Settings;

/// NetBox in the list of providers.
pub const REGISTRATION: Registration = Registration { name: provider::NAME, read: settings::plan };
