//! Nautobot as a provider: namespaces are groups, prefixes are subnets, IP addresses are reservations.
//!
//! A subnet is a prefix by its id, with a [`Note`] of its namespace, so that nothing about its addresses needs another
//! look at the prefix.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::settings::Section;
use ipam_provider::{
    AddressSpace, Annotate, Annotated, Annotation, Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName,
    ListReservations, OwnRecord, Prefix, Probe, Provider, ProviderSettings, RecordId, Released, Requester, Reservation,
    Result, Subnet, Surroundings,
};
use serde::{Deserialize, Serialize};

use crate::client::{Added, Client};
use crate::vendor::{ADDRESSES, CHANGE_ADDRESSES, DELETE_ADDRESSES, NAME, NAMESPACES, PREFIXES, WHAT};
use crate::wire::{AddressChanges, AddressRow, NamespaceRow, PrefixRow};
use crate::{Settings, free, probe, record};

/// One Nautobot.
#[derive(Debug)]
pub struct Nautobot {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
}

impl Nautobot {
    /// A provider of these settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self { client: Client::new(&settings)?, settings })
    }

    /// The prefix as it is now. What is remembered of it does not hold any more when it has gone, or has become
    /// another one: then it is `NotFound`.
    pub(crate) async fn current(&self, subnet: &Subnet, note: &Note) -> Result<PrefixRow> {
        let row = self.client.prefix(subnet.id.as_str()).await;
        let row = row.map_err(|error| subnet.gone_as(WHAT, error))?;
        let is_same = row.value() == Some(subnet.prefix) && row.namespace.id == note.namespace;
        if is_same { Ok(row) } else { Err(subnet.gone(WHAT)) }
    }

    /// The records of the address in the namespace of the subnet.
    ///
    /// An address belongs to the smallest prefix around it, so the record of an address in a subnet with smaller ones
    /// in it may be one of theirs. It is the same address all the same: a namespace has each only once.
    async fn records(&self, subnet: &Subnet, note: &Note, address: IpAddr) -> Result<Vec<AddressRow>> {
        let text = address.to_string();
        // At this depth each row shows the namespace of its prefix, which is compared.
        let filters = [("address", text.as_str()), ("namespace", note.namespace.as_str()), ("depth", "1")];
        let records = self.client.list(ADDRESSES, &filters).await;
        // Perhaps the namespace has gone.
        let records: Vec<AddressRow> = records.map_err(|error| subnet.gone_as(WHAT, error))?;
        let is_asked = |row: &AddressRow| {
            row.host() == Some(address)
                && row.parent.namespace.as_ref().is_some_and(|namespace| namespace.id == note.namespace)
        };
        if records.iter().all(is_asked) {
            return Ok(records);
        }
        Err(Error::new(ErrorKind::Unexpected, "Nautobot answers with another address than it was asked for"))
    }

    /// Deletes one record; `false` when it was gone already.
    async fn delete(&self, subnet: &Subnet, note: &Note, address: IpAddr, record: &AddressRow) -> Result<bool> {
        if self.client.delete(&record.id).await? {
            return Ok(true);
        }
        // A permission that is bound to conditions hides what may not be deleted: that is a 404 as well.
        if self.records(subnet, note, address).await?.iter().any(|left| left.id == record.id) {
            let message = format!(
                "The user of the Nautobot token may not delete IP address {address}: the permission \
                 {DELETE_ADDRESSES} does not reach it"
            );
            return Err(Error::new(ErrorKind::Unauthenticated, message));
        }
        Ok(false)
    }
}

/// What a look-up notes of a prefix besides what everybody sees.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The id of its namespace.
    namespace: String,
    /// Is it there to hold prefixes, not addresses?
    is_container: bool,
}

fn group(row: NamespaceRow) -> Option<Group> {
    Some(Group { id: RecordId::new(row.id), name: GroupName::new(row.name)?, description: row.description })
}

