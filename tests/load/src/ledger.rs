//! What the program itself notes of every host, independent of the server.

use std::net::IpAddr;

use serde::Serialize;

use crate::duplicates::{Duplicate, duplicates};
use crate::promise::{Host, Promise};

/// How far a write has come, as its caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Written {
    /// It was not begun.
    Not,
    /// It was answered with success.
    Done,
    /// It was refused; all the same the IPAM may have it.
    Refused,
    /// There was no answer; the IPAM may have it or not.
    Lost,
}

impl Written {
    /// Was it begun without success?
    pub fn has_failed(self) -> bool {
        matches!(self, Self::Refused | Self::Lost)
    }
}

/// One host's wish to have an address recorded: an add that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Whose.
    pub host: Host,
    /// In which subnet, as an index into the places of the run.
    pub place: u32,
    /// Which address.
    pub address: IpAddr,
    /// What the host said its MAC is, if it said so.
    pub mac: Option<String>,
    /// What became of the add.
    pub add: Written,
    /// What became of the delete.
    pub delete: Written,
    /// What the host was told when a write failed.
    pub error: Option<String>,
    /// The first characters of the request's id, as the server's log shows them.
    pub request: String,
}

/// Everything that callers noted in one run.
#[derive(Debug, Default)]
pub struct Ledger {
    /// What hosts were promised.
    pub promises: Vec<Promise>,
    /// What hosts wanted to have recorded.
    pub claims: Vec<Claim>,
    /// What somebody else took in the IPAM meanwhile: subnet and address.
    pub taken: Vec<(u32, IpAddr)>,
}

impl Ledger {
    /// Adds what another caller noted.
    pub fn add(&mut self, other: Self) {
        self.promises.extend(other.promises);
        self.claims.extend(other.claims);
        self.taken.extend(other.taken);
    }

    /// The addresses that were given twice.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        duplicates(self.promises.clone())
    }
}
