//! The id of the request that is being answered and its caller, known to everything that runs inside it.
//!
//! Foreman sends `X-Request-Id`, the same for all calls of one of its own web requests, so that its log and ours can be
//! read side by side. A task made with `tokio::spawn` inherits neither id nor caller; give them on:
//!
//! ```
//! # use foreman_ipam_proxy::telemetry::request_id;
//! # async fn work() {}
//! # fn example() {
//! let work = request_id::inherit(work());
//! tokio::spawn(work);
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use futures_util::future::Either;
use serde::{Deserialize, Serialize};
use uuid::fmt::Hyphenated;

use crate::caller::Caller;

/// Enough for a UUID and for what other callers make up; a longer header is not an id.
const CHARACTERS_AT_MOST: usize = 64;

/// How much of an id a log line shows.
const SHORT: usize = 8;

tokio::task_local! {
    static CURRENT: Arc<Request>;
}

/// The request that is being answered.
struct Request {
    id: RequestId,
    /// Not known before the gate has let the caller in.
    caller: OnceLock<Caller>,
}

/// The id of one request: 1 to 64 ASCII letters, digits, `-`, `_` and `.`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id that the caller sent in `X-Request-Id`, or a random UUID when it sent none that can be used.
    pub fn accept(header: Option<&str>) -> Self {
        header.and_then(Self::parse).unwrap_or_else(Self::random)
    }

    /// The id that the caller sent, if it can be used.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_id = (1..=CHARACTERS_AT_MOST).contains(&text.len()) && text.bytes().all(is_plain);
        is_id.then(|| Self(text.into()))
    }

    /// A new id, a random UUID.
    pub fn random() -> Self {
        // Ids have to differ, not to be secret: hashing a counter with keys that are random for each process needs no
        // system call.
        static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let halves = [KEYS.hash_one((count, 0)), KEYS.hash_one((count, 1))];
        let bits = (u128::from(halves[0]) << 64) | u128::from(halves[1]);
        let uuid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        Self((&*uuid.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH])).into())
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 8 characters, as in the log.
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(SHORT)]
    }
}

impl TryFrom<String> for RequestId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no request id")
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs the future with `id` as its request's id.
pub fn scope<F: Future>(id: RequestId, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(Arc::new(Request { id, caller: OnceLock::new() }), future)
}

/// The future with the id and the caller of the request that called this, for a task of its own.
pub fn inherit<F: Future>(future: F) -> impl Future<Output = F::Output> {
    match CURRENT.try_with(Arc::clone) {
        Ok(request) => Either::Left(CURRENT.scope(request, future)),
        Err(_) => Either::Right(future),
    }
}

/// The id of the request that is being answered; `None` outside of requests.
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(|request| request.id.clone()).ok()
}

/// Notes who the caller of the request is that is being answered.
pub(crate) fn set_caller(caller: Caller) {
    // Outside of requests there is none; and who was let in once stays who they are.
    let _ = CURRENT.try_with(|request| request.caller.set(caller));
}

/// The caller of the request that is being answered; `None` outside of requests, and before the gate has let one in.
pub(crate) fn caller() -> Option<Caller> {
    CURRENT.try_with(|request| request.caller.get().cloned()).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{Door, Principal, Rights, Who};

    #[test]
    fn an_id_that_could_confuse_the_log_is_replaced() {
        let sent = "0a1b2c3d-0000-4000-8000-000000000000";
        assert_eq!(RequestId::accept(Some(sent)).as_str(), sent);
        assert_eq!(RequestId::accept(Some(sent)).short(), "0a1b2c3d");
        assert_eq!(RequestId::accept(Some("abc")).short(), "abc");
        for text in ["", "a b", "a\nb", "ä", "a\u{1b}[0m", &"a".repeat(65)] {
            let id = RequestId::accept(Some(text));
            assert_ne!(id.as_str(), text);
            assert_eq!(id.as_str().len(), 36);
        }
        assert_ne!(RequestId::accept(None), RequestId::accept(None));
    }

    #[tokio::test]
    async fn the_id_is_known_inside_the_request_and_in_tasks_that_inherit_it() {
        assert_eq!(current(), None);
        let id = RequestId::random();
        scope(id.clone(), async {
            assert_eq!(current(), Some(id.clone()));
            assert_eq!(tokio::spawn(async { current() }).await.expect("no panic"), None);
            assert_eq!(tokio::spawn(inherit(async { current() })).await.expect("no panic"), Some(id.clone()));
        })
        .await;
        assert_eq!(inherit(async { current() }).await, None);
    }

    fn caller_named(name: &str) -> Caller {
        let principal = Principal { who: Who::Host(name.into()), rights: Rights::Foreman };
        Caller { door: Door::Foreman, principal }
    }

    #[tokio::test]
    async fn the_caller_is_known_once_it_is_let_in() {
        set_caller(caller_named("nobody.example.com"));
        scope(RequestId::random(), async {
            assert_eq!(caller(), None);
            let task = tokio::spawn(inherit(async {
                set_caller(caller_named("foreman.example.com"));
                set_caller(caller_named("evil.example.com"));
            }));
            task.await.expect("no panic");
            assert_eq!(caller(), Some(caller_named("foreman.example.com")));
        })
        .await;
        assert_eq!(caller(), None);
    }
}
