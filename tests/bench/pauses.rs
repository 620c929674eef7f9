//! The longest pause that a caller of `next_ip` sees: `cargo bench --bench pauses`.
//!
//! The maximum is printed, not a percentile: one host that waits is one host too many. The allocator is called directly, on
//! a runtime with two workers, with a journal; the provider answers at once from arithmetic, so that what is measured is the
//! proxy's own work. Meanwhile
//!
//! - batches of candidates are fetched again and again in the subnet of the callers;
//! - all holds are listed, page by page;
//! - the journal is written again;
//! - all holds expire at once and are removed.
//!
//! Each is measured in several rounds, and the round with the shortest pause counts: other programs make pauses longer, nothing
//! makes them shorter. `known` is the longest pause of a host that is offered its address again, `new` that of a host that
//! needs a candidate, and may come while the batch is fetched. No test depends on the figures. `-- TEXT` measures the cases
//! with that text in their name only, such as `-- '1000000 holds'`.

use std::fs;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use foreman_ipam_proxy::allocation::{Allocator, Clock, GroupChoice, Holds, Rules};
use ipam_provider::{
    AddressSpace, Annotate, Capabilities, FreeQuery, Group, GroupName, Guard, Limits, ListReservations, Mac, OwnRecord,
    Prefix, Probe, Provider, RecordId, Released, Requester, Reservation, Result, Subnet,
};
use tokio::runtime::Runtime;

/// How long an address is held. The clock of the holds goes on only when it is told to.
const HOLD: Duration = Duration::from_secs(1800);

/// Addresses that a page of the list has.
const PAGE: usize = 1000;

/// Threads of the runtime.
const WORKERS: usize = 2;

/// Threads that call `next_ip`, and how long each waits between two calls: pauses are measured, not throughput.
const CALLERS: u32 = 2;
const BETWEEN: Duration = Duration::from_micros(300);

/// How long each kind of work goes on at least.
const SPAN: Duration = Duration::from_millis(500);

const ROUNDS: usize = 5;

/// Where the holds are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    OneSubnet,
    /// In one subnet in which every other address is recorded: no two held addresses lie side by side.
    Scattered,
    /// In 1,000 subnets of one address space.
    OneSpace,
    /// In 1,000 subnets, each in an address space of its own.
    ManySpaces,
}

