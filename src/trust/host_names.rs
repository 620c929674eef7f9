//! The name of an address, by reverse DNS, and whether the name leads back to the address.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dns_lookup::{LookupError, LookupErrorKind};
use moka::Expiry;
use moka::future::Cache;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a caller waits for DNS unless told otherwise. The system's resolver may take longer.
const LOOK_UP_AT_MOST: Duration = Duration::from_secs(5);

/// After this a name is looked up again, while callers go on with the one that is known.
const NAMES_FRESH: Duration = Duration::from_secs(60);

/// A name that DNS does not confirm in this time, because it does not answer, is no longer believed.
const NAMES_LIVE: Duration = Duration::from_secs(60 * 60);

/// How long a failure is remembered, and how long after one a known name is not looked up again.
const FAILURES_LIVE: Duration = Duration::from_secs(5);

/// How many addresses are remembered. Strangers can fill this too.
const ADDRESSES_AT_MOST: u64 = 4_096;

/// How many threads may wait for a resolver that hangs, for addresses without a known name.
const LOOK_UPS_AT_ONCE: usize = 32;

/// How many of them may be for the addresses of one network, so that those of one do not keep out all others.
const LOOK_UPS_OF_A_NETWORK: usize = 4;

/// How many more threads look up names again that are known.
const REFRESHES_AT_ONCE: usize = 4;

/// DNS, or what stands in for it. Calls block.
pub(crate) trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The name that the address has.
    ///
    /// # Errors
    ///
    /// `NotFound` when it has none, another kind when DNS does not say.
    fn name_of(&self, address: IpAddr) -> io::Result<String>;

    /// The addresses that the name has.
    ///
    /// # Errors
    ///
    /// `NotFound` when it has none, another kind when DNS does not say.
    fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver: `/etc/hosts`, DNS, whatever `nsswitch.conf` says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemResolver;

impl Resolver for SystemResolver {
    fn name_of(&self, address: IpAddr) -> io::Result<String> {
        dns_lookup::lookup_addr(&address).map_err(failure)
    }

    fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(dns_lookup::lookup_host(name).map_err(failure)?.collect())
    }
}

/// "There is none" apart from "DNS does not say".
fn failure(error: LookupError) -> io::Error {
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => {
            io::Error::new(io::ErrorKind::NotFound, io::Error::from(error))
        }
        _ => error.into(),
    }
}

/// Why an address has no name that can be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// There is no reverse entry, or DNS fails.
    #[error("unable to resolve hostname for ip address {0}")]
    NoName(IpAddr),
    /// DNS takes too long.
    #[error("unable to resolve hostname for ip address {address}: no answer from DNS within {} seconds", limit.as_secs())]
    TooSlow {
        /// The caller's address.
        address: IpAddr,
        /// How long was waited.
        limit: Duration,
    },
    /// The name belongs to other addresses: whoever writes the reverse entry can claim any name.
    #[error("untrusted client has no matching forward DNS lookup - {name} ({address})")]
    NotConfirmed {
        /// The name in the reverse entry.
        name: String,
        /// The caller's address.
        address: IpAddr,
    },
}

/// An address, and whether its name must lead back to it.
type Question = (IpAddr, bool);

/// What is known of an address.
#[derive(Debug)]
struct Known {
    found: Result<String, NameError>,
    /// When DNS said so.
    at: Instant,
    /// From when on it is looked up again.
    refresh_at: Instant,
    is_being_refreshed: AtomicBool,
}

impl Known {
    fn new(found: Result<String, NameError>, fresh: Duration) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self { found, at: now, refresh_at: now + fresh, is_being_refreshed: AtomicBool::new(false) })
    }

    /// The same, to be looked up again later.
    fn put_off(&self) -> Arc<Self> {
        Arc::new(Self {
            found: self.found.clone(),
            at: self.at,
            refresh_at: Instant::now() + FAILURES_LIVE,
            is_being_refreshed: AtomicBool::new(false),
        })
    }

    /// Is it time to look again? `true` to one caller only.
    fn claim_refresh(&self) -> bool {
        self.found.is_ok()
            && Instant::now() >= self.refresh_at
            && !self.is_being_refreshed.swap(true, Ordering::Relaxed)
    }
}

/// A look-up that has failed.
#[derive(Debug)]
struct Failed {
    error: NameError,
    /// DNS says that it is so; otherwise it says nothing.
    is_certain: bool,
}

