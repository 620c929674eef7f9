//! What commands print: results to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// Text for a terminal: a record that was imported may hold anything.
pub(super) fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(plain).collect()
}

/// Prints a line of the result. A reader who has gone away, as `head` does, is no failure.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints why a command failed.
pub(super) fn complain(error: &dyn Display) {
    let _ = writeln!(io::stderr(), "foreman-ipam-proxy: {error}");
}

/// Prints what is odd but stops nothing.
pub(super) fn warn(warning: &dyn Display) {
    let _ = writeln!(io::stderr(), "foreman-ipam-proxy: warning: {warning}");
}

/// Shows a person at a terminal how far a long command is, in place of what was shown before.
pub(super) fn show_progress(line: impl Display) {
    let mut out = io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\r{line}");
    }
}

/// Ends what [`show_progress`] has shown.
pub(super) fn end_progress() {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr());
    }
}

/// Prints a value for programs.
pub(super) fn say_json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).expect("records of texts and numbers are JSON");
    say(text);
}

/// Prints rows under headings, each column as wide as its widest cell.
pub(super) fn say_table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    });
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    say(line(headings));
    for row in rows {
        say(line(std::array::from_fn(|column| row[column].as_str())));
    }
}
