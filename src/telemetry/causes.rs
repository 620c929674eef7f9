//! Errors with what caused them.

use std::error::Error;

/// The error's text and, behind colons, those of its causes: `the log cannot be written to /x: No such file`.
///
/// For the log and the terminal only. A caller is told the error's own text.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        // Some errors repeat their cause in their own text.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}
