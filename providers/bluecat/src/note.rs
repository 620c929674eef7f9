//! What a look-up notes of a network besides what everybody sees.

use ipam_provider::{AddressSpace, GroupName, RecordId, Subnet};
use serde::{Deserialize, Serialize};

use crate::address_manager::{Network, Place};

/// The ids that requests about addresses of a network need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The id of the network.
    pub(crate) network: u64,
    /// The id of its configuration.
    pub(crate) configuration: u64,
}

impl<'a> Place<'a> {
    /// The place of a subnet that was looked up.
    pub(crate) fn of(subnet: &'a Subnet, note: &Note) -> Self {
        Self { subnet, network: note.network, configuration: note.configuration }
    }
}

/// The subnet of a network; `None` for one in a configuration without a name, which nobody could ask for.
pub(crate) fn subnet(network: Network) -> Option<Subnet> {
    let configuration = network.configuration.id;
    let note = Note { network: network.id, configuration };
    Some(Subnet {
        id: RecordId::with_note(network.id, &note),
        prefix: network.prefix,
        group: Some(GroupName::new(network.configuration.name)?),
        space: AddressSpace::new(configuration),
        description: network.name,
        pool: false,
    })
}
