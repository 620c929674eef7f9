//! What every provider gets alike: a queue, a time limit, retries of reads, log lines, and an [`Observer`].
//!
//! A call of the IPAM first waits for its turn: no more than the provider's [`max_parallel`](Provider::max_parallel) are
//! under way at once. Its time limit starts with the turn, so the proxy's own queue never counts against the IPAM. A read
//! that fails in a way that may pass is repeated within its turn. A write is sent once. What the last call showed of the
//! IPAM's health is kept for people.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::http::TELL_IF_IT_LASTS;
use crate::observer::{Ended, Observer, Watched};
use crate::{
    Annotate, Annotated, Annotation, Capabilities, Creation, Deletion, Error, ErrorKind, FreeQuery, Group, GroupName,
    InDeleted, ListReservations, ManageSubnets, OwnRecord, Prefix, Probe, Provider, Released, Requester, Reservation,
    ReservationPage, Result, Subnet, titled,
};

/// The pause before the second attempt at a read; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Limits for the calls to an IPAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one attempt at one operation may take.
    pub attempt: Duration,
    /// How often a read is tried at most, the first time included; at least 1.
    pub read_attempts: u32,
}

/// A provider with its queue and its limits.
#[derive(Debug)]
pub struct Guard {
    inner: Arc<dyn Provider>,
    /// What messages and log lines call the IPAM.
    known_as: Arc<str>,
    limits: Limits,
    /// `None` for an IPAM that takes any number of calls at once.
    queue: Option<Semaphore>,
    /// How long the slowest of the last writes took, in milliseconds.
    slowest_write: AtomicU64,
    trouble: Mutex<Option<String>>,
    has_trouble: AtomicBool,
    observer: Option<Arc<dyn Observer>>,
}

impl Guard {
    /// Guards `inner`.
    pub fn new(inner: Arc<dyn Provider>, limits: Limits) -> Self {
        let queue = inner.max_parallel().map(Semaphore::new);
        Self {
            known_as: inner.name().into(),
            inner,
            limits,
            queue,
            slowest_write: AtomicU64::new(0),
            trouble: Mutex::default(),
            has_trouble: AtomicBool::new(false),
            observer: None,
        }
    }

    /// The observer learns how each operation ends.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Gives the IPAM a name of its own in messages and log lines, instead of the provider's.
    #[must_use]
    pub fn known_as(self, name: Arc<str>) -> Self {
        Self { known_as: name, ..self }
    }

    /// Why the last call failed that showed whether the IPAM works; `None` when it works, as far as is known.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what a call has shown of the IPAM; `true` when that is trouble.
    fn note_health(&self, error: Option<&Error>) -> bool {
        if error.is_some_and(Error::is_without_request) {
            return false;
        }
        let trouble = match error.map(Error::kind) {
            None | Some(ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Rejected) => None,
            // The provider says so without asking the IPAM.
            Some(ErrorKind::Unsupported) => return false,
            Some(
                ErrorKind::Unauthenticated
                | ErrorKind::Unreachable
                | ErrorKind::Unavailable
                | ErrorKind::TimedOut
                | ErrorKind::Unexpected,
            ) => error.map(Error::to_string),
        };
        // Well and staying well is what nearly every call shows: that costs no lock.
        let is_trouble = trouble.is_some();
        if !is_trouble && !self.has_trouble.load(Ordering::Relaxed) {
            return false;
        }
        let mut noted = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_trouble.store(is_trouble, Ordering::Relaxed);
        *noted = trouble;
        is_trouble
    }

