//! The calls of Foreman, one by one, and what the product has recorded afterwards.

use std::net::IpAddr;

use ipam_conformance::{Role, Seed};
use serde_json::{Value, json};

use crate::support::{Generation, Proxy, Simulated, Vendor, assert_is_sentence, mac, named, subnet};

fn start<V: Vendor>() -> (Simulated<V>, Proxy) {
    let ipam = Simulated::start();
    let proxy = Proxy::over(&ipam);
    (ipam, proxy)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("not an address: {text:?}"))
}

/// The object of a subnet, whatever its id.
fn described(seeded: &ipam_conformance::SeededSubnet) -> Value {
    json!({
        "subnet": seeded.prefix.network().to_string(), "mask": seeded.prefix.length().to_string(),
        "description": seeded.description,
    })
}

fn without_id(mut object: Value) -> Value {
    let id = object.as_object_mut().and_then(|object| object.remove("id"));
    assert!(id.is_some_and(|id| id.is_u64() || id.as_str().is_some_and(|text| !text.is_empty())), "{object}");
    object
}

/// A product may have groups of its own besides.
pub(crate) fn all_groups_are_listed<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let (status, listed) = proxy.client().get("/ipam/groups").answer();
    assert_eq!(status, 200);
    let listed: Vec<Value> = listed.as_array().expect("a list").iter().cloned().map(without_id).collect();
    let names: Vec<&str> = listed.iter().map(|group| group["name"].as_str().expect("a name")).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "by name, each once: {names:?}");
    for group in &ipam.seed.groups {
        let expected = json!({"name": group.name.as_str(), "description": group.description});
        assert!(listed.contains(&expected), "{expected} in {listed:?}");
    }
}

/// Blanks, slashes, plus and percent signs, umlauts and numbers.
pub(crate) fn every_group_is_found_by_its_name<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for group in &ipam.seed.groups {
        let found = foreman.group(group.name.as_str()).expect("an answer");
        let expected = json!({"name": group.name.as_str(), "description": group.description});
        assert_eq!(found.map(without_id), Some(expected), "{}", group.name);
    }
}

pub(crate) fn an_unknown_group_is_nothing<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    let (prefix, _) = named(subnet(&ipam.seed, Role::Plain));
    for name in ["No such group", "production", "Prod", "%", "dmz", "01"] {
        assert_eq!(foreman.group(name), Ok(None), "{name}");
        // Some object, so that Foreman's form goes on to the group, and names that as missing.
        let subnet = foreman.subnet(&prefix, Some(name)).expect("an answer").expect("an object");
        let text = subnet["message"].as_str().unwrap_or_default();
        assert!(text.starts_with(&format!("Group not found in External IPAM: {name}")), "{subnet}");
        let refusals = [
            foreman.subnets(name).expect_err("no group"),
            foreman.next_ip(&prefix, None, Some(name)).expect_err("no group"),
            foreman.ip_exists(&prefix, "192.0.2.1", Some(name)).expect_err("no group"),
            foreman.add(&prefix, "192.0.2.2", Some(name)).expect_err("no group"),
        ];
        for text in refusals {
            assert!(text.starts_with(&format!("Group not found in External IPAM: {name}")), "{text}");
        }
    }
    let response = proxy.curl().get("/ipam/groups/No+such+group");
    assert_eq!(response.status, 404);
    assert_is_sentence(&response.error());
}

pub(crate) fn the_subnets_of_a_group_are_listed<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for group in &ipam.seed.groups {
        let listed = foreman.subnets(group.name.as_str()).expect("a list");
        let listed: Vec<Value> = listed.as_array().expect("a list").iter().cloned().map(without_id).collect();
        let expected: Vec<Value> = ipam.seed.subnets_of(Some(&group.name)).into_iter().map(described).collect();
        assert_eq!(listed, expected, "{}", group.name);
    }
}

/// With its group; without one where only one group has the prefix.
pub(crate) fn every_subnet_is_found<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for seeded in &ipam.seed.subnets {
        let (prefix, group) = named(seeded);
        let is_only = ipam.seed.subnets.iter().filter(|other| other.prefix == seeded.prefix).count() == 1;
        let asked = [Some(group), (is_only && group.is_some()).then_some(None)];
        for group in asked.into_iter().flatten() {
            let found = foreman.subnet(&prefix, group).expect("an answer");
            assert_eq!(found.map(without_id), Some(described(seeded)), "{prefix} in {group:?}");
        }
    }
}

