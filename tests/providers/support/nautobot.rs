//! Nautobot as the tests use it.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Role, Seed, SeededSubnet};
use ipam_simulators::nautobot::Site;
use serde_json::{Value, json};

pub(crate) use ipam_simulators::nautobot::Nautobot;

use super::names::form_escape;
use super::vendor::{address, ask, text};
use super::{Costs, Record, Vendor};

/// The key of the custom field for MACs.
const MAC_FIELD: &str = "mac_address";

const OTHER: (&str, &str) = ("authorization", "Token 0123456789abcdef0123456789abcdef01234567");

impl Vendor for Nautobot {
    const NAME: &'static str = "nautobot";

    const COSTS: Costs = Costs {
        // The look-up has told what is needed of the prefix and its namespace, so each is the one request that does it.
        batch: 1,
        exists: 1,
        // Nautobot itself refuses an address that is taken, and a prefix that is not there any more.
        add: 1,
        // Only by its id, which has to be looked up.
        delete: 2,
        lookup: 1,
        login: 0,
    };

    const HAS_GLOBAL_TABLE: bool = false;

    const MISSING_RIGHT: &'static str = "add on ipam.ipaddress";

    fn seed() -> Seed {
        Seed::standard().without(Role::GlobalTwin)
    }

    fn start(seed: &Seed) -> Arc<Self> {
        let site = Site { custom_field: Some(MAC_FIELD.to_owned()), ..Site::default() };
        Arc::new(Nautobot::start(seed, site))
    }

    fn settings(url: &str) -> String {
        format!("url: {url}\ntoken: '{}'\nmac_field: {MAC_FIELD}\n", Self::TOKEN)
    }

    fn wrong_settings(url: &str) -> String {
        format!("url: {url}\ntoken: '0000000000000000000000000000000000000000'\n")
    }

    fn read_only_settings(&self, url: &str) -> String {
        self.revoke(Self::TOKEN, "add ipam.ipaddress");
        self.revoke(Self::TOKEN, "delete ipam.ipaddress");
        Self::settings(url)
    }

    fn records(&self, subnet: &SeededSubnet) -> Vec<Record> {
        let group = subnet.group.as_ref().expect("every prefix is in a namespace");
        let (prefix, namespace) = (subnet.prefix, form_escape(group.as_str()));
        let target = format!("/api/ipam/ip-addresses/?limit=1000&prefix={prefix}&namespace={namespace}");
        let (response, body) = ask(self, "GET", &target, OTHER, None);
        assert!(response.status == 200 && body["next"].is_null(), "{} {body}", response.status);
        let record = |row: &Value| Record {
            address: address(&row["address"]),
            mac: text(&row["custom_fields"][MAC_FIELD]),
            hostname: text(&row["dns_name"]),
            description: text(&row["description"]).unwrap_or_default(),
        };
        body["results"].as_array().expect("rows").iter().map(record).collect()
    }

    fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
        let group = subnet.group.as_ref().expect("every prefix is in a namespace");
        let record = json!({
            "address": format!("{address}/{}", subnet.prefix.length()), "status": "Active",
            "namespace": {"name": group.as_str()},
        });
        let (response, body) = ask(self, "POST", "/api/ipam/ip-addresses/", OTHER, Some(&record));
        let is_taken = response.status == 400 && body.to_string().contains("already exists");
        assert!(response.status == 201 || is_taken, "{} {body}", response.status);
        response.status == 201
    }
}
