//! The state of the server that was recorded.

use super::net::Net;
use super::state::{Address, Named, Namespace, Prefix, State, User, Vrf};
use super::{GLOBAL, Nautobot, Site, all_permissions};

const GLOBAL_ID: &str = "96434ea2-f398-4c1b-ac4f-fb052f0a3dec";
const BLUE_ID: &str = "2c979d2c-310b-4e9f-92d0-73f6a6f89fbb";
const PROD_NET_ID: &str = "af0ee387-e98e-4cdc-b1f8-70a3e1609e59";

const ACTIVE_ID: &str = "a1d92de3-7c96-468c-8b0e-3a361500eebc";
const RESERVED_ID: &str = "4cfd6de0-1e79-4e61-8bcd-b8f9a12eed6b";

/// Namespace, prefix, type, id. The reserved one is told by its description.
const PREFIXES: [(&str, &str, &str, &str); 24] = [
    (GLOBAL_ID, "10.0.0.0/8", "container", "80a3a9f5-dbc9-4b9c-9e55-428484d9a4da"),
    (GLOBAL_ID, "10.1.0.0/24", "network", "cc19b483-f098-45b8-b03e-22d1ddfbd1b2"),
    (GLOBAL_ID, "10.1.1.0/29", "network", "00525658-fd36-43eb-82e0-a15f1712e886"),
    (GLOBAL_ID, "10.1.2.0/30", "network", "29c6ee23-bcf2-42dd-9c05-556043af832e"),
    (GLOBAL_ID, "10.1.3.0/31", "network", "344689a4-a3e0-4912-8f98-f1fe68c2b24e"),
    (GLOBAL_ID, "10.1.4.1/32", "network", "e6e42c4c-93c1-4d7c-acf6-71fe4789789a"),
    (GLOBAL_ID, "10.1.5.0/30", "network", "8157ac44-e262-4d77-b81a-a9d32e657704"),
    (GLOBAL_ID, "10.1.6.0/24", "container", "39bf3363-84e6-49a9-9754-b64282694a8f"),
    (GLOBAL_ID, "10.1.6.0/25", "network", "00000000-0000-4000-8000-000000000625"),
    (GLOBAL_ID, "10.1.7.0/24", "network", "582bfce5-0027-4e5d-aa14-01208d2863e4"),
    (BLUE_ID, "10.1.7.0/24", "network", "791724e6-d3ca-4489-8ddc-06c6343f8c51"),
    (PROD_NET_ID, "10.1.7.0/24", "network", "d0563e5b-fb69-456f-83b5-36f103099358"),
    (GLOBAL_ID, "10.1.8.0/24", "network", "da734f37-29a5-4348-8d11-eab382d6cc9d"),
    (GLOBAL_ID, "10.1.10.0/29", "pool", "52fec147-20f2-41cb-aae1-1b89eb44b07d"),
    (GLOBAL_ID, "10.1.13.0/24", "network", "3a65b43b-0468-4395-a0c7-457014cf53e0"),
    (GLOBAL_ID, "2001:db8:1::/64", "network", "2c8fd632-c31d-4cd7-ab6c-1db44e71610e"),
    (GLOBAL_ID, "2001:db8:2::/124", "network", "ff04bfb0-53ca-40d7-9810-e5de4aceeb30"),
    (GLOBAL_ID, "11.0.0.0/8", "network", "0f3fc865-9cc6-4297-8c06-b1a44ee83c6c"),
    (GLOBAL_ID, "10.2.0.0/16", "network", "00000000-0000-4000-8000-000000010200"),
    (GLOBAL_ID, "10.3.0.0/24", "network", "60f3a5b5-af98-4207-ab51-5d3af31881e2"),
    (GLOBAL_ID, "10.1.9.0/24", "network", "00000000-0000-4000-8000-000000010109"),
    (GLOBAL_ID, "10.1.12.0/24", "network", "00000000-0000-4000-8000-000000010112"),
    (GLOBAL_ID, "2001:db8:3::/127", "network", "00000000-0000-4000-8000-000000000127"),
    (GLOBAL_ID, "2001:db8:4::1/128", "network", "00000000-0000-4000-8000-000000000128"),
];

