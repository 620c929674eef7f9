//! What `check` looks at: reachability, user and password, and each right, without changing anything.

use ipam_provider::{Error, ErrorKind, Probe, Probes, Result};
use serde_json::{Value, json};

use crate::Settings;
use crate::client::Client;
use crate::settings::RecordType;
use crate::vendor::{
    ATTRIBUTES, FIXED, GRID, HOSTS, IPV6_FIXED, IPV6_NETWORKS, IPV6_RANGES, Kind, NETWORKS, RANGES, VIEWS,
};
use crate::wire::ViewRow;

/// No grid has a network view of this name, so that nothing can be created in it.
const NO_VIEW: &str = "foreman-ipam-proxy check: no such network view";

pub(crate) async fn probe(client: &Client, settings: &Settings) -> Vec<Probe> {
    let mut probes = Probes::default();
    let (reached, views) = match client.reach().await {
        Ok(views) => (Ok(()), views),
        Err(error) => (Err(error), Ok(())),
    };
    if !probes.note("Infoblox answers and accepts user and password", reached) {
        // Everything else would fail in the same way.
        return probes.finish();
    }
    let may = |right: &str| format!("the user has the permission: {right}");
    probes.note(may(VIEWS.read), views);
    if let Some(view) = &settings.network_view {
        let found = client.list(VIEWS, &[("name", view.as_str())]).await;
        let found = found.and_then(|rows: Vec<ViewRow>| {
            let is_there = rows.iter().any(|row| row.name == view.as_str());
            if is_there {
                Ok(())
            } else {
                Err(rejected("Infoblox has no such network view, or the user may not see it; case matters"))
            }
        });
        probes.note(format!("the network view {view} is there"), found);
    }
    // A delete looks for records of each type.
    let mut read = vec![NETWORKS, IPV6_NETWORKS, FIXED, IPV6_FIXED, HOSTS];
    if settings.allocate_from_ranges {
        read.extend([RANGES, IPV6_RANGES]);
    }
    for kind in read {
        probes.note(may(kind.read), look(client, kind).await);
    }
    let written = match settings.record_type {
        RecordType::Host => vec![HOSTS],
        RecordType::FixedAddress | RecordType::Reservation => vec![FIXED, IPV6_FIXED],
    };
    for kind in written {
        probes.note(may(kind.write), may_create(client, kind).await);
    }
    for name in settings.extensible_attributes.keys() {
        let found = client.list(ATTRIBUTES, &[("name", name.as_str())]).await;
        let found = found.and_then(|rows: Vec<Value>| match rows.is_empty() {
            false => Ok(()),
            true => Err(rejected(
                "Infoblox has no such extensible attribute; define it, or take it out of extensible_attributes",
            )),
        });
        probes.note(format!("the extensible attribute {name} is defined"), found);
    }
    if settings.restart.is_some() {
        probes.note("the grid that services are restarted on can be read", look(client, GRID).await);
    }
    probes.finish()
}

/// May the user read objects of this kind? One row is enough: nothing is said about the others.
async fn look(client: &Client, kind: Kind) -> Result<()> {
    let name = match kind.name {
        "grid" => return client.list::<Value>(kind, &[]).await.map(drop),
        name if name.contains("network") || name.contains("range") => "network",
        "fixedaddress" => "ipv4addr",
        "ipv6fixedaddress" => "ipv6addr",
        _ => "name",
    };
    // Values that nothing has.
    let value = match name {
        "network" if kind.name.starts_with("ipv6") => "::/128",
        "network" => "0.0.0.0/32",
        "ipv4addr" => "0.0.0.0",
        "ipv6addr" => "::",
        _ => "foreman-ipam-proxy-check",
    };
    client.list::<Value>(kind, &[(name, value)]).await.map(drop)
}

/// May the user create such an object? It is to be created where there is nothing; the right is looked at before.
async fn may_create(client: &Client, kind: Kind) -> Result<()> {
    let new = match kind.name {
        "fixedaddress" => json!({"network_view": NO_VIEW, "ipv4addr": "0.0.0.0", "mac": "00:00:00:00:00:00"}),
        "ipv6fixedaddress" => json!({"network_view": NO_VIEW, "ipv6addr": "::", "duid": "00:04"}),
        _ => {
            let addresses = json!([{"ipv4addr": "0.0.0.0", "configure_for_dhcp": false}]);
            json!({"network_view": NO_VIEW, "name": "check", "configure_for_dns": false, "ipv4addrs": addresses})
        }
    };
    match client.create(kind, &new).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn rejected(message: &str) -> Error {
    Error::new(ErrorKind::Rejected, message)
}
