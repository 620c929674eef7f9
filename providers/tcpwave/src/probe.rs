//! What `check` looks at: reachability, the credentials, each right, and each answer whose shape is not documented,
//! without changing anything.

use std::net::IpAddr;

use ipam_provider::{GroupName, Probe, Probes, Result};

use crate::client::{Client, Place};
use crate::vendor::{ADD_OBJECTS, DELETE_OBJECTS, EDIT_OBJECTS, READ_NETWORKS, READ_OBJECTS, READ_SUBNETS};
use crate::wire::ObjectRow;

pub(crate) async fn probe(client: &Client) -> Vec<Probe> {
    let mut probes = Probes::default();
    let reached = client.organizations().await.map(drop);
    if !probes.note("TCPWave answers, accepts the credentials, and lists its organizations", reached) {
        // Everything else would fail in the same way.
        return probes.finish();
    }
    let may = |right: &str| format!("the administrator of the credentials may: {right}");
    let (network, outcome) = first(client.networks_from(0, 1).await.map(|page| page.rows));
    probes.note(may(READ_NETWORKS), outcome);
    let network = network.and_then(|row| Some((GroupName::new(&row.organization_name)?, row.prefix()?.network())));
    if let Some((organization, IpAddr::V4(first))) = network {
        within(client, &mut probes, Place { organization: &organization, first }).await;
    }
    probes.note(may(ADD_OBJECTS), client.may_add().await);
    probes.note(may(DELETE_OBJECTS), client.may_delete().await);
    probes.note_right_to_change(&may(EDIT_OBJECTS), client.may_edit().await);
    probes.finish()
}

/// What can only be looked at where there is a network with a subnet.
async fn within(client: &Client, probes: &mut Probes, network: Place<'_>) {
    let may = |right: &str| format!("the administrator of the credentials may: {right}");
    let (subnet, outcome) = first(client.subnets_from(network, 0, 1).await.map(|page| page.rows));
    probes.note(may(READ_SUBNETS), outcome);
    let Some(prefix) = subnet.and_then(|row| row.prefix()) else { return };
    let IpAddr::V4(first) = prefix.network() else { return };
    let place = Place { first, ..network };
    probes.note(format!("subnet {prefix} is found by its address"), client.subnet(place).await.map(drop));
    let objects = client.objects_from::<ObjectRow>(place, None, 0, 1).await;
    if probes.note(may(READ_OBJECTS), objects.map(drop)) {
        let free = client.free_ranges(place).await;
        probes.note(format!("the free addresses of subnet {prefix} can be read"), free.map(drop));
        let exists = client.exists(place.organization, first).await;
        probes.note("whether an address is taken can be read", exists.map(drop));
    }
}

fn first<T>(rows: Result<Vec<T>>) -> (Option<T>, Result<()>) {
    match rows {
        Ok(rows) => (rows.into_iter().next(), Ok(())),
        Err(error) => (None, Err(error)),
    }
}