/// Address with its mask, parent, id, DNS name.
const ADDRESSES: [(&str, &str, &str, &str); 11] = [
    ("10.1.0.1/24", "cc19b483-f098-45b8-b03e-22d1ddfbd1b2", "2ae40d95-efba-48f1-aff5-a96bc46e1a10", "gw.example.com"),
    ("10.1.0.3/24", "cc19b483-f098-45b8-b03e-22d1ddfbd1b2", "c9a5a63e-deb1-44e4-8e0a-3218fc5e86db", ""),
    ("10.1.0.4/32", "cc19b483-f098-45b8-b03e-22d1ddfbd1b2", "28de7f37-5366-4cb3-8d05-870d4ad2be93", ""),
    ("10.1.5.1/30", "8157ac44-e262-4d77-b81a-a9d32e657704", "00000000-0000-4000-8000-000001010501", ""),
    ("10.1.5.2/30", "8157ac44-e262-4d77-b81a-a9d32e657704", "00000000-0000-4000-8000-000001010502", ""),
    ("10.1.7.1/24", "582bfce5-0027-4e5d-aa14-01208d2863e4", "f770a67f-f2e9-47cd-b818-e594cfe26328", ""),
    ("10.1.7.1/24", "791724e6-d3ca-4489-8ddc-06c6343f8c51", "11f704ca-d8d9-43ce-ae53-89defb41b0f9", ""),
    ("10.0.1.1/24", "80a3a9f5-dbc9-4b9c-9e55-428484d9a4da", "00000000-0000-4000-8000-000001000101", ""),
    ("2001:db8:1::1/64", "2c8fd632-c31d-4cd7-ab6c-1db44e71610e", "09166681-e551-494e-bb4a-279502eff7b8", ""),
    // These two were added by the recorded requests themselves, before those that meet them.
    ("10.1.13.10/24", "3a65b43b-0468-4395-a0c7-457014cf53e0", "29219112-6a22-4e6b-9dda-f15f08bae4c7", ""),
    (
        "10.1.13.13/24",
        "3a65b43b-0468-4395-a0c7-457014cf53e0",
        "cea2c6e4-d822-4ecf-a23d-a4937369586c",
        "host.example.com",
    ),
];

impl Nautobot {
    /// The token of the recorded user who may view prefixes and addresses and add addresses, and may not view statuses.
    pub const RECORDED_GATEWAY: &str = "gatewaylllllllllllllllllllllllllllllllll";

    /// The server of the recordings, with 10.1.13.10 and 10.1.13.13 added.
    pub fn recorded() -> Self {
        let Site { page_at_most, races, next_host, .. } = Site::default();
        let state = std::sync::Mutex::new(state());
        Self { state, page_at_most, races, next_host }
    }
}

fn state() -> State {
    let mut state = State::default();
    let types = || Some(vec!["ipam.ipaddress", "ipam.prefix"]);
    state.statuses = [(ACTIVE_ID, "Active"), (RESERVED_ID, "Reserved")]
        .map(|(id, name)| Named { id: id.to_owned(), name: name.to_owned(), content_types: types() })
        .into();
    state.namespaces = [
        (GLOBAL_ID, GLOBAL, "Default Global namespace. Created by Nautobot."),
        (PROD_NET_ID, "Prod Net", ""),
        (BLUE_ID, "blue", ""),
    ]
    .map(|(id, name, description)| Namespace {
        id: id.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
    })
    .into();
    state.vrfs =
        [(GLOBAL_ID, "7c96a91a-fed4-4be8-bc38-b20532f57b8e"), (BLUE_ID, "efd587e1-1b51-41cf-83f8-350f945cd0f4")]
            .map(|(namespace, id)| Vrf {
                id: id.to_owned(),
                namespace: namespace.to_owned(),
                name: "v1".to_owned(),
                rd: "65000:1".to_owned(),
            })
            .into();
    for (namespace, prefix, kind, id) in PREFIXES {
        let status = if prefix == "10.1.8.0/24" { RESERVED_ID } else { ACTIVE_ID };
        add_prefix(&mut state, namespace, prefix, kind, id.to_owned(), status);
    }
    for number in 0..60 {
        let id = state.new_id();
        add_prefix(&mut state, BLUE_ID, &format!("10.50.{number}.0/24"), "network", id, ACTIVE_ID);
    }
    for (address, parent, id, dns_name) in ADDRESSES {
        let (host, mask) = address.split_once('/').expect("an address and a mask");
        state.addresses.push(Address {
            id: id.to_owned(),
            parent: parent.to_owned(),
            host: host.parse().expect("an address"),
            mask: mask.parse().expect("a mask"),
            status: ACTIVE_ID.to_owned(),
            dns_name: dns_name.to_owned(),
            description: String::new(),
            tags: Vec::new(),
            tenant: None,
            custom_fields: serde_json::Map::new(),
        });
    }
    let gateway = ["view ipam.prefix", "view ipam.ipaddress", "add ipam.ipaddress", "delete ipam.ipaddress"];
    let view = ["view ipam.prefix", "view ipam.ipaddress", "view ipam.namespace"];
    let user = |token: &str, writes, permissions| User { token: token.to_owned(), writes, permissions };
    state.users = vec![
        user("v1rwaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, all_permissions()),
        user("v1robbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", false, all_permissions()),
        user("viewonlyjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj", true, view.map(str::to_owned).into()),
        user("nopermkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", true, [].into()),
        user(Nautobot::RECORDED_GATEWAY, true, gateway.map(str::to_owned).into()),
    ];
    state
}

fn add_prefix(state: &mut State, namespace: &str, prefix: &str, kind: &'static str, id: String, status: &str) {
    let net = Net::parse(prefix).expect("a prefix");
    let (namespace, status) = (namespace.to_owned(), status.to_owned());
    state.prefixes.push(Prefix { id, namespace, net, kind, status, description: String::new() });
}
