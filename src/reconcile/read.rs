//! What Foreman, the ledger and the IPAM say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use ipam_provider::{ErrorKind, GroupName, Prefix, Reservation};
use jiff::Timestamp;

use super::compare::{Compared, Difference};
use crate::allocation::{Allocator, Failure, GroupChoice};
use crate::foreman_api::{Inventory, Scope};
use crate::ledger::{LedgerError, Records, Standing};
use crate::names::Records as _;
use crate::orphans::{InForeman, is_older};

/// How many records of the ledger are read at a time.
const ROWS: usize = 1000;

/// How many records of the IPAM are read at a time.
const PAGE: usize = 1000;

/// How many addresses are looked at at once in an IPAM that does not list its records.
const AT_ONCE: usize = 4;

/// Where the three are read.
#[derive(Debug)]
pub(crate) struct Sources<'s> {
    /// The ledger, if there is one.
    pub ledger: Option<&'s Records>,
    /// The IPAM.
    pub allocator: &'s Arc<Allocator>,
    /// What Foreman has.
    pub inventory: &'s Inventory,
    /// When the inventory was begun.
    pub taken: Timestamp,
    /// How old an address must be to count as leaked.
    pub after: Duration,
}

/// All differences.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By subnet and address.
    pub differences: Vec<Difference>,
    /// How many subnets were compared, and addresses of hosts in them.
    pub compared: (usize, usize),
    /// Subnets that could not be compared, and why.
    pub not_compared: Vec<(Prefix, String)>,
    /// Why leaked addresses are not looked for, if they are not.
    pub not_whole: Option<String>,
}

/// By subnet's prefix, the addresses that stand, by group.
type Standings = BTreeMap<Prefix, BTreeMap<Option<GroupName>, BTreeMap<IpAddr, Standing>>>;

impl Sources<'_> {
    /// Compares all subnets that use this proxy.
    ///
    /// # Errors
    /// When the ledger cannot be read. What fails of one subnet is in the report.
    pub(crate) async fn compare(&self) -> Result<Report, LedgerError> {
        let foreman = InForeman::of(self.inventory);
        let standings = self.standings(&foreman).await?;
        let mut report = Report::default();
        if let Scope::Unproven { why } = &self.inventory.scope {
            report.not_whole = Some(why.clone());
        }
        for prefix in foreman.prefixes() {
            let known = standings.get(prefix);
            let addresses = self.addresses(*prefix);
            match self.of_subnet(*prefix, known, &addresses, &foreman).await {
                Ok(differences) => {
                    report.compared.0 += 1;
                    report.compared.1 += addresses.len();
                    report.differences.extend(differences);
                }
                Err(why) => report.not_compared.push((*prefix, why)),
            }
        }
        Ok(report)
    }

    /// The addresses that hosts in Foreman have in the subnet of this prefix that uses this proxy.
    fn addresses(&self, prefix: Prefix) -> BTreeSet<IpAddr> {
        let is_there = |subnet: &crate::foreman_api::SubnetOfForeman| subnet.uses_this_proxy && subnet.prefix == prefix;
        let found = self.inventory.addresses.iter().filter(|found| found.subnet.as_ref().is_some_and(is_there));
        found.map(|found| found.address).filter(|address| prefix.contains(*address)).collect()
    }

    async fn of_subnet(
        &self,
        prefix: Prefix,
        known: Option<&BTreeMap<Option<GroupName>, BTreeMap<IpAddr, Standing>>>,
        addresses: &BTreeSet<IpAddr>,
        foreman: &InForeman<'_>,
    ) -> Result<Vec<Difference>, String> {
        if !self.inventory.subnets.iter().any(|subnet| subnet.prefix == prefix && subnet.is_only) {
            return Err("Foreman has it more than once, and does not say which group each has".to_owned());
        }
        let group = self.group(prefix, known).await?;
        let empty = BTreeMap::new();
        let ledger = known.and_then(|known| known.get(&group)).unwrap_or(&empty);
        let wanted = addresses.iter().chain(ledger.keys()).copied().collect();
        let ipam = self.records(prefix, group.clone(), wanted).await.map_err(|failure| failure.to_string())?;
        let is_whole = self.inventory.is_whole();
        let is_young = |standing: &Standing| !is_older(standing, self.taken, self.after);
        Ok(Compared { prefix, group, ledger, ipam: &ipam, is_whole }.differences(foreman, addresses, &is_young))
    }

    /// The group of a subnet, which Foreman does not show: that of what was added, or the only one in the IPAM.
    async fn group(
        &self,
        prefix: Prefix,
        known: Option<&BTreeMap<Option<GroupName>, BTreeMap<IpAddr, Standing>>>,
    ) -> Result<Option<GroupName>, String> {
        let added: Vec<_> = known.into_iter().flat_map(BTreeMap::keys).cloned().collect();
        let groups = if added.len() == 1 { added } else { self.allocator.groups_with(prefix).await? };
        match &groups[..] {
            [only] => Ok(only.clone()),
            [] => Err("the IPAM does not have it".to_owned()),
            _ => Err("several groups of the IPAM have it, and Foreman does not say which is meant".to_owned()),
        }
    }

    /// What the IPAM has recorded in the subnet: everything, or where it does not list its records, of these addresses.
    async fn records(
        &self,
        prefix: Prefix,
        group: Option<GroupName>,
        wanted: BTreeSet<IpAddr>,
    ) -> Result<BTreeMap<IpAddr, Reservation>, Failure> {
        let group = GroupChoice::of(group);
        let (mut records, mut from) = (BTreeMap::new(), None::<String>);
        loop {
            match self.allocator.reservations(prefix, &group, from.as_deref(), PAGE).await {
                Ok(page) => {
                    records.extend(
                        page.records
                            .into_iter()
                            .map(|listed| (listed.address, Reservation { ours: listed.is_ours, ..listed.reservation })),
                    );
                    match page.next {
                        Some(next) => from = Some(next),
                        None => return Ok(records),
                    }
                }
                Err(Failure::Provider(error)) if error.kind() == ErrorKind::Unsupported => break,
                Err(failure) => return Err(failure),
            }
        }
        let group = &group;
        let look = |address| async move {
            Ok::<_, Failure>((address, self.allocator.reservation(prefix, group, address).await?))
        };
        let looks = stream::iter(wanted).map(look).buffered(AT_ONCE);
        let looked: Vec<(IpAddr, Option<Reservation>)> = looks.try_collect().await?;
        Ok(looked.into_iter().filter_map(|(address, record)| Some((address, record?))).collect())
    }

    /// What stands in subnets that use this proxy, by the IPAM that the settings lead to.
    async fn standings(&self, foreman: &InForeman<'_>) -> Result<Standings, LedgerError> {
        let mut all = Standings::new();
        let Some(ledger) = self.ledger else { return Ok(all) };
        let mut after = None;
        loop {
            let (part, next) = ledger.standing(after, ROWS).await?;
            for standing in part {
                let routes = self.allocator.provider();
                if foreman.uses(standing.prefix)
                    && routes.is_of(&standing.provider, standing.prefix, standing.group.as_ref())
                {
                    let of_prefix = all.entry(standing.prefix).or_default();
                    of_prefix.entry(standing.group.clone()).or_default().insert(standing.address, standing);
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }
}
