//! Template and webhooks for the names of hosts, in Foreman's plugin `foreman_webhooks`.
//!
//! Names of webhooks are not unique, so each is known by name and target. Lists are read whole: older plugins do not search.

use ipam_provider::settings::Secret;
use secrecy::ExposeSecret;
use serde_json::json;

use super::records::{Done, Record, delete, ids, save};
use crate::foreman_api::{Error, Foreman};

/// The template's name in Foreman, where it is unique.
const TEMPLATE: &str = "foreman-ipam-proxy - host hint";

/// What the template is, as it can be pasted too.
const TEXT: &str = include_str!("../../packaging/foreman-webhooks/host_hint.erb");

/// One webhook for each: the plugin knows one event a webhook.
const EVENTS: [&str; 2] = ["host_created.event.foreman", "host_updated.event.foreman"];

/// Creates template and webhooks, and changes those that are there; the template is in all organizations and locations.
///
/// # Errors
/// When Foreman cannot be asked or refuses.
pub(crate) async fn create(foreman: &Foreman, target: &str, token: Option<&Secret>) -> Result<Vec<Done>, Error> {
    let mut done = Vec::new();
    let template = json!({
        "name": TEMPLATE, "template": TEXT,
        "organization_ids": ids(foreman, "organizations").await?, "location_ids": ids(foreman, "locations").await?,
    });
    let known = records(foreman, "webhook_templates").await?.into_iter().find(|record| record.name == TEMPLATE);
    let id = save(foreman, "webhook_template", known.as_ref(), template, &mut done).await?;
    let webhooks = records(foreman, "webhooks").await?;
    for event in EVENTS {
        let mut wanted = json!({
            "name": name_of(event), "target_url": target, "event": event, "webhook_template_id": id, "http_method": "POST",
            "http_content_type": "application/json", "enabled": true, "proxy_authorization": true,
        });
        if let Some(token) = token {
            let headers = json!({"Authorization": format!("Bearer {}", token.expose_secret())});
            wanted["http_headers"] = json!(headers.to_string());
        }
        let known = webhooks.iter().find(|record| is_ours(record, event, target));
        save(foreman, "webhook", known, wanted, &mut done).await?;
    }
    Ok(done)
}

/// Removes the webhooks that lead to this target, and the template when no other webhook uses it.
///
/// # Errors
/// When Foreman cannot be asked or refuses.
pub(crate) async fn remove(foreman: &Foreman, target: &str) -> Result<Vec<Done>, Error> {
    let mut done = Vec::new();
    let webhooks = records(foreman, "webhooks").await?;
    let (ours, others): (Vec<_>, Vec<_>) =
        webhooks.into_iter().partition(|record| EVENTS.iter().any(|event| is_ours(record, event, target)));
    for record in ours {
        delete(foreman, "webhooks", record, &mut done).await?;
    }
    // Another proxy's webhooks have the same names and the same template.
    if !others.iter().any(|record| EVENTS.iter().any(|event| record.name == name_of(event))) {
        let templates = records(foreman, "webhook_templates").await?;
        for record in templates.into_iter().filter(|record| record.name == TEMPLATE) {
            delete(foreman, "webhook_templates", record, &mut done).await?;
        }
    }
    Ok(done)
}

fn name_of(event: &str) -> String {
    format!("foreman-ipam-proxy - {}", event.split('.').next().unwrap_or_default())
}

fn is_ours(record: &Record, event: &str, target: &str) -> bool {
    record.name == name_of(event) && record.target_url == target
}

async fn records(foreman: &Foreman, resource: &str) -> Result<Vec<Record>, Error> {
    match foreman.list(&[resource], &[]).await {
        Err(error) if is_missing(&error) => Err(Error::Unusable(
            "Foreman does not know webhooks; install its plugin foreman_webhooks, on Foreman's host with: \
             foreman-installer --enable-foreman-plugin-webhooks"
                .to_owned(),
        )),
        outcome => outcome,
    }
}

/// Is it the answer to a path that Foreman does not have, as JSON or as its page?
fn is_missing(error: &Error) -> bool {
    match error {
        Error::NoRecord { .. } => true,
        Error::Unexpected(text) => text.contains("(status 404"),
        _ => false,
    }
}
