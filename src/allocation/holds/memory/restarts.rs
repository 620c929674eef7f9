//! What holds in memory leave for the next process.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipam_provider::{AddressSpace, Mac};
use tempfile::TempDir;

use super::super::hold::{Ask, Grant, Hold, HoldState, Scope, Space};
use super::super::place::{Claim, Place, Stepped};
use super::super::rules::Step;
use super::super::trace::Removed;
use super::{LOOKED_FOR, MemoryPlace};
use crate::allocation::{Clock, HOLD_LIFE_AT_MOST};

const MINUTE: Duration = Duration::from_secs(60);
const LIFE: Duration = Duration::from_secs(1800);

/// A directory, and the clock of the machine.
struct Site {
    directory: TempDir,
    clock: Clock,
    scope: Arc<Scope>,
}

/// A process.
struct Process<'a> {
    site: &'a Site,
    place: Arc<MemoryPlace>,
}

impl Site {
    fn new() -> Self {
        let space = Space { provider: "netbox".into(), name: AddressSpace::new("vrf 1") };
        let scope = Scope { space, group: None, prefix: "10.0.0.0/16".parse().expect("a prefix") };
        Self { directory: tempfile::tempdir().expect("a directory"), clock: Clock::manual(), scope: scope.into() }
    }

    fn start(&self) -> Process<'_> {
        self.start_at(&self.clock)
    }

    /// Starts a process while the machine's clock shows another time.
    fn start_at(&self, clock: &Clock) -> Process<'_> {
        Process { site: self, place: Arc::new(open(self.directory.path(), clock)) }
    }
}

fn open(directory: &Path, clock: &Clock) -> MemoryPlace {
    MemoryPlace::open(directory, clock.clone()).expect("holds")
}

fn mac(host: u16) -> Option<Mac> {
    let [high, low] = host.to_be_bytes();
    Some(format!("00:00:5e:00:{high:02x}:{low:02x}").parse().expect("a MAC"))
}

fn ip(last: u16) -> IpAddr {
    let [high, low] = last.to_be_bytes();
    [10, 0, high, low].into()
}

impl Process<'_> {
    async fn claim_for(&self, host: u16, address: u16, life: Duration) -> Claim {
        let at = self.place.moment().await.expect("a moment");
        let grant = Grant { ask: Ask { mac: mac(host), request: None, arrival: at.event }, life, confirmed: at.now };
        let mut candidates = std::iter::once(ip(address));
        self.place.claim(&self.site.scope, &mut candidates, grant, 1_000_000).await.expect("a claim")
    }

    /// Promises the address to the host of the same number.
    async fn promise(&self, number: u16) {
        assert_eq!(self.claim_for(number, number, LIFE).await, Claim::Granted(ip(number)));
    }

    async fn step(&self, address: u16, step: Step) -> Stepped {
        self.place.step(&self.site.scope, ip(address), step).await.expect("a step")
    }

    async fn get(&self, address: u16) -> Option<Hold> {
        self.place.get(&self.site.scope.space, ip(address)).await.expect("an answer")
    }

    async fn held(&self) -> Vec<IpAddr> {
        self.place.list(None, 1_000_000).await.expect("a list").into_iter().map(|(address, _)| address).collect()
    }

    async fn tidy(&self) {
        self.place.clone().tidy().await.expect("tidied");
    }

    fn fill_disk(&self) {
        self.place.journal.as_ref().expect("a journal").fill_disk();
    }

    /// What the next process would find if this one were killed now, on a machine whose clock shows another time.
    fn killed<R>(&self, look: impl FnOnce(MemoryPlace) -> R) -> R {
        let elsewhere = tempfile::tempdir().expect("a directory");
        let name = "holds.journal";
        fs::copy(self.site.directory.path().join(name), elsewhere.path().join(name)).expect("copied");
        look(open(elsewhere.path(), &Clock::manual()))
    }

    /// The addresses of it.
    async fn left(&self) -> Vec<IpAddr> {
        let place = self.killed(|place| place);
        place.list(None, 1_000_000).await.expect("a list").into_iter().map(|(address, _)| address).collect()
    }
}

