//! The server behind the recordings: 4.6.8, filled by hand so that every oddity shows.

use super::net::Net;
use super::state::{Address, CustomField, Named, Prefix, Range, State, Vrf};
use super::{MAC_FIELD, Netbox, Right, Token, TokenFault, Version};

const BLUE: u64 = 1;
const PROD_NET: u64 = 2;
const UNICODE: u64 = 5;
const LOOSE: u64 = 6;

impl Netbox {
    /// As the recorded 4.6.8 was filled.
    pub fn recorded() -> Self {
        let netbox = tokens().into_iter().fold(Self::new(Version::V4_6), Self::with_token);
        {
            let mut state = netbox.state();
            vrfs(&mut state);
            prefixes(&mut state);
            ranges(&mut state);
            addresses(&mut state);
        }
        netbox
    }
}

fn tokens() -> Vec<Token> {
    let text = |name: &str, fill: &str| {
        let rest = 40 - name.len();
        Token::new(format!("{name}{}", fill.repeat(rest)))
    };
    let second = |key: &str, fill: &str| Token::new(format!("nbt_{key}.{}", fill.repeat(40)));
    let gateway =
        [Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses, Right::AddAddresses, Right::DeleteAddresses];
    vec![
        text("v1rw", "a"),
        text("v1ro", "b").read_only(),
        text("v1ipdenied", "e").with_fault(TokenFault::SourceAddress),
        text("v1ipok", "f"),
        text("v1disabled", "g").with_fault(TokenFault::Disabled),
        text("v1expired", "h").with_fault(TokenFault::Expired),
        text("v1inactive", "i").with_fault(TokenFault::InactiveUser),
        text("viewonly", "j").with_rights(&[Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses]),
        text("noperm", "k").with_rights(&[]),
        text("gateway", "l").with_rights(&gateway),
        text("constrained", "m").with_rights(&gateway).only_described("foreman"),
        text("prefixonly", "q").with_rights(&[Right::ViewPrefixes]),
        second("standkeyRW01", "c"),
        second("standkeyRO01", "d").read_only(),
        second("standkeyGW01", "n").with_rights(&gateway),
    ]
}

fn vrfs(state: &mut State) {
    state.tenants.push(Named { slug: "acme".to_owned(), ..Named::new(1, "Acme Corp") });
    let named = [
        ("blue", Some("65000:1")),
        ("Prod Net", Some("65000:2")),
        ("dup", Some("65000:10")),
        ("dup", Some("65000:11")),
        ("Büro-Zürich ✓", None),
        ("loose", Some("65000:3")),
        ("a/b?c&d=e+f%20g#h", Some("65000:4")),
        ("BLUE", Some("65000:5")),
        ("42", None),
        ("empty", None),
    ];
    let bulk = (0..60).map(|number| format!("bulk-vrf-{number:02}"));
    let named = named.into_iter().map(|(name, rd)| (name.to_owned(), rd));
    for ((name, rd), id) in named.chain(bulk.map(|name| (name, None))).zip(1..) {
        state.vrfs.push(Vrf {
            rd: rd.map(str::to_owned),
            tenant: (id == PROD_NET).then_some(1),
            enforce_unique: id != LOOSE,
            description: if id == BLUE { "blue vrf".to_owned() } else { String::new() },
            ..Vrf::new(id, &name)
        });
    }
}

