//! Everything that Foreman knows of addresses: which host has which, on which MAC, in which subnet.
//!
//! One report reads it in a second for a thousand hosts, where its template is in Foreman and the user may generate reports.
//! Else each host is asked for, which takes about a minute for a thousand. Both give the same answer.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `survey` | what the user may see, and which way there is, before anything is read |
//! | `report` | the report template, and its report |

mod report;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use futures_util::{StreamExt, stream};
use ipam_provider::{Mac, Prefix};

use super::wire::{Interface, ReportRow, SubnetDetails};
use super::{Error, Foreman, Host, Subnet};

pub(crate) use report::{REPORT_TEMPLATE, TEXT};
pub(crate) use survey::{Sight, Survey, Way};

/// How many hosts are asked for at once: Foreman's other users have some of its threads left.
const AT_ONCE: usize = 4;

/// The mode of a subnet whose addresses come from a Smart Proxy.
const EXTERNAL_IPAM: &str = "External IPAM";

/// All addresses of hosts in Foreman, at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Inventory {
    /// The addresses of all interfaces of all hosts, sorted. One address may be that of several hosts.
    pub addresses: Vec<HostAddress>,
    /// The subnets that the user may see, also those without hosts.
    pub subnets: Vec<SubnetOfForeman>,
    /// Is it everything that Foreman has?
    pub scope: Scope,
}

/// An address of a host's interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostAddress {
    /// What the API calls the host; 0 for a host that the user may not see.
    pub host_id: u64,
    /// The full name of the host; empty for a host that the user may not see, but whose address Foreman shows in its subnet.
    pub host: String,
    /// The address.
    pub address: IpAddr,
    /// The interface's, or that of the interface that it is a VLAN or an alias of.
    pub mac: Option<Mac>,
    /// The interface's subnet for this address; `None` when it has none, or one that the user may not see.
    pub subnet: Option<SubnetOfForeman>,
}

/// A subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubnetOfForeman {
    /// What the API calls it.
    pub id: u64,
    /// The prefix.
    pub prefix: Prefix,
    /// Is this proxy its External IPAM?
    pub uses_this_proxy: bool,
    /// Has Foreman no other subnet of this prefix, whatever its IPAM is? Else an address may be in another address space.
    pub is_only: bool,
}

/// How much of Foreman an inventory covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// It has every address of every host: what is not in it does not exist in Foreman.
    Whole {
        /// How that is known, for people.
        why: String,
    },
    /// Hosts or subnets may be missing: nothing may be concluded from what is not in it.
    Unproven {
        /// Why, and what would be right, for people.
        why: String,
    },
}

impl Inventory {
    /// Is an address that is not in it known to be that of no host?
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.scope, Scope::Whole { .. })
    }
}

/// The addresses, and the hosts that could not be read.
#[derive(Debug, Default)]
struct Read {
    addresses: BTreeSet<HostAddress>,
    /// Why hosts are missing, if some are.
    missing: Option<String>,
}

impl Read {
    fn add(&mut self, host_id: u64, host: &str, interfaces: &[Interface], subnets: &BTreeMap<u64, SubnetOfForeman>) {
        for interface in interfaces {
            let mac = interface.mac_among(interfaces);
            self.addresses.extend(interface.addresses().map(|(address, subnet)| HostAddress {
                host_id,
                host: host.to_owned(),
                address,
                mac,
                subnet: subnet.and_then(|subnet| subnets.get(&subnet).copied()),
            }));
        }
    }
}

impl Foreman {
    /// Reads the addresses of all hosts. `is_this_proxy` says of the address of a Smart Proxy whether it is ours.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses. A host that Foreman fails with leaves the scope unproven.
    pub(crate) async fn inventory(
        &self,
        is_this_proxy: &(dyn Fn(&str) -> bool + Send + Sync),
    ) -> Result<Inventory, Error> {
        let survey = self.survey(is_this_proxy).await?;
        self.inventory_by(survey).await
    }

    /// As [`inventory`](Self::inventory), after a survey.
    ///
    /// # Errors
    /// As [`inventory`](Self::inventory).
    pub(crate) async fn inventory_by(&self, survey: Survey) -> Result<Inventory, Error> {
        let subnets: BTreeMap<u64, SubnetOfForeman> =
            survey.subnets.iter().map(|subnet| (subnet.id, *subnet)).collect();
        let mut read = match survey.way {
            Way::Report { template } => match self.report(template).await {
                Ok(rows) => of_rows(rows, &subnets),
                // Foreman may fail with one host of a report, and show all others one by one.
                Err(error) if error.is_of_one_record() || matches!(error, Error::Forbidden { .. }) => {
                    log::info!("Foreman makes no report, so each host is asked for: {error}");
                    self.host_by_host(&subnets).await?
                }
                Err(error) => return Err(error),
            },
            Way::HostByHost { .. } => self.host_by_host(&subnets).await?,
        };
        let scope = match (survey.sight, read.missing.take()) {
            (_, Some(why)) => Scope::Unproven { why },
            (Sight::Everything { why }, None) => Scope::Whole { why },
            (Sight::Unproven { why }, None) => Scope::Unproven { why },
            (Sight::Member { why }, None) => {
                let hidden = self.add_hidden(&mut read, &subnets).await?;
                Scope::Whole {
                    why: match hidden {
                        0 => why,
                        _ => format!("{why}; of {hidden} addresses only the subnet is visible, not the host"),
                    },
                }
            }
        };
        Ok(Inventory { addresses: read.addresses.into_iter().collect(), subnets: survey.subnets, scope })
    }

