//! What is learned of a host after its address was recorded.

use std::net::IpAddr;

use async_trait::async_trait;
use ipam_provider::{Annotate, Annotated, Annotation, Error, ErrorKind, Result, Subnet};

use crate::Netbox;
use crate::netbox::Note;
use crate::vendor::{CHANGE_ADDRESS, WHAT};
use crate::wire::AddressChanges;

/// Of several records of one address, each of ours is changed.
#[async_trait]
impl Annotate for Netbox {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let vrf = subnet.note::<Note>(WHAT)?.vrf;
        let mut rows = self.addresses(vrf, subnet, address).await?;
        if rows.is_empty() {
            return Ok(Annotated::Absent);
        }
        rows.retain(|row| self.settings.records.is_ours(row));
        let mut outcome = if rows.is_empty() { Annotated::NotOurs } else { Annotated::AsItWas };
        for row in &rows {
            let changes = self.settings.records.changes(row, note, (subnet, address));
            if changes == AddressChanges::default() {
                continue;
            }
            if self.client.change(row.id, &changes).await? {
                outcome = Annotated::Changed;
            } else if self.addresses(vrf, subnet, address).await?.iter().any(|left| left.id == row.id) {
                // NetBox hides what the permission leaves out: that is a 404 as well.
                let text = format!(
                    "{WHAT} refuses to change {address} for the proxy's token: the constraints of {CHANGE_ADDRESS} leave \
                     its record out"
                );
                return Err(Error::new(ErrorKind::Unauthenticated, text));
            } else if outcome == Annotated::AsItWas {
                outcome = Annotated::Absent;
            }
        }
        Ok(outcome)
    }
}
