//! What was in the servers that were recorded.

use super::state::{Address, App, Section, Security, State, Subnet, User};
use super::{Lock, Version};

/// Id, name, parent.
const SECTIONS: [(u64, &str, u64); 9] = [
    (17, "123", 0),
    (12, "IPv6", 0),
    (16, "Empty", 0),
    (14, "Lab/Edge", 0),
    (11, "Customers", 0),
    (13, "Prod East", 0),
    (18, "C++ & 100%", 0),
    (19, "Child Section", 13),
    (15, "Zürich 東京", 0),
];

/// Id, network, length, section, parent, description.
const SUBNETS: [(u64, &str, u8, u64, u64, &str); 38] = [
    (101, "10.10.1.0", 24, 11, 0, "net24"),
    (102, "10.10.2.0", 29, 11, 0, "net29"),
    (103, "10.10.3.0", 30, 11, 0, "net30"),
    (104, "10.10.4.0", 31, 11, 0, "net31"),
    (105, "10.10.5.1", 32, 11, 0, "net32"),
    (106, "10.10.6.0", 29, 11, 0, "full29"),
    (107, "10.10.7.0", 29, 11, 0, "markedfull29"),
    (108, "10.20.0.0", 16, 11, 0, "master16"),
    (109, "10.20.1.0", 24, 11, 108, "child24"),
    (111, "10.30.0.0", 24, 11, 110, "infolder24"),
    (112, "10.40.0.0", 29, 11, 0, "pool29"),
    (113, "10.50.0.0", 16, 11, 0, "big16"),
    (114, "11.0.0.0", 8, 11, 0, "big8"),
    (115, "10.60.0.0", 24, 11, 0, "dupA"),
    (116, "10.60.0.0", 24, 13, 0, "dupB"),
    (117, "10.60.0.0", 24, 11, 110, "dupInFolder"),
    (118, "10.70.0.0", 24, 11, 0, "vrfA24"),
    (119, "10.70.0.0", 24, 11, 0, "vrfB24"),
    (120, "10.80.0.0", 24, 13, 0, "east24"),
    (121, "10.90.0.0", 24, 14, 0, "lab24"),
    (122, "10.91.0.0", 24, 15, 0, "uni24"),
    (123, "10.92.0.0", 24, 17, 0, "num24"),
    (124, "10.93.0.0", 24, 18, 0, "special24"),
    (125, "10.94.0.0", 24, 19, 0, "childsec24"),
    (126, "2001:db8:1::", 64, 12, 0, "v6_64"),
    (127, "2001:db8:2::", 124, 12, 0, "v6_124"),
    (128, "2001:db8:3::", 127, 12, 0, "v6_127"),
    (129, "2001:db8:4::1", 128, 12, 0, "v6_128"),
    (130, "2001:db8:5::", 48, 12, 0, "v6_48"),
    (131, "2001:db8:6::", 124, 12, 0, "v6_124full"),
    (132, "10.100.0.0", 24, 11, 0, "race24"),
    (133, "10.100.1.0", 24, 11, 0, "race24b"),
    (134, "10.100.2.0", 24, 11, 0, "race24c"),
    (135, "10.101.0.0", 16, 11, 0, "time16"),
    (136, "10.10.8.0", 30, 11, 0, "net30full"),
    (137, "10.10.9.0", 31, 11, 0, "net31full"),
    (138, "10.10.10.1", 32, 11, 0, "net32full"),
    (139, "10.10.11.0", 29, 11, 0, "net29edges"),
];

/// Rows of which nothing but subnet and address was recorded.
const PLAIN: [(u64, &str); 11] = [
    (106, "10.10.6.1"),
    (106, "10.10.6.2"),
    (106, "10.10.6.3"),
    (106, "10.10.6.4"),
    (106, "10.10.6.5"),
    (106, "10.10.6.6"),
    (136, "10.10.8.1"),
    (136, "10.10.8.2"),
    (137, "10.10.9.0"),
    (137, "10.10.9.1"),
    (138, "10.10.10.1"),
];

