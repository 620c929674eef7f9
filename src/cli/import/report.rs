//! What an import from Foreman did or would do, line by line, and in numbers.

use std::fmt::Display;

use super::inventory::Inventory;
use crate::cli::output::{say, shown};
use crate::cli::{CommandError, Outcome};

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Kind {
    Group,
    Subnet,
    Excluded,
    Address,
}

/// All kinds, with what one of them and several are called.
const KINDS: [(Kind, &str, &str); 4] = [
    (Kind::Group, "group", "groups"),
    (Kind::Subnet, "subnet", "subnets"),
    (Kind::Excluded, "excluded", "excluded ranges"),
    (Kind::Address, "address", "addresses"),
];

/// The differences between Foreman and the IPAM, in the order in which they were found.
#[derive(Debug, Default)]
pub(in crate::cli) struct Report {
    lines: Vec<String>,
    added: [usize; KINDS.len()],
    there: usize,
    different: usize,
    failed: usize,
}

impl Report {
    /// The record is new in the IPAM.
    pub(in crate::cli) fn added(&mut self, kind: Kind, what: impl Display) {
        let (position, name) = of(kind);
        self.added[position] += 1;
        self.lines.push(format!("+ {name:<8}  {what}"));
    }

    /// The record is in the IPAM already.
    pub(in crate::cli) fn is_there(&mut self) {
        self.there += 1;
    }

    /// The IPAM has the record, with other values.
    pub(in crate::cli) fn differs(&mut self, kind: Kind, what: impl Display) {
        self.different += 1;
        self.lines.push(format!("~ {:<8}  {what}", of(kind).1));
    }

    /// The record cannot be imported.
    pub(in crate::cli) fn failed(&mut self, kind: Kind, what: impl Display) {
        self.failed += 1;
        self.lines.push(format!("! {:<8}  {what}", of(kind).1));
    }

    /// Prints everything; something that failed makes the command fail.
    pub(in crate::cli) fn tell(mut self, inventory: &Inventory, is_dry_run: bool) -> Outcome {
        for odd in &inventory.odd {
            self.failed(Kind::Address, odd);
        }
        for shared in &inventory.shared {
            self.differs(Kind::Address, shared);
        }
        for line in &self.lines {
            say(shown(line));
        }
        let added: Vec<String> =
            KINDS.iter().zip(self.added).map(|((_, _, name), number)| format!("{name}: {number}")).collect();
        let added = added.join(", ");
        let Self { there, different, failed, .. } = self;
        let rest = format!("there already: {there}, different: {different}, failed: {failed}");
        if is_dry_run {
            say(format!("Nothing is changed. An import from Foreman would add {added}; {rest}"));
        } else {
            say(format!("Imported from Foreman: {added}; {rest}"));
        }
        if inventory.elsewhere > 0 {
            say(format!("Addresses of hosts in none of these subnets: {}", inventory.elsewhere));
        }
        if failed == 0 { Ok(()) } else { Err(CommandError::Said(1)) }
    }
}

/// Where a kind is in the numbers, and what it is called.
fn of(kind: Kind) -> (usize, &'static str) {
    let position = KINDS.iter().position(|(known, ..)| *known == kind).expect("all kinds are listed");
    (position, KINDS[position].1)
}
