//! The settings of `settings.d/externalipam_infoblox.yml`.

use std::collections::BTreeMap;
use std::time::Duration;

use ipam_provider::http::{HttpSettings, is_basic_user};
use ipam_provider::settings::{Secret, Section};
use ipam_provider::{Description, Filling, GroupName, Template, is_hostname};
use serde_json::{Map, Value, json};

const URL: &str = "https://gridmaster.example.com";

/// Every grid that is supported has this version of the API beside its own.
const VERSION: &str = "2.7";

/// A longer value of an extensible attribute of type string is refused.
const VALUE_AT_MOST: usize = 256;

/// How Infoblox is reached and what is written into it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The keys that all providers share.
    pub http: HttpSettings,
    /// `user`: who asks.
    pub user: String,
    /// `password`: of the user.
    pub password: Secret,
    /// `wapi_version`: the version of the API, such as `2.7`.
    pub wapi_version: String,
    /// `record_type`: what an address is recorded as.
    pub record_type: RecordType,
    /// `network_view`: only this one is served.
    pub network_view: Option<GroupName>,
    /// `dns_view`, `configure_for_dns` and `zone`: names of host records.
    pub dns: Dns,
    /// `extensible_attributes`: what new records get, by the names of the attributes.
    pub extensible_attributes: BTreeMap<String, Attribute>,
    /// `allocate_from_ranges`: are free addresses those in DHCP ranges, rather than those outside of them?
    pub allocate_from_ranges: bool,
    /// `restart_services` and `restart_delay_seconds`: how long after a write the services are asked to restart.
    pub restart: Option<Duration>,
    /// `cloud_member`: are searches passed on to the Grid Master?
    pub cloud_member: bool,
    /// `mark` and `description`: how new records are described.
    pub description: Description,
    /// `delete_only_own`: is a record without our mark kept?
    pub delete_only_own: bool,
}

/// What an address is recorded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    /// A fixed address with the MAC; without a known MAC a reservation.
    FixedAddress,
    /// A host record.
    Host,
    /// A reservation, without the MAC.
    Reservation,
}

/// How host records are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// The DNS view.
    pub view: Option<String>,
    /// Is the name put into DNS?
    pub is_configured: bool,
    /// The zone of names without one.
    pub zone: Option<String>,
}

/// The value of an extensible attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A text with places to fill in.
    Text(Template),
    /// A number.
    Number(u64),
    /// Several texts.
    Texts(Vec<String>),
}

impl Settings {
    /// Reads the section; faults are noted in it. `None` when something that must be there is not.
    pub fn read(section: &mut Section) -> Option<Self> {
        let http = HttpSettings::read(section, URL);
        let right = "write the name of an Infoblox user whose admin group may use the API";
        let user =
            section.read("user", right, |value| value.as_str().filter(|text| is_basic_user(text)).map(str::to_owned));
        let user = section.required("user", user, right);
        let right = "write the password of the Infoblox user, in quotes";
        let password = section.secret("password");
        let password = section.required("password", password, right);
        let right = "write a version of Infoblox's API in quotes, such as '2.7'";
        let version = section.read("wapi_version", right, |value| value.as_str().and_then(version));
        let types = [
            ("fixedaddress", RecordType::FixedAddress),
            ("host", RecordType::Host),
            ("reservation", RecordType::Reservation),
        ];
        let record_type = section.choice("record_type", &types).unwrap_or(RecordType::FixedAddress);
        let network_view = section.text("network_view").and_then(GroupName::new);
        let dns = Dns::read(section, record_type);
        let right = "write the names of extensible attributes, each with the text, number or list of texts to set";
        let attributes = section.read("extensible_attributes", right, attributes).unwrap_or_default();
        let allocate_from_ranges = section.flag("allocate_from_ranges").unwrap_or(false);
        let restarts = section.choice("restart_services", &[("never", false), ("if_needed", true)]).unwrap_or(false);
        let delay = section.seconds("restart_delay_seconds", 1..=3600).unwrap_or(Duration::from_secs(30));
        let cloud_member = section.flag("cloud_member").unwrap_or(false);
        let description = Description::read(section);
        let delete_only_own = section.flag("delete_only_own").unwrap_or(false);
        Some(Self {
            http: http?,
            user: user?,
            password: password?,
            wapi_version: version.unwrap_or_else(|| VERSION.to_owned()),
            record_type,
            network_view,
            dns,
            extensible_attributes: attributes,
            allocate_from_ranges,
            restart: restarts.then_some(delay),
            cloud_member,
            description,
            delete_only_own,
        })
    }

    /// The extensible attributes of a new record. One whose text is empty when it is filled in is left out: Infoblox
    /// refuses empty values.
    pub(crate) fn attributes(&self, filling: Filling<'_>) -> Map<String, Value> {
        let value = |attribute: &Attribute| match attribute {
            Attribute::Text(template) => {
                let text = template.fill(filling, VALUE_AT_MOST).replace(char::is_control, "");
                (!text.is_empty()).then(|| text.into())
            }
            Attribute::Number(number) => Some((*number).into()),
            Attribute::Texts(texts) => Some(json!(texts)),
        };
        let filled = self.extensible_attributes.iter().filter_map(|(name, attribute)| Some((name, value(attribute)?)));
        filled.map(|(name, value)| (name.clone(), json!({"value": value}))).collect()
    }
}