pub(crate) fn an_unknown_subnet_is_nothing<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for (prefix, address) in [("192.0.2.0/27", "192.0.2.5"), ("2001:db8:1::/65", "2001:db8:1::5")] {
        if prefix.contains(':') && ipam.seed.subnet(Role::Ipv6).is_none() {
            continue;
        }
        for group in [None, Some("Production")] {
            assert_eq!(foreman.subnet(prefix, group), Ok(None), "{prefix} in {group:?}");
            let refusals = [
                foreman.next_ip(prefix, None, group).expect_err("no subnet"),
                foreman.ip_exists(prefix, address, group).expect_err("no subnet"),
                foreman.add(prefix, address, group).expect_err("no subnet"),
            ];
            for text in refusals {
                assert!(text.starts_with(&format!("Subnet not found in External IPAM: {prefix}")), "{text}");
            }
            assert_eq!(foreman.delete(prefix, address, group), Ok(()), "hosts stay deletable");
        }
        assert_eq!(proxy.curl().get(&format!("/ipam/subnet/{prefix}?group=Production")).status, 404);
    }
}

/// Where the product's API has no IPv6, Foreman's user is told so; hosts stay deletable.
pub(crate) fn ipv6_that_is_not_supported_is_said<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    if ipam.seed.subnet(Role::Ipv6).is_some() {
        return;
    }
    let foreman = proxy.foreman();
    let (prefix, address) = ("2001:db8:1::/64", "2001:db8:1::5");
    for group in [None, Some("Production")] {
        for text in [
            foreman.next_ip(prefix, Some(&mac(1)), group).expect_err("no IPv6"),
            foreman.ip_exists(prefix, address, group).expect_err("no IPv6"),
            foreman.add(prefix, address, group).expect_err("no IPv6"),
        ] {
            assert_is_sentence(&text);
            assert!(text.starts_with("IPv6 is not supported with "), "{text}");
        }
        assert_eq!(foreman.delete(prefix, address, group), Ok(()), "hosts stay deletable");
    }
}

/// And each caller gets another one.
pub(crate) fn the_lowest_free_address_is_offered<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for role in [Role::Plain, Role::Wide, Role::Pool, Role::Ipv6] {
        let Some(seeded) = ipam.seed.subnet(role) else { continue };
        let (prefix, group) = named(seeded);
        let offered: Vec<IpAddr> = (0..4)
            .map(|number| ip(&foreman.next_ip(&prefix, Some(&mac(number)), group).expect("an address")))
            .collect();
        assert_eq!(offered, seeded.free(4), "{prefix}");
    }
}

pub(crate) fn a_mac_gets_its_address_again<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Plain));
    let first = foreman.next_ip(&prefix, Some(&mac(1)), group);
    let other = foreman.next_ip(&prefix, Some(&mac(2)), group);
    assert_ne!(first, other);
    assert_eq!(foreman.next_ip(&prefix, Some(&mac(1).to_uppercase()), group), first);
    // An address of its own for each question without a MAC.
    let nameless = [(); 2].map(|()| foreman.next_ip(&prefix, None, group));
    assert_ne!(nameless[0], nameless[1]);
}

pub(crate) fn taken_addresses_exist_and_free_ones_do_not<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for role in [Role::Plain, Role::Twin, Role::OtherTwin, Role::Ipv6] {
        let Some(seeded) = ipam.seed.subnet(role) else { continue };
        let (prefix, group) = named(seeded);
        for (addresses, exists) in [(seeded.taken.keys().copied().collect(), true), (seeded.free(3), false)] {
            for address in addresses {
                assert_eq!(foreman.ip_exists(&prefix, &address.to_string(), group), Ok(exists), "{address}");
            }
        }
    }
}

