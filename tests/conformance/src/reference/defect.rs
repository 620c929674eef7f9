//! Deliberate defects, each a promise of the contract that is broken in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ipam_provider::{
    AddressSet, Annotate, Annotated, Annotation, Capabilities, Creation, Deletion, Error, ErrorKind, FreeQuery, Group,
    GroupName, InDeleted, ListReservations, ListedReservation, ManageSubnets, OwnRecord, Prefix, Probe, Provider,
    RecordId, Released, Requester, Reservation, ReservationPage, Result, Subnet,
};

use crate::RAW_BODY;

/// Defines the defects and the list of them, so that none is left out of the proof.
macro_rules! defects {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// What is wrong with a [`Defective`] provider.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Defect { $($(#[$doc])+ $name,)+ }

        impl Defect {
            /// Every defect.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

defects! {
    /// The name cannot be part of a file name.
    OddName,
    /// Capabilities leave out IPv6 and claim the opposite about groups.
    WrongCapabilities,
    /// A probe reserves an address and leaves it.
    ProbeWrites,
    /// A probe never fails.
    ProbeIsBlind,
    /// Groups come in reverse order.
    GroupsUnsorted,
    /// Names of groups are decoded once more.
    DecodesGroupNames,
    /// Names of groups are compared without case.
    IgnoresCaseOfGroups,
    /// A group is also found by its id.
    TakesIdsForNames,
    /// An unknown group is an error.
    UnknownGroupFails,
    /// Only the first five subnets of a group are listed.
    LosesNextPage,
    /// Subnets outside of groups are not listed.
    ListsGroupsOnly,
    /// The subnets of all groups are listed as outside of groups.
    ListsAllOutsideOfGroups,
    /// No subnet is a pool.
    ForgetsPools,
    /// Of several records of a prefix only the first is found.
    FindsFirstOnly,
    /// A record has a group only when it was asked for with one.
    GroupOnlyAsAsked,
    /// A subnet around the prefix is found as well.
    FindsAround,
    /// A subnet is found in every group.
    IgnoresGroup,
    /// A subnet that is gone is empty.
    VanishedIsEmpty,
    /// A reserve in a subnet that is gone is claimed and not done.
    VanishedTakesAll,
    /// A reserve in a subnet that is gone is done in another group.
    MistakesTwinForVanished,
    /// The highest free addresses are answered.
    HighestFirst,
    /// Twice as many addresses are answered.
    IgnoresAtMost,
    /// No more than a hundred addresses are answered.
    StopsAtAHundred,
    /// Held addresses are answered.
    OffersHeld,
    /// Held addresses are taken out after counting.
    HeldCount,
    /// The network address is answered.
    OffersNetwork,
    /// The first and last address of small prefixes are left out.
    SparesEdges,
    /// A full subnet is an error.
    FullIsAnError,
    /// Free addresses and reservations are remembered.
    Remembers,
    /// A second reserve succeeds.
    ReservesTwice,
    /// Between the check and the write others may come.
    ChecksThenActs,
    /// A reserve is refused while another one is under way.
    RefusesWhenBusy,
    /// No record is found by its address alone.
    OwnsNothing,
    /// Every address has a record of the proxy.
    OwnsEverything,
    /// The address is recorded in every subnet of the prefix.
    ReservesEverywhere,
    /// The address is removed from every subnet of the prefix.
    ReleasesEverywhere,
    /// To release an absent address is an error.
    AbsentIsAnError,
    /// A release is claimed and not done.
    ClaimsRelease,
    /// An address is found by the start of its text.
    ComparesStartOfText,
    /// An IPv6 address is only found in the shortest of its texts.
    KnowsOneTextOnly,
    /// MAC and hostname are not recorded.
    DropsDetails,
    /// A description that the requester brings is not recorded.
    ForgetsDescriptions,
    /// What is removed is not answered.
    ForgetsWhatItRemoved,
    /// A reserve needs a MAC and a hostname.
    RefusesBareRequests,
    /// A MAC may have one address.
    OneAddressPerMac,
    /// An InfiniBand MAC is refused.
    RefusesInfiniband,
    /// Every record carries the mark.
    MarksAll,
    /// No record carries the mark.
    MarksNone,
    /// A remark of the requester is not recorded.
    ForgetsRemarks,
    /// A subnet is created without its description.
    CreatesOtherSubnets,
    /// A subnet that is there is created again.
    CreatesAgain,
    /// Subnets that overlap are created.
    CreatesOverlaps,
    /// The subnet of a group that is not there is created outside of groups.
    CreatesOutsideOfGroups,
    /// That a subnet is deleted is claimed and not done.
    ClaimsDeletions,
    /// A subnet is deleted with its addresses, whatever is said of them.
    DeletesAddresses,
    /// An annotation is claimed and not done.
    ClaimsAnnotations,
    /// An annotation forgets what it does not name.
    AnnotatesAll,
    /// An annotation writes also when there is nothing to change.
    AnnotatesAgain,
    /// Records of other writers are annotated.
    AnnotatesOthers,
    /// An annotation of a free address reserves it.
    AnnotatesFree,
    /// An annotation puts another text in the place of the description.
    AnnotatesOverTexts,
    /// The address is annotated in every subnet of the prefix.
    AnnotatesEverywhere,
    /// A list has the network address too.
    ListsNetwork,
    /// A list ends with its first page.
    ListsOnePage,
    /// A page begins with the last record of the page before.
    ListsAgain,
    /// A page is larger than asked for.
    ListsTooMany,
    /// The records of every subnet of the prefix are listed.
    ListsEverywhere,
    /// The records of subnets inside of the subnet are listed.
    ListsNested,
    /// Listed records lack MAC and host name.
    ListsAddressesOnly,
    /// Every listed record is the proxy's.
    ListsAllAsOurs,
    /// A page goes on at a count of records.
    PagesByCount,
    /// A list goes on anywhere: from the beginning.
    TakesAnyPlace,
    /// Listed are only addresses of which every writer has the same text.
    ListsOneTextOnly,
    /// A page that fails is the last one, and empty.
    EndsListsThatFail,
    /// Every failure is of the same kind.
    KnowsOneKind,
    /// A failed read is an empty answer.
    SwallowsFailures,
    /// Where there is no API, nothing is recorded.
    TakesNoApiForAbsent,
    /// A failed write is a success.
    ClaimsWrites,
    /// A failed write is tried again.
    RepeatsWrites,
    /// Messages show the IPAM's raw answer.
    ShowsRawAnswers,
    /// After a failure of the connection nothing works again.
    NeverReconnects,
    /// After refused credentials nothing works again.
    NeverLogsInAgain,
}

/// A layer with one defect.
#[derive(Debug)]
pub struct Defective {
    inner: Arc<dyn Provider>,
    defect: Defect,
    remembered: Mutex<BTreeMap<RecordId, Vec<IpAddr>>>,
    macs: Mutex<BTreeSet<String>>,
    listed_last: Mutex<Option<ListedReservation>>,
    is_broken: AtomicBool,
    is_busy: AtomicBool,
}

impl Defective {
    /// A provider that is as good as `inner` but for one defect.
    pub fn new(inner: Arc<dyn Provider>, defect: Defect) -> Self {
        Self {
            inner,
            defect,
            remembered: Mutex::default(),
            macs: Mutex::default(),
            listed_last: Mutex::default(),
            is_broken: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn name_meant(&self, name: &GroupName) -> GroupName {
        let decoded = name.as_str().replace('+', " ").replace("%20", " ");
        let decoded = if self.has(Defect::DecodesGroupNames) { decoded } else { name.to_string() };
        GroupName::new(decoded).expect("a name does not become empty")
    }

    /// Spoils the outcome of any operation.
    fn end<T>(&self, outcome: Result<T>) -> Result<T> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unavailable, "There is no connection to the IPAM"));
        }
        let error = match outcome {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let breaks = match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Unreachable => self.has(Defect::NeverReconnects),
            ErrorKind::Unauthenticated => self.has(Defect::NeverLogsInAgain),
            ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::Unsupported
            | ErrorKind::TimedOut
            | ErrorKind::Rejected
            | ErrorKind::Unexpected => false,
        };
        self.is_broken.fetch_or(breaks, Ordering::Relaxed);
        match self.defect {
            Defect::KnowsOneKind => Err(Error::new(ErrorKind::Rejected, error.to_string())),
            Defect::TakesNoApiForAbsent if error.kind() == ErrorKind::Unexpected => {
                Err(Error::new(ErrorKind::NotFound, error.to_string()))
            }
            Defect::ShowsRawAnswers => Err(Error::new(error.kind(), format!("{error}: {RAW_BODY}"))),
            _ => Err(error),
        }
    }

    /// Spoils the outcome of a read.
    fn read<T: Default>(&self, outcome: Result<T>) -> Result<T> {
        self.end(outcome).or_else(|error| match self.defect {
            Defect::SwallowsFailures if error.kind() != ErrorKind::NotFound => Ok(T::default()),
            Defect::VanishedIsEmpty if error.kind() == ErrorKind::NotFound => Ok(T::default()),
            _ => Err(error),
        })
    }

    async fn twins(&self, subnet: &Subnet) -> Result<Vec<Subnet>> {
        self.inner.find_subnets(subnet.prefix, None).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Defective {
    fn name(&self) -> &'static str {
        if self.has(Defect::OddName) { "Odd Name" } else { self.inner.name() }
    }

    fn capabilities(&self) -> Capabilities {
        let capabilities = self.inner.capabilities();
        match self.defect {
            Defect::WrongCapabilities => Capabilities { groups: !capabilities.groups, ipv6: false, ..capabilities },
            _ => capabilities,
        }
    }

    fn max_parallel(&self) -> Option<usize> {
        self.inner.max_parallel()
    }

    async fn probe(&self) -> Vec<Probe> {
        if self.has(Defect::ProbeWrites) {
            let prefix = "192.0.2.0/28".parse().expect("a prefix");
            for subnet in self.inner.find_subnets(prefix, None).await.unwrap_or_default() {
                let address = IpAddr::from([192, 0, 2, 2]);
                // The second probe finds it taken, which is the defect's own business.
                let _ = self.inner.reserve(&subnet, address, &Requester::default()).await;
            }
        }
        if self.has(Defect::ProbeIsBlind) {
            return vec![Probe { what: "the settings".to_owned(), outcome: Ok(()) }];
        }
        self.inner.probe().await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let mut groups = self.read(self.inner.groups().await)?;
        if self.has(Defect::GroupsUnsorted) {
            groups.reverse();
        }
        Ok(groups)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        let found = self.read(self.inner.group(&self.name_meant(name)).await)?;
        match self.defect {
            Defect::UnknownGroupFails if found.is_none() => Err(Error::new(ErrorKind::NotFound, "No such group")),
            Defect::IgnoresCaseOfGroups if found.is_none() => {
                let groups = self.inner.groups().await?;
                let name = name.as_str().to_lowercase();
                Ok(groups.into_iter().find(|group| group.name.as_str().to_lowercase() == name))
            }
            Defect::TakesIdsForNames => {
                let by_id = self.inner.groups().await?.into_iter().find(|group| group.id.as_str() == name.as_str());
                Ok(by_id.or(found))
            }
            _ => Ok(found),
        }
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let meant = group.map(|group| self.name_meant(group));
        let mut subnets = self.read(self.inner.subnets(meant.as_ref()).await)?;
        match self.defect {
            Defect::LosesNextPage => subnets.truncate(5),
            Defect::ListsGroupsOnly if group.is_none() => subnets.clear(),
            Defect::ListsAllOutsideOfGroups if group.is_none() => {
                for listed in self.inner.groups().await? {
                    subnets.extend(self.inner.subnets(Some(&listed.name)).await?);
                }
                subnets.sort_by_key(|subnet| subnet.prefix);
            }
            _ => {}
        }
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let group_meant = group.filter(|_| !self.has(Defect::IgnoresGroup));
        let mut found = self.read(self.inner.find_subnets(prefix, group_meant).await)?;
        match self.defect {
            Defect::FindsFirstOnly => found.truncate(1),
            Defect::ForgetsPools => found.iter_mut().for_each(|subnet| subnet.pool = false),
            Defect::GroupOnlyAsAsked if group.is_none() => found.iter_mut().for_each(|subnet| subnet.group = None),
            Defect::FindsAround if prefix.length() > 0 => {
                let shorter = (1..prefix.length()).rev().find_map(|length| Prefix::new(prefix.network(), length).ok());
                if let Some(shorter) = shorter {
                    found.extend(self.inner.find_subnets(shorter, group).await?);
                }
            }
            _ => {}
        }
        Ok(found)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let reservation = self.read(self.inner.reservation(subnet, address).await)?;
        let mut reservation = match self.defect {
            Defect::ComparesStartOfText if reservation.is_none() => {
                let mut longer = (0..=9).filter_map(|digit| format!("{address}{digit}").parse().ok());
                loop {
                    let Some(address) = longer.next() else { break None };
                    if let Some(found) = self.inner.reservation(subnet, address).await? {
                        break Some(found);
                    }
                }
            }
            // Where zeros stand beside the `::`, other writers may have put the `::` elsewhere.
            Defect::KnowsOneTextOnly => reservation.filter(|_| !address.to_string().contains(":0:")),
            _ => reservation,
        };
        if let Some(reservation) = &mut reservation {
            match self.defect {
                Defect::MarksAll => reservation.ours = true,
                Defect::MarksNone => reservation.ours = false,
                Defect::DropsDetails => (reservation.mac, reservation.hostname) = (None, None),
                _ => {}
            }
        }
        Ok(reservation)
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        match self.defect {
            Defect::OwnsNothing => self.end(Ok(Vec::new())),
            Defect::OwnsEverything => {
                let place = "somewhere".to_owned();
                self.end(Ok(vec![OwnRecord { place }]))
            }
            _ => self.read(self.inner.own_records(address).await),
        }
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let (nobody, all) = (AddressSet::default(), usize::from(u16::MAX));
        let meant = match self.defect {
            Defect::IgnoresAtMost => FreeQuery { at_most: 2 * query.at_most, ..query },
            Defect::StopsAtAHundred => FreeQuery { at_most: query.at_most.min(100), ..query },
            Defect::OffersHeld | Defect::HeldCount => FreeQuery { held: &nobody, ..query },
            // Whoever has the highest must go through all; an IPv6 /64 has too many.
            Defect::HighestFirst if !subnet.prefix.is_ipv6() => FreeQuery { at_most: all, ..query },
            _ => query,
        };
        let mut free = self.read(self.inner.free_addresses(subnet, meant).await)?;
        match self.defect {
            Defect::HighestFirst => {
                free.reverse();
                free.truncate(query.at_most);
            }
            Defect::HeldCount => free.retain(|address| !query.held.contains(*address)),
            Defect::OffersNetwork => free.insert(0, subnet.prefix.network()),
            Defect::SparesEdges => {
                free.retain(|address| *address != subnet.prefix.network() && *address != subnet.prefix.last());
            }
            Defect::FullIsAnError if free.is_empty() => {
                return Err(Error::new(ErrorKind::Rejected, format!("The subnet {subnet} is full")));
            }
            Defect::Remembers => {
                let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
                return Ok(remembered.entry(subnet.id.clone()).or_insert(free).clone());
            }
            _ => {}
        }
        Ok(free)
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if self.has(Defect::RefusesBareRequests) && (by.mac.is_none() || by.hostname.is_none()) {
            return Err(Error::new(ErrorKind::Rejected, "A reservation needs a MAC and a hostname"));
        }
        if self.has(Defect::RefusesInfiniband) && by.mac.is_some_and(|mac| mac.is_infiniband()) {
            return Err(Error::new(ErrorKind::Rejected, "The MAC is too long"));
        }
        if self.has(Defect::OneAddressPerMac)
            && let Some(mac) = by.mac
            && !self.macs.lock().unwrap_or_else(PoisonError::into_inner).insert(mac.to_string())
        {
            return Err(Error::new(ErrorKind::AlreadyExists, "The MAC has an address already"));
        }
        if self.has(Defect::ChecksThenActs) {
            if self.inner.reservation(subnet, address).await?.is_some() {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("{address} is taken")));
            }
            tokio::task::yield_now().await;
        }
        if self.has(Defect::RefusesWhenBusy) {
            if self.is_busy.swap(true, Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Unavailable, "The IPAM is busy"));
            }
            tokio::task::yield_now().await;
            self.is_busy.store(false, Ordering::Relaxed);
        }
        let spoiled = match self.defect {
            Defect::ForgetsDescriptions => Some(Requester { description: None, ..by.clone() }),
            Defect::ForgetsRemarks => Some(Requester { remark: None, ..by.clone() }),
            _ => None,
        };
        let by = spoiled.as_ref().unwrap_or(by);
        let mut outcome = self.inner.reserve(subnet, address, by).await;
        if self.has(Defect::ReservesEverywhere) && outcome.is_ok() {
            for twin in self.twins(subnet).await?.iter().filter(|twin| twin.id != subnet.id) {
                self.inner.reserve(twin, address, by).await?;
            }
        }
        let kind = outcome.as_ref().map_err(Error::kind).err();
        if self.has(Defect::MistakesTwinForVanished) && kind == Some(ErrorKind::NotFound) {
            let twins = self.twins(subnet).await?;
            let twin = twins.first().ok_or_else(|| Error::new(ErrorKind::NotFound, "There is no twin either"))?;
            outcome = self.inner.reserve(twin, address, by).await;
        }
        if self.has(Defect::RepeatsWrites) && kind.is_some_and(ErrorKind::leaves_write_unknown) {
            outcome = self.inner.reserve(subnet, address, by).await;
        }
        let is_glossed_over = match self.defect {
            Defect::ReservesTwice | Defect::ChecksThenActs => kind == Some(ErrorKind::AlreadyExists),
            Defect::ClaimsWrites => kind.is_some_and(ErrorKind::leaves_write_unknown),
            Defect::VanishedTakesAll => kind == Some(ErrorKind::NotFound),
            _ => false,
        };
        if is_glossed_over { Ok(()) } else { self.end(outcome) }
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        if self.has(Defect::ReleasesEverywhere) {
            let mut released = Released::WasAbsent;
            for twin in self.twins(subnet).await? {
                let removed = self.inner.release(&twin, address).await?;
                if removed.is_removed() {
                    released = removed;
                }
            }
            return Ok(released);
        }
        if self.has(Defect::ClaimsRelease) {
            return Ok(Released::Removed(Reservation::default()));
        }
        if self.has(Defect::ChecksThenActs) && self.inner.reservation(subnet, address).await?.is_some() {
            tokio::task::yield_now().await;
            self.inner.release(subnet, address).await?;
            return Ok(Released::Removed(Reservation::default()));
        }
        let outcome = self.end(self.inner.release(subnet, address).await);
        match outcome {
            Ok(Released::Removed(_)) if self.has(Defect::ForgetsWhatItRemoved) => {
                Ok(Released::Removed(Reservation::default()))
            }
            Ok(Released::WasAbsent) if self.has(Defect::AbsentIsAnError) => {
                Err(Error::new(ErrorKind::NotFound, format!("{address} is not recorded")))
            }
            outcome => outcome,
        }
    }

    fn manage_subnets(&self) -> Option<&dyn ManageSubnets> {
        Provider::manage_subnets(&*self.inner).map(|_| self as &dyn ManageSubnets)
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        Provider::annotate(&*self.inner).map(|_| self as &dyn Annotate)
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        self.inner.list_reservations().map(|_| self as &dyn ListReservations)
    }
}

