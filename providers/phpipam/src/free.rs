//! Free addresses. No call of phpIPAM gives several, so that they are computed from the used ones.

use std::net::IpAddr;

use ipam_provider::{AddressSet, FreeQuery, Result, Subnet, unused};

use crate::Phpipam;
use crate::failure::Failure;
use crate::list::strange;
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

    /// The addresses of the subnet that have a row, whatever its tag.
    async fn used(&self, subnet: &Subnet) -> Result<AddressSet, Failure> {
        let rows = match self.client.get::<Vec<UsedRow>>(&["subnets", subnet.id.as_str(), "addresses"]).await {
            Ok(rows) => rows.unwrap_or_default(),
            Err(Failure::NoSubnet) => return Err(subnet.gone(WHAT).into()),
            Err(Failure::Absent) => Vec::new(),
            Err(failure) => return Err(failure),
        };
        let used: Option<AddressSet> = rows.iter().map(|row| row.address_in(subnet)).collect();
        Ok(used.ok_or_else(|| strange(subnet))?)
    }
}
