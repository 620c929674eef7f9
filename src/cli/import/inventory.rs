//! What Foreman has, in the words of an IPAM: subnets, what of them is not for hosts, and the addresses of interfaces.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::{StreamExt, TryStreamExt, stream};
use ipam_provider::{Prefix, Requester, is_hostname, next_address};

use crate::cli::CommandError;
use crate::cli::output::{end_progress, show_progress};
use crate::foreman_api::{Error, Foreman, Host, Interface, Subnet};

/// So many hosts are asked for at once: Foreman's other users have some of its threads left.
const AT_ONCE: usize = 4;

/// All that is to be imported.
#[derive(Debug, Default)]
pub(in crate::cli) struct Inventory {
    /// By prefix, each once.
    pub(in crate::cli) subnets: Vec<ForemanSubnet>,
    /// What cannot be imported, in words.
    pub(super) odd: Vec<String>,
    /// Addresses that several hosts have, such as those of a service that moves between them; the first host counts.
    pub(super) shared: Vec<String>,
    /// How many addresses of hosts are in none of the subnets.
    pub(super) elsewhere: usize,
}

/// A subnet and what is in use of it.
#[derive(Debug)]
pub(in crate::cli) struct ForemanSubnet {
    id: u64,
    /// The prefix.
    pub(in crate::cli) prefix: Prefix,
    /// Name and description.
    #[cfg_attr(not(feature = "internal"), expect(dead_code, reason = "only the embedded IPAM gets subnets"))]
    pub(in crate::cli) description: String,
    /// The address of the router.
    #[cfg_attr(not(feature = "internal"), expect(dead_code, reason = "only the embedded IPAM gets subnets"))]
    pub(in crate::cli) gateway: Option<IpAddr>,
    /// Ranges that are not for hosts, with the reason: the larger ones first; they may overlap.
    pub(in crate::cli) excluded: Vec<(IpAddr, IpAddr, &'static str)>,
    /// The addresses of interfaces.
    pub(in crate::cli) addresses: BTreeMap<IpAddr, Requester>,
}

impl Inventory {
    /// Reads it from Foreman; `chosen` are names or prefixes of subnets, none of them for all.
    pub(super) async fn read(foreman: &Foreman, chosen: &[String]) -> Result<Self, CommandError> {
        let subnets = foreman.subnets().await?;
        if subnets.is_empty() {
            return Err(CommandError::failed(format!(
                "Foreman shows no subnet to {}; take a user who is in the subnets' organizations and locations",
                foreman.who()
            )));
        }
        let mut inventory = Self::of_subnets(&subnets, chosen)?;
        let hosts = foreman.hosts().await?;
        let interfaces = stream::iter(&hosts).map(|host| async move {
            let interfaces = foreman.interfaces(host).await?;
            Ok::<_, Error>((host, interfaces))
        });
        let mut interfaces = interfaces.buffered(AT_ONCE);
        let mut read = 0;
        while let Some((host, interfaces)) = interfaces.try_next().await? {
            inventory.add(host, &interfaces);
            read += 1;
            show_progress(format_args!("{read} of {} hosts are read from Foreman", hosts.len()));
        }
        end_progress();
        Ok(inventory)
    }

    /// The chosen subnets, without addresses.
    fn of_subnets(subnets: &[Subnet], chosen: &[String]) -> Result<Self, CommandError> {
        let mut inventory = Self::default();
        let mut names = BTreeMap::new();
        for choice in chosen {
            if !subnets.iter().any(|subnet| is_meant(subnet, choice)) {
                return Err(CommandError::failed(format!(
                    "Foreman has no subnet {choice}, or the user may not see it; give the name or the prefix of one"
                )));
            }
        }
        for subnet in subnets {
            if !chosen.is_empty() && !chosen.iter().any(|choice| is_meant(subnet, choice)) {
                continue;
            }
            let Ok(prefix) = subnet.network_address.parse::<Prefix>() else {
                inventory.odd.push(format!("subnet {} has no prefix in Foreman that can be used", subnet.name));
                continue;
            };
            if let Some(other) = names.insert(prefix, &subnet.name) {
                return Err(CommandError::failed(format!(
                    "Foreman has the subnet {prefix} as {other} and as {}; import one after the other, each with --subnet \
                     NAME and its own --group",
                    subnet.name
                )));
            }
            inventory.subnets.push(ForemanSubnet::new(subnet, prefix));
        }
        inventory.subnets.sort_by_key(|subnet| subnet.prefix);
        Ok(inventory)
    }

