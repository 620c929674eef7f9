//! The name of an address, by reverse DNS, and whether the name leads back to the address.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a caller waits for DNS unless told otherwise. The system's resolver may take longer.
const LOOK_UP_AT_MOST: Duration = Duration::from_secs(5);

/// How long a name is believed, and how long a failure.
const NAMES_LIVE: Duration = Duration::from_secs(60);
const FAILURES_LIVE: Duration = Duration::from_secs(5);

/// How many addresses are remembered. Strangers can fill this too.
const ADDRESSES_AT_MOST: u64 = 4_096;

/// How many threads may wait for a resolver that hangs.
const LOOK_UPS_AT_ONCE: usize = 16;

/// DNS, or what stands in for it. Calls block.
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The name that the address has.
    ///
    /// # Errors
    ///
    /// When it has none or DNS fails.
    fn name_of(&self, address: IpAddr) -> io::Result<String>;

    /// The addresses that the name has.
    ///
    /// # Errors
    ///
    /// When it has none or DNS fails.
    fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver: `/etc/hosts`, DNS, whatever `nsswitch.conf` says.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn name_of(&self, address: IpAddr) -> io::Result<String> {
        Ok(dns_lookup::lookup_addr(&address)?)
    }

    fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(dns_lookup::lookup_host(name)?.collect())
    }
}

/// Why an address has no name that can be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
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

/// Looks up names of addresses and remembers them for a minute, failures for 5 seconds. Clones share what is known.
#[derive(Debug, Clone)]
pub struct HostNames {
    resolver: Arc<dyn Resolver>,
    /// By the address and whether the name was confirmed.
    known: Cache<(IpAddr, bool), Result<String, NameError>>,
    threads: Arc<Semaphore>,
    limit: Duration,
}

impl HostNames {
    /// Names from a resolver.
    pub fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self {
            resolver,
            known: Cache::builder().max_capacity(ADDRESSES_AT_MOST).expire_after(Lives).build(),
            threads: Arc::new(Semaphore::new(LOOK_UPS_AT_ONCE)),
            limit: LOOK_UP_AT_MOST,
        }
    }

    /// The same, with another limit on how long a caller waits for DNS.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The name of the address, in lower case and without a dot at the end; with `confirm`, only one that leads back to
    /// the address. Callers with the same address share one look-up.
    ///
    /// # Errors
    ///
    /// When there is no such name, or DNS does not say in time.
    pub async fn find(&self, address: IpAddr, confirm: bool) -> Result<String, NameError> {
        // A socket for both families shows IPv4 callers as ::ffff:10.0.0.5, and those have no reverse entries.
        let address = address.to_canonical();
        self.known.get_with((address, confirm), self.look_up(address, confirm)).await
    }

    async fn look_up(&self, address: IpAddr, confirm: bool) -> Result<String, NameError> {
        let looked_up = async {
            let permit = Arc::clone(&self.threads).acquire_owned().await.ok()?;
            let resolver = Arc::clone(&self.resolver);
            let work = move || {
                // Until the thread is done, which may be long after the caller has gone.
                let _permit = permit;
                find(&*resolver, address, confirm)
            };
            // Only a resolver that panics gives no answer.
            spawn_blocking(work).await.ok()
        };
        match timeout(self.limit, looked_up).await {
            Ok(found) => found.unwrap_or(Err(NameError::NoName(address))),
            Err(_) => Err(NameError::TooSlow { address, limit: self.limit }),
        }
    }
}

fn find(resolver: &dyn Resolver, address: IpAddr, confirm: bool) -> Result<String, NameError> {
    let no_name = |error| {
        log::debug!("Looking up the name of {address} failed: {error}");
        NameError::NoName(address)
    };
    let name = resolver.name_of(address).map(|name| normal(&name)).map_err(no_name)?;
    if confirm {
        let is_own = |addresses: Vec<IpAddr>| addresses.iter().any(|own| own.to_canonical() == address);
        if !resolver.addresses_of(&name).is_ok_and(is_own) {
            return Err(NameError::NotConfirmed { name, address });
        }
    }
    Ok(name)
}

/// The one spelling of a host name that is compared: lower case, no dot at the end.
pub(super) fn normal(name: &str) -> String {
    let name = name.trim();
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

struct Lives;

impl<K> Expiry<K, Result<String, NameError>> for Lives {
    fn expire_after_create(&self, _: &K, found: &Result<String, NameError>, _: Instant) -> Option<Duration> {
        Some(if found.is_ok() { NAMES_LIVE } else { FAILURES_LIVE })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, channel};

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
        let lives = |found| Lives.expire_after_create(&(), &found, Instant::now());
        assert_eq!(lives(Ok("a.example.com".to_owned())), Some(NAMES_LIVE));
        assert_eq!(lives(Err(NameError::NoName(address("10.0.0.5")))), Some(FAILURES_LIVE));
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
