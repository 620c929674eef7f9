//! NetBox as the tests use it.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Seed, SeededSubnet};
use ipam_provider::GroupName;
use ipam_simulators::netbox::{MAC_FIELD, Right, TOKEN, Token, Version};
use serde_json::{Value, json};

pub(crate) use ipam_simulators::netbox::Netbox;

use super::vendor::{address, ask, text};
use super::{Costs, Record, Vendor};

/// The token of somebody who may look at everything.
const VIEWER: &str = "fedcba9876543210fedcba9876543210fedcba98";

const OTHER: (&str, &str) = ("authorization", "Token 0123456789abcdef0123456789abcdef01234567");

impl Vendor for Netbox {
    const NAME: &'static str = "netbox";

    const COSTS: Costs = Costs {
        batch: 1,
        // The look-up has told the VRF.
        exists: 1,
        // The VRFs of the seed refuse an address that is taken, and the look-up has told so. Elsewhere one more looks
        // whether somebody else was first.
        add: 1,
        // Only by its id, which has to be looked up.
        delete: 2,
        // The prefix, and the rule of its VRF.
        lookup: 2,
        login: 0,
    };

    const HAS_GLOBAL_TABLE: bool = true;

    const MISSING_RIGHT: &'static str = "ipam.add_ipaddress";

    fn seed() -> Seed {
        Seed::standard()
    }

    fn start(seed: &Seed) -> Arc<Self> {
        let views = [Right::ViewGroups, Right::ViewPrefixes, Right::ViewRanges, Right::ViewAddresses];
        let viewer = Token::new(VIEWER).with_rights(&views);
        Arc::new(Self::seeded(seed, Version::V4_6).with_token(viewer))
    }

    fn settings(url: &str) -> String {
        format!("url: {url}\ntoken: '{TOKEN}'\nmac_field: {MAC_FIELD}\n")
    }

    fn wrong_settings(url: &str) -> String {
        format!("url: {url}\ntoken: '0000000000000000000000000000000000000000'\n")
    }

    fn read_only_settings(&self, url: &str) -> String {
        format!("url: {url}\ntoken: '{VIEWER}'\n")
    }

    fn records(&self, subnet: &SeededSubnet) -> Vec<Record> {
        let target = format!("/api/ipam/ip-addresses/?limit=1000&parent={}", subnet.prefix);
        let (response, body) = ask(self, "GET", &target, OTHER, None);
        assert!(response.status == 200 && body["next"].is_null(), "{} {body}", response.status);
        let group = subnet.group.as_ref().map(GroupName::as_str);
        let rows = body["results"].as_array().expect("rows").iter().filter(|row| row["vrf"]["name"].as_str() == group);
        let record = |row: &Value| Record {
            address: address(&row["address"]),
            mac: text(&row["custom_fields"][MAC_FIELD]),
            hostname: text(&row["dns_name"]),
            description: text(&row["description"]).unwrap_or_default(),
        };
        rows.map(record).collect()
    }

    fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
        let vrf = subnet.group.as_ref().map(|group| json!({"name": group.as_str()}));
        let record = json!({"address": format!("{address}/{}", subnet.prefix.length()), "vrf": vrf});
        let (response, body) = ask(self, "POST", "/api/ipam/ip-addresses/", OTHER, Some(&record));
        let is_duplicate = response.status == 400 && body.to_string().contains("Duplicate");
        assert!(response.status == 201 || is_duplicate, "{} {body}", response.status);
        response.status == 201
    }
}
