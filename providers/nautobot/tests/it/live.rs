//! A real Nautobot, named by the environment.
//!
//! `IPAM_TEST_NAUTOBOT_URL` and `IPAM_TEST_NAUTOBOT_TOKEN`; the token's user must be allowed everything in IPAM. Every
//! case deletes the namespaces of the seed, by name and description, and makes them anew, so do not point it at a
//! Nautobot that is used.

use std::env;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ipam_conformance::{Fault, Seed, SeededSubnet, Subject};
use ipam_provider::Provider;
use ipam_provider::http::{HttpClient, HttpSettings, Method};
use ipam_provider::settings::{Section, Setting};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::site::{group, provider, seed};

const URL: &str = "IPAM_TEST_NAUTOBOT_URL";
const TOKEN: &str = "IPAM_TEST_NAUTOBOT_TOKEN";

/// A real Nautobot, for one case at a time.
pub(crate) struct Live {
    http: HttpClient,
    authorization: HeaderValue,
    provider: Arc<dyn Provider>,
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

    async fn add(&self, objects: &str, body: Value) -> Value {
        self.ask(Method::POST, &["api", "ipam", objects, ""], &[], Some(body)).await
    }

    async fn delete(&self, objects: &str, row: &Value) {
        let id = row["id"].as_str().expect("an id");
        self.ask(Method::DELETE, &["api", "ipam", objects, id, ""], &[], None).await;
    }

    async fn clear(&self) {
        for namespace in self.rows("namespaces", &[]).await {
            let is_ours = seed().groups.iter().any(|group| {
                namespace["name"] == group.name.as_str() && namespace["description"] == group.description.as_str()
            });
            if is_ours {
                let id = namespace["id"].as_str().expect("an id");
                for objects in ["ip-addresses", "prefixes"] {
                    for row in self.rows(objects, &[("namespace", id)]).await {
                        self.delete(objects, &row).await;
                    }
                }
                self.delete("namespaces", &namespace).await;
            }
        }
    }

    async fn fill(&self, seed: &Seed) {
        for group in &seed.groups {
            self.add("namespaces", json!({"name": group.name.as_str(), "description": group.description})).await;
        }
        for subnet in &seed.subnets {
            let body = json!({
                "prefix": subnet.prefix.to_string(), "namespace": {"name": group(subnet)}, "status": "Active",
                "type": if subnet.pool { "pool" } else { "network" }, "description": subnet.description,
            });
            self.add("prefixes", body).await;
            for (address, by) in &subnet.taken {
                let mut body = new_address(subnet, *address);
                body["dns_name"] = by.hostname.clone().unwrap_or_default().into();
                self.add("ip-addresses", body).await;
            }
        }
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

    async fn start(seed: &Seed) -> Self {
        static TURN: OnceLock<Arc<Mutex<()>>> = OnceLock::new();
        let turn = TURN.get_or_init(Arc::default).clone().lock_owned().await;
        let [url, token] = [URL, TOKEN].map(|name| env::var(name).expect("checked by missing()"));
        let value = Setting { value: url.clone().into(), origin: None };
        let mut section = Section::new("environment", [("url".to_owned(), value)].into());
        let settings = HttpSettings::read(&mut section, "https://nautobot.example.com").expect("a URL");
        let live = Self {
            http: HttpClient::new("Nautobot", &settings).expect("a client"),
            authorization: HeaderValue::try_from(format!("Token {token}")).expect("a token"),
            provider: Arc::new(provider(json!({"url": url, "token": token}))),
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
        self.add("ip-addresses", new_address(subnet, address)).await;
    }

    async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        let query = [("address", &*address.to_string()), ("namespace", group(subnet))];
        for row in self.rows("ip-addresses", &query).await {
            self.delete("ip-addresses", &row).await;
        }
    }

    async fn remove(&self, subnet: &SeededSubnet) {
        let query = [("prefix", &*subnet.prefix.to_string()), ("namespace", group(subnet))];
        for prefix in self.rows("prefixes", &query).await {
            let parent = prefix["id"].as_str().expect("an id");
            for row in self.rows("ip-addresses", &[("parent", parent)]).await {
                self.delete("ip-addresses", &row).await;
            }
            self.delete("prefixes", &prefix).await;
        }
    }
}
