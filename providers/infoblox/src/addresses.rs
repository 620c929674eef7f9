//! What Infoblox has recorded of addresses: looking for it, adding it in the form that is accepted, removing it.

use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, Requester, Reservation, Result, Subnet};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::client::Created;
use crate::provider::{Infoblox, Note};
use crate::record::{New, Record, shown_mac};
use crate::settings::RecordType;
use crate::vendor::{ADDRESSES, HOSTS, IPV6_ADDRESSES, Kind, VIEWS, WHAT, address_key, fixed, of_family};
use crate::wire::{AddressRow, HostAddress, HostRow, NewHost, ViewRow};

impl Infoblox {
    /// Fails when the network view is not there any more, or is another one.
    pub(crate) async fn check_view(&self, subnet: &Subnet, note: &Note) -> Result<()> {
        let rows: Vec<ViewRow> = self.client.list(VIEWS, &[("name", &note.view)]).await?;
        let is_it = |row: &ViewRow| row.name == note.view && row.identity() == subnet.space.as_str();
        if rows.iter().any(is_it) { Ok(()) } else { Err(subnet.gone(WHAT)) }
    }

    /// What Infoblox knows of an address in a network view; `None` when it is in no network.
    pub(crate) async fn address(&self, note: &Note, address: IpAddr) -> Result<Option<AddressRow>> {
        let kind = of_family(address.is_ipv6(), [ADDRESSES, IPV6_ADDRESSES]);
        let text = address.to_string();
        let filters = [("ip_address", text.as_str()), ("network_view", note.view.as_str())];
        let rows: Vec<AddressRow> = match self.client.list(kind, &filters).await {
            // Not only a view that is gone may be told so.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            rows => rows?,
        };
        if !rows.iter().all(|row| row.ip_address == address && row.network_view == note.view) {
            return Err(other_address());
        }
        Ok(rows.into_iter().next())
    }

    /// Is the address taken, as its row says?
    pub(crate) fn is_taken(&self, row: &AddressRow) -> Result<bool> {
        match row.status.to_ascii_uppercase().as_str() {
            "UNUSED" => Ok(false),
            // In a range that addresses are allocated from, the range itself does not take them.
            "USED" => Ok(!(self.settings.allocate_from_ranges && row.is_only_in_range())),
            other => {
                let error =
                    Error::new(ErrorKind::Unexpected, "Infoblox answers with a status of an address that is not known");
                Err(error.because(format!("status {other:?}")))
            }
        }
    }

    /// What is recorded of an address that is taken.
    pub(crate) async fn recorded(&self, note: &Note, row: &AddressRow) -> Result<Reservation> {
        let (view, address) = (Some(note.view.as_str()), row.ip_address);
        let mut records = if row.has_fixed() { self.fixed(view, address).await? } else { Vec::new() };
        if records.is_empty() && row.has_host() {
            records = self.hosts(view, address).await?;
        }
        // Something else uses the address, or the record went meanwhile.
        let as_shown = || Reservation {
            mac: shown_mac(&self.settings, row.mac_address.as_deref().or(row.duid.as_deref())),
            hostname: row.names.first().cloned().filter(|name| !name.is_empty()),
            description: None,
            ours: false,
        };
        Ok(records.first().map_or_else(as_shown, |record| record.reservation(&self.settings, address)))
    }

    /// The fixed addresses with this address, in one network view or in all.
    pub(crate) async fn fixed(&self, view: Option<&str>, address: IpAddr) -> Result<Vec<Record>> {
        let rows = self.search(fixed(address), view, address).await?;
        self.checked(rows.into_iter().map(Record::Fixed).collect(), view, address)
    }

    /// The host records with this address, in one network view or in all.
    pub(crate) async fn hosts(&self, view: Option<&str>, address: IpAddr) -> Result<Vec<Record>> {
        let rows = self.search(HOSTS, view, address).await?;
        self.checked(rows.into_iter().map(Record::Host).collect(), view, address)
    }

