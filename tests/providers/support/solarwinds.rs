//! SolarWinds IPAM as the tests use it.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Role, Seed, SeededSubnet};
use ipam_simulators::solarwinds::{Right, Site};
use serde_json::Value;

pub(crate) use ipam_simulators::solarwinds::Solarwinds;

use super::vendor::{address, text};
use super::{Costs, Record, Vendor};

impl Vendor for Solarwinds {
    const NAME: &'static str = "solarwinds";

    const COSTS: Costs = Costs {
        // The addresses that are not available, and the subnet where there are none.
        batch: 2,
        exists: 1,
        // The record, the start and the end of a reservation, and the record of the host.
        add: 4,
        // By a uri, which the record has.
        delete: 2,
        // The subnet, the tree of groups, and whether reservations can begin at a given address.
        lookup: 3,
        login: 0,
    };

    const WRITES_OF_ADD: u32 = 3;

    const HAS_GLOBAL_TABLE: bool = false;

    const MISSING_RIGHT: &'static str = "role Power User on the group, for changing IP addresses";

    fn seed() -> Seed {
        Seed::standard().without(Role::GlobalTwin).without(Role::Pool)
    }

    fn start(seed: &Seed) -> Arc<Self> {
        Arc::new(Solarwinds::start(seed, Site::default()))
    }

    fn settings(url: &str) -> String {
        format!("url: {url}\nuser: '{}'\npassword: \"{}\"\n", Self::USER, Self::PASSWORD)
    }

    fn wrong_settings(url: &str) -> String {
        format!("url: {url}\nuser: '{}'\npassword: 'another one'\n", Self::USER)
    }

    fn read_only_settings(&self, url: &str) -> String {
        self.revoke(Right::ChangeAddresses);
        self.revoke(Right::CallVerbs);
        Self::settings(url)
    }

    fn records(&self, subnet: &SeededSubnet) -> Vec<Record> {
        let group = subnet.group.as_ref().expect("every subnet is in a hierarchy group");
        let record = |row: &Value| Record {
            address: address(&row["IPAddress"]),
            // The web console writes it with hyphens.
            mac: text(&row["MAC"]).map(|mac| mac.to_lowercase().replace('-', ":")),
            hostname: text(&row["DnsBackward"]),
            description: text(&row["Comments"]).unwrap_or_default(),
        };
        self.taken(group.as_str(), subnet).iter().map(record).collect()
    }

    fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
        let group = subnet.group.as_ref().expect("every subnet is in a hierarchy group");
        Solarwinds::take(self, group.as_str(), address)
    }
}
