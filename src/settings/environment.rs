//! Environment variables that override settings.
//!
//! `FOREMAN_IPAM_PROXY__HTTP_PORT` overrides `http_port` of `settings.yml`,
//! `FOREMAN_IPAM_PROXY__EXTERNALIPAM__HOLD_SECONDS` overrides `hold_seconds` of `settings.d/externalipam.yml`, and
//! `FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKEN` overrides `token` of `settings.d/externalipam_netbox.yml`. An empty
//! variable unsets what the file says.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use ipam_provider::settings::Problem;

/// What the name of each variable for a setting begins with.
const PREFIX: &str = "FOREMAN_IPAM_PROXY__";

/// What stands between the name of a file and the key.
const SEPARATOR: &str = "__";

/// The part of the environment that concerns the settings.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    overrides: Vec<Override>,
    state_directory: Option<PathBuf>,
    problems: Vec<Problem>,
}

/// One variable that overrides one key.
#[derive(Clone)]
pub(super) struct Override {
    /// The file it belongs to, without directory and ending; `None` for `settings.yml`.
    file: Option<String>,
    /// The key, as it is written in files.
    pub(super) key: String,
    /// Always text; the readers of [`Section`](ipam_provider::settings::Section) know how numbers look in text.
    pub(super) value: String,
    /// Where the value comes from, for people.
    pub(super) origin: String,
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn of_process() -> Self {
        Self::new(std::env::vars_os())
    }

    /// The settings in these variables; all others are passed over.
    pub(crate) fn new<N: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables: BTreeMap<OsString, OsString> =
            variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut environment = Self::default();
        for (name, value) in &variables {
            if name == "STATE_DIRECTORY" {
                environment.state_directory = first_path(value);
            } else if name.to_string_lossy().starts_with(PREFIX) {
                match parse(name, value) {
                    Ok(found) => environment.overrides.push(found),
                    Err(problem) => environment.problems.push(problem),
                }
            }
        }
        environment
    }

    /// The directory that systemd made for us (`StateDirectory=` in the unit file).
    pub(super) fn state_directory(&self) -> Option<PathBuf> {
        self.state_directory.clone()
    }

    /// The overrides for a file, named without directory and ending; `None` stands for `settings.yml`.
    pub(super) fn overrides<'a>(&'a self, file: Option<&'a str>) -> impl Iterator<Item = &'a Override> {
        self.overrides.iter().filter(move |found| found.file.as_deref() == file)
    }

    /// Variables that can be no setting, and those for a file that is not among `files`.
    pub(super) fn problems(&self, files: &[String]) -> Vec<Problem> {
        let is_stranger = |found: &&Override| found.file.as_ref().is_some_and(|file| !files.contains(file));
        let strangers = self.overrides.iter().filter(is_stranger).map(|found| Problem {
            file: found.origin.clone(),
            key: None,
            what: "is for a file that does not exist in this build".to_owned(),
            right: format!("between {PREFIX} and {SEPARATOR} write one of: {}", files.join(", ").to_uppercase()),
        });
        self.problems.iter().cloned().chain(strangers).collect()
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<&str> = self.overrides.iter().map(|found| found.origin.as_str()).collect();
        f.debug_struct("Environment")
            .field("overrides", &origins)
            .field("state_directory", &self.state_directory)
            .field("problems", &self.problems)
            .finish()
    }
}

/// The variable that overrides a key; `file` is the file that it belongs to, without directory and ending, and `None` for
/// `settings.yml`.
pub(crate) fn variable_of(file: Option<&str>, key: &str) -> String {
    let file = file.map(|file| format!("{file}{SEPARATOR}")).unwrap_or_default();
    format!("{PREFIX}{file}{key}").to_uppercase()
}

/// systemd separates several state directories with colons; the first is the one to use.
fn first_path(value: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(value).next().filter(|path| path.is_absolute())
}

