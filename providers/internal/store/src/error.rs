//! What can go wrong with a store, in words for people, and what that means to the proxy.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use ipam_provider::{ErrorKind, GroupName};

use crate::csv::Faults;
use crate::database_error::{DatabaseError, Failure};
use crate::{Bounds, PublicId};

/// The result of everything a store does.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a store did not do what was asked. `Display` is a sentence for people and says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No group has this name.
    #[error("There is no group '{0}'")]
    NoGroup(GroupName),
    /// No subnet has this id or prefix.
    #[error("There is no subnet {0}")]
    NoSubnet(String),
    /// The address is not recorded.
    #[error("Address {address} is not recorded in subnet {subnet}")]
    NoAddress {
        /// The address.
        address: IpAddr,
        /// The subnet that was looked at.
        subnet: Bounds,
    },
    /// No plan has this name or id.
    #[error("There is no plan {0}")]
    NoPlan(String),
    /// The plan has no pool of this name.
    #[error("Plan {plan} has no pool '{pool}'")]
    NoPool {
        /// The plan.
        plan: String,
        /// The name.
        pool: String,
    },
    /// No allocation of a plan has this id.
    #[error("There is no allocation {0}")]
    NoPlanAllocation(String),
    /// No excluded range has exactly these ends.
    #[error("Subnet {subnet} has no excluded range from {first} to {last}")]
    NoRange {
        /// The subnet.
        subnet: Bounds,
        /// The lowest address.
        first: IpAddr,
        /// The highest address.
        last: IpAddr,
    },
    /// A group of this name is there already.
    #[error("Group '{0}' already exists")]
    GroupExists(GroupName),
    /// The group has a plan of this name already.
    #[error("Plan {0} already exists")]
    PlanExists(String),
    /// The group has this prefix already.
    #[error("Subnet {0} already exists")]
    SubnetExists(String),
    /// The address is recorded already.
    #[error("Address {address} in subnet {subnet} is already taken")]
    AddressTaken {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: Bounds,
    },
    /// Another record of this kind has this external id.
    #[error("External id '{0}' is that of another record")]
    ExternalIdTaken(String),
    /// A record that is to be added has the id of one that is there.
    #[error("Id {0} is that of a record that is there already")]
    PublicIdTaken(PublicId),
    /// A backup or a new store would replace a file.
    #[error("File {0} already exists; choose another name")]
    FileExists(PathBuf),
    /// A store that something is to be copied into has something already.
    #[error("The store to copy into is not empty; name one that is new or empty")]
    NotNew,
    /// A copy was made, is not what it should be, and was not kept.
    #[error(
        "The copy is not kept, for it is not what was copied: {0}; run 'store verify' for the store that was to be copied"
    )]
    CopyDiffers(String),
    /// There was no store, and another process was faster to create one.
    #[error("Another process has just created the address store {0}; do the same again")]
    JustCreated(PathBuf),
    /// It would share addresses with something that is there.
    #[error("{what} overlaps {other}; {advice}")]
    Overlap {
        /// What was to be added or moved.
        what: String,
        /// What is in its way.
        other: String,
        /// What to do.
        advice: &'static str,
    },
    /// Something is to be deleted that holds something.
    #[error("{what} holds {holds}; delete these first, or ask for them to be deleted with it")]
    NotEmpty {
        /// What was to be deleted.
        what: String,
        /// What it holds, with the number.
        holds: String,
    },
    /// A pool would not have what is allocated from it.
    #[error("Pool '{pool}' of plan {plan} cannot become {prefix}: the prefix that is allocated at {at} lies outside")]
    PoolInUse {
        /// The pool.
        pool: String,
        /// Its plan.
        plan: String,
        /// What it was to have.
        prefix: String,
        /// The first address of what is allocated outside of it.
        at: IpAddr,
    },
    /// A leaf is to be made a container and holds something that a container does not.
    #[error("Subnet {subnet} holds {holds}, and a container holds only subnets; delete these first")]
    NoContainer {
        /// The leaf, as messages name it.
        subnet: String,
        /// What it holds, with the number.
        holds: String,
    },
    /// A container was asked for addresses.
    #[error("Subnet {0} contains subnets; choose one of them")]
    Container(Bounds),
    /// The address or range is not within the subnet.
    #[error("{what} is not in subnet {subnet}")]
    Outside {
        /// The address or range.
        what: String,
        /// The subnet.
        subnet: Bounds,
    },
    /// The network or broadcast address, or the IPv6 subnet-router anycast address.
    #[error(
        "{address} cannot be given to a host: it is the first or last address of subnet {subnet}, which is not a pool"
    )]
    NotOfferable {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: Bounds,
    },
    /// A leaf was asked for a free address, and could never offer one.
    #[error("Every address of subnet {0} is excluded; include some again, or use another subnet")]
    AllExcluded(Bounds),
    /// No address is free.
    #[error("Subnet {0} has no free address")]
    Full(Bounds),
    /// A pool has no free prefix of this length.
    #[error("Plan {plan} has no free /{length} in pool '{pool}', which is {prefix}")]
    NoSpace {
        /// The plan.
        plan: String,
        /// The pool.
        pool: String,
        /// What the pool has.
        prefix: String,
        /// The length.
        length: u8,
    },
    /// Several subnets have this prefix.
    #[error("Subnet {prefix} is in several groups; choose one of: {groups}")]
    Ambiguous {
        /// The prefix.
        prefix: Bounds,
        /// Their names, separated by commas.
        groups: String,
    },
    /// A value cannot be used; the text says why.
    #[error("{0}")]
    Invalid(String),
    /// Rows of a CSV file are wrong.
    #[error(transparent)]
    Import(#[from] Faults),
    /// The file to read or write failed.
    #[error("{doing} failed")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The CSV file cannot be written.
    #[error("Writing the CSV file failed")]
    Export(#[source] ::csv::Error),
    /// There is no such file.
    #[error("There is no address store at {0}")]
    Missing(PathBuf),
    /// The name is that of a link.
    #[error("Address store {0} is a symbolic link, which is not followed; name the file that it leads to")]
    Link(PathBuf),
    /// Somebody removed or replaced files that were open.
    #[error("Files of the address store {0} were removed or replaced while it was open; nothing was saved, try again")]
    Replaced(PathBuf),
    /// The file is something else.
    #[error("{0} is not an address store of this product")]
    NotAStore(PathBuf),
    /// A later version has written the file.
    #[error(
        "Address store {path} has format {found}, but this version knows no format after {known}; install the newer \
         version again"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The newest known format.
        known: i32,
    },
    /// An older store could not be brought to the format of this version.
    #[error("Address store {path} could not be brought from format {from} to format {to}, and is as it was")]
    Migration {
        /// The file.
        path: PathBuf,
        /// Its format.
        from: i32,
        /// The format of this version.
        to: i32,
        /// Why not.
        source: Box<StoreError>,
    },
    /// Records and extents contradict each other.
    #[error("The address store contradicts itself about subnet {0}; verify it")]
    Inconsistent(Bounds),
    /// The writer has ended.
    #[error("The address store has stopped taking requests; restart the service")]
    Stopped,
    /// The database failed.
    #[error("{}", said_of(.0.failure()))]
    Database(#[from] DatabaseError),
    /// A group of writes could not be made durable; why is in the log.
    #[error("The address store could not save the change: {0}")]
    NotSaved(String),
    /// The database's answer to a commit is lost.
    #[error(
        "The database of the address store has not answered; the change may have been made or not, look before you repeat it"
    )]
    Unknown,
}

