//! Free addresses in v1. Small IPv4 networks are listed; of others Address Manager names the next one that is free, past what
//! is held.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_provider::http::{Answer, Method};
use ipam_provider::{AddressSet, Error, ErrorKind, FreeQuery, Result, unused};
use serde_json::Value;

use super::networks::{children, is_there};
use super::properties::property;
use super::refusal::{error, said, unexpected};
use super::rest::Rest;
use super::wire::Entity;
use crate::address_manager::{Place, is_free};
use crate::vendor::{VIEW_ADDRESSES, WHAT};

/// An IPv4 network of this length or longer is listed: its records come in two pages at most.
const LISTED: u8 = 22;

/// So many runs of addresses are named in one request, which may not be too long.
const RUNS_AT_MOST: usize = 40;

/// Of a larger IPv4 network not more are given at once: each costs a request.
const BATCH: usize = 16;

/// How many requests are sent in one search.
const REQUESTS_AT_MOST: usize = 64;

/// `numberOfAddresses` is not larger.
const IPV6_AT_MOST: usize = 100;

pub(super) async fn free(rest: &Rest, place: Place<'_>, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
    let prefix = place.subnet.prefix;
    if prefix.is_ipv6() {
        return named(rest, place, query).await;
    }
    if prefix.length() < LISTED {
        let query = FreeQuery { at_most: query.at_most.min(BATCH), ..query };
        return named(rest, place, query).await;
    }
    let used = used(rest, place).await?;
    Ok(unused(place.subnet, query, &used))
}

/// What is used in an IPv4 network: addresses with a record, and what DHCP gives.
async fn used(rest: &Rest, place: Place<'_>) -> Result<AddressSet> {
    let addresses = children(rest, place.network, "IP4Address").await?;
    let ranges = children(rest, place.network, "DHCP4Range").await?;
    // Of a network that has gone there is nothing to list.
    if addresses.is_empty() && !is_there(rest, place.network, place.subnet.prefix).await? {
        return Err(place.subnet.gone(WHAT));
    }
    let mut runs = Vec::new();
    for entity in &addresses {
        let properties = entity.parsed();
        let address = read(entity, properties.get("address"))?;
        if !place.subnet.prefix.contains(address) {
            return Err(place.subnet.gone(WHAT));
        }
        if !properties.get("state").is_some_and(|state| is_free(state)) {
            runs.push((address, address));
        }
    }
    for entity in &ranges {
        let properties = entity.parsed();
        runs.push((read(entity, properties.get("start"))?, read(entity, properties.get("end"))?));
    }
    Ok(AddressSet::of_runs(runs))
}

/// The address in a property.
pub(super) fn read(entity: &Entity, text: Option<&String>) -> Result<IpAddr> {
    let unreadable = || {
        let text = format!("{WHAT} answers with an address that cannot be read");
        Error::new(ErrorKind::Unexpected, text).because(format!("{entity:?}"))
    };
    text.and_then(|text| text.parse().ok()).ok_or_else(unreadable)
}

/// The next free addresses, as Address Manager names them. It names the lowest that are not to be skipped: all below the
/// highest of them are used, held, or named.
async fn named(rest: &Rest, place: Place<'_>, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
    let subnet = place.subnet;
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let lowest = if subnet.prefix.is_ipv6() { subnet.prefix.network() } else { first };
    let held: Vec<_> = query.held.runs_within(lowest, last).collect();
    let mut found = BTreeSet::new();
    let mut highest: Option<IpAddr> = None;
    let mut requests = 0;
    loop {
        let passed = highest.map(|highest| (lowest, highest));
        let seen = AddressSet::of_runs(held.iter().copied().chain(passed));
        if found.len() >= query.at_most || seen.absent_within(first, last).next().is_none() {
            break;
        }
        if requests == REQUESTS_AT_MOST {
            if found.is_empty() {
                let text =
                    format!("Subnet {subnet} has too many held addresses for a search in {WHAT}; use another subnet");
                return Err(Error::new(ErrorKind::Rejected, text));
            }
            break;
        }
        requests += 1;
        let wanted = if subnet.prefix.is_ipv6() { (query.at_most - found.len()).min(IPV6_AT_MOST) } else { 1 };
        let named = next(rest, place, &skip(&seen, lowest, last), wanted).await?;
        let Some(now) = named.iter().copied().max() else { break };
        if named.iter().any(|address| !subnet.prefix.contains(*address)) {
            return Err(subnet.gone(WHAT));
        }
        if highest.is_some_and(|highest| now <= highest) {
            let text = format!("This version of {WHAT} does not skip addresses when it is asked for the next one");
            return Err(Error::new(ErrorKind::Unexpected, text).because(format!("{named:?}")));
        }
        let is_last = named.len() < wanted;
        found.extend(named.into_iter().filter(|address| subnet.is_offerable(*address) && !seen.contains(*address)));
        highest = Some(now);
        if is_last {
            break;
        }
    }
    Ok(found.into_iter().take(query.at_most).collect())
}