fn prefixes(state: &mut State) {
    let in_vrf = |id, net: &str, vrf| Prefix { vrf: Some(vrf), ..Prefix::new(id, net) };
    let of_status = |id, net: &str, status: &str| Prefix { status: status.to_owned(), ..Prefix::new(id, net) };
    state.prefixes = vec![
        of_status(1, "10.0.0.0/8", "container"),
        Prefix { description: "plain /24".to_owned(), ..Prefix::new(2, "10.1.0.0/24") },
        Prefix::new(3, "10.1.1.0/29"),
        Prefix::new(4, "10.1.2.0/30"),
        Prefix::new(5, "10.1.3.0/31"),
        Prefix::new(6, "10.1.4.1/32"),
        Prefix::new(7, "10.1.5.0/30"),
        of_status(8, "10.1.6.0/24", "container"),
        Prefix::new(9, "10.1.6.0/25"),
        Prefix::new(10, "10.1.7.0/24"),
        in_vrf(11, "10.1.7.0/24", BLUE),
        Prefix { tenant: Some(1), ..in_vrf(12, "10.1.7.0/24", PROD_NET) },
        of_status(13, "10.1.8.0/24", "reserved"),
        of_status(14, "10.1.9.0/24", "deprecated"),
        Prefix { is_pool: true, ..Prefix::new(15, "10.1.10.0/29") },
        Prefix { mark_utilized: true, ..Prefix::new(16, "10.1.11.0/29") },
        Prefix::new(17, "10.1.12.0/24"),
        Prefix::new(18, "10.1.13.0/24"),
        in_vrf(19, "10.1.13.0/24", BLUE),
        in_vrf(20, "10.1.13.0/24", LOOSE),
        Prefix::new(21, "10.1.14.0/30"),
        in_vrf(22, "10.1.15.0/24", UNICODE),
        in_vrf(23, "10.1.16.0/24", 3),
        in_vrf(24, "10.1.16.0/24", 4),
        in_vrf(25, "10.1.17.0/24", BLUE),
        in_vrf(26, "10.1.18.0/24", LOOSE),
        in_vrf(27, "10.1.18.0/24", LOOSE),
        Prefix::new(28, "2001:db8:1::/64"),
        Prefix::new(29, "2001:db8:2::/124"),
        Prefix::new(30, "2001:db8:3::/127"),
        Prefix::new(31, "2001:db8:4::1/128"),
        Prefix { is_pool: true, ..Prefix::new(32, "2001:db8:5::/124") },
        Prefix::new(33, "10.2.0.0/16"),
        Prefix::new(34, "11.0.0.0/8"),
        Prefix::new(35, "10.3.0.0/24"),
        in_vrf(36, "10.3.1.0/24", LOOSE),
    ];
    let many = (0..70).map(|number| in_vrf(37 + number, &format!("10.50.{number}.0/24"), BLUE));
    state.prefixes.extend(many);
}

fn ranges(state: &mut State) {
    let ends = [(1, 9, true, false), (10, 20, false, false), (30, 40, false, false), (50, 60, false, true)];
    for ((first, last, mark_populated, mark_utilized), id) in ends.into_iter().zip(1..) {
        let status = if id == 3 { "reserved" } else { "active" }.to_owned();
        let net = |byte: u8| Net::new([10, 1, 12, byte].into(), 24);
        let range = Range { id, first: net(first), last: net(last), vrf: None, status, mark_populated, mark_utilized };
        state.ranges.push(range);
    }
}

fn addresses(state: &mut State) {
    state.custom_fields.push(CustomField { name: MAC_FIELD.to_owned(), required: false, is_mac: true });
    let recorded = [
        ("10.1.0.1/24", None, "active", "gw.example.com", "gateway"),
        ("10.1.0.3/24", None, "reserved", "host3.example.com", ""),
        ("10.1.0.4/32", None, "dhcp", "", "other mask"),
        ("10.1.0.10/24", None, "active", "", ""),
        ("10.1.5.1/30", None, "active", "", ""),
        ("10.1.5.2/30", None, "active", "", ""),
        ("10.1.6.1/25", None, "active", "", ""),
        ("10.1.7.1/24", None, "active", "", "global"),
        ("10.1.7.1/24", Some(BLUE), "active", "", "blue"),
        ("10.1.7.2/24", Some(PROD_NET), "active", "", ""),
        ("2001:db8:1::1/64", None, "active", "", ""),
        ("2001:db8:1::a/64", None, "active", "", ""),
        ("10.1.0.20/24", None, "deprecated", "", ""),
        ("10.1.18.9/24", Some(LOOSE), "active", "", "one"),
        ("10.1.18.9/24", Some(LOOSE), "active", "", "two"),
        ("10.1.18.9/32", Some(LOOSE), "active", "", "three other mask"),
    ];
    for (net, vrf, status, dns_name, description) in recorded {
        let id = state.next_address_id();
        let is_assigned = id == 4;
        state.addresses.push(Address {
            vrf,
            status: status.to_owned(),
            dns_name: dns_name.to_owned(),
            description: description.to_owned(),
            is_assigned,
            tenant: is_assigned.then_some(1),
            ..Address::new(id, Net::parse(net).expect("an address"))
        });
    }
}
