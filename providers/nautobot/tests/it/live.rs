//! A real Nautobot, named by the environment.
//!
//! `IPAM_TEST_NAUTOBOT_URL` and `IPAM_TEST_NAUTOBOT_TOKEN`, whose user must be allowed everything in IPAM, and
//! `IPAM_TEST_NAUTOBOT_MAC_FIELD`, the key of a custom field of IP addresses, where there is one. Every case deletes the
//! namespaces of the seed, by name and description, and makes them anew, so do not point it at a Nautobot that is used.

use std::env;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ipam_conformance::{Fault, Seed, SeededGroup, SeededSubnet, Subject};
use ipam_provider::Provider;
use ipam_provider::http::{HttpClient, HttpSettings, Method};
use ipam_provider::settings::{Section, Setting};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::site::{group, provider, seed};

const URL: &str = "IPAM_TEST_NAUTOBOT_URL";
const TOKEN: &str = "IPAM_TEST_NAUTOBOT_TOKEN";
const MAC_FIELD: &str = "IPAM_TEST_NAUTOBOT_MAC_FIELD";

/// A real Nautobot, for one case at a time.
pub(crate) struct Live {
    http: HttpClient,
    authorization: HeaderValue,
    provider: Arc<dyn Provider>,
    mac_field: Option<String>,
    _turn: OwnedMutexGuard<()>,
}

impl Live {
    async fn ask(&self, method: Method, path: &[&str], query: &[(&str, &str)], body: Option<Value>) -> Value {
        let mut request = self.http.request(method, path).header("authorization", &self.authorization);
        for (key, value) in query {
            request = request.query(key, value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("Nautobot answers");
        assert!(answer.is_success(), "{path:?}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    async fn rows(&self, objects: &str, query: &[(&str, &str)]) -> Vec<Value> {
        let query = [query, &[("limit", "1000")]].concat();
        let page = self.ask(Method::GET, &["api", "ipam", objects, ""], &query, None).await;
        assert!(page["next"].is_null(), "the seed fits into one page");
        page["results"].as_array().expect("rows").clone()
    }

    /// Adds all or none, in one request.
    async fn add(&self, objects: &str, rows: Vec<Value>) {
        if !rows.is_empty() {
            self.ask(Method::POST, &["api", "ipam", objects, ""], &[], Some(rows.into())).await;
        }
    }

    /// Deletes all rows that the filters leave, in one request.
    async fn delete(&self, objects: &str, query: &[(&str, &str)]) {
        let rows = self.rows(objects, query).await;
        if !rows.is_empty() {
            let ids: Vec<Value> = rows.iter().map(|row| json!({"id": row["id"]})).collect();
            self.ask(Method::DELETE, &["api", "ipam", objects, ""], &[], Some(ids.into())).await;
        }
    }

    async fn clear(&self) {
        for namespace in self.rows("namespaces", &[]).await {
            let is_ours = seed().groups.iter().any(|group| {
                namespace["name"] == group.name.as_str() && namespace["description"] == group.description.as_str()
            });
            if is_ours {
                let id = namespace["id"].as_str().expect("an id");
                for objects in ["ip-addresses", "prefixes"] {
                    self.delete(objects, &[("namespace", id)]).await;
                }
                self.ask(Method::DELETE, &["api", "ipam", "namespaces", id, ""], &[], None).await;
            }
        }
    }

    async fn fill(&self, seed: &Seed) {
        let namespace = |group: &SeededGroup| json!({"name": group.name, "description": group.description});
        self.add("namespaces", seed.groups.iter().map(namespace).collect()).await;
        let prefix = |subnet: &SeededSubnet| {
            json!({
                "prefix": subnet.prefix.to_string(), "namespace": {"name": group(subnet)}, "status": "Active",
                "type": if subnet.pool { "pool" } else { "network" }, "description": subnet.description,
            })
        };
        self.add("prefixes", seed.subnets.iter().map(prefix).collect()).await;
        let mut addresses = Vec::new();
        for subnet in &seed.subnets {
            for (address, by) in &subnet.taken {
                let mut row = new_address(subnet, *address);
                row["dns_name"] = by.hostname.clone().unwrap_or_default().into();
                if let (Some(field), Some(mac)) = (&self.mac_field, by.mac) {
                    row["custom_fields"] = json!({field: mac.to_string()});
                }
                addresses.push(row);
            }
        }
        self.add("ip-addresses", addresses).await;
    }
}

fn new_address(subnet: &SeededSubnet, address: IpAddr) -> Value {
    let address = format!("{address}/{}", subnet.prefix.length());
    json!({"address": address, "namespace": {"name": group(subnet)}, "status": "Active"})
}

#[async_trait]
impl Subject for Live {
    fn seed() -> Seed {
        seed()
    }

    fn missing() -> Option<String> {
        let unset: Vec<&str> = [URL, TOKEN].into_iter().filter(|name| env::var_os(name).is_none()).collect();
        (!unset.is_empty()).then(|| format!("{} must be set", unset.join(" and ")))
    }

    /// Seen with 3.2.7.
    fn tells_one_remover(&self) -> bool {
        false
    }

    async fn start(seed: &Seed) -> Self {
        static TURN: OnceLock<Arc<Mutex<()>>> = OnceLock::new();
        let turn = TURN.get_or_init(Arc::default).clone().lock_owned().await;
        let [url, token] = [URL, TOKEN].map(|name| env::var(name).expect("checked by missing()"));
        // A server that is kept for tests may be a slow one, and fills in the whole seed in one request.
        let values = [("url", json!(url)), ("read_seconds", json!(60))];
        let values = values.map(|(key, value)| (key.to_owned(), Setting { value, origin: None }));
        let mut section = Section::new("environment", values.into());
        let settings = HttpSettings::read(&mut section, "https://nautobot.example.com").expect("a URL");
        let mac_field = env::var(MAC_FIELD).ok().filter(|field| !field.is_empty());
        let mut all = json!({"url": url, "token": token, "read_seconds": 60});
        if let Some(field) = &mac_field {
            all["mac_field"] = field.as_str().into();
        }
        let live = Self {
            http: HttpClient::new("Nautobot", &settings).expect("a client"),
            authorization: HeaderValue::try_from(format!("Token {token}")).expect("a token"),
            provider: Arc::new(provider(all)),
            mac_field,
            _turn: turn,
        };
        live.clear().await;
        live.fill(seed).await;
        live
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn fault(&self, _: Fault) -> bool {
        false
    }

    async fn heal(&self) {}

    async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.add("ip-addresses", vec![new_address(subnet, address)]).await;
    }

    async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.delete("ip-addresses", &[("address", &*address.to_string()), ("namespace", group(subnet))]).await;
    }

    async fn remove(&self, subnet: &SeededSubnet) {
        let query = [("prefix", &*subnet.prefix.to_string()), ("namespace", group(subnet))];
        for prefix in self.rows("prefixes", &query).await {
            self.delete("ip-addresses", &[("parent", prefix["id"].as_str().expect("an id"))]).await;
        }
        self.delete("prefixes", &query).await;
    }
}
