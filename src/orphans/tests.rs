//! Orphans over a simulated Foreman, a ledger, and an IPAM that remembers.

use std::sync::Arc;
use std::time::Duration;

use ipam_conformance::reference::ReferenceSubject;
use ipam_conformance::{Role, Seed, SeededSubnet, Subject};
use ipam_provider::{Guard, Limits, Mac, Provider as _, Requester, Reservation};
use ipam_simulators::Response;
use ipam_simulators::foreman::{Host, Interface};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{Search, Watch};
use crate::allocation::{Allocator, Clock, Events, GroupChoice, Holds, Rules};
use crate::caller::{Caller, Door, Principal, Rights, Who};
use crate::foreman_api::testing::{OWN, Site};
use crate::foreman_api::{Error, Inventory};
use crate::ledger::{Ledger, Place, Records, Standing};
use crate::telemetry::request_id::{self, RequestId};

const ATTEMPT: Duration = Duration::from_secs(8);

/// How old an orphan is.
const AFTER: Duration = Duration::from_secs(3600);

/// A Foreman, a ledger, and an IPAM with a subnet that uses this proxy.
struct Stage {
    site: Site,
    ledger: Ledger,
    records: Records,
    allocator: Arc<Allocator>,
    place: SeededSubnet,
    subnet: u64,
    watch: Watch,
    _directory: TempDir,
}

