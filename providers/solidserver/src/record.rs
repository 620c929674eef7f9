//! What is written of an address and read back: host name, MAC, class parameters, among them the description with the mark
//! of ownership.
//!
//! A value that SOLIDserver would refuse is shortened or left out, so that it costs nobody a host.

use std::net::IpAddr;

use form_urlencoded::{Serializer, parse};
use ipam_provider::{Annotation, Filling, Requester, Reservation, Subnet};

use crate::Settings;
use crate::vendor::{Family, WHAT};
use crate::wire::AddressRow;

/// How long a class parameter may be is not documented; short ones may be 128 characters (recorded of other texts).
const DESCRIPTION_AT_MOST: usize = 255;

/// The parameters that add an address to the space of this id.
pub(crate) fn new(
    settings: &Settings,
    space: &str,
    subnet: &Subnet,
    address: IpAddr,
    by: &Requester,
) -> Vec<(&'static str, String)> {
    let family = Family::of(address.is_ipv6());
    let mut record = vec![("site_id", space.to_owned()), ("hostaddr", address.to_string())];
    if let Some(name) = by.hostname_for(WHAT, address, is_dns_name) {
        record.push((family.address_name, name.to_owned()));
    }
    if let Some(mac) = by.mac.filter(|mac| !mac.is_infiniband()) {
        record.extend(family.macs.iter().map(|field| (*field, mac.to_string())));
    }
    record.extend(settings.class_name.as_ref().map(|name| (family.class_name, name.clone())));
    let description = settings.description.fill(Filling { by, address, subnet }, DESCRIPTION_AT_MOST);
    let mut parameters = Serializer::new(String::new());
    parameters.extend_pairs(&settings.class_parameters).append_pair(&settings.description_parameter, &description);
    record.push((family.class_parameters, parameters.finish()));
    record
}

/// The parameters that a record of ours does not have yet of what is known of its host. Of the class parameters the
/// description alone is changed; all are sent, because they may be replaced as a whole.
pub(crate) fn changes(
    settings: &Settings,
    row: &AddressRow,
    note: &Annotation,
    (subnet, address): (&Subnet, IpAddr),
) -> Vec<(&'static str, String)> {
    let family = Family::of(address.is_ipv6());
    let recorded = reservation(settings, row);
    let new = note.besides(&recorded);
    let mut changes = Vec::new();
    if let Some(name) = new.hostname_for(WHAT, address, is_dns_name) {
        changes.push((family.address_name, name.to_owned()));
    }
    if let Some(mac) = new.mac.filter(|mac| !mac.is_infiniband()) {
        changes.extend(family.macs.iter().map(|field| (*field, mac.to_string())));
    }
    if let Some(text) = settings.description.annotated(&recorded, note, (subnet, address), DESCRIPTION_AT_MOST) {
        let mut parameters = Serializer::new(String::new());
        for (key, value) in parse(row.class_parameters.as_bytes()) {
            let is_description = *key == settings.description_parameter;
            parameters.append_pair(&key, if is_description { &text } else { &value });
        }
        changes.push((family.class_parameters, parameters.finish()));
    }
    changes
}

/// What a record says.
pub(crate) fn reservation(settings: &Settings, row: &AddressRow) -> Reservation {
    let description = description(settings, row);
    Reservation {
        mac: row.mac.parse().ok(),
        hostname: Some(row.name.clone()).filter(|name| !name.is_empty()),
        ours: settings.description.is_ours(&description),
        description: Some(description),
    }
}

/// Does the description begin with the mark?
pub(crate) fn is_ours(settings: &Settings, row: &AddressRow) -> bool {
    settings.description.is_ours(&description(settings, row))
}