impl Dns {
    /// The DNS view is never implied: a name that lands in the view `default` may be seen by others than it is for.
    fn read(section: &mut Section, record_type: RecordType) -> Self {
        let view = section.text("dns_view");
        let is_configured = section.flag("configure_for_dns").unwrap_or(false);
        let right = "write the name of a DNS zone, such as example.com";
        let zone = section.read("zone", right, |value| {
            let zone = value.as_str()?.trim_matches('.');
            is_hostname(zone).then(|| zone.to_ascii_lowercase())
        });
        if record_type == RecordType::Host && is_configured {
            section.required("dns_view", view.as_ref(), "name the DNS view for configure_for_dns");
            section.required(
                "zone",
                zone.as_ref(),
                "name the zone of hosts whose name is not known, for configure_for_dns",
            );
        }
        Self { view, is_configured, zone }
    }
}

/// `2.7` and `v2.10.5`, which goes into paths.
fn version(text: &str) -> Option<String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split('.').collect();
    ((2..=3).contains(&parts.len()) && parts.into_iter().all(is_number)).then(|| text.to_owned())
}

fn attributes(value: &Value) -> Option<BTreeMap<String, Attribute>> {
    let attribute = |value: &Value| match value {
        Value::String(text) => text.parse().ok().map(Attribute::Text),
        Value::Number(number) => number.as_u64().map(Attribute::Number),
        Value::Array(items) => {
            let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.filter(|texts| !texts.is_empty()).map(Attribute::Texts)
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    };
    value.as_object()?.iter().map(|(name, value)| Some((name.clone(), attribute(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipam_provider::testing::read_settings;

    use super::*;

    fn read(settings: Value) -> (Option<Settings>, Vec<String>) {
        read_settings(settings, Settings::read)
    }

    #[test]
    fn url_user_and_password_are_enough() {
        let (settings, problems) =
            read(json!({"url": "https://g.example.com/", "user": "foreman", "password": "geheim"}));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.wapi_version.as_str(), settings.record_type), ("2.7", RecordType::FixedAddress));
        assert_eq!((settings.network_view, settings.dns, settings.restart), (None, Dns::default(), None));
        assert!(!settings.allocate_from_ranges && !settings.cloud_member && !settings.delete_only_own);
        assert!(settings.extensible_attributes.is_empty());
    }

    #[test]
    fn every_key_is_read() {
        let (settings, problems) = read(json!({
            "url": "https://g.example.com", "user": "foreman", "password": "geheim", "wapi_version": "v2.10.5",
            "record_type": "host", "network_view": "Lab", "dns_view": "internal", "configure_for_dns": true,
            "zone": "Example.com.", "extensible_attributes": {"Site": "DC1 {hostname}", "Rank": 1, "Tags": ["a", "b"]},
            "allocate_from_ranges": true, "restart_services": "if_needed", "restart_delay_seconds": 5,
            "cloud_member": true, "mark": "proxy-a", "description": "{mac}", "delete_only_own": true,
        }));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.wapi_version.as_str(), settings.record_type), ("2.10.5", RecordType::Host));
        assert_eq!(settings.network_view, GroupName::new("Lab"));
        let dns = Dns { view: Some("internal".to_owned()), is_configured: true, zone: Some("example.com".to_owned()) };
        assert_eq!((settings.dns, settings.restart), (dns, Some(Duration::from_secs(5))));
        assert!(settings.allocate_from_ranges && settings.cloud_member && settings.delete_only_own);
        assert_eq!((settings.extensible_attributes.len(), settings.description.mark()), (3, "proxy-a"));
    }

    #[test]
    fn all_faults_are_told_at_once_and_none_shows_a_value() {
        let (settings, problems) = read(json!({
            "user": "ge:heim", "password": 5, "wapi_version": "2.7/../geheim", "record_type": "geheim",
            "configure_for_dns": "perhaps", "zone": "ge heim", "extensible_attributes": {"Site": {"value": "geheim"}},
            "restart_services": "geheim", "recordtype": "geheim",
        }));
        assert!(settings.is_none());
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
        let expected = [
            "url",
            "user",
            "password",
            "wapi_version",
            "record_type",
            "configure_for_dns",
            "zone",
            "extensible_attributes",
            "restart_services",
            "recordtype",
        ];
        assert_eq!(keys, expected, "{problems:#?}");
        assert!(!problems.iter().any(|problem| problem.contains("heim") || problem.contains("perhaps")));
    }

    #[test]
    fn a_name_in_dns_has_a_view_and_a_zone() {
        let settings = json!({
            "url": "https://g.example.com", "user": "u", "password": "p", "record_type": "host", "configure_for_dns": true,
        });
        let (_, problems) = read(settings);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("dns_view") && problems[1].contains("zone"), "{problems:?}");
    }

    #[test]
    fn a_version_is_digits_and_points() {
        for (text, read) in [
            ("2.7", true),
            ("v2.13.4", true),
            ("2", false),
            ("2.x", false),
            ("2.7/", false),
            ("", false),
            ("2..7", false),
        ] {
            assert_eq!(version(text).is_some(), read, "{text}");
        }
    }

    #[test]
    fn the_example_has_every_key_and_no_other() {
        let example = include_str!("../../../settings.d/externalipam_infoblox.yml.example");
        let is_key = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let key = |line: &str| {
            let line = line.strip_prefix('#').unwrap_or(line);
            line.split_once(':').map(|(key, _)| key).filter(|key| is_key(key)).map(str::to_owned)
        };
        let keys: BTreeSet<String> = example.lines().filter_map(key).collect();
        let (_, problems) =
            read(json!({"url": "https://g.example.com", "user": "u", "password": "p", "xxxxxxxxxxxxxxxx": 1}));
        let known = problems[0].split_once("known are: ").expect("a list of keys").1;
        assert_eq!(keys, known.split(", ").map(str::to_owned).collect());
    }

    #[test]
    fn the_password_is_never_shown() {
        let (settings, _) = read(json!({"url": "https://g.example.com", "user": "u", "password": "geheim"}));
        assert!(!format!("{:?}", settings.expect("settings")).contains("geheim"));
    }
}
