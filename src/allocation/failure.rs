//! Why a call of the contract cannot be answered, in words for the person in front of Foreman's form.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{Error, GroupName, Prefix};

use super::holds::PlaceError;

/// A call that has no answer. The texts begin as those of the Ruby plugin do, so that searches and scripts still find
/// them, and go on with what is concerned and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// The IPAM has no record of the prefix.
    #[error("Subnet not found in External IPAM: {prefix}{}. {}, or correct prefix and group of the subnet in Foreman", in_group(.group), remedy(*.has_route))]
    SubnetNotFound {
        /// What was asked for.
        prefix: Prefix,
        /// Where it was looked for.
        group: Option<GroupName>,
        /// Does a route lead to an IPAM that may have it? Else none was asked.
        has_route: bool,
    },
    /// The IPAM has no group of that name.
    #[error(
        "Group not found in External IPAM: {group}. Choose one of the groups that the IPAM has; case and blanks count"
    )]
    GroupNotFound {
        /// What was asked for.
        group: GroupName,
    },
    /// Several records are equally meant.
    #[error("Subnet {prefix} is in External IPAM more than once. Set the subnet's group in Foreman to one of: {}", list(.groups))]
    Ambiguous {
        /// What was asked for.
        prefix: Prefix,
        /// The groups that have it.
        groups: Vec<GroupName>,
    },
    /// The IPAM has the record twice in one place, so that no choice of group tells them apart.
    #[error("Subnet {prefix}{} is in External IPAM twice. Remove one of the two records in the IPAM", in_group(.group))]
    Duplicate {
        /// What was asked for.
        prefix: Prefix,
        /// Where it is twice.
        group: Option<GroupName>,
    },
    /// Every address is reserved or held.
    #[error("No free addresses found in {prefix}{}: {}. Free addresses in the IPAM, or use another subnet", in_group(.group), held_text(*.held))]
    NoFreeAddress {
        /// The full subnet.
        prefix: Prefix,
        /// Its group.
        group: Option<GroupName>,
        /// How many of its addresses are only held.
        held: usize,
    },
    /// The same of several subnets.
    #[error("No free addresses found in any of {}. Free addresses in the IPAM, or use another subnet", list_of(.prefixes))]
    NoneFreeInAny {
        /// The full subnets.
        prefixes: Vec<Prefix>,
    },
    /// The address that is asked for is not in the subnet, or in none of several.
    #[error("IP address {address} is not in {}. Choose an address of the subnet", list_of(.prefixes))]
    NotInSubnet {
        /// The address.
        address: IpAddr,
        /// The subnets.
        prefixes: Vec<Prefix>,
    },
    /// The address that is asked for is promised to another caller.
    #[error(
        "IP address {address} is offered to a host that is being created. Choose another address, or try again later"
    )]
    Promised {
        /// The address.
        address: IpAddr,
    },
    /// Not as many addresses as asked for can be had, and some that were reserved cannot be released again.
    #[error("{cause}; of the addresses that were reserved before, these cannot be released and stay reserved: {}", list_of(.left))]
    LeftReserved {
        /// Why not all can be had.
        cause: Box<Failure>,
        /// What is still reserved.
        left: Vec<IpAddr>,
    },
    /// The hold cannot be ended now.
    #[error("IP address {address} is being reserved right now; try again in a moment")]
    BeingReserved {
        /// The address.
        address: IpAddr,
    },
    /// The address is recorded as taken.
    #[error("IP address {address} is already reserved in External IPAM, in subnet {prefix}. Choose another address")]
    AlreadyReserved {
        /// The taken address.
        address: IpAddr,
        /// Its subnet.
        prefix: Prefix,
    },
    /// The network, broadcast or subnet-router anycast address of the subnet.
    #[error(
        "IP address {address} is the network, broadcast or subnet-router address of {prefix} and cannot be given to a host. Choose another address"
    )]
    NotOfferable {
        /// The address.
        address: IpAddr,
        /// Its subnet.
        prefix: Prefix,
    },
    /// A group was given, and the IPAM has none.
    #[error("Groups are not supported by this External IPAM. Leave the subnet's group empty in Foreman")]
    GroupsUnsupported,
    /// More holds than this process is to keep.
    #[error(
        "{at_most} addresses are held already, as many as holds_at_most allows. Wait until holds end, or release some with 'foreman-ipam-proxy holds release'"
    )]
    TooManyHolds {
        /// The limit.
        at_most: usize,
    },
    /// The holds cannot be reached.
    #[error(transparent)]
    Holds(PlaceError),
    /// The whole request took longer than its budget.
    #[error("External IPAM gave no answer within {seconds} seconds{}. Try again; if it goes on, see the proxy's log", busy_text(*.is_busy))]
    OutOfTime {
        /// The budget.
        seconds: u64,
        /// Were as many calls of the IPAM under way as the settings allow, so that this one may have waited for others?
        is_busy: bool,
    },
    /// A write was not begun, because other calls of the IPAM left no time for it.
    #[error(
        "The proxy's queue is too long: External IPAM does not answer the calls before this one within {seconds} seconds, and nothing was written. Try again; if it goes on, raise max_parallel in the provider's settings"
    )]
    QueueTooLong {
        /// The budget.
        seconds: u64,
    },
    /// The subnet cannot be found, and a record of the proxy shows that the address is still taken.
    #[error(
        "IP address {address} is still reserved in External IPAM, in {}, although there is no {prefix}{} now. Correct prefix and group of the subnet in Foreman, or delete the reservation in the IPAM",
        .places.join(" and "), in_group(.group)
    )]
    StillReserved {
        /// The address to delete.
        address: IpAddr,
        /// The subnet that was asked for.
        prefix: Prefix,
        /// Its group, as it was asked for.
        group: Option<GroupName>,
        /// Where the records are.
        places: Vec<String>,
    },
    /// The group has a subnet of this prefix.
    #[error("Subnet {prefix}{} is in External IPAM already", in_group(.group))]
    SubnetExists {
        /// The prefix.
        prefix: Prefix,
        /// Its group.
        group: Option<GroupName>,
    },
    /// The subnet would share addresses with another one.
    #[error("{what}")]
    Overlap {
        /// What overlaps what, as a sentence.
        what: String,
    },
    /// The subnet has addresses, and is not to be deleted with them.
    #[error("Subnet {subnet} has {what}; release these first, or ask for them to be deleted with it")]
    SubnetInUse {
        /// The subnet.
        subnet: String,
        /// How many.
        what: String,
    },
    /// What is about to be reserved cannot be kept for a later attempt, so nothing was reserved.
    #[error(
        "The proxy cannot keep the state of a request with an idempotency key. Try again; if it goes on, see the proxy's log"
    )]
    NotKept,
    /// The IPAM failed or refused.
    #[error("{0}")]
    Provider(Arc<Error>),
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        Self::Holds(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Provider(Arc::new(error))
    }
}

fn in_group(group: &Option<GroupName>) -> String {
    group.as_ref().map(|group| format!(" in group {group}")).unwrap_or_default()
}

fn remedy(has_route: bool) -> &'static str {
    if has_route { "Create it in the IPAM" } else { "No route in the proxy's use_provider is for it: add one" }
}

fn list(groups: &[GroupName]) -> String {
    groups.iter().map(GroupName::as_str).collect::<Vec<_>>().join(", ")
}

fn list_of<T: ToString>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn busy_text(is_busy: bool) -> &'static str {
    if is_busy { ", with as many calls under way as max_parallel allows" } else { "" }
}

fn held_text(held: usize) -> String {
    match held {
        0 => "all are reserved".to_owned(),
        1 => "all are reserved or held, 1 of them only held for a host that is being created".to_owned(),
        _ => format!("all are reserved or held, {held} of them only held for hosts that are being created"),
    }
}
