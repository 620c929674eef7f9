//! Fault runs: the load of `ipam-load` over the real binary while the IPAM, the proxy or somebody else makes trouble.
//!
//! In none of them is an address given twice, is an acknowledged add lost, or is an address left reserved for a host that
//! failed without the proxy knowing of it: with a warning or error in its log that names the address or the host's
//! request, or with a hold that says that the reservation may be there. Which hosts fail is not looked at.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `faults` | each trouble, over each IPAM |
//! | `deletes` | a delete that is still on its way when its address is given on |
//! | `doors` | Foreman's calls and allocations of the management API at once, in one subnet |
//! | `several` | two and three proxies over one PostgreSQL, which is restarted while one proxy after the other is killed |
//! | `program` | the program as it is used for figures, with few hosts |
//!
//! Nothing depends on how fast the machine is: troubles begin and end when so many hosts have.

#![cfg(all(feature = "infoblox", feature = "internal", feature = "nautobot", feature = "netbox", feature = "phpipam"))]

mod deletes;
mod doors;
mod faults;
mod program;
mod several;

use std::path::PathBuf;
use std::time::Duration;

use ipam_load::ipam::Product;
use ipam_load::own_proxy::Setup;

/// The binary over this IPAM, with mutual TLS and the settings that it has by itself.
fn setup(product: Product) -> Setup {
    Setup {
        program: PathBuf::from(env!("CARGO_BIN_EXE_foreman-ipam-proxy")),
        product,
        with_relay: false,
        tls: true,
        workers: 2,
        settings: Vec::new(),
        global_settings: Vec::new(),
        proxies: 1,
        database: None,
        clocks_apart: Duration::ZERO,
        with_api: false,
    }
}
