//! What `check` looks at: reachability, the token, and each right, without changing anything.

use ipam_provider::{Error, ErrorKind, Probe, Probes, Result};

use crate::Settings;
use crate::client::Client;
use crate::vendor::{
    ADD_ADDRESSES, ADDRESSES, CHANGE_ADDRESSES, DELETE_ADDRESSES, NAMESPACES, Objects, PREFIXES, STATUSES, TAGS,
    TENANTS,
};
use crate::wire::{AddressRow, NamedRow};

/// The object type of addresses, as statuses and tags name what they are for.
const ADDRESS: &str = "ipam.ipaddress";

/// `/api/status/` is not asked: it takes a second, and answers users that may do nothing at all.
pub(crate) async fn probe(client: &Client, settings: &Settings) -> Vec<Probe> {
    let mut probes = Probes::default();
    let (reached, namespaces) = match client.reach().await {
        Ok(namespaces) => (Ok(()), namespaces),
        Err(error) => (Err(error), Ok(())),
    };
    if !probes.note("Nautobot answers and accepts the token", reached) {
        // Everything else would fail in the same way.
        return probes.finish();
    }
    let may = |right: &str| format!("the user of the token has the permission: {right}");
    probes.note(may(NAMESPACES.right), namespaces);
    probes.note(may(PREFIXES.right), view(client, PREFIXES).await);
    let (address, outcome) = match client.page::<AddressRow>(ADDRESSES, &[], 1, 0).await {
        Ok(mut page) => (page.results.0.pop(), Ok(())),
        Err(error) => (None, Err(error)),
    };
    probes.note(may(ADDRESSES.right), outcome);
    probes.note(may(ADD_ADDRESSES), client.may_add().await);
    probes.note(may(DELETE_ADDRESSES), client.may_delete().await);
    probes.note_right_to_change(&may(CHANGE_ADDRESSES), client.may_change().await);
    let mut named = vec![("status", STATUSES, &settings.status)];
    named.extend(settings.tags.iter().map(|tag| ("tag", TAGS, tag)));
    named.extend(settings.tenant.iter().map(|tenant| ("tenant", TENANTS, tenant)));
    for (word, objects, name) in named {
        let outcome = exists(client, word, objects, name).await;
        probes.note(format!("the {word} {name} can be given to addresses"), outcome);
    }
    // Every address shows all custom fields. Without any address this cannot be seen.
    let Some(address) = address else { return probes.finish() };
    let fixed = settings.custom_fields.fixed().keys().map(String::as_str);
    for key in settings.custom_fields.mac_field().into_iter().chain(fixed) {
        let is_known = address.custom_fields.contains_key(key);
        let outcome = if is_known {
            Ok(())
        } else {
            Err(rejected(
                "Nautobot has no custom field of this key for IP addresses, and drops what it is given for it; create \
                 it, or add ipam.ipaddress to its content types",
            ))
        };
        probes.note(format!("the custom field {key} can be given to addresses"), outcome);
    }
    probes.finish()
}

async fn view(client: &Client, objects: Objects) -> Result<()> {
    client.page::<serde_json::Value>(objects, &[], 1, 0).await.map(drop)
}

fn rejected(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Rejected, message)
}

async fn exists(client: &Client, word: &str, objects: Objects, name: &str) -> Result<()> {
    let rows: Vec<NamedRow> = client.list(objects, &[("name", name)]).await.map_err(|error| match error.kind() {
        ErrorKind::Unauthenticated => {
            let text = format!("{error}; without it addresses cannot be added with this {word}");
            Error::new(ErrorKind::Unauthenticated, text).because(error)
        }
        _ => error,
    })?;
    let Some(row) = rows.iter().find(|row| row.name == name) else {
        return Err(rejected(format!(
            "Nautobot has no such {word}, or the user of the token may not see it; case matters"
        )));
    };
    match &row.content_types {
        Some(types) if !types.iter().any(|known| known == ADDRESS) => Err(rejected(format!(
            "In Nautobot this {word} is not for IP addresses; add {ADDRESS} to its content types"
        ))),
        _ => Ok(()),
    }
}
