//! Rows as SOLIDserver shows them: flat, and every value a text. Field names are those of the recorded parameter lists
//! and of the fields that clients read.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::Site;
use super::state::{Address, Network, Space, State, hex};

/// The fields of a row, which a `WHERE` compares too.
pub(super) type Row = Vec<(&'static str, String)>;

pub(super) fn space(space: &Space) -> Row {
    let Space { id, name, description, is_template } = space;
    let nothing = String::new;
    vec![
        ("errno", "0".to_owned()),
        ("site_is_template", flag(*is_template)),
        ("site_id", id.to_string()),
        ("tree_level", "0".to_owned()),
        ("tree_path", format!("{name}#")),
        ("tree_id_path", format!("#{id}#")),
        ("site_is_default", "0".to_owned()),
        ("site_name", name.clone()),
        ("site_description", description.clone()),
        ("parent_site_id", "0".to_owned()),
        ("parent_site_name", "#".to_owned()),
        ("site_class_name", nothing()),
        ("parent_site_class_name", nothing()),
        ("row_enabled", "1".to_owned()),
        ("multistatus", nothing()),
        ("site_class_parameters", nothing()),
        ("site_class_parameters_properties", nothing()),
        ("site_class_parameters_inheritance_source", nothing()),
    ]
}

pub(super) fn network(state: &State, site: &Site, network: &Network) -> Row {
    let space = state.space(network.space).expect("every network is in a space");
    let used = if network.is_terminal {
        state.addresses.range((space.id, network.first)..=(space.id, network.last)).count()
    } else {
        0
    };
    let mut row = vec![
        ("errno", "0".to_owned()),
        ("site_id", space.id.to_string()),
        ("site_name", space.name.clone()),
        ("is_terminal", flag(network.is_terminal)),
        ("subnet_level", flag(network.is_terminal)),
        ("is_in_orphan", "0".to_owned()),
        ("lock_network_broadcast", "0".to_owned()),
        ("tree_level", "0".to_owned()),
        ("row_enabled", "1".to_owned()),
    ];
    if network.first.is_ipv6() {
        let size =
            1_u128.checked_shl(128 - u32::from(network.length)).map_or_else(String::new, |size| size.to_string());
        row.extend([
            ("subnet6_id", network.id.to_string()),
            ("subnet6_name", network.name.clone()),
            ("start_ip6_addr", hex(network.first)),
            ("end_ip6_addr", hex(network.last)),
            ("subnet_size", size),
            ("subnet6_prefix", network.length.to_string()),
            ("parent_subnet6_id", "0".to_owned()),
            ("vlsm_subnet6_id", "0".to_owned()),
            ("vlsm_block6_id", "0".to_owned()),
            ("subnet6_class_name", String::new()),
            ("subnet6_class_parameters", String::new()),
            ("subnet6_class_parameters_properties", String::new()),
            ("subnet6_class_parameters_inheritance_source", String::new()),
        ]);
        return row;
    }
    row.extend([
        ("subnet_id", network.id.to_string()),
        ("subnet_name", network.name.clone()),
        ("start_ip_addr", hex(network.first)),
        ("end_ip_addr", hex(network.last)),
        ("subnet_size", size(network).to_string()),
        ("parent_subnet_id", "0".to_owned()),
        ("parent_subnet_name", String::new()),
        ("vlsm_subnet_id", "0".to_owned()),
        ("vlsm_block_id", "0".to_owned()),
        ("subnet_class_name", String::new()),
        ("subnet_class_parameters", String::new()),
        ("subnet_class_parameters_properties", String::new()),
        ("subnet_class_parameters_inheritance_source", String::new()),
        ("subnet_allocated_size", "0".to_owned()),
        ("subnet_allocated_percent", "0.0".to_owned()),
        ("subnet_used_size", used.to_string()),
        ("subnet_used_percent", "0.0".to_owned()),
        ("subnet_ip_used_size", used.to_string()),
        ("subnet_ip_used_percent", "0.0".to_owned()),
        ("subnet_ip_free_size", size(network).saturating_sub(used as u64).to_string()),
        ("is_assigned", "1".to_owned()),
    ]);
    if !site.is_old {
        row.extend([("start_hostaddr", network.first.to_string()), ("end_hostaddr", network.last.to_string())]);
    }
    row
}

/// An address in use.
pub(super) fn address(state: &State, site: &Site, (space, host): (u64, IpAddr), address: &Address) -> Row {
    let mac = address.mac.clone().unwrap_or_else(|| format!("EIP:{:012x}", address.id));
    let name = if site.lowers_names { address.name.to_lowercase() } else { address.name.clone() };
    let mut row = place(state, site, space, state.network_of(space, host), host);
    row.push(("type", "ip".to_owned()));
    let class = [address.class_name.clone(), address.class_parameters.clone()];
    let [class_name, class_parameters] = class;
    if host.is_ipv6() {
        row.extend([
            ("ip6_id", address.id.to_string()),
            ("ip6_addr", hex(host)),
            ("hostaddr6", host.to_string()),
            ("ip6_name", name),
            ("ip6_mac_addr", mac),
            ("ip6_class_name", class_name),
            ("ip6_class_parameters", class_parameters),
        ]);
        return row;
    }
    row.extend([
        ("ip_id", address.id.to_string()),
        ("ip_addr", hex(host)),
        ("name", name),
        ("mac_addr", mac),
        ("ip_class_name", class_name),
        ("ip_class_parameters", class_parameters),
    ]);
    if !site.is_old {
        row.push(("hostaddr", host.to_string()));
    }
    row
}

/// The range of free addresses that begins at this one, which a list of addresses shows too.
pub(super) fn free_range(state: &State, site: &Site, network: &Network, host: IpAddr) -> Row {
    let mut row = place(state, site, network.space, Some(network), host);
    row.push(("type", "free".to_owned()));
    let nothing = String::new;
    if host.is_ipv6() {
        row.extend([
            ("ip6_id", "0".to_owned()),
            ("ip6_addr", hex(host)),
            ("hostaddr6", host.to_string()),
            ("free_start_ip6_addr", hex(host)),
            ("free_end_ip6_addr", hex(host)),
            ("ip6_name", nothing()),
            ("ip6_mac_addr", nothing()),
            ("ip6_class_name", nothing()),
            ("ip6_class_parameters", nothing()),
        ]);
        return row;
    }
    row.extend([
        ("ip_id", "0".to_owned()),
        ("ip_addr", hex(host)),
        ("hostaddr", host.to_string()),
        ("free_start_ip_addr", hex(host)),
        ("free_end_ip_addr", hex(host)),
        ("name", nothing()),
        ("mac_addr", nothing()),
        ("ip_class_name", nothing()),
        ("ip_class_parameters", nothing()),
    ]);
    row
}

/// Space and network of an address.
fn place(state: &State, site: &Site, space: u64, network: Option<&Network>, host: IpAddr) -> Row {
    let name = state.space(space).map(|space| space.name.clone()).unwrap_or_default();
    let id = network.map_or(0, |network| network.id).to_string();
    let network_name = network.map(|network| network.name.clone()).unwrap_or_default();
    let mut row = vec![("errno", "0".to_owned()), ("site_id", space.to_string()), ("site_name", name)];
    if host.is_ipv6() {
        row.extend([
            ("subnet6_id", id),
            ("subnet6_name", network_name),
            ("subnet6_is_terminal", "1".to_owned()),
            ("subnet6_prefix", network.map_or(0, |network| network.length).to_string()),
        ]);
        return row;
    }
    row.extend([
        ("subnet_id", id),
        ("subnet_name", network_name),
        ("subnet_size", network.map_or(0, size).to_string()),
        ("subnet_is_terminal", "1".to_owned()),
    ]);
    if !site.is_old {
        let edges =
            network.map_or_else(Default::default, |network| [network.first, network.last].map(|a| a.to_string()));
        let [first, last] = edges;
        row.extend([
            ("subnet_start_hostaddr", first.clone()),
            ("subnet_end_hostaddr", last.clone()),
            ("parent_subnet_start_hostaddr", first),
            ("parent_subnet_end_hostaddr", last),
        ]);
    }
    row
}

/// A free address that was found.
pub(super) fn found(state: &State, network: &Network, host: IpAddr) -> Row {
    let space = network.space.to_string();
    if host.is_ipv6() {
        return vec![
            ("hostaddr6", host.to_string()),
            ("ip6_addr", hex(host)),
            ("site_id", space),
            ("subnet6_id", network.id.to_string()),
            ("pool6_id", "0".to_owned()),
        ];
    }
    vec![
        ("hostaddr", host.to_string()),
        ("ip_addr", hex(host)),
        ("site_id", space),
        ("site_name", state.space(network.space).map(|space| space.name.clone()).unwrap_or_default()),
        ("subnet_id", network.id.to_string()),
        ("pool_id", "0".to_owned()),
    ]
}

/// As JSON; where the site has it, numbers are numbers.
pub(super) fn json(site: &Site, row: Row) -> Value {
    let value = |text: String| match text.parse::<u64>() {
        Ok(number) if site.numbers_are_numbers && number.to_string() == text => number.into(),
        _ => Value::String(text),
    };
    Value::Object(row.into_iter().map(|(name, text)| (name.to_owned(), value(text))).collect::<Map<_, _>>())
}

fn size(network: &Network) -> u64 {
    1_u64 << (32 - u32::from(network.length))
}

fn flag(flag: bool) -> String {
    if flag { "1" } else { "0" }.to_owned()
}
