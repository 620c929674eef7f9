//! The embedded IPAM as a provider: nouns of the contract to those of the store and back, nothing else.

use std::net::IpAddr;

use async_trait::async_trait;
use ipam_provider::database::Database;
use ipam_provider::{
    Annotate, Annotated, Annotation, Capabilities, Creation, Deletion, Error, ErrorKind, FreeQuery, Group, GroupName,
    InDeleted, ListReservations, ManageSubnets, OwnRecord, Prefix, Probe, Probes, Provider, RecordId, Released,
    Requester, Reservation, ReservationPage, Result, Subnet, first_listed,
};

use ipam_store::{
    AddressDetails, AddressEdit, AddressRecord, Attributes, Contents, GroupRecord, NewSubnet, OWNER, Scope,
    SharedStore, StoreError, SubnetRecord,
};

use crate::Place;

/// The name in settings and log lines.
pub(crate) const NAME: &str = "internal";

/// The embedded IPAM.
#[derive(Debug)]
pub struct Internal {
    store: SharedStore,
    place: Place,
}

impl Internal {
    /// Opens the store at this place, and creates it when there is none. A database that cannot be reached is no error here.
    ///
    /// # Errors
    /// [`Unavailable`](ipam_provider::ErrorKind::Unavailable) when the file cannot be opened or is not a store.
    pub fn open(place: &Place) -> Result<Self> {
        let store = match place {
            Place::File(path) => SharedStore::open_or_create(path)?,
            Place::Database(database) => SharedStore::in_database(Database::clone(database)),
        };
        Ok(Self { store, place: place.clone() })
    }

    /// As [`open`](Self::open), but where there is no store, an empty one takes its place and is gone afterwards.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_without_creating(place: &Place) -> Result<Self> {
        let store = match place {
            Place::File(path) => SharedStore::open_or_stand_in(path)?,
            Place::Database(database) => SharedStore::in_database_or_stand_in(Database::clone(database)),
        };
        Ok(Self { store, place: place.clone() })
    }

    /// Its store, for whoever manages records that other IPAMs have not. It has one writer.
    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    /// Is this where the store is?
    pub(crate) fn is_at(&self, place: &Place) -> bool {
        self.place == *place
    }
}

fn group(record: GroupRecord) -> Group {
    Group { id: RecordId::new(record.id), name: record.name, description: record.description }
}

/// The subnets among them that the contract can name: Foreman knows prefixes, and no ranges.
fn subnets(records: Vec<SubnetRecord>) -> Vec<Subnet> {
    let subnet = |record: SubnetRecord| {
        Some(Subnet {
            id: RecordId::new(record.id),
            space: record.space(),
            prefix: record.bounds.prefix()?,
            group: record.group,
            description: record.description,
            pool: record.pool,
        })
    };
    records.into_iter().filter_map(subnet).collect()
}

fn reservation(record: AddressRecord) -> Reservation {
    let description = Some(record.description);
    Reservation { mac: record.mac, hostname: record.hostname, description, ours: record.attributes.owner == OWNER }
}

/// The row of a subnet. An id that is no number was never one of ours.
fn row_of(subnet: &Subnet) -> Result<i64> {
    let gone = |_| StoreError::NoSubnet(subnet.to_string());
    Ok(subnet.id.as_str().parse().map_err(gone)?)
}

