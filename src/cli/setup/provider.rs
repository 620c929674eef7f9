//! What the chosen provider needs: found by reading its settings, so that nothing here knows any provider.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ipam_provider::Registration;
use ipam_provider::settings::{Problem, Section, Setting};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::super::CommandError;
use super::super::output::say;
use super::super::prompt::Answer;
use super::super::register::secret_in;
use super::questions::{Questions, misused, shown};
use super::sheet::Sheet;
use crate::settings::{stem_of, variable_of};

/// `KEY=VALUE` of the command line.
#[derive(Debug, Clone)]
pub(super) struct Pair<T> {
    key: String,
    value: T,
}

/// Reads `KEY=VALUE`.
pub(super) fn pair(text: &str) -> Result<Pair<String>, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok(Pair { key: key.to_owned(), value: value.to_owned() })
        }
        _ => Err("write a key, an equals sign and a value, such as url=https://ipam.example.com".to_owned()),
    }
}

/// Reads `KEY=FILE`.
pub(super) fn pair_with_file(text: &str) -> Result<Pair<PathBuf>, String> {
    let Pair { key, value } = pair(text)?;
    Ok(Pair { key, value: value.into() })
}

/// The settings of one provider, as far as they are known.
pub(super) struct Interview<'a> {
    registration: Registration,
    sheet: &'a mut Sheet,
    secrets: BTreeSet<&'static str>,
    /// Keys that nobody need be asked for.
    settled: BTreeSet<String>,
}

/// What reading the settings finds.
struct Found {
    problems: Vec<Problem>,
    unknown: Vec<Problem>,
    secrets: BTreeSet<&'static str>,
}

impl<'a> Interview<'a> {
    /// Questions for the file of this provider.
    pub(super) fn new(registration: Registration, sheet: &'a mut Sheet) -> Self {
        let secrets = read(registration, "", Vec::new()).secrets;
        Self { registration, sheet, secrets, settled: BTreeSet::new() }
    }

    /// Takes the answers of the Ruby proxy.
    pub(super) fn take_over(&mut self, values: &BTreeMap<String, Value>) {
        for (key, value) in values {
            self.sheet.set(key, value.clone());
            self.settled.insert(key.clone());
        }
    }

    /// Takes the answers of the environment, and those of the command line, which wins.
    pub(super) fn take(&mut self, pairs: &[Pair<String>], files: &[Pair<PathBuf>]) -> Result<(), CommandError> {
        let prefix = self.variable("");
        for (name, value) in std::env::vars_os() {
            // What is no text is none of ours; reading the settings complains where it should be.
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
                && let Some(key) = name.strip_prefix(&prefix)
                && !value.is_empty()
            {
                self.settle(&key.to_lowercase(), value.to_owned());
            }
        }
        for Pair { key, value } in pairs {
            if self.secrets.contains(key.as_str()) {
                return Err(misused(format!(
                    "--ipam {key}=…: the command line can be seen by every user of this machine; write the secret into a \
                     file and name that with --ipam-file {key}=FILE"
                )));
            }
            self.settle(key, value.clone());
        }
        for Pair { key, value } in files {
            self.settle(key, secret_in(value)?.expose_secret().to_owned());
        }
        let found = self.read();
        if let Some(unknown) = found.unknown.first() {
            return Err(misused(unknown));
        }
        Ok(())
    }

    fn settle(&mut self, key: &str, text: String) {
        self.set(key, text);
        self.settled.insert(key.to_owned());
    }

    /// Keeps `false` as it stands when `false` is said: texts do for all kinds.
    fn set(&mut self, key: &str, text: String) {
        if self.sheet.get(key).map(shown).as_ref() != Some(&text) {
            self.sheet.set(key, text.into());
        }
    }

