//! The settings of `settings.d/externalipam_netbox.yml`.

use ipam_provider::http::{HeaderValue, HttpSettings};
use ipam_provider::settings::Section;

use crate::client::authorization;
use crate::group_by::GroupBy;
use crate::record::Records;

/// How NetBox is asked, and what is recorded there.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) http: HttpSettings,
    pub(crate) authorization: HeaderValue,
    pub(crate) group_by: GroupBy,
    /// Empty for every status.
    pub(crate) prefix_status: Vec<String>,
    pub(crate) records: Records,
    pub(crate) delete_only_own: bool,
}

impl Settings {
    /// Reads the section; faults are noted in it. `None` when there is no usable `url` or `token`.
    pub fn read(section: &mut Section) -> Option<Self> {
        let http = HttpSettings::read(section, "https://netbox.example.com");
        let token = section.secret("token");
        let token = section.required("token", token, "write an API token of NetBox, in quotes");
        let authorization = token.and_then(|token| {
            let header = authorization(&token);
            if header.is_none() {
                let right = "write only the token, without the word before it and without blanks";
                section.problem("token", "is not a token", right);
            }
            header
        });
        let group_by = section.choice("group_by", &GroupBy::CHOICES).unwrap_or(GroupBy::Vrf);
        let prefix_status = section.list("prefix_status").unwrap_or_default();
        let records = Records::read(section);
        let delete_only_own = section.flag("delete_only_own").unwrap_or(false);
        Some(Self { http: http?, authorization: authorization?, group_by, prefix_status, records, delete_only_own })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipam_provider::testing::read_settings;
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> (Option<Settings>, Vec<String>) {
        read_settings(settings, Settings::read)
    }

    #[test]
    fn the_two_keys_of_the_ruby_plugin_are_enough() {
        let (settings, problems) = read(json!({"url": "https://netbox_host", "token": "0123456789"}));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.group_by, settings.delete_only_own), (GroupBy::Vrf, false));
        assert_eq!(settings.prefix_status, [""; 0]);
        assert_eq!(settings.records.description.mark(), "foreman-ipam-proxy");
        assert!(!format!("{settings:?}").contains("0123456789"), "the token is not shown");
    }

    #[test]
    fn every_key_is_read() {
        let (settings, problems) = read(json!({
            "url": "https://netbox.example.com/netbox/", "token": "nbt_key.secret", "group_by": "tenant",
            "prefix_status": "active, reserved", "description": "{hostname} in {group}", "mark": "proxy-a",
            "status": "dhcp", "tags": ["foreman"], "tenant": "acme", "mac_field": "mac",
            "custom_fields": {"owner_team": "linux", "cost_centre": 42, "managed": true, "zones": ["a", "b"]},
            "delete_only_own": true,
        }));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.group_by, settings.delete_only_own), (GroupBy::Tenant, true));
        assert_eq!(settings.prefix_status, ["active", "reserved"]);
        assert_eq!(settings.records.tags, ["foreman"]);
        let Records { custom_fields, description, .. } = settings.records;
        assert_eq!((custom_fields.fixed().len(), custom_fields.mac_field()), (4, Some("mac")));
        assert_eq!(description.mark(), "proxy-a");
    }

    #[test]
    fn all_faults_are_found_in_one_go_and_no_value_is_shown() {
        let (settings, problems) = read(json!({
            "url": "netbox", "token": "Token geheim", "group_by": "geheim", "description": "{geheim}",
            "mark": " geheim",
            "tags": ["ge heim"], "tenant": "ge heim", "mac_field": "ge heim", "custom_fields": {"geheim": null},
            "delete_only_own": "geheim", "tokn": "geheim",
        }));
        assert!(settings.is_none());
        let keys: Vec<&str> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
        assert_eq!(
            keys,
            [
                "url",
                "token",
                "group_by",
                "description",
                "mark",
                "tags",
                "tenant",
                "mac_field",
                "custom_fields",
                "delete_only_own",
                "tokn",
            ]
        );
        assert!(problems.iter().all(|problem| !problem.contains("geheim")), "{problems:#?}");
    }

    #[test]
    fn one_custom_field_cannot_have_two_values() {
        let (_, problems) =
            read(json!({"url": "https://x", "token": "x", "mac_field": "mac", "custom_fields": {"mac": "x"}}));
        assert_eq!(problems, ["x.yml: custom_fields sets the custom field that mac_field names; keep one of the two"]);
    }

    #[test]
    fn the_example_has_every_key() {
        let example = include_str!("../../../settings.d/externalipam_netbox.yml.example");
        let key = |line: &'static str| {
            let (key, _) = line.strip_prefix('#').unwrap_or(line).split_once(':')?;
            let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            is_key.then_some(key)
        };
        let named: BTreeSet<&str> = example.lines().filter_map(key).collect();
        let (_, problems) = read(json!({"url": "https://x", "token": "x", "like_no_other_key": 1}));
        let (_, known) = problems[0].split_once("known are: ").expect("the known keys are listed");
        assert_eq!(named, known.split(", ").collect());
    }

    #[test]
    fn without_url_and_token_both_are_missed() {
        let (settings, problems) = read(json!({}));
        assert!(settings.is_none());
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