    /// Asks for each host.
    async fn host_by_host(&self, subnets: &BTreeMap<u64, SubnetOfForeman>) -> Result<Read, Error> {
        let hosts = self.hosts_at_once().await?;
        let mut all = stream::iter(&hosts)
            .map(|host| async move { (host, self.interfaces(host).await) })
            .buffer_unordered(AT_ONCE);
        let mut read = Read::default();
        let mut failed: Vec<&str> = Vec::new();
        let mut last = None;
        while let Some((host, interfaces)) = all.next().await {
            match interfaces {
                Ok(interfaces) => read.add(host.id, &host.name, &interfaces, subnets),
                Err(error) if error.is_of_one_record() && failed.len() < FAILED_AT_MOST => {
                    failed.push(&host.name);
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        read.missing = last.map(|error| format!("Foreman does not show the host {}: {error}", failed.join(", ")));
        Ok(read)
    }

    /// Adds the addresses in subnets of this proxy that no visible host has: Foreman shows a subnet's interfaces whatever host
    /// they belong to, be it of no organization, or one that a search in the user's role leaves out. Returns how many.
    async fn add_hidden(&self, read: &mut Read, subnets: &BTreeMap<u64, SubnetOfForeman>) -> Result<usize, Error> {
        let mut hidden = 0;
        let known: BTreeSet<IpAddr> = read.addresses.iter().map(|known| known.address).collect();
        for subnet in subnets.values().filter(|subnet| subnet.uses_this_proxy) {
            let details: Option<SubnetDetails> = self.find(&["subnets", &subnet.id.to_string()]).await?;
            let interfaces = details.map(|details| details.interfaces).unwrap_or_default();
            for interface in &interfaces {
                for (address, _) in interface.addresses() {
                    let is_hidden = subnet.prefix.contains(address) && !known.contains(&address);
                    let mac = interface.own_mac();
                    let found = HostAddress { host_id: 0, host: String::new(), address, mac, subnet: Some(*subnet) };
                    if is_hidden && read.addresses.insert(found) {
                        hidden += 1;
                    }
                }
            }
        }
        Ok(hidden)
    }

    /// All hosts that the user may see, in one page: between two pages a host could move to the one that was read already.
    async fn hosts_at_once(&self) -> Result<Vec<Host>, Error> {
        self.list_by(HOSTS_AT_MOST, &["hosts"], &[("thin", "1")]).await
    }
}

/// More hosts that Foreman fails with are a Foreman that fails.
const FAILED_AT_MOST: usize = 20;

/// No Foreman has more hosts.
const HOSTS_AT_MOST: usize = 1_000_000;

/// The rows of one host are its interfaces.
fn of_rows(rows: Vec<ReportRow>, subnets: &BTreeMap<u64, SubnetOfForeman>) -> Read {
    let mut hosts: BTreeMap<u64, (String, Vec<Interface>)> = BTreeMap::new();
    for ReportRow { host_id, host, interface } in rows {
        hosts.entry(host_id).or_insert_with(|| (host, Vec::new())).1.push(interface);
    }
    let mut read = Read::default();
    for (id, (host, interfaces)) in hosts {
        read.add(id, &host, &interfaces, subnets);
    }
    read
}

/// Those with a prefix, by prefix.
fn known_subnets(all: &[Subnet], is_this_proxy: &(dyn Fn(&str) -> bool + Send + Sync)) -> Vec<SubnetOfForeman> {
    let mut known: Vec<SubnetOfForeman> = all
        .iter()
        .filter_map(|subnet| {
            let prefix: Prefix = subnet.network_address.parse().ok()?;
            let is_external = subnet.ipam.as_deref().is_none_or(|mode| mode == EXTERNAL_IPAM);
            let is_ours = subnet.externalipam.as_ref().is_some_and(|proxy| is_this_proxy(&proxy.url));
            let alike = all.iter().filter(|other| other.network_address == subnet.network_address).count();
            Some(SubnetOfForeman {
                id: subnet.id,
                prefix,
                uses_this_proxy: is_external && is_ours,
                is_only: alike == 1,
            })
        })
        .collect();
    known.sort_by_key(|subnet| (subnet.prefix, subnet.id));
    known
}
