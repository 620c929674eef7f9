//! How full a subnet is, in the types that PHP makes of it, and what its range is computed to.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::ip::{self, Range};
use super::state::{State, Subnet};

/// `usage` of a subnet. Counts of nothing are numbers, counts from the database are texts.
pub(super) fn usage(state: &State, subnet: &Subnet, range: Range) -> Value {
    let (first, last) = range.hosts(subnet.is_pool);
    let hosts = (last - first).saturating_add(1);
    let children: Vec<u64> = state.children(subnet.id).map(|child| child.id).collect();
    if !children.is_empty() {
        let used: usize = children.iter().map(|id| state.addresses_of(*id).count() + 2).sum();
        return json!({
            "Used": 0, "Reserved": used.to_string(), "used": used.to_string(), "Used_percent": 0, "Reserved_percent": 0,
            "freehosts": hosts.to_string(), "freehosts_percent": 100, "maxhosts": hosts.to_string(),
        });
    }
    if subnet.is_full {
        let all = hosts.to_string();
        return json!({
            "Used": all, "Reserved": 0, "used": all, "Used_percent": 100, "Reserved_percent": 0, "freehosts": "0",
            "freehosts_percent": 0, "maxhosts": all,
        });
    }
    let with_tag = |tag: u64| state.addresses_of(subnet.id).filter(|row| row.tag == tag).count();
    let used = state.addresses_of(subnet.id).count();
    let percent = |count: usize| json!((count as f64 / hosts as f64 * 10_000.0).round() / 100.0);
    let mut usage = json!({
        "Used": with_tag(2), "Reserved": with_tag(3), "Used_percent": percent(with_tag(2)),
        "Reserved_percent": percent(with_tag(3)), "used": if used == 0 { json!(0) } else { json!(used.to_string()) },
        "freehosts": (hosts as i128 - used as i128).to_string(), "freehosts_percent": percent(0), "maxhosts": hosts.to_string(),
    });
    if with_tag(4) > 0 {
        usage["DHCP"] = json!(with_tag(4));
        usage["DHCP_percent"] = percent(with_tag(4));
    }
    usage
}

/// `calculation` of a subnet; the second entry is phpIPAM's own mistake.
pub(super) fn calculation(range: Range) -> Value {
    let text = |number: u128| ip::address(number, range.network).to_string();
    let (first, last) = range.hosts(false);
    let hosts = (last - first).saturating_add(1).to_string();
    match range.network {
        IpAddr::V4(network) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(range.length)).unwrap_or(0);
            let class = if network.is_private() { json!("private A") } else { json!(false) };
            json!({
                "Type": "IPv4", "IP address": "/", "Network": network.to_string(), "Broadcast": text(range.last()),
                "Subnet bitmask": range.length.to_string(), "Subnet netmask": Ipv4Addr::from_bits(mask).to_string(),
                "Subnet wildcard": Ipv4Addr::from_bits(!mask).to_string(), "Min host IP": text(first),
                "Max host IP": text(last), "Number of hosts": hosts, "Subnet Class": class,
            })
        }
        IpAddr::V6(network) => json!({
            "Type": "IPv6", "Host address": "/", "Host address (uncompressed)": "/",
            "Subnet prefix": format!("{network}/{}", range.length), "Prefix length": range.length.to_string(),
            "Subnet Reverse DNS": "ip6.arpa", "Min host IP": text(first), "Max host IP": text(last),
            "Number of hosts": hosts, "Address type": "NET_IPV6",
        }),
    }
}
