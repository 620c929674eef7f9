//! Questions to the person at the terminal, or to the program at the other end of a pipe.

use std::io::{self, IsTerminal, Write};

use ipam_provider::settings::Secret;

use super::CommandError;

/// Asks, or never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Questions go to standard output, answers come from standard input, one a line.
    Ask,
    /// Whoever called wants no questions.
    Never,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer<T> {
    /// This was said.
    Given(T),
    /// An empty line: as proposed.
    AsProposed,
    /// There is nobody to ask, or nothing more to read.
    None,
}

impl Prompt {
    /// Asks for one line; `proposed` is what an empty one stands for.
    pub(super) fn ask(self, question: &str, proposed: Option<&str>) -> Result<Answer<String>, CommandError> {
        if self == Self::Never {
            return Ok(Answer::None);
        }
        let proposed = proposed.map(|proposed| format!(" [{proposed}]")).unwrap_or_default();
        print(&format!("{question}{proposed}: "))?;
        read_line()
    }

    /// Asks for something that is not shown while it is typed.
    pub(super) fn ask_secret(self, question: &str) -> Result<Answer<Secret>, CommandError> {
        if self == Self::Never {
            return Ok(Answer::None);
        }
        let answer = if io::stdin().is_terminal() {
            let typed = rpassword::prompt_password(format!("{question}: ")).map_err(unreadable)?;
            if typed.is_empty() { Answer::AsProposed } else { Answer::Given(typed) }
        } else {
            print(&format!("{question}: "))?;
            read_line()?
        };
        Ok(match answer {
            Answer::Given(text) => Answer::Given(Secret::from(text)),
            Answer::AsProposed => Answer::AsProposed,
            Answer::None => Answer::None,
        })
    }

    /// Asks for yes or no; `None` when nobody answers.
    pub(super) fn confirm(self, question: &str, proposed: bool) -> Result<Option<bool>, CommandError> {
        loop {
            match self.ask(question, Some(if proposed { "yes" } else { "no" }))? {
                Answer::AsProposed => return Ok(Some(proposed)),
                Answer::None => return Ok(None),
                Answer::Given(text) => match text.to_lowercase().as_str() {
                    "y" | "yes" => return Ok(Some(true)),
                    "n" | "no" => return Ok(Some(false)),
                    _ => print("Write yes or no.\n")?,
                },
            }
        }
    }
}

fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| {
        CommandError::failed(format!("questions cannot be asked: {error}; answer with options and --non-interactive"))
    })
}

fn read_line() -> Result<Answer<String>, CommandError> {
    let mut line = String::new();
    if io::stdin().read_line(&mut line).map_err(unreadable)? == 0 {
        return Ok(Answer::None);
    }
    let text = line.trim();
    Ok(if text.is_empty() { Answer::AsProposed } else { Answer::Given(text.to_owned()) })
}

fn unreadable(error: io::Error) -> CommandError {
    CommandError::failed(format!("answers cannot be read: {error}; answer with options and --non-interactive"))
}
