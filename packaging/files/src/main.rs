//! Writes the files of a package that are made from others, so that nothing is said twice:
//!
//! | Below the output directory | From |
//! | --- | --- |
//! | `man/man8/*.8` | the command line, as clap knows it |
//! | `man/man5/*.5` | the examples in `settings.d`, which describe every setting |
//! | `completions/` for bash, zsh and fish | the command line |
//! | `settings.yml` | `settings.yml.example`, locked until somebody configures it |

mod commands;
mod example;
mod first_settings;
mod settings_pages;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use foreman_ipam_proxy::cli;

/// Write the manual pages, shell completions and first settings of a package.
#[derive(Debug, Parser)]
struct Arguments {
    /// The directory with the example settings.
    #[arg(long, value_name = "DIR", default_value = "settings.d")]
    examples: PathBuf,
    /// Where the files go. What is there already stays or is replaced.
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { examples, output } = Arguments::parse();
    let program = cli::Arguments::command();
    commands::write_pages(&program, &made(output.join("man/man8"))?)?;
    commands::write_completions(&program, &made(output.join("completions"))?)?;
    settings_pages::write(&examples, &made(output.join("man/man5"))?)?;
    let example = fs::read_to_string(examples.join("settings.yml.example"))?;
    fs::write(output.join("settings.yml"), first_settings::of(&example)?)?;
    Ok(())
}

/// The directory, which is there from now on.
fn made(directory: PathBuf) -> std::io::Result<PathBuf> {
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// The examples in a directory, by name.
fn examples_in(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut examples = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "example") {
            examples.push(path);
        }
    }
    examples.sort();
    Ok(examples)
}
