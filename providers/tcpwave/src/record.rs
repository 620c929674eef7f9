//! What is written of an address and read back: name and domain, MAC, description with the mark of ownership.
//!
//! A value that TCPWave would refuse is shortened or left out, so that it costs nobody a host.

use std::net::Ipv4Addr;

use ipam_provider::{Annotation, Filling, GroupName, Requester, Reservation, Subnet};
use serde_json::{Map, Value};

use crate::Settings;
use crate::settings::is_label;
use crate::vendor::WHAT;
use crate::wire::{NewObject, ObjectRow, WholeObject};

/// A longer description is cut. What TCPWave allows is not documented.
const DESCRIPTION_AT_MOST: usize = 255;

/// The name of an object whose host has none. TCPWave's own automation of AWS makes the same.
pub(crate) fn derived_name(address: Ipv4Addr) -> String {
    format!("ip-{}", address.to_string().replace('.', "-"))
}

/// The object of an address that is to be added to a subnet.
pub(crate) fn new(
    settings: &Settings,
    organization: &GroupName,
    subnet: &Subnet,
    address: Ipv4Addr,
    by: &Requester,
) -> NewObject {
    let domain = &settings.domain;
    let hostname = by.hostname_for(WHAT, address.into(), |name| label(name, domain).is_some());
    let name = hostname.and_then(|name| label(name, domain));
    let [addr1, addr2, addr3, addr4] = address.octets().map(|octet| octet.to_string());
    let dns = settings.update_dns;
    NewObject {
        organization_name: organization.to_string(),
        name: name.map_or_else(|| derived_name(address), str::to_owned),
        domain_name: domain.clone(),
        address: address.to_string(),
        addr1,
        addr2,
        addr3,
        addr4,
        subnet_address: subnet.prefix.network().to_string(),
        class_code: settings.object_type.clone(),
        alloc_type: 1,
        mac: by.mac.filter(|mac| !mac.is_infiniband()).map(|mac| mac.to_string()),
        description: settings.description.fill(Filling { by, address: address.into(), subnet }, DESCRIPTION_AT_MOST),
        update_ns_a: dns,
        update_ns_ptr: dns,
        dyn_update_rrs_a: dns,
        dyn_update_rrs_ptr: dns,
        dyn_update_rrs_cname: dns,
        dyn_update_rrs_mx: dns,
    }
}

/// What changes in an object; all else stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) name: Option<String>,
    pub(crate) mac: Option<String>,
    pub(crate) description: Option<String>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an object of ours does not have yet of what is known of its host.
pub(crate) fn changes(
    settings: &Settings,
    row: &ObjectRow,
    note: &Annotation,
    (subnet, address): (&Subnet, Ipv4Addr),
) -> Changes {
    let recorded = reservation(settings, address, row);
    let new = note.besides(&recorded);
    let at = (subnet, address.into());
    let hostname = new.hostname_for(WHAT, address.into(), |name| label(name, &settings.domain).is_some());
    Changes {
        name: hostname.and_then(|name| label(name, &settings.domain)).map(str::to_owned),
        mac: new.mac.filter(|mac| !mac.is_infiniband()).map(|mac| mac.to_string()),
        description: settings.description.annotated(&recorded, note, at, DESCRIPTION_AT_MOST),
    }
}

/// The object as `object/edit` gets it: everything that the list shows of it, but for what changes. Keys that name the object
/// are added where the list leaves them out, and what lists write for people is written as `object/add` has it.
pub(crate) fn changed(
    settings: &Settings,
    object: &WholeObject,
    (organization, subnet, address): (&GroupName, &Subnet, Ipv4Addr),
    changes: &Changes,
) -> Map<String, Value> {
    let mut whole = object.whole.clone();
    let mut name_of_it = vec![
        ("organization_name", organization.to_string()),
        ("subnet_address", subnet.prefix.network().to_string()),
        ("address", address.to_string()),
    ];
    let octets = address.octets().map(|octet| octet.to_string());
    name_of_it.extend(["addr1", "addr2", "addr3", "addr4"].into_iter().zip(octets));
    for (key, value) in name_of_it {
        let known = whole.entry(key).or_insert(Value::Null);
        if known.is_null() {
            *known = value.into();
        }
    }
    if whole.get("alloc_type").and_then(Value::as_str).is_some_and(|text| text.eq_ignore_ascii_case("static")) {
        whole.insert("alloc_type".to_owned(), 1.into());
    }
    let domain = object.row.domain_name.as_deref().unwrap_or_default().trim_end_matches('.');
    let shown = object.row.name.as_deref().unwrap_or_default().trim_end_matches('.');
    let name = changes.name.as_deref().or_else(|| label(shown, domain));
    let domain = changes.name.as_ref().map(|_| settings.domain.as_str());
    let new = [
        ("name", name),
        ("domain_name", domain),
        ("mac", changes.mac.as_deref()),
        ("description", changes.description.as_deref()),
    ];
    whole.extend(new.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))));
    whole
}

