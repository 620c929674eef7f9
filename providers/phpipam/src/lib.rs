#![doc = include_str!("../README.md")]

mod client;
mod failure;
mod free;
mod probe;
mod provider;
mod session;
mod settings;
mod walk;
mod wire;

use ipam_provider::Registration;

pub use provider::Phpipam;
pub use settings::{Credentials, Settings};

/// phpIPAM in the list of providers.
pub const REGISTRATION: Registration = Registration { name: provider::NAME, read: settings::plan };
