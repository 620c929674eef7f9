//! What is recorded of an address, and what is read back from it.

use std::net::IpAddr;

use ipam_provider::settings::Section;
use ipam_provider::{Annotation, CustomFields, Description, Filling, Requester, Reservation, Subnet};

use crate::vendor::WHAT;
use crate::wire::{Address, AddressChanges, NewAddress, Related};

/// NetBox refuses a longer description (400).
const DESCRIPTION_AT_MOST: usize = 200;

/// NetBox refuses a longer name (400).
const DNS_NAME_AT_MOST: usize = 255;

/// What the settings say about records of addresses.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    /// `None` for NetBox's default.
    pub(crate) status: Option<String>,
    /// The slug of a tenant.
    pub(crate) tenant: Option<String>,
    /// Slugs of tags.
    pub(crate) tags: Vec<String>,
    pub(crate) custom_fields: CustomFields,
    pub(crate) description: Description,
}

/// Where a new address is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The subnet, for its length and the description.
    pub(crate) subnet: &'a Subnet,
    /// The id of its VRF; `None` in the global table.
    pub(crate) vrf: Option<u64>,
    /// The id of the tenant that the address inherits.
    pub(crate) tenant: Option<u64>,
}

impl Records {
    /// Reads the section; faults are noted in it.
    pub(crate) fn read(section: &mut Section) -> Self {
        let description = Description::read(section);
        let tags = section.list("tags").unwrap_or_default();
        if !tags.iter().all(|tag| is_slug(tag)) {
            section.problem("tags", "has what is no slug", "write the slugs of tags that exist in NetBox");
        }
        let tenant = section.read("tenant", "write the slug of a tenant that exists in NetBox", |value| {
            value.as_str().filter(|slug| is_slug(slug)).map(str::to_owned)
        });
        let status = section.text("status");
        Self { status, tenant, tags, custom_fields: CustomFields::read(section, is_slug), description }
    }

    /// The record of an address in a place. What NetBox would refuse is left out: a host must not fail for it.
    pub(crate) fn address(&self, place: Place<'_>, address: IpAddr, by: &Requester) -> NewAddress<'_> {
        let hostname = by.hostname_for(WHAT, address, is_dns_name);
        NewAddress {
            address: Some(format!("{address}/{}", place.subnet.prefix.length())),
            vrf: place.vrf,
            dns_name: hostname.map(str::to_ascii_lowercase),
            description: self.description.fill(Filling { by, address, subnet: place.subnet }, DESCRIPTION_AT_MOST),
            tenant: self.tenant.as_deref().map(Related::Slug).or(place.tenant.map(Related::Id)),
            custom_fields: self.custom_fields.fill(address, by.mac),
            ..self.blank()
        }
    }

    /// What a record of ours does not have yet of what is known of its host.
    pub(crate) fn changes(
        &self,
        record: &Address,
        note: &Annotation,
        (subnet, address): (&Subnet, IpAddr),
    ) -> AddressChanges {
        let recorded = self.reservation_of(record);
        let new = note.besides(&recorded);
        AddressChanges {
            dns_name: new.hostname_for(WHAT, address, is_dns_name).map(str::to_ascii_lowercase),
            description: self.description.annotated(&recorded, note, (subnet, address), DESCRIPTION_AT_MOST),
            custom_fields: self.custom_fields.mac(address, new.mac),
        }
    }

    /// A record without an address, which NetBox refuses whatever else is in it: shows which of the settings it knows.
    pub(crate) fn blank(&self) -> NewAddress<'_> {
        NewAddress {
            address: None,
            vrf: None,
            status: self.status.as_deref(),
            dns_name: None,
            description: self.description.mark().to_owned(),
            tenant: self.tenant.as_deref().map(Related::Slug),
            tags: self.tags.iter().map(|tag| Related::Slug(tag)).collect(),
            custom_fields: self.custom_fields.fixed().clone(),
        }
    }

    /// Does the record begin with our mark?
    pub(crate) fn is_ours(&self, record: &Address) -> bool {
        self.description.is_ours(&record.description)
    }

    /// What the records of one address say; `None` without records. There can be several where a VRF does not enforce
    /// unique addresses: then it is ours only if all are.
    pub(crate) fn reservation(&self, records: &[Address]) -> Option<Reservation> {
        let first = self.reservation_of(records.first()?);
        Some(Reservation { ours: records.iter().all(|record| self.is_ours(record)), ..first })
    }

    /// What one record says.
    fn reservation_of(&self, record: &Address) -> Reservation {
        Reservation {
            mac: self.custom_fields.mac_of(&record.custom_fields),
            hostname: Some(record.dns_name.clone()).filter(|name| !name.is_empty()),
            description: Some(record.description.clone()),
            ours: self.is_ours(record),
        }
    }
}

