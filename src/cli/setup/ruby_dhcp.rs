//! What the Ruby Smart Proxy's DHCP plugins for an IPAM were told. They reach the same server as a provider of ours does.
//!
//! Read from the sources of `smart_proxy_dhcp_infoblox` 0.0.18 and `smart_proxy_dhcp_bluecat` 0.1.6.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use serde_json::{Value, json};

/// Keys and values of a file.
type Keys = BTreeMap<String, Value>;

/// A DHCP plugin, and the provider that takes its place.
pub(super) struct Plugin {
    /// As in `use_provider` of `dhcp.yml`; its own file is called so too.
    pub(super) name: &'static str,
    /// The provider's name.
    pub(super) provider: &'static str,
    /// Keys of the plugin, each with ours for the same value.
    keys: &'static [(&'static str, &'static str)],
    /// Keys of the plugin that are taken over in another way.
    read: &'static [&'static str],
    /// What is not the same value under another key; from `dhcp.yml` and the plugin's own file.
    translate: fn(&Keys, &Keys) -> Keys,
}

const PLUGINS: &[Plugin] = &[
    Plugin {
        name: "dhcp_bluecat",
        provider: "bluecat",
        keys: &[
            ("config_name", "configuration"),
            ("password", "password"),
            ("username", "user"),
            ("view_name", "view"),
        ],
        read: &["host", "scheme", "verify"],
        translate: bluecat,
    },
    Plugin {
        name: "dhcp_infoblox",
        provider: "infoblox",
        keys: &[("password", "password"), ("record_type", "record_type"), ("username", "user")],
        read: &["dns_view", "network_view"],
        translate: infoblox,
    },
];

impl Plugin {
    /// The plugin that `dhcp.yml` has chosen; `None` for one that no provider takes the place of, such as `dhcp_isc`.
    pub(super) fn chosen(dhcp: &Keys) -> Option<&'static Self> {
        let name = dhcp.get("use_provider").filter(|_| dhcp.get("enabled") != Some(&json!(false)))?.as_str()?;
        PLUGINS.iter().find(|plugin| plugin.name == name)
    }

    /// The settings of the provider, of those in `dhcp.yml` and those in the plugin's own file.
    pub(super) fn settings(&self, dhcp: &Keys, own: &Keys) -> Keys {
        let same = self.keys.iter().filter_map(|(theirs, ours)| Some(((*ours).to_owned(), own.get(*theirs)?.clone())));
        same.chain((self.translate)(dhcp, own)).filter(|(_, value)| !value.is_null()).collect()
    }

    /// The keys of the plugin's own file that have no counterpart.
    pub(super) fn left<'a>(&self, own: &'a Keys) -> Vec<&'a str> {
        let is_taken = |key: &str| self.read.contains(&key) || self.keys.iter().any(|(theirs, _)| *theirs == key);
        own.keys().map(String::as_str).filter(|key| !is_taken(key)).collect()
    }
}

/// `server` is in `dhcp.yml`, and asked by HTTPS alone. Only subnets of one network view are found, `default` unless another
/// is named. The DNS view is that of host records.
fn infoblox(dhcp: &Keys, own: &Keys) -> Keys {
    let or_default = |key| own.get(key).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| json!("default"));
    let mut keys = Keys::from([("network_view".to_owned(), or_default("network_view"))]);
    keys.extend(url("https", dhcp.get("server")));
    if own.get("record_type") == Some(&json!("host")) {
        keys.insert("dns_view".to_owned(), or_default("dns_view"));
    }
    keys
}

fn bluecat(_: &Keys, own: &Keys) -> Keys {
    let scheme = own.get("scheme").and_then(Value::as_str).unwrap_or("https");
    let mut keys: Keys = url(scheme, own.get("host")).into_iter().collect();
    if own.get("verify") == Some(&json!(false)) {
        keys.insert("verify_tls".to_owned(), json!(false));
    }
    keys
}

fn url(scheme: &str, host: Option<&Value>) -> Option<(String, Value)> {
    let host = host?.as_str().filter(|host| !host.is_empty())?;
    let is_ipv6 = host.parse::<Ipv6Addr>().is_ok();
    let url = if is_ipv6 { format!("{scheme}://[{host}]") } else { format!("{scheme}://{host}") };
    Some(("url".to_owned(), url.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(value: Value) -> Keys {
        let Value::Object(keys) = value else { panic!("an object") };
        keys.into_iter().collect()
    }

    fn settings(dhcp: Value, own: Value) -> Value {
        let dhcp = keys(dhcp);
        json!(Plugin::chosen(&dhcp).expect("a plugin").settings(&dhcp, &keys(own)))
    }

    #[test]
    fn the_settings_for_infoblox_are_those_of_two_files() {
        let dhcp = json!({"enabled": "https", "use_provider": "dhcp_infoblox", "server": "grid.example.com"});
        let own = json!({
            "username": "admin", "password": "geheim", "record_type": "host", "network_view": null, "dns_view": "default.lab",
            "wait_after_restart": 10, "options": [],
        });
        assert_eq!(
            settings(dhcp.clone(), own.clone()),
            json!({
                "url": "https://grid.example.com", "user": "admin", "password": "geheim", "record_type": "host",
                "network_view": "default", "dns_view": "default.lab",
            })
        );
        assert_eq!(Plugin::chosen(&keys(dhcp)).expect("a plugin").left(&keys(own)), ["options", "wait_after_restart"]);
        // Without a server there is nothing to ask; a DNS view is for host records.
        let least = settings(
            json!({"use_provider": "dhcp_infoblox", "subnets": []}),
            json!({"username": "admin", "password": "geheim", "network_view": "Lab", "dns_view": "default"}),
        );
        assert_eq!(least, json!({"user": "admin", "password": "geheim", "network_view": "Lab"}));
    }

    #[test]
    fn the_settings_for_bluecat_are_in_its_own_file() {
        let own = json!({
            "scheme": "http", "verify": false, "host": "2001:db8::1", "parent_block": 7, "view_name": "internal",
            "config_id": 5, "config_name": "default", "server_id": 9, "username": "api", "password": "geheim",
        });
        let dhcp = json!({"use_provider": "dhcp_bluecat", "server": "127.0.0.1"});
        assert_eq!(
            settings(dhcp.clone(), own.clone()),
            json!({
                "url": "http://[2001:db8::1]", "user": "api", "password": "geheim", "configuration": "default",
                "view": "internal", "verify_tls": false,
            })
        );
        let left = ["config_id", "parent_block", "server_id"];
        assert_eq!(Plugin::chosen(&keys(dhcp.clone())).expect("a plugin").left(&keys(own)), left);
        let verified = settings(dhcp, json!({"scheme": "https", "verify": true, "host": "bam.example.com"}));
        assert_eq!(verified, json!({"url": "https://bam.example.com"}));
    }

    #[test]
    fn other_plugins_and_what_is_off_are_left_alone() {
        for dhcp in
            [json!({}), json!({"use_provider": "dhcp_isc"}), json!({"use_provider": "dhcp_infoblox", "enabled": false})]
        {
            assert!(Plugin::chosen(&keys(dhcp.clone())).is_none(), "{dhcp}");
        }
    }
}
