//! The one task that asks Foreman for hosts and writes their names.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use actix_web::web::Data;
use ipam_provider::titled;
use tokio::time::{Instant, sleep};

use super::Names;
use super::learn::{Seen, addresses_of, host_of};
use super::queue::{Added, Place};
use super::records::Records;
use super::write::{group_of, write};
use crate::foreman_api::{Error, Foreman, Subnet};
use crate::http::Shared;
use crate::telemetry::with_causes;

/// What the proxy's page in Foreman calls it.
const NAMES: &str = "names from Foreman";

/// How long is waited after the first failure of Foreman, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// After 30 wrong passwords Foreman refuses the machine, its other calls too.
const PAUSE_WHEN_REFUSED: Duration = Duration::from_secs(600);

/// Of a Foreman that fails with so many hosts and shows none, no further ones are asked for.
const FAILED_AT_MOST: usize = 3;

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
    let mut reader = Reader { foreman, subnets: &subnets, failed: Vec::new(), has_read: false };
    for host in due.hosts {
        if let Some(seen) = reader.addresses_of(host).await?
            && write_hinted(names, records, seen).await
        {
            names.queue.host_is_read(host, began);
        }
    }
    look_up_added(&mut reader, names, records, due.added).await
}

/// Reads hosts one after the other. One that Foreman fails with holds no other up.
struct Reader<'a> {
    foreman: &'a Foreman,
    subnets: &'a [Subnet],
    /// The hosts that Foreman failed with.
    failed: Vec<u64>,
    has_read: bool,
}

impl Reader<'_> {
    /// The addresses of a host, none when Foreman does not have it; `None` when Foreman fails with it.
    ///
    /// # Errors
    /// When Foreman cannot be asked for any host.
    async fn addresses_of(&mut self, host: u64) -> Result<Option<Vec<Seen>>, Error> {
        match self.foreman.host(host).await {
            Ok(found) => {
                self.has_read = true;
                Ok(Some(found.map(|host| addresses_of(&host, self.subnets)).unwrap_or_default()))
            }
            Err(error) if error.is_of_one_record() && (self.has_read || self.failed.len() < FAILED_AT_MOST) => {
                log::warn!("The host {host} cannot be read from Foreman; it is tried again: {error}");
                self.failed.push(host);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Finds the hosts of addresses that were added. Those that are not found stay in the queue.
async fn look_up_added(
    reader: &mut Reader<'_>,
    names: &Names,
    records: &impl Records,
    added: Vec<Added>,
) -> Result<(), Error> {
    let foreman = reader.foreman;
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
        seen.extend(reader.addresses_of(host.id).await?.unwrap_or_default());
    }
    for added in added {
        let Some(seen) = host_of(&added, &seen) else { continue };
        let place = added.place;
        // A host that could not be read may have the address too.
        if !reader.failed.is_empty() {
            let all = foreman.hosts_with(&[place.address]).await?;
            if all.iter().any(|host| reader.failed.contains(&host.id)) {
                continue;
            }
        }
        if write_seen(records, &place, seen).await {
            names.queue.forget(place.prefix, place.group.as_ref(), place.address);
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
            Entry::Vacant(unknown) => unknown.insert(group_of(names, records, seen.prefix, seen.is_only).await),
        };
        match group {
            Ok(Some(group)) => {
                let place = Place { prefix: seen.prefix, group: group.clone(), address: seen.address };
                if write_seen(records, &place, &seen).await {
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

/// Writes a name; `false` when that must be tried again.
async fn write_seen(records: &impl Records, place: &Place, seen: &Seen) -> bool {
    match write(records, place, &seen.hostname, seen.mac).await {
        Ok(_) => true,
        Err(why) => {
            let subnet = titled(place.prefix, place.group.as_ref());
            log::warn!("The name of {} in {subnet} is not written; it is tried again: {why}", place.address);
            false
        }
    }
}
