#![doc = include_str!("../README.md")]

mod client;
mod free;
mod probe;
mod provider;
mod record;
mod refusal;
mod settings;
mod vendor;
mod wire;

use ipam_provider::Registration;

pub use provider::Tcpwave;
pub use settings::Settings;

/// TCPWave in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(vendor::NAME);