fn description(settings: &Settings, row: &AddressRow) -> String {
    let mut parameters = parse(row.class_parameters.as_bytes());
    let found = parameters.find(|(key, _)| *key == settings.description_parameter);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Names of addresses are host names; which characters SOLIDserver refuses is not documented, so that only these are sent.
fn is_dns_name(hostname: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    hostname.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use ipam_provider::testing::read_settings;
    use ipam_provider::{AddressSpace, GroupName, RecordId};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn settings(description: &str) -> Settings {
        let all = json!({
            "url": "https://sds.example.com", "user": "u", "password": "p", "description": description,
            "class_name": "host", "class_parameters": {"dhcpstatic": 1, "team": "a&b=c"},
        });
        read_settings(all, Settings::read).0.expect("settings")
    }

    fn record(settings: &Settings, address: &str, by: &Requester) -> Vec<(&'static str, String)> {
        let subnet = Subnet {
            id: RecordId::new(142),
            prefix: "192.0.2.0/24".parse().expect("a prefix"),
            group: GroupName::new("lab"),
            space: AddressSpace::new(12),
            description: String::new(),
            pool: false,
        };
        new(settings, "12", &subnet, address.parse().expect("an address"), by)
    }

    fn row(class_parameters: &str) -> AddressRow {
        AddressRow {
            id: "1".to_owned(),
            space_id: "12".to_owned(),
            space_name: "lab".to_owned(),
            address: [192, 0, 2, 9].into(),
            name: String::new(),
            mac: "EIP:c00002090000".to_owned(),
            class_parameters: class_parameters.to_owned(),
        }
    }

    #[test]
    fn a_record_has_name_mac_class_and_mark() {
        let mac = "02:00:5e:00:53:aa".parse().ok();
        let by = Requester { mac, hostname: Some("web.example.com".to_owned()), ..Requester::default() };
        let expected = |name, macs: &[&'static str], class: &'static str, parameters, address: &str| {
            let mut all = vec![("site_id", "12".to_owned()), ("hostaddr", address.to_owned())];
            all.push((name, "web.example.com".to_owned()));
            all.extend(macs.iter().map(|field| (*field, "02:00:5e:00:53:aa".to_owned())));
            all.push((class, "host".to_owned()));
            let text = "dhcpstatic=1&team=a%26b%3Dc&description=foreman-ipam-proxy%3A+web.example.com";
            all.push((parameters, text.to_owned()));
            all
        };
        let settings = settings("{hostname}");
        assert_eq!(
            record(&settings, "192.0.2.9", &by),
            expected("name", &["mac_addr"], "ip_class_name", "ip_class_parameters", "192.0.2.9")
        );
        assert_eq!(
            record(&settings, "2001:db8::9", &by),
            expected(
                "ip6_name",
                &["mac_addr", "ip6_mac_addr"],
                "ip6_class_name",
                "ip6_class_parameters",
                "2001:db8::9"
            )
        );
    }

    #[test]
    fn what_solidserver_has_no_place_for_is_left_out() {
        let mac = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1".parse().ok();
        for name in ["*.example.com", "a b", "zürich", "it's", "a%"] {
            let by = Requester { mac, hostname: Some(name.to_owned()), ..Requester::default() };
            let fields: Vec<_> = record(&settings("x"), "192.0.2.9", &by).into_iter().map(|(name, _)| name).collect();
            assert_eq!(fields, ["site_id", "hostaddr", "ip_class_name", "ip_class_parameters"], "{name}");
        }
        let nothing = reservation(&settings("x"), &row("hostname=h1&gateway=192.0.2.1"));
        assert_eq!(nothing, Reservation { description: Some(String::new()), ..Reservation::default() });
    }

    proptest! {
        #[test]
        fn a_description_is_read_back_as_it_was_written(text in "\\PC{0,60}|[&=+%;'\"\\\\ *_#]{0,20}") {
            let settings = settings("x");
            let by = Requester { description: Some(text.clone()), ..Requester::default() };
            let record = record(&settings, "192.0.2.9", &by);
            let (_, parameters) = record.last().expect("class parameters");
            prop_assert_eq!(reservation(&settings, &row(parameters)).description, Some(text));
            let others: Vec<_> = parse(parameters.as_bytes()).take(2).map(|(_, value)| value.into_owned()).collect();
            prop_assert_eq!(others, ["1", "a&b=c"]);
        }
    }
}
