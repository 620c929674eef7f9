//! Creating and deleting subnets.

use std::fmt;

use async_trait::async_trait;

use crate::{GroupName, Prefix, Result, Subnet};

/// An IPAM in which the proxy may create and delete subnets. [`Provider::manage_subnets`](crate::Provider::manage_subnets)
/// hands it out.
#[async_trait]
pub trait ManageSubnets: fmt::Debug + Send + Sync {
    /// Creates the record of a prefix, in this group or outside of groups. All addresses of it are free.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such group; [`Rejected`](crate::ErrorKind::Rejected) when the
    /// IPAM refuses the prefix for a reason of its own.
    async fn create(&self, prefix: Prefix, group: Option<&GroupName>, description: &str) -> Result<Creation>;

    /// Deletes the record of a subnet. One that has gone is no error.
    ///
    /// # Errors
    /// [`Rejected`](crate::ErrorKind::Rejected) when the IPAM refuses it for a reason of its own.
    async fn delete(&self, subnet: &Subnet, addresses: InDeleted) -> Result<Deletion>;
}

/// What is to become of the addresses that a subnet has when it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDeleted {
    /// There must be none.
    MustBeNone,
    /// They are deleted with it.
    DeletedToo,
}

/// What became of [`ManageSubnets::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// The subnet is there now.
    Created(Subnet),
    /// The group has a record of this prefix already; nothing was written.
    AlreadyThere,
    /// It would share addresses with another subnet; nothing was written. The text says with which one, for people.
    Overlaps(String),
}

/// What became of [`ManageSubnets::delete`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It was there and is gone.
    Deleted,
    /// It was not there.
    WasAbsent,
    /// It has addresses, which must not be deleted with it; nothing was written. The text says how many, for people.
    HasAddresses(String),
}
