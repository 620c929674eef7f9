//! What is written of an address and read back: name, MAC, description with the mark of ownership.
//!
//! An address has a name and nothing else that every site has. So the name is the description, unless the site has defined a
//! field for it: then the name is the host's.

use std::net::IpAddr;

use ipam_provider::{Annotation, Filling, Requester, Reservation, Subnet, is_hostname};

use crate::Settings;
use crate::address_manager::{Address, Changes, NewAddress};
use crate::vendor::WHAT;

/// Address Manager's guides name no limit; this is a usual one.
const TEXT_AT_MOST: usize = 255;

/// The record of an address that is to be added to a subnet.
pub(crate) fn new(settings: &Settings, subnet: &Subnet, address: IpAddr, by: &Requester) -> NewAddress {
    let description = settings.description.fill(Filling { by, address, subnet }, TEXT_AT_MOST);
    // 20 bytes of InfiniBand have no place.
    let mac = by.mac.filter(|mac| !mac.is_infiniband());
    match &settings.description_field {
        None => NewAddress { address, name: Some(description), mac, field: None },
        Some(field) => {
            let name = by.hostname_for(WHAT, address, is_hostname).map(str::to_owned);
            NewAddress { address, name, mac, field: Some((field.clone(), description)) }
        }
    }
}

/// What a record of ours does not have yet of what is known of its host.
pub(crate) fn changes(
    settings: &Settings,
    record: &Address,
    note: &Annotation,
    (subnet, address): (&Subnet, IpAddr),
) -> Changes {
    let recorded = reservation(settings, record);
    let new = note.besides(&recorded);
    let mac = new.mac.filter(|mac| !mac.is_infiniband());
    let description = settings.description.annotated(&recorded, note, (subnet, address), TEXT_AT_MOST);
    match &settings.description_field {
        None => Changes { name: description, mac, field: None },
        Some(field) => {
            let name = new.hostname_for(WHAT, address, is_hostname).map(str::to_owned);
            Changes { name, mac, field: description.map(|text| (field.clone(), text)) }
        }
    }
}

/// What a record says.
pub(crate) fn reservation(settings: &Settings, record: &Address) -> Reservation {
    let name = record.name.clone().filter(|name| !name.is_empty());
    let (hostname, description) = match settings.description_field {
        None => (None, name.unwrap_or_default()),
        Some(_) => (name, record.field.clone().unwrap_or_default()),
    };
    Reservation { mac: record.mac, hostname, ours: is_ours(settings, record), description: Some(description) }
}

/// Does the description begin with the mark?
pub(crate) fn is_ours(settings: &Settings, record: &Address) -> bool {
    let description = if settings.description_field.is_some() { &record.field } else { &record.name };
    description.as_deref().is_some_and(|description| settings.description.is_ours(description))
}
