//! The sweep: names and MACs of all addresses that hosts have in Foreman, whatever webhook was lost.
//!
//! It writes nothing that is so already, one record after the other and not all at once, so that Foreman's calls have the IPAM
//! for themselves most of the time. What it does not find in Foreman stays as it is.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use actix_web::web::Data;
use ipam_provider::{Annotated, GroupName, Prefix, is_hostname};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::Names;
use super::queue::Place;
use super::records::Records;
use super::write::{group_of, write};
use crate::foreman_api::{Error, Foreman, HostAddress, Inventory, SubnetOfForeman};
use crate::http::Shared;
use crate::telemetry::with_causes;

/// What the proxy's page in Foreman calls it.
const SWEEP: &str = "sweep of names from Foreman";

/// How often is looked whether a sweep is due, and whether a reload has changed when.
const TICK: Duration = Duration::from_secs(1);

/// How long after a start the first sweep is, for Foreman's calls to come first.
const FIRST: Duration = Duration::from_secs(10);

/// How long after a failure of Foreman the next try is, at most.
const RETRY: Duration = Duration::from_secs(900);

/// After so many records the IPAM has a pause, as long as they took.
const SLICE: usize = 50;

/// After so many failures in a row the sweep ends: the IPAM is away.
const FAILURES_AT_MOST: usize = 5;

/// What a sweep did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    /// Records that have another name or MAC now.
    pub(super) changed: usize,
    /// Records that had them already.
    pub(super) as_it_was: usize,
    /// Addresses without a record of this proxy.
    pub(super) not_ours: usize,
    /// Addresses for which it cannot be told whose they are, or in which group of the IPAM.
    pub(super) unclear: usize,
    /// Why it did not do all that it should.
    pub(super) failed: Option<String>,
}

/// Sweeps when it is time, for ever.
pub(crate) async fn run(shared: Data<Shared>) {
    let mut began: Option<Instant> = None;
    let mut due = None;
    let mut is_told = false;
    loop {
        sleep(TICK).await;
        let serving = shared.serving();
        let (Some(every), Some(foreman)) = (serving.names.sweep_every, &serving.names.foreman) else {
            (began, due, is_told) = (None, None, false);
            shared.set_trouble(SWEEP, None);
            continue;
        };
        let now = Instant::now();
        // A reload may have made it more often.
        let next = due.get_or_insert(now + FIRST.min(every));
        *next = began.map_or(*next, |began: Instant| (*next).min(began + every));
        if now < *next {
            continue;
        }
        began = Some(now);
        let taken = Timestamp::now();
        let outcome = sweep(foreman, &serving.names, &serving.allocator).await;
        let why = match outcome {
            Ok((swept, inventory)) => {
                shared.orphans().look(&serving, &inventory, taken).await;
                log::info!("{}", swept.in_words());
                swept.failed
            }
            Err(error) => Some(with_causes(&error)),
        };
        due = Some(Instant::now() + if why.is_none() { every } else { RETRY.min(every) });
        if let Some(line) = line(why.as_deref(), &mut is_told) {
            log::warn!("{line}");
        }
        shared.set_trouble(SWEEP, why);
    }
}

/// The line for the log: one for as long as sweeps fail, whatever with. The proxy's page in Foreman has the latest reason.
fn line(why: Option<&str>, is_told: &mut bool) -> Option<String> {
    let line = why.filter(|_| !*is_told);
    *is_told = why.is_some();
    line.map(|why| format!("The sweep of names from Foreman is not complete; it is repeated: {why}"))
}

/// One sweep, and what it has read.
pub(super) async fn sweep(
    foreman: &Foreman,
    names: &Names,
    records: &impl Records,
) -> Result<(Swept, Inventory), Error> {
    // What changes from here on is newer than what is read.
    let _watch = names.queue.watch();
    let inventory = names.inventory(foreman).await?;
    let swept = write_all(&inventory, names, records).await;
    Ok((swept, inventory))
}

