//! Names from a simulated Foreman, into records of an IPAM that remembers what is written.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ipam_provider::{Annotated, Annotation, GroupName, Mac, Prefix, Requester};
use ipam_simulators::Response;
use ipam_simulators::foreman::{Host, Interface};

use super::queue::Place;
use super::records::Records;
use super::sweep::{Swept, sweep};
use super::task::look;
use super::{Names, note};
use crate::allocation::holds::Removed;
use crate::allocation::{Event, EventKind, Subject};
use crate::foreman_api::testing::{OWN, Site as ForemanSite};
use crate::foreman_api::{Error, Foreman};
use crate::registration::Address;

/// An IPAM: the addresses that are ours, with what was written.
#[derive(Default)]
struct Ipam {
    records: Mutex<BTreeMap<IpAddr, Option<Annotation>>>,
    groups: Vec<Option<GroupName>>,
    /// How often it was called, and how often it changed something.
    calls: AtomicUsize,
    changes: AtomicUsize,
    is_away: bool,
}

#[async_trait]
impl Records for Ipam {
    async fn note(&self, place: &Place, note: &Annotation) -> Result<Option<Annotated>, String> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_away {
            return Err("the IPAM is away".to_owned());
        }
        let mut records = self.records.lock().expect("no panic");
        let Some(record) = records.get_mut(&place.address) else { return Ok(Some(Annotated::Absent)) };
        if record.as_ref() == Some(note) {
            return Ok(Some(Annotated::AsItWas));
        }
        *record = Some(note.clone());
        self.changes.fetch_add(1, Ordering::SeqCst);
        Ok(Some(Annotated::Changed))
    }

    async fn groups_with(&self, _: Prefix) -> Result<Vec<Option<GroupName>>, String> {
        Ok(self.groups.clone())
    }
}

struct Site {
    site: ForemanSite,
    foreman: Foreman,
    names: Names,
    ipam: Ipam,
    subnet: u64,
}

const MAC: &str = "52:54:00:00:00:05";
const HOST: &str = "web.example.com";

impl std::ops::Deref for Site {
    type Target = ForemanSite;

    fn deref(&self) -> &ForemanSite {
        &self.site
    }
}

