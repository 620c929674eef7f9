//! The embedded IPAM behind the provider contract: the conformance suite, bare and guarded, and what is special
//! about a file that several processes share.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use ipam_conformance::{Fault, Seed, SeededSubnet, Subject};
use ipam_provider::database::Database;
use ipam_provider::settings::Section;
use ipam_provider::{
    AddressSet, ErrorKind, FreeQuery, Guard, Kept, Limits, Prefix, Provider, Requester, Subnet, Surroundings,
};
use ipam_provider_internal::{Internal, Place, REGISTRATION};
use ipam_simulators::postgres::Server;
use ipam_store::{AddressDetails, Attributes, Contents, NewSubnet, OWNER, Scope, Store, SubnetRecord};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(10);

/// Where a store is.
struct Home {
    directory: TempDir,
    place: Place,
    /// The file or the URL.
    name: String,
}

impl Home {
    fn in_file() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ipam.sqlite");
        Self { directory, name: path.display().to_string(), place: Place::File(path) }
    }

    /// A database of its own; `None` where PostgreSQL is not installed, which standard error says.
    fn in_database() -> Option<Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = SERVER.get_or_init(|| Server::start_with("-c fsync=off -c max_connections=300")).as_ref()?;
        let name = format!("case_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        let url = server.url_through(server.directory(), "ipam", &name);
        let database = Database::new(&url, None, LIMIT).expect("a right URL");
        let place = Place::Database(Box::new(database));
        Some(Self { directory: tempfile::tempdir().expect("a directory"), place, name: url })
    }

    fn open(&self) -> Store {
        let opened = match &self.place {
            Place::File(path) => Store::open_or_create(path),
            Place::Database(database) => Store::open_database(database),
        };
        opened.expect("a store")
    }
}

/// On a thread of its own: a store waits, which a runtime's thread may not.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().expect("no panic"))
}

/// The provider, and a second handle to its store as another process has it.
struct InternalSubject<const IN_DATABASE: bool> {
    _home: Home,
    provider: Arc<Internal>,
    other: Mutex<Store>,
}

impl<const IN_DATABASE: bool> InternalSubject<IN_DATABASE> {
    /// Changes the subnet as another process would.
    fn change(&self, subnet: &SeededSubnet, change: impl FnOnce(&mut Store, SubnetRecord) + Send) {
        let mut other = self.other.lock().expect("no test panics while it holds the lock");
        let scope = Scope::from(subnet.group.clone());
        let store = &mut *other;
        aside(|| {
            let record = store.read(|reading| reading.one_subnet(subnet.prefix, &scope)).expect("a seeded subnet");
            change(store, record);
        });
    }
}

#[async_trait]
impl<const IN_DATABASE: bool> Subject for InternalSubject<IN_DATABASE> {
    async fn start(seed: &Seed) -> Self {
        // Where PostgreSQL is not installed, which the server says, the file is tried once more.
        let home = if IN_DATABASE { Home::in_database() } else { None }.unwrap_or_else(Home::in_file);
        let provider = Arc::new(Internal::open(&home.place).expect("a store"));
        let fill = |writing: &ipam_store::Writing<'_>| {
            for group in &seed.groups {
                writing.add_group(&group.name, &group.description)?;
            }
            for subnet in &seed.subnets {
                let record = writing.add_subnet(&NewSubnet {
                    group: subnet.group.clone(),
                    description: subnet.description.clone(),
                    pool: subnet.pool,
                    ..NewSubnet::of(subnet.prefix)
                })?;
                for (address, by) in &subnet.taken {
                    let details =
                        AddressDetails { mac: by.mac, hostname: by.hostname.clone(), ..AddressDetails::default() };
                    writing.add_address(record.id, *address, details)?;
                }
            }
            Ok(())
        };
        let other = aside(|| {
            let mut other = home.open();
            other.write(fill).expect("the seed fits");
            other
        });
        Self { _home: home, provider, other: Mutex::new(other) }
    }

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider) as Arc<dyn Provider>
    }

    /// None of them can happen: there is no connection between the provider and its IPAM.
    async fn fault(&self, _fault: Fault) -> bool {
        false
    }

    async fn heal(&self) {}

    async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.change(subnet, |store, record| {
            let add =
                |writing: &ipam_store::Writing<'_>| writing.add_address(record.id, address, AddressDetails::default());
            store.write(add).expect("a free address");
        });
    }

    async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.change(subnet, |store, record| {
            store.write(|writing| writing.delete_address(record.id, address)).expect("a taken address");
        });
    }

    async fn remove(&self, subnet: &SeededSubnet) {
        self.change(subnet, |store, record| {
            store.write(|writing| writing.delete_subnet(record.id, Contents::DeleteToo)).expect("a subnet");
        });
    }
}