/// The first runs of addresses that are not to be named: `192.0.2.1-192.0.2.9,192.0.2.12`.
fn skip(seen: &AddressSet, lowest: IpAddr, last: IpAddr) -> String {
    let run =
        |(first, last): (IpAddr, IpAddr)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let runs: Vec<String> = seen.runs_within(lowest, last).take(RUNS_AT_MOST).map(run).collect();
    runs.join(",")
}

/// The lowest free addresses that are not skipped, at most `wanted`.
async fn next(rest: &Rest, place: Place<'_>, skip: &str, wanted: usize) -> Result<Vec<IpAddr>> {
    let is_ipv6 = place.subnet.prefix.is_ipv6();
    let (network, mut properties) = (place.network.to_string(), String::new());
    if !skip.is_empty() {
        properties += &property("skip", skip);
    }
    let method = if is_ipv6 {
        properties += &property("numberOfAddresses", &wanted.to_string());
        "getNextAvailableIP6Address"
    } else {
        properties += &property("excludeDHCPRange", "true");
        "getNextIP4Address"
    };
    let parameters = [("parentId", network.as_str()), ("properties", &properties)];
    let answer = rest.call(Method::GET, method, &parameters).await?;
    if answer.is_success() {
        return read_named(&answer).ok_or_else(|| unexpected(&answer));
    }
    // What is said of a network that has gone is not known.
    if said(&answer).is_some() && !is_there(rest, place.network, place.subnet.prefix).await? {
        return Err(place.subnet.gone(WHAT));
    }
    Err(error(&answer, VIEW_ADDRESSES))
}

/// One address, `[a, b]`, `a,b`, or a list in JSON; an empty text for none.
fn read_named(answer: &Answer) -> Option<Vec<IpAddr>> {
    let texts = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(Value::String(text)) => {
            let inside = text.trim().trim_start_matches('[').trim_end_matches(']');
            inside.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        }
        Ok(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        Ok(Value::Null) => Vec::new(),
        Err(_) if answer.body.is_empty() => Vec::new(),
        _ => return None,
    };
    texts.iter().map(|text| text.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_shape() {
        let read = |body: &str| {
            let addresses = read_named(&Answer { status: 200, body: body.into() })?;
            Some(addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        for (body, expected) in [
            (r#""192.0.2.11""#, Some("192.0.2.11")),
            (r#""""#, Some("")),
            ("", Some("")),
            ("null", Some("")),
            (r#""[2001:DB8::5, 2001:DB8::6]""#, Some("2001:db8::5 2001:db8::6")),
            (r#""2001:db8::5,2001:db8::6""#, Some("2001:db8::5 2001:db8::6")),
            (r#"["2001:db8::5"]"#, Some("2001:db8::5")),
            (r#""none""#, None),
            ("{}", None),
            ("5", None),
            ("<html>", None),
        ] {
            assert_eq!(read(body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn runs_are_named_with_both_ends_and_not_too_many() {
        let ip = |number: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(number));
        let seen = AddressSet::of_runs([(ip(1), ip(3)), (ip(5), ip(5))]);
        assert_eq!(skip(&seen, ip(0), ip(99)), "0.0.0.1-0.0.0.3,0.0.0.5");
        let many: AddressSet = (0..500).map(|number| ip(2 * number)).collect();
        assert_eq!(skip(&many, ip(0), ip(9999)).split(',').count(), RUNS_AT_MOST);
    }
}
