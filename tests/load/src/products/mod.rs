//! The IPAM products that can stand behind the proxy, simulated. What they are and how to look into them is shared with
//! the tests of the proxy over each of them, in `tests/providers/support`.

#[path = "../../../providers/support/bluecat.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod bluecat;
#[path = "../../../providers/support/infoblox.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod infoblox;
#[path = "../../../contract/support/names.rs"]
#[allow(dead_code, reason = "the contract tests use more of it")]
pub(crate) mod names;
#[path = "../../../providers/support/nautobot.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod nautobot;
#[path = "../../../providers/support/netbox.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod netbox;
#[path = "../../../providers/support/phpipam.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod phpipam;
#[path = "../../../providers/support/solarwinds.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod solarwinds;
#[path = "../../../providers/support/solidserver.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod solidserver;
#[path = "../../../providers/support/tcpwave.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod tcpwave;
#[path = "../../../providers/support/vendor.rs"]
#[allow(dead_code, reason = "the tests of the providers use more of it")]
mod vendor;

pub(crate) use bluecat::{Bluecat, BluecatV1};
pub(crate) use infoblox::Infoblox;
pub(crate) use nautobot::Nautobot;
pub(crate) use netbox::Netbox;
pub(crate) use phpipam::Phpipam;
pub(crate) use solarwinds::Solarwinds;
pub(crate) use solidserver::Solidserver;
pub(crate) use tcpwave::Tcpwave;
pub(crate) use vendor::{Costs, Record, Vendor};
