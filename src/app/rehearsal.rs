//! What would stop a start, found without a trace: nothing is created, and nobody can connect meanwhile.

use std::fs;
use std::path::Path;

use super::sockets::{bind_all, failed};
use crate::settings::{Server, Settings};
use crate::telemetry::{Telemetry, is_writable, with_causes};
use crate::tls::{Finding, Severity};

/// The log, and the addresses to listen on.
pub(crate) async fn rehearse(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = Telemetry::check(&settings.log) {
        findings.push(fault(with_causes(&error)));
    }
    let Server { bind, https_port, http_port, .. } = &settings.server;
    let of_foreman = [https_port, http_port].into_iter().flatten().map(|port| (bind, *port));
    let of_api = settings.api.listener.iter().map(|listener| (&listener.bind, listener.port));
    for (bind, port) in of_foreman.chain(of_api) {
        let attempts = match bind_all(bind, port).await {
            Ok(attempts) => attempts,
            Err(error) => {
                findings.push(fault(error.to_string()));
                continue;
            }
        };
        for attempt in attempts {
            let is_taken = attempt.is_taken();
            let Err(error) = attempt.outcome else { continue };
            let text = failed(attempt.place, error).to_string();
            // By a proxy that runs, as a rule; a look at the settings must not depend on that.
            findings.push(if is_taken { Finding { severity: Severity::Notice, text } } else { fault(text) });
        }
    }
    findings
}

/// The directory that the holds are kept in.
pub(crate) fn check_state_directory(directory: &Path) -> Option<Finding> {
    let why = match fs::metadata(directory) {
        Err(error) => error.to_string(),
        Ok(found) if !found.is_dir() => "it is no directory".to_owned(),
        Ok(_) => is_writable(directory).err()?.to_string(),
    };
    let text = format!(
        "the holds cannot be kept in {}: {why}; the directory must exist and be writable for the proxy's user",
        directory.display()
    );
    Some(fault(text))
}

fn fault(text: String) -> Finding {
    Finding { severity: Severity::Fault, text }
}
