//! The life of hosts, as Foreman creates and deletes them: `next_ip`, `exists`, add, and later delete.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::calls::{Call, Failure, Foreman, Program};
use crate::connection::{Connections, Target};
use crate::ledger::{Claim, Ledger, Written};
use crate::places::Place;
use crate::promise::{Clock, Host, Kind, Moment, Promise};
use crate::stats::Stats;

/// After a failure a caller takes this long before the next host, so that a server that is away is not flooded.
const BREATH: Duration = Duration::from_millis(20);

/// How far the life of a host goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// It is offered an address, and that is all.
    Offered,
    /// It gets an address and keeps it.
    Reserved,
    /// It gets an address and is deleted later.
    Deleted,
}

/// Through which door hosts get their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// As Foreman does: next_ip, exists, add, delete.
    Foreman,
    /// By allocations of the management API.
    Api,
    /// Every other caller by the one, the others by the other.
    Mixed,
}

impl Door {
    /// Is the management API used?
    pub fn needs_api(self) -> bool {
        self != Self::Foreman
    }

    fn is_api(self, caller: usize) -> bool {
        match self {
            Self::Foreman => false,
            Self::Api => true,
            Self::Mixed => caller % 2 == 1,
        }
    }
}

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Targets {
    /// For Foreman.
    pub foreman: Target,
    /// The management API.
    pub api: Option<Target>,
}

impl From<Target> for Targets {
    fn from(foreman: Target) -> Self {
        Self { foreman, api: None }
    }
}

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The subnets; hosts go to them in turns.
    pub places: Vec<Place>,
    /// Through which door.
    pub door: Door,
    /// How many Foremans call at the same time.
    pub callers: usize,
    /// How many hosts are made; `None` for as many as there is time for, until [`Progress::stop`].
    pub hosts: Option<u64>,
    /// How far their life goes.
    pub life: Life,
    /// How many hosts each caller keeps before it deletes its oldest, where hosts are deleted.
    pub keep: usize,
    /// How many of a hundred hosts ask without a MAC.
    pub without_mac: u8,
    /// How often a host asks for another address when somebody else was faster.
    pub attempts: u32,
    /// How connections are used.
    pub connections: Connections,
    /// How long a caller waits, after a host that failed, while the server refuses connections.
    pub patience: Duration,
    /// How long an offer certainly lives.
    pub hold: Duration,
    /// The same for an offer without a MAC: not longer than the minute after which the server may give it to another.
    pub hold_without_mac: Duration,
}

/// How far the run has come. Anybody may look, wait, or end it.
#[derive(Debug, Default)]
pub struct Progress {
    begun: AtomicU64,
    created: AtomicU64,
    failed: AtomicU64,
    is_over: AtomicBool,
    changed: Notify,
}

impl Progress {
    /// How many hosts have got all that they were to get.
    pub fn created(&self) -> u64 {
        self.created.load(Ordering::SeqCst)
    }

    /// How many hosts have not.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::SeqCst)
    }

    /// No host is begun any more.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Waits until so many more hosts have been created.
    pub async fn more_created(&self, count: u64) {
        let goal = self.created() + count;
        self.until(|| self.created() >= goal).await;
    }

    /// Waits until so many more hosts have ended, well or not.
    pub async fn more_ended(&self, count: u64) {
        let goal = self.created() + self.failed() + count;
        self.until(|| self.created() + self.failed() >= goal).await;
    }

    async fn until(&self, is_reached: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if is_reached() {
                return;
            }
            changed.await;
        }
    }

    fn begin(&self, at_most: Option<u64>) -> Option<Host> {
        if self.is_over.load(Ordering::SeqCst) {
            return None;
        }
        let host = self.begun.fetch_add(1, Ordering::SeqCst);
        at_most.is_none_or(|at_most| host < at_most).then_some(host)
    }

    fn end(&self, is_created: bool) {
        if is_created { &self.created } else { &self.failed }.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }
}

/// What has been played.
#[derive(Debug)]
pub struct Played {
    /// What was promised and recorded.
    pub ledger: Ledger,
    /// How long calls took.
    pub stats: Stats,
    /// How many hosts got all that they were to get.
    pub created: u64,
    /// How many did not.
    pub failed: u64,
    /// How long it all took.
    pub elapsed: Duration,
}

