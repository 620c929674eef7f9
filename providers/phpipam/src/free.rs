//! Free addresses. No call of phpIPAM gives several, so that they are computed from the used ones.

use std::net::IpAddr;

use ipam_provider::{AddressSet, Error, ErrorKind, FreeQuery, Result, Subnet, unused};

use crate::Phpipam;
use crate::failure::Failure;
use crate::phpipam::Note;
use crate::vendor::WHAT;
use crate::wire::UsedRow;

impl Phpipam {
    /// Computed from the used ones. What their list does not tell, the note of the subnet does.
    pub(crate) async fn free(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let Note { asks_first } = subnet.note(WHAT)?;
        if asks_first && self.first_free(subnet).await?.is_none() {
            self.check_mark(subnet).await?;
        }
        match self.used(subnet).await {
            Ok(used) => Ok(unused(subnet, query, &used)),
            // Above some 20,000 rows PHP runs out of memory over the list.
            Err(Failure::Silent) => self.walk(subnet, query).await,
            Err(failure) => Err(failure.into()),
        }
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

    /// The addresses of the subnet that have a row, whatever its tag.
    async fn used(&self, subnet: &Subnet) -> Result<AddressSet, Failure> {
        let rows = match self.client.get::<Vec<UsedRow>>(&["subnets", subnet.id.as_str(), "addresses"]).await {
            Ok(rows) => rows.unwrap_or_default(),
            Err(Failure::NoSubnet) => return Err(subnet.gone(WHAT).into()),
            Err(Failure::Absent) => Vec::new(),
            Err(failure) => return Err(failure),
        };
        let used: Option<AddressSet> = rows.iter().map(|row| row.address_in(subnet)).collect();
        let strange = || {
            Error::new(ErrorKind::Unexpected, format!("{WHAT} lists something else than addresses of subnet {subnet}"))
        };
        Ok(used.ok_or_else(strange)?)
    }
}

/// phpIPAM gives out no address of such a subnet.
fn contains_subnets(subnet: &Subnet) -> Error {
    Error::new(ErrorKind::Rejected, format!("Subnet {subnet} contains subnets in {WHAT}; choose one of them"))
}
