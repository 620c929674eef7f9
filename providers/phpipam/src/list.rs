//! The records of a subnet. phpIPAM answers all of them at once, and pages are cut here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;
use ipam_provider::{Error, ErrorKind, ListReservations, Reservation, ReservationPage, Result, Subnet, first_listed};

use crate::Phpipam;
use crate::failure::Failure;
use crate::vendor::WHAT;
use crate::wire::AddressRow;

#[async_trait]
impl ListReservations for Phpipam {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let first = first_listed(subnet, from)?;
        let rows = match self.client.get::<Vec<AddressRow>>(&["subnets", subnet.id.as_str(), "addresses"]).await {
            Ok(rows) => rows.unwrap_or_default(),
            Err(Failure::NoSubnet) => return Err(subnet.gone(WHAT)),
            Err(Failure::Absent) => Vec::new(),
            // Above some 20,000 rows PHP runs out of memory over the list, and says nothing.
            Err(Failure::Silent) => return Err(too_many(subnet)),
            Err(failure) => return Err(failure.into()),
        };
        if rows.is_empty() {
            // An id may be used again after the database was restarted.
            self.row_of(subnet).await?;
        }
        let mut records: BTreeMap<IpAddr, Reservation> = BTreeMap::new();
        for row in rows {
            let address = row.address(subnet.prefix.is_ipv6()).filter(|address| subnet.prefix.contains(*address));
            let address = address.filter(|_| row.is_in(subnet)).ok_or_else(|| strange(subnet))?;
            if address >= first {
                records.insert(address, self.reservation_of(row));
            }
        }
        Ok(ReservationPage::lowest(records, at_most))
    }
}

/// An answer without a word: it may be for another reason, and may pass.
fn too_many(subnet: &Subnet) -> Error {
    let text = format!(
        "{WHAT} gives no list of the addresses of subnet {subnet}. If it has many, raise memory_limit in the php.ini of {WHAT}"
    );
    Error::new(ErrorKind::Unavailable, text)
}

/// The list has what does not belong to it.
pub(crate) fn strange(subnet: &Subnet) -> Error {
    Error::new(ErrorKind::Unexpected, format!("{WHAT} lists something else than addresses of subnet {subnet}"))
}
