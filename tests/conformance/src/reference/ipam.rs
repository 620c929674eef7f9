//! An IPAM in memory, as plain as can be.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ipam_provider::{
    AddressSpace, Annotate, Annotated, Annotation, Capabilities, Creation, Deletion, Error, ErrorKind, FreeQuery,
    Group, GroupName, InDeleted, ListReservations, ManageSubnets, OwnRecord, Prefix, Probe, Provider, RecordId,
    Released, Requester, Reservation, ReservationPage, Result, Subnet, first_listed,
};

use crate::seed::hosts;
use crate::{Fault, Seed, SeededSubnet};

/// The description of a record whose requester brings none.
const DESCRIPTION: &str = "recorded by the proxy";

/// Groups, subnets and addresses behind one lock, and the faults of an IPAM that is far away.
#[derive(Debug)]
pub struct ReferenceIpam {
    capabilities: Capabilities,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    groups: Vec<Group>,
    records: Vec<Record>,
    fault: Option<Fault>,
    requests: usize,
    /// Ids are not used again.
    last_id: usize,
}

#[derive(Debug)]
struct Record {
    subnet: Subnet,
    taken: BTreeMap<IpAddr, Reservation>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    Read,
    Write,
}

impl ReferenceIpam {
    /// An IPAM that holds the seed. Without `capabilities.records_mac` and `records_hostname` it forgets these; groups
    /// and IPv6 it has when the seed has them, whatever the capabilities say.
    pub fn new(seed: &Seed, capabilities: Capabilities) -> Self {
        let groups = seed.groups.iter().enumerate().map(|(index, group)| Group {
            id: RecordId::new(index + 1),
            name: group.name.clone(),
            description: group.description.clone(),
        });
        let records = seed.subnets.iter().enumerate().map(|(index, seeded)| Record {
            subnet: Subnet {
                id: RecordId::new(index + 1),
                prefix: seeded.prefix,
                group: seeded.group.clone(),
                space: space(seeded.group.as_ref()),
                description: seeded.description.clone(),
                pool: seeded.pool,
            },
            taken: seeded.taken.iter().map(|(ip, by)| (*ip, seeded_record(by, capabilities))).collect(),
        });
        let (groups, records): (Vec<_>, Vec<_>) = (groups.collect(), records.collect());
        let state = State { last_id: records.len(), groups, records, fault: None, requests: 0 };
        Self { capabilities, state: Mutex::new(state) }
    }

    /// From now on answers with this fault, or with none.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// How many operations have reached the IPAM so far.
    pub fn requests(&self) -> usize {
        self.state().requests
    }

    /// Another writer takes an address.
    pub fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.state().seeded(subnet).taken.insert(address, of_another_writer());
    }

    /// Another writer frees an address.
    pub fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.state().seeded(subnet).taken.remove(&address);
    }

    /// Another writer removes a subnet.
    pub fn remove(&self, subnet: &SeededSubnet) {
        self.state().records.retain(|record| !is_seeded(record, subnet));
    }

    /// Another writer makes a subnet inside of another one, and takes an address of it.
    pub fn nest(&self, outer: &SeededSubnet, prefix: Prefix, taken: IpAddr) {
        let mut state = self.state();
        let id = RecordId::new(state.records.len() + 1);
        let subnet = Subnet { id, prefix, ..state.seeded(outer).subnet.clone() };
        state.records.push(Record { subnet, taken: [(taken, of_another_writer())].into() });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere has left the state whole: no operation panics half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request over the imagined network, with the fault that is set.
    async fn request<T>(&self, request: Request, work: impl FnOnce(&mut State) -> Result<T> + Send) -> Result<T> {
        let fault = {
            let mut state = self.state();
            state.requests += 1;
            match state.fault {
                Some(Fault::UnauthenticatedOnce) => state.fault.take(),
                fault => fault,
            }
        };
        let unavailable = |message| Err(Error::new(ErrorKind::Unavailable, message));
        match fault {
            None => work(&mut self.state()),
            Some(Fault::Slow) => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                work(&mut self.state())
            }
            Some(Fault::ResetBeforeWrite | Fault::ResetAfterWrite) if request == Request::Read => {
                work(&mut self.state())
            }
            Some(Fault::ResetAfterWrite | Fault::Truncated) => {
                work(&mut self.state())?;
                unavailable("The IPAM broke off the connection")
            }
            Some(Fault::WrongJson) => {
                work(&mut self.state())?;
                Err(Error::new(ErrorKind::Unexpected, "The IPAM gave an answer of an unknown form"))
            }
            Some(Fault::NoApi) => Err(Error::new(ErrorKind::Unexpected, "There is no API at the IPAM's address")),
            Some(Fault::UnauthenticatedOnce) => {
                Err(Error::new(ErrorKind::Unauthenticated, "The IPAM refuses the credentials"))
            }
            Some(Fault::TooManyRequests) => unavailable("The IPAM is overloaded"),
            Some(Fault::HtmlError | Fault::EmptyError) => unavailable("The IPAM has an internal error"),
            Some(Fault::ResetBeforeWrite) => unavailable("The IPAM broke off the connection"),
            Some(Fault::Gone) => Err(Error::new(ErrorKind::Unreachable, "The IPAM cannot be reached")),
        }
    }
}

