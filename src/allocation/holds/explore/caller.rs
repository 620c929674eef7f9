//! A caller, and how far its proxy has come with what it wants.

use super::super::hold::{Ask, Grant};
use super::numbers::{Batch, LIFE, LIFE_WITHOUT_MAC, MARK, Small, SmallOffer, mac, ticks};
use crate::allocation::Timestamp;

/// A host that gets an address, reserves it, and lets it go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Caller {
    pub(super) proxy: usize,
    /// 0: without a MAC.
    pub(super) host: u8,
    pub(super) subnet: usize,
    /// How many addresses it asks for, one after another.
    pub(super) rounds: u8,
    /// It asks for none, and deletes one that it does not have.
    pub(super) is_stray: bool,
    /// It has an address chosen and reserved in one call.
    pub(super) allocates: bool,
    /// When its request came.
    pub(super) came: u64,
    pub(super) doing: Doing,
    /// The address that it was answered with, and until when it may count on it.
    pub(super) promise: Option<(u8, u64)>,
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Doing {
    Nothing,
    /// Looks for its own offer.
    Offer {
        arrival: u64,
    },
    /// The IPAM is asked about an offer.
    AskOffer {
        arrival: u64,
        offer: SmallOffer,
    },
    Renew {
        arrival: u64,
        offer: SmallOffer,
        confirmed: u64,
    },
    /// The IPAM is asked for free addresses, these ones excepted.
    Fetch {
        arrival: u64,
        held: u8,
        asked: u64,
        event: u64,
    },
    Claim {
        arrival: u64,
        batch: Batch,
    },
    Spare {
        arrival: u64,
    },
    AskSpare {
        arrival: u64,
        offer: SmallOffer,
        asked: u64,
    },
    Reuse {
        arrival: u64,
        offer: SmallOffer,
        confirmed: u64,
    },
    /// An address is promised to its call, and it has no answer yet.
    Chosen {
        arrival: u64,
        address: u8,
    },
    /// It has an answer.
    Holding {
        address: u8,
    },
    /// The add is on its way to the IPAM.
    Send {
        address: u8,
        ticket: u64,
        before: Option<Small>,
    },
    /// The answer is lost.
    Look {
        address: u8,
        ticket: u64,
        before: Option<Small>,
    },
    Lose {
        address: u8,
        ticket: u64,
    },
    Undo {
        address: u8,
        ticket: u64,
        before: Option<Small>,
    },
    /// The address is reserved for another.
    Mark {
        address: u8,
    },
    /// It is reserved, and the caller has its answer.
    Finish {
        address: u8,
        ticket: u64,
    },
    Reserved {
        address: u8,
    },
    /// The delete is on its way to the IPAM.
    SendDelete {
        address: u8,
        seen: Option<u64>,
    },
    Delete {
        address: u8,
        seen: Option<u64>,
        removed: Option<u8>,
    },
}

impl Doing {
    /// Is a proxy at work on it?
    pub(super) fn is_request(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Holding { .. } | Self::Reserved { .. })
    }

    /// Has it the turn to write?
    pub(super) fn is_write(&self) -> bool {
        use Doing::{Delete, Look, Lose, Mark, Send, SendDelete, Undo};
        matches!(
            self,
            Send { .. } | Look { .. } | Lose { .. } | Undo { .. } | Mark { .. } | SendDelete { .. } | Delete { .. }
        )
    }

    pub(super) fn each_event(&mut self, visit: &mut impl FnMut(&mut u64)) {
        match self {
            Self::Nothing | Self::Holding { .. } | Self::Reserved { .. } | Self::Mark { .. } => {}
            Self::Offer { arrival } | Self::Spare { arrival } | Self::Chosen { arrival, .. } => visit(arrival),
            Self::AskOffer { arrival, offer }
            | Self::Renew { arrival, offer, .. }
            | Self::AskSpare { arrival, offer, .. }
            | Self::Reuse { arrival, offer, .. } => {
                visit(arrival);
                visit(&mut offer.event);
            }
            Self::Fetch { arrival, event, .. } => {
                visit(arrival);
                visit(event);
            }
            Self::Claim { arrival, batch } => {
                visit(arrival);
                visit(&mut batch.event);
            }
            Self::Send { ticket, before, .. }
            | Self::Look { ticket, before, .. }
            | Self::Undo { ticket, before, .. } => {
                visit(ticket);
                if let Some(before) = before {
                    visit(&mut before.event);
                }
            }
            Self::Lose { ticket, .. } | Self::Finish { ticket, .. } => visit(ticket),
            Self::SendDelete { seen, .. } | Self::Delete { seen, .. } => {
                if let Some(seen) = seen {
                    visit(seen);
                }
            }
        }
    }
}

impl Caller {
    pub(super) fn new(proxy: usize, host: u8, subnet: usize) -> Self {
        Self {
            proxy,
            host,
            subnet,
            rounds: 1,
            is_stray: false,
            allocates: false,
            came: 0,
            doing: Doing::Nothing,
            promise: None,
        }
    }

    /// It has an address chosen and reserved in one call.
    pub(super) fn allocating(self) -> Self {
        Self { allocates: true, ..self }
    }

    /// It asks for no other address.
    pub(super) fn idle(self) -> Self {
        Self { rounds: 0, ..self }
    }

    pub(super) fn grant(&self, arrival: u64, confirmed: u64) -> Grant {
        // An allocation asks without its MAC, and is known by its mark.
        let ask = match self.allocates {
            true => Ask { mac: None, request: Some(MARK), arrival },
            false => Ask { mac: mac(self.host), request: None, arrival },
        };
        let life = if ask.mac.is_some() { LIFE } else { LIFE_WITHOUT_MAC };
        Grant { ask, life: ticks(life), confirmed: Timestamp(confirmed) }
    }
}
