//! Quick deployments in the background: the changes of a few seconds together, so that no request waits for one and a burst
//! of hosts costs few.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::address_manager::Target;
use crate::settings::Dns;
use crate::version::Versions;

/// How long changes are collected.
const COLLECTED: Duration = Duration::from_secs(5);

/// What is to be deployed. Lost with the process: the next deployment of the zone or network has it too.
#[derive(Debug)]
pub(crate) struct Deployments {
    versions: Arc<Versions>,
    dns: Option<Dns>,
    pending: Arc<Mutex<BTreeSet<Target>>>,
}

impl Deployments {
    pub(crate) fn new(versions: Arc<Versions>, dns: Option<Dns>) -> Self {
        Self { versions, dns, pending: Arc::default() }
    }

    /// Deploys these soon. A failure is a line in the log: the records are there, and somebody may deploy them.
    pub(crate) fn request(&self, targets: impl IntoIterator<Item = Target>) {
        let is_first = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = pending.is_empty();
            pending.extend(targets);
            is_first && !pending.is_empty()
        };
        if !is_first {
            return;
        }
        let (versions, dns, pending) = (self.versions.clone(), self.dns.clone(), self.pending.clone());
        tokio::spawn(async move {
            tokio::time::sleep(COLLECTED).await;
            let targets = std::mem::take(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner));
            for target in targets {
                let outcome = match versions.api().await {
                    Ok(api) => api.deploy(target, dns.as_ref()).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = outcome {
                    log::warn!("bluecat: a quick deployment failed; deploy it in Address Manager: {error}");
                }
            }
        });
    }
}
