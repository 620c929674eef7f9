//! What is to be looked up in Foreman, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_provider::{GroupName, Mac, Prefix};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How long the first look waits. Foreman sends the add inside its transaction.
const FIRST: Duration = Duration::from_secs(3);

/// No two looks are further apart.
const APART_AT_MOST: Duration = Duration::from_secs(300);

/// A host that Foreman does not have by then was rolled back.
const AT_MOST: Duration = Duration::from_secs(3600);

/// More addresses, and more hosts, are not queued.
const QUEUED_AT_MOST: usize = 20_000;

/// The groups of more prefixes are not remembered.
const GROUPS_AT_MOST: usize = 10_000;

/// Foreman refuses a search for more addresses.
const ADDRESSES_OF_A_LOOK: usize = 300;

/// How many hosts of hints are read before new addresses have their turn.
const HINTS_OF_A_LOOK: usize = 50;

/// An address in a subnet of the IPAM.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) prefix: Prefix,
    pub(super) group: Option<GroupName>,
    pub(super) address: IpAddr,
}

/// An address that was added.
#[derive(Debug, Clone)]
pub(super) struct Added {
    pub(super) place: Place,
    /// The MAC of the hold, which is the host's.
    pub(super) mac: Option<Mac>,
}

/// What a look is for.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Ids of hosts.
    pub(super) hosts: Vec<u64>,
    /// Addresses of one family.
    pub(super) added: Vec<Added>,
}

/// How often something was tried, and when it is next.
#[derive(Debug, Clone, Copy)]
struct Tries {
    since: Instant,
    due: Instant,
    wait: Duration,
}

impl Tries {
    fn first(now: Instant, wait: Duration) -> Self {
        Self { since: now, due: now + wait, wait: FIRST }
    }

    /// The next try; `None` when there is none.
    fn next(self, now: Instant) -> Option<Self> {
        let due = now + self.wait;
        (due.duration_since(self.since) <= AT_MOST).then(|| Self {
            due,
            wait: (2 * self.wait).min(APART_AT_MOST),
            ..self
        })
    }
}

/// The addresses and hosts that wait, in memory. It is shared by all that add and the one task that looks.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct State {
    added: BTreeMap<Place, (Option<Mac>, Tries)>,
    hosts: BTreeMap<u64, Tries>,
    /// By prefix, the group that Foreman has used; `None` when it has used several.
    groups: BTreeMap<Prefix, Option<Option<GroupName>>>,
    is_full: bool,
    /// What has changed since a sweep began to read, while one does.
    changed: Option<Changed>,
}

#[derive(Debug, Default)]
struct Changed {
    hosts: BTreeSet<u64>,
    addresses: BTreeSet<IpAddr>,
}

/// For as long as it lives, what changes is noted.
#[derive(Debug)]
pub(super) struct Watch<'a>(&'a Queue);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.state().changed = None;
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An address was added.
    pub(super) fn push(&self, prefix: Prefix, group: Option<&GroupName>, address: IpAddr, mac: Option<Mac>) {
        let place = Place { prefix, group: group.cloned(), address };
        let mut state = self.state();
        let queued = state.added.len();
        if state.has_room(queued) {
            state.added.insert(place, (mac, Tries::first(Instant::now(), FIRST)));
            self.woken.notify_one();
        }
    }

    /// Notes from now on what changes, for [`has_changed`](Self::has_changed).
    pub(super) fn watch(&self) -> Watch<'_> {
        self.state().changed = Some(Changed::default());
        Watch(self)
    }

    /// Is what was read before the [`watch`](Self::watch) of this host, or of this address, out of date?
    pub(super) fn has_changed(&self, host: u64, address: IpAddr) -> bool {
        let state = self.state();
        let changed = state.changed.as_ref();
        changed.is_some_and(|changed| changed.hosts.contains(&host) || changed.addresses.contains(&address))
    }

    /// An address was added or deleted.
    pub(super) fn note_change(&self, address: IpAddr) {
        if let Some(changed) = &mut self.state().changed {
            changed.addresses.insert(address);
        }
    }

    /// Foreman has said that this host may have changed; `false` when the queue is full.
    pub(crate) fn hint(&self, host: u64) -> bool {
        let mut state = self.state();
        if let Some(changed) = &mut state.changed {
            changed.hosts.insert(host);
        }
        let queued = state.hosts.len();
        let has_room = state.hosts.contains_key(&host) || state.has_room(queued);
        if has_room {
            // A host that is read at this moment is read again: the hint may be newer.
            state.hosts.insert(host, Tries::first(Instant::now(), Duration::ZERO));
            self.woken.notify_one();
        }
        has_room
    }

    /// An address was deleted, or has its name.
    pub(super) fn forget(&self, prefix: Prefix, group: Option<&GroupName>, address: IpAddr) {
        self.state().added.remove(&Place { prefix, group: group.cloned(), address });
    }

    /// Notes with which group Foreman uses a prefix.
    pub(super) fn learn_group(&self, prefix: Prefix, group: Option<&GroupName>) {
        let groups = &mut self.state().groups;
        let has_room = groups.len() < GROUPS_AT_MOST;
        match groups.get_mut(&prefix) {
            Some(known) if known.as_ref().is_some_and(|known| known.as_ref() != group) => *known = None,
            Some(_) => {}
            None if has_room => {
                groups.insert(prefix, Some(group.cloned()));
            }
            None => {}
        }
    }

    /// The group that Foreman uses a prefix with: `None` is unknown, `Some(None)` is several.
    pub(super) fn group_of(&self, prefix: Prefix) -> Option<Option<Option<GroupName>>> {
        self.state().groups.get(&prefix).cloned()
    }

    /// What is due. The next look at it is planned at once.
    pub(super) fn take_due(&self) -> Due {
        let now = Instant::now();
        let mut state = self.state();
        let hosts: Vec<u64> = state.hosts.iter().filter(|(_, tries)| tries.due <= now).map(|(host, _)| *host).collect();
        let hosts: Vec<u64> = hosts.into_iter().take(HINTS_OF_A_LOOK).collect();
        let due = state.added.iter().filter(|(_, (_, tries))| tries.due <= now);
        let due = due.map(|(place, (mac, _))| Added { place: place.clone(), mac: *mac });
        let mut added: Vec<Added> = Vec::new();
        for due in due {
            let is_of_family = |first: &Added| first.place.address.is_ipv6() == due.place.address.is_ipv6();
            if added.len() < ADDRESSES_OF_A_LOOK && added.first().is_none_or(is_of_family) {
                added.push(due);
            }
        }
        // The next try is planned at once: nothing is lost when this one fails in the middle.
        for host in &hosts {
            state.plan_host(*host, now);
        }
        for Added { place, .. } in &added {
            state.plan_added(place, now);
        }
        Due { hosts, added }
    }

    /// A host of a hint has been read, and there was no later hint.
    pub(super) fn host_is_read(&self, host: u64, since: Instant) {
        let mut state = self.state();
        if state.hosts.get(&host).is_some_and(|tries| tries.since <= since) {
            state.hosts.remove(&host);
        }
    }

    /// Waits until something is due.
    pub(super) async fn wait(&self) {
        loop {
            let next = {
                let state = self.state();
                let added = state.added.values().map(|(_, tries)| tries.due);
                added.chain(state.hosts.values().map(|tries| tries.due)).min()
            };
            match next {
                Some(due) if due <= Instant::now() => return,
                Some(due) => drop(timeout_at(due, self.woken.notified()).await),
                None => self.woken.notified().await,
            }
        }
    }

    /// How many addresses wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.state().added.len()
    }
}

