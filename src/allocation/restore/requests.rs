//! What each of Foreman's requests has deleted and added, and what of that is due to be reserved again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_provider::Reservation;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::watch::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::allocation::holds::{Scope, Space};
use crate::telemetry::request_id::{self, RequestId};

/// How long it is remembered what a request has done: longer than Foreman takes from a delete to the next address.
const REMEMBERED: Duration = Duration::from_secs(300);

/// More requests than this are not remembered at once, but for the last ones.
const REQUESTS_AT_MOST: u64 = 10_000;

/// More deletions or additions of one request are not remembered, but for the last ones: an edit is of one host.
const OF_ONE_AT_MOST: usize = 100;

/// So many requests are waited for at once.
const WAITING_AT_MOST: u32 = 1000;

type Key = (Space, IpAddr);

/// A reservation that was deleted.
#[derive(Debug, Clone)]
pub(super) struct Deletion {
    pub(super) scope: Arc<Scope>,
    pub(super) address: IpAddr,
    /// What was recorded.
    pub(super) record: Reservation,
}

impl Deletion {
    fn key(&self) -> Key {
        (self.scope.space.clone(), self.address)
    }
}

/// What requests have deleted and added, for the life of the process.
#[derive(Debug, Clone)]
pub struct Restores(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: Cache<RequestId, Arc<Request>>,
    /// What is to be reserved again, by the request that deleted it.
    due: Mutex<BTreeMap<Key, Due>>,
    waiting: Arc<Semaphore>,
    stopping: Sender<bool>,
    /// The workers' own runtimes end before the process.
    runtime: Option<Handle>,
}

#[derive(Debug)]
struct Due {
    request: RequestId,
    deletion: Deletion,
    /// Is a task at work on it?
    is_taken: bool,
}

/// A request that has deleted or added something.
#[derive(Debug)]
pub(super) struct Request(Mutex<State>);

#[derive(Debug)]
struct State {
    deleted: Vec<Deletion>,
    /// What it has added, and not deleted again.
    added: Vec<(Arc<Scope>, IpAddr)>,
    under_way: usize,
    last_call: Instant,
    /// Is there a task already that waits for its end?
    is_waited_for: bool,
}

impl Default for Restores {
    fn default() -> Self {
        Self(Arc::new(Inner {
            requests: Cache::builder()
                .max_capacity(REQUESTS_AT_MOST)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(REMEMBERED)
                .build(),
            due: Mutex::default(),
            waiting: Arc::new(Semaphore::new(WAITING_AT_MOST as usize)),
            stopping: Sender::new(false),
            runtime: Handle::try_current().ok(),
        }))
    }
}

impl Restores {
    /// What is due is reserved again at once from now on; to be called when the process is to end.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Waits until no task is at work, at most until the deadline; what is due even so, with the requests that deleted it.
    pub(super) async fn left_at(&self, deadline: Instant) -> Vec<(RequestId, Deletion)> {
        let all_ended = self.0.waiting.acquire_many(WAITING_AT_MOST);
        let _ = timeout_at(deadline, all_ended).await;
        lock(&self.0.due).values().map(|due| (due.request.clone(), due.deletion.clone())).collect()
    }

    /// The request that is being answered has deleted this.
    pub(in crate::allocation) fn deleted(&self, scope: &Arc<Scope>, address: IpAddr, record: Reservation) {
        let Some(id) = request_id::current() else { return };
        let deletion = Deletion { scope: scope.clone(), address, record };
        let request = self.0.requests.get_with(id, Arc::default);
        let mut state = lock(&request.0);
        let own = state.added.iter().position(|(of, added)| of.space == scope.space && *added == address);
        match own {
            // A roll-back.
            Some(own) => drop(state.added.remove(own)),
            None => push(&mut state.deleted, deletion),
        }
    }

    /// The request that is being answered has added this.
    pub(in crate::allocation) fn added(&self, scope: &Arc<Scope>, address: IpAddr) {
        let Some(id) = request_id::current() else { return };
        let key = (scope.space.clone(), address);
        let request = self.0.requests.get_with(id.clone(), Arc::default);
        let mut state = lock(&request.0);
        let is_own = |due: &Due| due.request == id;
        let was_deleted = state.deleted.iter().any(|deletion| deletion.key() == key);
        if was_deleted || self.dealt_with(&key, is_own) {
            // Foreman has undone its delete.
            state.deleted.retain(|deletion| deletion.key() != key);
        } else {
            push(&mut state.added, (scope.clone(), address));
        }
    }

