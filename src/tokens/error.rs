//! What can go wrong with tokens, in words for people.

use ipam_store::StoreError;

use super::table::NAME_AT_MOST;
use crate::ledger::{Place, told};

/// Why tokens cannot be read or changed. `Display` is one sentence that says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// A token has the name already.
    #[error("there is a token {0} already; choose another name, or revoke it first")]
    Exists(String),
    /// No token has the name.
    #[error("there is no token {0}; 'token list' shows all")]
    Missing(String),
    /// It cannot be the name of a token.
    #[error("the name of a token has 1 to {NAME_AT_MOST} letters, digits, '-', '_', '.' and '@'")]
    Name,
    /// Its database failed.
    #[error("the tokens in {place} cannot be used: {}", told(.source))]
    Unusable {
        /// Where they are.
        place: String,
        /// Why.
        source: Box<StoreError>,
    },
}

impl TokenError {
    pub(super) fn unusable(place: &Place, source: StoreError) -> Self {
        Self::Unusable { place: place.to_string(), source: Box::new(source) }
    }
}