/// Names of custom fields are made of the same letters.
fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Does NetBox take the host name? The rule is that of `ipam/validators.py`: labels of letters, digits, `_` and `-`, of
/// which the first may be `*`, and perhaps a dot at the end.
fn is_dns_name(hostname: &str) -> bool {
    let mut labels = hostname.strip_suffix('.').unwrap_or(hostname).split('.');
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    let is_name = labels.next().is_some_and(|first| first == "*" || is_label(first)) && labels.all(is_label);
    is_name && hostname.len() <= DNS_NAME_AT_MOST
}

#[cfg(test)]
mod tests {
    use ipam_provider::testing::read_settings;
    use ipam_provider::{AddressSpace, GroupName, RecordId};
    use serde_json::{Value, json};

    use super::*;

    fn records(settings: Value) -> Records {
        let (records, faults) = read_settings(settings, Records::read);
        assert_eq!(faults, [""; 0]);
        records
    }

    /// With everything that can be set.
    fn full(description: &str) -> Records {
        records(json!({
            "status": "dhcp", "tags": ["foreman"], "mac_field": "mac", "custom_fields": {"team": "linux"},
            "description": description, "mark": "proxy",
        }))
    }

    fn subnet() -> Subnet {
        Subnet {
            id: RecordId::new(7),
            prefix: "10.1.2.0/24".parse().expect("a prefix"),
            group: GroupName::new("blue"),
            space: AddressSpace::new("vrf 3"),
            description: String::new(),
            pool: false,
        }
    }

    fn written(records: &Records, by: &Requester) -> Value {
        let subnet = subnet();
        let place = Place { subnet: &subnet, vrf: Some(3), tenant: Some(9) };
        serde_json::to_value(records.address(place, [10, 1, 2, 5].into(), by)).expect("JSON")
    }

    fn requester(mac: &str, hostname: &str) -> Requester {
        Requester {
            mac: Some(mac.parse().expect("a MAC")),
            hostname: Some(hostname.to_owned()),
            ..Requester::default()
        }
    }

    #[test]
    fn an_address_is_recorded_with_the_length_of_its_subnet_and_all_that_is_known() {
        let by = requester("02:00:5E:00:53:01", "Web.Example.com");
        assert_eq!(
            written(&full("{hostname} {mac}"), &by),
            json!({
                "address": "10.1.2.5/24", "vrf": 3, "status": "dhcp", "dns_name": "web.example.com",
                "description": "proxy: Web.Example.com 02:00:5e:00:53:01", "tenant": {"id": 9},
                "tags": [{"slug": "foreman"}], "custom_fields": {"team": "linux", "mac": "02:00:5e:00:53:01"},
            })
        );
    }

    #[test]
    fn what_is_not_set_is_left_to_netbox() {
        let records = records(json!({"tenant": "acme", "mark": "proxy"}));
        assert_eq!(
            written(&records, &Requester::default()),
            json!({"address": "10.1.2.5/24", "vrf": 3, "description": "proxy", "tenant": {"slug": "acme"}})
        );
    }

    #[test]
    fn what_netbox_would_refuse_is_left_out_or_cut() {
        let infiniband = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1";
        let body = written(&full("{hostname} {mac}"), &requester(infiniband, "büro.example.com"));
        assert_eq!(body.get("dns_name"), None);
        assert_eq!(body["custom_fields"], json!({"team": "linux"}));
        let body = written(&full("{hostname}"), &requester(infiniband, &"ä".repeat(300)));
        let description = body["description"].as_str().expect("text");
        assert_eq!(description.chars().count(), 200);
        assert!(description.starts_with("proxy: ää"));
        let body = written(&full("{hostname}"), &requester(infiniband, "a\0b"));
        assert_eq!(body["description"], json!("proxy: ab"));
    }

    #[test]
    fn names_are_what_netbox_takes() {
        for name in ["web", "Web-1.example.com", "_a.b_c.example.com", "*.example.com", "a.example.com.", "10"] {
            assert!(is_dns_name(name), "{name}");
        }
        let long = ["a"; 129].join(".");
        for name in ["", ".", "bad name", "bücher.example.com", "a..b", "a.*", "*a", "a/b", long.as_str()] {
            assert!(!is_dns_name(name), "{name}");
        }
    }

    #[test]
    fn only_a_description_that_begins_with_the_mark_is_ours() {
        let record = |description: &str| -> Address {
            serde_json::from_value(json!({"id": 1, "address": "10.1.2.5/24", "vrf": null, "description": description}))
                .expect("an address")
        };
        let records = full("{hostname}");
        for ours in ["proxy", "proxy: web", "proxy:"] {
            assert!(records.is_ours(&record(ours)), "{ours}");
        }
        for other in ["", "proxy2: web", "my proxy: web", "proxyserver", "Proxy: web", "proxy web"] {
            assert!(!records.is_ours(&record(other)), "{other}");
        }
        let both = [record("proxy: a"), record("other")];
        assert!(!records.reservation(&both).expect("two records").ours);
        assert!(records.reservation(&both[..1]).expect("one record").ours);
        assert_eq!(records.reservation(&[]), None);
    }
}