impl Layout {
    const ALL: [(Self, &'static str); 4] = [
        (Self::OneSubnet, "in one subnet"),
        (Self::Scattered, "in one subnet, scattered"),
        (Self::OneSpace, "in 1,000 subnets"),
        (Self::ManySpaces, "in 1,000 spaces"),
    ];

    fn prefixes(self) -> Vec<Prefix> {
        let texts: Vec<String> = match self {
            Self::OneSubnet | Self::Scattered => vec!["10.0.0.0/8".to_owned()],
            Self::OneSpace | Self::ManySpaces => {
                (0..1000).map(|number| format!("{}.{}.0.0/15", 10 + number / 128, number % 128 * 2)).collect()
            }
        };
        texts.iter().map(|text| text.parse().expect("a prefix")).collect()
    }
}

/// Every prefix is a subnet of it.
#[derive(Debug)]
struct Arithmetic(Layout);

#[async_trait]
impl Provider for Arithmetic {
    fn name(&self) -> &'static str {
        "arithmetic"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: false, ipv6: false, records_mac: false, records_hostname: false }
    }

    fn max_parallel(&self) -> Option<usize> {
        None
    }

    async fn probe(&self) -> Vec<Probe> {
        Vec::new()
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        Ok(Vec::new())
    }

    async fn group(&self, _: &GroupName) -> Result<Option<Group>> {
        Ok(None)
    }

    async fn subnets(&self, _: Option<&GroupName>) -> Result<Vec<Subnet>> {
        Ok(Vec::new())
    }

    async fn find_subnets(&self, prefix: Prefix, _: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let space = match self.0 {
            Layout::ManySpaces => AddressSpace::new(prefix),
            _ => AddressSpace::new("one"),
        };
        let id = RecordId::new(prefix);
        Ok(vec![Subnet { id, prefix, group: None, space, description: String::new(), pool: false }])
    }

    async fn reservation(&self, _: &Subnet, _: IpAddr) -> Result<Option<Reservation>> {
        Ok(None)
    }

    async fn own_records(&self, _: IpAddr) -> Result<Vec<OwnRecord>> {
        Ok(Vec::new())
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let (first, last) = subnet.prefix.offerable(false);
        let is_recorded = |address: &IpAddr| match address {
            IpAddr::V4(address) => self.0 == Layout::Scattered && address.to_bits() % 2 == 1,
            IpAddr::V6(_) => false,
        };
        let mut free = Vec::new();
        for (number, address) in query.held.absent_within(first, last).enumerate() {
            if free.len() == query.at_most {
                break;
            }
            if !is_recorded(&address) {
                free.push(address);
            } else if number % 1024 == 0 {
                // An IPAM does this somewhere else.
                tokio::task::yield_now().await;
            }
        }
        Ok(free)
    }

    async fn reserve(&self, _: &Subnet, _: IpAddr, _: &Requester) -> Result<()> {
        Ok(())
    }

    async fn release(&self, _: &Subnet, _: IpAddr) -> Result<Released> {
        Ok(Released::Removed(Reservation::default()))
    }

    fn manage_subnets(&self) -> Option<&dyn ipam_provider::ManageSubnets> {
        None
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        None
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        None
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` gives it, `cargo test --benches` does not.
    let is_smoke = !arguments.iter().any(|argument| argument == "--bench");
    let only = arguments.iter().find(|argument| !argument.starts_with('-'));
    let counts: &[u32] = if is_smoke { &[100] } else { &[10_000, 100_000, 1_000_000] };
    println!("{:<36} {:>15} {:>15} {:>15} {:>15} {:>15}", "", "nothing", "batches", "list", "journal", "expiry");
    println!("{:<36}{}", "longest pause, ms", format!(" {:>7} {:>7}", "known", "new").repeat(5));
    for (layout, name) in Layout::ALL {
        for count in counts {
            let case = format!("{count} holds {name}");
            if only.is_some_and(|only| !case.contains(only.as_str())) {
                continue;
            }
            let bench = Bench::new(layout);
            bench.fill(*count);
            print!("{case:<36}");
            for work in [Work::Nothing, Work::Batches, Work::List, Work::Journal, Work::Expiry] {
                let rounds = if is_smoke { 1 } else { ROUNDS };
                let pauses = (0..rounds).map(|_| bench.longest_pause(work, *count)).collect::<Vec<_>>();
                let least =
                    |of: fn(&Pause) -> Duration| pauses.iter().map(of).min().unwrap_or_default().as_secs_f64() * 1e3;
                print!(" {:>7.2} {:>7.2}", least(|pause| pause.known), least(|pause| pause.new));
            }
            println!();
        }
    }
}

/// What goes on while callers ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Nothing,
    Batches,
    List,
    Journal,
    Expiry,
}

/// The longest pauses of one round.
#[derive(Debug, Default, Clone, Copy)]
struct Pause {
    known: Duration,
    new: Duration,
}

struct Bench {
    runtime: Runtime,
    allocator: Arc<Allocator>,
    clock: Clock,
    directory: tempfile::TempDir,
    prefixes: Vec<Prefix>,
    hosts: Arc<AtomicU32>,
}

impl Bench {
    fn new(layout: Layout) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let holds = Holds::open(directory.path(), clock.clone()).expect("holds");
        let rules = Rules {
            hold: HOLD,
            hold_without_mac: Duration::from_secs(300),
            recycle_after: Duration::from_secs(60),
            quarantine: Duration::from_secs(3600),
            candidate: Duration::from_secs(5),
            lookup: Duration::from_secs(60),
            holds_at_most: 10_000_000,
            request_budget: Duration::from_secs(25),
            attempt: Duration::from_secs(8),
        };
        let limits = Limits { attempt: rules.attempt, read_attempts: 1 };
        let allocator = Arc::new(Allocator::new(Guard::new(Arc::new(Arithmetic(layout)), limits), holds, rules));
        let (prefixes, hosts) = (layout.prefixes(), Arc::default());
        Self { runtime: runtime.expect("a runtime"), allocator, clock, directory, prefixes, hosts }
    }

    /// Has so many addresses held, in all subnets alike.
    fn fill(&self, count: u32) {
        let filling: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (allocator, hosts, prefixes) = (self.allocator.clone(), self.hosts.clone(), self.prefixes.clone());
                self.runtime.spawn(async move {
                    loop {
                        let host = hosts.fetch_add(1, Ordering::Relaxed);
                        if host >= count {
                            return;
                        }
                        let prefix = prefixes[host as usize % prefixes.len()];
                        allocator.next_ip(prefix, &GroupChoice::none(), Some(mac(host)), None).await.expect("room");
                        // Never waiting itself, it would keep a batch from the other.
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in filling {
            self.runtime.block_on(task).expect("no panic");
        }
    }

    /// Has callers ask while the work is done.
    fn longest_pause(&self, work: Work, count: u32) -> Pause {
        if work == Work::Expiry {
            // Those of the round before are gone.
            self.hosts.store(0, Ordering::Relaxed);
            self.fill(count);
        }
        let (is_over, all_ask) = (&AtomicBool::new(false), &Barrier::new(CALLERS as usize + 1));
        thread::scope(|scope| {
            let callers: Vec<_> =
                (0..CALLERS).map(|caller| scope.spawn(move || self.call(caller, is_over, all_ask))).collect();
            all_ask.wait();
            self.do_work(work);
            is_over.store(true, Ordering::Relaxed);
            let mut longest = Pause::default();
            for caller in callers {
                let Pause { known, new } = caller.join().expect("no panic");
                longest = Pause { known: longest.known.max(known), new: longest.new.max(new) };
            }
            longest
        })
    }

    fn do_work(&self, work: Work) {
        let begun = Instant::now();
        let mut is_first = true;
        while is_first || (begun.elapsed() < SPAN && work != Work::Expiry) {
            is_first = false;
            match work {
                Work::Nothing => thread::park_timeout(SPAN),
                Work::Batches => {
                    self.allocator.drop_candidates();
                    self.ask(self.prefixes[0], self.hosts.fetch_add(1, Ordering::Relaxed));
                }
                Work::List => self.run(|allocator| async move {
                    let mut after: Option<String> = None;
                    loop {
                        let page = allocator.holds().page(after.as_deref(), PAGE).await.expect("a page");
                        std::hint::black_box(&page.holds);
                        match page.next {
                            Some(next) => after = Some(next),
                            None => return,
                        }
                    }
                }),
                Work::Journal => {
                    fs::remove_file(self.directory.path().join("holds.journal")).expect("a journal");
                    self.tidy();
                }
                Work::Expiry => {
                    self.clock.advance(HOLD);
                    self.tidy();
                    // Once more: what was removed makes most of the journal's lines superfluous.
                    self.tidy();
                }
            }
        }
    }

    fn tidy(&self) {
        self.run(|allocator| async move { allocator.holds().tidy().await.expect("tidied") });
    }

    /// Asks one host after another: by turns one that is new and one that is known.
    fn call(&self, caller: u32, is_over: &AtomicBool, all_ask: &Barrier) -> Pause {
        let mut longest = Pause::default();
        let known = u32::MAX - caller;
        self.ask(self.prefixes[0], known);
        all_ask.wait();
        while !is_over.load(Ordering::Relaxed) {
            longest.known = longest.known.max(self.ask(self.prefixes[0], known));
            thread::park_timeout(BETWEEN);
            longest.new = longest.new.max(self.ask(self.prefixes[0], self.hosts.fetch_add(1, Ordering::Relaxed)));
            thread::park_timeout(BETWEEN);
        }
        longest
    }

    /// Asks as a server does: a task of its own. Returns how long the answer took, with the wait for a worker.
    fn ask(&self, prefix: Prefix, host: u32) -> Duration {
        let asked = Instant::now();
        self.run(move |allocator| async move {
            allocator.next_ip(prefix, &GroupChoice::none(), Some(mac(host)), None).await.expect("room");
        });
        asked.elapsed()
    }

    /// Runs it on a worker and waits for it.
    fn run<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Arc<Allocator>) -> F) {
        self.runtime.block_on(self.runtime.spawn(work(self.allocator.clone()))).expect("no panic");
    }
}

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac::from_bytes(&[2, 0, a, b, c, d]).expect("a MAC")
}
