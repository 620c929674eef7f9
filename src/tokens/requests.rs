//! What became of requests that carry an idempotency key, for a day.
//!
//! A key belongs to one attempt at a time, which has a number. Its process may end in the middle: after a while the next
//! attempt gets the key, with what the one before was about to reserve.

use ipam_store::{Row, StoreError, Value};
use jiff::{SignedDuration, Timestamp};

use super::TokenError;
use super::table::Table;

/// How long a key is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// SHA-256 of a text.
pub(crate) type Digest = [u8; 32];

/// How an attempt begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begun {
    /// The key is this attempt's.
    Own {
        /// The number of the attempt; the first is 1.
        attempt: i64,
        /// What earlier attempts were about to do, as it was kept last.
        intended: Option<String>,
    },
    /// The request was answered so.
    Answered {
        /// The status code.
        status: u16,
        /// The body.
        body: String,
    },
    /// Another attempt is at work.
    UnderWay,
    /// The key is that of another request.
    OtherRequest,
}

const FORGET_OLD: &str = "DELETE FROM request WHERE created_at < ?1";
const BEGIN: &str = "INSERT INTO request (key, digest, attempt, taken_until, created_at) VALUES (?1, ?2, 1, ?3, ?4) \
                     ON CONFLICT DO NOTHING";
const FIND: &str = "SELECT digest, attempt, taken_until, intended, status, body FROM request WHERE key = ?1";
const TAKE_OVER: &str = "UPDATE request SET attempt = ?3, taken_until = ?4 WHERE key = ?1 AND attempt = ?2";
const KEEP: &str = "UPDATE request SET intended = ?3 WHERE key = ?1 AND attempt = ?2";
const ANSWER: &str = "UPDATE request SET status = ?3, body = ?4 WHERE key = ?1 AND attempt = ?2";
const LEAVE: &str = "UPDATE request SET taken_until = 0 WHERE key = ?1 AND attempt = ?2";
const FORGET: &str = "DELETE FROM request WHERE key = ?1 AND attempt = ?2";

struct Found {
    digest: Vec<u8>,
    attempt: i64,
    taken_until: i64,
    intended: Option<String>,
    status: Option<i64>,
    body: Option<String>,
}

fn found(row: &dyn Row) -> Result<Found, StoreError> {
    Ok(Found {
        digest: row.get::<&[u8]>(0)?.to_vec(),
        attempt: row.get(1)?,
        taken_until: row.get(2)?,
        intended: row.get::<Option<&str>>(3)?.map(str::to_owned),
        status: row.get(4)?,
        body: row.get::<Option<&str>>(5)?.map(str::to_owned),
    })
}

impl Table {
    /// Begins an attempt at the request of this key, which has this digest. The attempt has the key for as long as `life`.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn begin_request(
        &self,
        key: Digest,
        digest: Digest,
        life: SignedDuration,
    ) -> Result<Begun, TokenError> {
        let now = Timestamp::now();
        let (old, until, now) = ((now - REMEMBERED).as_second(), (now + life).as_second(), now.as_second());
        let begun = self.tables().write(move |writing| {
            let connection = writing.connection();
            connection.execute(FORGET_OLD, &[Value::from(old)])?;
            let values = [Value::Bytes(&key), Value::Bytes(&digest), Value::from(until), Value::from(now)];
            if connection.execute(BEGIN, &values)? == 1 {
                return Ok(Begun::Own { attempt: 1, intended: None });
            }
            let Some(found) = connection.row(FIND, &[Value::Bytes(&key)], found)? else { return Ok(Begun::UnderWay) };
            if found.digest != digest {
                return Ok(Begun::OtherRequest);
            }
            if let (Some(status), Some(body)) = (found.status, found.body) {
                return Ok(Begun::Answered { status: u16::try_from(status).unwrap_or(500), body });
            }
            if found.taken_until > now {
                return Ok(Begun::UnderWay);
            }
            let attempt = found.attempt + 1;
            let values = [Value::Bytes(&key), Value::from(found.attempt), Value::from(attempt), Value::from(until)];
            Ok(match connection.execute(TAKE_OVER, &values)? {
                1 => Begun::Own { attempt, intended: found.intended },
                _ => Begun::UnderWay,
            })
        });
        begun.await.map_err(|source| self.failed(source))
    }

    /// Keeps what the attempt is about to do; `false` if the key is another attempt's by now.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn keep_intended(&self, key: Digest, attempt: i64, intended: String) -> Result<bool, TokenError> {
        let kept = self.tables().write(move |writing| {
            let values = [Value::Bytes(&key), Value::from(attempt), Value::from(&intended)];
            writing.connection().execute(KEEP, &values)
        });
        kept.await.map(|count| count == 1).map_err(|source| self.failed(source))
    }

    /// Keeps the answer of the request.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn answer_request(
        &self,
        key: Digest,
        attempt: i64,
        status: u16,
        body: String,
    ) -> Result<(), TokenError> {
        let answered = self.tables().write(move |writing| {
            let status = i64::from(status);
            let values = [Value::Bytes(&key), Value::from(attempt), Value::from(status), Value::from(&body)];
            writing.connection().execute(ANSWER, &values).map(drop)
        });
        answered.await.map_err(|source| self.failed(source))
    }

    /// Ends the attempt. A later one begins with what this one was about to do, or, if it `had_no_effect`, from the start.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn end_attempt(&self, key: Digest, attempt: i64, had_no_effect: bool) -> Result<(), TokenError> {
        let statement = if had_no_effect { FORGET } else { LEAVE };
        let ended = self.tables().write(move |writing| {
            writing.connection().execute(statement, &[Value::Bytes(&key), Value::from(attempt)]).map(drop)
        });
        ended.await.map_err(|source| self.failed(source))
    }
}
