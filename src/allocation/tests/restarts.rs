//! What a process leaves for the next one over the same directory.

use tempfile::TempDir;

use super::*;
use crate::telemetry::request_id::{self, RequestId};

/// A directory, a clock and an IPAM that outlive each process over them.
struct Site {
    directory: TempDir,
    clock: Clock,
    ipam: ReferenceSubject,
    place: SeededSubnet,
}

impl Site {
    async fn new() -> Self {
        let seed = Seed::standard();
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            clock: Clock::manual(),
            ipam: ReferenceSubject::start(&seed).await,
            place: seed.subnet(Role::Wide).expect("a subnet").clone(),
        }
    }

    fn holds(&self) -> Holds {
        Holds::open(self.directory.path(), self.clock.clone()).expect("holds")
    }

    async fn start(&self) -> Arc<Allocator> {
        self.start_over(self.ipam.provider()).await
    }

    async fn start_over(&self, provider: Arc<dyn Provider>) -> Arc<Allocator> {
        Arc::new(Allocator::new(Guard::new(provider, LIMITS), self.holds(), RULES))
    }

    /// The site as a process leaves it that is killed now: nothing of it runs any more.
    fn killed(self) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::copy(self.directory.path().join("holds.journal"), directory.path().join("holds.journal"))
            .expect("copied");
        Self { directory, ..self }
    }

    async fn next(&self, allocator: &Allocator, host: usize) -> IpAddr {
        allocator.next_ip(self.place.prefix, &choice(&self.place), mac(host), None).await.expect("an address")
    }

    async fn add(&self, allocator: &Arc<Allocator>, address: IpAddr) -> Result<Added, Failure> {
        allocator.add(self.place.prefix, choice(&self.place), address, Requester::default()).await
    }
}

/// What must be the same before and after.
async fn listed(holds: &Holds) -> Vec<impl PartialEq + std::fmt::Debug + use<>> {
    held(holds).await.into_iter().map(|held| (held.address, held.mac, held.state, held.since)).collect()
}

/// The addresses of which it is unknown whether they are reserved.
async fn unanswered(allocator: &Allocator) -> Vec<IpAddr> {
    let holds = allocator.place().pending().await.expect("holds");
    holds.into_iter().filter(|(_, hold)| hold.state == HoldState::Unanswered).map(|(address, _)| address).collect()
}

#[tokio::test]
async fn holds_survive_a_restart() {
    let site = Site::new().await;
    let allocator = site.start().await;
    let (first, second) = (site.next(&allocator, 1).await, site.next(&allocator, 2).await);
    let before = listed(allocator.holds()).await;
    drop(allocator);
    let allocator = site.start().await;
    assert_eq!(listed(allocator.holds()).await, before);
    assert!(![first, second].contains(&site.next(&allocator, 3).await));
    assert_eq!((site.next(&allocator, 1).await, site.next(&allocator, 2).await), (first, second));
    drop(allocator);
    // Time goes on only while a proxy runs. After a restart a hold may live a little longer than promised, never shorter.
    site.clock.advance(2 * RULES.hold);
    let allocator = site.start().await;
    assert_eq!(held(allocator.holds()).await.len(), 3);
    site.clock.advance(RULES.hold + Duration::from_secs(60));
    assert_eq!(held(allocator.holds()).await, []);
}

#[tokio::test(start_paused = true)]
async fn unknown_outcomes_are_looked_for_again() {
    let site = Site::new().await;
    let allocator = site.start().await;
    let address = site.next(&allocator, 1).await;
    site.ipam.fault(Fault::ResetBeforeWrite).await;
    site.add(&allocator, address).await.expect_err("a failure");
    site.ipam.heal().await;
    // The hold of the process that ended; its own watch ends with it.
    drop(allocator);
    tokio::time::sleep(VERY_LONG).await;
    let counted = Counted::new(site.ipam.provider());
    let calls = counted.calls.clone();
    let allocator = site.start_over(Arc::new(counted)).await;
    allocator.see_to_holds(Look::First).await.expect("holds");
    tokio::time::sleep(VERY_LONG).await;
    assert_eq!(calls.load(Ordering::SeqCst), 5, "the subnet and four looks");
}

