//! What the running proxy does about orphans, after each sweep.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Found, NotSearched, Search, release};
use crate::foreman_api::Inventory;
use crate::http::Serving;
use crate::ledger::{Ledger, Standing};

/// Two looks in Foreman before a release are at least so far apart.
const APART: Duration = Duration::from_secs(300);

/// More orphans at once are not released by themselves: rather is something wrong with Foreman or with its user.
const RELEASED_AT_MOST: usize = 100;

/// What the ledger says of a release without a request.
const WHY: &str = "an orphan: Foreman has no host with it (release_orphans)";

/// What is known of orphans. It outlives a reload.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By address and sequence, when Foreman did not have the host for the first time.
    missing: BTreeMap<(IpAddr, i64), Instant>,
    /// Why the last search found nothing out, or the last release failed.
    trouble: Option<String>,
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many orphans the last search has found, without those that are released since.
    pub(crate) fn count(&self) -> usize {
        self.state().missing.len()
    }

    /// What people must know of orphans.
    pub(crate) fn trouble(&self) -> Option<String> {
        let found = match self.count() {
            0 => None,
            1 => Some("one address is reserved for a host that Foreman does not have".to_owned()),
            several => Some(format!("{several} addresses are reserved for hosts that Foreman does not have")),
        };
        let found = found.map(|found| {
            format!("{found}; 'foreman-ipam-proxy orphans list' shows them, and 'orphans release' releases them")
        });
        let texts: Vec<String> = found.into_iter().chain(self.state().trouble.clone()).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// Looks for orphans in what a sweep has read since `taken`, and releases those that the settings want released.
    pub(crate) async fn look(&self, serving: &Serving, inventory: &Inventory, taken: Timestamp) {
        // Without a ledger nothing is known of what was added.
        let Some(ledger) = serving.ledger.as_ref().and_then(Ledger::records) else { return };
        let after = serving.names.orphan_after;
        let search = Search { ledger: &ledger, allocator: &serving.allocator, inventory, taken, after };
        self.look_by(&search, serving.names.release_orphans, Instant::now()).await;
    }

    pub(super) async fn look_by(&self, search: &Search<'_>, releases: bool, now: Instant) {
        let found = match search.run().await {
            Ok(found) => found,
            Err(why) => return self.not_searched(&why, releases),
        };
        let due = self.note(&found, now);
        let mut trouble = found.unread.first().map(|(address, failure)| {
            format!("{} of them could not be looked at, such as {address}: {failure}", found.unread.len())
        });
        if releases && found.orphans.len() > RELEASED_AT_MOST {
            trouble = Some(format!(
                "more than {RELEASED_AT_MOST} at once are not released by themselves; see whether Foreman is complete"
            ));
        } else if releases {
            trouble = self.release(search, &due).await.or(trouble);
        }
        self.tell(trouble);
    }

    /// Notes what was found, and answers what has been missing for long enough.
    fn note(&self, found: &Found, now: Instant) -> Vec<Standing> {
        let mut state = self.state();
        let before = std::mem::take(&mut state.missing);
        let mut due = Vec::new();
        for orphan in &found.orphans {
            let key = (orphan.address, orphan.sequence);
            let first = before.get(&key).copied();
            if first.is_some_and(|first| now.duration_since(first) >= APART) {
                due.push(orphan.clone());
            } else if first.is_none() {
                log::warn!(
                    "{} is reserved in {}, and Foreman has no host with it {} after it was added; 'foreman-ipam-proxy orphans list' \
                     shows such addresses",
                    orphan.address,
                    ipam_provider::titled(orphan.prefix, orphan.group.as_ref()),
                    age(orphan),
                );
            }
            state.missing.insert(key, first.unwrap_or(now));
        }
        // Nothing was found out about these.
        let unread = |key: &(IpAddr, i64)| found.unread.iter().any(|(address, _)| *address == key.0);
        state.missing.extend(before.into_iter().filter(|(key, _)| unread(key)));
        due
    }

    /// Releases these, and answers why some are not.
    async fn release(&self, search: &Search<'_>, due: &[Standing]) -> Option<String> {
        let mut trouble = None;
        for orphan in due {
            match release(search.allocator, search.ledger, orphan, WHY).await {
                Ok(_) => drop(self.state().missing.remove(&(orphan.address, orphan.sequence))),
                Err(why) => trouble = Some(format!("{} is not released: {why}", orphan.address)),
            }
        }
        trouble
    }

    /// What was known stays known: nothing is concluded.
    fn not_searched(&self, why: &NotSearched, releases: bool) {
        let text = format!("orphans are not looked for: {why}");
        if releases {
            self.tell(Some(text));
        } else {
            log::info!("{text}");
            self.tell(None);
        }
    }

    fn tell(&self, trouble: Option<String>) {
        let mut state = self.state();
        if let Some(why) = trouble.as_ref().filter(|why| state.trouble.as_ref() != Some(*why)) {
            log::warn!("Orphans: {why}");
        }
        state.trouble = trouble;
    }
}

fn age(orphan: &Standing) -> String {
    let seconds = Timestamp::now().duration_since(orphan.since).as_secs();
    match seconds / 3600 {
        0 => format!("{} minutes", seconds / 60),
        hours => format!("{hours} hours"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orphans::tests::standing;

    fn found(addresses: &[&str]) -> Found {
        Found { orphans: addresses.iter().map(|address| standing(address)).collect(), ..Found::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_orphan_is_due_after_two_looks_that_are_far_enough_apart() {
        let watch = Watch::default();
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(watch.note(&found(&["192.0.2.5"]), now), []);
        assert_eq!(watch.count(), 1);
        assert!(watch.trouble().is_some_and(|text| text.contains("one address") && text.contains("orphans list")));
        assert_eq!(watch.note(&found(&["192.0.2.5", "192.0.2.6"]), at(299)), []);
        let due = watch.note(&found(&["192.0.2.5", "192.0.2.6"]), at(300));
        assert_eq!(due, [standing("192.0.2.5")]);
        // Added again meanwhile, it is another one; and one that Foreman had in between begins again.
        let again = Standing { sequence: 99, ..standing("192.0.2.5") };
        assert_eq!(watch.note(&Found { orphans: vec![again], ..Found::default() }, at(900)), []);
        assert_eq!(watch.note(&found(&["192.0.2.6"]), at(901)), []);
        assert_eq!(watch.note(&found(&[]), at(902)), []);
        assert_eq!((watch.count(), watch.trouble()), (0, None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_looked_at_stays_as_it_was() {
        let watch = Watch::default();
        watch.note(&found(&["192.0.2.5"]), Instant::now());
        let failure = crate::allocation::Failure::GroupsUnsupported;
        let unread = vec![(standing("192.0.2.5").address, failure)];
        let later = Instant::now() + Duration::from_secs(3600);
        assert_eq!(watch.note(&Found { orphans: Vec::new(), unread }, later), []);
        assert_eq!(watch.count(), 1);
        watch.not_searched(&NotSearched::NotWhole("the user is in no organization".to_owned()), true);
        assert!(watch.trouble().is_some_and(|text| text.contains("one address") && text.contains("no organization")));
    }
}
