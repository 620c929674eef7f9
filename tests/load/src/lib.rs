//! Plays many Foremans against a proxy, keeps a ledger of its own, and tells whether an address was given twice.
//!
//! `ipam-load --help` tells how the program is used, and `tests/README.md` which figures it is used for. The same parts
//! play the fault runs in `tests/load_runs`.
//!
//! | Module | Holds |
//! | --- | --- |
//! | [`hosts`] | the life of a host, and many callers who create hosts at the same time |
//! | [`connection`], [`calls`] | HTTP/1.1 by hand, and the calls as Foreman makes them |
//! | [`places`] | the subnets |
//! | [`promise`], [`ledger`] | what callers note: what they were promised, and what they wanted to have recorded |
//! | [`duplicates`](mod@duplicates) | the checker: was an address given twice? |
//! | [`audit`] | the ledger against the IPAM's records |
//! | [`knowledge`] | what the proxy itself shows of what became of a host |
//! | [`own_proxy`], `node` | proxies of the program's own, killed and started again as asked |
//! | `balancer`, [`database`] | what several of them stand behind, and what they share |
//! | [`ipam`], `relay`, `products` | the IPAM behind it, slow or failing as asked |
//! | [`trouble`], [`run`] | what goes wrong meanwhile, and the whole of a run |
//! | [`bare`] | a server that does nothing, to compare with |
//! | [`usage`], [`stats`], [`report`] | figures |
//! | [`program`] | the command line |
//!
//! The ledger believes only what a caller has seen. What the server, the proxy's log or the IPAM say is compared with it,
//! never mixed into it.

pub mod audit;
mod balancer;
pub mod bare;
pub mod calls;
#[path = "../../../src/tls/test_certificates.rs"]
mod certificates;
pub mod connection;
pub mod database;
pub mod duplicates;
pub mod hosts;
mod identity;
pub mod ipam;
pub mod knowledge;
pub mod ledger;
mod node;
pub mod own_proxy;
pub mod places;
mod products;
pub mod program;
pub mod promise;
mod relay;
pub mod report;
pub mod run;
pub mod stats;
pub mod trouble;
pub mod usage;
