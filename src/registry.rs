//! The providers of this build.

use ipam_provider::Registration;

/// All providers of this build, the default first.
pub const PROVIDERS: &[Registration] = &[
    #[cfg(feature = "internal")]
    ipam_provider_internal::REGISTRATION,
    #[cfg(feature = "bluecat")]
    ipam_provider_bluecat::REGISTRATION,
    #[cfg(feature = "infoblox")]
    ipam_provider_infoblox::REGISTRATION,
    #[cfg(feature = "nautobot")]
    ipam_provider_nautobot::REGISTRATION,
    #[cfg(feature = "netbox")]
    ipam_provider_netbox::REGISTRATION,
    #[cfg(feature = "phpipam")]
    ipam_provider_phpipam::REGISTRATION,
    #[cfg(feature = "solarwinds")]
    ipam_provider_solarwinds::REGISTRATION,
    #[cfg(feature = "solidserver")]
    ipam_provider_solidserver::REGISTRATION,
    #[cfg(feature = "tcpwave")]
    ipam_provider_tcpwave::REGISTRATION,
];
