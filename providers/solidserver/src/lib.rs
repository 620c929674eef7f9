#![doc = include_str!("../README.md")]

mod client;
mod condition;
mod credentials;
mod free;
mod probe;
mod provider;
mod record;
mod refusal;
mod settings;
mod vendor;
mod wire;

use ipam_provider::Registration;

pub use provider::Solidserver;
pub use settings::{Access, Settings};

/// SOLIDserver in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(vendor::NAME);
