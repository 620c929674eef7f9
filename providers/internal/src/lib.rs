#![doc = include_str!("../README.md")]

mod provider;
mod settings;

use ipam_provider::Registration;

pub use provider::Internal;
pub use settings::{FILE, Place, Settings};

/// The embedded IPAM in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(provider::NAME);