/// Looks up names of addresses and remembers them, failures for 5 seconds. Clones share what is known.
///
/// A name that is known is looked up again each minute, beside its use: a resolver that hangs, or that strangers keep
/// busy, does not lock out a caller who was known. It is believed until DNS says otherwise, for an hour at most.
#[derive(Debug, Clone)]
pub(crate) struct HostNames {
    resolver: Arc<dyn Resolver>,
    known: Cache<Question, Arc<Known>>,
    look_ups: Arc<Semaphore>,
    networks: Cache<IpAddr, Arc<Semaphore>>,
    refreshes: Arc<Semaphore>,
    fresh: Duration,
    limit: Duration,
}

impl HostNames {
    /// Names from a resolver.
    pub(crate) fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self {
            resolver,
            known: Cache::builder().max_capacity(ADDRESSES_AT_MOST).expire_after(Lives).build(),
            look_ups: Arc::new(Semaphore::new(LOOK_UPS_AT_ONCE)),
            networks: Cache::builder().max_capacity(ADDRESSES_AT_MOST).time_to_idle(NAMES_LIVE).build(),
            refreshes: Arc::new(Semaphore::new(REFRESHES_AT_ONCE)),
            fresh: NAMES_FRESH,
            limit: LOOK_UP_AT_MOST,
        }
    }

    /// The same, with another limit on how long a caller waits for DNS.
    #[must_use]
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The name of the address, in lower case and without a dot at the end; with `confirm`, only one that leads back to
    /// the address. Callers with the same address share one look-up.
    ///
    /// # Errors
    ///
    /// When there is no such name, or DNS does not say in time.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(crate) async fn find(&self, address: IpAddr, confirm: bool) -> Result<String, NameError> {
        // A socket for both families shows IPv4 callers as ::ffff:10.0.0.5, and those have no reverse entries.
        let question = (address.to_canonical(), confirm);
        if let Some(known) = self.known.get(&question).await {
            if known.claim_refresh() {
                tokio::spawn(self.clone().refresh(question, Arc::clone(&known)));
            }
            return known.found.clone();
        }
        let names = self.clone();
        // A task, which goes on when its caller has no more time: an address never has more than one thread.
        let look_up = async move { names.known.get_with(question, names.look_up(question)).await.found.clone() };
        match timeout(self.limit, tokio::spawn(look_up)).await {
            Ok(found) => found.unwrap_or(Err(NameError::NoName(question.0))),
            Err(_) => Err(NameError::TooSlow { address: question.0, limit: self.limit }),
        }
    }

    async fn look_up(&self, question: Question) -> Arc<Known> {
        let of_network =
            self.networks.get_with(network(question.0), async { Arc::new(Semaphore::new(LOOK_UPS_OF_A_NETWORK)) });
        let of_network = of_network.await;
        // Never closed, so both are always got.
        let _permits = (of_network.acquire().await, self.look_ups.acquire().await);
        let found = self.ask(question).await.map_err(|failed| failed.error);
        Known::new(found, self.fresh)
    }

    async fn refresh(self, question: Question, known: Arc<Known>) {
        let _permit = self.refreshes.acquire().await;
        let newer = match self.ask(question).await {
            Ok(name) => Known::new(Ok(name), self.fresh),
            Err(Failed { error, is_certain: true }) => Known::new(Err(error), self.fresh),
            Err(Failed { error, is_certain: false }) => {
                log::debug!("The known name of {} cannot be looked up again: {error}", question.0);
                known.put_off()
            }
        };
        self.known.insert(question, newer).await;
    }

    /// Waits for the resolver, however long it takes.
    async fn ask(&self, (address, confirm): Question) -> Result<String, Failed> {
        let resolver = Arc::clone(&self.resolver);
        let asked = spawn_blocking(move || find(&*resolver, address, confirm)).await;
        // Only a resolver that panics gives no answer.
        asked.unwrap_or(Err(Failed { error: NameError::NoName(address), is_certain: false }))
    }
}

fn find(resolver: &dyn Resolver, address: IpAddr, confirm: bool) -> Result<String, Failed> {
    let no_name = |error: io::Error| {
        log::debug!("Looking up the name of {address} failed: {error}");
        Failed { error: NameError::NoName(address), is_certain: error.kind() == io::ErrorKind::NotFound }
    };
    let name = resolver.name_of(address).map(|name| normal(&name)).map_err(no_name)?;
    if confirm {
        let addresses = resolver.addresses_of(&name);
        let is_own = |addresses: &Vec<IpAddr>| addresses.iter().any(|own| own.to_canonical() == address);
        if !addresses.as_ref().is_ok_and(is_own) {
            let is_certain = addresses.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |_| true);
            return Err(Failed { error: NameError::NotConfirmed { name, address }, is_certain });
        }
    }
    Ok(name)
}

/// The network that an address is most likely one of: what a site or a customer has.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 80)).into(),
    }
}

