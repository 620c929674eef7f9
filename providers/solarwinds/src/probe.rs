//! What `check` looks at: reachability, the account, and its rights, without changing anything.

use ipam_provider::{Error, ErrorKind, Probe, Probes, Result};
use serde_json::json;

use crate::client::Client;
use crate::settings::{ReserveWith, Settings};
use crate::tree::Tree;
use crate::vendor::{CHANGE_ADDRESSES, PROPERTY, REACH, READ, RESERVE};

pub(crate) async fn probe(client: &Client, settings: &Settings) -> Vec<Probe> {
    let mut probes = Probes::default();
    let reached = client.query(REACH, &json!({})).await.map(drop);
    if !probes.note("SolarWinds answers, accepts the account and has IPAM", reached) {
        // Everything else would fail in the same way.
        return probes.finish();
    }
    let may = |right: &str| format!("the account has the right: {right}");
    probes.note(may(READ), sees_groups(client).await);
    probes.note(may(CHANGE_ADDRESSES), client.may_change().await);
    if settings.reserve_with != ReserveWith::Status {
        probes.note(may(RESERVE), client.may_reserve().await);
    }
    for name in settings.custom_properties.keys() {
        let outcome = exists(client, settings.custom_properties_in.entity(), name).await;
        probes.note(format!("the custom property {name} can be given to addresses"), outcome);
    }
    probes.finish()
}

/// A server comes with a hierarchy group. An account without a role on it is shown none.
async fn sees_groups(client: &Client) -> Result<()> {
    if Tree::read(client).await?.groups().is_empty() {
        let text =
            "The account sees no hierarchy group in SolarWinds IPAM; give it a role on the groups that Foreman uses";
        return Err(Error::new(ErrorKind::Unauthenticated, text));
    }
    Ok(())
}

async fn exists(client: &Client, entity: &str, name: &str) -> Result<()> {
    if client.query(PROPERTY, &json!({"entity": entity, "name": name})).await?.is_empty() {
        let text = "SolarWinds has no custom property of this name for IP addresses; create it, or look at \
                    custom_properties_in";
        return Err(Error::new(ErrorKind::Rejected, text));
    }
    Ok(())
}
