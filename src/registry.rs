//! The providers of this build.

use ipam_provider::Registration;

/// All providers of this build, the default first.
pub const PROVIDERS: &[Registration] = &[
    #[cfg(feature = "internal")]
    ipam_provider_internal::REGISTRATION,
];