    /// Waits until the IPAM may be called.
    pub async fn turn(&self) -> Turn<'_> {
        let permit = match &self.queue {
            Some(queue) => Some(queue.acquire().await.expect("the semaphore is never closed")),
            None => None,
        };
        Turn { guard: self, limit: self.limits.attempt, has_failed: AtomicBool::new(false), _permit: permit }
    }

    /// Are as many calls under way as there may be, so that a further one waits?
    pub fn is_busy(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.available_permits() == 0)
    }

    /// How long the slowest of the last writes took. A slow one counts for less with each that follows.
    pub fn slowest_write(&self) -> Duration {
        Duration::from_millis(self.slowest_write.load(Ordering::Relaxed))
    }

    fn note_write(&self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let slowest = |before: u64| Some(took.max(before - before.div_ceil(8)));
        let _ = self.slowest_write.fetch_update(Ordering::Relaxed, Ordering::Relaxed, slowest);
    }

    fn subnet_manager(&self) -> Result<&dyn ManageSubnets> {
        self.inner.manage_subnets().ok_or_else(|| {
            let text = format!("The proxy creates and deletes no subnets in the IPAM ({})", self.known_as);
            Error::new(ErrorKind::Unsupported, text)
        })
    }

    fn too_late(&self, limit: Duration) -> Error {
        let (name, seconds) = (&self.known_as, limit.as_secs_f32());
        Error::new(
            ErrorKind::TimedOut,
            format!("The IPAM ({name}) gave no answer within {seconds} seconds. {TELL_IF_IT_LASTS}"),
        )
    }
}

/// The right to call the IPAM, for one call or for several that belong together, such as a write and the look that
/// follows a lost answer.
#[derive(Debug)]
pub struct Turn<'a> {
    guard: &'a Guard,
    limit: Duration,
    /// Has a call of this turn shown trouble? The look after a failed write does not make it well again.
    has_failed: AtomicBool,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Turn<'_> {
    /// Shortens the time limit of each attempt in this turn, if it is longer.
    #[must_use]
    pub fn limited_to(mut self, limit: Duration) -> Self {
        self.limit = self.limit.min(limit);
        self
    }

    /// [`Provider::reservation`] in this turn.
    ///
    /// # Errors
    /// As the provider, and [`TimedOut`](ErrorKind::TimedOut).
    pub async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let subject = || format!("{address} in {subnet}");
        self.read("reservation", subject, || self.guard.inner.reservation(subnet, address)).await
    }

    /// [`Provider::reserve`] in this turn.
    ///
    /// # Errors
    /// As the provider, and [`TimedOut`](ErrorKind::TimedOut).
    pub async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        let subject = || format!("{address} in {subnet}");
        self.write("reserve", subject, self.guard.inner.reserve(subnet, address, by)).await
    }

    /// [`Provider::release`] in this turn.
    ///
    /// # Errors
    /// As the provider, and [`TimedOut`](ErrorKind::TimedOut).
    pub async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let subject = || format!("{address} in {subnet}");
        self.write("release", subject, self.guard.inner.release(subnet, address)).await
    }

    /// [`Annotate::annotate`] in this turn.
    ///
    /// # Errors
    /// As the provider, [`TimedOut`](ErrorKind::TimedOut), and [`Unsupported`](ErrorKind::Unsupported) for one that does
    /// not hand out [`Annotate`].
    pub async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let Some(inner) = self.guard.inner.annotate() else {
            let text = format!("The IPAM ({}) does not change host name and MAC of a record", self.guard.known_as);
            return Err(Error::new(ErrorKind::Unsupported, text));
        };
        let subject = || format!("{address} in {subnet}");
        self.write("annotate", subject, inner.annotate(subnet, address, note)).await
    }

    async fn read<T, F: Future<Output = Result<T>>>(
        &self,
        operation: &'static str,
        subject: impl FnOnce() -> String,
        attempt: impl Fn() -> F,
    ) -> Result<T> {
        let repeated = async {
            let mut pause = FIRST_PAUSE;
            for number in 1..self.guard.limits.read_attempts {
                match self.within_limit(attempt()).await {
                    Err(error) if error.kind().is_transient() => {
                        let next = number + 1;
                        let name = &self.guard.known_as;
                        log::info!("{name}: {error}; attempt {next} of {} follows", self.guard.limits.read_attempts);
                        self.guard.observer.iter().for_each(|observer| observer.retries());
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    outcome => return outcome,
                }
            }
            self.within_limit(attempt()).await
        };
        self.observe(operation, subject, repeated).await
    }

    async fn write<T>(
        &self,
        operation: &'static str,
        subject: impl FnOnce() -> String,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        let outcome = self.observe(operation, subject, self.within_limit(work)).await;
        self.guard.note_write(start.elapsed());
        outcome
    }

    async fn within_limit<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        timeout(self.limit, work).await.unwrap_or_else(|_| Err(self.guard.too_late(self.limit)))
    }

    /// Notes what an operation showed of the IPAM, and logs it at debug level: name, subject, outcome, milliseconds. The cause of a failure is logged where the
    /// failure is answered.
    async fn observe<T>(
        &self,
        operation: &'static str,
        subject: impl FnOnce() -> String,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let watched = Watched::begin(operation, self.guard.observer.as_deref());
        let outcome = work.await;
        let took = watched.end(outcome.as_ref().err().map_or(Ended::Done, |error| Ended::Failed(error.kind())));
        if outcome.is_err() || !self.has_failed.load(Ordering::Relaxed) {
            let is_trouble = self.guard.note_health(outcome.as_ref().err());
            self.has_failed.fetch_or(is_trouble, Ordering::Relaxed);
        }
        if !log::log_enabled!(log::Level::Debug) {
            return outcome;
        }
        let ended = match &outcome {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.kind().to_string(),
        };
        let milliseconds = took.as_secs_f64() * 1e3;
        let name = &self.guard.known_as;
        log::debug!("{name} {operation} {}: {ended} ({milliseconds:.2} ms)", subject());
        outcome
    }
}

