//! Host records and deployments in v2.

use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::filter::quoted;
use super::refusal::error;
use super::rest::Rest;
use super::wire::{RecordRow, ZoneRow, address_type};
use crate::address_manager::{Host, Target};
use crate::hosts::no_zone;
use crate::settings::Dns;
use crate::vendor::{DEPLOY, FULL_HOSTS, VIEW_ZONES, WHAT};

/// The id of the zone in the view of the configuration.
pub(super) async fn zone(rest: &Rest, configuration: u64, dns: &Dns) -> Result<Option<u64>> {
    let text = quoted(&dns.zone).expect("the settings take letters, digits, dots, - and _");
    let filter = format!("absoluteName:{text}");
    let rows: Vec<ZoneRow> = rest.list(&["zones"], &[("filter", &filter)], VIEW_ZONES).await?;
    let is_it = |row: &&ZoneRow| {
        row.absolute_name.as_deref().is_some_and(|name| name.trim_end_matches('.').eq_ignore_ascii_case(&dns.zone))
            && row.view.as_ref().is_some_and(|view| view.name.as_deref() == Some(&dns.view))
            && row.configuration.as_ref().is_some_and(|known| known.id == configuration)
    };
    Ok(rows.iter().find(is_it).map(|row| row.id))
}

/// Makes a host record; `name` is whole, and in the zone.
pub(super) async fn add(
    rest: &Rest,
    configuration: u64,
    dns: &Dns,
    name: &str,
    (id, address): (u64, IpAddr),
) -> Result<()> {
    let zone = zone(rest, configuration, dns).await?.ok_or_else(|| no_zone(dns))?;
    let label = name.strip_suffix(&dns.zone).map_or(name, |label| label.trim_end_matches('.'));
    let record = json!({
        "type": "HostRecord", "name": label, "absoluteName": name, "reverseRecord": true,
        "addresses": [{"id": id, "type": address_type(address), "address": address.to_string()}],
    });
    let answer = rest.post(&["zones", &zone.to_string(), "resourceRecords"], &record).await?;
    if answer.status == 201 { Ok(()) } else { Err(error(&answer, FULL_HOSTS)) }
}

/// The host records of an address that have no other one.
pub(super) async fn hosts_of(rest: &Rest, address: u64) -> Result<Vec<Host>> {
    let id = address.to_string();
    let rows: Vec<RecordRow> = rest.list(&["addresses", &id, "resourceRecords"], &[], VIEW_ZONES).await?;
    let mut hosts = Vec::new();
    for row in rows.into_iter().filter(|row| row.r#type == "HostRecord") {
        let Some(name) = row.absolute_name else { continue };
        let id = row.id.to_string();
        let addresses: Vec<Value> = rest.list(&["resourceRecords", &id, "addresses"], &[], VIEW_ZONES).await?;
        if addresses.len() <= 1 {
            hosts.push(Host { id: row.id, name: name.to_lowercase() });
        }
    }
    Ok(hosts)
}

/// Deploys the zone or the network quickly.
pub(super) async fn deploy(rest: &Rest, target: Target, dns: Option<&Dns>) -> Result<()> {
    let (collection, id) = match (target, dns) {
        (Target::Network(id), _) => ("networks", id),
        (Target::ZoneOf(configuration), Some(dns)) => {
            ("zones", zone(rest, configuration, dns).await?.ok_or_else(|| no_zone(dns))?)
        }
        (Target::ZoneOf(_), None) => return Ok(()),
    };
    // The guide names the path. The type is a guess from the name of the operation in v1; unknown fields are ignored.
    let body = json!({"type": "QuickDeployment"});
    let answer = rest.post(&[collection, &id.to_string(), "deployments"], &body).await?;
    if answer.is_success() {
        return Ok(());
    }
    let error = error(&answer, DEPLOY);
    let text = format!("{WHAT} does not deploy {collection} {id}: {error}");
    Err(Error::new(ErrorKind::Rejected, text).because(error))
}
