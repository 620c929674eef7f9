#![doc = include_str!("../README.md")]

mod addresses;
mod client;
mod free;
mod list;
mod probe;
mod provider;
mod record;
mod refusal;
mod restart;
mod session;
mod settings;
mod vendor;
mod wire;

use ipam_provider::Registration;

pub use provider::Infoblox;
pub use settings::{Attribute, Dns, RecordType, Settings};

/// Infoblox in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(vendor::NAME);
