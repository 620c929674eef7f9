//! Names from a simulated Foreman, into records of an IPAM that remembers what is written.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ipam_provider::{Annotated, Annotation, GroupName, Mac, Prefix};
use ipam_simulators::Response;
use ipam_simulators::foreman::{Foreman as Simulated, Host, Identity, Interface, Subnet};
use tempfile::TempDir;

use super::Names;
use super::queue::Place;
use super::records::Records;
use super::task::look;
use crate::foreman_api::{Credentials, Error, Foreman};
use crate::tls::test_certificates::Certificate;

static AUTHORITY: LazyLock<Certificate> = LazyLock::new(|| Certificate::root("Authority of the tests"));

/// An IPAM: the addresses that are ours, with what was written.
#[derive(Default)]
struct Ipam {
    records: Mutex<BTreeMap<IpAddr, Option<Annotation>>>,
    groups: Vec<Option<GroupName>>,
}

#[async_trait]
impl Records for Ipam {
    async fn note(&self, place: &Place, note: &Annotation) -> Result<Option<Annotated>, String> {
        let mut records = self.records.lock().expect("no panic");
        let Some(record) = records.get_mut(&place.address) else { return Ok(Some(Annotated::Absent)) };
        if record.as_ref() == Some(note) {
            return Ok(Some(Annotated::AsItWas));
        }
        *record = Some(note.clone());
        Ok(Some(Annotated::Changed))
    }

    async fn groups_with(&self, _: Prefix) -> Result<Vec<Option<GroupName>>, String> {
        Ok(self.groups.clone())
    }
}

struct Site {
    _directory: TempDir,
    simulated: Simulated,
    foreman: Foreman,
    names: Names,
    ipam: Ipam,
    subnet: u64,
}

const MAC: &str = "52:54:00:00:00:05";
const HOST: &str = "web.example.com";

