//! Reads a journal back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipam_provider::state_files;

use super::super::hold::{Hold, Scope, Space};
use super::line::{Line, decode};
use super::{FILE, SLACK_OF_LIFE};
use crate::allocation::{HOLD_LIFE_AT_MOST, Timestamp};

/// Bytes that are read at a time.
const BUFFER: usize = 65_536;

/// What a journal says.
#[derive(Debug, Default)]
pub(in crate::allocation::holds) struct Replayed {
    /// The last time that it knows; zero for a journal that is new.
    pub(in crate::allocation::holds) now: Timestamp,
    /// The time of a line that is too far from `now`: one of the two is damaged.
    contrary: Option<Timestamp>,
    /// More than one line shows the time.
    is_certain: bool,
    spaces: BTreeMap<Space, BTreeMap<IpAddr, Hold>>,
    scopes: BTreeSet<Arc<Scope>>,
}

impl Replayed {
    /// The holds that were live at the end, by space and address.
    pub(in crate::allocation::holds) fn holds(&self) -> impl Iterator<Item = (IpAddr, &Hold)> {
        let all = self.spaces.values().flatten().map(|(address, hold)| (*address, hold));
        all.filter(|(_, hold)| hold.is_live(self.now))
    }

    /// The same, to keep.
    pub(in crate::allocation::holds) fn into_holds(self) -> impl Iterator<Item = (IpAddr, Hold)> {
        let now = self.now;
        self.spaces.into_values().flatten().filter(move |(_, hold)| hold.is_live(now))
    }

    /// Takes what a line says; `false` when its time cannot be true. What it says of the address counts all the same: a hold
    /// that is lost is an address promised twice.
    fn take(&mut self, line: Line) -> bool {
        let (Line::Time(at) | Line::Ended(.., at) | Line::Held(.., at)) = line;
        match line {
            Line::Time(_) => {}
            Line::Ended(space, address, _) => {
                if let Some(holds) = self.spaces.get_mut(&space) {
                    holds.remove(&address);
                }
            }
            Line::Held(address, mut hold, _) => {
                // Each line has read a scope of its own; a million holds have a few.
                match self.scopes.get(&hold.scope) {
                    Some(known) => hold.scope = known.clone(),
                    None => {
                        self.scopes.insert(hold.scope.clone());
                    }
                }
                self.spaces.entry(hold.scope.space.clone()).or_default().insert(address, hold);
            }
        }
        self.take_time(at)
    }

    /// The time of the last line counts, unless it is further from the others than lines ever are.
    fn take_time(&mut self, at: Timestamp) -> bool {
        let is_near = |time: Timestamp| at.since(time).max(time.since(at)) <= HOLD_LIFE_AT_MOST;
        if self.now == Timestamp::default() {
            self.now = at;
        } else if is_near(self.now) || !self.is_certain && self.contrary.is_some_and(is_near) {
            (self.now, self.is_certain) = (at, true);
        } else if !self.is_certain {
            // The next line decides. Until then the earlier time counts, so that no hold ends too soon.
            (self.now, self.contrary) = (self.now.min(at), Some(self.now.max(at)));
            return false;
        } else {
            return false;
        }
        true
    }

    /// Whatever a damaged line says, no hold lives longer than the longest promise.
    fn cut_lives(&mut self) {
        let at_most = self.now + HOLD_LIFE_AT_MOST + SLACK_OF_LIFE;
        for hold in self.spaces.values_mut().flat_map(BTreeMap::values_mut) {
            hold.until = hold.until.min(at_most);
        }
    }
}

/// What the journal in a directory says; nothing when there is none.
pub(in crate::allocation::holds) fn read_back(directory: &Path) -> io::Result<Replayed> {
    let path = directory.join(FILE);
    match state_files::open(&path) {
        Ok(file) => read_lines(file, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Replayed::default()),
        Err(error) => Err(error),
    }
}

fn read_lines(file: File, path: &Path) -> io::Result<Replayed> {
    let mut lines = BufReader::with_capacity(BUFFER, file);
    let mut replayed = Replayed::default();
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if lines.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        let is_torn = text.pop_if(|end| *end == b'\n').is_none();
        if text.is_empty() {
            continue;
        }
        let is_taken = decode(&text).map(|line| replayed.take(line));
        match is_taken {
            Some(true) => {}
            None if is_torn => log::info!("{}: the last line is torn and dropped", path.display()),
            None => log::warn!("{}: line {number} is no hold and passed over", path.display()),
            Some(false) => log::warn!("{}: the time in line {number} cannot be right", path.display()),
        }
    }
    replayed.cut_lives();
    Ok(replayed)
}