    async fn search<T: DeserializeOwned + Send + 'static>(
        &self,
        kind: Kind,
        view: Option<&str>,
        address: IpAddr,
    ) -> Result<Vec<T>> {
        let text = address.to_string();
        let mut filters = vec![(address_key(address), text.as_str())];
        filters.extend(view.map(|view| ("network_view", view)));
        self.client.list(kind, &filters).await
    }

    fn checked(&self, records: Vec<Record>, view: Option<&str>, address: IpAddr) -> Result<Vec<Record>> {
        let is_asked = |record: &Record| record.has(address) && view.is_none_or(|view| record.view() == view);
        if records.iter().all(is_asked) { Ok(records) } else { Err(other_address()) }
    }

    /// The records to delete: those of the type that is written, or else of the other one.
    pub(crate) async fn records(&self, note: &Note, address: IpAddr) -> Result<Vec<Record>> {
        let view = Some(note.view.as_str());
        let is_host = self.settings.record_type == RecordType::Host;
        let first = if is_host { self.hosts(view, address).await? } else { self.fixed(view, address).await? };
        if !first.is_empty() {
            return Ok(first);
        }
        if is_host { self.fixed(view, address).await } else { self.hosts(view, address).await }
    }

    /// Takes the address out of a record, which goes with its last address; `false` when it was gone already.
    pub(crate) async fn remove(&self, record: &Record, address: IpAddr) -> Result<bool> {
        match record {
            Record::Fixed(row) => self.client.delete(fixed(address), &row._ref).await,
            Record::Host(row) if row.addresses().count() > 1 => {
                let list = if address.is_ipv6() { "ipv6addrs-" } else { "ipv4addrs-" };
                let change = json!({list: [HostAddress::only(address)]});
                self.client.update(HOSTS, &row._ref, &change).await
            }
            Record::Host(row) => self.client.delete(HOSTS, &row._ref).await,
        }
    }

    pub(crate) async fn create(&self, subnet: &Subnet, address: IpAddr, new: &New) -> Result<Created> {
        let kind = new.kind(address);
        let created = match new {
            New::Fixed(new) => self.client.create(kind, new).await,
            New::Host(new) => self.client.create(kind, new).await,
        };
        created.map_err(|error| subnet.gone_as(WHAT, error))
    }

    /// Creates a record of a free address in another form than the one that was refused. A MAC is in one network once, a
    /// name in one view once, and a name may lie in no zone.
    pub(crate) async fn create_otherwise(
        &self,
        subnet: &Subnet,
        note: &Note,
        address: IpAddr,
        full: &New,
        by: &Requester,
        refusal: &Error,
    ) -> Result<Created> {
        if let New::Host(new) = full
            && self.join_own_host(note, address, new).await?
        {
            return Ok(Created::Done);
        }
        let plain = New::plain(&self.settings, &note.view, subnet, address, by);
        let created = self.create(subnet, address, &plain).await?;
        if matches!(created, Created::Done) {
            log::warn!("infoblox: {address} is recorded without the MAC or the name, which was refused: {refusal}");
        }
        Ok(created)
    }

    /// Adds the address to the record of the same name that the proxy has made, as for a host with an address of each family;
    /// `false` when there is none, or it does not take the address.
    async fn join_own_host(&self, note: &Note, address: IpAddr, new: &NewHost) -> Result<bool> {
        let filters = [("name", new.name.as_str()), ("network_view", note.view.as_str())];
        let hosts: Vec<HostRow> = self.client.list(HOSTS, &filters).await?;
        let is_same = |row: &HostRow| row.name == new.name && row.network_view == note.view;
        let is_ours = |row: &HostRow| self.settings.description.is_ours(row.comment.as_deref().unwrap_or_default());
        let Some(row) = hosts.into_iter().find(|row| is_same(row) && is_ours(row)) else { return Ok(false) };
        let change = match address.is_ipv6() {
            true => json!({"ipv6addrs+": new.ipv6addrs}),
            false => json!({"ipv4addrs+": new.ipv4addrs}),
        };
        match self.client.update(HOSTS, &row._ref, &change).await {
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Rejected) => Ok(false),
            outcome => outcome,
        }
    }

    /// Does a record have the address? A refusal does not say whether it is about the address.
    pub(crate) async fn has_record(&self, subnet: &Subnet, note: &Note, address: IpAddr) -> Result<bool> {
        let row = self.address(note, address).await?.ok_or_else(|| subnet.gone(WHAT))?;
        Ok(row.has_fixed() || row.has_host())
    }
}

pub(crate) fn other_address() -> Error {
    Error::new(ErrorKind::Unexpected, "Infoblox answers with another address than it was asked for")
}