/// The subnet of a row of `depth=1`, which names the namespace, or of a namespace that is known.
fn subnet(row: PrefixRow, known: Option<&GroupName>) -> Result<Subnet> {
    let unexpected = |message: &str| Error::new(ErrorKind::Unexpected, message);
    let prefix = row.value().ok_or_else(|| unexpected("Nautobot answers with a prefix that is none"))?;
    let pool = row.is_pool();
    let space = AddressSpace::new(&row.namespace.id);
    let note = Note { is_container: row.is_container(), namespace: row.namespace.id };
    let group = known.cloned().or_else(|| GroupName::new(row.namespace.name?));
    let group = group.ok_or_else(|| unexpected("Nautobot does not name the namespace of a prefix"))?;
    let (id, description) = (RecordId::with_note(row.id, &note), row.description);
    Ok(Subnet { id, prefix, group: Some(group), space, description, pool })
}

/// Can the name be filtered by? `null` asks for "no value"; control characters are an error.
fn can_be_asked_for(name: &GroupName) -> bool {
    name.as_str() != "null" && !name.as_str().contains(char::is_control)
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Self::read(section)
    }

    fn build(self, _: &Surroundings) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Nautobot::new(self)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Nautobot {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let records_mac = self.settings.custom_fields.mac_field().is_some();
        Capabilities { groups: true, ipv6: true, records_mac, records_hostname: true }
    }

    fn max_parallel(&self) -> Option<usize> {
        Some(self.settings.http.max_parallel)
    }

    async fn probe(&self) -> Vec<Probe> {
        probe::probe(&self.client, &self.settings).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let rows = self.client.list(NAMESPACES, &[]).await?;
        let mut groups: Vec<Group> = rows.into_iter().filter_map(group).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        // Somebody may add a namespace between two pages and so move another onto the next one.
        groups.dedup_by(|a, b| a.id == b.id);
        Ok(groups)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        let rows: Vec<NamespaceRow> = if can_be_asked_for(name) {
            self.client.list(NAMESPACES, &[("name", name.as_str())]).await?
        } else {
            self.client.list(NAMESPACES, &[]).await?
        };
        // Nautobot strips blanks from what it is asked for, and a name of blanks is no filter at all.
        Ok(rows.into_iter().find(|row| row.name == name.as_str()).and_then(group))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        // There is no prefix outside of namespaces.
        let Some(group) = group else { return Ok(Vec::new()) };
        let Some(namespace) = self.group(group).await? else { return Ok(Vec::new()) };
        let id = namespace.id.as_str();
        let mut rows: Vec<PrefixRow> = self.client.list(PREFIXES, &[("namespace", id)]).await?;
        rows.retain(|row| row.namespace.id == id);
        let subnets: Result<Vec<Subnet>> = rows.into_iter().map(|row| subnet(row, Some(group))).collect();
        let mut subnets = subnets?;
        subnets.sort_by_key(|subnet| subnet.prefix);
        subnets.dedup_by(|a, b| a.id == b.id);
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let text = prefix.to_string();
        // All namespaces are asked for, also when one is meant: there are few records of a prefix, and a filter by
        // name would take a name that looks like an id for the id.
        let filters = [("prefix", text.as_str()), ("depth", "1")];
        let mut rows: Vec<PrefixRow> = self.client.list(PREFIXES, &filters).await?;
        rows.retain(|row| row.value() == Some(prefix));
        let subnets: Result<Vec<Subnet>> = rows.into_iter().map(|row| subnet(row, None)).collect();
        let mut subnets = subnets?;
        subnets.retain(|subnet| group.is_none() || subnet.group.as_ref() == group);
        subnets.sort_by(|a, b| (&a.group, &a.id).cmp(&(&b.group, &b.id)));
        subnets.dedup_by(|a, b| a.id == b.id);
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let records = self.records(subnet, &subnet.note(WHAT)?, address).await?;
        Ok(records.first().map(|record| record::reservation(&self.settings, record)))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        let text = address.to_string();
        let filters = [("address", text.as_str()), ("depth", "1")];
        let mut rows: Vec<AddressRow> = self.client.list(ADDRESSES, &filters).await?;
        rows.retain(|row| row.host() == Some(address) && record::is_ours(&self.settings, row));
        let place = |row: AddressRow| {
            let namespace = row.parent.namespace.and_then(|namespace| namespace.name);
            OwnRecord { place: format!("namespace {}", namespace.as_deref().unwrap_or("(without a name)")) }
        };
        Ok(rows.into_iter().map(place).collect())
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let note: Note = subnet.note(WHAT)?;
        if note.is_container && self.current(subnet, &note).await?.is_container() {
            // Nautobot would offer what the prefixes inside need for themselves, their network addresses included.
            let message =
                format!("Subnet {subnet} is a container in Nautobot; choose a prefix inside it, or make it a network");
            return Err(Error::new(ErrorKind::Rejected, message));
        }
        let free = free::free_addresses(&self.client, subnet, query).await;
        free.map_err(|error| subnet.gone_as(WHAT, error))
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if !subnet.prefix.contains(address) {
            return Err(subnet.not_offerable(address));
        }
        let note: Note = subnet.note(WHAT)?;
        let mut new = record::new(&self.settings, &note.namespace, subnet, address, by);
        let mut added = self.client.add(&new).await?;
        if matches!(added, Added::NotItsParent) {
            // Unless the prefix has become another one, the address is to be recorded in a smaller one inside of it.
            self.current(subnet, &note).await?;
            new.parent = None;
            added = self.client.add(&new).await?;
        }
        match added {
            Added::Done => Ok(()),
            Added::Refused(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(subnet.taken(address).because(error))
            }
            Added::Refused(error) => Err(subnet.gone_as(WHAT, error)),
            Added::NotItsParent => {
                Err(Error::new(ErrorKind::Unexpected, "Nautobot refuses a parent that nobody named"))
            }
            Added::PerhapsTaken(error) => match self.records(subnet, &note, address).await {
                Ok(records) if !records.is_empty() => Err(subnet.taken(address).because(error)),
                _ => Err(error),
            },
        }
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let note: Note = subnet.note(WHAT)?;
        let records = self.records(subnet, &note, address).await?;
        if self.settings.delete_only_own && !records.iter().all(|record| record::is_ours(&self.settings, record)) {
            return Err(subnet.not_ours(WHAT, address));
        }
        let mut removed = Released::WasAbsent;
        for record in &records {
            if self.delete(subnet, &note, address, record).await? {
                removed = Released::Removed(record::reservation(&self.settings, record));
            }
        }
        Ok(removed)
    }

    fn manage_subnets(&self) -> Option<&dyn ipam_provider::ManageSubnets> {
        None
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        Some(self)
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        Some(self)
    }
}

#[async_trait]
impl Annotate for Nautobot {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let place: Note = subnet.note(WHAT)?;
        // A namespace has each address once.
        let Some(record) = self.records(subnet, &place, address).await?.into_iter().next() else {
            return Ok(Annotated::Absent);
        };
        if !record::is_ours(&self.settings, &record) {
            return Ok(Annotated::NotOurs);
        }
        let changes = record::changes(&self.settings, &record, note, (subnet, address));
        if changes == AddressChanges::default() {
            return Ok(Annotated::AsItWas);
        }
        if self.client.change(&record.id, &changes).await? {
            return Ok(Annotated::Changed);
        }
        // A permission that is bound to conditions hides what may not be changed.
        if self.records(subnet, &place, address).await?.iter().any(|left| left.id == record.id) {
            let message = format!(
                "The user of the Nautobot token may not change IP address {address}: the permission {CHANGE_ADDRESSES} \
                 does not reach it"
            );
            return Err(Error::new(ErrorKind::Unauthenticated, message));
        }
        Ok(Annotated::Absent)
    }
}