/// The name of an object for a host: what is before the domain, or a name without one. `None` for a name in another
/// domain, whose records would be made in this one, and for what is no label.
fn label<'a>(hostname: &'a str, domain: &str) -> Option<&'a str> {
    let at = hostname.len().checked_sub(domain.len() + 1).filter(|at| hostname.is_char_boundary(*at));
    let is_in_domain = |rest: &str| rest.strip_prefix('.').is_some_and(|rest| rest.eq_ignore_ascii_case(domain));
    let name =
        at.map(|at| hostname.split_at(at)).filter(|(_, rest)| is_in_domain(rest)).map_or(hostname, |(name, _)| name);
    is_label(name).then_some(name)
}

/// What an object says.
pub(crate) fn reservation(settings: &Settings, address: Ipv4Addr, row: &ObjectRow) -> Reservation {
    Reservation {
        mac: row.mac.as_deref().and_then(|mac| mac.parse().ok()),
        hostname: hostname(address, row),
        description: Some(row.description.clone().unwrap_or_default()),
        ours: is_ours(settings, row),
    }
}

/// Does the description begin with the mark?
pub(crate) fn is_ours(settings: &Settings, row: &ObjectRow) -> bool {
    row.description.as_deref().is_some_and(|description| settings.description.is_ours(description))
}

/// Name and domain, unless the name was made of the address. Some of TCPWave's lists show the whole name, with a dot at
/// its end.
fn hostname(address: Ipv4Addr, row: &ObjectRow) -> Option<String> {
    let without_end = |text: &Option<String>| text.as_deref().unwrap_or_default().trim_end_matches('.').to_owned();
    let (name, domain) = (without_end(&row.name), without_end(&row.domain_name));
    let is_whole = domain.is_empty() || name.ends_with(&format!(".{domain}"));
    let label = if is_whole { name.strip_suffix(&format!(".{domain}")).unwrap_or(&name) } else { &name };
    if label.is_empty() || label == derived_name(address) {
        return None;
    }
    Some(if is_whole { name } else { format!("{name}.{domain}") })
}

#[cfg(test)]
mod tests {
    use ipam_provider::testing::read_settings;
    use ipam_provider::{AddressSpace, RecordId};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
    const MAC: &str = "02:00:5e:00:53:aa";

    fn settings(more: Value) -> Settings {
        let mut all = json!({"url": "https://t.example.com", "domain": "example.com", "session_token": "t"});
        let (Value::Object(known), Value::Object(more)) = (&mut all, more) else { panic!("objects") };
        known.extend(more);
        read_settings(all, Settings::read).0.expect("settings")
    }

    fn object(settings: &Settings, hostname: &str, mac: &str) -> NewObject {
        let organization = GroupName::new("Internal").expect("a name");
        let subnet = Subnet {
            id: RecordId::new(101),
            prefix: "192.0.2.0/24".parse().expect("a prefix"),
            group: Some(organization.clone()),
            space: AddressSpace::new("Internal"),
            description: String::new(),
            pool: false,
        };
        let by = Requester { mac: mac.parse().ok(), hostname: Some(hostname.to_owned()), ..Requester::default() };
        new(settings, &organization, &subnet, ADDRESS, &by)
    }