pub(super) fn state(version: Version) -> State {
    let mut state = State::new(version);
    state.has_custom_column = true;
    let users =
        [("gateway", "GatewayPass-1"), ("gwtls", "GwTlsPass-1"), ("plain", "PlainPass-1"), ("Admin", "AdminPass-1")];
    state.users.extend(users.map(|(name, password)| User::new(name, password)));
    state.users.push(User { is_enabled: false, ..User::new("disabled", "DisabledPass-1") });
    state.apps = apps();
    for (id, name, master) in SECTIONS {
        // Versions before 1.7 could not make a section below another.
        let master = if version < Version::V1_7 { 0 } else { master };
        state.sections.push(Section { id, name: name.to_owned(), description: format!("seed {name}"), master });
    }
    for (id, network, length, section, master, description) in SUBNETS {
        let network = network.parse().expect("a network address");
        state.subnets.push(Subnet {
            description: description.to_owned(),
            vrf: (118..=119).contains(&id).then(|| id - 97),
            master,
            is_full: id == 107,
            is_pool: id == 112,
            ..Subnet::new(id, section, network, length)
        });
    }
    state.subnets.push(Subnet::folder(110, 11, "folder"));
    for row in addresses() {
        state.insert(row);
    }
    state
}

fn apps() -> Vec<App> {
    let app = |id| App::new(id, Security::None);
    vec![
        app("gateway"),
        app("gw_none"),
        App::new("gwtls", Security::SslToken),
        App::new("gw_token", Security::SslToken),
        App { code: Some(super::CODE), ..App::new("gw_code", Security::SslCode) },
        App { code: Some("ZZ23456789abcdefghijABCDEFGHIJ_-"), ..App::new("gw_code2", Security::SslCode) },
        App { permission: 2, ..app("gw_rw") },
        App { permission: 1, ..app("gw_ro") },
        App { permission: 0, ..app("gw_off") },
        App { is_nesting: true, ..app("gw_nest") },
        App { shows_links: true, ..app("gw_links") },
        app("gw_lfile2"),
        App { lock: Some(Lock::Mysql), ..app("gw_lmysql2") },
        App { lock: None, ..app("gw_lnone") },
        app("gw_lock"),
        app("gw_lock2"),
        App::new("gw_user", Security::User),
        App::new("gw_crypt", Security::Crypt),
    ]
}

fn addresses() -> Vec<Address> {
    let some = |text: &str| Some(text.to_owned());
    let row = |id, subnet, ip: &str| Address::new(id, subnet, ip.parse().expect("an address"));
    let mut rows = vec![
        Address { is_gateway: true, description: some("gateway"), ..row(1001, 101, "10.10.1.1") },
        Address {
            description: some("seed a2"),
            hostname: some("a2.example.test"),
            mac: some("00:11:22:33:44:02"),
            owner: some("ops"),
            note: some("a note"),
            ..row(1002, 101, "10.10.1.2")
        },
        Address { hostname: some("a3.example.test"), mac: some("00:11:22:33:44:03"), ..row(1003, 101, "10.10.1.3") },
        Address { hostname: some("a5.example.test"), tag: 4, ..row(1004, 101, "10.10.1.5") },
        Address { tag: 3, ..row(1005, 101, "10.10.1.6") },
        Address { hostname: some("dup-a.example.test"), ..row(1033, 115, "10.60.0.5") },
        Address { hostname: some("dup-b.example.test"), mac: some("00:11:22:33:44:02"), ..row(1034, 116, "10.60.0.5") },
        Address { hostname: some("v6a.example.test"), ..row(1035, 126, "2001:db8:1::a") },
    ];
    rows.extend((1006..).zip(PLAIN).map(|(id, (subnet, ip))| row(id, subnet, ip)));
    rows.extend((0..16).map(|low: u8| row(1017 + u64::from(low), 131, &format!("2001:db8:6::{low:x}"))));
    rows
}
