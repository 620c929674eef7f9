//! Whether NetBox refuses a second record of an address, where no look-up tells: in the global table, whose setting
//! (`ENFORCE_GLOBAL_UNIQUE`) is shown nowhere, and in VRFs that the token may not view.
//!
//! A refusal does tell. So what has just been recorded is posted once more, in a list behind a record without an address.
//! NetBox creates all of a list or nothing, and an address is required: nothing can come of it. The answer says of each
//! record what is wrong with it, and so of the second whether it is a duplicate. Recorded from 4.6.8
//! (`create_list_one_dup`, `create_missing_addr`); 4.7.3 says the same in other JSON.

use std::time::Duration;

use ipam_provider::http::Answer;
use moka::future::Cache;
use serde_json::{Value, json};

use crate::client::Client;
use crate::refusal::is_about_a_duplicate;
use crate::vendor::WHAT;
use crate::wire::NewAddress;

/// For so long an answer is trusted. The setting is changed by an administrator, in a file or in a form of NetBox.
const TRUSTED_FOR: Duration = Duration::from_secs(600);

/// Of more VRFs than this the provider finds out anew, which costs a request.
const VRFS_AT_MOST: u64 = 10_000;

/// What is known of VRFs, and of the global table (`None`).
#[derive(Debug, Clone)]
pub(crate) struct Uniqueness(Cache<Option<u64>, Option<bool>>);

impl Uniqueness {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(VRFS_AT_MOST).time_to_live(TRUSTED_FOR).build())
    }

    /// Does NetBox refuse a second record of an address in this VRF? `None` when that is not known.
    pub(crate) async fn of(&self, vrf: Option<u64>) -> Option<bool> {
        self.0.get(&vrf).await.flatten()
    }

    /// Finds it out with a record that is there, unless it is known or somebody is about to. `blank` has no address.
    /// Does not wait: who has recorded the address has done so.
    pub(crate) fn find_out(&self, client: &Client, recorded: &NewAddress<'_>, blank: &NewAddress<'_>) {
        let (cache, client) = (self.0.clone(), client.clone());
        let (vrf, list) = (recorded.vrf, json!([blank, recorded]));
        tokio::spawn(async move {
            // A failure is remembered too: it would otherwise cost every address one request more.
            cache.get_with(vrf, ask(&client, vrf, &list)).await;
        });
    }
}

async fn ask(client: &Client, vrf: Option<u64>, list: &Value) -> Option<bool> {
    let place = vrf.map_or_else(|| "the global table".to_owned(), |id| format!("VRF {id}"));
    let is_refused = match client.post(list).await {
        Ok(answer) => is_refused(&answer),
        Err(error) => {
            log::debug!("{WHAT} was not asked about unique addresses: {error}");
            None
        }
    };
    match is_refused {
        Some(true) => log::info!("{WHAT} enforces unique addresses in {place}"),
        Some(false) => {
            log::info!("{WHAT} does not enforce unique addresses in {place}; every addition costs two requests more");
        }
        None => {
            log::info!(
                "{WHAT} does not tell whether addresses in {place} are unique; every addition costs a request more"
            );
        }
    }
    is_refused
}

/// Does the answer to the list refuse the second record? `None` when it is not about the records.
fn is_refused(answer: &Answer) -> Option<bool> {
    // A page in HTML is about the request.
    let is_about_records = answer.status == 400 && answer.json::<Value>().is_ok();
    is_about_records.then(|| is_about_a_duplicate(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &Value) -> Option<bool> {
        is_refused(&Answer { status, body: body.to_string().into() })
    }

    #[test]
    fn a_duplicate_is_seen_in_the_answers_of_every_version() {
        let (required, duplicate) =
            ("This field is required.", "Duplicate IP address found in global table: 10.1.2.5/24");
        let both = json!([{"address": [required]}, {"address": [duplicate]}]);
        assert_eq!(refused(400, &both), Some(true));
        let blank = json!([{"address": [required]}, {}]);
        assert_eq!(refused(400, &blank), Some(false));
        let [required, duplicate] = [required, duplicate].map(|text| json!({"address": [text]}));
        let both = json!({"detail": "2 of 2 objects could not be created.",
            "errors": [{"index": 0, "errors": required}, {"index": 1, "errors": duplicate}]});
        assert_eq!(refused(400, &both), Some(true));
        let blank =
            json!({"detail": "1 of 2 objects could not be created.", "errors": [{"index": 0, "errors": required}]});
        assert_eq!(refused(400, &blank), Some(false));
    }

    #[test]
    fn an_answer_that_is_not_about_the_records_tells_nothing() {
        assert_eq!(refused(403, &json!({"detail": "You do not have permission to perform this action."})), None);
        assert_eq!(is_refused(&Answer { status: 400, body: "<h1>Bad Request (400)</h1>".into() }), None);
        assert_eq!(refused(503, &json!({"error": "Duplicate IP address found"})), None);
    }
}