/// The one spelling of a host name that is compared: lower case, no dot at the end.
pub(super) fn normal(name: &str) -> String {
    let name = name.trim();
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

struct Lives;

impl Lives {
    fn left(known: &Known) -> Duration {
        let lives = if known.found.is_ok() { NAMES_LIVE } else { FAILURES_LIVE };
        lives.saturating_sub(known.at.elapsed())
    }
}

impl<K> Expiry<K, Arc<Known>> for Lives {
    fn expire_after_create(&self, _: &K, known: &Arc<Known>, _: Instant) -> Option<Duration> {
        Some(Self::left(known))
    }

    fn expire_after_update(&self, _: &K, known: &Arc<Known>, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(Self::left(known))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

    use super::*;

    #[derive(Debug, Default)]
    struct Zone {
        names: BTreeMap<IpAddr, &'static str>,
        addresses: BTreeMap<&'static str, Vec<IpAddr>>,
        asked: AtomicUsize,
    }

    impl Resolver for Arc<Zone> {
        fn name_of(&self, address: IpAddr) -> io::Result<String> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let name = self.names.get(&address).ok_or(io::ErrorKind::NotFound)?;
            Ok((*name).to_owned())
        }

        fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.addresses.get(name).ok_or(io::ErrorKind::NotFound)?.clone())
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn zone() -> Arc<Zone> {
        Arc::new(Zone {
            names: [
                ("10.0.0.5", "Foreman.Example.com."),
                ("10.0.0.6", "foreman.example.com"),
                ("10.0.0.7", "nowhere.example.com"),
                ("2001:db8::5", "six.example.com"),
            ]
            .map(|(text, name)| (address(text), name))
            .into(),
            addresses: BTreeMap::from([
                ("foreman.example.com", vec![address("192.0.2.1"), address("::ffff:10.0.0.5")]),
                ("six.example.com", vec![address("2001:db8::5")]),
            ]),
            asked: AtomicUsize::new(0),
        })
    }

    #[tokio::test]
    async fn a_name_counts_when_it_leads_back() {
        let names = HostNames::new(Arc::new(zone()));
        for caller in ["10.0.0.5", "::ffff:10.0.0.5"] {
            assert_eq!(names.find(address(caller), true).await.as_deref(), Ok("foreman.example.com"));
        }
        assert_eq!(names.find(address("2001:db8::5"), true).await.as_deref(), Ok("six.example.com"));
        for (caller, name) in [("10.0.0.6", "foreman.example.com"), ("10.0.0.7", "nowhere.example.com")] {
            let error = NameError::NotConfirmed { name: name.to_owned(), address: address(caller) };
            assert_eq!(names.find(address(caller), true).await, Err(error));
            assert_eq!(names.find(address(caller), false).await.as_deref(), Ok(name));
        }
        let nobody = address("10.0.0.8");
        assert_eq!(names.find(nobody, true).await, Err(NameError::NoName(nobody)));
    }

    #[tokio::test]
    async fn an_address_is_looked_up_once() {
        let zone = zone();
        let names = HostNames::new(Arc::new(Arc::clone(&zone)));
        let caller = address("10.0.0.5");
        let found = tokio::join!(names.find(caller, true), names.find(caller, true), names.find(caller, true));
        assert!(found.0.is_ok() && found.1.is_ok() && found.2.is_ok());
        assert!(names.clone().find(caller, true).await.is_ok());
        assert_eq!(zone.asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn failures_are_forgotten_sooner_than_names() {
        let lives = |found| Lives.expire_after_create(&(), &Known::new(found, NAMES_FRESH), Instant::now());
        let around = |lives: Option<Duration>| lives.map(|lives| lives.as_millis().div_ceil(1000));
        assert_eq!(around(lives(Ok("a.example.com".to_owned()))), Some(60 * 60));
        assert_eq!(around(lives(Err(NameError::NoName(address("10.0.0.5"))))), Some(5));
    }

    /// Knows one address, until the test says otherwise; for all others it waits for the test.
    #[derive(Debug)]
    struct Moody {
        known: IpAddr,
        says: Mutex<Result<&'static str, io::ErrorKind>>,
        asked: AtomicUsize,
        hanging: AtomicUsize,
        hang: Mutex<Option<Receiver<()>>>,
    }

    impl Moody {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                known: address("10.0.0.5"),
                says: Mutex::new(Ok("foreman.example.com")),
                asked: AtomicUsize::new(0),
                hanging: AtomicUsize::new(0),
                hang: Mutex::default(),
            })
        }

        fn says(&self, answer: Result<&'static str, io::ErrorKind>) {
            *self.says.lock().expect("not poisoned") = answer;
        }
    }

    impl Resolver for Arc<Moody> {
        fn name_of(&self, address: IpAddr) -> io::Result<String> {
            if address == self.known {
                self.asked.fetch_add(1, Ordering::SeqCst);
                return Ok((*self.says.lock().expect("not poisoned"))?.to_owned());
            }
            self.hanging.fetch_add(1, Ordering::SeqCst);
            while self
                .hang
                .lock()
                .expect("not poisoned")
                .as_ref()
                .is_some_and(|hang| hang.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout))
            {
            }
            Err(io::ErrorKind::TimedOut.into())
        }

        fn addresses_of(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(vec![self.known])
        }
    }

    /// Waits for tasks and threads that go on beside the test.
    async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..2000 {
            if is_so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}: not within 10 seconds");
    }

    #[tokio::test]
    async fn a_known_name_is_looked_up_again_beside_its_use() {
        let resolver = Moody::new();
        // Each question is one after the time.
        let names = HostNames { fresh: Duration::ZERO, ..HostNames::new(Arc::new(Arc::clone(&resolver))) };
        let find = async || names.find(resolver.known, true).await;
        assert_eq!(find().await.as_deref(), Ok("foreman.example.com"));
        // DNS does not answer: the name stays.
        resolver.says(Err(io::ErrorKind::TimedOut));
        let asked = resolver.asked.load(Ordering::SeqCst);
        assert_eq!(find().await.as_deref(), Ok("foreman.example.com"));
        until("it is looked up", async || resolver.asked.load(Ordering::SeqCst) > asked).await;
        assert_eq!(find().await.as_deref(), Ok("foreman.example.com"));
        // DNS says otherwise: the name goes.
        let names = HostNames { fresh: Duration::ZERO, ..HostNames::new(Arc::new(Arc::clone(&resolver))) };
        resolver.says(Ok("foreman.example.com"));
        assert!(names.find(resolver.known, true).await.is_ok());
        resolver.says(Err(io::ErrorKind::NotFound));
        until("the name goes", async || names.find(resolver.known, true).await.is_err()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn strangers_whose_names_do_not_come_keep_nobody_else_out() {
        const STRANGERS: u8 = 40;
        let resolver = Moody::new();
        let (release, hang) = channel();
        *resolver.hang.lock().expect("not poisoned") = Some(hang);
        let names = HostNames { fresh: Duration::ZERO, ..HostNames::new(Arc::new(Arc::clone(&resolver))) };
        let names = names.within(Duration::from_millis(200));
        let strangers: Vec<_> = (1..=STRANGERS)
            .map(|last| {
                let names = names.clone();
                tokio::spawn(async move { names.find(IpAddr::from([192, 0, 2, last]), true).await })
            })
            .collect();
        until("they hang", async || resolver.hanging.load(Ordering::SeqCst) == LOOK_UPS_OF_A_NETWORK).await;
        for stranger in strangers {
            assert!(stranger.await.expect("no panic").is_err());
        }
        // Another try is no other thread.
        assert!(names.find(IpAddr::from([192, 0, 2, 1]), true).await.is_err());
        assert_eq!(resolver.hanging.load(Ordering::SeqCst), LOOK_UPS_OF_A_NETWORK);
        // Of another network, for the first time and again.
        for _ in 0..3 {
            assert_eq!(names.find(resolver.known, true).await.as_deref(), Ok("foreman.example.com"));
        }
        drop(release);
    }

    #[test]
    fn neighbours_are_of_one_network() {
        for (left, right, are_one) in [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("2001:db8:1::1", "2001:db8:1:ffff::1", true),
            ("2001:db8:1::1", "2001:db8:2::1", false),
        ] {
            assert_eq!(network(address(left)) == network(address(right)), are_one, "{left} {right}");
        }
    }

    /// Answers when the test says so.
    #[derive(Debug)]
    struct Hanging(Mutex<Receiver<()>>);

    impl Resolver for Hanging {
        fn name_of(&self, _: IpAddr) -> io::Result<String> {
            let _ = self.0.lock().expect("not poisoned").recv();
            Ok("late.example.com".to_owned())
        }

        fn addresses_of(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(Vec::new())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_hangs_is_waited_for_as_long_as_it_is_said() {
        let (release, held) = channel();
        let limit = Duration::from_secs(7);
        let names = HostNames::new(Arc::new(Hanging(Mutex::new(held)))).within(limit);
        let (found, ()) = tokio::join!(names.find(address("10.0.0.5"), false), tokio::time::advance(limit));
        assert_eq!(
            found.expect_err("too slow").to_string(),
            "unable to resolve hostname for ip address 10.0.0.5: no answer from DNS within 7 seconds"
        );
        drop(release);
    }
}