/// As each generation of Foreman writes the names of groups.
pub(crate) fn a_host_is_created_and_deleted_in_every_group<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let subnets: Vec<_> = ipam.seed.subnets.iter().filter(|seeded| seeded.role == Role::Named).collect();
    assert_eq!(subnets.len(), 6, "every name that is hard to carry");
    for generation in [Generation::From21, Generation::From32] {
        let foreman = proxy.foreman_of(generation);
        for (number, seeded) in subnets.iter().enumerate() {
            let (prefix, group) = named(seeded);
            let address = foreman.create_host(&prefix, Some(&mac(number)), group);
            let address = address.unwrap_or_else(|text| panic!("{prefix} in {group:?}: {text}"));
            assert_eq!(ipam.records_of(seeded, ip(&address)).len(), 1, "{address} in {group:?}");
            assert_eq!(foreman.ip_exists(&prefix, &address, group), Ok(true), "{address} in {group:?}");
            assert_eq!(foreman.delete(&prefix, &address, group), Ok(()), "{address} in {group:?}");
            assert_eq!(foreman.ip_exists(&prefix, &address, group), Ok(false), "{address} in {group:?}");
            assert_eq!(ipam.records_of(seeded, ip(&address)), [], "{address} in {group:?}");
        }
    }
}

/// The MAC from the question for the address, since Foreman does not say it again; a MAC and host name of the add win.
pub(crate) fn mac_and_hostname_are_recorded<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for role in [Role::Plain, Role::Ipv6] {
        let Some(seeded) = ipam.seed.subnet(role) else { continue };
        let (prefix, group) = named(seeded);
        let address = foreman.create_host(&prefix, Some(&mac(1)), group).expect("a host");
        let [record] = &ipam.records_of(seeded, ip(&address))[..] else { panic!("one record of {address}") };
        assert_eq!((record.mac.clone(), record.hostname.clone()), (Some(mac(1)), None), "{address}");
        assert!(record.description.contains(&mac(1)), "{record:?}");

        let address = foreman.next_ip(&prefix, Some(&mac(2)), group).expect("an address");
        let mac_parameter = mac(3).replace(':', "%3A");
        let parameters = format!("group={}&mac={mac_parameter}&hostname=web.example.com", group.unwrap_or_default());
        let added = proxy.client().post(&format!("/ipam/subnet/{prefix}/{address}?{parameters}"));
        assert_eq!(added.status, 201, "{}", added.text());
        let [record] = &ipam.records_of(seeded, ip(&address))[..] else { panic!("one record of {address}") };
        assert_eq!((record.mac.clone(), record.hostname.as_deref()), (Some(mac(3)), Some("web.example.com")));
    }
}

pub(crate) fn an_address_is_added_once<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for role in [Role::Empty, Role::Ipv6] {
        let Some(seeded) = ipam.seed.subnet(role) else { continue };
        let (prefix, group) = named(seeded);
        let address = foreman.create_host(&prefix, Some(&mac(1)), group).expect("a host");
        let before = ipam.records_of(seeded, ip(&address));
        let refused = foreman.add(&prefix, &address, group).expect_err("it is there");
        assert!(
            refused.starts_with(&format!("IP address {address} is already reserved in External IPAM")),
            "{refused}"
        );
        let target = format!("/ipam/subnet/{prefix}/{address}?group={}", group.unwrap_or_default());
        assert_eq!(proxy.curl().post(&target).status, 409);
        assert_eq!(ipam.records_of(seeded, ip(&address)), before);
        let next = foreman.next_ip(&prefix, Some(&mac(1)), group).expect("another address");
        assert_ne!(next, address, "the MAC is done with the first one");
    }
}

pub(crate) fn an_address_that_somebody_else_takes_is_not_given_away<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    let seeded = subnet(&ipam.seed, Role::Empty);
    let (prefix, group) = named(seeded);
    let address = foreman.next_ip(&prefix, Some(&mac(1)), group).expect("an address");
    assert!(ipam.vendor.take(seeded, ip(&address)));
    assert_eq!(foreman.ip_exists(&prefix, &address, group), Ok(true));
    let refused = foreman.add(&prefix, &address, group).expect_err("it is taken");
    assert!(refused.starts_with(&format!("IP address {address} is already reserved in External IPAM")), "{refused}");
    assert_eq!(ipam.records_of(seeded, ip(&address)).len(), 1, "the other one's");
    let next = foreman.create_host(&prefix, Some(&mac(1)), group).expect("another address");
    assert_ne!(next, address);
}

