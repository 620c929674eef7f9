//! What a run has shown, as JSON and as a table for people.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::audit::Audit;
use crate::connection::Connections;
use crate::duplicates::Duplicate;
use crate::hosts::{Life, Plan, Played};
use crate::stats::Summary;
use crate::usage::Usage;

/// So many of each kind of fault are shown; their number is always told.
const SHOWN_AT_MOST: usize = 20;

/// What a run has shown.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was called.
    pub server: String,
    /// How connections were used.
    pub connections: Connections,
    /// With TLS?
    pub tls: bool,
    /// How many Foremans called at the same time.
    pub callers: usize,
    /// How far the life of hosts went.
    pub life: Life,
    /// In how many subnets.
    pub subnets: usize,
    /// How long it took.
    pub seconds: f64,
    /// How many hosts got all that they were to get.
    pub created: u64,
    /// How many did not.
    pub failed: u64,
    /// How many got it in a second.
    pub hosts_per_second: f64,
    /// Of each kind of call: times and errors.
    pub calls: BTreeMap<&'static str, Summary>,
    /// How many calls were answered in a second.
    pub calls_per_second: f64,
    /// How many promises the checker compared.
    pub promises: usize,
    /// How often an address was given twice.
    pub duplicate_count: usize,
    /// The first of them.
    pub duplicates: Vec<Duplicate>,
    /// The ledger against the IPAM, where there is one.
    pub audit: Option<Audit>,
    /// How many requests reached the IPAM, where they can be counted.
    pub ipam_requests: Option<u64>,
    /// The same for each host.
    pub ipam_requests_per_host: Option<f64>,
    /// What the server has used, where its process is known.
    pub server_usage: Option<Usage>,
    /// What this program has used, on the same machine.
    pub own_usage: Option<Usage>,
}

/// What is known besides what was played.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// What was called.
    pub server: String,
    /// With TLS?
    pub tls: bool,
    /// The ledger against the IPAM.
    pub audit: Option<Audit>,
    /// How many requests reached the IPAM.
    pub ipam_requests: Option<u64>,
    /// What the server has used.
    pub server_usage: Option<Usage>,
}

impl Report {
    /// The report of what was played.
    pub fn new(plan: &Plan, played: &Played, around: Surroundings) -> Self {
        let mut duplicates = played.ledger.duplicates();
        let duplicate_count = duplicates.len();
        duplicates.truncate(SHOWN_AT_MOST);
        let seconds = played.elapsed.as_secs_f64();
        let calls = played.stats.summaries();
        let answered: u64 = calls.values().map(|summary| summary.count).sum();
        let hosts = (played.created + played.failed).max(1) as f64;
        Self {
            server: around.server,
            connections: plan.connections,
            tls: around.tls,
            callers: plan.callers,
            life: plan.life,
            subnets: plan.places.len(),
            seconds,
            created: played.created,
            failed: played.failed,
            hosts_per_second: played.created as f64 / seconds,
            calls,
            calls_per_second: answered as f64 / seconds,
            promises: played.ledger.promises.len(),
            duplicate_count,
            duplicates,
            audit: around.audit,
            ipam_requests: around.ipam_requests,
            ipam_requests_per_host: around.ipam_requests.map(|requests| requests as f64 / hosts),
            server_usage: around.server_usage,
            own_usage: Usage::of(std::process::id()),
        }
    }

    /// Is all as it must be? Failed hosts are not looked at: whether they may fail depends on the run.
    pub fn is_sound(&self) -> bool {
        self.duplicate_count == 0 && self.audit.as_ref().is_none_or(|audit| audit.faults().is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<28} {value}");
        let connections = match self.connections {
            Connections::Kept => "kept alive",
            Connections::PerCall => "a new one for each call",
        };
        line("server", self.server.clone())?;
        line("connections", format!("{connections}, {}", if self.tls { "mutual TLS" } else { "plain HTTP" }))?;
        line("callers, subnets", format!("{}, {}", self.callers, self.subnets))?;
        line("hosts created, failed", format!("{}, {} in {:.1} s", self.created, self.failed, self.seconds))?;
        line("hosts/s, calls/s", format!("{:.0}, {:.0}", self.hosts_per_second, self.calls_per_second))?;
        if let (Some(requests), Some(per_host)) = (self.ipam_requests, self.ipam_requests_per_host) {
            line("requests to the IPAM", format!("{requests}, {per_host:.2} for each host"))?;
        }
        let usage = |usage: &Usage| {
            let Usage { resident_mib, peak_mib, processor_seconds } = usage;
            format!("{resident_mib:.1} MiB (at most {peak_mib:.1}), {processor_seconds:.1} s of processor")
        };
        if let Some(used) = &self.server_usage {
            line("used by the server", usage(used))?;
        }
        if let Some(used) = &self.own_usage {
            line("used by this program", usage(used))?;
        }
        line("given twice", format!("{} of {} promises", self.duplicate_count, self.promises))?;
        if let Some(audit) = &self.audit {
            let Audit { records, standing, lost, unknown, left, undeleted, recorded_twice, delete_failed } = audit;
            line("records, acknowledged adds", format!("{records}, {standing}"))?;
            line("lost, of nobody, twice", format!("{}, {}, {}", lost.len(), unknown.len(), recorded_twice.len()))?;
            line("left by failed hosts", left.len().to_string())?;
            line("left by deletes", format!("{} acknowledged, {delete_failed} failed", undeleted.len()))?;
        }
        writeln!(
            f,
            "\n{:<10} {:>10} {:>10} {:>10} {:>10} {:>8}",
            "call, ms", "count", "p50", "p99", "longest", "failed"
        )?;
        for (name, summary) in &self.calls {
            let Summary { count, p50_milliseconds, p99_milliseconds, longest_milliseconds, errors } = summary;
            let failed: u64 = errors.values().sum();
            writeln!(
                f,
                "{name:<10} {count:>10} {p50_milliseconds:>10.2} {p99_milliseconds:>10.2} {longest_milliseconds:>10.2} {failed:>8}"
            )?;
        }
        for (name, summary) in &self.calls {
            for (text, count) in &summary.errors {
                writeln!(f, "{count} × {name}: {text}")?;
            }
        }
        for duplicate in &self.duplicates {
            writeln!(f, "given twice: {duplicate}")?;
        }
        if let Some(audit) = &self.audit {
            for fault in audit.faults().iter().take(SHOWN_AT_MOST) {
                writeln!(f, "{fault}")?;
            }
            for finding in audit.left.iter().filter(|finding| finding.known_by.is_some()).take(SHOWN_AT_MOST) {
                writeln!(f, "left by a failed host: {finding}")?;
            }
        }
        Ok(())
    }
}
