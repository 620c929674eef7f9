//! `kill -9` in the middle of the work, again and again. What was answered before must hold afterwards, as the callers'
//! own notes have it:
//!
//! - an address whose add was answered is reserved, until its delete is begun;
//! - an address whose delete was answered is free, until somebody else adds it;
//! - an address that was offered is its MAC's own, and nobody else's, until its delete is begun;
//! - the store contradicts itself nowhere;
//! - the proxy's ledger has every write that was answered, once, and none that was not begun.

use std::collections::{HashMap, HashSet};
use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use foreman_ipam_proxy::ledger::{Operation, Outcome, Place as RecordPlace, Query, Records};
use ipam_store::Scope;
use serde_json::json;

use crate::support::{Client, Connection, Place, Process, Request, SUBNET, Seed, mac, next_ip, offered, target};

/// How often the server is killed, unless `FAULTS_KILL_ROUNDS` says otherwise.
const ROUNDS: usize = 100;

/// Where the random numbers begin, unless `FAULTS_KILL_SEED` says otherwise.
const SEED: usize = 20_261_120;

/// How many callers work at the same time.
const CALLERS: usize = 4;

/// At most so many answers are given before a kill.
const ANSWERS_AT_MOST: u64 = 60;

/// splitmix64: a run can be repeated from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// One MAC and the address it was offered, by the clock of its caller.
#[derive(Debug, Clone)]
struct Life {
    mac: String,
    address: String,
    /// The offer was answered.
    offered: Instant,
    add: Write,
    delete: Write,
}

/// How far a write has come.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Write {
    NotBegun,
    Begun(Instant),
    Answered { begun: Instant },
}

impl Write {
    fn begun(self) -> Option<Instant> {
        match self {
            Self::NotBegun => None,
            Self::Begun(begun) | Self::Answered { begun } => Some(begun),
        }
    }

    fn is_answered(self) -> bool {
        matches!(self, Self::Answered { .. })
    }
}

impl Life {
    /// Could both have been promised rightly: was one at its end, perhaps, when the other began?
    fn can_be_beside(&self, other: &Self) -> bool {
        let may_end_before =
            |first: &Self, second: &Self| first.delete.begun().is_some_and(|end| end <= second.offered);
        may_end_before(self, other) || may_end_before(other, self)
    }
}

/// What all callers of all rounds know.
#[derive(Debug, Default)]
struct Ledger {
    lives: Mutex<Vec<Life>>,
    macs: AtomicUsize,
}

impl Ledger {
    fn new_mac(&self) -> String {
        mac(self.macs.fetch_add(1, Ordering::Relaxed))
    }

    fn note(&self, life: Life) {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner).push(life);
    }

    fn lives(&self) -> Vec<Life> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No address was promised to two at the same time.
    fn check_promises(&self) {
        let mut by_address: HashMap<String, Vec<Life>> = HashMap::new();
        for life in self.lives() {
            let earlier = by_address.entry(life.address.clone()).or_default();
            for other in &*earlier {
                assert!(other.can_be_beside(&life), "promised twice:\n{other:?}\n{life:?}");
            }
            earlier.push(life);
        }
    }

    /// What the IPAM must say about each address that is certain: reserved or not.
    fn certain(&self) -> HashMap<String, bool> {
        let mut by_address: HashMap<String, Vec<Life>> = HashMap::new();
        for life in self.lives() {
            by_address.entry(life.address.clone()).or_default().push(life);
        }
        let state = |lives: &[Life]| {
            let is_over = |life: &Life| life.add.begun().is_none() || life.delete.is_answered();
            let mut open = lives.iter().filter(|life| !is_over(life));
            match (open.next(), open.next()) {
                (None, _) => Some(false),
                (Some(life), None) => (life.add.is_answered() && life.delete.begun().is_none()).then_some(true),
                (Some(_), Some(_)) => None,
            }
        };
        by_address.into_iter().filter_map(|(address, lives)| Some((address, state(&lives)?))).collect()
    }
}

/// Counts answers, and kills the server at the one that was chosen.
struct Executioner<'a> {
    server: &'a Process,
    answers: AtomicUsize,
    last: usize,
}

