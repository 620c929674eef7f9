//! The management API: whether it is on, where it listens, and which client certificates may use it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipam_provider::GroupName;
use ipam_provider::settings::{Section, Setting};
use serde_json::Value;

use super::is_given;
use super::server::{BindHost, bind_hosts, port};
use crate::caller::{Grant, Role};

/// The name of the file, without its ending, and of the part of variables that stands for it.
pub(crate) const API: &str = "api";

/// Beside that of Foreman's HTTPS.
const PORT: u16 = 8444;

const CERTIFICATES: &str = "certificates";

/// Settings of `settings.d/api.yml`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Api {
    /// `bind_host` and `port`; `None` if the API is off.
    pub listener: Option<ApiListener>,
    /// `certificates`: whose client certificates may use it. Each name is there once, in lower case.
    pub certificates: Vec<ListedCertificate>,
}

/// Where the management API listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiListener {
    /// `bind_host`: where, never empty.
    pub bind: Vec<BindHost>,
    /// `port`: 0 is any free port.
    pub port: u16,
}

/// A client certificate that may use the management API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedCertificate {
    /// A name in it, in lower case.
    pub name: Arc<str>,
    /// What it may do.
    pub grant: Grant,
}

impl Api {
    /// `https`: are the files for TLS set? Without them the API is for this machine only.
    pub(super) fn read(section: &mut Section, https: bool) -> Self {
        let enabled = section.flag("enabled").unwrap_or(false);
        let right = "write '*', 'localhost', an IP address or a host name, or a list of these";
        let bind = section.read("bind_host", right, bind_hosts);
        if section.has("bind_host") && !is_given(section, "bind_host") {
            section.problem("bind_host", "is an empty text, which could mean every address or none", right);
        }
        let port = port(section, "port").unwrap_or(PORT);
        let certificates = certificates(section);
        if enabled && !https && !bind.as_deref().unwrap_or_default().iter().all(is_loopback) {
            section.problem(
                "bind_host",
                "lets other machines in without TLS",
                "set ssl_certificate, ssl_private_key and ssl_ca_file in settings.yml, or write 127.0.0.1",
            );
        }
        let default = if https { BindHost::All } else { BindHost::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)) };
        let bind = bind.unwrap_or_else(|| vec![default]);
        Self { listener: enabled.then_some(ApiListener { bind, port }), certificates }
    }
}

/// A name that every machine has for itself counts too.
fn is_loopback(host: &BindHost) -> bool {
    match host {
        BindHost::All => false,
        BindHost::Address(address) => address.is_loopback(),
        BindHost::Name(name) => name.eq_ignore_ascii_case("localhost"),
    }
}

fn certificates(section: &mut Section) -> Vec<ListedCertificate> {
    let right = "write a list, such as [{ name: netops.example.com, role: operator }]";
    let items = section.read(CERTIFICATES, right, |value| value.as_array().cloned()).unwrap_or_default();
    let mut listed: Vec<ListedCertificate> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(certificate) = certificate(section, index + 1, item) else { continue };
        if listed.iter().any(|other| other.name == certificate.name) {
            let what = format!("has a name twice, in entry {}", index + 1);
            section.problem(CERTIFICATES, what, "give each name one role, with all its groups");
        } else {
            listed.push(certificate);
        }
    }
    listed
}

