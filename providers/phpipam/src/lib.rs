#![doc = include_str!("../README.md")]

mod client;
mod failure;
mod free;
mod list;
mod phpipam;
mod probe;
mod provider;
mod settings;
mod vendor;
mod walk;
mod walks;
mod wire;

use ipam_provider::Registration;

pub use phpipam::Phpipam;
pub use settings::{Credentials, Settings};

/// phpIPAM in the list of providers.
pub const REGISTRATION: Registration = Registration::of::<Settings>(vendor::NAME);