/// Foreman stops at this answer and asks for another address.
pub(crate) fn an_address_that_was_seen_to_exist_is_not_offered_again<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    let seeded = subnet(&ipam.seed, Role::Empty);
    let (prefix, group) = named(seeded);
    let address = foreman.next_ip(&prefix, Some(&mac(1)), group).expect("an address");
    assert!(ipam.vendor.take(seeded, ip(&address)));
    assert_eq!(foreman.ip_exists(&prefix, &address, group), Ok(true));
    let next = foreman.next_ip(&prefix, Some(&mac(1)), group).expect("another address");
    assert_ne!(next, address);
}

/// Foreman deletes again after a rollback, and cannot delete a host whose address it cannot delete.
pub(crate) fn a_delete_of_what_is_not_there_succeeds<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for role in [Role::Plain, Role::Ipv6] {
        let Some(seeded) = ipam.seed.subnet(role) else { continue };
        let (prefix, group) = named(seeded);
        let address = foreman.create_host(&prefix, Some(&mac(1)), group).expect("a host");
        for _ in 0..2 {
            assert_eq!(foreman.delete(&prefix, &address, group), Ok(()));
            assert_eq!(ipam.records_of(seeded, ip(&address)), []);
        }
        assert_eq!(ipam.vendor.records(seeded).len(), seeded.taken.len(), "nothing else is deleted");
        assert_ne!(foreman.next_ip(&prefix, Some(&mac(2)), group), Ok(address.clone()), "it is in quarantine");
        assert_eq!(foreman.next_ip(&prefix, Some(&mac(1)), group), Ok(address), "its host gets it again");
    }
    assert_eq!(foreman.delete("192.0.2.0/28", "192.0.2.5", Some("No such group")), Ok(()));
}

pub(crate) fn a_full_subnet_is_said_to_be_full<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Full));
    let text = proxy.foreman().next_ip(&prefix, Some(&mac(1)), group).expect_err("it is full");
    assert!(text.starts_with(&format!("No free addresses found in {prefix} in group Production")), "{text}");
    assert_is_sentence(&text);
    let target = format!("/ipam/subnet/{prefix}/next_ip?mac&group=Production");
    assert_eq!(proxy.curl().get(&target).status, 404);
}

pub(crate) fn small_subnets_give_all_they_have<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for role in [
        Role::Smallest,
        Role::PointToPoint,
        Role::SingleHost,
        Role::Pool,
        Role::Ipv6Small,
        Role::Ipv6PointToPoint,
        Role::Ipv6SingleHost,
    ] {
        let Some(seeded) = ipam.seed.subnet(role) else { continue };
        let (prefix, group) = named(seeded);
        let all = seeded.free(9);
        let created: Vec<IpAddr> = (0..all.len())
            .map(|number| ip(&foreman.create_host(&prefix, Some(&mac(number)), group).expect("a host")))
            .collect();
        assert_eq!(created, all, "{prefix}");
        let text = foreman.next_ip(&prefix, Some(&mac(99)), group).expect_err("it is full");
        assert!(text.starts_with("No free addresses found"), "{prefix}: {text}");
    }
}

pub(crate) fn an_address_for_no_host_is_refused<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    for (role, addresses) in [
        (Role::Plain, ["192.0.2.0", "192.0.2.15", "192.0.2.16"]),
        (Role::Ipv6, ["2001:db8:1::", "2001:db8:0:ffff::1", "192.0.2.5"]),
    ] {
        let Some(seeded) = ipam.seed.subnet(role) else { continue };
        let (prefix, group) = named(seeded);
        let before = ipam.vendor.records(seeded);
        for address in addresses {
            assert_is_sentence(&foreman.add(&prefix, address, group).expect_err("not for hosts"));
        }
        assert_eq!(ipam.vendor.records(seeded), before);
    }
}

