//! The next free addresses in v1.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Refused;
use crate::bluecat::net::following;
use crate::bluecat::state::{Network, State};

/// The lowest addresses of a network that nobody has, besides those of `skip`.
pub(super) fn next(
    state: &State,
    network: &Network,
    properties: &BTreeMap<String, String>,
    count: usize,
    offset: &str,
) -> Result<Vec<IpAddr>, Refused> {
    let mut skipped = Vec::new();
    for part in properties.get("skip").map_or("", String::as_str).split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let parse = |text: &str| text.parse::<IpAddr>().map_err(|_| Refused::from("Invalid skip"));
        skipped.push((parse(first)?, parse(last)?));
    }
    let mut from = match properties.get(offset) {
        Some(text) => text.parse().map_err(|_| "Invalid offset")?,
        None => network.net.first,
    };
    let mut found = Vec::new();
    // A run that is skipped is passed in one step: it may be long.
    while found.len() < count {
        let Some(address) = network.net.assignable(from).next() else { break };
        if let Some((_, last)) = skipped.iter().find(|(first, last)| *first <= address && address <= *last) {
            let Some(after) = following(*last) else { break };
            from = after;
            continue;
        }
        if state.is_unassigned(network, address) {
            found.push(address);
        }
        let Some(after) = following(address) else { break };
        from = after;
    }
    Ok(found)
}
