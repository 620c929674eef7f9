//! Records in Foreman that are ours: templates and webhooks, created or changed, and removed again.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::foreman_api::{Error, Foreman};

/// What is done, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// What was done: `created`, `changed` or `removed`.
    pub what: &'static str,
    /// To which record.
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) target_url: String,
}

#[derive(Debug, Deserialize)]
struct Id {
    id: u64,
}

/// The ids of all organizations, or locations, that the user is in.
pub(super) async fn ids(foreman: &Foreman, resource: &str) -> Result<Vec<u64>, Error> {
    Ok(foreman.list::<Id>(&[resource], &[]).await?.into_iter().map(|record| record.id).collect())
}

/// Creates a record, or changes the one that is there; returns its id.
pub(super) async fn save(
    foreman: &Foreman,
    kind: &str,
    known: Option<&Record>,
    wanted: Value,
    done: &mut Vec<Done>,
) -> Result<u64, Error> {
    let name = wanted["name"].as_str().unwrap_or_default().to_owned();
    let (resource, body) = (format!("{kind}s"), json!({kind: wanted}));
    let id = match known {
        Some(record) => {
            foreman.call(Method::PUT, &[&resource, &record.id.to_string()], Some(&body)).await?;
            done.push(Done { what: "changed", name });
            record.id
        }
        None => {
            let answer = foreman.call(Method::POST, &[&resource], Some(&body)).await?;
            done.push(Done { what: "created", name });
            foreman.understood::<Id>(answer.body)?.id
        }
    };
    Ok(id)
}

pub(super) async fn delete(
    foreman: &Foreman,
    resource: &str,
    record: Record,
    done: &mut Vec<Done>,
) -> Result<(), Error> {
    foreman.call(Method::DELETE, &[resource, &record.id.to_string()], None).await?;
    done.push(Done { what: "removed", name: record.name });
    Ok(())
}
