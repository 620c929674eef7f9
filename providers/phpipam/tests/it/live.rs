//! A real phpIPAM as the suite's subject: `IPAM_TEST_PHPIPAM_URL`, `IPAM_TEST_PHPIPAM_USER` and
//! `IPAM_TEST_PHPIPAM_PASSWORD` name a server for tests, `IPAM_TEST_PHPIPAM_APP_ID` its API app where that is not named
//! like the user. The app needs permission "Read / Write / Admin". `IPAM_TEST_PHPIPAM_VERSION`, such as 1.8.2, is the
//! server's version, which no call gives.
//!
//! The suite makes the sections of its seed and removes those that an earlier run left. A section of such a name with
//! another description is somebody's: the suite then stops.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipam_conformance::{Fault, Seed, SeededSubnet, Subject};
use ipam_provider::http::{HeaderValue, HttpClient, HttpSettings, Method};
use ipam_provider::settings::Section;
use ipam_provider::testing::read_settings;
use ipam_provider::{GroupName, Provider};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::subject::{provider, seed};

const VARIABLES: [&str; 3] = ["IPAM_TEST_PHPIPAM_URL", "IPAM_TEST_PHPIPAM_USER", "IPAM_TEST_PHPIPAM_PASSWORD"];

/// Names of sections have as many characters.
const NAME_AT_LEAST: usize = 3;

/// There is one server, so that one case at a time uses it.
static TURN: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

/// A real server.
pub(crate) struct Live {
    admin: Admin,
    provider: Arc<dyn Provider>,
    _turn: OwnedMutexGuard<()>,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Does the version have a lock, so that of several callers at once only one removes a row? Before 1.8 several are told
/// that they did.
fn has_lock(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(1), Some(8))
}

/// Without a type, versions before 1.8 refuse a request that nginx passes on.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The API as an administrator uses it.
struct Admin {
    http: HttpClient,
    app: String,
    token: HeaderValue,
}

impl Admin {
    async fn new(url: &str, user: &str, password: &str, app: &str) -> Self {
        let read = |section: &mut Section| HttpSettings::read(section, "https://phpipam.example.com");
        let settings = read_settings(json!({"url": url}), read).0.expect("a usable URL");
        let http = HttpClient::with_cookies("phpIPAM", &settings).expect("a client");
        let basic = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            .expect("a header");
        let login = http.request(Method::POST, &["api", app, "user", ""]);
        let login = login.header("authorization", &basic).header("content-type", &JSON).send().await;
        let login: Value = login.expect("a server").json().expect("an envelope");
        let token = login["data"]["token"].as_str().expect("a token");
        Self { token: HeaderValue::from_str(token).expect("a header"), app: app.to_owned(), http }
    }

    /// The envelope of an answer.
    async fn ask(&self, method: Method, path: &[&str], body: Option<Value>) -> Value {
        let path = [&["api", self.app.as_str()], path, &[""]].concat();
        let request = self.http.request(method, &path).header("token", &self.token).header("content-type", &JSON);
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await.expect("an answer").json().expect("an envelope")
    }

    async fn must(&self, method: Method, path: &[&str], body: Option<Value>) -> Value {
        let envelope = self.ask(method, path, body.clone()).await;
        assert_eq!(envelope["success"], json!(true), "{path:?} {body:?}: {}", envelope["message"]);
        envelope
    }

    /// Rows whose ids are numbers or texts.
    async fn rows(&self, path: &[&str]) -> Vec<Value> {
        self.ask(Method::GET, path, None).await["data"].as_array().cloned().unwrap_or_default()
    }

    async fn section_of(&self, name: &str) -> Option<Value> {
        self.rows(&["sections"]).await.into_iter().find(|row| row["name"] == name)
    }

    async fn subnet_of(&self, subnet: &SeededSubnet) -> String {
        let group = subnet.group.as_ref().expect("every subnet is in a section");
        let section = id(&self.section_of(group.as_str()).await.expect("a seeded section"));
        let (network, length) = (subnet.prefix.network().to_string(), subnet.prefix.length().to_string());
        let rows = self.rows(&["subnets", "cidr", &network, &length]).await;
        let row = rows.iter().find(|row| text(&row["sectionId"]) == section).expect("a seeded subnet");
        id(row)
    }

