//! Operations of the IPAMs.

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Ended, ErrorKind, Observer};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::durations;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    ipam: Arc<str>,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfIpam {
    ipam: Arc<str>,
}

type Durations = Family<Labels, Histogram, fn() -> Histogram>;

/// How the operations of all IPAMs ended.
#[derive(Debug)]
pub(super) struct Operations {
    ended: Durations,
    retries: Family<OfIpam, Counter>,
}

impl Operations {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let ended = Family::new_with_constructor(durations as fn() -> Histogram);
        let help = "How long operations of the IPAM took, with all their attempts, without the wait for a turn";
        registry.register_with_unit("ipam_operation_duration", help, Unit::Seconds, ended.clone());
        let retries = Family::default();
        let help = "How many reads of the IPAM were tried again because they failed in a way that may pass";
        registry.register("ipam_retries", help, retries.clone());
        Self { ended, retries }
    }

    /// What counts those of one IPAM.
    pub(super) fn of(&self, ipam: &str) -> Arc<dyn Observer> {
        let ipam: Arc<str> = ipam.into();
        let retries = self.retries.get_or_create_owned(&OfIpam { ipam: ipam.clone() });
        Arc::new(OfOne { ipam, ended: self.ended.clone(), retries })
    }
}

#[derive(Debug)]
struct OfOne {
    ipam: Arc<str>,
    ended: Durations,
    retries: Counter,
}

impl Observer for OfOne {
    fn ended(&self, operation: &'static str, outcome: Ended, took: Duration) {
        let labels = Labels { ipam: self.ipam.clone(), operation, outcome: name(outcome) };
        self.ended.get_or_create(&labels).observe(took.as_secs_f64());
    }

    fn retries(&self) {
        self.retries.inc();
    }
}

fn name(outcome: Ended) -> &'static str {
    match outcome {
        Ended::Done => "done",
        Ended::Abandoned => "abandoned",
        Ended::Failed(ErrorKind::NotFound) => "not_found",
        Ended::Failed(ErrorKind::AlreadyExists) => "already_exists",
        Ended::Failed(ErrorKind::Unsupported) => "unsupported",
        Ended::Failed(ErrorKind::Unauthenticated) => "unauthenticated",
        Ended::Failed(ErrorKind::Unreachable) => "unreachable",
        Ended::Failed(ErrorKind::Unavailable) => "unavailable",
        Ended::Failed(ErrorKind::TimedOut) => "timed_out",
        Ended::Failed(ErrorKind::Rejected) => "rejected",
        Ended::Failed(ErrorKind::Unexpected) => "unexpected",
    }
}
