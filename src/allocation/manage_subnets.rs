//! Creating and deleting subnets, where the IPAM lets the proxy do so.

use std::sync::Arc;

use ipam_provider::{Creation, Deletion, GroupName, InDeleted, ManageSubnets, Prefix, Subnet};

use super::Failure;
use super::allocator::{Allocator, Deleted};
use super::lookup::GroupChoice;

impl Allocator {
    /// Creates a subnet.
    ///
    /// # Errors
    /// [`Failure::SubnetExists`], [`Failure::Overlap`], [`Failure::GroupNotFound`] and [`Failure::GroupsUnsupported`], or what
    /// the provider fails with; [`Unsupported`](ipam_provider::ErrorKind::Unsupported) for an IPAM in which the proxy [creates
    /// no subnets](ManageSubnets).
    pub async fn create_subnet(
        self: &Arc<Self>,
        prefix: Prefix,
        group: GroupChoice,
        description: String,
    ) -> Result<Subnet, Failure> {
        let this = self.clone();
        let work = async move {
            let group = this.lookup.group(this.provider(), Some(prefix), &group).await?.map(|group| group.name);
            match this.provider().create(prefix, group.as_ref(), &description).await? {
                Creation::Created(subnet) => {
                    this.lookup.forget_prefix(prefix, group.as_ref()).await;
                    log::info!("The subnet {subnet} is created");
                    Ok(subnet)
                }
                Creation::AlreadyThere => Err(Failure::SubnetExists { prefix, group }),
                Creation::Overlaps(what) => Err(Failure::Overlap { what }),
            }
        };
        self.to_its_end(work).await
    }

    /// Deletes the subnet of exactly this group, or outside of groups; one that is not there is deleted.
    ///
    /// # Errors
    /// [`Failure::SubnetInUse`] when it has addresses that must not be deleted with it, [`Failure::Ambiguous`], or what the
    /// provider fails with; as [`create_subnet`](Self::create_subnet).
    pub async fn delete_subnet(
        self: &Arc<Self>,
        prefix: Prefix,
        group: Option<GroupName>,
        addresses: InDeleted,
    ) -> Result<Deleted, Failure> {
        let this = self.clone();
        let work = async move {
            let found = match this.lookup.subnet(this.provider(), prefix, &GroupChoice::of(group.clone())).await {
                Err(Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. }) => return Ok(Deleted::WasAbsent),
                found => found?,
            };
            // Without a group, the only record of the prefix is found, whatever its group.
            if found.group != group {
                return Ok(Deleted::WasAbsent);
            }
            let subnet = found.of_routes();
            let deleted = ManageSubnets::delete(this.provider(), &subnet, addresses).await?;
            if let Deletion::HasAddresses(what) = deleted {
                return Err(Failure::SubnetInUse { subnet: subnet.to_string(), what });
            }
            this.lookup.forget(&found).await;
            this.candidates.drop_current(&found.scope);
            Ok(match deleted {
                Deletion::WasAbsent => Deleted::WasAbsent,
                _ => {
                    log::info!("The subnet {subnet} is deleted");
                    Deleted::Removed
                }
            })
        };
        self.to_its_end(work).await
    }
}
