//! One NetBox, and what several questions need to know of its records.

use std::net::IpAddr;

use ipam_provider::{Result, Subnet};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::vendor::{ADDRESSES, VIEW_ADDRESS, VIEW_PREFIX, WHAT};
use crate::{Settings, wire};

/// The one name that no filter finds: NetBox takes it for "without a name".
pub(crate) const NULL: &str = "null";

/// What a look-up notes of a prefix: what an operation on its addresses needs to know besides what everybody sees.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The id of its VRF; `None` in the global table.
    pub(crate) vrf: Option<u64>,
    /// Does NetBox refuse a second record of an address there? `None` when that is not known.
    pub(crate) is_unique: Option<bool>,
    /// The id of the tenant that an address inherits.
    pub(crate) tenant: Option<u64>,
}

/// One NetBox.
#[derive(Debug, Clone)]
pub struct Netbox {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
}

impl Netbox {
    /// A provider for the settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ipam_provider::ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        let client = Client::new(&settings.http, settings.authorization.clone())?;
        Ok(Self { client, settings })
    }

    /// The prefix behind a subnet, as it is now.
    ///
    /// # Errors
    /// [`NotFound`](ipam_provider::ErrorKind::NotFound) when it has gone, or has become another prefix or part of another group.
    pub(crate) async fn record(&self, subnet: &Subnet) -> Result<wire::Prefix> {
        let id = subnet.id.as_str();
        if id.parse::<u64>().is_err() {
            return Err(subnet.gone(WHAT));
        }
        let path = ["api", "ipam", "prefixes", id, ""];
        let row = self.client.get(&path, &[("fields", wire::Prefix::FIELDS)], VIEW_PREFIX).await;
        let row: wire::Prefix = row.map_err(|error| subnet.gone_as(WHAT, error))?;
        let is_same = row.cidr() == Some(subnet.prefix) && self.settings.group_by.group_of(&row)? == subnet.group;
        if is_same { Ok(row) } else { Err(subnet.gone(WHAT)) }
    }

    /// All records of an address in a VRF, by id. Their length may be any.
    pub(crate) async fn addresses(
        &self,
        vrf: Option<u64>,
        subnet: &Subnet,
        address: IpAddr,
    ) -> Result<Vec<wire::Address>> {
        // Without a length any length is found. `Display` writes IPv6 as NetBox does; 3.x finds no other spelling.
        let text = address.to_string();
        let query = [("fields", wire::Address::FIELDS), ("address", &text), ("vrf_id", &vrf_filter(vrf))];
        let rows = self.client.list(&ADDRESSES, &query, VIEW_ADDRESS).await;
        let mut rows: Vec<wire::Address> = rows.map_err(|error| subnet.gone_as(WHAT, error))?;
        rows.retain(|row| row.ip() == Some(address) && row.vrf.as_ref().map(|vrf| vrf.id) == vrf);
        rows.sort_by_key(|row| row.id);
        Ok(rows)
    }
}

/// The value of the filter `vrf_id`: without one all VRFs would be looked at.
pub(crate) fn vrf_filter(vrf: Option<u64>) -> String {
    vrf.map_or_else(|| NULL.to_owned(), |id| id.to_string())
}