impl Executioner<'_> {
    fn count(&self) {
        if self.answers.fetch_add(1, Ordering::SeqCst) + 1 == self.last {
            self.server.kill();
        }
    }
}

/// One caller, who goes on until the server is gone.
struct Caller<'a> {
    ledger: &'a Ledger,
    executioner: &'a Executioner<'a>,
    connection: Connection,
    random: Random,
}

impl Caller<'_> {
    fn work(mut self) {
        while let Some(()) = self.host() {}
    }

    /// The life of a host, or the part of it that a random number says; `None` when the server is gone.
    fn host(&mut self) -> Option<()> {
        let mac = self.ledger.new_mac();
        let answer = self.connection.exchange(next_ip(&mac)).ok()?;
        let address = offered(&answer);
        let (unbegun, offered) = (Write::NotBegun, Instant::now());
        let mut life = Life { mac, address, offered, add: unbegun, delete: unbegun };
        self.executioner.count();
        let fate = self.random.below(10);
        let mut outcome = Some(());
        if fate >= 2 {
            outcome = self.write(Request::empty_post(&target(&life.address)), 201, &mut life.add);
        }
        if fate >= 6 && outcome.is_some() {
            outcome = self.write(Request::new("DELETE", &target(&life.address)), 200, &mut life.delete);
        }
        self.ledger.note(life);
        outcome
    }

    fn write(&mut self, request: Request, expected: u16, progress: &mut Write) -> Option<()> {
        let begun = Instant::now();
        *progress = Write::Begun(begun);
        let answer = self.connection.exchange(request).ok()?;
        assert_eq!(answer.status, expected, "{}", answer.text());
        *progress = Write::Answered { begun };
        self.executioner.count();
        Some(())
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Works until the server is killed.
fn burst(server: &Process, ledger: &Ledger, random: &mut Random) {
    let last = 1 + usize::try_from(random.below(ANSWERS_AT_MOST)).expect("a small number");
    let executioner = Executioner { server, answers: AtomicUsize::new(0), last };
    let client = server.curl();
    let callers = [(); CALLERS].map(|()| Caller {
        ledger,
        executioner: &executioner,
        connection: client.connect().expect("a connection"),
        random: Random(random.below(u64::MAX)),
    });
    thread::scope(|scope| {
        for caller in callers {
            scope.spawn(move || caller.work());
        }
    });
}

/// Compares what a server that was started again says with what callers were told before.
fn check(client: &Client, place: &Place, ledger: &Ledger, since: usize, random: &mut Random) {
    assert_eq!(place.store().verify().expect("a store that can be read"), []);
    let lives = ledger.lives();
    let certain = ledger.certain();
    let mut connection = client.connect().expect("a connection");
    for life in &lives[since..] {
        if let Some(is_reserved) = certain.get(&life.address) {
            let answer = connection.exchange(Request::new("GET", &target(&life.address))).expect("an answer");
            assert_eq!(answer.answer(), (200, json!(is_reserved)), "{life:?}");
        }
    }
    // Whoever was offered an address and did not take it yet still has it.
    for life in lives[since..].iter().filter(|life| life.add.begun().is_none()) {
        let answer = connection.exchange(next_ip(&life.mac)).expect("an answer");
        assert_eq!(offered(&answer), life.address, "the promise to {} is forgotten", life.mac);
    }
    // Somebody new is offered what is nobody's.
    let newcomer = ledger.new_mac();
    let answer = connection.exchange(next_ip(&newcomer)).expect("an answer");
    let address = offered(&answer);
    let (unbegun, offered) = (Write::NotBegun, Instant::now());
    ledger.note(Life { mac: newcomer, address, offered, add: unbegun, delete: unbegun });
    ledger.check_promises();
    // Room for the next rounds: most hosts that are certain to be there are deleted by a caller who is not killed.
    for life in &lives[since..] {
        let is_there = life.add.is_answered() && life.delete.begun().is_none();
        if is_there && random.below(10) < 7 {
            let begun = Instant::now();
            let answer = connection.exchange(Request::new("DELETE", &target(&life.address))).expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            let mut lives = ledger.lives.lock().unwrap_or_else(PoisonError::into_inner);
            let noted = lives.iter_mut().find(|other| other.mac == life.mac).expect("each MAC has one life");
            noted.delete = Write::Answered { begun };
        }
    }
}

/// All that was ever certain, by reading the store.
fn check_all(place: &Place, ledger: &Ledger) {
    let store = place.store();
    let reserved = |address: &str| {
        let address = address.parse().expect("an address");
        let prefix: ipam_provider::Prefix = SUBNET.parse().expect("a prefix");
        let found = store.read(|reading| {
            let subnet = reading.one_subnet(prefix, &Scope::Anywhere)?;
            reading.find_address(subnet.id, address)
        });
        found.expect("a store that can be read").is_some()
    };
    for (address, is_reserved) in ledger.certain() {
        assert_eq!(reserved(&address), is_reserved, "{address}");
    }
}

/// The proxy's own record of all rounds against what callers know.
fn check_record(place: &Place, ledger: &Ledger) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let place = RecordPlace::of(&place.path("state"), None);
    let entries = runtime.block_on(async {
        let records = Records::open(place).expect("a ledger");
        let (entries, next) = records.page(&Query::default(), None, 10_000_000).await.expect("all records");
        assert_eq!(next, None);
        entries
    });
    let (mut added, mut deleted) = (HashSet::new(), HashSet::new());
    for entry in entries {
        let record = entry.record;
        let write = (record.mac.expect("the hold had one").to_string(), record.address.to_string());
        match (record.operation, record.outcome) {
            (Operation::Add, Outcome::Done) => assert!(added.insert(write.clone()), "{write:?} is recorded twice"),
            (Operation::Delete, Outcome::Done) => assert!(deleted.insert(write.clone()), "{write:?} is recorded twice"),
            // What was cut off and was found by the next process.
            (Operation::Add, Outcome::Unanswered | Outcome::Unknown | Outcome::Failed) => {}
            other => panic!("{write:?} cannot have ended as {other:?}"),
        }
    }
    let lives = ledger.lives();
    let of = |life: &Life| (life.mac.clone(), life.address.clone());
    for life in &lives {
        assert!(!life.add.is_answered() || added.remove(&of(life)), "not recorded as added: {life:?}");
        assert!(!life.delete.is_answered() || deleted.remove(&of(life)), "not recorded as deleted: {life:?}");
    }
    // What is left was cut off: it took effect, and nobody has its answer.
    let begun =
        |is_begun: fn(&Life) -> bool| lives.iter().filter(|life| is_begun(life)).map(of).collect::<HashSet<_>>();
    assert!(added.is_subset(&begun(|life| life.add.begun().is_some())), "{added:?}");
    assert!(deleted.is_subset(&begun(|life| life.delete.begun().is_some())), "{deleted:?}");
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed is needed to repeat a run")]
fn what_was_answered_before_a_kill_holds_after_it() {
    let (rounds, seed) = (number("FAULTS_KILL_ROUNDS", ROUNDS), number("FAULTS_KILL_SEED", SEED));
    let mut random = Random(u64::try_from(seed).expect("a number"));
    let place = Place::new(Seed::new().subnet(SUBNET));
    let ledger = Ledger::default();
    let begun = Instant::now();
    for round in 0..rounds {
        let since = ledger.lives().len();
        let server = place.start();
        burst(&server, &ledger, &mut random);
        server.assert_sound();
        drop(server);
        let server = place.start();
        check(&server.curl(), &place, &ledger, since, &mut random);
        server.assert_sound();
        if round % 2 == 0 {
            server.end_well("TERM");
        } else {
            server.kill();
        }
    }
    check_all(&place, &ledger);
    check_record(&place, &ledger);
    let lives = ledger.lives();
    let cut = lives.iter().filter(|life| {
        let is_cut = |write: Write| write.begun().is_some() && !write.is_answered();
        is_cut(life.add) || is_cut(life.delete)
    });
    eprintln!(
        "{rounds} kills from seed {seed} in {:?}: {} hosts, {} writes cut off",
        begun.elapsed(),
        lives.len(),
        cut.count()
    );
}