    /// A delete of this begins: whoever sends it does not keep the address.
    pub(in crate::allocation) fn delete_begins(&self, scope: &Scope, address: IpAddr) {
        self.dealt_with(&(scope.space.clone(), address), |_| true);
    }

    fn dealt_with(&self, key: &Key, is_meant: impl Fn(&Due) -> bool) -> bool {
        let mut due = lock(&self.0.due);
        if !due.get(key).is_some_and(is_meant) {
            return false;
        }
        due.remove(key);
        log::info!("{} is not reserved again: Foreman deals with it", key.1);
        true
    }

    /// A delete of the request that is being answered has failed: Foreman keeps the host with all of its addresses.
    pub(in crate::allocation) fn delete_failed(&self, address: IpAddr) {
        let Some(request) = request_id::current().and_then(|id| self.0.requests.get(&id)) else { return };
        let deleted = std::mem::take(&mut lock(&request.0).deleted);
        let deleted: Vec<String> = deleted.iter().map(|one| format!("{} in {}", one.address, one.scope)).collect();
        if !deleted.is_empty() {
            log::warn!(
                "The delete of {address} failed after that of {} in the same request: if these are addresses of one host, Foreman keeps the host with all of them. Delete the host again, or add what is deleted to the IPAM again",
                deleted.join(", ")
            );
        }
    }

    /// A call of a request begins; the request, if it has deleted or added something.
    pub(super) fn begin_call(&self, id: &RequestId) -> Option<Arc<Request>> {
        let request = self.0.requests.get(id)?;
        lock(&request.0).under_way += 1;
        Some(request)
    }

    pub(super) fn is_due(&self, deletion: &Deletion) -> bool {
        lock(&self.0.due).contains_key(&deletion.key())
    }

    /// It is not due any more, one way or the other; says so, unless that has been said.
    pub(super) fn done(&self, deletion: &Deletion, say: impl FnOnce()) {
        if lock(&self.0.due).remove(&deletion.key()).is_some() {
            say();
        }
    }

    pub(super) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.0.waiting.clone().try_acquire_owned().ok()
    }

    pub(super) fn stopping(&self) -> Receiver<bool> {
        self.0.stopping.subscribe()
    }

    pub(super) fn runtime(&self) -> Option<Handle> {
        self.0.runtime.clone().or_else(|| Handle::try_current().ok())
    }
}

impl Default for Request {
    fn default() -> Self {
        Self(Mutex::new(State {
            deleted: Vec::new(),
            added: Vec::new(),
            under_way: 0,
            last_call: Instant::now(),
            is_waited_for: false,
        }))
    }
}

impl Request {
    /// A call ends. A refusal makes due what was deleted before it; `true` when a task is to wait for the request's end.
    pub(super) fn end_call(&self, restores: &Restores, id: &RequestId, is_refused: bool) -> bool {
        let mut state = lock(&self.0);
        state.under_way -= 1;
        state.last_call = Instant::now();
        if !is_refused || (state.deleted.is_empty() && state.added.is_empty()) {
            return false;
        }
        let deleted = std::mem::take(&mut state.deleted);
        let due = |deletion: Deletion| (deletion.key(), Due { request: id.clone(), deletion, is_taken: false });
        lock(&restores.0.due).extend(deleted.into_iter().map(due));
        !std::mem::replace(&mut state.is_waited_for, true)
    }

    /// How long to wait until there was no call for so long; `None` when that is so.
    pub(super) fn until(&self, silence: Duration) -> Option<Duration> {
        let state = lock(&self.0);
        if state.under_way > 0 {
            return Some(silence);
        }
        Some(silence.saturating_sub(state.last_call.elapsed())).filter(|left| !left.is_zero())
    }

    /// What it has added, once.
    pub(super) fn take_added(&self) -> Vec<(Arc<Scope>, IpAddr)> {
        std::mem::take(&mut lock(&self.0).added)
    }

    /// What is due of the request. A further refusal needs a task of its own from here on.
    pub(super) fn take_due(&self, restores: &Restores, id: &RequestId) -> Vec<Deletion> {
        let mut state = lock(&self.0);
        state.is_waited_for = false;
        let mut due = lock(&restores.0.due);
        let of_request = due.values_mut().filter(|due| due.request == *id && !due.is_taken);
        of_request
            .map(|due| {
                due.is_taken = true;
                due.deletion.clone()
            })
            .collect()
    }
}

fn push<T>(list: &mut Vec<T>, one: T) {
    if list.len() == OF_ONE_AT_MOST {
        list.remove(0);
    }
    list.push(one);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics between two changes that belong together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