impl Stage {
    async fn start() -> Self {
        let directory = TempDir::new().expect("a directory");
        let at = Place::of(directory.path(), None);
        let records = Records::open_or_create(at.clone()).expect("a ledger");
        let ledger = Ledger::start(at, 400);
        let seed = Seed::standard();
        let ipam = ReferenceSubject::start(&seed).await;
        let rules = Rules {
            hold: Duration::from_secs(1800),
            hold_without_mac: Duration::from_secs(300),
            recycle_after: Duration::from_secs(60),
            quarantine: Duration::from_secs(60),
            candidate: Duration::from_secs(5),
            lookup: Duration::from_secs(60),
            holds_at_most: 1000,
            request_budget: Duration::from_secs(25),
            attempt: ATTEMPT,
        };
        let guard = Guard::new(ipam.provider(), Limits { attempt: ATTEMPT, read_attempts: 1 });
        let recorder = ledger.clone();
        let events = Events::to([Arc::new(move |event: &crate::allocation::Event<'_>| recorder.see(event)) as _]);
        let allocator = Allocator::new(guard, Holds::in_memory(Clock::system()), rules).reporting_to(events);
        let place = seed.subnet(Role::Wide).expect("the standard seed has it").clone();
        let site = Site::new();
        let network = place.prefix.network().to_string();
        let subnet = site.subnet(&network, place.prefix.length(), Some(site.own));
        Self {
            site,
            ledger,
            records,
            allocator: Arc::new(allocator),
            place,
            subnet,
            watch: Watch::default(),
            _directory: directory,
        }
    }

    fn group(&self) -> GroupChoice {
        GroupChoice::of(self.place.group.clone())
    }

    /// Foreman adds the next address for a host, which it may not commit.
    async fn add(&self, mac: &str) -> std::net::IpAddr {
        let mac: Mac = mac.parse().expect("a MAC");
        request_id::scope(RequestId::random(), async {
            let principal = Principal { who: Who::Local, rights: Rights::Foreman };
            request_id::set_caller(Caller { door: Door::Foreman, principal });
            let prefix = self.place.prefix;
            let address = self.allocator.next_ip(prefix, &self.group(), Some(mac), None).await.expect("free");
            let by = Requester { mac: Some(mac), ..Requester::default() };
            self.allocator.add(prefix, self.group(), address, by).await.expect("added").answered().await;
            address
        })
        .await
    }

    fn set_host(&self, name: &str, address: std::net::IpAddr, mac: &str) {
        let interface = Interface {
            identifier: "eth0".to_owned(),
            mac: Some(mac.to_owned()),
            ip: Some(address.to_string()),
            subnet: Some(self.subnet),
            ..Interface::default()
        };
        self.site.simulated.set_host(Host { name: name.to_owned(), interfaces: vec![interface] });
    }

    async fn inventory(&self) -> Result<Inventory, Error> {
        self.site.admin().inventory(&|url| url == OWN).await
    }

    /// One sweep's look, so long after now.
    async fn look(&self, releases: bool, later: Duration) {
        let inventory = self.inventory().await.expect("Foreman answers");
        self.look_at(&inventory, releases, later).await;
    }

    async fn look_at(&self, inventory: &Inventory, releases: bool, later: Duration) {
        let taken = Timestamp::now() + SignedDuration::try_from(later).expect("short");
        let (ledger, allocator) = (&self.records, &self.allocator);
        let search = Search { ledger, allocator, inventory, taken, after: AFTER };
        self.watch.look_by(&search, releases, Instant::now() + later).await;
    }

    async fn record(&self, address: std::net::IpAddr) -> Option<Reservation> {
        self.allocator.reservation(self.place.prefix, &self.group(), address).await.expect("an answer")
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphan_is_released_only_where_that_is_wanted_and_after_two_looks_in_foreman_and_one_in_the_ipam() {
    let stage = Stage::start().await;
    let kept = stage.add("52:54:00:00:00:01").await;
    let orphan = stage.add("52:54:00:00:00:02").await;
    stage.set_host("web.example.com", kept, "52:54:00:00:00:01");
    // A slow creation.
    stage.look(true, 59 * MINUTE).await;
    stage.look(true, 59 * MINUTE + AFTER / 100).await;
    assert_eq!(stage.watch.count(), 0);
    // Off, nothing is ever released.
    for minutes in [61, 70, 600] {
        stage.look(false, minutes * MINUTE).await;
        assert_eq!(stage.watch.count(), 1);
    }
    assert!(stage.record(orphan).await.is_some());
    assert!(stage.watch.trouble().is_some_and(|text| text.contains("'orphans release' releases them")));
    // On, with two looks that are too close, and then far enough apart.
    let on = Watch::default();
    let stage = Stage { watch: on, ..stage };
    stage.look(true, 601 * MINUTE).await;
    stage.look(true, 605 * MINUTE).await;
    assert!(stage.record(orphan).await.is_some());
    stage.look(true, 606 * MINUTE).await;
    assert_eq!((stage.record(orphan).await, stage.watch.count(), stage.watch.trouble()), (None, 0, None));
    assert!(stage.record(kept).await.is_some());
    let left = stage.records.standing_of(orphan).await.expect("an answer");
    assert_eq!(left, [], "the ledger says that it was released");
    stage.ledger.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_between_the_looks_is_not_released() {
    let stage = Stage::start().await;
    let (visible, deleted) = (stage.add("52:54:00:00:00:01").await, stage.add("52:54:00:00:00:02").await);
    stage.look(true, 61 * MINUTE).await;
    assert_eq!(stage.watch.count(), 2);
    // The first host is committed after all, on another interface than the one that asked.
    stage.set_host("slow.example.com", visible, "52:54:00:00:00:99");
    // The other address is given to somebody else past the proxy.
    let prefix = stage.place.prefix;
    stage.allocator.delete(prefix, stage.group(), deleted).await.expect("deleted");
    let provider = stage.allocator.provider();
    let found = provider.find_subnets(prefix, stage.place.group.as_ref()).await.expect("a subnet");
    let by = Requester { hostname: Some("other.example.com".to_owned()), ..Requester::default() };
    provider.reserve(&found[0], deleted, &by).await.expect("reserved");
    stage.look(true, 90 * MINUTE).await;
    assert_eq!(stage.watch.count(), 0);
    assert!(stage.record(visible).await.is_some() && stage.record(deleted).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_concluded_from_a_foreman_that_does_not_show_everything() {
    let stage = Stage::start().await;
    let address = stage.add("52:54:00:00:00:01").await;
    let limited = stage.site.user("limited", &["view_hosts", "view_subnets"]);
    for minutes in [61, 90, 600] {
        let inventory = limited.inventory(&|url| url == OWN).await.expect("Foreman answers");
        stage.look_at(&inventory, true, minutes * MINUTE).await;
        assert_eq!(stage.watch.count(), 0);
    }
    assert!(stage.watch.trouble().is_some_and(|text| text.contains("orphans are not looked for")));
    stage.site.simulated.answer_all_with(Some(Response::html(500, "<html>error</html>")));
    stage.inventory().await.expect_err("Foreman fails");
    assert!(stage.record(address).await.is_some());
}

/// What stands of an address.
pub(super) fn standing(address: &str) -> Standing {
    let mac: Mac = "52:54:00:00:00:05".parse().expect("a MAC");
    Standing {
        provider: "internal".to_owned(),
        group: None,
        prefix: "192.0.2.0/24".parse().expect("a prefix"),
        address: address.parse().expect("an address"),
        sequence: 1,
        since: "2026-05-03T09:00:00Z".parse().expect("a time"),
        door: Some("foreman".to_owned()),
        mac: Some(mac),
        host_name: None,
    }
}