impl Defective {
    /// Writes a record in the place of the one that is there.
    async fn replace(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<Annotated> {
        self.inner.release(subnet, address).await?;
        self.inner.reserve(subnet, address, by).await?;
        Ok(Annotated::Changed)
    }
}

#[async_trait]
impl ManageSubnets for Defective {
    async fn create(&self, prefix: Prefix, group: Option<&GroupName>, description: &str) -> Result<Creation> {
        let inner = Provider::manage_subnets(&*self.inner).expect("it is handed out only then");
        let description = if self.has(Defect::CreatesOtherSubnets) { "" } else { description };
        let created = self.end(inner.create(prefix, group, description).await);
        let claimed = || async {
            let found = self.inner.find_subnets(prefix, group).await?;
            let known = found.into_iter().next().ok_or_else(|| Error::new(ErrorKind::NotFound, "There is none"))?;
            Ok(Creation::Created(known))
        };
        match (self.defect, created) {
            (Defect::CreatesAgain, Ok(Creation::AlreadyThere)) => claimed().await,
            (Defect::CreatesOverlaps, Ok(Creation::Overlaps(_))) => {
                let around = self.inner.subnets(group).await?;
                let around = around.into_iter().find(|subnet| subnet.prefix.contains(prefix.network()));
                inner.delete(&around.expect("what it overlaps"), InDeleted::DeletedToo).await?;
                inner.create(prefix, group, description).await
            }
            (Defect::CreatesOutsideOfGroups, Err(error)) if error.kind() == ErrorKind::NotFound => {
                inner.create(prefix, None, description).await
            }
            (_, created) => created,
        }
    }

