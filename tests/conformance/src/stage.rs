//! What a case works with.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{AddressSet, Capabilities, FreeQuery, Provider, Requester, Subnet};

use crate::{Role, Seed, SeededSubnet, Skip, Subject, Wrap};

/// A freshly started subject, and the provider under test: the subject's own, or a layer around it.
pub struct Stage {
    /// The IPAM behind the provider.
    pub subject: Box<dyn Subject>,
    /// What to ask.
    pub provider: Arc<dyn Provider>,
    /// What the IPAM was filled with.
    pub seed: Seed,
}

/// A seeded subnet as the seed has it and as the provider found it.
#[derive(Debug, Clone)]
pub struct Place {
    /// As the IPAM was filled.
    pub seeded: SeededSubnet,
    /// As the provider answers.
    pub subnet: Subnet,
}

impl Stage {
    /// Starts a subject and puts the layer around its provider.
    pub async fn start<S: Subject + 'static>(wrap: Wrap<'_>) -> Self {
        let seed = S::seed();
        let subject = Box::new(S::start(&seed).await);
        let provider = wrap(subject.provider());
        Self { subject, provider, seed }
    }

    /// What the provider can do.
    pub fn capabilities(&self) -> Capabilities {
        self.provider.capabilities()
    }

    /// Skips the case when the provider has no groups.
    pub fn needs_groups(&self) -> Result<(), Skip> {
        if self.capabilities().groups { Ok(()) } else { Err(Skip::new("the IPAM has no groups")) }
    }

    /// The seeded subnet of this role, looked up through the provider; skips the case when the seed has none.
    pub async fn place(&self, role: Role) -> Result<Place, Skip> {
        let seeded = self.seed.subnet(role).ok_or_else(|| Skip::new(format!("the seed has no {role:?} subnet")))?;
        Ok(self.find(seeded).await)
    }

    /// The seeded subnets of these roles that the seed has.
    pub async fn places(&self, roles: &[Role]) -> Vec<Place> {
        let mut places = Vec::new();
        for seeded in self.seed.subnets.iter().filter(|seeded| roles.contains(&seeded.role)) {
            places.push(self.find(seeded).await);
        }
        places
    }

    /// The provider's record of a seeded subnet.
    pub async fn find(&self, seeded: &SeededSubnet) -> Place {
        let found = self.provider.find_subnets(seeded.prefix, seeded.group.as_ref()).await;
        let mut found = found.unwrap_or_else(|error| panic!("finding {}: {}: {error}", seeded.prefix, error.kind()));
        // Without a group the question is for every group.
        found.retain(|subnet| subnet.group == seeded.group);
        assert_eq!(found.len(), 1, "records of {} in {:?}: {found:?}", seeded.prefix, seeded.group);
        Place { seeded: seeded.clone(), subnet: found.remove(0) }
    }

    /// Free addresses, none of them held, with every promise of the trait checked.
    pub async fn free(&self, subnet: &Subnet, at_most: usize) -> Vec<IpAddr> {
        self.free_besides(subnet, at_most, &AddressSet::default()).await
    }

    /// Free addresses besides the held ones, with every promise of the trait checked.
    pub async fn free_besides(&self, subnet: &Subnet, at_most: usize, held: &AddressSet) -> Vec<IpAddr> {
        let answer = self.provider.free_addresses(subnet, FreeQuery { at_most, held }).await;
        let free = answer.unwrap_or_else(|error| panic!("free addresses of {subnet}: {}: {error}", error.kind()));
        assert!(free.is_sorted_by(|a, b| a < b), "lowest first, each once: {free:?}");
        assert!(free.len() <= at_most, "{} addresses where {at_most} were asked for", free.len());
        for address in &free {
            assert!(!held.contains(*address), "{address} is held");
            assert!(subnet.is_offerable(*address), "{address} is not for hosts of {subnet}");
        }
        free
    }

    /// Is the address taken, as the provider says?
    pub async fn is_reserved(&self, subnet: &Subnet, address: IpAddr) -> bool {
        let answer = self.provider.reservation(subnet, address).await;
        answer.unwrap_or_else(|error| panic!("reservation of {address}: {}: {error}", error.kind())).is_some()
    }

    /// Reserves an address that is known to be free.
    pub async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) {
        let answer = self.provider.reserve(subnet, address, by).await;
        answer.unwrap_or_else(|error| panic!("reserving {address} in {subnet}: {}: {error}", error.kind()));
    }
}