fn parse(name: &OsStr, value: &OsStr) -> Result<Override, Problem> {
    let origin = format!("environment variable {}", name.to_string_lossy());
    let problem = |what: &str, right: &str| Problem {
        file: origin.clone(),
        key: None,
        what: what.to_owned(),
        right: right.to_owned(),
    };
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let rest = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).unwrap_or_default();
    let (file, key) = match rest.split_once(SEPARATOR) {
        Some((file, key)) => (Some(file.to_lowercase()), key),
        None => (None, rest),
    };
    if key.is_empty() || !rest.chars().all(is_name) {
        return Err(problem(
            "is not the name of a setting",
            "write the key in upper case, such as FOREMAN_IPAM_PROXY__HTTP_PORT",
        ));
    }
    let value = value.to_str().ok_or_else(|| problem("is not UTF-8", "write UTF-8 text"))?;
    Ok(Override { file, key: key.to_lowercase(), value: value.to_owned(), origin })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn texts(problems: &[Problem]) -> Vec<String> {
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_name_gives_file_and_key() {
        let environment = Environment::new([
            ("FOREMAN_IPAM_PROXY__HTTP_PORT", "8000"),
            ("FOREMAN_IPAM_PROXY__EXTERNALIPAM__HOLD_SECONDS", "60"),
            ("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKEN", "geheim"),
            ("FOREMAN_IPAM_PROXYX", "another program's"),
            ("HOME", "/root"),
        ]);
        let found = |file| -> Vec<(String, String)> {
            environment.overrides(file).map(|found| (found.key.clone(), found.value.clone())).collect()
        };
        assert_eq!(found(None), [("http_port".to_owned(), "8000".to_owned())]);
        assert_eq!(found(Some("externalipam")), [("hold_seconds".to_owned(), "60".to_owned())]);
        assert_eq!(found(Some("externalipam_netbox")), [("token".to_owned(), "geheim".to_owned())]);
        assert!(!format!("{environment:?}").contains("geheim"));
    }

    #[test]
    fn variables_that_can_be_no_setting_are_faults() {
        let not_utf8 = OsString::from_vec(vec![b'g', 0xff]);
        let environment = Environment::new([
            ("FOREMAN_IPAM_PROXY__".into(), OsString::from("geheim")),
            ("FOREMAN_IPAM_PROXY__http_port".into(), "geheim".into()),
            ("FOREMAN_IPAM_PROXY__EXTERNALIPAM__".into(), "geheim".into()),
            ("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOKS__URL".into(), "geheim".into()),
            ("FOREMAN_IPAM_PROXY__LOG_FILE".into(), not_utf8),
            (OsString::from_vec(b"FOREMAN_IPAM_PROXY__A\xff".to_vec()), "geheim".into()),
        ]);
        let files = ["externalipam".to_owned(), "externalipam_netbox".to_owned()];
        insta::assert_snapshot!(texts(&environment.problems(&files)).join("\n"), @r"
        environment variable FOREMAN_IPAM_PROXY__: is not the name of a setting; write the key in upper case, such as FOREMAN_IPAM_PROXY__HTTP_PORT
        environment variable FOREMAN_IPAM_PROXY__A�: is not the name of a setting; write the key in upper case, such as FOREMAN_IPAM_PROXY__HTTP_PORT
        environment variable FOREMAN_IPAM_PROXY__EXTERNALIPAM__: is not the name of a setting; write the key in upper case, such as FOREMAN_IPAM_PROXY__HTTP_PORT
        environment variable FOREMAN_IPAM_PROXY__LOG_FILE: is not UTF-8; write UTF-8 text
        environment variable FOREMAN_IPAM_PROXY__http_port: is not the name of a setting; write the key in upper case, such as FOREMAN_IPAM_PROXY__HTTP_PORT
        environment variable FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOKS__URL: is for a file that does not exist in this build; between FOREMAN_IPAM_PROXY__ and __ write one of: EXTERNALIPAM, EXTERNALIPAM_NETBOX
        ");
    }

    #[test]
    fn the_first_state_directory_counts() {
        let directory = |value: &str| Environment::new([("STATE_DIRECTORY", value)]).state_directory();
        assert_eq!(directory("/var/lib/a:/var/lib/b"), Some(PathBuf::from("/var/lib/a")));
        assert_eq!(directory("/var/lib/a"), Some(PathBuf::from("/var/lib/a")));
        assert_eq!(directory("relative"), None);
        assert_eq!(directory(""), None);
    }
}
