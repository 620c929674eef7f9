//! What the settings decide of Foreman's door.

use crate::http::listener::Listener;
use crate::settings::ErrorStyle;

/// What Foreman is offered, and in which shapes.
#[derive(Debug)]
pub(crate) struct Contract {
    /// The listeners that the External IPAM module is enabled on.
    pub ipam_on: Vec<Listener>,
    /// How errors are told.
    pub error_style: ErrorStyle,
    /// Answer as Foreman 2.1 and 2.2 expect it.
    pub legacy: bool,
    /// The version of Foreman that we say we fit, such as `3.13.0`.
    pub version: String,
}
