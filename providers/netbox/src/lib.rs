#![doc = include_str!("../README.md")]

mod annotate;
mod client;
mod free;
mod group_by;
mod list;
mod netbox;
mod probe;
mod provider;
mod record;
mod refusal;
mod settings;
mod vendor;
mod wire;
mod withheld;

use ipam_provider::Registration;

pub use netbox::Netbox;
pub use settings::Settings;

/// NetBox in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(vendor::NAME);
