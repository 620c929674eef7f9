//! phpIPAM as the tests use it.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Role, Seed, SeededSubnet};
use ipam_simulators::phpipam::{APP, CODE, CODE_APP, PASSWORD, READ_ONLY_APP, Scheme, USER, Version};
use serde_json::{Value, json};

pub(crate) use ipam_simulators::phpipam::Phpipam;

use super::vendor::{address, ask, text};
use super::{Costs, Record, Vendor};

/// Another user has an API app of their own: a login would end the proxy's session.
const OTHER: (&str, &str) = ("token", CODE);

impl Vendor for Phpipam {
    const NAME: &'static str = "phpipam";

    const COSTS: Costs = Costs {
        // The used addresses. Whether the subnet is marked as full or contains subnets, the look-up has told; where it
        // did, and where there are too many to list, `first_free` is asked besides.
        batch: 1,
        // The search. When the address is recorded in other subnets only, this subnet is read too.
        exists: 1,
        add: 1,
        // The search tells the row's id: deleting by address does nothing before version 1.7.
        delete: 2,
        // Sections, and the prefix with what overlaps it.
        lookup: 2,
        login: 1,
    };

    const HAS_GLOBAL_TABLE: bool = false;

    const MISSING_RIGHT: &'static str = "Set its permission to Read / Write there";

    fn seed() -> Seed {
        Seed::standard().without(Role::GlobalTwin)
    }

    fn start(seed: &Seed) -> Arc<Self> {
        let phpipam = Self::seeded(Version::V1_8, seed);
        // The other user's app needs it.
        phpipam.set_scheme(Scheme::Https);
        phpipam
    }

    fn settings(url: &str) -> String {
        format!("url: {url}\nuser: {USER}\npassword: {PASSWORD}\napp_id: {APP}\n")
    }

    fn wrong_settings(url: &str) -> String {
        format!("url: {url}\nuser: {USER}\npassword: {PASSWORD}-or-not\n")
    }

    fn read_only_settings(&self, url: &str) -> String {
        format!("url: {url}\nuser: {USER}\npassword: {PASSWORD}\napp_id: {READ_ONLY_APP}\n")
    }

    fn records(&self, subnet: &SeededSubnet) -> Vec<Record> {
        let target = format!("/api/{CODE_APP}/subnets/{}/addresses/", self.id_of(subnet));
        let (response, body) = ask(self, "GET", &target, OTHER, None);
        let nothing = response.status == 404 && body["message"] == "No addresses found";
        assert!(response.status == 200 || nothing, "{} {body}", response.status);
        let rows = body["data"].as_array().cloned().unwrap_or_default();
        let record = |row: &Value| Record {
            address: address(&row["ip"]),
            mac: text(&row["mac"]),
            hostname: text(&row["hostname"]),
            description: text(&row["description"]).unwrap_or_default(),
        };
        rows.iter().map(record).collect()
    }

    fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
        let row = json!({"subnetId": self.id_of(subnet), "ip": address.to_string()});
        let (response, body) = ask(self, "POST", &format!("/api/{CODE_APP}/addresses/"), OTHER, Some(&row));
        assert!(matches!(response.status, 201 | 409), "{} {body}", response.status);
        response.status == 201
    }
}
