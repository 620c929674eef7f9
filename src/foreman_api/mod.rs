//! Foreman's own API, as its version 2: one client for all commands that ask Foreman for something.
//!
//! `client` has one request and its answer, `lists` reads lists to their end, `inventory` reads every address. What is done with the answers is decided in
//! [`registration`](crate::registration) and in the import.

mod client;
mod error;
mod inventory;
mod lists;
mod oauth;
#[cfg(test)]
pub(crate) mod testing;
mod wire;

pub(crate) use client::{Credentials, Foreman};
pub(crate) use error::Error;
pub(crate) use inventory::{
    HostAddress, Inventory, REPORT_TEMPLATE, Scope, Sight, SubnetOfForeman, Survey, TEXT as REPORT_TEXT, Way,
};
pub(crate) use oauth::Consumer;
pub(crate) use wire::{Host, HostDetails, Interface, SmartProxy, Subnet};

pub(crate) use client::Answer;
