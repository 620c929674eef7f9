//! Keys of the Ruby Smart Proxy's `settings.yml` that mean nothing to us.

use ipam_provider::settings::Problem;

/// Of the Ruby proxy's own server, of how it logs, of how it calls Foreman, and of its DNS and DHCP modules. Source: its
/// `config/settings.yml.example` and `lib/proxy/settings/global.rb`.
const KNOWN_ELSEWHERE: [&str; 11] = [
    "daemon",
    "daemon_pid",
    "file_logging_pattern",
    "file_rolling_age",
    "file_rolling_keep",
    "file_rolling_size",
    "foreman_ssl_cert",
    "foreman_ssl_key",
    "http_server_type",
    "system_logging_pattern",
    "virsh_network",
];

/// Is the unknown key one that the Ruby proxy knows, so that it is there for a reason?
pub(super) fn is_known_elsewhere(unknown: &Problem) -> bool {
    unknown.key.as_deref().is_some_and(|key| KNOWN_ELSEWHERE.contains(&key))
}
