//! Everything that Foreman knows of addresses: which host has which, on which MAC, in which subnet.

use std::net::IpAddr;

use ipam_provider::{Mac, Prefix};

/// All addresses of hosts in Foreman, at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Inventory {
    /// The addresses of all interfaces of all hosts that the user may see; one address may be there several times.
    pub addresses: Vec<HostAddress>,
    /// The subnets that the user may see, also those without hosts.
    pub subnets: Vec<SubnetOfForeman>,
    /// Is it everything that Foreman has?
    pub scope: Scope,
}

/// An address of a host's interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostAddress {
    /// What the API calls the host.
    pub host_id: u64,
    /// The full name of the host.
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
    /// It has every host and every subnet: what is not in it does not exist in Foreman.
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
