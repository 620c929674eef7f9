//! Numbers of this process, for Prometheus.
//!
//! What happens is counted in one registry, which lives as long as the process, whatever a reload replaces. What can be read
//! at any time, such as the number of holds, is read for each scrape. No scrape asks an IPAM.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `requests` | requests over HTTP |
//! | `operations` | operations of the IPAMs, which their guards report |
//! | `outcomes` | what became of addresses, from the events |
//! | `scrape` | what is read for each scrape |
//! | `text` | the two formats |
//!
//! The values of a label are few, and known from the program and the settings: no address, MAC, token or name of a host is
//! one. `docs/monitoring.md` lists all metrics, and a test compares it with a scrape.

mod operations;
mod outcomes;
mod requests;
mod scrape;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use ipam_provider::Observer;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::allocation::{Event, OfferCounts};
use operations::Operations;
use outcomes::Outcomes;
use requests::Requests;

pub(crate) use requests::Route;
pub(crate) use scrape::Sources;
pub(crate) use text::Format;

/// What the name of each metric of ours begins with.
const PREFIX: &str = "foreman_ipam_proxy";

/// In seconds: from an answer out of memory to the longest that a request may take.
const DURATIONS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

/// A number with a fraction.
type Fraction = Gauge<f64, AtomicU64>;

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

/// All that is counted while the process lives.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Of the process, whose metrics have the names that those of all programs have.
    of_process: Registry,
    own: Registry,
    requests: Requests,
    operations: Operations,
    outcomes: Outcomes,
    offers: Arc<OfferCounts>,
}

impl Metrics {
    /// Nothing has happened yet.
    pub(crate) fn new() -> Self {
        let mut of_process = Registry::default();
        let started = Fraction::default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        started.set(now.as_secs_f64());
        of_process.register_with_unit("process_start_time", "When the process started", Unit::Seconds, started);
        let mut own = Registry::with_prefix(PREFIX);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        own.register("build", "The version of the program", build);
        Self {
            requests: Requests::register(&mut own),
            operations: Operations::register(&mut own),
            outcomes: Outcomes::register(&mut own),
            of_process,
            own,
            offers: Arc::default(),
        }
    }

    /// A request was answered with this status. `route` is `None` for a path that no route has.
    pub(crate) fn answered(&self, route: Option<Route>, method: &str, status: u16, took: Duration) {
        self.requests.answered(route, method, status, took);
    }

    /// What counts the operations of the IPAM of this key.
    pub(crate) fn observer(&self, ipam: &str) -> Arc<dyn Observer> {
        self.operations.of(ipam)
    }

    /// Counts an event.
    pub(crate) fn see(&self, event: &Event<'_>) {
        self.outcomes.see(event);
    }

    /// What allocators count of their offers.
    pub(crate) fn offers(&self) -> &Arc<OfferCounts> {
        &self.offers
    }

    /// Everything, in the format. What cannot be read in a moment, because a database does not answer, is left out.
    pub(crate) async fn scrape(&self, sources: &Sources<'_>, format: Format) -> String {
        let read = scrape::read(sources, &self.offers).await;
        format.write(&[&self.of_process, &self.own, &read])
    }
}
