//! One phpIPAM, and what several questions need to know of its rows.

use std::net::IpAddr;

use ipam_provider::{Result, Subnet, Template};
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::client::Client;
use crate::failure::Failure;
use crate::vendor::WHAT;
use crate::walk::Walks;
use crate::wire::{AddressRow, SectionRow, SubnetRow};

/// What a look-up notes of a subnet.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// It was marked as full or contained subnets: phpIPAM gives out no address of it, and is asked each time whether that
    /// is still so.
    pub(crate) asks_first: bool,
}

/// A phpIPAM behind its REST API.
#[derive(Debug)]
pub struct Phpipam {
    pub(crate) client: Client,
    pub(crate) host: String,
    pub(crate) walks: Walks,
    pub(crate) description: Template,
    pub(crate) owner: String,
    pub(crate) delete_only_own: bool,
    pub(crate) max_parallel: usize,
}

impl Phpipam {
    /// A provider for the phpIPAM of these settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: &Settings) -> Result<Self> {
        Ok(Self {
            client: Client::new(settings)?,
            host: settings.http.url.host_str().unwrap_or_default().to_owned(),
            walks: Walks::default(),
            description: settings.description.clone(),
            owner: settings.owner.clone(),
            delete_only_own: settings.delete_only_own,
            max_parallel: settings.http.max_parallel,
        })
    }

    /// All sections, children among them, in the server's own order.
    pub(crate) async fn sections(&self) -> Result<Vec<SectionRow>> {
        Ok(self.client.get(&["sections"]).await?.unwrap_or_default())
    }

    /// The row of a subnet that was found before.
    pub(crate) async fn row_of(&self, subnet: &Subnet) -> Result<SubnetRow> {
        let row: Option<SubnetRow> = match self.client.get(&["subnets", subnet.id.as_str()]).await {
            Ok(row) => row,
            Err(Failure::NoSubnet | Failure::Absent) => None,
            Err(failure) => return Err(failure.into()),
        };
        // An id may be used again after the database was restarted.
        row.filter(|row| row.prefix() == Some(subnet.prefix)).ok_or_else(|| subnet.gone(WHAT))
    }

    /// The rows of an address in all subnets. The search costs the same however many rows there are, and takes any
    /// spelling of an address.
    pub(crate) async fn rows_of(&self, address: IpAddr) -> Result<Vec<AddressRow>> {
        let mut rows: Vec<AddressRow> = list(self.client.get(&["addresses", "search", &address.to_string()]).await)?;
        rows.retain(|row| row.address(address.is_ipv6()) == Some(address));
        Ok(rows)
    }

    /// The row of an address in this subnet.
    pub(crate) async fn row(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<AddressRow>> {
        Ok(self.rows_of(address).await?.into_iter().find(|row| row.is_in(subnet)))
    }
}

/// The rows of a list. phpIPAM says of an empty one that there is nothing, or holds nothing.
pub(crate) fn list<T>(found: Result<Option<Vec<T>>, Failure>) -> Result<Vec<T>> {
    match found {
        Ok(rows) => Ok(rows.unwrap_or_default()),
        Err(Failure::Absent) => Ok(Vec::new()),
        Err(failure) => Err(failure.into()),
    }
}