fn certificate(section: &mut Section, number: usize, item: &Value) -> Option<ListedCertificate> {
    let Value::Object(keys) = item else {
        let what = format!("has an entry that is not a mapping, entry {number}");
        section.problem(CERTIFICATES, what, "write { name: netops.example.com, role: operator } for each entry");
        return None;
    };
    // Foreman's spelling of keys, as at the top of the file.
    let plain = |key: &String| key.strip_prefix(':').unwrap_or(key).to_owned();
    let keys = keys.iter().map(|(key, value)| (plain(key), Setting { value: value.clone(), origin: None }));
    let mut item = section.item(&format!("entry {number} of {CERTIFICATES}"), keys.collect::<BTreeMap<_, _>>());
    let right = "write a name in the certificate, such as netops.example.com";
    let name = item.read("name", right, |value| {
        let name = value.as_str()?.trim().trim_end_matches('.').to_ascii_lowercase();
        let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '/' || c == ',');
        is_name.then_some(name)
    });
    let name = item.required("name", name, right);
    let role = item.choice("role", &Role::ALL);
    let role = item.required("role", role, "write reader, operator or admin");
    let right = "list names of groups, such as ['Production'], or remove groups: the role counts everywhere then";
    let groups = item.read("groups", right, |value| {
        let names = value.as_array()?.iter().map(|name| name.as_str().and_then(GroupName::new));
        names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
    });
    if item.has("groups") && !is_given(&mut item, "groups") {
        item.problem("groups", "is empty, which could mean every group or none", right);
    }
    let is_sound = section.take_item(item);
    let grant = Grant { role: role?, groups: groups.map(Into::into) };
    is_sound.then_some(ListedCertificate { name: name?.into(), grant })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::testing::{faults, section};

    fn read(settings: Value, https: bool) -> (Api, String) {
        let mut section = section(settings);
        let api = Api::read(&mut section, https);
        (api, faults(section))
    }

    #[test]
    fn it_is_off_by_default_and_listens_on_a_port_of_its_own() {
        assert_eq!(read(json!({}), true).0.listener, None);
        let (api, faults) = read(json!({"enabled": true}), true);
        assert_eq!(api.listener, Some(ApiListener { bind: vec![BindHost::All], port: 8444 }));
        assert_eq!(faults, "");
    }

    #[test]
    fn without_tls_it_is_for_this_machine_only() {
        let (api, faults) = read(json!({"enabled": true, "port": 0}), false);
        let own = BindHost::Address(Ipv4Addr::LOCALHOST.into());
        assert_eq!((api.listener, faults.as_str()), (Some(ApiListener { bind: vec![own], port: 0 }), ""));
        for host in [json!("localhost"), json!(["127.0.0.2", "::1"])] {
            assert_eq!(read(json!({"enabled": true, "bind_host": host}), false).1, "");
        }
        for host in [json!("*"), json!("10.1.2.3"), json!(["127.0.0.1", "proxy.example.com"])] {
            let faults = read(json!({"enabled": true, "bind_host": host}), false).1;
            assert!(faults.starts_with("test.yml: bind_host lets other machines in without TLS; "), "{faults}");
            assert_eq!(read(json!({"bind_host": host}), false).1, "", "it is off");
        }
    }

    #[test]
    fn certificates_have_a_role_and_may_be_limited_to_groups() {
        let (api, faults) = read(
            json!({"certificates": [
                {"name": "NetOps.example.com.", "role": "operator", "groups": ["Production", "Lab & Test"]},
                {":name": "monitor.example.com", ":role": "reader"},
            ]}),
            true,
        );
        assert_eq!(faults, "");
        let shown = api.certificates.iter().map(|listed| format!("{}: {}", listed.name, listed.grant));
        assert_eq!(
            shown.collect::<Vec<_>>(),
            ["netops.example.com: the role operator in Production, Lab & Test", "monitor.example.com: the role reader"]
        );
    }

    #[test]
    fn an_entry_at_fault_gives_no_rights() {
        let (api, faults) = read(
            json!({"certificates": [
                "netops.example.com",
                {"role": "reader"},
                {"name": "a.example.com", "role": "root"},
                {"name": "b.example.com", "role": "admin", "groups": []},
                {"name": "c.example.com", "role": "admin", "groups": ""},
                {"name": "d.example.com", "role": "admin", "group": ["x"]},
                {"name": "e.example.com", "role": "reader"},
                {"name": "E.example.com", "role": "admin"},
            ]}),
            true,
        );
        assert_eq!(api.certificates.len(), 1);
        assert_eq!(api.certificates[0].grant, Grant::everywhere(Role::Reader));
        insta::assert_snapshot!(faults, @r"
        test.yml: certificates has an entry that is not a mapping, entry 1; write { name: netops.example.com, role: operator } for each entry
        test.yml: entry 2 of certificates: name is missing; write a name in the certificate, such as netops.example.com
        test.yml: entry 3 of certificates: role has a value that cannot be used; write one of: reader, operator, admin
        test.yml: entry 4 of certificates: groups has a value that cannot be used; list names of groups, such as ['Production'], or remove groups: the role counts everywhere then
        test.yml: entry 5 of certificates: groups is empty, which could mean every group or none; list names of groups, such as ['Production'], or remove groups: the role counts everywhere then
        test.yml: entry 6 of certificates: group is not a setting; did you mean groups?
        test.yml: certificates has a name twice, in entry 8; give each name one role, with all its groups
        ");
    }
}