#[tokio::test]
async fn a_refused_edit_is_undone_by_the_process_after_the_one_that_was_killed() {
    let site = Site::new().await;
    let allocator = site.start().await;
    let address = site.next(&allocator, 1).await;
    site.add(&allocator, address).await.expect("added").answered().await;
    request_id::scope(RequestId::random(), async {
        allocator.delete(site.place.prefix, choice(&site.place), address).await.expect("deleted");
        site.add(&allocator, site.place.prefix.last()).await.expect_err("refused");
    })
    .await;
    let site = site.killed();
    let allocator = site.start().await;
    site.clock.advance(Duration::from_secs(6));
    allocator.see_to_holds(Look::First).await.expect("holds");
    assert!(allocator.exists(site.place.prefix, &choice(&site.place), address).await.expect("an answer"));
}

#[tokio::test]
async fn a_reservation_whose_caller_was_not_told_before_the_end_is_looked_for_by_the_next_process() {
    let site = Site::new().await;
    let allocator = site.start().await;
    let (told, untold) = (site.next(&allocator, 1).await, site.next(&allocator, 2).await);
    site.add(&allocator, told).await.expect("added").answered().await;
    let added = site.add(&allocator, untold).await.expect("added");
    let site = site.killed();
    drop(added);
    let allocator = site.start().await;
    assert_eq!(unanswered(&allocator).await, [untold]);
    // Foreman repeats what it has no answer to.
    site.add(&allocator, untold).await.expect("the record is ours").answered().await;
    site.add(&allocator, told).await.expect_err("it is reserved, and was said to be");
}

#[tokio::test]
async fn an_addition_that_was_looked_for_to_its_end_is_not_looked_for_after_a_restart() {
    let site = Site::new().await;
    let allocator = site.start().await;
    let address = site.next(&allocator, 1).await;
    let added = site.add(&allocator, address).await.expect("added");
    let site = site.killed();
    drop(added);
    // Nothing ran when the hold ended.
    site.clock.advance(2 * RULES.hold);
    let allocator = site.start().await;
    assert_eq!(unanswered(&allocator).await, [address]);
    site.clock.advance(2 * RULES.hold);
    allocator.holds().tidy().await.expect("tidied");
    drop(allocator);
    let allocator = site.start().await;
    assert_eq!(unanswered(&allocator).await, [] as [IpAddr; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_journal_that_is_written_again_while_holds_come_and_go_loses_none() {
    let site = Site::new().await;
    let allocator = site.start().await;
    let callers = in_parallel((0..4).map(|caller| {
        let (allocator, place) = (allocator.clone(), site.place.clone());
        async move {
            for round in 0..2500 {
                let host = mac(caller * 50 + round % 50);
                let given = allocator.next_ip(place.prefix, &choice(&place), host, None).await.expect("an address");
                if round % 4 != 0 {
                    allocator.release_hold(place.prefix, &choice(&place), given).await.expect("an answer");
                }
            }
        }
    }));
    let is_over = Arc::new(AtomicBool::new(false));
    let tidying = tokio::spawn({
        let (allocator, is_over) = (allocator.clone(), is_over.clone());
        async move {
            while !is_over.load(Ordering::SeqCst) {
                allocator.holds().tidy().await.expect("tidied");
            }
        }
    });
    callers.await;
    is_over.store(true, Ordering::SeqCst);
    tidying.await.expect("no panic");
    let journal = std::fs::read_to_string(site.directory.path().join("holds.journal")).expect("a journal");
    let lines = journal.lines().count();
    assert!(lines < 12_000, "{lines} of some 17,500 are left");
    let before = listed(allocator.holds()).await;
    assert!(!before.is_empty());
    drop(allocator);
    assert_eq!(listed(&site.holds()).await, before);
}
