//! What is asked for `settings.yml` and for the choice of the IPAM: each key once, whatever the way its answer comes in.
//!
//! An answer comes from the command line, from the environment variable of that setting, from the Ruby proxy, or from a
//! person. What the file has already, or else what suits most, is proposed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::CommandError;
use super::super::output::{complain, say};
use super::super::prompt::{Answer, Prompt};
use super::super::register::variable;
use super::sheet::Sheet;
use crate::allocation::holds::Database;
use crate::registry::PROVIDERS;
use crate::settings::{provider_named, variable_of, web_url};

/// A key of a settings file that is asked for.
pub(super) struct Question<'a> {
    /// The key.
    pub(super) key: &'static str,
    /// What to write on the command line.
    pub(super) option: &'static str,
    /// What is asked.
    pub(super) text: &'a str,
    /// Reads an answer, or says what would be right.
    pub(super) read: fn(&str) -> Result<Value, String>,
}

pub(super) const FOREMAN_URL: Question<'static> = Question {
    key: "foreman_url",
    option: "--foreman-url URL",
    text: "Address of Foreman, such as https://foreman.example.com",
    read: url,
};
pub(super) const CERTIFICATE: Question<'static> = Question {
    key: "ssl_certificate",
    option: "--ssl-certificate FILE",
    text: "Certificate of this host, such as /etc/puppetlabs/puppet/ssl/certs/proxy.example.com.pem",
    read: file,
};
pub(super) const PRIVATE_KEY: Question<'static> = Question {
    key: "ssl_private_key",
    option: "--ssl-private-key FILE",
    text: "Private key of that certificate, such as /etc/puppetlabs/puppet/ssl/private_keys/proxy.example.com.pem",
    read: file,
};
pub(super) const CA_FILE: Question<'static> = Question {
    key: "ssl_ca_file",
    option: "--ssl-ca-file FILE",
    text: "Certificates of the CA that signed Foreman's certificate, such as /etc/puppetlabs/puppet/ssl/certs/ca.pem",
    read: file,
};
pub(super) const HTTPS_PORT: Question<'static> =
    Question { key: "https_port", option: "--https-port PORT", text: "Port for Foreman's calls", read: port };
pub(super) const TRUSTED_HOSTS: Question<'static> = Question {
    key: "trusted_hosts",
    option: "--trusted-hosts NAME,…",
    text: "Hosts that may call, by the names in their certificates",
    read: hosts,
};
pub(super) const PROVIDER: Question<'static> =
    Question { key: "use_provider", option: "--provider NAME", text: "IPAM", read: provider };
pub(super) const PROXY_URL: Question<'static> = Question {
    key: "proxy_url",
    option: "--proxy-url URL",
    text: "Address at which Foreman reaches this proxy",
    read: url,
};
pub(super) const FOREMAN_CA: Question<'static> = Question {
    key: "foreman_ssl_ca",
    option: "--foreman-ca FILE",
    text: "Certificates that Foreman's own may be signed by",
    read: file,
};
pub(super) const FOREMAN_VERSION: Question<'static> = Question {
    key: "foreman_version",
    option: "--foreman-version VERSION",
    text: "Version of Foreman",
    read: |text| Ok(text.into()),
};

pub(super) const DATABASE_URL: Question<'static> = Question {
    key: "database_url",
    option: "--database-url URL",
    text: "PostgreSQL that several proxies share",
    read: database,
};
pub(super) const DATABASE_PASSWORD_FILE: Question<'static> = Question {
    key: "database_password_file",
    option: "--database-password-file FILE",
    text: "File that holds the password for the database",
    read: |text| Ok(text.into()),
};

#[cfg(feature = "internal")]
pub(super) const STORE: Question<'static> = Question {
    key: "store",
    option: "--ipam store=FILE|database",
    text: "Where the embedded IPAM keeps its addresses: a file of this machine, or the database that the proxies share",
    read: store,
};

/// Asks, and remembers what nobody answered.
pub(super) struct Questions<'a> {
    prompt: Prompt,
    taken_over: &'a BTreeMap<String, Value>,
    missing: Vec<String>,
}

impl<'a> Questions<'a> {
    /// Questions for a file; `taken_over` has the answers of the Ruby proxy.
    pub(super) fn new(prompt: Prompt, taken_over: &'a BTreeMap<String, Value>) -> Self {
        Self { prompt, taken_over, missing: Vec::new() }
    }