    async fn delete(&self, subnet: &Subnet, addresses: InDeleted) -> Result<Deletion> {
        let inner = Provider::manage_subnets(&*self.inner).expect("it is handed out only then");
        match self.defect {
            Defect::ClaimsDeletions => Ok(Deletion::Deleted),
            Defect::DeletesAddresses => self.end(inner.delete(subnet, InDeleted::DeletedToo).await),
            _ => self.end(inner.delete(subnet, addresses).await),
        }
    }
}

#[async_trait]
impl Annotate for Defective {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let inner = Provider::annotate(&*self.inner).expect("it is handed out only then");
        let record = self.inner.reservation(subnet, address).await.ok().flatten();
        let is_ours = record.as_ref().is_some_and(|record| record.ours);
        let whole = Requester::from(record.unwrap_or_default());
        match self.defect {
            Defect::ClaimsAnnotations if is_ours => return Ok(Annotated::Changed),
            Defect::AnnotatesAll if is_ours => {
                let by = Requester { mac: note.mac, hostname: note.hostname.clone(), ..whole };
                return self.replace(subnet, address, &by).await;
            }
            Defect::AnnotatesOverTexts if is_ours => {
                let by = Requester { hostname: note.hostname.clone(), description: None, ..whole };
                return self.replace(subnet, address, &by).await;
            }
            Defect::AnnotatesEverywhere => {
                for twin in self.twins(subnet).await? {
                    inner.annotate(&twin, address, note).await?;
                }
            }
            _ => {}
        }
        match (self.defect, inner.annotate(subnet, address, note).await) {
            (Defect::AnnotatesAgain, Ok(Annotated::AsItWas)) => self.replace(subnet, address, &whole).await,
            (Defect::AnnotatesOthers, Ok(Annotated::NotOurs)) => {
                let by = Requester { hostname: note.hostname.clone(), ..whole };
                self.replace(subnet, address, &by).await
            }
            (Defect::AnnotatesFree, Ok(Annotated::Absent)) => {
                let by = Requester { mac: note.mac, hostname: note.hostname.clone(), ..Requester::default() };
                self.inner.reserve(subnet, address, &by).await?;
                Ok(Annotated::Changed)
            }
            (Defect::ClaimsWrites, Err(error)) if error.kind().leaves_write_unknown() => Ok(Annotated::Changed),
            (_, outcome) => self.end(outcome),
        }
    }
}

