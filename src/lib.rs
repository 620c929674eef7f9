//! foreman-ipam-proxy
#![allow(missing_docs)]
