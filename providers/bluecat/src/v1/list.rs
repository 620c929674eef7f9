//! The records of a network in v1.
//!
//! A page of v1 begins at a count of entities, which shifts when one of them goes, and how they are ordered is not known. So
//! all of them are read and cut into pages here.

use std::net::IpAddr;

use ipam_provider::{Result, first_listed};

use super::free::read;
use super::networks::{children, is_there};
use super::rest::Rest;
use super::wire::{Entity, family};
use crate::address_manager::{Address, AddressPage, Place};
use crate::vendor::WHAT;

/// `taken` answers the record of an entity, unless its address is free.
pub(super) async fn list(
    rest: &Rest,
    taken: impl Fn(IpAddr, &Entity) -> Option<Address>,
    place: Place<'_>,
    (from, at_most): (Option<&str>, usize),
) -> Result<AddressPage> {
    let first: IpAddr = first_listed(place.subnet, from)?;
    let entities = children(rest, place.network, family(first).address).await?;
    // Of a network that has gone there is nothing to list.
    if entities.is_empty() && !is_there(rest, place.network, place.subnet.prefix).await? {
        return Err(place.subnet.gone(WHAT));
    }
    let mut page = AddressPage::default();
    for entity in &entities {
        let address = read(entity, entity.parsed().get("address"))?;
        let record = taken(address, entity).filter(|_| address >= first);
        page.records.extend(record.map(|record| (address, record)));
    }
    if let Some(next) = page.records.keys().nth(at_most).copied() {
        page.records.split_off(&next);
        page.next = Some(next.to_string());
    }
    Ok(page)
}
