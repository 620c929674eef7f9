//! The differences of one subnet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipam_provider::{GroupName, Mac, Prefix, Reservation};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::foreman_api::HostAddress;
use crate::ledger::Standing;
use crate::orphans::InForeman;

/// A kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A host in Foreman has the address, and the IPAM has no record of it.
    Missing,
    /// The IPAM has a record of ours, and no host in Foreman has the address.
    Leaked,
    /// A host in Foreman has the address, and the record in the IPAM is not ours.
    NotOurs,
    /// The record is ours, and names another host or MAC than Foreman.
    Differs,
    /// Several hosts in Foreman have the address.
    Shared,
}

impl Kind {
    /// All kinds, in the order of reports.
    pub(crate) const ALL: [Self; 5] = [Self::Missing, Self::Leaked, Self::NotOurs, Self::Differs, Self::Shared];

    /// The word in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Leaked => "leaked",
            Self::NotOurs => "not_ours",
            Self::Differs => "differs",
            Self::Shared => "shared",
        }
    }

    /// The words for people.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Missing => "missing in the IPAM",
            Self::Leaked => "leaked in the IPAM",
            Self::NotOurs => "not recorded by this proxy",
            Self::Differs => "recorded for another host",
            Self::Shared => "of several hosts",
        }
    }
}

/// Host and MAC, as far as they are known.
type Recorded = (Option<String>, Option<Mac>);

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What kind.
    pub kind: Kind,
    /// The subnet.
    pub prefix: Prefix,
    /// Its group in the IPAM.
    pub group: Option<GroupName>,
    /// The address.
    pub address: IpAddr,
    /// The hosts in Foreman that have it, by name; empty for one that the user may not see.
    pub hosts: Vec<String>,
    /// The MAC of its interface in Foreman.
    pub mac: Option<Mac>,
    /// Host and MAC as the IPAM has them, or else the ledger.
    pub recorded: Recorded,
    /// When it was added, if the ledger has that.
    pub added: Option<Timestamp>,
    /// Of a missing address the one that its host had before, and of a leaked one that which its host has now: Foreman changes
    /// addresses without a call when it imports facts.
    pub other_half: Option<IpAddr>,
}

impl Difference {
    /// As JSON; what is not known is null.
    pub(crate) fn json(&self) -> Value {
        let (host, mac) = &self.recorded;
        json!({
            "kind": self.kind.word(),
            "prefix": self.prefix.to_string(),
            "group": self.group.as_ref().map(GroupName::as_str),
            "address": self.address.to_string(),
            "hosts": self.hosts,
            "mac": self.mac.map(|mac| mac.to_string()),
            "recorded_host": host,
            "recorded_mac": mac.map(|mac| mac.to_string()),
            "added": self.added.map(|added| added.to_string()),
            "other_half": self.other_half.map(|address| address.to_string()),
        })
    }

    /// What people should know besides.
    pub(crate) fn remark(&self) -> Option<String> {
        let half = self.other_half?;
        Some(match self.kind {
            Kind::Missing => format!("Foreman has changed {half} to it without a call, as an import of facts does"),
            _ => format!("Foreman has changed it to {half} without a call, as an import of facts does"),
        })
    }
}

/// A subnet that uses this proxy, and what ledger and IPAM say of it.
#[derive(Debug)]
pub(super) struct Compared<'c> {
    pub(super) prefix: Prefix,
    pub(super) group: Option<GroupName>,
    pub(super) ledger: &'c BTreeMap<IpAddr, Standing>,
    pub(super) ipam: &'c BTreeMap<IpAddr, Reservation>,
    /// May it be concluded that no host has an address?
    pub(super) is_whole: bool,
}

