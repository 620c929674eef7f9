//! The command `foreman-ipam-proxy`.

use std::process::ExitCode;

use clap::Parser;
use foreman_ipam_proxy::cli::{self, Arguments};

fn main() -> ExitCode {
    cli::run(Arguments::parse())
}
