//! Which record of the IPAM is meant by a prefix and a group; remembered for `lookup_seconds`.
//!
//! Only what was found is remembered: somebody who has just created the subnet must not be told that it is missing.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Group, GroupName, Guard, Prefix, Provider, Subnet};
use moka::future::Cache;

use super::Failure;
use super::holds::Scope;
use crate::routes::{Ipam, Routes};

/// More different subnets or groups than this are not remembered at once.
const REMEMBERED_AT_MOST: u64 = 10_000;

/// The group of a call. Foreman's encodings of a name leave several readings open; the first that the IPAM has is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupChoice {
    readings: Vec<GroupName>,
}

impl GroupChoice {
    /// No group.
    pub fn none() -> Self {
        Self::default()
    }

    /// These readings of a name, the most likely first; none means no group.
    pub fn of(readings: impl IntoIterator<Item = GroupName>) -> Self {
        let mut distinct = Vec::new();
        for reading in readings {
            if !distinct.contains(&reading) {
                distinct.push(reading);
            }
        }
        Self { readings: distinct }
    }

    /// The readings, the most likely first.
    pub fn readings(&self) -> &[GroupName] {
        &self.readings
    }
}

/// A subnet that was found, the IPAM that has it, and what its holds are kept under.
#[derive(Debug)]
pub(super) struct Found {
    /// As the IPAM's own provider knows it.
    subnet: Subnet,
    ipam: Arc<Ipam>,
    pub(super) scope: Arc<Scope>,
}

impl Found {
    fn new(routes: &Routes, subnet: &Subnet) -> Result<Arc<Self>, Failure> {
        let (ipam, subnet) = routes.origin(subnet)?;
        Ok(Arc::new(Self { scope: Arc::new(Scope::new(ipam.key(), &subnet)), ipam: ipam.clone(), subnet }))
    }

    /// The provider to ask about it.
    pub(super) fn provider(&self) -> &Guard {
        self.ipam.guard()
    }

    /// The subnet as the routes know it.
    pub(super) fn of_routes(&self) -> Subnet {
        self.ipam.named(self.subnet.clone())
    }
}

impl Deref for Found {
    type Target = Subnet;

    fn deref(&self) -> &Subnet {
        &self.subnet
    }
}

/// Remembered subnets and groups.
#[derive(Debug)]
pub(super) struct Lookup {
    subnets: Cache<(Prefix, Option<GroupName>), Arc<Found>>,
    /// With the IPAM that alone may have subnets in the group, where the prefix and the routes leave one.
    groups: Cache<(Option<Arc<str>>, GroupName), Group>,
}

impl Lookup {
    /// Remembers what is found for as long as `life`.
    pub(super) fn new(life: Duration) -> Self {
        Self {
            subnets: Cache::builder().max_capacity(REMEMBERED_AT_MOST).time_to_live(life).build(),
            groups: Cache::builder().max_capacity(REMEMBERED_AT_MOST).time_to_live(life).build(),
        }
    }

    /// The record of a prefix.
    pub(super) async fn subnet(
        &self,
        provider: &Routes,
        prefix: Prefix,
        group: &GroupChoice,
    ) -> Result<Arc<Found>, Failure> {
        let group = self.meant(provider, prefix, group).await?;
        let key = (prefix, group);
        if let Some(known) = self.subnets.get(&key).await {
            return Ok(known);
        }
        // On the heap, because it is seldom gone this way: every request would carry the space for it.
        Box::pin(self.find(provider, key)).await
    }

    /// The record of a prefix that is not remembered: of all callers that ask for it now, one asks the IPAM.
    async fn find(&self, provider: &Routes, key: (Prefix, Option<GroupName>)) -> Result<Arc<Found>, Failure> {
        let (prefix, group) = key.clone();
        let find = async { Found::new(provider, &find(provider, prefix, group.as_ref()).await?) };
        let found = self.subnets.try_get_with(key, find).await;
        found.map_err(|failure: Arc<Failure>| (*failure).clone())
    }