#[tokio::test]
async fn holds_are_as_they_were_after_a_restart() {
    let site = Site::new();
    let process = site.start();
    for n in 1..=5 {
        process.promise(n).await;
    }
    let begun = process.step(2, Step::BeginAdd { at_least: MINUTE, request: None }).await;
    process.step(2, Step::FinishAdd { ticket: begun.at.event, settled: MINUTE, is_restored: false }).await;
    process.step(3, Step::BeginAdd { at_least: MINUTE, request: None }).await;
    let seen = process.get(4).await.map(|hold| hold.event);
    process.step(4, Step::Delete { seen, removed: Some(Removed::of(None)), quarantine: 2 * LIFE, request: None }).await;
    process.step(5, Step::End).await;
    let killed = process.left().await;
    drop(process);
    let process = site.start();
    let held = process.held().await;
    assert_eq!((&held, &killed), (&[1, 2, 3, 4].map(ip).into(), &held));
    let expected = [HoldState::Offered, HoldState::Reserved, HoldState::Unanswered, HoldState::Released];
    for (n, state) in (1..).zip(expected) {
        let hold = process.get(n).await.expect("a hold");
        assert_eq!((hold.state, hold.mac), (state, mac(n)));
    }
    // The quarantine goes on: the address is for its MAC, and for no other.
    assert_eq!(process.claim_for(9, 4, LIFE).await, Claim::NoneFree);
    let ask = Ask { mac: mac(4), request: None, arrival: 99 };
    let offer = process.place.offer_for(&site.scope, &ask).await.expect("an answer");
    assert_eq!(offer.map(|offer| offer.address), Some(ip(4)));
}

#[tokio::test]
async fn time_goes_on_only_while_a_process_runs() {
    let site = Site::new();
    site.clock.advance(50 * LIFE);
    let ahead = Clock::manual();
    ahead.advance(1000 * LIFE);
    let behind = Clock::manual();
    let process = site.start();
    process.promise(1).await;
    drop(process);
    for clock in [&behind, &ahead, &behind, &site.clock] {
        let process = site.start_at(clock);
        assert_eq!(process.held().await, [ip(1)]);
        // Killed or stopped, a minute has passed.
        clock.advance(LIFE / 4 - MINUTE);
        process.tidy().await;
        assert_eq!(process.left().await, [ip(1)]);
        clock.advance(MINUTE);
    }
    // All minutes together are its life, and the slack of the journal.
    let process = site.start();
    assert_eq!(process.held().await, [ip(1)]);
    site.clock.advance(2 * MINUTE);
    assert!(process.held().await.is_empty());
    assert_eq!(process.claim_for(2, 1, LIFE).await, Claim::Granted(ip(1)));
}

#[tokio::test]
async fn offers_on_a_full_disk_survive_a_clean_restart() {
    let site = Site::new();
    let process = site.start();
    process.fill_disk();
    for n in 0..200 {
        process.promise(n).await;
    }
    assert!(process.place.trouble().is_some());
    assert!(process.left().await.is_empty());
    // There is room again.
    process.promise(200).await;
    let all = process.held().await;
    drop(process);
    let process = site.start();
    assert_eq!((process.held().await, all.len()), (all, 201));
    assert_eq!(process.place.trouble(), None);
}

#[tokio::test]
async fn offers_on_a_full_disk_survive_a_kill_when_the_trouble_is_over() {
    let site = Site::new();
    let process = site.start();
    process.fill_disk();
    for n in 0..200 {
        process.promise(n).await;
    }
    // The file cannot be written again either.
    let in_the_way = site.directory.path().join("holds.journal.new");
    fs::create_dir(&in_the_way).expect("a directory");
    process.tidy().await;
    assert!(process.place.trouble().is_some());
    assert!(process.left().await.is_empty());
    fs::remove_dir(&in_the_way).expect("removed");
    process.promise(200).await;
    process.tidy().await;
    assert_eq!(process.place.trouble(), None);
    process.promise(201).await;
    assert_eq!(process.left().await, process.held().await);
    assert_eq!(process.held().await.len(), 202);
}

