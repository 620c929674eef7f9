//! Several proxies over one database and one IPAM: what one of them began, another one ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foreman_ipam_proxy::allocation::holds::Holds;
use foreman_ipam_proxy::allocation::{Allocator, Deleted, GroupChoice, HoldState, Look, Rules};
use foreman_ipam_proxy::telemetry::request_id::{self, RequestId};
use ipam_conformance::reference::ReferenceSubject;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::{Guard, Limits, Mac, Requester, Reservation};
use ipam_simulators::postgres::Server;

use crate::support::{database, mac};

const RULES: Rules = Rules {
    hold: Duration::from_secs(1800),
    hold_without_mac: Duration::from_secs(300),
    recycle_after: Duration::from_secs(60),
    quarantine: Duration::from_secs(3600),
    candidate: Duration::from_secs(5),
    lookup: Duration::from_secs(60),
    holds_at_most: 1000,
    request_budget: Duration::from_secs(25),
    attempt: Duration::from_secs(8),
};

struct Site {
    server: Server,
    ipam: ReferenceSubject,
    place: SeededSubnet,
}

impl Site {
    async fn start() -> Option<Self> {
        let server = Server::start()?;
        let seed = Seed::standard();
        let place = seed.subnet(Role::Wide).expect("a subnet").clone();
        Some(Self { server, ipam: ReferenceSubject::start(&seed).await, place })
    }

    fn proxy(&self) -> Arc<Allocator> {
        let guard = Guard::new(self.ipam.provider(), Limits { attempt: RULES.attempt, read_attempts: 1 });
        let holds = Holds::shared(database(&self.server.url())).expect("a thread");
        Arc::new(Allocator::new(guard, holds, RULES))
    }

    fn group(&self) -> GroupChoice {
        GroupChoice::of(self.place.group.clone())
    }

    async fn next(&self, proxy: &Allocator, mac: Mac) -> IpAddr {
        proxy.next_ip(self.place.prefix, &self.group(), Some(mac), None).await.expect("an address")
    }

    async fn add(&self, proxy: &Arc<Allocator>, address: IpAddr, by: Requester) -> Result<(), String> {
        let added = proxy.add(self.place.prefix, self.group(), address, by).await;
        added.map_err(|failure| failure.to_string())?.answered().await;
        Ok(())
    }

    async fn record(&self, address: IpAddr) -> Option<Reservation> {
        let found = self.ipam.provider().find_subnets(self.place.prefix, self.place.group.as_ref()).await;
        let subnet = found.expect("an answer").pop().expect("the subnet");
        self.ipam.provider().reservation(&subnet, address).await.expect("an answer")
    }

    /// The hold as the database has it: its state, and whether there is something to see to.
    fn hold(&self) -> String {
        self.server.sql("ipam", "SELECT state, pending IS NOT NULL, trace IS NOT NULL FROM ipam_proxy_hold")
    }
}

async fn see_to_holds(proxies: &[&Arc<Allocator>]) {
    let looks = proxies.iter().map(|proxy| proxy.see_to_holds(Look::Next));
    for look in futures_util::future::join_all(looks).await {
        look.expect("the database is there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_add_whose_proxy_is_killed_in_the_middle_is_taken_over_once() {
    let Some(site) = Site::start().await else { return };
    let (one, other, third) = (site.proxy(), site.proxy(), site.proxy());
    let address = site.next(&one, mac(1)).await;
    site.ipam.fault(Fault::Slow).await;
    // A runtime that ends without a word, in the middle of the add, as a process that is killed.
    let process =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    process.spawn({
        let (one, prefix, group) = (one, site.place.prefix, site.group());
        async move { one.add(prefix, group, address, Requester::default()).await }
    });
    while site.hold() != "adding|t|f" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    process.shutdown_background();
    site.ipam.heal().await;
    see_to_holds(&[&other, &third]).await;
    assert_eq!(site.hold(), "adding|t|f", "its request may still be alive");
    site.server.sql("ipam", "UPDATE ipam_proxy_hold SET granted = granted - 31000");
    see_to_holds(&[&other, &third]).await;
    assert_eq!(site.hold(), "unanswered|t|f");
    let held = third.holds().page(None, 10).await.expect("a list").holds;
    assert_eq!((held[0].address, held[0].state), (address, HoldState::Unanswered));
    assert_ne!(site.next(&third, mac(2)).await, address, "it may yet turn up as reserved");
    site.add(&other, address, Requester::default()).await.expect("Foreman repeats it");
    assert_eq!(site.record(address).await.expect("a record").mac, Some(mac(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_edit_whose_calls_go_to_two_proxies_is_undone_once() {
    let Some(site) = Site::start().await else { return };
    let (one, other, third) = (site.proxy(), site.proxy(), site.proxy());
    let address = site.place.free(1)[0];
    let by = Requester { mac: Some(mac(1)), hostname: Some("web.example.com".to_owned()), ..Requester::default() };
    site.add(&one, address, by).await.expect("added");
    let recorded = site.record(address).await;
    let taken = site.place.free(2)[1];
    site.ipam.take(&site.place, taken).await;
    request_id::scope(RequestId::random(), async {
        one.delete(site.place.prefix, site.group(), address).await.expect("deleted");
        assert!(other.exists(site.place.prefix, &site.group(), taken).await.expect("an answer"));
    })
    .await;
    // The one that knows of the delete is gone.
    drop(one);
    see_to_holds(&[&other, &third]).await;
    assert_eq!((site.record(address).await, site.hold()), (None, "released|t|t".to_owned()));
    tokio::time::sleep(Duration::from_millis(5100)).await;
    see_to_holds(&[&other, &third]).await;
    assert_eq!((site.record(address).await, site.hold()), (recorded, "reserved|f|f".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_that_cannot_be_noted_is_no_failure() {
    let Some(site) = Site::start().await else { return };
    let proxy = site.proxy();
    let address = site.place.free(1)[0];
    site.add(&proxy, address, Requester::default()).await.expect("added");
    // The hold can be read, but not changed.
    let (delete, locked) = (proxy.delete(site.place.prefix, site.group(), address), tokio::sync::Notify::new());
    let lock = "BEGIN; SELECT 1 FROM ipam_proxy_space FOR UPDATE; SELECT pg_sleep(7)";
    let answer = tokio::task::block_in_place(|| {
        std::thread::scope(|threads| {
            threads.spawn(|| {
                locked.notify_one();
                site.server.sql("ipam", lock)
            });
            tokio::runtime::Handle::current().block_on(async {
                locked.notified().await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                delete.await
            })
        })
    });
    assert_eq!(answer.map_err(|failure| failure.to_string()), Ok(Deleted::Removed));
    assert_eq!(site.record(address).await, None);
}