impl State {
    fn record(&mut self, subnet: &Subnet) -> Result<&mut Record> {
        let record = self.records.iter_mut().find(|record| record.subnet.id == subnet.id);
        record.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("The subnet {subnet} is gone from the IPAM")))
    }

    fn seeded(&mut self, subnet: &SeededSubnet) -> &mut Record {
        let record = self.records.iter_mut().find(|record| is_seeded(record, subnet));
        record.expect("the subnet of the seed is still there")
    }

    fn subnets(&self, is_meant: impl Fn(&Subnet) -> bool) -> Vec<Subnet> {
        let subnets = self.records.iter().map(|record| &record.subnet);
        let mut subnets: Vec<_> = subnets.filter(|subnet| is_meant(subnet)).cloned().collect();
        subnets.sort_by_key(|subnet| subnet.prefix);
        subnets
    }
}

fn space(group: Option<&GroupName>) -> AddressSpace {
    AddressSpace::new(group.map_or("global", GroupName::as_str))
}

fn is_seeded(record: &Record, subnet: &SeededSubnet) -> bool {
    record.subnet.prefix == subnet.prefix && record.subnet.group == subnet.group
}

fn of_another_writer() -> Reservation {
    Reservation { description: Some(String::new()), ..Reservation::default() }
}

fn seeded_record(by: &Requester, capabilities: Capabilities) -> Reservation {
    Reservation { description: Some(String::new()), ours: false, ..recorded(by, capabilities) }
}

fn described(by: &Requester) -> String {
    by.remark.as_ref().map_or_else(|| DESCRIPTION.to_owned(), |remark| format!("{DESCRIPTION}: {remark}"))
}

fn recorded(by: &Requester, capabilities: Capabilities) -> Reservation {
    Reservation {
        mac: by.mac.filter(|mac| capabilities.records_mac && !mac.is_infiniband()),
        hostname: by.hostname.clone().filter(|_| capabilities.records_hostname),
        description: Some(by.description.clone().unwrap_or_else(|| described(by))),
        ours: true,
    }
}

#[async_trait]
impl Provider for ReferenceIpam {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn max_parallel(&self) -> Option<usize> {
        None
    }

    async fn probe(&self) -> Vec<Probe> {
        let answer = self.request(Request::Read, |_| Ok(())).await;
        vec![Probe { what: "the IPAM answers".to_owned(), outcome: answer }]
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let mut groups = self.request(Request::Read, |state| Ok(state.groups.clone())).await?;
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        let find = |state: &mut State| Ok(state.groups.iter().find(|group| group.name == *name).cloned());
        self.request(Request::Read, find).await
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let list = |state: &mut State| Ok(state.subnets(|subnet| subnet.group.as_ref() == group));
        self.request(Request::Read, list).await
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let is_meant = |subnet: &Subnet| subnet.prefix == prefix && (group.is_none() || subnet.group.as_ref() == group);
        self.request(Request::Read, |state| Ok(state.subnets(is_meant))).await
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        self.request(Request::Read, |state| Ok(state.record(subnet)?.taken.get(&address).cloned())).await
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        let find = |state: &mut State| {
            let is_own = |record: &&Record| record.taken.get(&address).is_some_and(|taken| taken.ours);
            let place = |record: &Record| OwnRecord { place: record.subnet.to_string() };
            Ok(state.records.iter().filter(is_own).map(place).collect())
        };
        self.request(Request::Read, find).await
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let free = |state: &mut State| {
            let taken = &state.record(subnet)?.taken;
            let is_free = |address: &IpAddr| !taken.contains_key(address) && !query.held.contains(*address);
            Ok(hosts(subnet.prefix, subnet.pool).filter(is_free).take(query.at_most).collect())
        };
        self.request(Request::Read, free).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        let record = recorded(by, self.capabilities);
        let reserve = |state: &mut State| {
            let taken = &mut state.record(subnet)?.taken;
            if taken.contains_key(&address) {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("{address} is taken in {subnet}")));
            }
            taken.insert(address, record);
            Ok(())
        };
        self.request(Request::Write, reserve).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let release = |state: &mut State| match state.record(subnet)?.taken.remove(&address) {
            Some(record) => Ok(Released::Removed(record)),
            None => Ok(Released::WasAbsent),
        };
        self.request(Request::Write, release).await
    }

    fn manage_subnets(&self) -> Option<&dyn ManageSubnets> {
        Some(self)
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        let has_place = self.capabilities.records_mac || self.capabilities.records_hostname;
        has_place.then_some(self as &dyn Annotate)
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        Some(self)
    }
}

