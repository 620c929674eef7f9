//! SQLite: the store is one file. One unit of work writes at a time; several processes may have the file open.

mod connect;
mod connection;
mod errors;
mod file;
mod leftovers;
mod migrate;
mod open_files;
mod publish;
mod readers;
mod schema;
mod session;
mod shared;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod upgrade_tests;
mod writer;

pub(crate) use session::Session;
pub(crate) use shared::Shared;