pub(crate) fn ipv6_addresses_have_many_spellings<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    let Some(seeded) = ipam.seed.subnet(Role::Ipv6) else { return };
    let (_, group) = named(seeded);
    let prefixes = ["2001:db8:1::/64", "2001:0DB8:0001:0000::/64", "2001:db8:1:0:0:0:0:0/64"];
    let spellings = ["2001:db8:1::ab", "2001:0DB8:0001:0000:0000:0000:0000:00AB", "2001:db8:1:0:0:0:0:ab"];
    for (turn, (prefix, spelling)) in prefixes.iter().zip(spellings).enumerate() {
        assert_eq!(foreman.add(prefix, spelling, group), Ok(()), "{spelling}");
        assert_eq!(ipam.records_of(seeded, ip(spelling)).len(), 1);
        for (prefix, other) in prefixes.iter().zip(spellings) {
            assert_eq!(foreman.ip_exists(prefix, other, group), Ok(true), "{other}");
            let refused = foreman.add(prefix, other, group).expect_err("it is there");
            assert!(refused.contains("already reserved"), "{refused}");
        }
        assert_eq!(foreman.delete(prefixes[turn], spellings[(turn + 1) % 3], group), Ok(()));
        assert_eq!(ipam.records_of(seeded, ip(spelling)), []);
    }
}

fn without_global_twin<V: Vendor>() -> Seed {
    V::seed().without(Role::GlobalTwin)
}

/// The choice is Foreman's, and the text says between what.
pub(crate) fn a_prefix_in_several_groups_needs_a_group<V: Vendor>() {
    let ipam = Simulated::<V>::start_with(without_global_twin::<V>());
    let proxy = Proxy::over(&ipam);
    let foreman = proxy.foreman();
    let (prefix, _) = named(subnet(&ipam.seed, Role::Twin));
    let refusals = [
        foreman.subnet(&prefix, None).expect_err("two are meant"),
        foreman.next_ip(&prefix, Some(&mac(1)), None).expect_err("two are meant"),
        foreman.ip_exists(&prefix, "198.51.100.9", None).expect_err("two are meant"),
        foreman.add(&prefix, "198.51.100.9", None).expect_err("two are meant"),
        foreman.delete(&prefix, "198.51.100.1", None).expect_err("two are meant"),
    ];
    for text in refusals {
        assert!(text.starts_with(&format!("Subnet {prefix} is in External IPAM more than once")), "{text}");
        assert!(text.ends_with(": Production, dmz/web"), "{text}");
    }
    assert_eq!(proxy.curl().get(&format!("/ipam/subnet/{prefix}?group=")).status, 409);
    for role in [Role::Twin, Role::OtherTwin] {
        let seeded = subnet(&ipam.seed, role);
        assert_eq!(ipam.vendor.records(seeded).len(), 1, "nothing is written or deleted");
        let (prefix, group) = named(seeded);
        assert_eq!(ip(&foreman.next_ip(&prefix, Some(&mac(1)), group).expect("an address")), seeded.free(1)[0]);
    }
}

pub(crate) fn the_record_outside_of_groups_is_meant_without_a_group<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let seeded = ipam.seed.subnet(Role::GlobalTwin);
    assert_eq!(seeded.is_some(), V::HAS_GLOBAL_TABLE);
    // Elsewhere it is an ambiguity: see the case before.
    let Some(seeded) = seeded else { return };
    let foreman = proxy.foreman();
    let (prefix, group) = named(seeded);
    assert_eq!(group, None);
    let address = foreman.create_host(&prefix, Some(&mac(1)), None).expect("a host");
    assert_eq!(ip(&address), seeded.free(1)[0]);
    for role in [Role::GlobalTwin, Role::Twin, Role::OtherTwin] {
        let records = ipam.vendor.records(subnet(&ipam.seed, role)).len();
        assert_eq!(records, if role == Role::GlobalTwin { 2 } else { 1 }, "{role:?}");
    }
}

pub(crate) fn the_same_prefix_in_two_groups_is_two_subnets<V: Vendor>() {
    let (ipam, proxy) = start::<V>();
    let foreman = proxy.foreman();
    let (twin, other) = (subnet(&ipam.seed, Role::Twin), subnet(&ipam.seed, Role::OtherTwin));
    let address = "198.51.100.9";
    let ((prefix, group), (_, other_group)) = (named(twin), named(other));
    assert_eq!(foreman.add(&prefix, address, group), Ok(()));
    assert_eq!(foreman.ip_exists(&prefix, address, other_group), Ok(false));
    assert_eq!(foreman.add(&prefix, address, other_group), Ok(()));
    assert_eq!(foreman.delete(&prefix, address, group), Ok(()));
    assert_eq!(ipam.records_of(twin, ip(address)), []);
    assert_eq!(ipam.records_of(other, ip(address)).len(), 1);
}