#[async_trait]
impl ListReservations for ReferenceIpam {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let first = first_listed(subnet, from)?;
        let list = |state: &mut State| {
            let records = state.record(subnet)?.taken.range(first..).take(at_most.saturating_add(1));
            let records = records.map(|(address, record)| (*address, record.clone())).collect();
            Ok(ReservationPage::lowest(records, at_most))
        };
        self.request(Request::Read, list).await
    }
}

#[async_trait]
impl ManageSubnets for ReferenceIpam {
    async fn create(&self, prefix: Prefix, group: Option<&GroupName>, description: &str) -> Result<Creation> {
        let create = |state: &mut State| {
            if group.is_some_and(|name| state.groups.iter().all(|known| known.name != *name)) {
                return Err(Error::new(ErrorKind::NotFound, "There is no such group"));
            }
            let in_group = state.subnets(|subnet| subnet.group.as_ref() == group);
            if in_group.iter().any(|subnet| subnet.prefix == prefix) {
                return Ok(Creation::AlreadyThere);
            }
            let overlaps =
                |other: &&Subnet| other.prefix.contains(prefix.network()) || prefix.contains(other.prefix.network());
            if let Some(other) = in_group.iter().find(overlaps) {
                return Ok(Creation::Overlaps(format!("{prefix} overlaps {other}")));
            }
            state.last_id += 1;
            let subnet = Subnet {
                id: RecordId::new(state.last_id),
                prefix,
                group: group.cloned(),
                space: space(group),
                description: description.to_owned(),
                pool: false,
            };
            state.records.push(Record { subnet: subnet.clone(), taken: BTreeMap::new() });
            Ok(Creation::Created(subnet))
        };
        self.request(Request::Write, create).await
    }

    async fn delete(&self, subnet: &Subnet, addresses: InDeleted) -> Result<Deletion> {
        let delete = |state: &mut State| {
            let Ok(record) = state.record(subnet) else { return Ok(Deletion::WasAbsent) };
            if addresses == InDeleted::MustBeNone && !record.taken.is_empty() {
                return Ok(Deletion::HasAddresses(format!("{} addresses", record.taken.len())));
            }
            state.records.retain(|record| record.subnet.id != subnet.id);
            Ok(Deletion::Deleted)
        };
        self.request(Request::Write, delete).await
    }
}

#[async_trait]
impl Annotate for ReferenceIpam {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let find = |state: &mut State| Ok(state.record(subnet)?.taken.get(&address).cloned());
        let Some(record) = self.request(Request::Read, find).await? else { return Ok(Annotated::Absent) };
        if !record.ours {
            return Ok(Annotated::NotOurs);
        }
        let new = recorded(&note.besides(&record), self.capabilities);
        if (new.mac, &new.hostname) == (None, &None) {
            return Ok(Annotated::AsItWas);
        }
        let change = |state: &mut State| {
            let Some(record) = state.record(subnet)?.taken.get_mut(&address) else { return Ok(Annotated::Absent) };
            record.mac = new.mac.or(record.mac);
            record.hostname = new.hostname.or_else(|| record.hostname.take());
            Ok(Annotated::Changed)
        };
        self.request(Request::Write, change).await
    }
}
