//! What is read for each scrape.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::timeout;

use super::PREFIX;
use crate::allocation::holds::StateCounts;
use crate::allocation::{Allocator, HoldState, OfferCounts};
use crate::ledger::{Health, Ledger};
use crate::tls;

/// How long a scrape waits for what is in a database. Prometheus waits 10 seconds for all of it.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// Where the numbers are.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    /// The holds, and the IPAMs as far as calls have shown how they do.
    pub allocator: &'a Allocator,
    /// The ledger.
    pub ledger: Option<&'a Ledger>,
    /// The certificates; `None` without HTTPS.
    pub tls: Option<&'a tls::Server>,
    /// How many orphans the last search has found.
    pub orphans: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfIpam {
    ipam: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfFile {
    file: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

/// Reads them all.
pub(super) async fn read(sources: &Sources<'_>, offers: &Arc<OfferCounts>) -> Registry {
    let Sources { allocator, ledger, tls, orphans } = sources;
    let mut registry = Registry::with_prefix(PREFIX);
    let counts = timeout(READ_WITHIN, allocator.holds().place().count_states()).await;
    if let Ok(Ok(counts)) = counts {
        holds(&mut registry, &counts);
    }
    let is_written = Gauge::<i64>::default();
    is_written.set(allocator.holds().trouble().is_none().into());
    registry.register("holds_writable", "Whether holds can be written to the journal or the database", is_written);
    ipams(&mut registry, allocator);
    candidates(&mut registry, offers);
    if let Some(health) = ledger.and_then(Ledger::health) {
        records(&mut registry, &health);
    }
    if let Some(tls) = tls {
        certificates(&mut registry, tls);
    }
    let number = Gauge::<i64>::default();
    number.set(i64::try_from(*orphans).unwrap_or(i64::MAX));
    registry.register("orphans", "How many addresses were added for hosts which Foreman does not have", number);
    registry
}

fn holds(registry: &mut Registry, counts: &StateCounts) {
    let family = Family::<InState, Gauge>::default();
    for state in HoldState::ALL {
        let number = i64::try_from(counts.of(state)).unwrap_or(i64::MAX);
        family.get_or_create(&InState { state: state.name() }).set(number);
    }
    registry.register("holds", "How many addresses are held, by the state of the hold", family);
}

fn ipams(registry: &mut Registry, allocator: &Allocator) {
    let family = Family::<OfIpam, Gauge>::default();
    for ipam in allocator.provider().ipams() {
        let labels = OfIpam { ipam: ipam.key().to_owned() };
        family.get_or_create(&labels).set(ipam.guard().trouble().is_none().into());
    }
    let help = "Whether the IPAM worked, as far as the last operation that could show it has shown";
    registry.register("ipam_working", help, family);
}

fn candidates(registry: &mut Registry, offers: &OfferCounts) {
    let help = "How many free addresses the IPAM has named to be offered";
    registry.register("candidates_fetched", help, counted(offers.fetched()));
    let help = "How many of them were forgotten without having been offered";
    registry.register("candidates_wasted", help, counted(offers.wasted()));
    let help = "How many questions for a free address were refused because the subnet has none";
    registry.register("subnet_full", help, counted(offers.refused()));
}

fn records(registry: &mut Registry, health: &Health) {
    let Health { is_written, waiting, saved, lost } = *health;
    let can_be_written = Gauge::<i64>::default();
    can_be_written.set(is_written.into());
    registry.register("ledger_writable", "Whether the ledger can be written", can_be_written);
    let queued = Gauge::<i64>::default();
    queued.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    registry.register("ledger_waiting_records", "How many records wait to be saved in the ledger", queued);
    let family = Family::<Ended, Counter>::default();
    for (outcome, number) in [("saved", saved), ("lost", lost)] {
        family.get_or_create(&Ended { outcome }).inc_by(number);
    }
    registry.register(
        "ledger_records",
        "How many records were saved, and how many lost because too many waited",
        family,
    );
}

fn certificates(registry: &mut Registry, tls: &tls::Server) {
    let family = Family::<OfFile, Gauge>::default();
    for (file, end) in tls.ends(jiff::Timestamp::now()) {
        family.get_or_create(&OfFile { file }).set(end);
    }
    let help = "When what a file for HTTPS holds ends, as Unix time, by its key in the settings";
    registry.register_with_unit("certificate_expiry_timestamp", help, Unit::Seconds, family);
}

/// A counter that something else counts in.
fn counted(number: u64) -> Counter {
    let counter = Counter::default();
    counter.inc_by(number);
    counter
}