mod bare {
    ipam_conformance::suite!(super::InternalSubject<false>);
}

mod in_database {
    ipam_conformance::suite!(super::InternalSubject<true>);
}

mod guarded {
    ipam_conformance::suite!(
        super::InternalSubject<false>,
        wrap = |provider| {
            let limits = super::Limits { attempt: super::LIMIT, read_attempts: 3 };
            super::Arc::new(super::Guard::new(provider, limits))
        }
    );
}

/// A store with one subnet, and a provider for it.
struct Fixture {
    home: Home,
    path: PathBuf,
    provider: Arc<Internal>,
}

const PREFIX: &str = "198.18.0.0/20";

impl Fixture {
    fn new() -> Self {
        Self::at(Home::in_file())
    }

    fn at(home: Home) -> Self {
        let path = home.directory.path().join("ipam.sqlite");
        aside(|| home.open().write(|writing| writing.add_subnet(&NewSubnet::of(prefix()))).expect("a subnet"));
        let provider = Arc::new(Internal::open(&home.place).expect("a provider"));
        Self { home, path, provider }
    }

    /// One on each engine.
    fn each() -> impl Iterator<Item = Self> {
        [Some(Home::in_file()), Home::in_database()].into_iter().flatten().map(Self::at)
    }

    fn verified(&self) -> bool {
        aside(|| self.home.open().verify().expect("a readable store").is_empty())
    }

    /// A file that SQLite keeps beside the store.
    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        path.into()
    }
}