impl Site {
    /// A Foreman with a subnet, and an IPAM that has 192.0.2.5 and 192.0.2.6, both added by us.
    fn new() -> Self {
        let site = ForemanSite::new();
        let subnet = site.subnet("192.0.2.0", 24, Some(site.own));
        let ipam = Ipam { groups: vec![None], ..Ipam::default() };
        ipam.records.lock().expect("no panic").extend([(ip("192.0.2.5"), None), (ip("192.0.2.6"), None)]);
        let own = Address::parse(OWN);
        let names = Names { look_up_after_add: true, webhooks: true, own, ..Names::default() };
        Self { foreman: site.admin(), site, names, ipam, subnet }
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

#[tokio::test]
async fn a_host_that_foreman_fails_with_holds_no_other_up() {
    let site = Site::new();
    site.set_host("broken.example.com", &["192.0.2.77"]);
    site.set_host(HOST, &["192.0.2.5"]);
    site.set_host("db.example.com", &["192.0.2.6"]);
    site.simulated.break_host("broken.example.com", true);
    for host in 1..=2 {
        assert!(site.names.queue.hint(host));
    }
    site.add("192.0.2.77", None);
    site.add("192.0.2.6", None);
    site.look().await.expect("only one host is not shown");
    assert_eq!(site.name_of("192.0.2.5").as_deref(), Some(HOST), "by the hint");
    site.look().await.expect("only one host is not shown");
    assert_eq!(site.name_of("192.0.2.6").as_deref(), Some("db.example.com"), "by the look-up");
    assert_eq!(site.names.queue.len(), 1, "the broken host's address is tried again");

    site.ipam.records.lock().expect("no panic").insert(ip("192.0.2.77"), None);
    site.simulated.break_host("broken.example.com", false);
    while site.names.queue.len() > 0 {
        site.look().await.expect("Foreman answers");
    }
    assert_eq!(site.name_of("192.0.2.77").as_deref(), Some("broken.example.com"));
}

#[tokio::test]
async fn a_host_that_cannot_be_read_may_be_the_one_of_a_shared_address() {
    let site = Site::new();
    site.set_host(HOST, &["192.0.2.5"]);
    site.set_host("broken.example.com", &["192.0.2.5"]);
    site.simulated.break_host("broken.example.com", true);
    site.add("192.0.2.5", None);
    site.look().await.expect("Foreman answers");
    assert_eq!((site.name_of("192.0.2.5"), site.names.queue.len()), (None, 1), "it is tried again");
}

#[tokio::test]
async fn a_foreman_that_fails_with_every_host_is_not_asked_for_all() {
    let site = Site::new();
    for host in 1..=20 {
        let name = format!("host{host}.example.com");
        site.set_host(&name, &["192.0.2.5"]);
        site.simulated.break_host(&name, true);
        assert!(site.names.queue.hint(host));
    }
    site.look().await.expect_err("Foreman fails");
    let asked = site.simulated.take_requests().iter().filter(|request| request.contains("/hosts/")).count();
    assert_eq!(asked, 4);
}

#[tokio::test]
async fn webhooks_that_come_late_or_in_another_order_write_what_is_so_now() {
    let site = Site::new();
    site.set_host("a.example.com", &["192.0.2.5"]);
    site.set_host("b.example.com", &["192.0.2.6"]);
    // Both are renamed, and the first one is given to another host; the webhooks come in the wrong order.
    site.simulated.rename_host("a.example.com", "old.example.com");
    site.simulated.rename_host("b.example.com", "new.example.com");
    site.simulated.delete_host("old.example.com");
    site.set_host("new.example.com", &["192.0.2.6", "192.0.2.5"]);
    for host in [2, 1, 2, 1] {
        assert!(site.names.queue.hint(host));
        site.look().await.expect("Foreman answers");
    }
    let names = ["192.0.2.5", "192.0.2.6"].map(|address| site.name_of(address));
    assert_eq!(names, [Some("new.example.com".to_owned()), Some("new.example.com".to_owned())]);
}

fn event(kind: EventKind<'_>) -> Event<'_> {
    let subject = Subject {
        provider: "internal",
        group: None,
        prefix: "192.0.2.0/24".parse().expect("a prefix"),
        address: ip("192.0.2.5"),
    };
    Event { at: jiff::Timestamp::now(), request: None, caller: None, subject, kind }
}

#[test]
fn what_was_restored_or_found_late_is_looked_up_too() {
    let by = Requester { mac: MAC.parse().ok(), ..Requester::default() };
    let record = Removed::of(MAC.parse().ok());
    let kinds = || {
        [
            EventKind::Restored { request: "request 1", record: &record },
            EventKind::AddUnanswered { by: &by, request: "request 1" },
        ]
    };
    for kind in kinds() {
        let names = Names::default();
        note(&names.queue, true, &event(kind));
        assert_eq!(names.queue.len(), 1);
        note(&names.queue, true, &event(EventKind::Deleted { record: None }));
        assert_eq!(names.queue.len(), 0);
    }
    for kind in kinds() {
        let names = Names::default();
        note(&names.queue, false, &event(kind));
        assert_eq!(names.queue.len(), 0, "look_up_after_add is off");
    }
}

impl Site {
    async fn sweep(&self) -> Swept {
        self.ipam.calls.store(0, Ordering::SeqCst);
        self.ipam.changes.store(0, Ordering::SeqCst);
        sweep(&self.foreman, &self.names, &self.ipam).await.expect("Foreman answers").0
    }

    fn changes(&self) -> usize {
        self.ipam.changes.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_sweep_repairs_what_lost_webhooks_left_and_writes_nothing_twice() {
    let site = Site::new();
    site.set_host(HOST, &["192.0.2.5", "192.0.2.77"]);
    let swept = site.sweep().await;
    assert_eq!((swept.changed, swept.not_ours, swept.failed), (1, 1, None), "192.0.2.77 is not ours");
    assert_eq!(site.name_of("192.0.2.5").as_deref(), Some(HOST));
    let swept = site.sweep().await;
    assert_eq!((swept.changed, swept.as_it_was, site.changes()), (0, 1, 0));

    site.simulated.rename_host(HOST, "new.example.com");
    assert_eq!(site.sweep().await.changed, 1);
    assert_eq!(site.name_of("192.0.2.5").as_deref(), Some("new.example.com"));
    // It has moved, and the next one was deleted: what the IPAM has of them stays.
    site.set_host("new.example.com", &["192.0.2.6"]);
    site.sweep().await;
    assert_eq!(site.name_of("192.0.2.6").as_deref(), Some("new.example.com"));
    site.simulated.delete_host("new.example.com");
    site.sweep().await;
    assert_eq!(site.name_of("192.0.2.6").as_deref(), Some("new.example.com"));
}

#[tokio::test]
async fn a_sweep_leaves_subnets_of_other_proxies_and_shared_addresses_alone() {
    let mut site = Site::new();
    let other = site.site.subnet("198.51.100.0", 24, Some(site.site.other));
    site.set_host("a.example.com", &["192.0.2.5"]);
    site.set_host("b.example.com", &["192.0.2.5"]);
    site.ipam.records.lock().expect("no panic").insert(ip("198.51.100.5"), None);
    let interface = Interface { ip: Some("198.51.100.5".to_owned()), subnet: Some(other), ..Interface::default() };
    site.simulated.set_host(Host { name: "c.example.com".to_owned(), interfaces: vec![interface] });
    let swept = site.sweep().await;
    assert_eq!((swept.unclear, site.ipam.calls.load(Ordering::SeqCst)), (1, 0), "{swept:?}");

    site.names.own = Address::parse("https://elsewhere.example.com:8443");
    let why = site.sweep().await.failed.expect("a reason");
    assert!(why.contains("no subnet") && why.contains("https://elsewhere.example.com:8443"), "{why}");
}

#[tokio::test]
async fn a_sweep_ends_where_foreman_or_the_ipam_is_away() {
    let mut site = Site::new();
    let addresses: Vec<String> = (10..100).map(|last| format!("192.0.2.{last}")).collect();
    for address in &addresses {
        site.set_host(&format!("host{address}.example.com"), &[address]);
    }
    site.ipam.is_away = true;
    assert_eq!(site.sweep().await.failed.as_deref(), Some("the IPAM fails: the IPAM is away"));
    assert_eq!(site.ipam.calls.load(Ordering::SeqCst), 5);
    site.simulated.answer_all_with(Some(Response::html(503, "<html>down</html>")));
    sweep(&site.foreman, &site.names, &site.ipam).await.expect_err("Foreman is down");
}

#[tokio::test]
async fn what_changes_during_a_sweep_is_newer_than_what_the_sweep_has_read() {
    let site = Site::new();
    let queue = &site.names.queue;
    let watch = queue.watch();
    assert!(queue.hint(7));
    note(queue, true, &event(EventKind::Deleted { record: None }));
    assert!(queue.has_changed(7, ip("192.0.2.9")) && queue.has_changed(8, ip("192.0.2.5")));
    assert!(!queue.has_changed(8, ip("192.0.2.9")));
    drop(watch);
    assert!(!queue.has_changed(7, ip("192.0.2.5")));
}
