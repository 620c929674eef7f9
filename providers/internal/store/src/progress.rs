//! How far a long piece of work is, for a caller that shows it to a person.

/// What is being done, and what its parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A CSV file is read and checked; its parts are bytes.
    Reading,
    /// Addresses are added to a store.
    Adding,
    /// Addresses are exported.
    Exporting,
    /// The database checks itself; its parts are unknown.
    CheckingDatabase,
    /// Addresses are compared with what is free.
    Checking,
}

/// Is informed how far a piece of work is. It may be called a million times.
pub trait Progress {
    /// A step begins that has `total` parts, if that is known.
    fn begin(&self, step: Step, total: Option<u64>);

    /// This many more parts of it are done.
    fn advance(&self, parts: u64);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unseen;

impl Progress for Unseen {
    fn begin(&self, _: Step, _: Option<u64>) {}

    fn advance(&self, _: u64) {}
}
