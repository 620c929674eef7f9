//! `import` and `export`: the whole store as CSV.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use ipam_provider::state_files::directory_of;
use ipam_store::{Imported, Rows, Store, StoreError};
use tempfile::NamedTempFile;

use super::place::Place;
use super::progress::Bar;
use crate::cli::output::say;
use crate::cli::{CommandError, Outcome};

/// U+FEFF at the beginning of a text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The name that stands for standard input or output.
const STANDARD: &str = "-";

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// The CSV file to create, or - for standard output.
    #[arg(default_value = STANDARD)]
    file: PathBuf,
    /// Begin the file with a byte order mark, by which Excel knows UTF-8.
    #[arg(long)]
    bom: bool,
    #[command(flatten)]
    place: Place,
}

/// Adds what a CSV file has.
pub(in crate::cli) fn import(file: &Path, place: &Place, directory: &Path) -> Outcome {
    let located = place.locate(directory)?;
    let unreadable = |error: io::Error| CommandError::failed(format!("{} cannot be read: {error}", file.display()));
    let bar = Bar::new();
    // Others can write to the store until all rows are read.
    let rows = if file.as_os_str() == STANDARD {
        Rows::read(io::stdin().lock(), None, &bar)
    } else {
        let text = File::open(file).map_err(unreadable)?;
        let length = text.metadata().map_err(unreadable)?.len();
        // What is no file, such as a pipe, has no length.
        Rows::read(text, Some(length).filter(|length| *length > 0), &bar)
    }?;
    let imported = located.write_or_create(|writing| writing.add_rows(&rows, &bar))?;
    drop(bar);
    say(format!("Imported {}", counted(imported)));
    Ok(())
}

/// How much was added, in words.
pub(super) fn counted(imported: Imported) -> String {
    let Imported { groups, plans, plan_allocations, subnets, excluded_ranges, addresses } = imported;
    let of_plans = match (plans, plan_allocations) {
        (0, 0) => String::new(),
        _ => format!("plans: {plans}, allocations of plans: {plan_allocations}, "),
    };
    format!(
        "groups: {groups}, {of_plans}subnets: {subnets}, excluded ranges: {excluded_ranges}, addresses: {addresses}"
    )
}

pub(super) fn export(arguments: &Export, directory: &Path) -> Outcome {
    let store = arguments.place.locate(directory)?.open()?;
    let mark = if arguments.bom { BYTE_ORDER_MARK } else { "" };
    if arguments.file.as_os_str() == STANDARD {
        let mut out = io::stdout().lock();
        let exported = write_mark(&mut out, mark).and_then(|()| store.export(out));
        return match exported {
            // A reader who has gone away, as `head` does, is no failure.
            Err(StoreError::Export(error)) if is_broken_pipe(&error) => Ok(()),
            outcome => Ok(outcome?),
        };
    }
    export_to(&store, &arguments.file, mark)
}

/// A write that fails is one of the CSV file, whatever of it is written.
fn write_mark(mut to: impl Write, mark: &str) -> Result<(), StoreError> {
    to.write_all(mark.as_bytes()).map_err(|error| StoreError::Export(error.into()))
}

fn is_broken_pipe(error: &csv::Error) -> bool {
    matches!(error.kind(), csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes to a new file, which has its name only when it is whole.
fn export_to(store: &Store, path: &Path, mark: &str) -> Outcome {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::FileExists(path.to_owned()).into(),
        _ => CommandError::failed(format!("{} cannot be written: {error}", path.display())),
    };
    if path.try_exists().map_err(failed)? {
        return Err(StoreError::FileExists(path.to_owned()).into());
    }
    let draft = NamedTempFile::new_in(directory_of(path)).map_err(failed)?;
    write_mark(&draft, mark)?;
    store.export(&draft)?;
    draft.as_file().sync_all().map_err(failed)?;
    draft.persist_noclobber(path).map_err(|error| failed(error.error))?;
    Ok(())
}
