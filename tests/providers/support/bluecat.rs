//! BlueCat Address Manager as the tests use it, over each of its two APIs.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Role, Seed, SeededSubnet};
use ipam_simulators::bluecat::{Bluecat as Simulated, Site};
use ipam_simulators::{Ipam, Request, Response};
use serde_json::{Value, json};

use super::vendor::{address, ask, text};
use super::{Costs, Record, Vendor};

/// The user-defined field for the description.
const FIELD: &str = "comments";

/// Asked over v2.
pub(crate) struct Bluecat(Simulated);

/// Asked over v1.
pub(crate) struct BluecatV1(Simulated);

/// Another user looks and writes over v2, whichever API the proxy asks.
trait Inside {
    fn simulated(&self) -> &Simulated;

    fn path(&self, subnet: &SeededSubnet) -> String {
        format!("/api/v2/networks/{}/addresses", self.simulated().id_of(subnet))
    }

    fn ask_as_another(&self, method: &str, target: &str, body: Option<&Value>) -> (Response, Value) {
        let session = self.simulated().log_in();
        ask(self.simulated(), method, target, ("authorization", &session), body)
    }

    fn records_of(&self, subnet: &SeededSubnet) -> Vec<Record> {
        let (response, body) = self.ask_as_another("GET", &self.path(subnet), None);
        assert_eq!(response.status, 200, "{body}");
        let record = |row: &Value| Record {
            address: address(&row["address"]),
            mac: text(&row["macAddress"]["address"]).map(|mac| mac.replace('-', ":").to_lowercase()),
            hostname: text(&row["name"]),
            description: text(&row["userDefinedFields"][FIELD]).unwrap_or_default(),
        };
        body["data"].as_array().expect("rows").iter().map(record).collect()
    }

    fn take_one(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
        let kind = if address.is_ipv6() { "IPv6Address" } else { "IPv4Address" };
        let record = json!({"type": kind, "address": address.to_string(), "state": "STATIC"});
        let (response, body) = self.ask_as_another("POST", &self.path(subnet), Some(&record));
        assert!(matches!(response.status, 201 | 409), "{} {body}", response.status);
        response.status == 201
    }
}

fn start(seed: &Seed) -> Simulated {
    Simulated::start(seed, Site { field: Some(FIELD.to_owned()), ..Site::default() })
}

fn settings(url: &str, api: &str, password: &str) -> String {
    format!("url: {url}\napi: {api}\nuser: {}\npassword: '{password}'\ndescription_field: {FIELD}\n", Simulated::USER)
}

macro_rules! vendor {
    ($name:ident, $api:literal, $costs:expr) => {
        impl Inside for $name {
            fn simulated(&self) -> &Simulated {
                &self.0
            }
        }

        impl Ipam for $name {
            fn answer(&self, request: &Request) -> Response {
                self.0.answer(request)
            }

            fn is_write(&self, request: &Request) -> bool {
                self.0.is_write(request)
            }

            fn session_expired(&self) -> Response {
                self.0.session_expired()
            }
        }

        impl Vendor for $name {
            const NAME: &'static str = "bluecat";

            const COSTS: Costs = $costs;

            const HAS_GLOBAL_TABLE: bool = false;

            const MISSING_RIGHT: &'static str = "Full Access on IP addresses";

            fn seed() -> Seed {
                Seed::standard().without(Role::GlobalTwin).without(Role::Pool)
            }

            fn start(seed: &Seed) -> Arc<Self> {
                Arc::new(Self(start(seed)))
            }

            fn settings(url: &str) -> String {
                settings(url, $api, Simulated::PASSWORD)
            }

            fn wrong_settings(url: &str) -> String {
                settings(url, $api, "wrong")
            }

            fn read_only_settings(&self, url: &str) -> String {
                self.0.set_writes(false);
                Self::settings(url)
            }

            fn records(&self, subnet: &SeededSubnet) -> Vec<Record> {
                self.records_of(subnet)
            }

            fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool {
                self.take_one(subnet, address)
            }
        }
    };
}

vendor! {
    Bluecat,
    "auto",
    Costs {
        // The list of addresses that nobody has. Only an empty one is followed by those that are used.
        batch: 1,
        exists: 1,
        // Address Manager itself refuses an address that is taken, and a network that is not there any more.
        add: 1,
        // Only by its id, which has to be looked up.
        delete: 2,
        lookup: 1,
        // Which API there is, and the session.
        login: 2,
    }
}

vendor! {
    BluecatV1,
    "v1",
    Costs {
        // The addresses of the network, and its DHCP ranges; those of an empty network are followed by a look at it.
        batch: 3,
        exists: 1,
        // The record is read again, because name and field may be dropped.
        add: 2,
        delete: 2,
        // The configurations, and a search in each of the eight.
        lookup: 9,
        login: 1,
    }
}