/// The message of the store names only the id that the caller has; people know the subnet by its prefix.
fn named(subnet: &Subnet) -> impl FnOnce(StoreError) -> StoreError {
    let name = subnet.to_string();
    move |error| match error {
        StoreError::NoSubnet(_) => StoreError::NoSubnet(name),
        other => other,
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Internal {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname: true }
    }

    fn max_parallel(&self) -> Option<usize> {
        None
    }

    async fn probe(&self) -> Vec<Probe> {
        let place = &self.place;
        let readable = self.store.read(|reading| reading.groups().map(drop)).await;
        // An empty change: it takes the lock for writing, and leaves everything as it is.
        let writable = self.store.write(|_| Ok(())).await;
        let mut probes = Probes::default();
        probes.note(format!("the address store {place} can be read"), readable.map_err(Error::from));
        probes.note(format!("the address store {place} can be written"), writable.map_err(Error::from));
        probes.finish()
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        Ok(self.store.read(|reading| Ok(reading.groups()?.into_iter().map(group).collect())).await?)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        let name = name.clone();
        Ok(self.store.read_few(move |reading| reading.find_group(&name)).await?.map(group))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let scope = Scope::from(group.cloned());
        Ok(subnets(self.store.read(move |reading| reading.subnets_in(&scope)).await?))
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let scope = group.cloned().map_or(Scope::Anywhere, Scope::Group);
        Ok(subnets(self.store.read_few(move |reading| reading.find_subnets(prefix, &scope)).await?))
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let row = row_of(subnet)?;
        let found = self.store.read_few(move |reading| reading.find_address(row, address)).await;
        Ok(found.map_err(named(subnet))?.map(reservation))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        let own = self.store.read(move |reading| reading.subnets_with(address, OWNER)).await?;
        let place = |subnet: SubnetRecord| OwnRecord { place: subnet.to_string() };
        Ok(own.into_iter().map(place).collect())
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let (row, at_most) = (row_of(subnet)?, query.at_most);
        let held = query.held.clone();
        let free = self.store.read(move |reading| reading.free_addresses(row, at_most, &held)).await;
        Ok(free.map_err(named(subnet))?)
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        let row = row_of(subnet)?;
        let details = AddressDetails {
            mac: by.mac,
            hostname: by.hostname.clone(),
            description: by.description.clone().or_else(|| by.remark.clone()).unwrap_or_default(),
            attributes: Attributes::of_owner(OWNER),
        };
        let reserved = self.store.write(move |writing| writing.add_address(row, address, details)).await;
        Ok(reserved.map_err(named(subnet))?)
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let row = row_of(subnet)?;
        let released = self.store.write(move |writing| writing.delete_address(row, address)).await;
        let removed = released.map_err(named(subnet))?;
        Ok(removed.map_or(Released::WasAbsent, |record| Released::Removed(reservation(record))))
    }

    fn manage_subnets(&self) -> Option<&dyn ManageSubnets> {
        Some(self)
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        Some(self)
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        Some(self)
    }
}

#[async_trait]
impl ManageSubnets for Internal {
    async fn create(&self, prefix: Prefix, group: Option<&GroupName>, description: &str) -> Result<Creation> {
        let new = NewSubnet {
            group: group.cloned(),
            description: description.to_owned(),
            attributes: Attributes::of_owner(OWNER),
            ..NewSubnet::of(prefix)
        };
        match self.store.write(move |writing| writing.add_subnet(&new)).await {
            Ok(record) => {
                let created = subnets(vec![record]).pop();
                let odd = || Error::new(ErrorKind::Unexpected, "The address store has made another subnet");
                created.map(Creation::Created).ok_or_else(odd)
            }
            Err(StoreError::SubnetExists(_)) => Ok(Creation::AlreadyThere),
            Err(error @ StoreError::Overlap { .. }) => Ok(Creation::Overlaps(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    async fn delete(&self, subnet: &Subnet, addresses: InDeleted) -> Result<Deletion> {
        let row = row_of(subnet)?;
        let contents = match addresses {
            InDeleted::MustBeNone => Contents::MustBeEmpty,
            InDeleted::DeletedToo => Contents::DeleteToo,
        };
        match self.store.write(move |writing| writing.delete_subnet(row, contents)).await {
            Ok(()) => Ok(Deletion::Deleted),
            Err(StoreError::NoSubnet(_)) => Ok(Deletion::WasAbsent),
            Err(StoreError::NotEmpty { holds, .. }) => Ok(Deletion::HasAddresses(holds)),
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait]
impl Annotate for Internal {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let row = row_of(subnet)?;
        let changed_by = |record: AddressRecord, note: &Annotation| {
            let record = reservation(record);
            record.ours.then(|| note.besides(&record))
        };
        // A look first: what is as it should be costs no write.
        let found = self.store.read_few(move |reading| reading.find_address(row, address)).await;
        match found.map_err(named(subnet))?.map(|record| changed_by(record, note)) {
            None => return Ok(Annotated::Absent),
            Some(None) => return Ok(Annotated::NotOurs),
            Some(Some(new)) if new == Requester::default() => return Ok(Annotated::AsItWas),
            Some(Some(_)) => {}
        }
        let note = note.clone();
        let annotated = self.store.write(move |writing| {
            let Some(record) = writing.find_address(row, address)? else { return Ok(Annotated::Absent) };
            let Some(new) = changed_by(record, &note) else { return Ok(Annotated::NotOurs) };
            if new == Requester::default() {
                return Ok(Annotated::AsItWas);
            }
            let edit =
                AddressEdit { mac: new.mac.map(Some), hostname: new.hostname.map(Some), ..AddressEdit::default() };
            writing.edit_address(row, address, edit)?;
            Ok(Annotated::Changed)
        });
        Ok(annotated.await.map_err(named(subnet))?)
    }
}

#[async_trait]
impl ListReservations for Internal {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let (row, first) = (row_of(subnet)?, first_listed(subnet, from)?);
        let asked = at_most.saturating_add(1);
        let found = self.store.read(move |reading| reading.addresses_from(row, first, asked)).await;
        let records = found.map_err(named(subnet))?.into_iter().map(|record| (record.address, reservation(record)));
        Ok(ReservationPage::lowest(records.collect(), at_most))
    }
}
