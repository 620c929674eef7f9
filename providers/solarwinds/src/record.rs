//! What is written of an address and read back: MAC, host name, and the comment with the mark of ownership.

use std::net::IpAddr;

use ipam_provider::{Annotation, Filling, Requester, Reservation, Subnet, is_hostname};

use crate::Settings;
use crate::vendor::WHAT;
use crate::wire::{Change, Details, Node};

/// A longer comment is cut. How long one may be is not known.
const COMMENTS_AT_MOST: usize = 255;

/// What is written of an address that is reserved. `Reserved` rather than `Used`: the scanner makes an address available that
/// is used and does not answer.
pub(crate) fn reserved(settings: &Settings, subnet: &Subnet, address: IpAddr, by: &Requester) -> Change {
    let mac = by.mac.filter(|mac| {
        if mac.is_infiniband() {
            log::warn!("{address} is recorded without its InfiniBand MAC: {WHAT} is for MACs of 6 bytes");
        }
        !mac.is_infiniband()
    });
    let comments = settings.description.fill(Filling { by, address, subnet }, COMMENTS_AT_MOST);
    Change {
        status: "Reserved",
        mac: mac.map(|mac| mac.to_string()),
        dns_backward: by.hostname_for(WHAT, address, is_hostname).map(str::to_owned),
        comments: Some(comments).filter(|text| !text.is_empty()),
    }
}

/// What a row of ours does not have yet of what is known of its host.
pub(crate) fn annotated(
    settings: &Settings,
    subnet: &Subnet,
    address: IpAddr,
    node: &Node,
    note: &Annotation,
) -> Details {
    let recorded = reservation(settings, node);
    let new = note.besides(&recorded);
    Details {
        mac: new.mac.filter(|mac| !mac.is_infiniband()).map(|mac| mac.to_string()),
        dns_backward: new.hostname_for(WHAT, address, is_hostname).map(str::to_owned),
        comments: settings.description.annotated(&recorded, note, (subnet, address), COMMENTS_AT_MOST),
    }
}

/// What a row says.
pub(crate) fn reservation(settings: &Settings, node: &Node) -> Reservation {
    Reservation {
        mac: node.mac,
        hostname: node.hostname.clone(),
        description: Some(node.comments.clone().unwrap_or_default()),
        ours: is_ours(settings, node.comments.as_deref()),
    }
}

/// Does the comment begin with the mark?
pub(crate) fn is_ours(settings: &Settings, comments: Option<&str>) -> bool {
    comments.is_some_and(|text| settings.description.is_ours(text))
}
