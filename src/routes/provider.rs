//! The answers of several IPAMs as one.
//!
//! What is asked of several IPAMs is asked of all at once. A list is complete or an error, and absent is only what every
//! IPAM that may have it has not. So an IPAM that is away makes fail what only it could complete; all that concerns a subnet
//! of another one goes on.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::{join_all, try_join_all};
use futures_util::stream::FuturesOrdered;
use ipam_provider::{
    Annotate, Annotated, Annotation, Capabilities, Creation, Deletion, Error, ErrorKind, FreeQuery, Group, GroupName,
    Guard, InDeleted, ListReservations, ManageSubnets, OwnRecord, Prefix, Probe, Provider, Released, Requester,
    Reservation, ReservationPage, Result, Subnet, titled,
};

use super::{Conditions, Ipam, Table};

/// What several IPAMs are called together.
const SEVERAL: &str = "routes";

/// The IPAMs behind the proxy.
#[derive(Debug)]
pub struct Routes {
    table: Table<Arc<Ipam>>,
}

impl Routes {
    /// IPAMs with their conditions, in the order of the routes; at least one.
    pub fn new(routes: Vec<(Conditions, Ipam)>) -> Self {
        let routes = routes.into_iter().map(|(conditions, ipam)| (conditions, Arc::new(ipam)));
        Self { table: Table::new(routes.collect()) }
    }

    /// All IPAMs, in the order of the routes.
    pub fn ipams(&self) -> impl ExactSizeIterator<Item = &Arc<Ipam>> {
        self.table.all()
    }

    /// The only IPAM, if there are no others.
    fn only(&self) -> Option<&Arc<Ipam>> {
        let mut all = self.ipams();
        all.next().filter(|_| all.len() == 0)
    }

    /// The IPAM that has a subnet, and the subnet as its own provider knows it.
    ///
    /// # Errors
    /// [`NotFound`](ipam_provider::ErrorKind::NotFound) for a subnet of an IPAM that is not among these.
    pub fn origin(&self, subnet: &Subnet) -> Result<(&Arc<Ipam>, Subnet)> {
        let ipam = self.ipams().find(|ipam| subnet.id.ipam() == Some(ipam.key()));
        let ipam = ipam.ok_or_else(|| subnet.gone("External IPAM"))?;
        Ok((ipam, ipam.own(subnet)))
    }

    /// Does the IPAM of this key have the subnet of this prefix and group, if there is such a subnet?
    pub fn is_of(&self, key: &str, prefix: Prefix, group: Option<&GroupName>) -> bool {
        self.table.of_subnet(prefix, group).is_some_and(|ipam| ipam.key() == key)
    }

    /// Those that may have a subnet of which the prefix, the group, or neither is known.
    pub(super) fn that_may_have(&self, prefix: Option<Prefix>, group: Option<&GroupName>) -> Vec<&Arc<Ipam>> {
        self.table.that_may_have(prefix, group)
    }

    /// May some IPAM have a subnet of this prefix, in this group or in any?
    pub fn may_have(&self, prefix: Prefix, group: Option<&GroupName>) -> bool {
        !self.that_may_have(Some(prefix), group).is_empty()
    }

    /// The key of the IPAM that alone may have a subnet of this prefix in this group; `None` if several may, or none.
    pub fn only_for(&self, prefix: Option<Prefix>, group: &GroupName) -> Option<Arc<str>> {
        match self.that_may_have(prefix, Some(group))[..] {
            [ipam] => Some(ipam.key().into()),
            _ => None,
        }
    }