/// Plays the plan until its hosts are made or it is stopped.
pub async fn play(plan: Arc<Plan>, targets: impl Into<Targets>, progress: Arc<Progress>, clock: Clock) -> Played {
    let start = Instant::now();
    let mut callers = JoinSet::new();
    let requests = Arc::new(AtomicU64::new(0));
    let Targets { foreman: target, api } = targets.into();
    for number in 0..plan.callers {
        let api = api.clone().filter(|_| plan.door.is_api(number));
        let caller = Caller {
            foreman: Foreman::new(target.clone(), plan.connections, clock),
            api: api.map(|api| Program::new(api, plan.connections, clock)),
            target: target.clone(),
            plan: plan.clone(),
            progress: progress.clone(),
            requests: requests.clone(),
            ledger: Ledger::default(),
            kept: VecDeque::new(),
        };
        callers.spawn(caller.work());
    }
    let (mut ledger, mut stats) = (Ledger::default(), Stats::default());
    while let Some(ended) = callers.join_next().await {
        let (noted, seen) = ended.expect("callers do not panic");
        ledger.add(noted);
        stats.add(seen);
    }
    Played { ledger, stats, created: progress.created(), failed: progress.failed(), elapsed: start.elapsed() }
}

/// The MAC of a host, another one for each.
pub fn mac(host: Host) -> String {
    let [_, _, _, a, b, c, d, e] = host.to_be_bytes();
    format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
}

/// One Foreman.
struct Caller {
    foreman: Foreman,
    /// In place of Foreman.
    api: Option<Program>,
    target: Target,
    plan: Arc<Plan>,
    progress: Arc<Progress>,
    requests: Arc<AtomicU64>,
    ledger: Ledger,
    /// Its hosts, the oldest first.
    kept: VecDeque<Kept>,
}

/// A host that has its address.
struct Kept {
    claim: Claim,
    /// `None` where the address was reserved at once.
    offer: Option<Promise>,
    reserved: Promise,
    /// Of the allocation, if it is one.
    allocation: Option<String>,
}

impl Caller {
    async fn work(mut self) -> (Ledger, Stats) {
        while let Some(host) = self.progress.begin(self.plan.hosts) {
            let is_created = self.host(host).await;
            self.progress.end(is_created);
            if !is_created {
                self.breathe().await;
            }
            if self.plan.life == Life::Deleted && self.kept.len() > self.plan.keep {
                self.delete_oldest().await;
            }
        }
        for Kept { claim, offer, reserved, .. } in self.kept {
            self.ledger.claims.push(claim);
            self.ledger.promises.extend(offer.into_iter().chain([reserved]));
        }
        let mut stats = self.foreman.stats;
        if let Some(api) = self.api {
            stats.add(api.stats);
        }
        (self.ledger, stats)
    }

    /// The id of a request of Foreman's; its first eight characters, which logs show, tell it from all others.
    fn request_id(&self) -> String {
        format!("{:08x}-0000-4000-8000-000000000000", self.requests.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff)
    }

    /// Creates a host; `false` when that failed.
    async fn host(&mut self, host: Host) -> bool {
        let plan = self.plan.clone();
        let index = usize::try_from(host).unwrap_or(usize::MAX) % plan.places.len();
        let place = &plan.places[index];
        let index = u32::try_from(index).expect("fewer places than that");
        // Spread evenly: 37 is prime to 100.
        let has_mac = host.wrapping_mul(37) % 100 >= u64::from(plan.without_mac);
        let mac = has_mac.then(|| mac(host));
        if self.api.is_some() {
            return self.allocate(host, place, index, mac).await;
        }
        let hold = if has_mac { plan.hold } else { plan.hold_without_mac };
        for _ in 0..plan.attempts {
            let request_id = self.request_id();
            let called = self.foreman.next_ip(place, mac.as_deref(), &request_id).await;
            let Ok(address) = called.outcome else { return false };
            let until = called.asked.after(hold);
            let (asked, answered) = (called.asked, called.answered);
            let mut offer = Promise { host, place: index, address, kind: Kind::Offered, asked, answered, until };
            if plan.life == Life::Offered {
                self.ledger.promises.push(offer);
                return true;
            }
            let called = self.foreman.exists(place, address, &request_id).await;
            match called.outcome {
                Ok(false) => {}
                Ok(true) => {
                    offer.may_end(called.asked);
                    self.ledger.promises.push(offer);
                    continue;
                }
                Err(_) => {
                    self.ledger.promises.push(offer);
                    return false;
                }
            }
            let claim = claim_of(&offer, mac.clone(), &request_id);
            match self.add(place, claim, offer, &request_id).await {
                Added::Yes => return true,
                Added::Taken => {}
                Added::No => return false,
            }
        }
        false
    }

