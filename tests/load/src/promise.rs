//! What callers were promised, by their own clock.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::Serialize;

/// One host of the load, by number.
pub type Host = u64;

/// Nanoseconds since the run began, by the one clock that all callers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// Later than everything.
    pub const NEVER: Self = Self(u64::MAX);

    /// This long after; never earlier than `self`.
    #[must_use]
    pub fn after(self, life: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(life.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Tells the moments of one run.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Begins now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time since the beginning.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// By what a host has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// By a record that somebody else made in the IPAM, past the server.
    Taken,
    /// By an answered add.
    Reserved,
    /// By the answer of `next_ip`, while the hold lives.
    Offered,
}

/// One promise of one address to one host.
///
/// The caller does not know at which moment the server made the promise: at some moment from `asked` to `answered`. It
/// does know until when the promise is certain to have lived, had it been made as early as possible: that is `until`.
/// The rule that makes a duplicate of two of them is in [`duplicates`](mod@crate::duplicates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// Whom it was made to.
    pub host: Host,
    /// The subnet, as an index into the places of the run.
    pub place: u32,
    /// The address.
    pub address: IpAddr,
    /// What it rests on.
    pub kind: Kind,
    /// When the call that made it began.
    pub asked: Moment,
    /// When its answer was there.
    pub answered: Moment,
    /// It is certain to have lived until here, the end not included.
    pub until: Moment,
}

impl Promise {
    /// Cuts the certain life: from this moment on it may be over.
    pub fn may_end(&mut self, at: Moment) {
        self.until = self.until.min(at);
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |moment: Moment| match moment {
            Moment::NEVER => "the end".to_owned(),
            Moment(nanoseconds) => format!("{:.3} ms", nanoseconds as f64 / 1e6),
        };
        let kind = match self.kind {
            Kind::Reserved => "reserved",
            Kind::Offered => "offered",
            Kind::Taken => "taken",
        };
        let Self { host, address, .. } = self;
        let [asked, answered, until] = [self.asked, self.answered, self.until].map(milliseconds);
        write!(f, "{address} {kind} for host {host}, asked {asked}, answered {answered}, certain until {until}")
    }
}
