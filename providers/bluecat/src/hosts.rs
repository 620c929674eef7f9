//! Host records: which names are made, and what of the zone is missing.

use ipam_provider::{Error, ErrorKind};

use crate::settings::Dns;
use crate::vendor::WHAT;

/// The whole name of a host record in the zone: of a name in it, or of a name without a dot. `None` for another one.
pub(crate) fn name_in(zone: &str, hostname: &str) -> Option<String> {
    let hostname = hostname.trim_end_matches('.').to_ascii_lowercase();
    let label = match hostname.strip_suffix(zone) {
        Some(label) => label.strip_suffix('.')?,
        None if hostname.contains('.') => return None,
        None => &hostname,
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    label.split('.').all(is_label).then(|| format!("{label}.{zone}"))
}

/// The zone of the settings is not there, or the user may not see it.
pub(crate) fn no_zone(dns: &Dns) -> Error {
    let Dns { view, zone } = dns;
    let text =
        format!("{WHAT} has no zone {zone} in the view {view}, or the API user may not see it; case matters in views");
    Error::new(ErrorKind::Rejected, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_zone_become_host_records() {
        let name = |hostname| name_in("example.com", hostname);
        for (hostname, expected) in [
            ("web", Some("web.example.com")),
            ("web.example.com", Some("web.example.com")),
            ("WEB.Example.com.", Some("web.example.com")),
            ("a.b.example.com", Some("a.b.example.com")),
            ("example.com", None),
            ("webexample.com", None),
            ("web.example.org", None),
            ("*.example.com", None),
            ("a..example.com", None),
            ("", None),
            ("zürich", None),
        ] {
            assert_eq!(name(hostname).as_deref(), expected, "{hostname:?}");
        }
    }
}