/// Each call waits for a turn of its own.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Guard {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn max_parallel(&self) -> Option<usize> {
        self.inner.max_parallel()
    }

    async fn probe(&self) -> Vec<Probe> {
        let limit = self.limits.attempt;
        timeout(limit, self.inner.probe()).await.unwrap_or_else(|_| {
            vec![Probe { what: "an answer of the IPAM".to_owned(), outcome: Err(self.too_late(limit)) }]
        })
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.turn().await.read("groups", || "(all)".to_owned(), || self.inner.groups()).await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        self.turn().await.read("group", || name.to_string(), || self.inner.group(name)).await
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let subject = || group.map_or_else(|| "outside of groups".to_owned(), ToString::to_string);
        self.turn().await.read("subnets", subject, || self.inner.subnets(group)).await
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let find = || self.inner.find_subnets(prefix, group);
        self.turn().await.read("find_subnets", || prefix.to_string(), find).await
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        self.turn().await.reservation(subnet, address).await
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        self.turn().await.read("own_records", || address.to_string(), || self.inner.own_records(address)).await
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let find = || self.inner.free_addresses(subnet, query);
        self.turn().await.read("free_addresses", || subnet.to_string(), find).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        self.turn().await.reserve(subnet, address, by).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        self.turn().await.release(subnet, address).await
    }

    fn manage_subnets(&self) -> Option<&dyn ManageSubnets> {
        self.inner.manage_subnets().map(|_| self as &dyn ManageSubnets)
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        self.inner.annotate().map(|_| self as &dyn Annotate)
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        self.inner.list_reservations().map(|_| self as &dyn ListReservations)
    }
}

#[async_trait]
impl ManageSubnets for Guard {
    async fn create(&self, prefix: Prefix, group: Option<&GroupName>, description: &str) -> Result<Creation> {
        let inner = self.subnet_manager()?;
        self.turn().await.write("create", || titled(prefix, group), inner.create(prefix, group, description)).await
    }

    async fn delete(&self, subnet: &Subnet, addresses: InDeleted) -> Result<Deletion> {
        let inner = self.subnet_manager()?;
        self.turn().await.write("delete", || subnet.to_string(), inner.delete(subnet, addresses)).await
    }
}

#[async_trait]
impl Annotate for Guard {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        self.turn().await.annotate(subnet, address, note).await
    }
}

#[async_trait]
impl ListReservations for Guard {
    /// Fails with [`Unsupported`](ErrorKind::Unsupported) for a provider that does not hand out [`ListReservations`].
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let Some(inner) = self.inner.list_reservations() else {
            let text = format!("The IPAM ({}) does not list the addresses of a subnet", self.known_as);
            return Err(Error::new(ErrorKind::Unsupported, text));
        };
        self.turn().await.read("list", || subnet.to_string(), || inner.list(subnet, from, at_most)).await
    }
}
