//! One phpIPAM, and what several questions need to know of its rows.

use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, Result, Subnet, Template};
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::client::Client;
use crate::failure::Failure;
use crate::vendor::WHAT;
use crate::walks::Walks;
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

    /// An error if the subnet is marked as full: phpIPAM gives out no address of it then, although some may be free.
    pub(crate) async fn check_mark(&self, subnet: &Subnet) -> Result<()> {
        if !self.row_of(subnet).await?.is_full.0 {
            return Ok(());
        }
        let text = format!("Subnet {subnet} is marked as full in {WHAT}. Remove the mark there, or use another subnet");
        Err(Error::new(ErrorKind::Rejected, text))
    }

    /// The lowest free address as phpIPAM sees it, which knows of subnets that are marked as full or contain subnets.
    /// Of IPv6 it may be the subnet-router anycast address. Rows on the network and broadcast address of IPv4 count as
    /// hosts, so that with some the subnet is said to be full too early.
    pub(crate) async fn first_free(&self, subnet: &Subnet) -> Result<Option<IpAddr>> {
        let text = match self.client.get::<String>(&["subnets", subnet.id.as_str(), "first_free"]).await {
            Ok(text) => text.unwrap_or_default(),
            Err(Failure::NoSubnet) => return Err(subnet.gone(WHAT)),
            Err(Failure::Absent) => return Ok(None),
            Err(Failure::Conflict) => return Err(contains_subnets(subnet)),
            Err(failure) => return Err(failure.into()),
        };
        let first = text.parse().ok().filter(|address| subnet.prefix.contains(*address));
        let strange = || {
            let text = format!("{WHAT} offers no address of subnet {subnet} as its first free one");
            Error::new(ErrorKind::Unexpected, text)
        };
        first.map(Some).ok_or_else(strange)
    }
}

/// phpIPAM gives out no address of such a subnet.
fn contains_subnets(subnet: &Subnet) -> Error {
    Error::new(ErrorKind::Rejected, format!("Subnet {subnet} contains subnets in {WHAT}; choose one of them"))
}

/// The rows of a list. phpIPAM says of an empty one that there is nothing, or holds nothing.
pub(crate) fn list<T>(found: Result<Option<Vec<T>>, Failure>) -> Result<Vec<T>> {
    match found {
        Ok(rows) => Ok(rows.unwrap_or_default()),
        Err(Failure::Absent) => Ok(Vec::new()),
        Err(failure) => Err(failure.into()),
    }
}
