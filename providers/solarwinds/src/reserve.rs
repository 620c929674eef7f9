//! Recording an address, in the two ways that there are.
//!
//! *Reservation*: `StartIpReservationForGroup` takes the first available address from the given one on, in one step on the
//! server. When that is another one, the given one was taken meanwhile. The reservation is finished, and then MAC, host name and
//! comment are written: who finds the mark in the comment knows that all of it was done. A reservation that was started and
//! not finished ends by itself.
//!
//! *Status*: the row is read, changed, and read again. The server refuses no change, so that of two writers the later one
//! wins; who that was shows what the row says afterwards. This is the way where the server cannot begin a reservation at a
//! given address, for IPv6, where there is no row yet, and where two hierarchy groups have one name.

use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, Result, Subnet};
use serde_json::json;

use crate::claims::Claim;
use crate::client::{Client, Place};
use crate::free::is_there;
use crate::vendor::{NODE, WHAT};
use crate::wire::{Change, Node, spellings};

/// An address of a subnet, and how it may be taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) client: &'a Client,
    pub(crate) subnet: &'a Subnet,
    /// The subnet's id.
    pub(crate) id: i64,
    pub(crate) address: IpAddr,
    /// The name of the hierarchy group, where reservations can be started in it.
    pub(crate) starts_in: Option<&'a str>,
}

impl Target<'_> {
    /// The rows of the address, the oldest first.
    async fn nodes(self) -> Result<Vec<Node>> {
        let [address, long, full] = spellings(self.address);
        let parameters = json!({"subnet": self.id, "address": address, "long": long, "full": full});
        let rows = self.client.query(NODE, &parameters).await?;
        let nodes: Result<Vec<Node>> = rows.iter().map(Node::read).collect();
        let mut nodes = nodes?;
        nodes.retain(|node| node.address == self.address);
        nodes.sort_by_key(|node| node.id);
        Ok(nodes)
    }

    /// The row of the address. There may be none.
    pub(crate) async fn node(self) -> Result<Option<Node>> {
        Ok(self.nodes().await?.into_iter().next())
    }

    /// Records the address, and gives its row as it was read last.
    pub(crate) async fn reserve(self, new: &Change, claim: &mut Claim) -> Result<Node> {
        match self.node().await? {
            None => self.create(new).await,
            Some(node) if node.is_available() => match self.starts_in {
                Some(group) => self.start(group, node, new, claim).await,
                None => self.change(node, new).await,
            },
            // The answer to the start of it was lost.
            Some(node) if node.is_held() && claim.is_begun() => match self.starts_in {
                Some(group) => self.finish(group, node, new, claim, false).await,
                None => Err(self.subnet.taken(self.address)),
            },
            Some(_) => Err(self.subnet.taken(self.address)),
        }
    }

    async fn start(self, group: &str, node: Node, new: &Change, claim: &mut Claim) -> Result<Node> {
        let (network, length) = (self.subnet.prefix.network(), self.subnet.prefix.length());
        claim.begin();
        let started = self.client.start_reservation(Place { network, length, group }, self.address).await;
        let error = match started {
            Ok(address) if address == self.address => return self.finish(group, node, new, claim, true).await,
            Ok(other) => {
                claim.end();
                if let Err(error) = self.client.cancel_reservation(group, other).await {
                    log::warn!(
                        "{WHAT} holds {other} for some minutes, because a reservation could not be ended: {error}"
                    );
                }
                return Err(self.subnet.taken(self.address));
            }
            Err(error) => error,
        };
        let is_unknown = error.kind().leaves_write_unknown();
        if !is_unknown {
            claim.end();
        }
        match self.node().await {
            Ok(Some(node)) if node.is_held() && is_unknown => self.finish(group, node, new, claim, false).await,
            Ok(Some(node)) if !node.is_available() => Err(self.subnet.taken(self.address).because(error)),
            _ => Err(self.unless_gone(error).await),
        }
    }

    /// Finishes a reservation and records whose it is. Unless it is `sure` that the reservation is ours, the row is looked at
    /// afterwards.
    async fn finish(self, group: &str, node: Node, new: &Change, claim: &mut Claim, mut sure: bool) -> Result<Node> {
        if let Err(error) = self.client.finish_reservation(group, self.address).await {
            // It may have been finished by a call whose answer was lost; or it was finished by this one.
            let may_be_done = error.kind().leaves_write_unknown() || error.kind() == ErrorKind::Rejected;
            let is_held = may_be_done && matches!(self.node().await, Ok(Some(node)) if node.is_held());
            if !is_held {
                return Err(self.unknown(error));
            }
            // Or another proxy, whose start was lost, took this reservation for its own and finished it.
            sure = false;
        }
        let changed = self.client.change(&node.uri, new).await;
        if let Err(error) = changed {
            if error.kind().leaves_write_unknown() {
                return Err(error);
            }
            let undone = self.client.make_available(group, self.address).await;
            return Err(if undone.is_ok() { error } else { self.unknown(error) });
        }
        claim.end();
        if sure { Ok(node) } else { self.won(new).await }
    }

    async fn change(self, node: Node, new: &Change) -> Result<Node> {
        match self.client.change(&node.uri, new).await {
            Ok(()) => self.won(new).await,
            Err(error) => Err(self.unless_gone(error).await),
        }
    }

    async fn create(self, new: &Change) -> Result<Node> {
        match self.client.create(&new.as_new(self.id, self.address)).await {
            Ok(()) => self.won(new).await,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(self.subnet.taken(self.address).because(error))
            }
            Err(error) => Err(self.unless_gone(error).await),
        }
    }

    /// Looks who won when two writers wrote at once: the row says so. Of two rows of one address the older one counts.
    async fn won(self, new: &Change) -> Result<Node> {
        let nodes = self.nodes().await.map_err(|error| self.unknown(error))?;
        let ours = nodes.iter().position(|node| new.is_in(node));
        match (ours, nodes.into_iter().nth(ours.unwrap_or(0))) {
            (Some(0), Some(node)) => Ok(node),
            (Some(_), Some(second)) => {
                if let Err(error) = self.client.delete(&second.uri).await {
                    log::warn!(
                        "{} has two rows in {WHAT}, and the second one could not be removed: {error}",
                        self.address
                    );
                }
                Err(self.subnet.taken(self.address))
            }
            (None, Some(other)) if !other.is_available() && other.comments.is_some() => {
                Err(self.subnet.taken(self.address))
            }
            (_, found) => {
                let text = format!("{WHAT} answers that {} is recorded, and does not show it", self.address);
                Err(Error::new(ErrorKind::Unexpected, text).because(format!("the row is {found:?}")))
            }
        }
    }

    /// An error that says that nothing was written, after something was.
    fn unknown(self, error: Error) -> Error {
        if error.kind().leaves_write_unknown() {
            return error;
        }
        let text =
            format!("{WHAT} was to record {}, and it is not known whether it has. Look for it there", self.address);
        Error::new(ErrorKind::Unavailable, text).because(error)
    }

    /// The refusal of a write, or that the subnet is gone.
    async fn unless_gone(self, error: Error) -> Error {
        let may_be_gone = matches!(error.kind(), ErrorKind::Rejected | ErrorKind::NotFound);
        match may_be_gone && matches!(is_there(self.client, self.id).await, Ok(false)) {
            true => self.subnet.gone(WHAT).because(error),
            false => error,
        }
    }
}