    /// [`Provider::group`] of those IPAMs only that may have a subnet of this prefix in it.
    ///
    /// # Errors
    /// As of [`Provider::group`].
    pub async fn group_for(&self, prefix: Option<Prefix>, name: &GroupName) -> Result<Option<Group>> {
        let asked = self.that_may_have(prefix, Some(name));
        let is_one_of_several = asked.len() > 1;
        let mut answers: FuturesOrdered<_> =
            asked.into_iter().map(|ipam| async move { (ipam, ipam.guard().group(name).await) }).collect();
        let mut failure = None;
        while let Some((ipam, answer)) = answers.next().await {
            match answer {
                Ok(Some(group)) => return Ok(Some(ipam.named_group(group))),
                Ok(None) => {}
                Err(error) if is_one_of_several => {
                    let unknown = format!("Whether {} has the group {name} is unknown", ipam.key());
                    failure.get_or_insert(error.in_context(unknown));
                }
                Err(error) => return Err(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// Are in some IPAM as many calls under way as there may be?
    pub fn is_busy(&self) -> bool {
        self.ipams().any(|ipam| ipam.guard().is_busy())
    }

    /// What is wrong with each IPAM, as far as calls have shown it, for people.
    pub fn trouble(&self) -> Vec<String> {
        let is_one = self.only().is_some();
        let of = |ipam: &Arc<Ipam>| {
            let trouble = ipam.guard().trouble()?;
            Some(if is_one { format!("IPAM: {trouble}") } else { format!("IPAM {}: {trouble}", ipam.key()) })
        };
        self.ipams().filter_map(of).collect()
    }

    /// The subnets of one IPAM's answer that are its own by the conditions.
    fn routed<'a>(&'a self, ipam: &'a Arc<Ipam>, subnets: Vec<Subnet>) -> impl Iterator<Item = Subnet> + 'a {
        let is_own = |subnet: &Subnet| self.is_of(ipam.key(), subnet.prefix, subnet.group.as_ref());
        subnets.into_iter().filter(is_own).map(|subnet| ipam.named(subnet))
    }
}

/// One IPAM without conditions.
impl From<Guard> for Routes {
    fn from(guard: Guard) -> Self {
        Self::new(vec![(Conditions::default(), guard.into())])
    }
}

/// Asks several IPAMs at once. What one alone is asked fails as it does; else `missing` says what the failure leaves
/// unknown.
async fn ask_all<'a, T, F: Future<Output = Result<T>>>(
    ipams: Vec<&'a Arc<Ipam>>,
    ask: impl Fn(&'a Guard) -> F,
    missing: impl Fn(&str) -> String,
) -> Result<Vec<(&'a Arc<Ipam>, T)>> {
    let is_one = ipams.len() == 1;
    let in_context = |ipam: &Ipam, error: Error| if is_one { error } else { error.in_context(missing(ipam.key())) };
    try_join_all(ipams.into_iter().map(|ipam| {
        let answer = ask(ipam.guard());
        async move { Ok((ipam, answer.await.map_err(|error| in_context(ipam, error))?)) }
    }))
    .await
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Routes {
    fn name(&self) -> &'static str {
        self.only().map_or(SEVERAL, |ipam| ipam.guard().name())
    }

    /// Groups and IPv6 if some IPAM has them; that MACs and host names are recorded only if every IPAM does.
    fn capabilities(&self) -> Capabilities {
        let all: Vec<Capabilities> = self.ipams().map(|ipam| ipam.guard().capabilities()).collect();
        Capabilities {
            groups: all.iter().any(|one| one.groups),
            ipv6: all.iter().any(|one| one.ipv6),
            records_mac: all.iter().all(|one| one.records_mac),
            records_hostname: all.iter().all(|one| one.records_hostname),
        }
    }

    /// Several IPAMs have no queue in common, but each one of its own.
    fn max_parallel(&self) -> Option<usize> {
        self.only().and_then(|ipam| ipam.guard().max_parallel())
    }

    async fn probe(&self) -> Vec<Probe> {
        if let Some(ipam) = self.only() {
            return ipam.guard().probe().await;
        }
        let probes = self.ipams().map(|ipam| async move {
            let probes = ipam.guard().probe().await.into_iter();
            probes.map(|probe| Probe { what: format!("{}: {}", ipam.key(), probe.what), ..probe }).collect::<Vec<_>>()
        });
        join_all(probes).await.into_iter().flatten().collect()
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let missing = |key: &str| format!("The groups of {key} are missing");
        let answers = ask_all(self.ipams().collect(), Provider::groups, missing).await?;
        let mut groups: Vec<Group> = Vec::new();
        for (ipam, listed) in answers {
            let is_asked = |group: &Group| {
                self.that_may_have(None, Some(&group.name)).iter().any(|asked| Arc::ptr_eq(asked, ipam))
            };
            groups.extend(listed.into_iter().filter(is_asked).map(|group| ipam.named_group(group)));
        }
        // Of those with one name, the first route's stays first.
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        groups.dedup_by(|later, first| later.name == first.name);
        Ok(groups)
    }

    /// That it is there is known from one IPAM that has it; that it is not, only from all.
    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        self.group_for(None, name).await
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let place = group.map_or_else(|| "outside of groups".to_owned(), |group| format!("in the group {group}"));
        let missing = |key: &str| format!("The subnets of {key} {place} are missing");
        let asked = match group {
            Some(_) => self.that_may_have(None, group),
            None => self.table.that_may_have_outside_of_groups(),
        };
        let answers = ask_all(asked, |guard| guard.subnets(group), missing).await?;
        let mut subnets: Vec<Subnet> =
            answers.into_iter().flat_map(|(ipam, subnets)| self.routed(ipam, subnets)).collect();
        subnets.sort_by_key(|subnet| subnet.prefix);
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let missing =
            |key: &str| format!("Whether {key} has {prefix} too is unknown, and the subnet has no group in Foreman");
        let asked = self.that_may_have(Some(prefix), group);
        let answers = ask_all(asked, |guard| guard.find_subnets(prefix, group), missing).await?;
        Ok(answers.into_iter().flat_map(|(ipam, subnets)| self.routed(ipam, subnets)).collect())
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let (ipam, subnet) = self.origin(subnet)?;
        ipam.guard().reservation(&subnet, address).await
    }

    /// Asks all IPAMs, whatever their conditions: these may have changed since the address was recorded. A record that is
    /// found is answered although another IPAM fails; that there is none is only known from all.
    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        if let Some(ipam) = self.only() {
            return ipam.guard().own_records(address).await;
        }
        let answers = self.ipams().map(|ipam| async move { (ipam, ipam.guard().own_records(address).await) });
        let (mut records, mut failure) = (Vec::new(), None);
        for (ipam, answer) in join_all(answers).await {
            let key = ipam.key();
            match answer {
                Ok(found) => {
                    records.extend(
                        found.into_iter().map(|record| OwnRecord { place: format!("{} of {key}", record.place) }),
                    );
                }
                Err(error) => {
                    let unknown = format!("Whether {key} has a record of {address} is unknown");
                    failure.get_or_insert(error.in_context(unknown));
                }
            }
        }
        match failure {
            Some(error) if records.is_empty() => Err(error),
            _ => Ok(records),
        }
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let (ipam, subnet) = self.origin(subnet)?;
        ipam.guard().free_addresses(&subnet, query).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        let (ipam, subnet) = self.origin(subnet)?;
        ipam.guard().reserve(&subnet, address, by).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let (ipam, subnet) = self.origin(subnet)?;
        ipam.guard().release(&subnet, address).await
    }

    /// An IPAM in which the proxy creates none says so when one is to be created.
    fn manage_subnets(&self) -> Option<&dyn ManageSubnets> {
        let some = self.ipams().find_map(|ipam| Provider::manage_subnets(ipam.guard()));
        some.map(|_| self as &dyn ManageSubnets)
    }

    /// An IPAM that does not change its records says so when one of its subnets is annotated.
    fn annotate(&self) -> Option<&dyn Annotate> {
        let some = self.ipams().find_map(|ipam| Provider::annotate(ipam.guard()));
        some.map(|_| self as &dyn Annotate)
    }

    /// An IPAM that does not list its records says so when one of its subnets is listed.
    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        let some = self.ipams().find_map(|ipam| ipam.guard().list_reservations());
        some.map(|_| self as &dyn ListReservations)
    }
}

#[async_trait]
impl ManageSubnets for Routes {
    /// In the IPAM that would have the subnet by the conditions.
    async fn create(&self, prefix: Prefix, group: Option<&GroupName>, description: &str) -> Result<Creation> {
        let ipam = self.table.of_subnet(prefix, group).ok_or_else(|| {
            let text = format!("No route in use_provider is for {}: add one", titled(prefix, group));
            Error::new(ErrorKind::Rejected, text)
        })?;
        Ok(match ManageSubnets::create(ipam.guard(), prefix, group, description).await? {
            Creation::Created(subnet) => Creation::Created(ipam.named(subnet)),
            other => other,
        })
    }

    async fn delete(&self, subnet: &Subnet, addresses: InDeleted) -> Result<Deletion> {
        let (ipam, subnet) = self.origin(subnet)?;
        ManageSubnets::delete(ipam.guard(), &subnet, addresses).await
    }
}

#[async_trait]
impl Annotate for Routes {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let (ipam, subnet) = self.origin(subnet)?;
        Annotate::annotate(ipam.guard(), &subnet, address, note).await
    }
}

#[async_trait]
impl ListReservations for Routes {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let (ipam, subnet) = self.origin(subnet)?;
        ipam.guard().list(&subnet, from, at_most).await
    }
}
