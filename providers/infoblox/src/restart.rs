//! Restarts of the DHCP and DNS services, which writes need to take effect there.
//!
//! A restart takes the grid seconds, so that no request waits for one: it is asked for in the background, once for all
//! writes that came within the delay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::Client;

/// Asks for restarts, where the settings want them.
#[derive(Debug)]
pub(crate) struct Restarts {
    delay: Option<Duration>,
    is_planned: Arc<AtomicBool>,
}

impl Restarts {
    /// A restart that long after the first write since the last one; `None` for none.
    pub(crate) fn new(delay: Option<Duration>) -> Self {
        Self { delay, is_planned: Arc::default() }
    }

    /// Something was written.
    pub(crate) fn plan(&self, client: &Client) {
        let Some(delay) = self.delay else { return };
        if self.is_planned.swap(true, Ordering::SeqCst) {
            return;
        }
        let (client, is_planned) = (client.clone(), self.is_planned.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            // A write from here on may come too late for this restart.
            is_planned.store(false, Ordering::SeqCst);
            match client.restart_services().await {
                Ok(()) => log::info!("infoblox: services were asked to restart if they need it"),
                Err(error) => log::warn!("infoblox: services could not be asked to restart: {error}"),
            }
        });
    }
}
