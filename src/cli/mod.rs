//! The command line.

mod check;
mod check_file;
mod check_names;
mod check_running;
mod compared;
#[cfg(feature = "internal")]
mod demo;
mod group_name;
mod holds;
mod import;
mod ledger;
mod orphans;
mod output;
mod prompt;
mod reconcile;
mod register;
mod running;
mod serve;
mod setup;
#[cfg(feature = "internal")]
mod store;
mod time;
mod token;
mod trace_file;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::registry::PROVIDERS;
use crate::settings::{self, Faults, Settings};

/// The exit code for wrong settings: `EX_CONFIG` of sysexits(3).
const WRONG_SETTINGS: u8 = 78;

/// A Foreman Smart Proxy for External IPAM.
///
/// Exit codes: 0 all is well, 1 the command failed, 2 the command line is wrong, 78 the settings are wrong.
#[derive(Debug, Parser)]
#[command(name = "foreman-ipam-proxy", version, max_term_width = 100)]
pub struct Arguments {
    /// The directory with settings.yml and settings.d.
    #[arg(long, global = true, value_name = "DIR", default_value = settings::DIRECTORY)]
    config_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy.
    Serve(serve::Arguments),
    /// Write the settings, with questions or from options, check them, and register the proxy in Foreman.
    ///
    /// What is written is shown first; a file that is changed keeps all its other lines, and its former self stays beside
    /// it with .bak behind its name. It can be run again: what is there is proposed.
    #[command(after_long_help = setup::EXAMPLES)]
    Setup(Box<setup::Arguments>),
    /// Register the proxy in Foreman, which must be able to reach it: it must be running.
    ///
    /// It can be repeated: the Smart Proxy is found by its address or name, a changed address is written, and Foreman
    /// fetches the features again. It fails unless Foreman then has the features External IPAM and Logs.
    #[command(after_long_help = register::REGISTER_EXAMPLES)]
    Register(register::Arguments),
    /// Make Foreman fetch the proxy's features again, as after a change of the IPAM.
    Refresh(register::Arguments),
    /// Remove the proxy from Foreman, unless subnets there use it as External IPAM.
    Unregister(register::Unregister),
    /// Validate settings and certificates, ask the IPAM, and print what Foreman would see.
    ///
    /// With --running, ask the proxy that runs whether it serves and what trouble it knows of.
    Check(check::Arguments),
    /// Validate one file of settings alone, before it is put in place.
    CheckFile(check_file::Arguments),
    /// Show or free the addresses that are held for hosts being created.
    #[command(subcommand)]
    Holds(holds::Command),
    /// Show who added or deleted which address, and when.
    ///
    /// Every write through the proxy is recorded, also one that failed. It works while the proxy runs.
    #[command(after_long_help = ledger::EXAMPLES)]
    Ledger(ledger::Arguments),
    /// Make, list or revoke tokens for the management API.
    ///
    /// It works while the proxy runs, at once.
    #[command(subcommand, after_long_help = token::EXAMPLES)]
    Token(token::Command),
    /// Find and release addresses that were added for hosts which Foreman does not have.
    ///
    /// When the creation of a host fails, Foreman does not release its address. Foreman is asked as whom foreman_names.yml says,
    /// and the commands work while the proxy runs.
    #[command(subcommand)]
    Orphans(orphans::Command),
    /// Compare Foreman, the ledger and the IPAM: what is missing, leaked, recorded for another host, or used twice.
    ///
    /// Foreman is asked as whom foreman_names.yml says. Nothing is changed without --restore.
    #[command(after_long_help = reconcile::EXAMPLES)]
    Reconcile(reconcile::Arguments),
    /// Add all that a CSV file has to the embedded IPAM, or what Foreman has to any IPAM.
    ///
    /// Of a CSV file nothing is added when anything in it is wrong.
    #[command(after_long_help = import::EXAMPLES)]
    Import(Box<import::Arguments>),
    #[cfg(feature = "internal")]
    #[command(flatten)]
    Store(store::Command),
}

/// A command that did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] Faults),
    /// A file that the settings name cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// Anything else; the text says what, and what to do.
    #[error("{0}")]
    Failed(String),
    /// Failed, and all is said already.
    #[error("failed")]
    Said(u8),
}

impl CommandError {
    /// A failure of this text.
    pub(crate) fn failed(text: impl ToString) -> Self {
        Self::Failed(text.to_string())
    }
}

type Outcome = Result<(), CommandError>;

/// Runs the command and tells how it ended.
pub fn run(arguments: Arguments) -> ExitCode {
    let directory = &arguments.config_dir;
    let outcome = match arguments.command {
        Command::Serve(serve) => serve::run(serve, directory),
        Command::Setup(setup) => setup::run(&setup, directory),
        Command::Register(register) => register::run(&register, directory),
        Command::Refresh(register) => register::refresh(&register, directory),
        Command::Unregister(register) => register::unregister(&register, directory),
        Command::Check(check) => check::run(&check, directory),
        Command::CheckFile(check) => check_file::run(&check),
        Command::Holds(holds) => holds::run(holds, directory),
        Command::Ledger(ledger) => ledger::run(ledger, directory),
        Command::Token(token) => token::run(token, directory),
        Command::Orphans(orphans) => orphans::run(orphans, directory),
        Command::Reconcile(reconcile) => reconcile::run(&reconcile, directory),
        Command::Import(import) => import::run(&import, directory),
        #[cfg(feature = "internal")]
        Command::Store(store) => store::run(store, directory),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !matches!(error, CommandError::Said(_)) {
                output::complain(&error);
            }
            match error {
                CommandError::Settings(_) | CommandError::Unusable(_) => ExitCode::from(WRONG_SETTINGS),
                CommandError::Failed(_) => ExitCode::FAILURE,
                CommandError::Said(code) => ExitCode::from(code),
            }
        }
    }
}

/// The settings in a directory, with warnings told.
fn load(directory: &Path) -> Result<Settings, CommandError> {
    let settings = Settings::load(directory, PROVIDERS)?;
    for warning in &settings.warnings {
        output::warn(warning);
    }
    Ok(settings)
}
