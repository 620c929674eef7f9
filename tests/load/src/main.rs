//! Plays many Foremans against a proxy; see the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    ipam_load::program::main(&ipam_load::program::Arguments::parse())
}