impl Site {
    /// A Foreman with a subnet, and an IPAM that has 192.0.2.5 and 192.0.2.6, both added by us.
    fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        AUTHORITY.write(directory.path(), "ca");
        let (server, client) = (AUTHORITY.host("localhost"), AUTHORITY.host("localhost"));
        let simulated = Simulated::start(&Identity {
            certificate: server.pem(),
            key: server.key_pem(),
            client_certificate: client.pem(),
            client_key: client.key_pem(),
            authority: AUTHORITY.pem(),
        });
        let credentials = Credentials::Basic { user: "admin".to_owned(), password: "changeme".into() };
        let foreman = Foreman::new(&simulated.url(), &[directory.path().join("ca.pem")], credentials);
        let subnet = simulated.add_subnet(Subnet {
            name: "Servers".to_owned(),
            network: "192.0.2.0".to_owned(),
            cidr: 24,
            externalipam: Some(1),
            ..Subnet::default()
        });
        let ipam = Ipam { groups: vec![None], ..Ipam::default() };
        ipam.records.lock().expect("no panic").extend([(ip("192.0.2.5"), None), (ip("192.0.2.6"), None)]);
        Self {
            _directory: directory,
            simulated,
            foreman: foreman.expect("a client"),
            names: Names { look_up_after_add: true, webhooks: true, ..Names::default() },
            ipam,
            subnet,
        }
    }

    fn set_host(&self, name: &str, addresses: &[&str]) {
        let interface = |address: &&str| Interface {
            identifier: "eth0".to_owned(),
            mac: Some(MAC.to_owned()),
            ip: Some((*address).to_owned()),
            subnet: Some(self.subnet),
            ..Interface::default()
        };
        self.simulated.set_host(Host { name: name.to_owned(), interfaces: addresses.iter().map(interface).collect() });
    }

    fn add(&self, address: &str, mac: Option<&str>) {
        let mac: Option<Mac> = mac.map(|mac| mac.parse().expect("a MAC"));
        self.names.queue.push("192.0.2.0/24".parse().expect("a prefix"), None, ip(address), mac);
    }

    /// Waits for what is due, and looks.
    async fn look(&self) -> Result<(), Error> {
        tokio::time::timeout(Duration::from_secs(30), self.names.queue.wait()).await.expect("something is due");
        look(&self.foreman, &self.names, &self.ipam).await
    }

    fn name_of(&self, address: &str) -> Option<String> {
        let records = self.ipam.records.lock().expect("no panic");
        records.get(&ip(address)).and_then(|note| note.as_ref()?.hostname.clone())
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[tokio::test]
async fn the_name_arrives_once_the_host_is_visible() {
    let site = Site::new();
    site.add("192.0.2.5", Some(MAC));
    site.look().await.expect("Foreman answers");
    assert_eq!((site.name_of("192.0.2.5"), site.names.queue.len()), (None, 1), "Foreman has not committed");
    site.set_host(HOST, &["192.0.2.9", "192.0.2.5"]);
    site.look().await.expect("Foreman answers");
    assert_eq!(site.name_of("192.0.2.5").as_deref(), Some(HOST));
    assert_eq!(site.names.queue.len(), 0);
}

#[tokio::test]
async fn many_addresses_are_one_search_and_a_session_is_kept() {
    let site = Site::new();
    site.set_host(HOST, &["192.0.2.5", "192.0.2.6"]);
    site.add("192.0.2.5", None);
    site.add("192.0.2.6", None);
    site.look().await.expect("Foreman answers");
    assert_eq!(site.simulated.take_requests(), ["GET /api/v2/subnets", "GET /api/v2/hosts", "GET /api/v2/hosts/1"]);
    assert_eq!(site.name_of("192.0.2.6").as_deref(), Some(HOST));
    assert_eq!(site.simulated.sessions(), 2, "all but the first request are of the session");
}

#[tokio::test]
async fn a_foreman_that_is_away_loses_nothing() {
    let site = Site::new();
    site.set_host(HOST, &["192.0.2.5"]);
    site.add("192.0.2.5", None);
    assert!(site.names.queue.hint(1));
    site.simulated.answer_all_with(Some(Response::html(503, "<html>down</html>")));
    site.look().await.expect_err("Foreman is down");
    site.simulated.answer_all_with(None);
    site.look().await.expect("Foreman is back");
    assert_eq!(site.name_of("192.0.2.5").as_deref(), Some(HOST));
}

#[tokio::test]
async fn an_older_foreman_finds_no_ipv6_address_and_is_not_asked_again() {
    let site = Site::new();
    site.simulated.set_version("3.4.1");
    site.names.queue.push("2001:db8::/64".parse().expect("a prefix"), None, ip("2001:db8::5"), None);
    site.look().await.expect("Foreman answers");
    assert_eq!(site.names.queue.len(), 0);
}

#[tokio::test]
async fn a_hint_has_the_host_read_again_whatever_it_says_and_however_often() {
    let site = Site::new();
    site.set_host(HOST, &["192.0.2.5"]);
    for _ in 0..3 {
        assert!(site.names.queue.hint(1));
    }
    site.look().await.expect("Foreman answers");
    assert_eq!(site.name_of("192.0.2.5").as_deref(), Some(HOST));
    site.simulated.take_requests();
    look(&site.foreman, &site.names, &site.ipam).await.expect("nothing to do");
    assert!(site.simulated.take_requests().is_empty(), "three hints are one look");

    site.simulated.rename_host(HOST, "new.example.com");
    assert!(site.names.queue.hint(1));
    site.look().await.expect("Foreman answers");
    assert_eq!(site.name_of("192.0.2.5").as_deref(), Some("new.example.com"));
}

#[tokio::test]
async fn hints_of_unknown_and_deleted_hosts_and_records_of_others_change_nothing() {
    let site = Site::new();
    site.set_host(HOST, &["192.0.2.5", "192.0.2.77"]);
    site.simulated.delete_host(HOST);
    assert!(site.names.queue.hint(1) && site.names.queue.hint(4711));
    site.look().await.expect("Foreman answers");
    assert_eq!((site.name_of("192.0.2.5"), site.name_of("192.0.2.77")), (None, None));
    assert!(site.names.queue.take_due().hosts.is_empty(), "they are not asked for again");
}

#[tokio::test]
async fn a_prefix_in_several_groups_is_not_guessed_until_one_is_known() {
    let mut site = Site::new();
    site.ipam.groups = vec![GroupName::new("Red"), GroupName::new("Blue")];
    site.set_host(HOST, &["192.0.2.5"]);
    assert!(site.names.queue.hint(1));
    site.look().await.expect("Foreman answers");
    assert_eq!(site.name_of("192.0.2.5"), None);
    site.names.queue.learn_group("192.0.2.0/24".parse().expect("a prefix"), GroupName::new("Red").as_ref());
    assert!(site.names.queue.hint(1));
    site.look().await.expect("Foreman answers");
    assert_eq!(site.name_of("192.0.2.5").as_deref(), Some(HOST));
}