    /// A host by one call, which is repeated with the same key while it has no answer.
    async fn allocate(&mut self, host: Host, place: &Place, index: u32, mac: Option<String>) -> bool {
        let request_id = self.request_id();
        let strategy = ["lowest", "next", "random"][usize::try_from(host % 3).unwrap_or_default()];
        let attempts = self.plan.attempts;
        let Some(api) = &mut self.api else { return false };
        let mut first = None;
        for _ in 0..attempts {
            let called = api.allocate(place, strategy, mac.as_deref(), &request_id).await;
            let asked = *first.get_or_insert(called.asked);
            match called.outcome {
                Ok(allocation) => {
                    let (address, answered) = (allocation.address, called.answered);
                    let kind = Kind::Reserved;
                    let reserved = Promise { host, place: index, address, kind, asked, answered, until: Moment::NEVER };
                    let claim = Claim { add: Written::Done, ..claim_of(&reserved, mac, &request_id) };
                    self.kept.push_back(Kept { claim, offer: None, reserved, allocation: Some(allocation.id) });
                    return true;
                }
                Err(Failure::Lost(_)) => tokio::time::sleep(BREATH).await,
                Err(Failure::Refused(_)) => return false,
            }
        }
        false
    }

    async fn add(&mut self, place: &Place, mut claim: Claim, mut offer: Promise, request_id: &str) -> Added {
        let called = self.foreman.write(Call::Add, place, offer.address, request_id).await;
        let (asked, answered) = (called.asked, called.answered);
        match called.outcome {
            Ok(()) => {
                let reserved = Promise { kind: Kind::Reserved, asked, answered, until: Moment::NEVER, ..offer };
                claim.add = Written::Done;
                self.kept.push_back(Kept { claim, offer: Some(offer), reserved, allocation: None });
                Added::Yes
            }
            Err(failure) => {
                if failure.is_taken() {
                    offer.may_end(asked);
                }
                (claim.add, claim.error) = (failure.written(), Some(failure.to_string()));
                self.ledger.claims.push(claim);
                self.ledger.promises.push(offer);
                if failure.is_taken() { Added::Taken } else { Added::No }
            }
        }
    }

    async fn delete_oldest(&mut self) {
        let Some(Kept { mut claim, mut offer, mut reserved, allocation }) = self.kept.pop_front() else { return };
        let plan = self.plan.clone();
        let place = &plan.places[claim.place as usize];
        let request_id = self.request_id();
        let called = match (&mut self.api, allocation) {
            (Some(api), Some(id)) => api.release(&id, &request_id).await,
            _ => self.foreman.write(Call::Delete, place, claim.address, &request_id).await,
        };
        if let Some(offer) = &mut offer {
            offer.may_end(called.asked);
        }
        reserved.may_end(called.asked);
        (claim.delete, claim.error) = match called.outcome {
            Ok(()) => (Written::Done, None),
            Err(failure) => (failure.written(), Some(failure.to_string())),
        };
        let has_failed = claim.delete.has_failed();
        self.ledger.claims.push(claim);
        self.ledger.promises.extend(offer.into_iter().chain([reserved]));
        if has_failed {
            self.breathe().await;
        }
    }

    async fn breathe(&mut self) {
        tokio::time::sleep(BREATH).await;
        self.target.wait(self.plan.patience).await;
    }
}

enum Added {
    Yes,
    /// Somebody else has the address.
    Taken,
    No,
}

fn claim_of(offer: &Promise, mac: Option<String>, request_id: &str) -> Claim {
    let Promise { host, place, address, .. } = *offer;
    let request = request_id.chars().take(8).collect();
    Claim { host, place, address, mac, add: Written::Not, delete: Written::Not, error: None, request }
}

/// Asks the server itself which of these addresses exist, for an IPAM that cannot be looked into. Waits for a server that
/// has gone away, but not longer than `patience`.
///
/// # Errors
/// With the first call that has no answer.
pub async fn existing(
    places: &[Place],
    addresses: impl IntoIterator<Item = (u32, IpAddr)>,
    target: Target,
    patience: Duration,
) -> Result<Vec<(u32, IpAddr)>, String> {
    let mut foreman = Foreman::new(target.clone(), Connections::Kept, Clock::start());
    let mut found = Vec::new();
    for (index, address) in addresses {
        let place = &places[index as usize];
        let mut called = foreman.exists(place, address, "audit").await;
        if matches!(called.outcome, Err(Failure::Lost(_))) {
            target.wait(patience).await;
            called = foreman.exists(place, address, "audit").await;
        }
        let exists = called.outcome.map_err(|failure: Failure| format!("is {address} there? {failure}"))?;
        if exists {
            found.push((index, address));
        }
    }
    Ok(found)
}
