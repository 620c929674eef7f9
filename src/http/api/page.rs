//! Pages of lists: `?limit=&cursor=` → `{"items": […], "next_cursor": "…"}`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

/// How many items a page has unless the caller says otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_AT_MOST: usize = 1000;

/// Part of a list. It may have fewer items than `limit`, even none, and not be the last one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Page<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// The `cursor` of the next page; null on the last one.
    pub(super) next_cursor: Option<String>,
}

/// How many items a page has.
pub(super) fn limit(given: Option<usize>) -> Result<usize, Problem> {
    let limit = given.unwrap_or(LIMIT);
    if (1..=LIMIT_AT_MOST).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::invalid("limit", format!("Parameter limit must be a whole number from 1 to {LIMIT_AT_MOST}")))
}

/// The cursor of a list, from where its next page begins. Callers are not to look into it.
pub(super) fn cursor(list: &str, from: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list} {from}"))
}

/// Where the page of this list begins; `None` for the first one.
pub(super) fn from_cursor(list: &str, cursor: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let plain = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let from = plain.as_deref().and_then(|plain| plain.strip_prefix(list)?.strip_prefix(' '));
    from.map(|from| Some(from.to_owned())).ok_or_else(wrong_cursor)
}

/// A cursor that is not from a page of this list.
pub(super) fn wrong_cursor() -> Problem {
    Problem::invalid("cursor", "Parameter cursor must be the next_cursor of an earlier page of this list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_for_its_own_list_only() {
        let text = cursor("holds", "10.0.0.1@netbox@a b");
        assert_eq!(from_cursor("holds", Some(&text)).expect("its own"), Some("10.0.0.1@netbox@a b".to_owned()));
        assert_eq!(from_cursor("holds", None).expect("none"), None);
        for wrong in [text.as_str(), "", "x", "%"] {
            assert!(from_cursor("ledger", Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_have_limits() {
        assert_eq!(limit(None).expect("the default"), 100);
        assert_eq!(limit(Some(1000)).expect("the most"), 1000);
        assert!(limit(Some(0)).is_err() && limit(Some(1001)).is_err());
    }
}
