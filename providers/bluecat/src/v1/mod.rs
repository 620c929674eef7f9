//! REST v1, of Address Manager 8 to 9.4: one path for each method, parameters in the query, errors as texts.
//!
//! Only methods are called whose verb and parameter names clients with URLs of their own use. `getEntityByPrefix`,
//! `getIP4NetworksByHint`, `clearIP6Address` and `customSearch` are not among them.

mod add;
mod client;
mod dns;
mod free;
mod list;
mod login;
mod networks;
mod properties;
mod refusal;
mod rest;
mod wire;

pub(crate) use client::Client;