    /// Asks for what is needed until nothing is wrong.
    pub(super) fn ask(&mut self, questions: &mut Questions<'_>) -> Result<(), CommandError> {
        let needed = read(self.registration, "", Vec::new()).problems;
        for problem in needed {
            let Some(key) = &problem.key else { continue };
            if self.sheet.get(key).is_some() && !self.settled.contains(key) {
                self.ask_for(questions, &problem)?;
            }
        }
        loop {
            let problems = self.read().problems;
            let Some(problem) = problems.first() else { return Ok(()) };
            // What is no fault of one key, nobody can be asked for.
            if problem.key.is_none() || !self.ask_for(questions, problem)? {
                for problem in &problems {
                    questions.miss(self.option(problem));
                }
                return Ok(());
            }
        }
    }

    /// Asks for one key; `false` when nobody answers.
    fn ask_for(&mut self, questions: &mut Questions<'_>, problem: &Problem) -> Result<bool, CommandError> {
        let key = problem.key.as_deref().unwrap_or_default();
        let there = self.sheet.get(key).map(shown);
        loop {
            let question = format!("{key} ({})", problem.right);
            let answer = if self.secrets.contains(key) {
                let question = if there.is_some() { format!("{question} [unchanged]") } else { question };
                match questions.prompt().ask_secret(&question)? {
                    Answer::Given(secret) => Answer::Given(secret.expose_secret().to_owned()),
                    Answer::AsProposed => Answer::AsProposed,
                    Answer::None => Answer::None,
                }
            } else {
                questions.prompt().ask(&question, there.as_deref())?
            };
            match answer {
                Answer::None => {
                    questions.nobody_answers();
                    return Ok(there.is_some() && self.fault(key).is_none());
                }
                Answer::AsProposed if there.is_none() => {
                    say("  An answer is needed.");
                    continue;
                }
                Answer::AsProposed => {}
                Answer::Given(text) => self.set(key, without_quotes(&text).to_owned()),
            }
            match self.fault(key) {
                None => return Ok(true),
                Some(fault) => say(format!("  {key} {}; {}.", fault.what, fault.right)),
            }
        }
    }

    fn fault(&self, key: &str) -> Option<Problem> {
        self.read().problems.into_iter().find(|problem| problem.key.as_deref() == Some(key))
    }

    fn read(&self) -> Found {
        let values = self.sheet.values();
        read(self.registration, &self.sheet.path().display().to_string(), values.into_iter().collect())
    }

    /// How the command line or the environment would have given it.
    fn option(&self, problem: &Problem) -> String {
        match &problem.key {
            Some(key) if self.secrets.contains(key.as_str()) => {
                format!("--ipam-file {key}=FILE, or {}: {}", self.variable(key), problem.right)
            }
            Some(key) => format!("--ipam {key}=VALUE: {}", problem.right),
            None => problem.to_string(),
        }
    }

    fn variable(&self, key: &str) -> String {
        variable_of(Some(&stem_of(self.registration.name)), key)
    }

    /// The keys whose values are not shown.
    pub(super) fn into_secrets(self) -> BTreeSet<&'static str> {
        self.secrets
    }
}

/// People who know the file write quotes, as its description says; they are not part of the value there either.
fn without_quotes(text: &str) -> &str {
    let within = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    within('\'').or_else(|| within('"')).unwrap_or(text)
}

fn read(registration: Registration, file: &str, values: Vec<(String, Value)>) -> Found {
    let settings = values.into_iter().map(|(key, value)| (key, Setting { value, origin: None }));
    let mut section = Section::new(file, settings.collect());
    // The plan is not carried out.
    drop((registration.read)(&mut section));
    let findings = section.finish();
    Found { problems: findings.problems, unknown: findings.unknown, secrets: findings.secrets }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_around_an_answer_are_not_part_of_it() {
        assert_eq!(["'a'", "\"a\"", "a", "'a", "it's'"].map(without_quotes), ["a", "a", "a", "'a", "it's'"]);
    }

    #[test]
    fn pairs_have_a_key_and_a_value() {
        let url = pair("url=https://x?a=b").expect("a pair");
        assert_eq!((url.key.as_str(), url.value.as_str()), ("url", "https://x?a=b"));
        for text in ["url", "=x", "url=", ""] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}