    #[test]
    fn an_object_has_the_keys_of_the_vendors_client() {
        let object = object(&settings(json!({})), "Web.Example.COM", MAC);
        let expected = json!({
            "organization_name": "Internal", "name": "Web", "address": "192.0.2.9", "addr1": "192", "addr2": "0",
            "addr3": "2", "addr4": "9", "class_code": "Others", "domain_name": "example.com", "alloc_type": 1,
            "mac": MAC, "subnet_address": "192.0.2.0", "update_ns_a": true, "update_ns_ptr": true,
            "dyn_update_rrs_a": true, "dyn_update_rrs_ptr": true, "dyn_update_rrs_cname": true, "dyn_update_rrs_mx": true,
            "description": format!("foreman-ipam-proxy: Web.Example.COM {MAC}"),
        });
        assert_eq!(serde_json::to_value(object).expect("JSON"), expected);
    }

    #[test]
    fn dns_is_left_alone_where_the_settings_say_so() {
        let object = serde_json::to_value(object(&settings(json!({"update_dns": false})), "web", "")).expect("JSON");
        let flags: Vec<_> =
            object.as_object().expect("an object").values().filter(|value| value.is_boolean()).collect();
        assert_eq!(flags, vec![&json!(false); 6]);
        assert_eq!(object["mac"], Value::Null);
    }

    #[test]
    fn a_host_without_a_name_for_the_domain_gets_one_from_its_address() {
        for name in ["", "web.other.org", "web.lab.example.com", "*.example.com", "a b", "zürich", "example.com", "-a"]
        {
            assert_eq!(object(&settings(json!({})), name, MAC).name, "ip-192-0-2-9", "{name:?}");
        }
        for name in ["web", "web.example.com", "web.EXAMPLE.com"] {
            assert_eq!(object(&settings(json!({})), name, MAC).name, "web", "{name:?}");
        }
    }

    #[test]
    fn an_infiniband_mac_is_only_in_the_description() {
        let mac = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1";
        let object = object(&settings(json!({})), "ib0", mac);
        assert_eq!(object.mac, None);
        assert!(object.description.contains(mac));
    }

    #[test]
    fn a_long_description_is_cut_and_the_mark_is_not() {
        let object = object(&settings(json!({"description": "ä".repeat(300)})), "web", MAC);
        assert_eq!(object.description.chars().count(), 255);
        assert!(object.description.starts_with("foreman-ipam-proxy: ää"));
    }

    fn read(row: Value) -> Reservation {
        reservation(&settings(json!({})), ADDRESS, &serde_json::from_value(row).expect("a row"))
    }

    #[test]
    fn a_name_is_read_with_and_without_its_domain() {
        let hostname = |name: &str, domain: Value| read(json!({"name": name, "domain_name": domain})).hostname;
        for (name, domain, whole) in [
            ("web", json!("example.com"), "web.example.com"),
            ("web.example.com.", json!("example.com"), "web.example.com"),
            ("web.example.com", json!("example.com."), "web.example.com"),
            ("web", json!(null), "web"),
        ] {
            assert_eq!(hostname(name, domain).as_deref(), Some(whole), "{name}");
        }
        for (name, domain) in [
            ("ip-192-0-2-9", json!("example.com")),
            ("ip-192-0-2-9.example.com.", json!("example.com")),
            ("", json!("example.com")),
        ] {
            assert_eq!(hostname(name, domain), None, "{name}");
        }
        assert!(hostname("ip-192-0-2-10", json!("example.com")).is_some(), "of another address");
    }

    #[test]
    fn only_a_description_that_begins_with_the_mark_is_ours() {
        assert!(read(json!({"name": "web", "description": "foreman-ipam-proxy: web"})).ours);
        for other in [json!("web"), json!("not foreman-ipam-proxy"), json!(null)] {
            assert!(!read(json!({"name": "web", "description": other})).ours);
        }
    }

    proptest! {
        #[test]
        fn the_name_of_an_object_is_a_label_whatever_the_host_is_called(name in ".{0,300}") {
            let object = object(&settings(json!({})), &name, "");
            prop_assert!(is_label(&object.name), "{}", object.name);
        }

        #[test]
        fn a_host_in_the_domain_is_read_as_it_was_written(name in "[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?") {
            prop_assume!(name != derived_name(ADDRESS));
            let object = object(&settings(json!({})), &format!("{name}.example.com"), "");
            let row = json!({"name": object.name, "domain_name": object.domain_name});
            prop_assert_eq!(read(row).hostname, Some(format!("{name}.example.com")));
        }
    }
}