fn prefix() -> Prefix {
    PREFIX.parse().expect("a prefix")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

async fn subnet(provider: &Internal) -> Subnet {
    provider.find_subnets(prefix(), None).await.expect("subnets").remove(0)
}

async fn lowest_free(provider: &Internal, subnet: &Subnet) -> IpAddr {
    let query = FreeQuery { at_most: 1, held: &AddressSet::default() };
    provider.free_addresses(subnet, query).await.expect("free addresses")[0]
}

fn verified(path: &Path) -> bool {
    Store::open(path).and_then(|store| store.verify()).expect("a readable store").is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_reserve_one_address_through_two_processes_one_wins() {
    for fixture in Fixture::each() {
        let second = Arc::new(Internal::open(&fixture.home.place).expect("a provider"));
        let subnet = subnet(&fixture.provider).await;
        for address in ["198.18.0.1", "198.18.0.9"].map(ip) {
            let callers = (0..100).map(|number| {
                let provider = Arc::clone(if number % 2 == 0 { &fixture.provider } else { &second });
                let subnet = subnet.clone();
                tokio::spawn(async move { provider.reserve(&subnet, address, &Requester::default()).await })
            });
            let mut won = 0;
            for caller in callers.collect::<Vec<_>>() {
                match caller.await.expect("no panic") {
                    Ok(()) => won += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
                }
            }
            assert_eq!(won, 1);
        }
        assert!(fixture.verified());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_that_reserve_and_release_at_the_same_time_keep_the_store_whole() {
    for fixture in Fixture::each() {
        let second = Arc::new(Internal::open(&fixture.home.place).expect("a provider"));
        let callers = (0..40u8).map(|number| {
            let provider = Arc::clone(if number % 2 == 0 { &fixture.provider } else { &second });
            tokio::spawn(async move {
                let subnet = subnet(&provider).await;
                let address = IpAddr::from([198, 18, 1, number]);
                for _ in 0..5 {
                    provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
                    provider.release(&subnet, address).await.expect("a release");
                }
                provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.expect("no panic");
        }
        let usage = |store: Store| {
            store.read(|reading| reading.usage(&reading.one_subnet(prefix(), &Scope::Global)?)).expect("usage")
        };
        assert_eq!(aside(|| usage(fixture.home.open())).used, 40);
        assert!(fixture.verified());
    }
}

#[tokio::test]
async fn what_another_process_writes_is_seen_at_once_and_reads_do_not_wait_for_it() {
    let fixture = Fixture::new();
    let subnet = subnet(&fixture.provider).await;
    assert_eq!(lowest_free(&fixture.provider, &subnet).await, ip("198.18.0.1"));
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (finish, may_finish) = std::sync::mpsc::channel();
    let path = fixture.path.clone();
    let other = tokio::task::spawn_blocking(move || {
        let mut store = Store::open(&path).expect("a store");
        let take = |writing: &ipam_store::Writing<'_>| {
            let id = writing.one_subnet(prefix(), &Scope::Anywhere)?.id;
            let taken = writing.add_next_free(id, AddressDetails::default());
            begun.send(()).expect("the test waits");
            may_finish.recv().expect("the test goes on");
            taken
        };
        store.write(take).expect("an address");
    });
    has_begun.await.expect("the other process writes");
    assert_eq!(lowest_free(&fixture.provider, &subnet).await, ip("198.18.0.1"), "not committed yet");
    finish.send(()).expect("the other process waits");
    other.await.expect("no panic");
    assert_eq!(lowest_free(&fixture.provider, &subnet).await, ip("198.18.0.2"));
}

#[tokio::test]
async fn only_what_the_proxy_recorded_is_its_own() {
    let fixture = Fixture::new();
    let subnet = subnet(&fixture.provider).await;
    let mut store = Store::open(&fixture.path).expect("a store");
    let id = store.read(|reading| reading.one_subnet(prefix(), &Scope::Anywhere)).expect("a subnet").id;
    let foreign = AddressDetails { attributes: Attributes::of_owner("somebody"), ..AddressDetails::default() };
    store.write(|writing| writing.add_address(id, ip("198.18.0.1"), foreign)).expect("an address");
    let by = Requester {
        mac: Some("02:00:5e:00:53:01".parse().expect("a MAC")),
        hostname: Some("h".to_owned()),
        ..Requester::default()
    };
    fixture.provider.reserve(&subnet, ip("198.18.0.2"), &by).await.expect("a reservation");
    let reservation = |address| fixture.provider.reservation(&subnet, ip(address));
    assert!(!reservation("198.18.0.1").await.expect("an answer").expect("a reservation").ours);
    let own = reservation("198.18.0.2").await.expect("an answer").expect("a reservation");
    assert_eq!((own.ours, own.mac, own.hostname), (true, by.mac, by.hostname));
    let record = store.read(|reading| reading.address(id, ip("198.18.0.2"))).expect("a record");
    assert_eq!(record.attributes.owner, OWNER);
}

#[tokio::test]
async fn a_container_is_found_and_refuses_addresses() {
    let fixture = Fixture::new();
    let outer: Prefix = "198.18.0.0/15".parse().expect("a prefix");
    let mut store = Store::open(&fixture.path).expect("a store");
    let new = NewSubnet { container: true, ..NewSubnet::of(outer) };
    store.write(|writing| writing.add_subnet(&new)).expect("a container");
    let subnet = fixture.provider.find_subnets(outer, None).await.expect("subnets").remove(0);
    let query = FreeQuery { at_most: 1, held: &AddressSet::default() };
    let refused = fixture.provider.free_addresses(&subnet, query).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert_eq!(refused.to_string(), "Subnet 198.18.0.0/15 contains subnets; choose one of them");
    let refused = fixture.provider.reserve(&subnet, ip("198.19.0.1"), &Requester::default()).await;
    assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn the_edges_of_a_subnet_are_refused() {
    let fixture = Fixture::new();
    let subnet = subnet(&fixture.provider).await;
    for edge in ["198.18.0.0", "198.18.15.255", "198.18.16.0"] {
        let refused = fixture.provider.reserve(&subnet, ip(edge), &Requester::default()).await;
        assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::Rejected, "{edge}");
    }
}

fn surroundings(state_directory: &Path, kept: &Kept) -> Surroundings {
    Surroundings {
        state_directory: state_directory.to_owned(),
        may_create: true,
        database: None,
        trace: None,
        kept: kept.clone(),
    }
}

#[tokio::test]
async fn one_store_is_opened_once_whatever_settings_lead_to_it() {
    let (one, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let kept = Kept::default();
    let provider = |directory: &Path| {
        let mut section = Section::new("settings.d/externalipam_internal.yml", [].into());
        (REGISTRATION.read)(&mut section)(&surroundings(directory, &kept)).expect("a provider")
    };
    let first = provider(one.path());
    assert!(Arc::ptr_eq(&first, &provider(one.path())), "as a reload builds it again");
    assert!(!Arc::ptr_eq(&first, &provider(other.path())));
}

#[tokio::test]
async fn the_registration_builds_a_provider_whose_probes_succeed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut section = Section::new("settings.d/externalipam_internal.yml", [].into());
    let plan = (REGISTRATION.read)(&mut section);
    assert!(section.finish().problems.is_empty());
    let provider = plan(&surroundings(directory.path(), &Kept::default())).expect("a provider");
    assert_eq!((REGISTRATION.name, provider.name()), ("internal", "internal"));
    let probes = provider.probe().await;
    assert!(!probes.is_empty() && probes.iter().all(|probe| probe.outcome.is_ok()), "{probes:?}");
    assert!(directory.path().join("ipam.sqlite").exists());
}

/// Names the store to the process that is to be killed: its file, or the URL of its database.
const STORE: &str = "IPAM_TEST_STORE_OF_THE_KILLED";

/// How often it is killed, and after how many answers.
const KILLS: usize = 100;
const ANSWERS: usize = 8;

/// Not a test: what `answered_reservations_survive_the_end_of_the_process` starts and kills.
#[test]
#[ignore = "reserves until its process is killed"]
#[expect(clippy::print_stdout, reason = "this is how the test learns what was answered")]
fn the_process_that_is_killed() {
    let home = std::env::var(STORE).expect("started by the test");
    let place = match Database::new(&home, None, LIMIT) {
        Ok(database) => Place::Database(Box::new(database)),
        Err(_) => Place::File(home.into()),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let provider = Internal::open(&place).expect("a store");
        let subnet = subnet(&provider).await;
        loop {
            let address = lowest_free(&provider, &subnet).await;
            provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
            println!("reserved {address}");
        }
    });
}

/// Starts the process, kills it in the middle of its work, and tells what it was answered.
fn reserved_until_killed(home: &str) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "--nocapture", "the_process_that_is_killed"])
        .env(STORE, home)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
    let mut reserved: Vec<String> = lines
        .by_ref()
        .map(|line| line.expect("its output"))
        .filter_map(|line| line.strip_prefix("reserved ").map(str::to_owned))
        .take(ANSWERS)
        .collect();
    assert_eq!(reserved.len(), ANSWERS);
    process.kill().expect("it runs until it is killed");
    process.wait().expect("its end");
    // The last line may be cut off.
    let rest: Vec<String> = lines.map(|line| line.expect("its output")).collect();
    let whole = rest.iter().rev().skip(1).filter_map(|line| line.strip_prefix("reserved ").map(str::to_owned));
    reserved.extend(whole);
    reserved
}

#[test]
fn answered_reservations_survive_the_end_of_the_process() {
    for fixture in Fixture::each() {
        let mut reserved = BTreeSet::new();
        for _ in 0..KILLS {
            for address in reserved_until_killed(&fixture.home.name) {
                assert!(reserved.insert(address.clone()), "{address} was given twice");
            }
        }
        let store = fixture.home.open();
        let id = store.read(|reading| reading.one_subnet(prefix(), &Scope::Anywhere)).expect("a subnet").id;
        for address in reserved {
            store.read(|reading| reading.address(id, ip(&address))).expect("what was answered is there");
        }
        assert!(fixture.verified());
    }
}

/// What another process would find after this one was killed: the file alone.
fn recorded_in_the_file(fixture: &Fixture) -> Vec<IpAddr> {
    let copy = fixture.path.with_file_name("copy.sqlite");
    // By another process: the locks of this one would end when it closes a descriptor of the file.
    assert!(Command::new("cp").arg(&fixture.path).arg(&copy).status().expect("cp").success());
    let mut addresses = Vec::new();
    let store = Store::open(&copy).expect("a store");
    store
        .read(|reading| {
            let subnet = reading.one_subnet(prefix(), &Scope::Anywhere)?;
            reading.each_address(subnet.id, |record| {
                addresses.push(record.address);
                Ok(())
            })
        })
        .expect("addresses");
    addresses
}

#[tokio::test]
async fn when_the_files_beside_the_store_are_removed_nothing_that_was_recorded_is_lost() {
    for removed in [&["-wal"][..], &["-shm"], &["-wal", "-shm"]] {
        let fixture = Fixture::new();
        let (provider, subnet) = (&fixture.provider, subnet(&fixture.provider).await);
        let reserve = async |address| provider.reserve(&subnet, ip(address), &Requester::default()).await;
        reserve("198.18.0.1").await.expect("a reservation");
        for suffix in removed {
            std::fs::remove_file(fixture.beside(suffix)).expect("removed");
        }
        reserve("198.18.0.2").await.expect("a reservation");
        assert_eq!(recorded_in_the_file(&fixture), ["198.18.0.1", "198.18.0.2"].map(ip), "{removed:?}");
        // It goes on with new files, which others see too.
        reserve("198.18.0.3").await.expect("a reservation");
        assert!(verified(&fixture.path), "{removed:?}");
        for address in ["198.18.0.1", "198.18.0.2", "198.18.0.3"] {
            assert!(provider.reservation(&subnet, ip(address)).await.expect("an answer").is_some(), "{address}");
        }
    }
}

#[tokio::test]
async fn a_store_that_was_removed_records_nothing_until_one_is_back() {
    let fixture = Fixture::new();
    let (provider, subnet) = (&fixture.provider, subnet(&fixture.provider).await);
    let reserve = async |address| provider.reserve(&subnet, ip(address), &Requester::default()).await;
    let backup = fixture.path.with_file_name("backup.sqlite");
    Store::open(&fixture.path).and_then(|store| store.backup(&backup)).expect("a backup");
    std::fs::remove_file(&fixture.path).expect("removed");
    for _ in 0..2 {
        let error = reserve("198.18.0.1").await.expect_err("there is no store");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let error = provider.reservation(&subnet, ip("198.18.0.1")).await.expect_err("there is no store");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    // What is left of the former one would be taken for the log of this one.
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(fixture.beside(suffix)).expect("removed");
    }
    std::fs::rename(&backup, &fixture.path).expect("restored");
    assert!(provider.reservation(&subnet, ip("198.18.0.1")).await.expect("an answer").is_none());
    reserve("198.18.0.1").await.expect("a reservation");
    assert!(verified(&fixture.path));
}
