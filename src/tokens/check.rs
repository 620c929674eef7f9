//! Whether a text that a caller shows is a token, and whose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipam_store::StoreError;
use jiff::{SignedDuration, Timestamp};

use super::TokenError;
use super::secret::{self, Hash};
use super::table::{Table, Token};
use crate::ledger::Place;

/// The last use of a token is noted to this exactly.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Uses of more tokens than this are not remembered at once; each token was noted a minute ago then, or is noted again.
const REMEMBERED_AT_MOST: usize = 10_000;

/// What a shown text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This token.
    Valid(Token),
    /// This token, but its time is over.
    Expired(Token),
    /// No token, or one that was revoked.
    Unknown,
}

/// The tokens of a proxy that runs. They outlive a reload. A clone is the same tokens.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    /// `None` until it is needed first, and after its file has been replaced.
    table: Mutex<Option<Arc<Table>>>,
    /// When the use of a token was last noted.
    noted: Mutex<HashMap<Hash, Timestamp>>,
}

impl Tokens {
    /// Tokens in this place, which is looked at when the first is shown.
    pub(crate) fn at(place: Place) -> Self {
        Self { inner: Arc::new(Inner { place, table: Mutex::default(), noted: Mutex::default() }) }
    }

    /// What the text is that a caller shows.
    ///
    /// # Errors
    /// When the tokens cannot be read: then nothing is known of the caller.
    pub(crate) async fn check(&self, shown: &str) -> Result<Verdict, TokenError> {
        if !secret::looks_like_one(shown) {
            return Ok(Verdict::Unknown);
        }
        let hash = secret::hash(shown);
        let table = self.table().await?;
        let found = table.find(hash).await.inspect_err(|error| self.forget_if_replaced(error))?;
        let now = Timestamp::now();
        Ok(match found {
            None => Verdict::Unknown,
            Some(token) if token.has_expired(now) => Verdict::Expired(token),
            Some(token) => {
                self.note_use(&table, hash, now);
                Verdict::Valid(token)
            }
        })
    }

    /// Notes the use beside the request, which does not wait for it.
    fn note_use(&self, table: &Arc<Table>, hash: Hash, now: Timestamp) {
        let mut noted = lock(&self.inner.noted);
        if noted.get(&hash).is_some_and(|last| now.duration_since(*last) < NOTED_EVERY) {
            return;
        }
        if noted.len() >= REMEMBERED_AT_MOST {
            noted.clear();
        }
        noted.insert(hash, now);
        drop(noted);
        let table = table.clone();
        tokio::spawn(async move {
            if let Err(error) = table.note_use(hash, now).await {
                log::debug!("The use of a token is not noted: {error}");
            }
        });
    }

    /// The tables that they are in, opened.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub(crate) async fn table(&self) -> Result<Arc<Table>, TokenError> {
        if let Some(table) = lock(&self.inner.table).clone() {
            return Ok(table);
        }
        let place = self.inner.place.clone();
        let opening = tokio::task::spawn_blocking(move || Table::open_or_create(place));
        let table = Arc::new(opening.await.expect("opening does not panic, and the runtime lives")?);
        // Of two that were opened at once, the last one stays.
        *lock(&self.inner.table) = Some(table.clone());
        Ok(table)
    }

    /// A file that was moved away is not opened again by itself.
    fn forget_if_replaced(&self, error: &TokenError) {
        if let TokenError::Unusable { source, .. } = error
            && matches!(**source, StoreError::Missing(_) | StoreError::Replaced(_))
        {
            *lock(&self.inner.table) = None;
        }
    }
}

/// No code that holds one of these locks can panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
