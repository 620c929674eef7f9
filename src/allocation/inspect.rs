//! Questions that change nothing: what the IPAM has recorded, and what is held, for people who look.

use std::net::IpAddr;

use ipam_provider::{ErrorKind, GroupName, Prefix, Provider, Reservation, Subnet};

use super::allocator::Allocator;
use super::{Failure, GroupChoice};

/// An address as it is recorded and held.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// Its subnet.
    pub subnet: Subnet,
    /// Its record in the IPAM; `None` when it is free there.
    pub reservation: Option<Reservation>,
}

impl Allocator {
    /// All records of a prefix: in one group, or in every group and outside of groups.
    ///
    /// # Errors
    /// What the provider fails with.
    pub async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>, Failure> {
        self.in_time(async {
            let mut found = self.provider.find_subnets(prefix, group).await?;
            // A provider that compares text may answer more than was asked for.
            found.retain(|subnet| subnet.prefix == prefix && (group.is_none() || subnet.group.as_ref() == group));
            Ok(found)
        })
        .await
    }

    /// What the IPAM has recorded of an address. Unlike [`exists`](Self::exists) it is no sign of what Foreman does with a
    /// host.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet).
    pub async fn inspect(&self, prefix: Prefix, group: &GroupChoice, address: IpAddr) -> Result<Inspected, Failure> {
        self.in_time(async {
            let mut subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
            let mut found = subnet.provider().reservation(&subnet, address).await;
            if found.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                subnet = self.look_up_again(&subnet, group).await?;
                found = subnet.provider().reservation(&subnet, address).await;
            }
            Ok(Inspected { subnet: subnet.of_routes(), reservation: found? })
        })
        .await
    }

    /// How many addresses of a subnet are promised and not reserved, as far as is known.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet), and when the holds cannot be reached.
    pub async fn promised_in(&self, prefix: Prefix, group: &GroupChoice) -> Result<usize, Failure> {
        self.in_time(async {
            let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
            Ok(self.place().held(&subnet.scope).await?.promised)
        })
        .await
    }
}