/// A failure of the database in words for people. The database's own text stays the source.
fn said_of(failure: Failure) -> &'static str {
    match failure {
        Failure::Busy => "The address store is busy with another change; try again",
        Failure::DiskFull => "The disk that holds the address store is full",
        Failure::NotWritable => {
            "The address store cannot be opened for writing; look at the rights of the file and its directory"
        }
        Failure::ReadOnly => "The database of the address store takes no changes now: it is read-only",
        Failure::Away => "The database of the address store cannot be reached; try again",
        Failure::Forbidden => {
            "The database of the address store refuses its user; look at the user, the password and the rights"
        }
        Failure::Damaged => "The address store is damaged; restore it from a backup",
        Failure::Unreadable => "Reading or writing the address store failed",
        Failure::OutOfMemory | Failure::Refused(_) | Failure::Other => "The address store failed",
    }
}

impl StoreError {
    /// What the proxy does about it.
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSubnet(_)
            | Self::NoGroup(_)
            | Self::NoAddress { .. }
            | Self::NoRange { .. }
            | Self::NoPlan(_)
            | Self::NoPool { .. }
            | Self::NoPlanAllocation(_) => ErrorKind::NotFound,
            Self::GroupExists(_)
            | Self::SubnetExists(_)
            | Self::PlanExists(_)
            | Self::AddressTaken { .. }
            | Self::ExternalIdTaken(_)
            | Self::PublicIdTaken(_)
            | Self::FileExists(_) => ErrorKind::AlreadyExists,
            Self::Overlap { .. }
            | Self::NotNew
            | Self::NotEmpty { .. }
            | Self::NoContainer { .. }
            | Self::Container(_)
            | Self::Outside { .. }
            | Self::NotOfferable { .. }
            | Self::AllExcluded(_)
            | Self::Full(_)
            | Self::NoSpace { .. }
            | Self::PoolInUse { .. }
            | Self::Ambiguous { .. }
            | Self::Invalid(_)
            | Self::Import(_) => ErrorKind::Rejected,
            Self::Io { .. }
            | Self::Export(_)
            | Self::JustCreated(_)
            | Self::Missing(_)
            | Self::Link(_)
            | Self::Replaced(_)
            | Self::NotAStore(_)
            | Self::Newer { .. }
            | Self::Migration { .. }
            | Self::Stopped
            | Self::Unknown
            | Self::NotSaved(_) => ErrorKind::Unavailable,
            Self::CopyDiffers(_) | Self::Inconsistent(_) => ErrorKind::Unexpected,
            Self::Database(error) => match error.failure() {
                Failure::Away => ErrorKind::Unreachable,
                Failure::Forbidden => ErrorKind::Unauthenticated,
                Failure::Busy
                | Failure::ReadOnly
                | Failure::DiskFull
                | Failure::NotWritable
                | Failure::Unreadable
                | Failure::OutOfMemory => ErrorKind::Unavailable,
                Failure::Damaged | Failure::Refused(_) | Failure::Other => ErrorKind::Unexpected,
            },
        }
    }
}

impl From<StoreError> for ipam_provider::Error {
    fn from(error: StoreError) -> Self {
        Self::new(error.kind(), error.to_string()).because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_address_already_exists() {
        let subnet = "10.0.0.0/24".parse().expect("bounds");
        let error = StoreError::AddressTaken { address: "10.0.0.1".parse().expect("an address"), subnet };
        let error = ipam_provider::Error::from(error);
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(error.to_string(), "Address 10.0.0.1 in subnet 10.0.0.0/24 is already taken");
    }
}