    /// Adds the addresses of a host.
    fn add(&mut self, host: &Host, interfaces: &[Interface]) {
        for interface in interfaces {
            let mac = interface.mac_among(interfaces);
            let hostname = text(&interface.fqdn).or(text(&interface.name)).unwrap_or(&host.name);
            let hostname = Some(hostname).filter(|name| is_hostname(name)).map(str::to_owned);
            for (address, subnet) in [(&interface.ip, interface.subnet_id), (&interface.ip6, interface.subnet6_id)] {
                let Some(address) = text(address) else { continue };
                match address.parse() {
                    Ok(address) => self.take(
                        address,
                        subnet,
                        Requester { mac, hostname: hostname.clone(), ..Requester::default() },
                    ),
                    Err(_) => self.odd.push(format!("{address} of {} in Foreman is no IP address", host.name)),
                }
            }
        }
    }

    /// Notes an address in its subnet: that of the interface, or else the smallest around it.
    fn take(&mut self, address: IpAddr, subnet: Option<u64>, by: Requester) {
        let around = self.subnets.iter_mut().filter(|subnet| subnet.prefix.contains(address));
        let Some(around) = around.max_by_key(|around| (Some(around.id) == subnet, around.prefix.length())) else {
            self.elsewhere += 1;
            return;
        };
        match around.addresses.get(&address) {
            None => {
                around.addresses.insert(address, by);
            }
            // A bond and its interfaces, for example.
            Some(other) if other.hostname == by.hostname => {}
            Some(other) => {
                self.shared.push(format!("{address} is that of {} and of {} in Foreman", named(other), named(&by)));
            }
        }
    }
}

impl ForemanSubnet {
    fn new(subnet: &Subnet, prefix: Prefix) -> Self {
        let description = match text(&subnet.description) {
            Some(description) => format!("{}: {description}", subnet.name),
            None => subnet.name.clone(),
        };
        let inside = |given: &Option<String>| {
            let address = text(given)?.parse::<IpAddr>().ok()?;
            prefix.contains(address).then_some(address)
        };
        let (first, last) = prefix.offerable(false);
        let mut excluded = Vec::new();
        if let Some(end) = inside(&subnet.from).filter(|from| *from > first).and_then(before) {
            excluded.push((first, end, "before Foreman's range"));
        }
        if let Some(beginning) = inside(&subnet.to).filter(|to| *to < last).and_then(next_address) {
            excluded.push((beginning, last, "after Foreman's range"));
        }
        let special = [
            (&subnet.gateway, "gateway in Foreman"),
            (&subnet.dns_primary, "DNS server in Foreman"),
            (&subnet.dns_secondary, "DNS server in Foreman"),
        ];
        for (address, why) in special {
            excluded.extend(inside(address).map(|address| (address, address, why)));
        }
        let gateway = inside(&subnet.gateway);
        Self { id: subnet.id, prefix, description, gateway, excluded, addresses: BTreeMap::new() }
    }
}

/// What the IPAM has of an address, if it contradicts what Foreman has: a value that either lacks is no contradiction.
pub(in crate::cli) fn difference(recorded: &Requester, wanted: &Requester) -> Option<String> {
    let is_other_mac = matches!((recorded.mac, wanted.mac), (Some(recorded), Some(wanted)) if recorded != wanted);
    let is_other_name = matches!((&recorded.hostname, &wanted.hostname), (Some(recorded), Some(wanted))
        if !recorded.eq_ignore_ascii_case(wanted));
    (is_other_mac || is_other_name)
        .then(|| format!("is that of {} in the IPAM, and of {} in Foreman", named(recorded), named(wanted)))
}

/// Whom an address belongs to, for people.
pub(in crate::cli) fn named(by: &Requester) -> String {
    let mac = by.mac.map_or_else(|| "no MAC".to_owned(), |mac| mac.to_string());
    format!("{} ({mac})", by.hostname.as_deref().unwrap_or("no host name"))
}

/// Is this the subnet that was named?
fn is_meant(subnet: &Subnet, choice: &str) -> bool {
    let prefix = |text: &str| text.parse::<Prefix>().ok();
    subnet.name == choice || (prefix(choice).is_some() && prefix(choice) == prefix(&subnet.network_address))
}

/// A value that is there: Foreman has null or an empty text where there is none.
fn text(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// The address before this one, if there is one.
pub(in crate::cli) fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_sub(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(address) => address.to_bits().checked_sub(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(id: u64, name: &str, network_address: &str) -> Subnet {
        serde_json::from_value(serde_json::json!({"id": id, "name": name, "network_address": network_address}))
            .expect("a subnet of an old Foreman")
    }

    fn interface(json: serde_json::Value) -> Interface {
        serde_json::from_value(json).expect("an interface")
    }

    fn excluded(subnet: &Subnet) -> Vec<String> {
        let prefix = subnet.network_address.parse().expect("a prefix");
        let ranges = ForemanSubnet::new(subnet, prefix).excluded;
        ranges.into_iter().map(|(first, last, _)| format!("{first}-{last}")).collect()
    }

    #[test]
    fn what_foreman_does_not_give_out_is_excluded() {
        let mut one = subnet(1, "a", "192.0.2.0/24");
        assert_eq!(excluded(&one), [""; 0]);
        one.from = Some("192.0.2.10".to_owned());
        one.to = Some("192.0.2.254".to_owned());
        one.gateway = Some("192.0.2.1".to_owned());
        one.dns_primary = Some(String::new());
        one.dns_secondary = Some("198.51.100.1".to_owned());
        assert_eq!(excluded(&one), ["192.0.2.1-192.0.2.9", "192.0.2.1-192.0.2.1"]);
        let mut six = subnet(2, "b", "2001:db8::/64");
        six.to = Some("2001:db8::ff".to_owned());
        assert_eq!(excluded(&six), ["2001:db8::100-2001:db8::ffff:ffff:ffff:ffff"]);
    }

    #[test]
    fn subnets_are_chosen_by_name_or_prefix_and_one_prefix_once() {
        let subnets =
            [subnet(1, "Servers", "192.0.2.0/24"), subnet(2, "Lab", "192.0.2.0/24"), subnet(3, "Six", "2001:db8::/64")];
        let chosen = |choices: &[&str]| {
            let choices: Vec<String> = choices.iter().map(|choice| (*choice).to_owned()).collect();
            Inventory::of_subnets(&subnets, &choices)
                .map(|inventory| inventory.subnets.iter().map(|subnet| subnet.description.clone()).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&["Lab", "2001:DB8:0::/64"]).expect("two"), ["Lab", "Six"]);
        assert!(chosen(&[]).expect_err("a refusal").to_string().contains("as Servers and as Lab"));
        assert!(chosen(&["None"]).expect_err("a refusal").to_string().contains("no subnet None"));
    }

    #[test]
    fn an_address_belongs_to_the_subnet_of_its_interface_or_to_the_smallest_around_it() {
        let subnets =
            [subnet(1, "All", "10.0.0.0/8"), subnet(2, "Servers", "10.1.0.0/16"), subnet(3, "Six", "2001:db8::/64")];
        let mut inventory = Inventory::of_subnets(&subnets, &[]).expect("subnets");
        let host: Host = serde_json::from_value(serde_json::json!({"id": 7, "name": "a.example.com"})).expect("a host");
        inventory.add(
            &host,
            &[
                interface(
                    serde_json::json!({"name": "a.example.com", "identifier": "eth0", "mac": "52:54:00:00:00:01",
                    "ip": "10.1.0.5", "ip6": "2001:db8::5", "subnet_id": 2, "subnet6_id": 3}),
                ),
                interface(serde_json::json!({"identifier": "eth0.7", "mac": null, "ip": "10.1.0.6", "ip6": "",
                    "subnet_id": 1, "attached_to": "eth0"})),
                interface(serde_json::json!({"identifier": "eth1", "mac": "", "ip": "10.1.0.7", "attached_to": ""})),
                interface(serde_json::json!({"ip": "172.16.0.1"})),
                interface(serde_json::json!({"ip": "nonsense"})),
                interface(serde_json::json!({"name": "b.example.com", "ip": "10.1.0.5"})),
                interface(serde_json::json!({"identifier": "bond0", "mac": "52:54:00:00:00:02", "ip": "10.1.0.5"})),
            ],
        );
        let addresses = |position: usize| {
            let taken = inventory.subnets[position].addresses.iter();
            taken.map(|(address, by)| format!("{address} {}", named(by))).collect::<Vec<_>>()
        };
        assert_eq!(addresses(0), ["10.1.0.6 a.example.com (52:54:00:00:00:01)"]);
        assert_eq!(addresses(1), ["10.1.0.5 a.example.com (52:54:00:00:00:01)", "10.1.0.7 a.example.com (no MAC)"]);
        assert_eq!(addresses(2), ["2001:db8::5 a.example.com (52:54:00:00:00:01)"]);
        assert_eq!(inventory.elsewhere, 1);
        assert_eq!(inventory.odd, ["nonsense of a.example.com in Foreman is no IP address"]);
        assert_eq!(
            inventory.shared,
            ["10.1.0.5 is that of a.example.com (52:54:00:00:00:01) and of b.example.com (no MAC) in Foreman",]
        );
    }

    #[test]
    fn a_value_that_is_missing_is_no_difference() {
        let by = |mac: &str, name: &str| Requester {
            mac: mac.parse().ok(),
            hostname: Some(name.to_owned()).filter(|name| !name.is_empty()),
            ..Requester::default()
        };
        let wanted = by("52:54:00:00:00:01", "a.example.com");
        for recorded in [by("", ""), by("52:54:00:00:00:01", "A.example.com"), by("", "a.example.com")] {
            assert_eq!(difference(&recorded, &wanted), None, "{recorded:?}");
        }
        for recorded in [by("52:54:00:00:00:02", ""), by("", "b.example.com")] {
            assert!(difference(&recorded, &wanted).is_some(), "{recorded:?}");
        }
    }
}
