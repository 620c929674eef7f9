//! Infoblox as the tests use it.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Role, Seed, SeededSubnet};
use ipam_simulators::infoblox::Site;
use serde_json::{Value, json};

pub(crate) use ipam_simulators::infoblox::Infoblox;

use super::names::form_escape;
use super::vendor::{address, ask, text};
use super::{Costs, Record, Vendor};

/// Another user of the grid.
const OTHER: (&str, &str) = ("authorization", "Basic YWRtaW46aW5mb2Jsb3g=");

/// What a reservation has in the place of a MAC.
const NO_MAC: &str = "00:00:00:00:00:00";

/// How a DUID of a MAC begins.
const DUID_LL: &str = "00:03:00:01:";

impl Vendor for Infoblox {
    const NAME: &'static str = "infoblox";

    const COSTS: Costs = Costs {
        // The grid leaves out what is held.
        batch: 1,
        // Of a free address. What a record says takes one more.
        exists: 1,
        // The grid itself refuses an address that is taken.
        add: 1,
        // Only by its reference, which has to be looked up.
        delete: 2,
        // The network view, whose reference does not change with its name, and the network.
        lookup: 2,
        login: 1,
    };

    const HAS_GLOBAL_TABLE: bool = false;

    const MISSING_RIGHT: &'static str = "read/write on IPv4 Fixed Addresses/Reservations";

    fn seed() -> Seed {
        Seed::standard().without(Role::GlobalTwin).without(Role::Pool)
    }

    fn start(seed: &Seed) -> Arc<Self> {
        Arc::new(Self::start(seed, Site { num_at_most: 1000, ..Site::default() }))
    }

    fn settings(url: &str) -> String {
        format!("url: {url}\nuser: {}\npassword: '{}'\n", Self::USER, Self::PASSWORD)
    }

    fn wrong_settings(url: &str) -> String {
        format!("url: {url}\nuser: {}\npassword: '{}-or-not'\n", Self::USER, Self::PASSWORD)
    }

    fn read_only_settings(&self, url: &str) -> String {
        self.revoke("write fixedaddress");
        self.revoke("write ipv6fixedaddress");
        <Self as Vendor>::settings(url)
    }

    fn records(&self, subnet: &SeededSubnet) -> Vec<Record> {
        let group = subnet.group.as_ref().expect("every network is in a network view");
        let (prefix, view) = (subnet.prefix, form_escape(group.as_str()));
        let (kind, fields) = if prefix.is_ipv6() {
            ("ipv6fixedaddress", "ipv6addr,duid,name,comment")
        } else {
            ("fixedaddress", "ipv4addr,mac,name,comment")
        };
        let target = format!(
            "/wapi/v2.7/{kind}?network={prefix}&network_view={view}&_return_fields={fields}&_max_results=2147483646"
        );
        let (response, body) = ask(self, "GET", &target, OTHER, None);
        assert_eq!(response.status, 200, "{body}");
        let mac = |row: &Value| {
            let mac = text(&row["mac"]).filter(|mac| mac != NO_MAC);
            mac.or_else(|| text(&row["duid"])?.strip_prefix(DUID_LL).map(str::to_owned))
        };
        let record = |row: &Value| Record {
            address: address(if row["ipv4addr"].is_null() { &row["ipv6addr"] } else { &row["ipv4addr"] }),
            mac: mac(row),
            hostname: text(&row["name"]),
            description: text(&row["comment"]).unwrap_or_default(),
        };
        body.as_array().expect("rows").iter().map(record).collect()
    }

    fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
        let group = subnet.group.as_ref().expect("every network is in a network view");
        let (kind, record) = match address {
            IpAddr::V4(_) => {
                ("fixedaddress", json!({"ipv4addr": address, "network_view": group.as_str(), "mac": NO_MAC}))
            }
            IpAddr::V6(bits) => {
                // Of the address, so that no two are the same.
                let duid = bits.octets().map(|byte| format!("{byte:02x}")).join(":");
                ("ipv6fixedaddress", json!({"ipv6addr": address, "network_view": group.as_str(), "duid": duid}))
            }
        };
        let (response, body) = ask(self, "POST", &format!("/wapi/v2.7/{kind}"), OTHER, Some(&record));
        let is_taken = body["code"] == "Client.Ibap.Data.Conflict";
        assert!(response.status == 201 || is_taken, "{} {body}", response.status);
        response.status == 201
    }
}
