//! An allocation without effects: what it would come to now.

use std::net::IpAddr;

use ipam_provider::{GroupName, Prefix, Provider};

use super::Failure;
use super::allocate::{AllocationRequest, all_full, may_be_taken_over};
use super::allocator::Allocator;
use super::candidates;
use super::lookup::Found;

/// An address that would be allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// The address.
    pub address: IpAddr,
    /// The subnet that it is in.
    pub prefix: Prefix,
    /// The subnet's group.
    pub group: Option<GroupName>,
}

impl Allocator {
    /// What [`allocate`](Self::allocate) would come to now. Only reads: nothing is promised, reserved or recorded. The IPAM may
    /// still refuse the write.
    ///
    /// # Errors
    /// As [`allocate`](Self::allocate), as far as it can be known.
    pub async fn rehearse(&self, request: &AllocationRequest) -> Result<Vec<Rehearsed>, Failure> {
        self.in_time(async {
            let subnets = request.candidates()?;
            let (mut found, mut failure) = (Vec::new(), None);
            for (prefix, group) in subnets {
                let subnet = self.lookup.subnet(self.provider(), *prefix, group).await?;
                let missing = request.count - found.len();
                match self.rehearse_in(&subnet, request, missing).await {
                    Ok(addresses) => found.extend(addresses.into_iter().map(|address| Rehearsed {
                        address,
                        prefix: subnet.prefix,
                        group: subnet.group.clone(),
                    })),
                    Err(full @ Failure::NoFreeAddress { .. }) => failure = Some(full),
                    Err(other) => return Err(other),
                }
                if found.len() >= request.count {
                    return Ok(found);
                }
            }
            Err(match (failure, subnets.last()) {
                (Some(full), _) => all_full(subnets, full),
                (None, Some((prefix, group))) => {
                    let group = group.readings().first().cloned();
                    all_full(subnets, Failure::NoFreeAddress { prefix: *prefix, group, held: 0 })
                }
                (None, None) => Failure::NoneFreeInAny { prefixes: Vec::new() },
            })
        })
        .await
    }

    /// Some of the addresses that are wanted, as many as the subnet has.
    async fn rehearse_in(
        &self,
        subnet: &Found,
        request: &AllocationRequest,
        missing: usize,
    ) -> Result<Vec<IpAddr>, Failure> {
        let choice = match self.choice(subnet, request.strategy) {
            Ok(choice) => choice,
            Err(address) => {
                self.expect_offerable(subnet, address)?;
                if subnet.provider().reservation(subnet, address).await?.is_some() {
                    return Err(Failure::AlreadyReserved { address, prefix: subnet.prefix });
                }
                let hold = self.place().get(&subnet.scope.space, address).await?;
                hold.map_or(Ok(()), |hold| may_be_taken_over(address, &hold, request))?;
                return Ok(vec![address]);
            }
        };
        let held = self.place().held(&subnet.scope).await?;
        let mut free = candidates::free_addresses(subnet, &held, candidates::Width::Window).await?;
        free.retain(|address| subnet.is_offerable(*address) && !held.addresses.contains(*address));
        let mut chosen = choice.order(free);
        chosen.truncate(missing);
        if chosen.is_empty() {
            let spare = self.place().spare(&subnet.scope, self.rules.recycle_after).await?;
            let (prefix, group) = (subnet.prefix, subnet.group.clone());
            let full = Failure::NoFreeAddress { prefix, group, held: held.promised };
            chosen.push(spare.map(|offer| offer.address).ok_or(full)?);
        }
        Ok(chosen)
    }
}