impl State {
    /// Logs once that there is no room.
    fn has_room(&mut self, length: usize) -> bool {
        let is_full = length >= QUEUED_AT_MOST;
        if is_full && !self.is_full {
            log::warn!("More than {QUEUED_AT_MOST} look-ups of names wait for Foreman; further ones are left out");
        }
        self.is_full = is_full;
        !is_full
    }

    fn plan_host(&mut self, host: u64, now: Instant) {
        match self.hosts.get(&host).and_then(|tries| tries.next(now)) {
            Some(next) => drop(self.hosts.insert(host, next)),
            None => drop(self.hosts.remove(&host)),
        }
    }

    fn plan_added(&mut self, place: &Place, now: Instant) {
        let Some((mac, tries)) = self.added.get(place).copied() else { return };
        match tries.next(now) {
            Some(next) => drop(self.added.insert(place.clone(), (mac, next))),
            None => {
                log::info!("No host in Foreman has {} within an hour; its record gets no name", place.address);
                self.added.remove(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix() -> Prefix {
        "192.0.2.0/24".parse().expect("a prefix")
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_further_and_further_apart_and_end_after_an_hour() {
        let queue = Queue::default();
        queue.push(prefix(), None, ip("192.0.2.5"), None);
        let began = Instant::now();
        let mut looks = Vec::new();
        while queue.len() > 0 {
            queue.wait().await;
            assert_eq!(queue.take_due().added.len(), 1);
            looks.push(began.elapsed().as_secs());
        }
        assert_eq!(looks[..8], [3, 6, 12, 24, 48, 96, 192, 384]);
        assert!(looks.len() < 25 && looks.last().is_some_and(|last| (3300..=3600).contains(last)), "{looks:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_is_for_one_family_and_for_300_addresses() {
        let queue = Queue::default();
        for number in 1..=400_u32 {
            queue.push(
                "10.0.0.0/8".parse().expect("a prefix"),
                None,
                IpAddr::from((0x0a00_0000 + number).to_be_bytes()),
                None,
            );
        }
        queue.push("2001:db8::/64".parse().expect("a prefix"), None, ip("2001:db8::5"), None);
        queue.wait().await;
        let lengths = [(); 4].map(|()| queue.take_due().added.len());
        assert_eq!(lengths, [300, 100, 1, 0]);
        assert_eq!(queue.len(), 401, "they are tried again");
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_an_end_to_the_queue() {
        let queue = Queue::default();
        for host in 0..QUEUED_AT_MOST as u64 {
            assert!(queue.hint(host));
        }
        assert!(!queue.hint(u64::MAX));
        assert!(queue.hint(7), "it is there already");
        assert_eq!(queue.take_due().hosts.len(), HINTS_OF_A_LOOK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_during_a_look_is_not_lost() {
        let queue = Queue::default();
        assert!(queue.hint(7));
        assert_eq!(queue.take_due().hosts, [7]);
        let began = Instant::now();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(queue.hint(7));
        queue.host_is_read(7, began);
        assert_eq!(queue.take_due().hosts, [7]);
        queue.host_is_read(7, Instant::now());
        tokio::time::sleep(AT_MOST).await;
        assert!(queue.take_due().hosts.is_empty());
    }

    #[test]
    fn one_prefix_in_two_groups_is_not_guessed() {
        let queue = Queue::default();
        let group = GroupName::new("Red");
        assert_eq!(queue.group_of(prefix()), None);
        queue.learn_group(prefix(), group.as_ref());
        queue.learn_group(prefix(), group.as_ref());
        assert_eq!(queue.group_of(prefix()), Some(Some(group)));
        queue.learn_group(prefix(), None);
        assert_eq!(queue.group_of(prefix()), Some(None));
    }
}
