//! Configurations and networks in v1: a tree that is walked, and the network around an address.

use std::collections::VecDeque;

use ipam_provider::http::ROWS_AT_MOST;
use ipam_provider::{Error, ErrorKind, Prefix, Result};

use super::rest::Rest;
use super::wire::{Entity, FAMILIES, Family, family};
use crate::address_manager::{Configuration, Network};
use crate::vendor::{VIEW_CONFIGURATIONS, VIEW_NETWORKS, WHAT};

/// More blocks of one configuration are not walked: each costs two requests.
const BLOCKS_AT_MOST: usize = 500;

pub(super) async fn configurations(rest: &Rest) -> Result<Vec<Configuration>> {
    let parameters = [("parentId", "0"), ("type", "Configuration")];
    let entities = rest.list("getEntities", &parameters, VIEW_CONFIGURATIONS).await?;
    Ok(entities.into_iter().map(configuration).collect())
}

/// The configuration of exactly this name: whether case counts is not known.
pub(super) async fn configuration_named(rest: &Rest, name: &str) -> Result<Option<Configuration>> {
    let parameters = [("parentId", "0"), ("name", name), ("type", "Configuration")];
    let entity = rest.entity("getEntityByName", &parameters, VIEW_CONFIGURATIONS).await?;
    Ok(entity.map(configuration).filter(|known| known.name == name))
}

fn configuration(entity: Entity) -> Configuration {
    let description = entity.parsed().remove("description").unwrap_or_default();
    Configuration { id: entity.id, name: entity.name.unwrap_or_default(), description }
}

/// The network of exactly this prefix in a configuration.
pub(super) async fn find(rest: &Rest, prefix: Prefix, configuration: &Configuration) -> Result<Option<Network>> {
    let (id, address) = (configuration.id.to_string(), prefix.network().to_string());
    let kind = family(prefix.network()).network;
    let parameters = [("containerId", id.as_str()), ("type", kind), ("address", address.as_str())];
    let entity = rest.entity("getIPRangedByIP", &parameters, VIEW_NETWORKS).await?;
    Ok(entity.and_then(|entity| network(entity, configuration)).filter(|known| known.prefix == prefix))
}

/// All networks of a configuration: those of its blocks, and of the blocks in these.
pub(super) async fn all(rest: &Rest, configuration: &Configuration) -> Result<Vec<Network>> {
    let mut networks = Vec::new();
    for Family { block, network: kind, .. } in FAMILIES {
        let mut parents = VecDeque::from(children(rest, configuration.id, block).await?);
        let mut walked = 0;
        while let Some(parent) = parents.pop_front() {
            walked += 1;
            if walked > BLOCKS_AT_MOST || networks.len() > ROWS_AT_MOST {
                let name = &configuration.name;
                let text =
                    format!("The configuration {name} in {WHAT} has too many blocks to be listed; ask for a subnet");
                return Err(Error::new(ErrorKind::Unexpected, text));
            }
            let inside = children(rest, parent.id, kind).await?;
            networks.extend(inside.into_iter().filter_map(|entity| network(entity, configuration)));
            parents.extend(children(rest, parent.id, block).await?);
        }
    }
    Ok(networks)
}

/// The entities of one type right below another.
pub(super) async fn children(rest: &Rest, parent: u64, kind: &str) -> Result<Vec<Entity>> {
    let parent = parent.to_string();
    rest.list("getEntities", &[("parentId", &parent), ("type", kind)], VIEW_NETWORKS).await
}

/// Is the network still there?
pub(super) async fn is_there(rest: &Rest, network: u64, prefix: Prefix) -> Result<bool> {
    let id = network.to_string();
    let entity = rest.entity("getEntityById", &[("id", &id)], VIEW_NETWORKS).await?;
    Ok(entity.is_some_and(|entity| entity.prefix() == Some(prefix)))
}

fn network(entity: Entity, configuration: &Configuration) -> Option<Network> {
    let prefix = entity.prefix()?;
    let name = entity.name.unwrap_or_default();
    Some(Network { id: entity.id, prefix, name, configuration: configuration.clone() })
}
