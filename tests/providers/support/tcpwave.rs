//! TCPWave as the tests use it.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Role, Seed, SeededSubnet};
use ipam_simulators::tcpwave::Site;
use serde_json::{Value, json};

pub(crate) use ipam_simulators::tcpwave::Tcpwave;

use super::names::form_escape;
use super::vendor::{address, ask, text};
use super::{Costs, Record, Vendor};

const OTHER: (&str, &str) = ("tims-session-token", Tcpwave::TOKEN);

impl Vendor for Tcpwave {
    const NAME: &'static str = "tcpwave";

    const COSTS: Costs = Costs {
        batch: 1,
        // One question for a free address; of a taken one the object is read as well.
        exists: 2,
        add: 1,
        // The object is read for what is recorded of it.
        delete: 2,
        // Without a group the networks tell which organizations can have the prefix.
        lookup: 2,
        login: 0,
    };

    const HAS_GLOBAL_TABLE: bool = false;

    const MISSING_RIGHT: &'static str = "add objects";

    fn seed() -> Seed {
        Seed::standard().without(Role::GlobalTwin).without(Role::Pool).without_ipv6()
    }

    fn start(seed: &Seed) -> Arc<Self> {
        Arc::new(Tcpwave::start(seed, Site::default()))
    }

    fn settings(url: &str) -> String {
        format!("url: {url}\nsession_token: '{}'\ndomain: {}\n", Self::TOKEN, Self::DOMAIN)
    }

    fn wrong_settings(url: &str) -> String {
        format!("url: {url}\nsession_token: '00000000-0000-0000-0000-000000000000'\ndomain: {}\n", Self::DOMAIN)
    }

    fn read_only_settings(&self, url: &str) -> String {
        self.revoke(Self::TOKEN, "object:add");
        self.revoke(Self::TOKEN, "object:delete");
        Self::settings(url)
    }

    fn records(&self, subnet: &SeededSubnet) -> Vec<Record> {
        let group = subnet.group.as_ref().expect("every subnet is in an organization");
        let (first, organization) = (subnet.prefix.network(), form_escape(group.as_str()));
        let query = format!("subnet_address={first}&orgName={organization}&draw=0&start=0&length=1000000");
        let record = |row: &Value| {
            let at = address(&row["address"]);
            let derived = format!("ip-{}", at.to_string().replace('.', "-"));
            let name = text(&row["name"]).filter(|name| *name != derived);
            Record {
                address: at,
                mac: text(&row["mac"]),
                hostname: name.map(|name| format!("{name}.{}", row["domain_name"].as_str().expect("a domain"))),
                description: text(&row["description"]).unwrap_or_default(),
            }
        };
        let (mut records, mut total) = (Vec::new(), 1);
        while records.len() < total {
            let target =
                format!("/tims/rest/object/paged?{query}").replace("start=0", &format!("start={}", records.len()));
            let (response, body) = ask(self, "GET", &target, OTHER, None);
            assert_eq!(response.status, 200, "{body}");
            total = usize::try_from(body["recordsTotal"].as_u64().expect("a number")).expect("few");
            records.extend(body["data"].as_array().expect("rows").iter().map(record));
        }
        records
    }

    fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else { panic!("{address}: it has no IPv6") };
        let group = subnet.group.as_ref().expect("every subnet is in an organization");
        let [a, b, c, d] = address.octets();
        let object = json!({
            "organization_name": group.as_str(), "subnet_address": subnet.prefix.network(), "addr1": a, "addr2": b,
            "addr3": c, "addr4": d, "name": format!("ip-{a}-{b}-{c}-{d}"), "domain_name": Self::DOMAIN,
            "class_code": "Others", "alloc_type": 1,
        });
        let (response, _) = ask(self, "POST", "/tims/rest/object/add", OTHER, Some(&object));
        let said = String::from_utf8_lossy(&response.body);
        let is_taken = response.status == 500 && said.contains("already exists");
        assert!(response.status == 200 || is_taken, "{} {said}", response.status);
        response.status == 200
    }
}
