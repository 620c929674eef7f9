//! The suite over a real NetBox that is kept for tests: `IPAM_TEST_NETBOX_URL` and `IPAM_TEST_NETBOX_TOKEN`, of an
//! administrator, and `IPAM_TEST_NETBOX_MAC_FIELD`, a custom field of IP addresses, where there is one.
//!
//! Everything in the prefixes for documentation and benchmarks is deleted there, and the VRFs of the seed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use ipam_conformance::{Fault, Seed, SeededGroup, SeededSubnet, Subject};
use ipam_provider::{GroupName, Provider};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::subject::provider;

/// All prefixes of the seed are in these.
const OURS: [&str; 5] = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32"];

/// There is one NetBox: the cases take turns.
static TURN: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

/// A real NetBox, filled anew for each case.
pub(crate) struct RealNetbox {
    api: Api,
    /// The ids of the seed's groups.
    vrfs: BTreeMap<GroupName, u64>,
    provider: Arc<dyn Provider>,
    _turn: OwnedMutexGuard<()>,
}

impl RealNetbox {
    fn vrf(&self, subnet: &SeededSubnet) -> Option<u64> {
        subnet.group.as_ref().map(|group| self.vrfs[group])
    }

    /// A query for what belongs to a subnet's VRF.
    fn of_vrf(&self, subnet: &SeededSubnet) -> String {
        self.vrf(subnet).map_or_else(|| "vrf_id=null".to_owned(), |id| format!("vrf_id={id}"))
    }
}

/// Asks as another user of NetBox does.
struct Api {
    url: String,
    token: String,
    client: Client,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(format!("IPAM_TEST_NETBOX_{name}")).ok().filter(|value| !value.is_empty())
}

impl Api {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let scheme = if self.token.starts_with("nbt_") { "Bearer" } else { "Token" };
        let request = self.client.request(method.clone(), format!("{}/api/{path}", self.url));
        let request = request.header("authorization", format!("{scheme} {}", self.token));
        let request = body.iter().fold(request, RequestBuilder::json);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a whole answer");
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The ids of all rows that a query finds.
    async fn ids(&self, list: &str, query: &str) -> Vec<u64> {
        let found = self.ask(Method::GET, &format!("{list}?limit=1000&{query}"), None).await;
        found["results"].as_array().expect("rows").iter().filter_map(|row| row["id"].as_u64()).collect()
    }

    /// Deletes all rows that a query finds, in one request.
    async fn delete(&self, list: &str, query: &str) {
        let ids = self.ids(list, query).await;
        if !ids.is_empty() {
            let rows: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
            self.ask(Method::DELETE, list, Some(rows.into())).await;
        }
    }

    /// Creates all rows or none, in one request; their ids.
    async fn create(&self, list: &str, rows: Vec<Value>) -> Vec<u64> {
        if rows.is_empty() {
            return Vec::new();
        }
        let created = self.ask(Method::POST, list, Some(rows.into())).await;
        created.as_array().expect("rows").iter().map(|row| row["id"].as_u64().expect("an id")).collect()
    }

    /// Empties what the seed is made of, and fills it in.
    async fn fill(&self, seed: &Seed, mac_field: Option<&str>) -> BTreeMap<GroupName, u64> {
        for prefix in OURS {
            self.delete("ipam/ip-addresses/", &format!("parent={prefix}")).await;
            self.delete("ipam/prefixes/", &format!("within_include={prefix}")).await;
        }
        let names: Vec<String> =
            seed.groups.iter().map(|group| format!("name={}", encoded(group.name.as_str()))).collect();
        if !names.is_empty() {
            self.delete("ipam/vrfs/", &names.join("&")).await;
        }
        let vrf =
            |group: &SeededGroup| json!({"name": group.name, "description": group.description, "enforce_unique": true});
        let ids = self.create("ipam/vrfs/", seed.groups.iter().map(vrf).collect()).await;
        let vrfs: BTreeMap<GroupName, u64> = seed.groups.iter().map(|group| group.name.clone()).zip(ids).collect();
        let vrf_of = |subnet: &SeededSubnet| subnet.group.as_ref().map(|group| vrfs[group]);
        let prefix = |subnet: &SeededSubnet| {
            json!({
                "prefix": subnet.prefix.to_string(), "vrf": vrf_of(subnet), "is_pool": subnet.pool,
                "description": subnet.description,
            })
        };
        self.create("ipam/prefixes/", seed.subnets.iter().map(prefix).collect()).await;
        let mut addresses = Vec::new();
        for subnet in &seed.subnets {
            for (address, by) in &subnet.taken {
                let mut row = new_address(subnet, vrf_of(subnet), *address);
                row["dns_name"] = json!(by.hostname.clone().unwrap_or_default());
                if let (Some(field), Some(mac)) = (mac_field, by.mac) {
                    row["custom_fields"] = json!({field: mac.to_string()});
                }
                addresses.push(row);
            }
        }
        self.create("ipam/ip-addresses/", addresses).await;
        vrfs
    }
}

fn new_address(subnet: &SeededSubnet, vrf: Option<u64>, address: IpAddr) -> Value {
    json!({"address": format!("{address}/{}", subnet.prefix.length()), "vrf": vrf})
}

/// Everything but letters and digits, so that no name can mean anything in a query.
fn encoded(text: &str) -> String {
    let plain =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(plain).collect()
}

#[async_trait]
impl Subject for RealNetbox {
    fn missing() -> Option<String> {
        let missing: Vec<&str> = ["URL", "TOKEN"].into_iter().filter(|name| variable(name).is_none()).collect();
        let text = format!("IPAM_TEST_NETBOX_{} is not set", missing.join(", IPAM_TEST_NETBOX_"));
        (!missing.is_empty()).then_some(text)
    }

    async fn start(seed: &Seed) -> Self {
        let turn = TURN.clone().lock_owned().await;
        let (url, token) = (variable("URL").expect("it is set"), variable("TOKEN").expect("it is set"));
        let url = url.trim_end_matches('/').to_owned();
        let client = Client::builder().build().expect("a client");
        let api = Api { url: url.clone(), token: token.clone(), client };
        let mac_field = variable("MAC_FIELD");
        let vrfs = api.fill(seed, mac_field.as_deref()).await;
        // A server that is kept for tests may be a slow one.
        let mut settings = json!({"token": token, "read_seconds": 60});
        if let Some(field) = mac_field {
            settings["mac_field"] = json!(field);
        }
        Self { provider: provider(&url, settings), api, vrfs, _turn: turn }
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn fault(&self, _fault: Fault) -> bool {
        false
    }

    async fn heal(&self) {}

    async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.api.create("ipam/ip-addresses/", vec![new_address(subnet, self.vrf(subnet), address)]).await;
    }

    async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.api.delete("ipam/ip-addresses/", &format!("address={address}&{}", self.of_vrf(subnet))).await;
    }

    async fn remove(&self, subnet: &SeededSubnet) {
        let of_vrf = self.of_vrf(subnet);
        self.api.delete("ipam/ip-addresses/", &format!("parent={}&{of_vrf}", subnet.prefix)).await;
        self.api.delete("ipam/prefixes/", &format!("prefix={}&{of_vrf}", subnet.prefix)).await;
    }
}

ipam_conformance::suite!(RealNetbox);