/// Writes names and MACs.
async fn write_all(inventory: &Inventory, names: &Names, records: &impl Records) -> Swept {
    let mut swept = Swept::default();
    if !inventory.subnets.iter().any(|subnet| subnet.uses_this_proxy) {
        swept.failed = Some(names.no_subnet());
    }
    let (found, unclear) = clear(inventory.addresses.clone());
    swept.unclear += unclear;
    let mut groups = BTreeMap::new();
    let mut in_a_row = 0;
    for slice in found.chunks(SLICE) {
        let slice_began = Instant::now();
        for (subnet, found) in slice {
            if names.queue.has_changed(found.host_id, found.address) {
                continue;
            }
            let outcome = match group(names, records, subnet, &mut groups).await {
                Ok(Some(group)) => {
                    let place = Place { prefix: subnet.prefix, group, address: found.address };
                    write(records, &place, &found.host, found.mac).await
                }
                Ok(None) => {
                    swept.unclear += 1;
                    continue;
                }
                Err(why) => Err(why),
            };
            match outcome {
                Ok(Some(Annotated::Changed)) => swept.changed += 1,
                Ok(Some(Annotated::AsItWas)) => swept.as_it_was += 1,
                Ok(Some(Annotated::NotOurs | Annotated::Absent) | None) => swept.not_ours += 1,
                Err(why) => {
                    log::debug!("The sweep does not write the name of {}: {why}", found.address);
                    swept.failed.get_or_insert_with(|| format!("the IPAM fails: {why}"));
                    in_a_row += 1;
                    if in_a_row == FAILURES_AT_MOST {
                        return swept;
                    }
                    continue;
                }
            }
            in_a_row = 0;
        }
        sleep(slice_began.elapsed()).await;
    }
    swept
}

impl Swept {
    fn in_words(&self) -> String {
        let Self { changed, as_it_was, not_ours, unclear, .. } = self;
        format!(
            "The sweep of names from Foreman has changed {changed} records; {as_it_was} were so already, {not_ours} addresses \
             are not recorded by this proxy, and of {unclear} the host or the group is not clear"
        )
    }
}

/// The group of a subnet, which is asked for once in a sweep.
async fn group(
    names: &Names,
    records: &impl Records,
    subnet: &SubnetOfForeman,
    known: &mut BTreeMap<Prefix, Option<Option<GroupName>>>,
) -> Result<Option<Option<GroupName>>, String> {
    Ok(match known.entry(subnet.prefix) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(unknown) => {
            unknown.insert(group_of(names, records, subnet.prefix, subnet.is_only).await?).clone()
        }
    })
}

/// The addresses in subnets of this proxy that one host alone has, by subnet; and how many there are that several have.
fn clear(addresses: Vec<HostAddress>) -> (Vec<(SubnetOfForeman, HostAddress)>, usize) {
    let mut by_place: BTreeMap<_, (HostAddress, bool)> = BTreeMap::new();
    for found in addresses {
        let Some(subnet) =
            found.subnet.filter(|subnet| subnet.uses_this_proxy && subnet.prefix.contains(found.address))
        else {
            continue;
        };
        match by_place.entry((subnet, found.address)) {
            Entry::Vacant(place) => {
                place.insert((found, true));
            }
            Entry::Occupied(mut place) => {
                let (first, is_clear) = place.get_mut();
                *is_clear &= first.host_id == found.host_id;
                // A bond and its interfaces, of which one may have no MAC.
                first.mac = first.mac.or(found.mac);
            }
        }
    }
    let all = by_place.len();
    let clear: Vec<_> = by_place
        .into_iter()
        .filter(|(_, (found, is_clear))| *is_clear && is_hostname(&found.host))
        .map(|((subnet, _), (found, _))| (subnet, found))
        .collect();
    let unclear = all - clear.len();
    (clear, unclear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreman_that_is_away_is_one_line_however_long_and_for_whatever_reason() {
        let mut is_told = false;
        let mut lines = |whys: &[Option<&str>]| whys.iter().filter(|why| line(**why, &mut is_told).is_some()).count();
        assert_eq!(lines(&[Some("no route"), Some("no route"), Some("status 503")]), 1);
        assert_eq!(lines(&[None, None, Some("no route"), Some("no route")]), 1);
    }
}
