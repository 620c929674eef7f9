//! Host records and deployments in v1.

use std::net::IpAddr;

use ipam_provider::http::Method;
use ipam_provider::{Error, ErrorKind, Result};

use super::properties::property;
use super::refusal::error;
use super::rest::Rest;
use crate::address_manager::{Host, Target};
use crate::hosts::no_zone;
use crate::settings::Dns;
use crate::vendor::{DEPLOY, FULL_HOSTS, VIEW_ZONES, WHAT};

async fn child(rest: &Rest, parent: u64, name: &str, kind: &str) -> Result<Option<u64>> {
    let parent = parent.to_string();
    let parameters = [("parentId", parent.as_str()), ("name", name), ("type", kind)];
    let entity = rest.entity("getEntityByName", &parameters, VIEW_ZONES).await?;
    Ok(entity.filter(|entity| entity.name.as_deref() == Some(name)).map(|entity| entity.id))
}

async fn view(rest: &Rest, configuration: u64, dns: &Dns) -> Result<Option<u64>> {
    child(rest, configuration, &dns.view, "View").await
}

/// The id of the zone in the view of the configuration: one zone below the other, one label each.
pub(super) async fn zone(rest: &Rest, configuration: u64, dns: &Dns) -> Result<Option<u64>> {
    let Some(mut at) = view(rest, configuration, dns).await? else { return Ok(None) };
    for label in dns.zone.rsplit('.') {
        let Some(zone) = child(rest, at, label, "Zone").await? else { return Ok(None) };
        at = zone;
    }
    Ok(Some(at))
}

/// Makes a host record; `name` is whole, and in the zone.
pub(super) async fn add(rest: &Rest, configuration: u64, dns: &Dns, name: &str, address: IpAddr) -> Result<()> {
    let view = view(rest, configuration, dns).await?.ok_or_else(|| no_zone(dns))?.to_string();
    let (address, properties) = (address.to_string(), property("reverseRecord", "true"));
    // A time to live of -1 is that of the zone.
    let parameters = [
        ("viewId", view.as_str()),
        ("absoluteName", name),
        ("addresses", &address),
        ("ttl", "-1"),
        ("properties", &properties),
    ];
    rest.add("addHostRecord", &parameters, FULL_HOSTS).await.map(drop).map_err(|refusal| refusal.error)
}

/// The host records of an address that have no other one.
pub(super) async fn hosts_of(rest: &Rest, address: u64) -> Result<Vec<Host>> {
    let address = address.to_string();
    let parameters = [("entityId", address.as_str()), ("type", "HostRecord")];
    let entities = rest.list("getLinkedEntities", &parameters, VIEW_ZONES).await?;
    let hosts = entities.into_iter().filter_map(|entity| {
        let properties = entity.parsed();
        // A record that does not show its addresses may have others, and is kept.
        let is_alone = properties.get("addresses").is_some_and(|all| !all.contains(','));
        let name = properties.get("absoluteName").filter(|_| is_alone)?;
        Some(Host { id: entity.id, name: name.to_lowercase() })
    });
    Ok(hosts.collect())
}

/// Deploys the zone or the network quickly.
pub(super) async fn deploy(rest: &Rest, target: Target, dns: Option<&Dns>) -> Result<()> {
    let id = match (target, dns) {
        (Target::Network(id), _) => id,
        (Target::ZoneOf(configuration), Some(dns)) => {
            zone(rest, configuration, dns).await?.ok_or_else(|| no_zone(dns))?
        }
        (Target::ZoneOf(_), None) => return Ok(()),
    };
    let answer = rest.call(Method::POST, "quickDeploy", &[("entityId", &id.to_string())]).await?;
    if answer.is_success() {
        return Ok(());
    }
    let error = error(&answer, DEPLOY);
    let text = format!("{WHAT} does not deploy object {id}: {error}");
    Err(Error::new(ErrorKind::Rejected, text).because(error))
}
