//! `check`: everything that can be told before Foreman calls.

use std::path::{Path, PathBuf};

use clap::Args;
use ipam_provider::{Probe, Provider, Trace};

use super::output::say;
use super::trace_file::TraceFile;
use super::{CommandError, Outcome, WRONG_SETTINGS, check_names, check_running, load};
use crate::allocation::holds;
use crate::app::{self, Purpose, Runtime};
use crate::http::Serving;
use crate::http::foreman::{details_of, version_of};
use crate::ledger::{LedgerError, Place, Query, Records};
use crate::settings::Settings;
use crate::telemetry::with_causes;
use crate::tls::{self, Finding, Severity};
use crate::tokens::Table;

/// Arguments of `check`.
#[derive(Debug, Default, Args)]
pub(super) struct Arguments {
    /// Look only at what a start needs: settings, certificates, also those for the IPAM, log and addresses to listen on. An
    /// IPAM that cannot be reached must not keep the service from starting.
    #[arg(long)]
    settings_only: bool,
    /// Ask the proxy that runs, over its control socket, whether it serves; for health checks.
    ///
    /// It fails when the proxy does not answer. What the proxy knows to be wrong, with the IPAM at the last call that
    /// needed it or with the settings at the last reload, is printed and is no failure: a restart would not mend it.
    #[arg(long, conflicts_with = "settings_only")]
    running: bool,
    /// Print what --running tells as JSON.
    #[arg(long, requires = "running")]
    json: bool,
    /// Write each request to the IPAM and its answer to this new file, as JSON, to be sent with a report.
    ///
    /// Passwords, tokens and cookies are masked. Names, addresses and whatever else the IPAM answers are in it: read it
    /// before you send it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["settings_only", "running"])]
    trace: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, directory: &Path) -> Outcome {
    if arguments.running {
        return check_running::run(arguments.json, directory);
    }
    let settings = load(directory)?;
    let trace = arguments.trace.as_deref().map(TraceFile::create).transpose()?;
    for file in &settings.files {
        say(format!("settings      {}: {}", file.display(), app::found(file)));
    }
    let certificates_are_usable = check_certificates(&settings);
    let system = actix_web::rt::System::new();
    let mut can_start = say_all("start", system.block_on(app::rehearse(&settings)));
    let mut ipam_is_well = true;
    if !arguments.settings_only {
        can_start &= say_all("start", app::check_state_directory(&settings.server.state_directory));
        ipam_is_well &= system.block_on(check_database(&settings));
        ipam_is_well &= system.block_on(check_ledger(&settings));
        ipam_is_well &= system.block_on(check_tokens(&settings));
    }
    match system.block_on(build(settings, trace.as_ref().map(|file| file.trace.clone()))) {
        Err(fault) => can_start &= say_all("start", [fault]),
        Ok(serving) if !arguments.settings_only => {
            ipam_is_well &= system.block_on(check_ipam(&serving));
            ipam_is_well &= system.block_on(check_names::run(&serving.names));
        }
        Ok(_) => {}
    }
    trace.map_or(Ok(()), TraceFile::finish)?;
    if !certificates_are_usable {
        Err(CommandError::Said(WRONG_SETTINGS))
    } else if can_start && ipam_is_well {
        Ok(())
    } else {
        Err(CommandError::Said(1))
    }
}

/// Prints findings, and answers whether none is a fault.
fn say_all(subject: &str, findings: impl IntoIterator<Item = Finding>) -> bool {
    let mut has_no_fault = true;
    for finding in findings {
        has_no_fault &= finding.severity < Severity::Fault;
        say(format!("{subject:<13} {finding}"));
    }
    has_no_fault
}

fn check_certificates(settings: &Settings) -> bool {
    let Some(tls) = &settings.tls else {
        say("certificates  none; the proxy serves plain HTTP only");
        return true;
    };
    say_all("certificates", tls::report(&tls.files, &tls.policy, jiff::Timestamp::now()))
}

/// Asks the database that several proxies share, where there is one. It is not changed.
async fn check_database(settings: &Settings) -> bool {
    let Some(database) = &settings.database else { return true };
    let mut is_well = true;
    for found in holds::check_database(database).await {
        is_well &= found.is_ok();
        match found {
            Ok(what) => say(format!("database      ok: {what}")),
            Err(what) => say(format!("database      fault: {what}")),
        }
    }
    is_well
}

/// Reads the ledger, where there is one. It is not changed.
async fn check_ledger(settings: &Settings) -> bool {
    let days = settings.holds.ledger_days;
    if days == 0 {
        say("ledger        none: ledger_days is 0");
        return true;
    }
    let place = Place::of(&settings.server.state_directory, settings.database.as_ref());
    let read = async {
        let records = Records::open(place.clone())?;
        records.page(&Query::default(), None, 1).await.map(drop)
    };
    match read.await {
        Ok(()) => say(format!("ledger        ok: in {place}, for {days} days")),
        Err(LedgerError::Missing(_)) => say(format!("ledger        ok: the proxy makes {place} when it starts")),
        Err(error) => {
            say(format!("ledger        fault: {error}"));
            return false;
        }
    }
    true
}

/// Reads the tokens of the management API, where it is on. They are not changed.
async fn check_tokens(settings: &Settings) -> bool {
    if settings.api.listener.is_none() {
        return true;
    }
    let place = Table::place(&settings.server.state_directory, settings.database.as_ref());
    let read = async { Table::open(place.clone())?.list().await };
    match read.await {
        Ok(tokens) if tokens.is_empty() && settings.api.certificates.is_empty() => {
            say("API           warning: there is no token, and no certificate is listed, so that nobody may use it");
        }
        Ok(tokens) => say(format!("API           ok: its tokens are in {place}; there are {}", tokens.len())),
        Err(error) => {
            say(format!("API           fault: {error}"));
            return false;
        }
    }
    true
}

/// Builds what handlers work with, without asking the IPAM. A running proxy is not disturbed: the holds here are others.
async fn build(settings: Settings, trace: Option<Trace>) -> Result<Serving, Finding> {
    let built = app::serving(settings, &Runtime::beside(), Purpose::Check(trace));
    built.map_err(|error| Finding { severity: Severity::Fault, text: with_causes(&error) })
}

/// Asks the IPAM, and prints what Foreman would be told.
async fn check_ipam(serving: &Serving) -> bool {
    let mut is_well = true;
    for Probe { what, outcome } in serving.allocator.provider().probe().await {
        match outcome {
            Ok(()) => say(format!("IPAM          ok: {what}")),
            Err(error) => {
                is_well = false;
                // With the cause, which nobody but the log is told otherwise: a command has no log.
                say(format!("IPAM          fault: {what}: {}", with_causes(&error)));
            }
        }
    }
    for sentence in serving.allocator.provider().shared_groups().await {
        say(format!("IPAM          warning: {sentence}"));
    }
    say(format!("/v2/features  {}", details_of(serving)));
    say(format!("/version      {}", version_of(serving)));
    is_well
}
