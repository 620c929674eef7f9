//! `Idempotency-Key`: a request that is sent again is not done again.
//!
//! The key belongs to its caller, method and path. The answer of a success is remembered for a day, and is the answer to the
//! same request with the same key: of a caller that repeats it while it is being answered, after an answer that was lost, or
//! after a restart. The same key with another body is refused. A request that failed without effect is forgotten, so that it
//! can be tried again; of one whose effect is unknown it is remembered what it was about to reserve.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse};
use async_trait::async_trait;
use ipam_provider::{GroupName, Prefix};
use jiff::SignedDuration;
use openssl::sha::sha256;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::problem::{Code, Problem};
use crate::allocation::{Attempt, Failure, Intended, Intentions};
use crate::http::state::Now;
use crate::telemetry::request_id;
use crate::tokens::{Begun, Digest, Table, TokenError};

const HEADER: &str = "idempotency-key";

/// Says of an answer that it is that of an earlier request.
const REPLAYED: &str = "idempotent-replayed";

/// Keys are no longer than this.
const KEY_AT_MOST: usize = 255;

/// How much longer than the request's budget an attempt has its key: until nothing of it is on its way any more.
const SLACK: Duration = Duration::from_secs(35);

/// How long a request waits for the other attempt that has its key.
const WAITS: [u64; 9] = [20, 50, 100, 200, 500, 1000, 2000, 2000, 2000];

/// A request with a key that is this attempt's, or one without a key.
#[derive(Debug, Clone)]
pub(super) struct Once(Option<Own>);

#[derive(Debug, Clone)]
struct Own {
    table: Arc<Table>,
    key: Digest,
    number: i64,
    intended: Option<String>,
}

/// What a request with a key comes to.
pub(super) enum Beginning {
    /// It is to be done.
    Do(Once),
    /// It was done, and this is its answer.
    Done(HttpResponse),
}

/// Does the work of a request to its end, also when the caller goes away, so that a repeated request finds its answer.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let failed = |_| Problem::new(Code::Internal, "The proxy failed; see its log");
    tokio::spawn(request_id::inherit(work)).await.map_err(failed)?
}

/// Begins a request whose body is `body`.
pub(super) async fn begin(request: &HttpRequest, now: &Now, body: &impl Serialize) -> Result<Beginning, Problem> {
    let Some(key) = key(request)? else { return Ok(Beginning::Do(Once(None))) };
    let tokens = now.api.tokens.as_ref().ok_or_else(|| unavailable(None))?;
    let table = tokens.table().await.map_err(|error| unavailable(Some(&error)))?;
    let caller = request_id::caller().map(|caller| caller.principal.who.to_string()).unwrap_or_default();
    let key = sha256(format!("{caller}\n{} {}\n{key}", request.method(), request.uri()).as_bytes());
    let body = serde_json::to_vec(body).map_err(|_| unavailable(None))?;
    let digest = sha256(&body);
    let life = now.allocator.request_budget() + SLACK;
    let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::from_mins(2));
    let mut waits = WAITS.into_iter();
    loop {
        match table.begin_request(key, digest, life).await.map_err(|error| unavailable(Some(&error)))? {
            Begun::Own { attempt, intended } => {
                return Ok(Beginning::Do(Once(Some(Own { table, key, number: attempt, intended }))));
            }
            Begun::Answered { status, body } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let mut answer = HttpResponse::build(status);
                answer.insert_header((REPLAYED, "true"));
                return Ok(Beginning::Done(match body.is_empty() {
                    true => answer.finish(),
                    false => answer.content_type(ContentType::json()).body(body),
                }));
            }
            Begun::OtherRequest => {
                let text = "The idempotency key is that of another request; use a new key for each request";
                return Err(Problem::new(Code::KeyReused, text));
            }
            Begun::UnderWay => match waits.next() {
                Some(milliseconds) => sleep(Duration::from_millis(milliseconds)).await,
                None => {
                    let text = "A request with this idempotency key is being answered; try again in a moment";
                    return Err(Problem::new(Code::Unavailable, text));
                }
            },
        }
    }
}

impl Once {
    /// What earlier attempts were about to reserve, and what keeps what this one is.
    pub(super) fn attempt(&self) -> Attempt {
        let Some(own) = &self.0 else { return Attempt::default() };
        let kept = own.intended.as_deref().and_then(|text| serde_json::from_str::<Vec<Kept>>(text).ok());
        let intended = kept.unwrap_or_default().into_iter().map(Kept::intended).collect();
        Attempt { intended, keeper: Some(Arc::new(own.clone())) }
    }

    /// Did an earlier attempt at the same request end without an answer?
    pub(super) fn is_repeated(&self) -> bool {
        self.0.as_ref().is_some_and(|own| own.number > 1)
    }

    /// Remembers the answer to the request before the caller gets it. Returns the body as text.
    pub(super) async fn answered(&self, status: StatusCode, body: &(impl Serialize + Sync)) -> String {
        let body = serde_json::to_string(body).expect("shapes of texts and numbers are JSON");
        if let Some(own) = &self.0
            && let Err(error) = own.table.answer_request(own.key, own.number, status.as_u16(), body.clone()).await
        {
            // It is done, and the caller is told so. A repeated request finds what was reserved.
            log::warn!("The answer to a request with an idempotency key is not remembered: {error}");
        }
        body
    }

    /// The request has failed.
    pub(super) async fn failed(&self, had_no_effect: bool) {
        if let Some(own) = &self.0
            && let Err(error) = own.table.end_attempt(own.key, own.number, had_no_effect).await
        {
            log::warn!("A failed request with an idempotency key keeps the key for a minute: {error}");
        }
    }
}

/// An intended address as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    prefix: String,
    group: Option<String>,
    address: IpAddr,
}

impl Kept {
    fn of(intended: &Intended) -> Self {
        let group = intended.group.as_ref().map(ToString::to_string);
        Self { prefix: intended.prefix.to_string(), group, address: intended.address }
    }

    fn intended(self) -> Intended {
        let prefix = self.prefix.parse::<Prefix>().expect("it was written from a prefix");
        Intended { prefix, group: self.group.and_then(GroupName::new), address: self.address }
    }
}

#[async_trait]
impl Intentions for Own {
    async fn keep(&self, intended: &[Intended]) -> Result<(), Failure> {
        let kept: Vec<Kept> = intended.iter().map(Kept::of).collect();
        let text = serde_json::to_string(&kept).expect("texts are JSON");
        match self.table.keep_intended(self.key, self.number, text).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::NotKept),
            Err(error) => {
                log::error!("What a request with an idempotency key is about to reserve cannot be kept: {error}");
                Err(Failure::NotKept)
            }
        }
    }
}

fn key(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let wrong = || {
        Problem::invalid(
            "Idempotency-Key",
            format!("The idempotency key has 1 to {KEY_AT_MOST} visible ASCII characters"),
        )
    };
    let Some(value) = request.headers().get(HEADER) else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong())?;
    let is_plain = (1..=KEY_AT_MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain { Ok(Some(text)) } else { Err(wrong()) }
}

fn unavailable(error: Option<&TokenError>) -> Problem {
    if let Some(error) = error {
        log::error!("An idempotency key cannot be looked up: {error}");
    }
    Problem::new(Code::Unavailable, "Idempotency keys cannot be looked up now; the proxy's log says why")
}