    /// Finds an answer and puts it on the sheet. `given` comes from the command line; `proposed` is for a key that the
    /// sheet does not have.
    pub(super) fn settle(
        &mut self,
        sheet: &mut Sheet,
        question: &Question<'_>,
        given: Option<&str>,
        proposed: Option<Value>,
    ) -> Result<(), CommandError> {
        if self.settle_unasked(sheet, question, given)? {
            return Ok(());
        }
        let proposed = sheet.get(question.key).cloned().or(proposed);
        let shown = proposed.as_ref().map(shown);
        loop {
            match self.prompt.ask(question.text, shown.as_deref())? {
                // As it was proposed in words means as it is written.
                Answer::Given(text) if Some(&text) != shown.as_ref() => match (question.read)(&text) {
                    Ok(value) => {
                        sheet.set(question.key, value);
                        return Ok(());
                    }
                    Err(right) => say(format!("  {right}")),
                },
                Answer::Given(_) | Answer::AsProposed if proposed.is_none() => say("  An answer is needed."),
                Answer::None if proposed.is_none() => {
                    self.nobody_answers();
                    self.missing.push(format!("{}: {}", question.option, question.text));
                    return Ok(());
                }
                Answer::Given(_) | Answer::AsProposed | Answer::None => {
                    sheet.set(question.key, proposed.unwrap_or_default());
                    return Ok(());
                }
            }
        }
    }

    /// Puts an answer on the sheet that nobody need be asked for; `false` when there is none.
    pub(super) fn settle_unasked(
        &self,
        sheet: &mut Sheet,
        question: &Question<'_>,
        given: Option<&str>,
    ) -> Result<bool, CommandError> {
        let name = variable_of(None, question.key);
        let value = if let Some(text) = given {
            (question.read)(text).map_err(|right| misused(format!("{}: {right}", question.option)))?
        } else if let Some(text) = variable(&name) {
            (question.read)(&text).map_err(|right| CommandError::failed(format!("{name}: {right}")))?
        } else if let Some(value) = self.taken_over.get(question.key) {
            value.clone()
        } else {
            return Ok(false);
        };
        sheet.set(question.key, value);
        Ok(true)
    }

    /// From here on nobody is asked: standard input has ended.
    pub(super) fn nobody_answers(&mut self) {
        self.prompt = Prompt::Never;
    }

    /// Who is asked.
    pub(super) fn prompt(&self) -> Prompt {
        self.prompt
    }

    /// Notes an answer that is needed and was not there, by the option that gives it.
    pub(super) fn miss(&mut self, option: String) {
        self.missing.push(option);
    }

    /// An error with everything that nobody answered.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let missing = self.missing.iter().map(|option| format!("\n  {option}"));
        Err(misused(format!("answers are missing; give them with:{}", missing.collect::<String>())))
    }
}

/// The command line asks for what cannot be.
pub(super) fn misused(text: impl Display) -> CommandError {
    complain(&text);
    CommandError::Said(2)
}

/// A value as a person writes it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn url(text: &str) -> Result<Value, String> {
    let url = web_url(text).map(|url| url.trim_end_matches('/').into());
    url.ok_or_else(|| "Write https:// and the host, without user and password.".to_owned())
}

fn database(text: &str) -> Result<Value, String> {
    let read = Database::new(text, None, Duration::from_secs(1));
    read.map(|_| text.into()).map_err(|error| format!("Please {error}."))
}

#[cfg(feature = "internal")]
fn store(text: &str) -> Result<Value, String> {
    if text == "database" || Path::new(text).is_absolute() {
        Ok(text.into())
    } else {
        Err("Write database, or the absolute path of a file.".to_owned())
    }
}

fn file(text: &str) -> Result<Value, String> {
    let path = Path::new(text);
    if !path.is_absolute() {
        Err("Write the absolute path of a PEM file.".to_owned())
    } else if !path.is_file() {
        Err(format!("There is no file {text} that can be read; name a PEM file."))
    } else {
        Ok(text.into())
    }
}

fn port(text: &str) -> Result<Value, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(json!(port)),
        _ => Err("Write a number from 1 to 65535, such as 8443.".to_owned()),
    }
}

fn hosts(text: &str) -> Result<Value, String> {
    let hosts: Vec<&str> = text.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    let is_name = |host: &&str| !host.contains(|c: char| c.is_whitespace() || c == '/' || c == ':');
    if hosts.is_empty() || !hosts.iter().all(is_name) {
        return Err("Write names of hosts, separated by commas, such as foreman.example.com.".to_owned());
    }
    Ok(json!(hosts))
}

fn provider(text: &str) -> Result<Value, String> {
    let name = provider_named(text);
    let names: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
    if names.contains(&name) { Ok(name.into()) } else { Err(format!("Write one of: {}.", names.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        assert_eq!(url("https://foreman.example.com/"), Ok(json!("https://foreman.example.com")));
        assert!(url("foreman.example.com").is_err() && url("https://admin:geheim@foreman").is_err());
        assert_eq!(port("8443"), Ok(json!(8443)));
        assert!(port("https").is_err() && port("0").is_err() && port("70000").is_err());
        assert_eq!(hosts("a.example.com, b.example.com,"), Ok(json!(["a.example.com", "b.example.com"])));
        assert!(hosts(" , ").is_err() && hosts("https://a").is_err());
        assert!(file("relative.pem").is_err() && file("/nonexistent/file").is_err());
        assert_eq!(provider("externalipam_internal"), Ok(json!("internal")));
        assert!(provider("netboks").expect_err("a refusal").contains("internal"));
    }
}
