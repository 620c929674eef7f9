//! REST v2, of Address Manager 9.5 and later: collections with filters, resources, errors with codes.

mod client;
mod dns;
mod filter;
mod free;
mod login;
mod refusal;
mod rest;
mod wire;

pub(crate) use client::Client;