impl Compared<'_> {
    /// All differences, by address. `is_young` says what may be of a host that is being created.
    pub(super) fn differences(
        &self,
        foreman: &InForeman<'_>,
        addresses: &BTreeSet<IpAddr>,
        is_young: &dyn Fn(&Standing) -> bool,
    ) -> Vec<Difference> {
        let mut found = Vec::new();
        for address in addresses {
            self.of_host(*address, foreman.with(*address), &mut found);
        }
        if self.is_whole {
            for (address, record) in self.ipam.iter().filter(|(_, record)| record.ours) {
                let standing = self.ledger.get(address);
                let is_of_another_door =
                    standing.is_some_and(|known| known.door.as_deref().is_some_and(|door| door != "foreman"));
                if foreman.with(*address).is_empty() && !standing.is_some_and(is_young) && !is_of_another_door {
                    found.push(self.difference(Kind::Leaked, *address, &[], Some(record)));
                }
            }
        }
        pair(&mut found);
        found.sort_by_key(|found| (found.address, found.kind));
        found
    }

    /// What differs of an address that a host in Foreman has.
    fn of_host(&self, address: IpAddr, with: &[&HostAddress], found: &mut Vec<Difference>) {
        let hosts: BTreeSet<u64> = with.iter().map(|with| with.host_id).collect();
        let record = self.ipam.get(&address);
        let mut push = |kind| found.push(self.difference(kind, address, with, record));
        if hosts.len() > 1 {
            push(Kind::Shared);
        }
        match record {
            None => push(Kind::Missing),
            Some(record) if !record.ours => push(Kind::NotOurs),
            Some(record) if hosts.len() == 1 && is_of_another(record, with) => push(Kind::Differs),
            Some(_) => {}
        }
    }

    fn difference(
        &self,
        kind: Kind,
        address: IpAddr,
        with: &[&HostAddress],
        record: Option<&Reservation>,
    ) -> Difference {
        let standing = self.ledger.get(&address);
        let hosts: BTreeSet<&str> = with.iter().map(|with| with.host.as_str()).collect();
        let name = record.and_then(|record| record.hostname.clone()).filter(|name| !name.is_empty());
        let mac = record.and_then(|record| record.mac);
        Difference {
            kind,
            prefix: self.prefix,
            group: self.group.clone(),
            address,
            hosts: hosts.into_iter().map(str::to_owned).collect(),
            mac: with.iter().find_map(|with| with.mac),
            recorded: (
                name.or_else(|| standing.and_then(|standing| standing.host_name.clone())),
                mac.or_else(|| standing.and_then(|standing| standing.mac)),
            ),
            added: standing.map(|standing| standing.since),
            other_half: None,
        }
    }
}

/// Does the record name another host or MAC than the interfaces of one host? What either side does not have is no difference.
fn is_of_another(record: &Reservation, with: &[&HostAddress]) -> bool {
    let names = || with.iter().map(|with| with.host.as_str()).filter(|name| !name.is_empty());
    let name = record.hostname.as_deref().filter(|name| !name.is_empty());
    let is_other_name =
        name.is_some_and(|name| names().next().is_some() && !names().any(|known| known.eq_ignore_ascii_case(name)));
    let macs = || with.iter().filter_map(|with| with.mac);
    let is_other_mac = record.mac.is_some_and(|mac| macs().next().is_some() && !macs().any(|known| known == mac));
    is_other_name || is_other_mac
}

/// Finds the two halves of changes that Foreman has made without a call.
fn pair(found: &mut [Difference]) {
    let leaked: Vec<(IpAddr, Recorded)> = found
        .iter()
        .filter(|found| found.kind == Kind::Leaked)
        .map(|found| (found.address, found.recorded.clone()))
        .collect();
    let mut halves = BTreeMap::new();
    for missing in found.iter().filter(|found| found.kind == Kind::Missing) {
        let is_of_host = |(_, (name, mac)): &&(IpAddr, Recorded)| {
            let is_name = name.as_ref().is_some_and(|name| {
                missing.hosts.iter().any(|host| !host.is_empty() && host.eq_ignore_ascii_case(name))
            });
            is_name || (mac.is_some() && *mac == missing.mac)
        };
        if let Some((old, _)) = leaked.iter().find(is_of_host) {
            halves.insert((missing.address, Kind::Missing), *old);
            halves.insert((*old, Kind::Leaked), missing.address);
        }
    }
    for found in found.iter_mut() {
        found.other_half = halves.get(&(found.address, found.kind)).copied();
    }
}
