//! The proxy as a process, Foreman in front of it and a simulated IPAM behind it.

#[path = "../../contract/support/at_once.rs"]
mod at_once;
#[path = "../../../src/tls/test_certificates.rs"]
mod certificates;
#[path = "../../contract/support/client.rs"]
#[allow(dead_code, reason = "the contract tests use more of it")]
mod client;
#[path = "../../contract/support/foreman.rs"]
#[allow(dead_code, reason = "the contract tests use more of it")]
mod foreman;
#[path = "../../contract/support/identity.rs"]
#[allow(dead_code, reason = "the contract tests use more of it")]
mod identity;
mod ipam;
#[path = "../../contract/support/names.rs"]
mod names;
#[path = "../../faults/support/output.rs"]
#[allow(dead_code, reason = "the fault tests use more of it")]
mod output;
#[path = "../../faults/support/process.rs"]
#[allow(dead_code, reason = "the fault tests use more of it")]
mod process;
mod proxy;
mod text;
mod vendor;

#[cfg(feature = "bluecat")]
mod bluecat;
#[cfg(feature = "infoblox")]
mod infoblox;
#[cfg(feature = "nautobot")]
mod nautobot;
#[cfg(feature = "netbox")]
mod netbox;
#[cfg(feature = "phpipam")]
mod phpipam;
#[cfg(feature = "solarwinds")]
mod solarwinds;
#[cfg(feature = "solidserver")]
mod solidserver;
#[cfg(feature = "tcpwave")]
mod tcpwave;

use std::thread;
use std::time::{Duration, Instant};

use ipam_conformance::{Role, Seed, SeededSubnet};
use ipam_provider::GroupName;

pub(crate) use at_once::at_once;
#[cfg(feature = "bluecat")]
pub(crate) use bluecat::{Bluecat, BluecatV1};
pub(crate) use client::Request;
pub(crate) use foreman::{Foreman, Generation};
use identity::identities;
#[cfg(feature = "infoblox")]
pub(crate) use infoblox::Infoblox;
pub(crate) use ipam::{Extent, Simulated};
#[cfg(feature = "nautobot")]
pub(crate) use nautobot::Nautobot;
#[cfg(feature = "netbox")]
pub(crate) use netbox::Netbox;
#[cfg(feature = "phpipam")]
pub(crate) use phpipam::Phpipam;
pub(crate) use proxy::{Place, Proxy};
#[cfg(feature = "solarwinds")]
pub(crate) use solarwinds::Solarwinds;
#[cfg(feature = "solidserver")]
pub(crate) use solidserver::Solidserver;
#[cfg(feature = "tcpwave")]
pub(crate) use tcpwave::Tcpwave;
pub(crate) use text::assert_is_sentence;
pub(crate) use vendor::{Costs, Record, Vendor};

/// Longer than anything here takes, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(30);

/// A MAC that differs for each number.
pub(crate) fn mac(number: usize) -> String {
    format!("02:00:5e:20:{:02x}:{:02x}", number / 256 % 256, number % 256)
}

/// Asks again and again until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + AT_MOST;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {AT_MOST:?}");
        thread::yield_now();
    }
}

/// The seeded subnet of this role, which every seed has.
pub(crate) fn subnet(seed: &Seed, role: Role) -> &SeededSubnet {
    seed.subnet(role).expect("every provider's seed has it")
}

/// A seeded subnet as Foreman names it: prefix and group.
pub(crate) fn named(subnet: &SeededSubnet) -> (String, Option<&str>) {
    (subnet.prefix.to_string(), subnet.group.as_ref().map(GroupName::as_str))
}
