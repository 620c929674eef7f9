//! SolarWinds IPAM as a provider: hierarchy groups are groups, subnets are subnets, addresses that are not available are
//! reservations.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::settings::Section;
use ipam_provider::{
    AddressSpace, Annotate, Annotated, Annotation, Capabilities, FreeQuery, Group, GroupName, ListReservations,
    ListedReservation, OwnRecord, Prefix, Probe, Provider, ProviderSettings, RecordId, Released, Requester,
    Reservation, ReservationPage, Result, Subnet, Surroundings, bad_place,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::claims::Claims;
use crate::client::Client;
use crate::free::is_there;
use crate::reserve::Target;
use crate::settings::{ReserveWith, Settings};
use crate::tree::Tree;
use crate::vendor::{NAME, NODES, PAGE, RECORDS, START_ARGUMENTS, START_AT, SUBNETS, SUBNETS_IPV6, SUBNETS_OF, WHAT};
use crate::wire::{Change, Details, Node, Row, Status, found, spellings};
use crate::{free, probe, record};

/// One SolarWinds server.
#[derive(Debug)]
pub struct Solarwinds {
    client: Client,
    settings: Settings,
    claims: Claims,
}

/// What a look-up notes of a subnet besides what everybody sees.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The id.
    id: i64,
    /// Can reservations be started in its group, at a given address?
    starts: bool,
}

impl Solarwinds {
    /// A provider of these settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ipam_provider::ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self { client: Client::new(&settings)?, settings, claims: Claims::default() })
    }

    /// Can the server start a reservation at a given address, and may it?
    async fn starts(&self) -> Result<bool> {
        match self.settings.reserve_with {
            ReserveWith::Reservation => Ok(true),
            ReserveWith::Status => Ok(false),
            ReserveWith::Auto => {
                let arguments = self.client.query(START_ARGUMENTS, &json!({})).await?;
                let is_it = |row: &Row| row.text("Name").is_some_and(|name| name.eq_ignore_ascii_case(START_AT));
                Ok(arguments.iter().any(is_it))
            }
        }
    }

    /// The subnets of these rows that are in the group, or in any.
    async fn subnets_of(&self, rows: Vec<Row>, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (tree, starts) = tokio::try_join!(Tree::read(&self.client), self.starts())?;
        let mut subnets = Vec::new();
        for row in rows {
            let prefix = prefix(&row)?;
            let Some((hierarchy, name)) = tree.hierarchy(row.number("ParentId")?) else {
                log::warn!(
                    "{prefix} is in no hierarchy group of {WHAT} that the account may see, and counts as absent"
                );
                continue;
            };
            if group.is_some_and(|group| *group != name) {
                continue;
            }
            let id = row.number("SubnetId")?;
            let starts = starts && !prefix.is_ipv6() && tree.is_unique(&name);
            let description = row.text("Comments").or(row.text("FriendlyName")).unwrap_or_default().to_owned();
            let space = AddressSpace::new(hierarchy);
            let id = RecordId::with_note(id, &Note { id, starts });
            subnets.push(Subnet { id, prefix, group: Some(name), space, description, pool: false });
        }
        Ok(subnets)
    }

    fn target<'a>(&'a self, subnet: &'a Subnet, note: &Note, address: IpAddr) -> Target<'a> {
        let starts_in = subnet.group.as_ref().filter(|_| note.starts).map(GroupName::as_str);
        Target { client: &self.client, subnet, id: note.id, address, starts_in }
    }

    /// Is this a reservation of ours that ends by itself, because the answer to its start was lost?
    fn ends_by_itself(&self, subnet: &Subnet, node: &Node) -> bool {
        node.is_held() && self.claims.is_begun(subnet.id.as_str(), node.address)
    }

    /// Sets the custom properties of the settings. The address is recorded, so that a refusal fails no host.
    async fn set_properties(&self, address: IpAddr, node: &Node) {
        let properties = &self.settings.custom_properties;
        if properties.is_empty() {
            return;
        }
        let place = self.settings.custom_properties_in.segment();
        let set = self.client.set_properties(&node.uri, place, &Value::Object(properties.clone())).await;
        if let Err(error) = set {
            log::warn!("{address} is recorded without its custom properties: {error}");
        }
    }
}

/// Is it the first or last address of an IPv4 subnet, which SolarWinds reserves by itself, and of which nobody has recorded
/// anything?
fn is_edge(subnet: &Subnet, node: &Node) -> bool {
    let is_bare = node.mac.is_none() && node.hostname.is_none() && node.comments.is_none();
    node.address.is_ipv4() && !subnet.is_offerable(node.address) && is_bare
}

