//! One run from beginning to end: a proxy of its own, hosts, trouble, and the audit afterwards.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::Audit;
use crate::hosts::{Plan, Played, Progress, play};
use crate::own_proxy::{OwnProxy, ProxyError, Setup};
use crate::promise::Clock;
use crate::trouble::{Course, Trouble};
use crate::usage::Usage;

/// How often the IPAM's requests are counted and forgotten, which keeps its memory small.
const COUNT_EVERY: Duration = Duration::from_millis(200);

/// What a run over a proxy of its own has shown.
pub struct Outcome {
    /// What was played, with what somebody else took.
    pub played: Played,
    /// The ledger against the IPAM.
    pub audit: Audit,
    /// How many requests reached the IPAM while hosts were made; `None` for the embedded one.
    pub requests: Option<u64>,
    /// What the proxy had used before the audit.
    pub usage: Option<Usage>,
    /// What is wrong with the embedded IPAM's store.
    pub damage: Vec<String>,
    /// What the proxy has logged.
    pub log: String,
}

impl Outcome {
    /// What must not be, in words: addresses given twice, lost adds, and the audit's other faults.
    pub fn faults(&self) -> Vec<String> {
        let duplicates = self.played.ledger.duplicates();
        let twice = duplicates.iter().map(|duplicate| format!("given twice: {duplicate}"));
        let panicked = self.log.lines().filter(|line| line.contains("panicked")).map(str::to_owned);
        let damage = self.damage.iter().map(|what| format!("the store is not in order: {what}"));
        twice.chain(self.audit.faults()).chain(damage).chain(panicked).collect()
    }
}

/// Starts a proxy, plays the plan over it, in trouble if there is to be some, and compares ledger and IPAM.
///
/// # Errors
/// When the proxy does not start, does not answer afterwards, or the IPAM cannot be read.
pub async fn run(
    setup: &Setup,
    plan: Arc<Plan>,
    trouble: Option<(Trouble, Course)>,
    progress: Arc<Progress>,
) -> Result<Outcome, ProxyError> {
    let mut proxy = OwnProxy::start(setup, &plan.places).await?;
    let clock = Clock::start();
    let playing = tokio::spawn(play(plan.clone(), proxy.targets(), progress.clone(), clock));
    let mut taken = None;
    if let Some((trouble, course)) = trouble {
        taken = Some(trouble.cause(course, &mut proxy, &progress, clock).await?);
    }
    while !playing.is_finished() {
        proxy.ipam().requests();
        tokio::time::sleep(COUNT_EVERY).await;
    }
    let mut played = playing.await.expect("the load does not panic");
    if let Some(taken) = taken {
        played.ledger.add(taken);
    }
    let (requests, usage) = (proxy.ipam().requests(), proxy.usage());
    let knowledge = proxy.knowledge().await?;
    let unreadable = |error| ProxyError::Proxy(format!("has an IPAM that cannot be read: {error}"));
    let records = proxy.ipam().records().map_err(unreadable)?;
    let damage = proxy.ipam().verify().map_err(unreadable)?;
    let audit = Audit::new(&plan.places, &played.ledger, &records, |place, claim| knowledge.of(place, claim));
    let log = proxy.log().map_err(|source| ProxyError::Io { doing: "the log".to_owned(), source })?;
    Ok(Outcome { played, audit, requests, usage, damage, log })
}
