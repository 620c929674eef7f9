//! Several IPAMs behind one proxy: which one is asked for what.
//!
//! [`Routes`] is a [`Provider`](ipam_provider::Provider) made of others. Each route has [`Conditions`] on groups and
//! prefixes; the first route whose conditions a subnet meets has the subnet, whatever other IPAMs have of the same group or
//! prefix. A proxy with one IPAM has one route without conditions.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `pattern` | names of groups with `*` |
//! | `table` | conditions, and the choice of routes: no IPAM is asked for it |
//! | `ipam` | one IPAM with its own queue, time limits and name |
//! | `provider` | the answers of several IPAMs as one, also when one of them is away |
//! | `shared` | names of groups that several IPAMs have |
//!
//! An [`Ipam`] is known by its key, the name of its settings file without `externalipam_` and `.yml`. Holds are kept under
//! it, so that neither the order of routes nor their number changes what is held, and spaces of two IPAMs never mix.

mod ipam;
mod pattern;
mod provider;
mod shared;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use ipam::Ipam;
pub(crate) use pattern::Pattern;
pub(crate) use provider::Routes;
pub(crate) use table::{Conditions, Table};
