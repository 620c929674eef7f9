//! `check-file`: one file of settings alone. Tools that write settings ask this before they put a file in place.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::output::{say, warn};
use crate::registry::PROVIDERS;
use crate::settings;

/// Arguments of `check-file`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which file of settings it is to be: settings.yml, externalipam.yml or `externalipam_<provider>.yml`.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// The file to validate, wherever it is and whatever it is called. Other files and the environment play no part.
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let Arguments { name, file } = arguments;
    for warning in settings::check_file(name, file, PROVIDERS)? {
        warn(&warning);
    }
    say(format!("{}: right, as {name}", file.display()));
    Ok(())
}
