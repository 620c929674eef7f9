//! What is written of an address and read back: host name, description with the mark of ownership, MAC.
//!
//! A value that Nautobot would refuse is shortened or left out, so that it costs nobody a host.

use std::net::IpAddr;

use ipam_provider::{Annotation, Filling, Requester, Reservation, Subnet};

use crate::Settings;
use crate::vendor::WHAT;
use crate::wire::{AddressChanges, AddressRow, Named, NewAddress};

/// A longer description is refused: `Ensure this field has no more than 255 characters.`
const DESCRIPTION_AT_MOST: usize = 255;

/// A longer `dns_name` is refused.
const DNS_NAME_AT_MOST: usize = 255;

/// The record of an address that is to be added to a subnet, which is in the namespace of this id.
pub(crate) fn new(
    settings: &Settings,
    namespace: &str,
    subnet: &Subnet,
    address: IpAddr,
    by: &Requester,
) -> NewAddress {
    NewAddress {
        address: format!("{address}/{}", subnet.prefix.length()),
        namespace: namespace.to_owned(),
        parent: Some(subnet.id.to_string()),
        status: settings.status.clone(),
        description: settings.description.fill(Filling { by, address, subnet }, DESCRIPTION_AT_MOST),
        dns_name: by.hostname_for(WHAT, address, is_dns_name).map(str::to_ascii_lowercase),
        tags: settings.tags.iter().map(|name| Named { name: name.clone() }).collect(),
        tenant: settings.tenant.as_ref().map(|name| Named { name: name.clone() }),
        custom_fields: settings.custom_fields.fill(address, by.mac),
    }
}

/// What a record says.
pub(crate) fn reservation(settings: &Settings, row: &AddressRow) -> Reservation {
    Reservation {
        mac: settings.custom_fields.mac_of(&row.custom_fields),
        hostname: Some(row.dns_name.clone()).filter(|name| !name.is_empty()),
        description: Some(row.description.clone()),
        ours: is_ours(settings, row),
    }
}

/// What a record of ours does not have yet of what is known of its host.
pub(crate) fn changes(
    settings: &Settings,
    row: &AddressRow,
    note: &Annotation,
    (subnet, address): (&Subnet, IpAddr),
) -> AddressChanges {
    let recorded = reservation(settings, row);
    let new = note.besides(&recorded);
    let mut custom_fields = settings.custom_fields.mac(address, new.mac);
    // Nautobot drops a field that it does not know, so that it would be written again each time.
    custom_fields.retain(|key, _| row.custom_fields.contains_key(key));
    AddressChanges {
        description: settings.description.annotated(&recorded, note, (subnet, address), DESCRIPTION_AT_MOST),
        dns_name: new.hostname_for(WHAT, address, is_dns_name).map(str::to_ascii_lowercase),
        custom_fields,
    }
}

/// Does the description begin with the mark?
pub(crate) fn is_ours(settings: &Settings, row: &AddressRow) -> bool {
    settings.description.is_ours(&row.description)
}

/// Does Nautobot take the host name? It refuses others: `Only alphanumeric characters, hyphens, periods, and underscores
/// are allowed in DNS names`; unlike NetBox no `*`.
fn is_dns_name(hostname: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=DNS_NAME_AT_MOST).contains(&hostname.len()) && hostname.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ipam_provider::settings::{Section, Setting};
    use ipam_provider::{AddressSpace, GroupName, RecordId};
    use serde_json::json;

    use super::*;

    fn settings(description: &str) -> Settings {
        let values = [
            ("url", json!("https://n.example.com")),
            ("token", json!("t")),
            ("description", json!(description)),
            ("mac_field", json!("mac")),
            ("custom_fields", json!({"source": "foreman"})),
        ];
        let values = values.map(|(key, value)| (key.to_owned(), Setting { value, origin: None }));
        Settings::read(&mut Section::new("x.yml", BTreeMap::from(values))).expect("settings")
    }

    fn record(description: &str, hostname: &str, mac: &str) -> NewAddress {
        let subnet = Subnet {
            id: RecordId::new("3a65b43b-0468-4395-a0c7-457014cf53e0"),
            prefix: "10.1.13.0/24".parse().expect("a prefix"),
            group: GroupName::new("Global"),
            space: AddressSpace::new("n"),
            description: String::new(),
            pool: false,
        };
        let by = Requester { mac: mac.parse().ok(), hostname: Some(hostname.to_owned()), ..Requester::default() };
        new(&settings(description), "n", &subnet, [10, 1, 13, 9].into(), &by)
    }

    const MAC: &str = "02:00:5e:00:53:aa";

    #[test]
    fn a_record_has_mask_name_mac_and_mark() {
        let record = record("Foreman {hostname} {mac}", "Web.Example.COM", MAC);
        assert_eq!((record.address.as_str(), record.namespace.as_str()), ("10.1.13.9/24", "n"));
        assert_eq!(record.parent.as_deref(), Some("3a65b43b-0468-4395-a0c7-457014cf53e0"));
        assert_eq!(record.dns_name.as_deref(), Some("web.example.com"));
        assert_eq!(record.description, "foreman-ipam-proxy: Foreman Web.Example.COM 02:00:5e:00:53:aa");
        assert_eq!((record.custom_fields["mac"].as_str(), record.custom_fields.len()), (Some(MAC), 2));
    }

    #[test]
    fn a_long_description_is_cut_and_the_mark_is_not() {
        let record = record(&"ä".repeat(300), "web", MAC);
        assert_eq!(record.description.chars().count(), 255);
        assert!(record.description.starts_with("foreman-ipam-proxy: ää"));
    }

    #[test]
    fn a_description_of_nothing_known_is_the_mark() {
        assert_eq!(record("{group} {mac}", "web", "").description, "foreman-ipam-proxy: Global");
        assert_eq!(record("{mac}", "web", "").description, "foreman-ipam-proxy");
        assert_eq!(record("{hostname}", "a\0b\u{7f}", "").description, "foreman-ipam-proxy: ab");
    }

    #[test]
    fn a_host_name_that_is_no_dns_name_is_left_out() {
        for name in ["*.example.com", "a b", "zürich", "", "a\n", &"a".repeat(256)] {
            assert_eq!(record("x", name, MAC).dns_name, None, "{name:?}");
        }
        for name in ["a_b-c.example.com", "example.com.", &"a".repeat(255)] {
            assert_eq!(record("x", name, MAC).dns_name.as_deref(), Some(name));
        }
    }

    #[test]
    fn an_infiniband_mac_is_only_in_the_description() {
        let mac = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1";
        let record = record("Foreman {mac}", "ib0", mac);
        assert_eq!(record.custom_fields.keys().collect::<Vec<_>>(), ["source"]);
        assert!(record.description.contains(mac));
    }

    #[test]
    fn only_a_description_that_begins_with_the_mark_is_ours() {
        let settings = settings("x");
        let is_marked = |description: &str| {
            let row = json!({
                "id": "i", "address": "10.1.13.9/24", "parent": {"id": "p"}, "dns_name": "", "custom_fields": {},
                "description": description,
            });
            is_ours(&settings, &serde_json::from_value(row).expect("a row"))
        };
        for ours in ["foreman-ipam-proxy", "foreman-ipam-proxy: web, ticket 5", "foreman-ipam-proxy:web"] {
            assert!(is_marked(ours), "{ours}");
        }
        for other in ["", "web", "not foreman-ipam-proxy", "foreman-ipam-proxy-b: web", "Foreman-ipam-proxy: web"] {
            assert!(!is_marked(other), "{other}");
        }
    }
}