impl Defective {
    /// Puts all records of these subnets on the page too.
    async fn list_too(&self, subnets: Vec<Subnet>, page: &mut ReservationPage) -> Result<()> {
        let inner = self.inner.list_reservations().expect("it is handed out only then");
        for subnet in subnets {
            page.records.extend(inner.list(&subnet, None, usize::MAX).await?.records);
        }
        Ok(())
    }

    /// A page that goes on at a count of records; `None` for another defect, or a place that no such page gives.
    async fn page_by_count(
        &self,
        subnet: &Subnet,
        from: Option<&str>,
        at_most: usize,
    ) -> Option<Result<ReservationPage>> {
        let skipped: usize = from.unwrap_or("0").parse().ok().filter(|_| self.has(Defect::PagesByCount))?;
        let inner = self.inner.list_reservations().expect("it is handed out only then");
        let page = self.end(inner.list(subnet, None, usize::MAX).await).map(|all| {
            let next = skipped + at_most;
            let next = (next < all.records.len()).then(|| next.to_string());
            ReservationPage { records: all.records.into_iter().skip(skipped).take(at_most).collect(), next }
        });
        Some(page)
    }
}

#[async_trait]
impl ListReservations for Defective {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let inner = self.inner.list_reservations().expect("it is handed out only then");
        if let Some(page) = self.page_by_count(subnet, from, at_most).await {
            return page;
        }
        let meant = if self.has(Defect::ListsTooMany) { at_most.saturating_mul(2) } else { at_most };
        let outcome = match (self.defect, inner.list(subnet, from, meant).await) {
            (Defect::TakesAnyPlace, Err(error)) if error.kind() == ErrorKind::Rejected => {
                inner.list(subnet, None, meant).await
            }
            (Defect::EndsListsThatFail, Err(error)) if error.kind() == ErrorKind::Unavailable => {
                Ok(ReservationPage::default())
            }
            (_, outcome) => outcome,
        };
        let mut page = self.read(outcome)?;
        match self.defect {
            Defect::ListsNetwork if from.is_none() => {
                let network = ListedReservation::new(subnet.prefix.network(), Reservation::default());
                page.records.insert(0, network);
            }
            Defect::ListsOnePage => page.next = None,
            Defect::ListsAgain => {
                let mut last = self.listed_last.lock().unwrap_or_else(PoisonError::into_inner);
                let before = std::mem::replace(&mut *last, page.records.last().cloned());
                page.records.splice(0..0, before.filter(|_| from.is_some()));
            }
            Defect::ListsEverywhere if page.next.is_none() => {
                let mut twins = self.twins(subnet).await?;
                twins.retain(|twin| twin.id != subnet.id);
                self.list_too(twins, &mut page).await?;
            }
            Defect::ListsNested if page.next.is_none() => {
                let mut nested = self.inner.subnets(subnet.group.as_ref()).await?;
                nested.retain(|nested| nested.id != subnet.id && subnet.prefix.contains_prefix(&nested.prefix));
                self.list_too(nested, &mut page).await?;
            }
            Defect::ListsOneTextOnly => page.records.retain(|record| !record.address.to_string().contains(":0:")),
            _ => {}
        }
        for record in &mut page.records {
            match self.defect {
                Defect::ListsAddressesOnly => (record.reservation.mac, record.reservation.hostname) = (None, None),
                Defect::ListsAllAsOurs => (record.is_ours, record.reservation.ours) = (true, true),
                _ => {}
            }
        }
        Ok(page)
    }
}