/// The prefix of a row of a subnet.
fn prefix(row: &Row) -> Result<Prefix> {
    let length = u8::try_from(row.number("CIDR")?).map_err(|_| row.unexpected("CIDR"))?;
    Prefix::new(row.address("Address")?, length).map_err(|_| row.unexpected("Address"))
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Self::read(section)
    }

    fn build(self, _: &Surroundings) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Solarwinds::new(self)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Solarwinds {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname: true }
    }

    fn max_parallel(&self) -> Option<usize> {
        Some(self.settings.http.max_parallel)
    }

    async fn probe(&self) -> Vec<Probe> {
        probe::probe(&self.client, &self.settings).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        Ok(Tree::read(&self.client).await?.groups())
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        Ok(self.groups().await?.into_iter().find(|group| group.name == *name))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        // What is in no hierarchy group counts as absent.
        let Some(group) = group else { return Ok(Vec::new()) };
        // A subnet that was only planned has no address.
        let mut rows = self.client.pages(SUBNETS, "SubnetId", &[]).await?;
        rows.retain(|row| row.text("Address").is_some_and(|address| address != "0.0.0.0"));
        let mut subnets = self.subnets_of(rows, Some(group)).await?;
        subnets.sort_by(|a, b| (a.prefix, &a.id).cmp(&(b.prefix, &b.id)));
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let length = i64::from(prefix.length());
        let mut rows = if prefix.is_ipv6() {
            self.client.pages(SUBNETS_IPV6, "SubnetId", &[("length", length)]).await?
        } else {
            let parameters = json!({"address": prefix.network().to_string(), "length": length});
            self.client.query(SUBNETS_OF, &parameters).await?
        };
        rows.retain(|row| row.address("Address").is_ok_and(|address| address == prefix.network()));
        let mut subnets = self.subnets_of(rows, group).await?;
        subnets.retain(|subnet| subnet.prefix == prefix);
        subnets.sort_by(|a, b| (&a.group, &a.id).cmp(&(&b.group, &b.id)));
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let node = self.target(subnet, &subnet.note(WHAT)?, address).node().await?;
        let taken = node.filter(|node| !node.is_available() && !self.ends_by_itself(subnet, node));
        Ok(taken.map(|node| record::reservation(&self.settings, &node)))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        let [usual, long, full] = spellings(address);
        let rows = self.client.query(NODES, &json!({"address": usual, "long": long, "full": full})).await?;
        let mut records = Vec::new();
        for row in &rows {
            let (found, status, comments, subnet) = found(row)?;
            let is_ours = status != Status::Available && record::is_ours(&self.settings, comments);
            if found == address && is_ours {
                records.push(OwnRecord { place: format!("subnet {}", subnet.unwrap_or("(without a name)")) });
            }
        }
        Ok(records)
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let note: Note = subnet.note(WHAT)?;
        free::free_addresses(&self.client, subnet, note.id, query).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if !subnet.prefix.contains(address) {
            return Err(subnet.not_offerable(address));
        }
        let target = self.target(subnet, &subnet.note(WHAT)?, address);
        let new = record::reserved(&self.settings, subnet, address, by);
        let mut claim = self.claims.lock(subnet.id.as_str(), address).await;
        let node = target.reserve(&new, &mut claim).await?;
        self.set_properties(address, &node).await;
        Ok(())
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let target = self.target(subnet, &subnet.note(WHAT)?, address);
        let claim = self.claims.lock(subnet.id.as_str(), address).await;
        let node = target.node().await?;
        let ends_by_itself = |node: &Node| node.is_held() && claim.is_begun();
        let Some(node) = node.filter(|node| !node.is_available() && !ends_by_itself(node)) else {
            return Ok(Released::WasAbsent);
        };
        let reservation = record::reservation(&self.settings, &node);
        if self.settings.delete_only_own && !reservation.ours {
            return Err(subnet.not_ours(WHAT, address));
        }
        match self.client.change(&node.uri, &Change::AVAILABLE).await {
            Ok(()) => Ok(Released::Removed(reservation)),
            // The row itself was removed meanwhile.
            Err(error) if error.kind() == ipam_provider::ErrorKind::NotFound => Ok(Released::WasAbsent),
            Err(error) => Err(error),
        }
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

/// By the id of the row, which stays: a count of rows would shift when one of them goes.
#[async_trait]
impl ListReservations for Solarwinds {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let after: i64 = from.map_or(Ok(-1), str::parse).map_err(|_| bad_place(subnet))?;
        if from.is_some() && after < 0 {
            return Err(bad_place(subnet));
        }
        let note: Note = subnet.note(WHAT)?;
        let rows = self.client.query(RECORDS, &json!({"subnet": note.id, "after": after})).await?;
        if rows.is_empty() && !is_there(&self.client, note.id).await? {
            return Err(subnet.gone(WHAT));
        }
        let mut page = ReservationPage::default();
        let has_more = rows.len() > at_most || rows.len() == PAGE;
        let (mut last, mut seen) = (after, BTreeSet::new());
        for row in rows.iter().take(at_most) {
            let node = Node::read(row)?;
            if node.id <= last || !subnet.prefix.contains(node.address) {
                return Err(row.unexpected("IpNodeId"));
            }
            last = node.id;
            // Of two rows of one address the older one counts.
            if !is_edge(subnet, &node) && !self.ends_by_itself(subnet, &node) && seen.insert(node.address) {
                page.records.push(ListedReservation::new(node.address, record::reservation(&self.settings, &node)));
            }
        }
        page.next = has_more.then(|| last.to_string());
        Ok(page)
    }
}

#[async_trait]
impl Annotate for Solarwinds {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let target = self.target(subnet, &subnet.note(WHAT)?, address);
        let claim = self.claims.lock(subnet.id.as_str(), address).await;
        let node = target.node().await?;
        let ends_by_itself = |node: &Node| node.is_held() && claim.is_begun();
        let Some(node) = node.filter(|node| !node.is_available() && !ends_by_itself(node)) else {
            return Ok(Annotated::Absent);
        };
        if !record::is_ours(&self.settings, node.comments.as_deref()) {
            return Ok(Annotated::NotOurs);
        }
        let changes = record::annotated(&self.settings, subnet, address, &node, note);
        if changes == Details::default() {
            return Ok(Annotated::AsItWas);
        }
        match self.client.change_details(&node.uri, &changes).await {
            Ok(()) => Ok(Annotated::Changed),
            // The row itself was removed meanwhile.
            Err(error) if error.kind() == ipam_provider::ErrorKind::NotFound => Ok(Annotated::Absent),
            Err(error) => Err(error),
        }
    }
}
