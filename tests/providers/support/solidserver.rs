//! SOLIDserver as the tests use it.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Role, Seed, SeededSubnet};
use ipam_simulators::Request;
use ipam_simulators::solidserver::Site;
use serde_json::Value;

pub(crate) use ipam_simulators::solidserver::Solidserver;

use super::names::form_escape;
use super::vendor::{ask, text};
use super::{Costs, Record, Vendor};

/// HTTP Basic of [`Solidserver::USER`] and [`Solidserver::PASSWORD`].
const OTHER: (&str, &str) = ("authorization", "Basic aXBtYWRtaW46cGEgc3Mmd29yZA==");

impl Vendor for Solidserver {
    const NAME: &'static str = "solidserver";

    const COSTS: Costs = Costs {
        // The look-up has told what is needed of the network and its space, so each is the one request that does it.
        batch: 1,
        exists: 1,
        // SOLIDserver itself refuses an address that is taken.
        add: 1,
        // What is removed is answered, so that it is looked up.
        delete: 2,
        lookup: 1,
        login: 0,
    };

    const HAS_GLOBAL_TABLE: bool = false;

    const MISSING_RIGHT: &'static str = "may not use the service ip_add";

    fn seed() -> Seed {
        Seed::standard().without(Role::GlobalTwin).without(Role::Pool)
    }

    fn start(seed: &Seed) -> Arc<Self> {
        Arc::new(Solidserver::start(seed, Site::default()))
    }

    fn settings(url: &str) -> String {
        format!("url: {url}\nuser: '{}'\npassword: '{}'\n", Self::USER, Self::PASSWORD)
    }

    fn wrong_settings(url: &str) -> String {
        format!("url: {url}\nuser: '{}'\npassword: 'wrong'\n", Self::USER)
    }

    fn read_only_settings(&self, url: &str) -> String {
        for service in ["ip_add", "ip_delete", "ip6_address6_add", "ip6_address6_delete"] {
            self.revoke(service);
        }
        Self::settings(url)
    }

    fn records(&self, subnet: &SeededSubnet) -> Vec<Record> {
        let group = subnet.group.as_ref().expect("every network is in a space").as_str();
        let [service, name, mac, parameters, address] = match subnet.prefix.is_ipv6() {
            false => ["ip_address_list", "name", "mac_addr", "ip_class_parameters", "hostaddr"],
            true => ["ip6_address6_list", "ip6_name", "ip6_mac_addr", "ip6_class_parameters", "hostaddr6"],
        };
        let condition = form_escape(&format!("type='ip' and site_name='{}'", group.replace('\'', "''")));
        let (response, body) = ask(self, "GET", &format!("/rest/{service}?WHERE={condition}"), OTHER, None);
        assert!(matches!(response.status, 200 | 204), "{} {body}", response.status);
        let record = |row: &Value| {
            let address: IpAddr = row[address].as_str().expect("a text").parse().expect("an address");
            subnet.prefix.contains(address).then(|| Record {
                address,
                mac: text(&row[mac]).filter(|mac| !mac.starts_with("EIP:")),
                hostname: text(&row[name]),
                description: description(row[parameters].as_str().expect("a text")),
            })
        };
        body.as_array().map(|rows| rows.iter().filter_map(record).collect()).unwrap_or_default()
    }

    fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
        let group = form_escape(subnet.group.as_ref().expect("every network is in a space").as_str());
        let service = if address.is_ipv6() { "ip6_address6_add" } else { "ip_add" };
        let target = format!("/rest/{service}?site_name={group}&hostaddr={address}&add_flag=new_only");
        let (response, body) = ask(self, "POST", &target, OTHER, None);
        let is_taken = response.status == 400 && body.to_string().contains("already exist");
        assert!(response.status == 201 || is_taken, "{} {body}", response.status);
        response.status == 201
    }
}

/// The class parameter, which is encoded as a query is.
fn description(class_parameters: &str) -> String {
    let query = class_parameters.to_owned();
    let nothing = String::new;
    let parameters = Request { method: nothing(), path: nothing(), query, headers: Vec::new(), body: Vec::new() };
    parameters.parameter("description").unwrap_or_default()
}