    async fn row_of(&self, subnet: &SeededSubnet, address: IpAddr) -> String {
        let subnet = self.subnet_of(subnet).await;
        let rows = self.rows(&["addresses", "search", &address.to_string()]).await;
        id(rows.iter().find(|row| text(&row["subnetId"]) == subnet).expect("a taken address"))
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn id(row: &Value) -> String {
    text(&row["id"])
}

#[async_trait]
impl Subject for Live {
    /// A name that is too short is repeated: "1" becomes "111", which is a number too.
    fn seed() -> Seed {
        let mut seed = seed();
        let names = seed.groups.iter_mut().map(|group| &mut group.name);
        for name in names.chain(seed.subnets.iter_mut().filter_map(|subnet| subnet.group.as_mut())) {
            let times = NAME_AT_LEAST.div_ceil(name.as_str().chars().count());
            *name = GroupName::new(name.as_str().repeat(times)).expect("a name");
        }
        seed
    }

    fn missing() -> Option<String> {
        let unset: Vec<_> = VARIABLES.into_iter().filter(|name| variable(name).is_none()).collect();
        (!unset.is_empty()).then(|| format!("no real phpIPAM: {} not set", unset.join(", ")))
    }

    async fn start(seed: &Seed) -> Self {
        let turn = TURN.clone().lock_owned().await;
        let [url, user, password] = VARIABLES.map(|name| variable(name).expect("it was checked"));
        let app = variable("IPAM_TEST_PHPIPAM_APP_ID").unwrap_or_else(|| user.clone());
        let admin = Admin::new(&url, &user, &password, &app).await;
        for group in &seed.groups {
            if let Some(row) = admin.section_of(group.name.as_str()).await {
                let is_ours = row["description"] == group.description.as_str();
                assert!(is_ours, "section {} is somebody's; use a phpIPAM for tests", group.name);
                admin.must(Method::DELETE, &["sections", &id(&row)], None).await;
            }
        }
        for group in &seed.groups {
            let body = json!({"name": group.name, "description": group.description});
            admin.must(Method::POST, &["sections"], Some(body)).await;
        }
        for subnet in &seed.subnets {
            let group = subnet.group.as_ref().expect("every subnet is in a section");
            let section = id(&admin.section_of(group.as_str()).await.expect("it was made"));
            let body = json!({
                "subnet": subnet.prefix.network(), "mask": subnet.prefix.length().to_string(), "sectionId": section,
                "description": subnet.description, "isPool": u8::from(subnet.pool),
            });
            let created = admin.must(Method::POST, &["subnets"], Some(body)).await;
            for (address, by) in &subnet.taken {
                let mut body = json!({"subnetId": id(&created), "ip": address});
                if let Some(mac) = by.mac {
                    body["mac"] = json!(mac);
                }
                if let Some(hostname) = &by.hostname {
                    body["hostname"] = json!(hostname);
                }
                admin.must(Method::POST, &["addresses"], Some(body)).await;
            }
        }
        let provider = Arc::new(provider(&url, json!({"user": user, "password": password, "app_id": app})));
        Self { admin, provider, _turn: turn }
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    fn tells_one_remover(&self) -> bool {
        variable("IPAM_TEST_PHPIPAM_VERSION").is_some_and(|version| has_lock(&version))
    }

    async fn fault(&self, _fault: Fault) -> bool {
        false
    }

    async fn heal(&self) {}

    async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        let body = json!({"subnetId": self.admin.subnet_of(subnet).await, "ip": address});
        self.admin.must(Method::POST, &["addresses"], Some(body)).await;
    }

    async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        let row = self.admin.row_of(subnet, address).await;
        self.admin.must(Method::DELETE, &["addresses", &row], None).await;
    }

    async fn remove(&self, subnet: &SeededSubnet) {
        let id = self.admin.subnet_of(subnet).await;
        self.admin.must(Method::DELETE, &["subnets", &id], None).await;
    }
}

#[test]
fn the_seed_has_names_that_phpipam_takes_and_each_group_its_own() {
    let (live, simulated) = (Live::seed(), seed());
    let names: BTreeSet<&str> = live.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names.len(), simulated.groups.len());
    assert!(names.iter().all(|name| name.chars().count() >= NAME_AT_LEAST), "{names:?}");
    assert!(live.subnets.iter().filter_map(|subnet| subnet.group.as_ref()).all(|name| names.contains(name.as_str())));
}

#[test]
fn only_versions_with_a_lock_tell_one_remover() {
    for (version, expected) in
        [("1.8.2", true), ("1.10", true), ("2.0", true), ("1.7.4", false), ("1.6", false), ("", false), ("x", false)]
    {
        assert_eq!(has_lock(version), expected, "{version}");
    }
}
