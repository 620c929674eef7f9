//! The suite over a real NetBox that is kept for tests: `IPAM_TEST_NETBOX_URL` and `IPAM_TEST_NETBOX_TOKEN`, of an
//! administrator, and `IPAM_TEST_NETBOX_MAC_FIELD`, a custom field of IP addresses, where there is one.
//!
//! Everything in the prefixes for documentation and benchmarks is deleted there, and the VRFs of the seed.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use ipam_conformance::{Fault, Seed, SeededSubnet, Subject};
use ipam_provider::Provider;
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
    provider: Arc<dyn Provider>,
    _turn: OwnedMutexGuard<()>,
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

    async fn delete(&self, list: &str, query: &str) {
        for id in self.ids(list, query).await {
            self.ask(Method::DELETE, &format!("{list}{id}/"), None).await;
        }
    }

    async fn create(&self, list: &str, body: Value) -> u64 {
        self.ask(Method::POST, list, Some(body)).await["id"].as_u64().expect("an id")
    }

    /// The id of a subnet's VRF.
    async fn vrf(&self, subnet: &SeededSubnet) -> Option<u64> {
        let name = encoded(subnet.group.as_ref()?.as_str());
        let found = self.ids("ipam/vrfs/", &format!("name={name}")).await;
        Some(*found.first().expect("the seed's groups are VRFs"))
    }

    /// A query for what belongs to a subnet's VRF.
    async fn of_vrf(&self, subnet: &SeededSubnet) -> String {
        self.vrf(subnet).await.map_or_else(|| "vrf_id=null".to_owned(), |id| format!("vrf_id={id}"))
    }

    async fn take(&self, subnet: &SeededSubnet, address: IpAddr, more: Value) {
        let length = subnet.prefix.length();
        let mut body = json!({"address": format!("{address}/{length}"), "vrf": self.vrf(subnet).await});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        self.create("ipam/ip-addresses/", body).await;
    }
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
        for prefix in OURS {
            api.delete("ipam/ip-addresses/", &format!("parent={prefix}")).await;
            api.delete("ipam/prefixes/", &format!("within_include={prefix}")).await;
        }
        for group in &seed.groups {
            let name = group.name.as_str();
            api.delete("ipam/vrfs/", &format!("name={}", encoded(name))).await;
            let body = json!({"name": name, "description": group.description, "enforce_unique": true});
            api.create("ipam/vrfs/", body).await;
        }
        for subnet in &seed.subnets {
            let body = json!({
                "prefix": subnet.prefix.to_string(), "vrf": api.vrf(subnet).await, "is_pool": subnet.pool,
                "description": subnet.description,
            });
            api.create("ipam/prefixes/", body).await;
            for (address, by) in &subnet.taken {
                let mut more = json!({"dns_name": by.hostname.clone().unwrap_or_default()});
                if let (Some(field), Some(mac)) = (&mac_field, by.mac) {
                    more["custom_fields"] = json!({field.as_str(): mac.to_string()});
                }
                api.take(subnet, *address, more).await;
            }
        }
        let mut settings = json!({"token": token});
        if let Some(field) = mac_field {
            settings["mac_field"] = json!(field);
        }
        Self { provider: provider(&url, settings), api, _turn: turn }
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn fault(&self, _fault: Fault) -> bool {
        false
    }

    async fn heal(&self) {}

    async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.api.take(subnet, address, json!({})).await;
    }

    async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        let query = format!("address={address}&{}", self.api.of_vrf(subnet).await);
        self.api.delete("ipam/ip-addresses/", &query).await;
    }

    async fn remove(&self, subnet: &SeededSubnet) {
        let of_vrf = self.api.of_vrf(subnet).await;
        self.api.delete("ipam/ip-addresses/", &format!("parent={}&{of_vrf}", subnet.prefix)).await;
        self.api.delete("ipam/prefixes/", &format!("prefix={}&{of_vrf}", subnet.prefix)).await;
    }
}

ipam_conformance::suite!(RealNetbox);
