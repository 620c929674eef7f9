//! What `check` looks at: one entry for each right that the proxy needs. Nothing is changed.

use ipam_provider::{Error, ErrorKind, Probe, Probes, Result};

use crate::Netbox;
use crate::client::Client;
use crate::record::Records;
use crate::vendor::{ADDRESSES, PREFIXES, STATUS, VIEW_ADDRESS, VIEW_PREFIX, WHAT};
use crate::wire::AddressChanges;

/// An id that no record has: the database counts from 1.
const NO_ID: u64 = 0;

pub(crate) async fn probe(netbox: &Netbox) -> Vec<Probe> {
    let (client, settings) = (&netbox.client, &netbox.settings);
    let mut probes = Probes::default();
    // The status is shown to every user, before 4.0 also to nobody: it proves the address, not the token.
    if !probes.note(format!("{WHAT} answers"), client.allows(&STATUS, "a user").await) {
        // All others would fail with it, each after its own wait.
        return probes.finish();
    }
    let by = settings.group_by;
    let groups = client.allows(&by.path(), by.permission()).await;
    probes.note(format!("the token may list {}", by.plural()), groups);
    probes.note("the token may view prefixes", client.allows(&PREFIXES, VIEW_PREFIX).await);
    probes.note("the token may view IP addresses", client.allows(&ADDRESSES, VIEW_ADDRESS).await);
    let what = "the token may add IP addresses as the settings describe them, unless constraints forbid it";
    probes.note(what, add(client, &settings.records).await);
    probes.note("the token may delete IP addresses", client.delete(NO_ID).await.map(drop));
    let change = client.change(NO_ID, &AddressChanges::default()).await;
    probes.note_right_to_change("the token may change IP addresses", change.map(drop));
    probes.finish()
}

/// Constraints of the permission are looked at when an address is recorded, not before.
async fn add(client: &Client, records: &Records) -> Result<()> {
    let refused = client.try_blank(&records.blank()).await?;
    // The fields are those that the settings set.
    let known = [("status", "status"), ("tags", "tags"), ("tenant", "tenant"), ("custom_fields", "custom_fields")];
    let unknown: Vec<&str> =
        known.iter().filter(|(field, _)| refused.contains_key(*field)).map(|(_, key)| *key).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let text = format!("{WHAT} does not know what the settings say for {}; create it there first", unknown.join(", "));
    Err(Error::new(ErrorKind::Rejected, text))
}
