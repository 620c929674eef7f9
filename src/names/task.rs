//! The one task that asks Foreman for hosts and writes their names.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use actix_web::web::Data;
use ipam_provider::{Annotated, Annotation, GroupName, titled};
use tokio::time::{Instant, sleep};

use super::Names;
use super::learn::{Seen, addresses_of, host_of};
use super::queue::{Added, Place};
use super::records::Records;
use crate::foreman_api::{Error, Foreman, Subnet};
use crate::http::Shared;
use crate::telemetry::with_causes;

/// What the proxy's page in Foreman calls it.
const NAMES: &str = "names from Foreman";

/// How long is waited after the first failure of Foreman, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// After 30 wrong passwords Foreman refuses the machine, its other calls too.
const PAUSE_WHEN_REFUSED: Duration = Duration::from_secs(600);

/// Looks up what is due, for ever.
pub(crate) async fn run(shared: Data<Shared>) {
    let queue = shared.serving().names.queue.clone();
    let mut pause = PAUSE.0;
    let mut told = None;
    loop {
        queue.wait().await;
        let serving = shared.serving();
        let Some(foreman) = serving.names.foreman.clone() else {
            // Every source has been switched off since.
            drop(queue.take_due());
            continue;
        };
        match look(&foreman, &serving.names, &serving.allocator).await {
            Ok(()) => {
                pause = PAUSE.0;
                told = None;
                shared.set_trouble(NAMES, None);
            }
            Err(error) => {
                let why = with_causes(&error);
                if told.as_ref() != Some(&why) {
                    log::warn!("Names of hosts cannot be read from Foreman: {why}");
                }
                shared.set_trouble(NAMES, Some(why.clone()));
                told = Some(why);
                let is_refused = matches!(error, Error::Unauthorized { .. } | Error::Forbidden { .. });
                sleep(if is_refused { PAUSE_WHEN_REFUSED } else { pause }).await;
                pause = (2 * pause).min(PAUSE.1);
            }
        }
    }
}

/// One look, for all that is due.
pub(super) async fn look(foreman: &Foreman, names: &Names, records: &impl Records) -> Result<(), Error> {
    let began = Instant::now();
    let due = names.queue.take_due();
    if due.hosts.is_empty() && due.added.is_empty() {
        return Ok(());
    }
    let subnets = foreman.subnets().await?;
    for host in due.hosts {
        let seen = seen_of(foreman, host, &subnets).await?;
        if write_hinted(names, records, seen).await {
            names.queue.host_is_read(host, began);
        }
    }
    look_up_added(foreman, names, records, due.added, &subnets).await
}

/// The addresses of a host; none when Foreman does not have it.
async fn seen_of(foreman: &Foreman, host: u64, subnets: &[Subnet]) -> Result<Vec<Seen>, Error> {
    let host = foreman.host(host).await?;
    Ok(host.map(|host| addresses_of(&host, subnets)).unwrap_or_default())
}

/// Finds the hosts of addresses that were added. Those that are not found stay in the queue.
async fn look_up_added(
    foreman: &Foreman,
    names: &Names,
    records: &impl Records,
    added: Vec<Added>,
    subnets: &[Subnet],
) -> Result<(), Error> {
    let addresses: BTreeSet<_> = added.iter().map(|added| added.place.address).collect();
    let addresses: Vec<_> = addresses.into_iter().collect();
    let hosts = match foreman.hosts_with(&addresses).await {
        Err(Error::Refused { messages, .. }) if addresses.iter().all(IpAddr::is_ipv6) => {
            log::warn!("Foreman before 3.5 finds no host by an IPv6 address: {}", messages.join(" "));
            for Added { place, .. } in added {
                names.queue.forget(place.prefix, place.group.as_ref(), place.address);
            }
            return Ok(());
        }
        outcome => outcome?,
    };
    let mut seen = Vec::new();
    for host in hosts {
        seen.extend(seen_of(foreman, host.id, subnets).await?);
    }
    for added in added {
        if let Some(seen) = host_of(&added, &seen) {
            let place = added.place;
            if write(records, &place, seen).await {
                names.queue.forget(place.prefix, place.group.as_ref(), place.address);
            }
        }
    }
    Ok(())
}

/// Writes the name of a host that a hint has named to all its addresses; `false` when that must be tried again.
async fn write_hinted(names: &Names, records: &impl Records, seen: Vec<Seen>) -> bool {
    let mut is_done = true;
    let mut groups = BTreeMap::new();
    for seen in seen {
        let group = match groups.entry(seen.prefix) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(group_of(names, records, &seen).await),
        };
        match group {
            Ok(Some(group)) => {
                let place = Place { prefix: seen.prefix, group: group.clone(), address: seen.address };
                if write(records, &place, &seen).await {
                    names.queue.forget(place.prefix, place.group.as_ref(), place.address);
                } else {
                    is_done = false;
                }
            }
            Err(why) => {
                log::debug!("The group of {} is not known yet: {why}", seen.prefix);
                is_done = false;
            }
            Ok(None) => {
                log::info!("{} of {} gets no name: its prefix has no group of its own", seen.address, seen.hostname);
            }
        }
    }
    is_done
}

/// The group of the subnet that the address is in, which Foreman does not show; `None` when it cannot be told from another.
async fn group_of(names: &Names, records: &impl Records, seen: &Seen) -> Result<Option<Option<GroupName>>, String> {
    if !seen.is_only {
        return Ok(None);
    }
    if let Some(known) = names.queue.group_of(seen.prefix) {
        return Ok(known);
    }
    let found = records.groups_with(seen.prefix).await?;
    Ok(match &found[..] {
        [only] => Some(only.clone()),
        _ => None,
    })
}

/// Writes a name; `false` when that must be tried again.
async fn write(records: &impl Records, place: &Place, seen: &Seen) -> bool {
    let subnet = titled(place.prefix, place.group.as_ref());
    let note = Annotation { hostname: Some(seen.hostname.clone()), mac: seen.mac };
    match records.note(place, &note).await {
        // The allocator's event is in the log.
        Ok(Some(Annotated::Changed | Annotated::AsItWas | Annotated::Absent)) => {}
        Ok(Some(Annotated::NotOurs)) => {
            log::debug!("{} in {subnet} is not recorded by this proxy and keeps its name", place.address);
        }
        Ok(None) => {
            log::debug!("The IPAM's provider cannot write the name of {} in {subnet}", place.address);
        }
        Err(why) => {
            log::warn!("The name of {} in {subnet} is not written; it is tried again: {why}", place.address);
            return false;
        }
    }
    true
}