#[tokio::test]
async fn a_journal_that_was_removed_before_a_clean_restart_is_written_again() {
    let site = Site::new();
    let process = site.start();
    process.promise(1).await;
    fs::remove_file(site.directory.path().join("holds.journal")).expect("removed");
    drop(process);
    assert_eq!(site.start().held().await, [ip(1)]);
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_has_ended() {
    let site = Site::new();
    let process = site.start();
    process.promise(1).await;
    let refused = MemoryPlace::open(site.directory.path(), site.clock.clone()).expect_err("two at once");
    assert!(refused.to_string().contains("give each its own state_directory"), "{refused}");
    drop(process);
    assert_eq!(site.start().held().await, [ip(1)]);
}

#[tokio::test]
async fn a_renewal_that_is_not_written_is_covered() {
    for life in [Duration::from_secs(90), LIFE, HOLD_LIFE_AT_MOST] {
        let site = Site::new();
        let process = site.start();
        for _ in 0..20 {
            assert_eq!(process.claim_for(1, 1, life).await, Claim::Granted(ip(1)));
            let until = process.get(1).await.expect("a hold").until;
            let left = process.killed(|place| place);
            let hold = left.get(&site.scope.space, ip(1)).await.expect("an answer").expect("a hold");
            assert!(hold.until >= until, "{life:?}: {:?} too short", until.since(hold.until));
            site.clock.advance(Duration::from_secs(17));
            process.tidy().await;
        }
    }
}

#[tokio::test]
async fn a_promise_that_became_shorter_is_covered_when_the_journal_is_written_again() {
    let site = Site::new();
    let process = site.start();
    assert_eq!(process.claim_for(1, 1, 10 * LIFE).await, Claim::Granted(ip(1)));
    // The settings are another now, and the file is written again.
    assert_eq!(process.claim_for(1, 1, LIFE).await, Claim::Granted(ip(1)));
    process.fill_disk();
    process.tidy().await;
    for _ in 0..8 {
        site.clock.advance(LIFE / 2);
        assert_eq!(process.claim_for(1, 1, LIFE).await, Claim::Granted(ip(1)));
        process.tidy().await;
        assert_eq!(process.left().await, [ip(1)]);
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_for_after_each_restart() {
    let site = Site::new();
    let process = site.start();
    process.step(1, Step::BeginAdd { at_least: Duration::from_secs(1), request: None }).await;
    drop(process);
    let process = site.start();
    let hold = process.get(1).await.expect("a hold");
    assert_eq!(hold.state, HoldState::Unanswered);
    // It lives long enough for the looks, also when this process is killed in the midst of them.
    site.clock.advance(LOOKED_FOR - MINUTE);
    process.tidy().await;
    assert_eq!(process.left().await, [ip(1)]);
    let moment = process.place.moment().await.expect("a moment");
    assert!(hold.until.since(moment.now) >= MINUTE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_journal_that_is_written_again_while_holds_come_and_go_loses_none() {
    let site = Site::new();
    let process = site.start();
    for n in 0..3000 {
        process.promise(n).await;
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let tidying = {
        let (place, is_over) = (process.place.clone(), is_over.clone());
        tokio::spawn(async move {
            let mut rounds = 0;
            while !is_over.load(Ordering::Relaxed) || rounds < 3 {
                place.journal.as_ref().expect("a journal").fill_disk();
                place.clone().tidy().await.expect("tidied");
                rounds += 1;
            }
        })
    };
    let process = &process;
    let changes = (0..2_u16).map(|half| async move {
        for round in 0..3000_u16 {
            let n = round * 2 % 3000 + half;
            // Some end, some are promised to another host, some are new.
            change(process, n, round).await;
        }
    });
    futures_util::future::join_all(changes).await;
    is_over.store(true, Ordering::Relaxed);
    tidying.await.expect("no panic");
    process.tidy().await;
    let (held, left) = (process.held().await, process.left().await);
    assert_eq!(held.len(), left.len());
    assert_eq!(held, left);
    for address in held.iter().step_by(50) {
        let left = process.killed(|place| place);
        let (now, then) = (process.place.find(*address).await, left.find(*address).await);
        assert_eq!(now.expect("holds")[0].mac, then.expect("holds")[0].mac, "{address}");
    }
}

async fn change(process: &Process<'_>, n: u16, round: u16) {
    match round % 3 {
        0 => {
            process.step(n, Step::End).await;
        }
        1 => {
            process.step(n, Step::End).await;
            assert_eq!(process.claim_for(n + 10_000, n, LIFE).await, Claim::Granted(ip(n)));
        }
        _ => {
            process.claim_for(n + 5000, n + 5000, LIFE).await;
        }
    }
    tokio::task::yield_now().await;
}