    /// The record of a group; `None` when the choice names none. Where a prefix is given, only IPAMs are asked that may have
    /// it.
    pub(super) async fn group(
        &self,
        provider: &Routes,
        prefix: Option<Prefix>,
        choice: &GroupChoice,
    ) -> Result<Option<Group>, Failure> {
        for name in choice.readings() {
            supports_groups(provider)?;
            // Of all callers that ask for it now, one asks the IPAM.
            let find = async {
                let found = provider.group_for(prefix, name).await?;
                found.ok_or_else(|| Failure::GroupNotFound { group: name.clone() })
            };
            match self.groups.try_get_with((provider.only_for(prefix, name), name.clone()), find).await {
                Ok(group) => return Ok(Some(group)),
                Err(failure) if matches!(*failure, Failure::GroupNotFound { .. }) => {}
                Err(failure) => return Err((*failure).clone()),
            }
        }
        match choice.readings() {
            [] => Ok(None),
            [name, ..] => Err(Failure::GroupNotFound { group: name.clone() }),
        }
    }

    /// Forgets a subnet that the IPAM says is gone, and its group, which may be gone too.
    pub(super) async fn forget(&self, subnet: &Found) {
        self.subnets.invalidate(&(subnet.prefix, None)).await;
        if let Some(group) = &subnet.group {
            self.subnets.invalidate(&(subnet.prefix, Some(group.clone()))).await;
            for ipam in [None, Some(subnet.scope.space.provider.clone())] {
                self.groups.invalidate(&(ipam, group.clone())).await;
            }
        }
    }

    /// Forgets who is meant by a prefix, which has one record more or less.
    pub(super) async fn forget_prefix(&self, prefix: Prefix, group: Option<&GroupName>) {
        self.subnets.invalidate(&(prefix, None)).await;
        if group.is_some() {
            self.subnets.invalidate(&(prefix, group.cloned())).await;
        }
    }

    /// The one group name that is meant. A single reading is not looked up: the search for the subnet tells as well.
    async fn meant(
        &self,
        provider: &Routes,
        prefix: Prefix,
        choice: &GroupChoice,
    ) -> Result<Option<GroupName>, Failure> {
        match choice.readings() {
            [] => Ok(None),
            [only] => {
                supports_groups(provider)?;
                Ok(Some(only.clone()))
            }
            _ => Ok(Box::pin(self.group(provider, Some(prefix), choice)).await?.map(|group| group.name)),
        }
    }
}

fn supports_groups(provider: &Routes) -> Result<(), Failure> {
    if provider.capabilities().groups { Ok(()) } else { Err(Failure::GroupsUnsupported) }
}

async fn find(provider: &Routes, prefix: Prefix, group: Option<&GroupName>) -> Result<Subnet, Failure> {
    let mut found = provider.find_subnets(prefix, group).await?;
    // A provider that compares text may answer more than was asked for.
    found.retain(|subnet| subnet.prefix == prefix && (group.is_none() || subnet.group.as_ref() == group));
    if found.len() > 1 {
        return choose(prefix, found);
    }
    match (found.pop(), group) {
        (Some(subnet), _) => Ok(subnet),
        (None, Some(name)) if provider.group(name).await?.is_none() => {
            Err(Failure::GroupNotFound { group: name.clone() })
        }
        (None, _) => {
            Err(Failure::SubnetNotFound { prefix, group: group.cloned(), has_route: provider.may_have(prefix, group) })
        }
    }
}

/// Of several records of one prefix, the one outside of all groups is meant; else the choice is Foreman's.
fn choose(prefix: Prefix, found: Vec<Subnet>) -> Result<Subnet, Failure> {
    let mut groups: Vec<Option<GroupName>> = found.iter().map(|subnet| subnet.group.clone()).collect();
    groups.sort();
    if groups.iter().filter(|group| group.is_none()).count() == 1 {
        let global = found.into_iter().find(|subnet| subnet.group.is_none());
        return global.ok_or(Failure::SubnetNotFound { prefix, group: None, has_route: true });
    }
    match groups.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(Failure::Duplicate { prefix, group: twice[0].clone() }),
        None => Err(Failure::Ambiguous { prefix, groups: groups.into_iter().flatten().collect() }),
    }
}
