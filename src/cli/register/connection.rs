//! How Foreman is reached, as whom, and what this proxy is called there.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use ipam_provider::settings::Secret;
use serde_json::Value;

use super::super::CommandError;
use super::super::output::warn;
use super::super::prompt::{Answer, Prompt};
use crate::foreman_api::{self, Consumer, Credentials, Foreman};
use crate::registration::{Wanted, own_url};
use crate::settings::{self, Settings};

/// Where Foreman's installer writes consumer key and secret.
const OAUTH_FILE: &str = "/etc/foreman/settings.yaml";

/// How Foreman's API is reached, and with which credentials. None of them is given on the command line itself, which
/// every user of the machine can see.
#[derive(Debug, Args)]
pub(in crate::cli) struct Connection {
    /// The address of Foreman [default: foreman_url in settings.yml].
    #[arg(long, value_name = "URL", help_heading = "Foreman")]
    pub(in crate::cli) foreman_url: Option<String>,
    /// PEM certificates that Foreman's own may be signed by, besides those of the system and of ssl_ca_file in settings.yml
    /// [default: foreman_ssl_ca in settings.yml].
    #[arg(long, value_name = "FILE", help_heading = "Foreman")]
    pub(in crate::cli) foreman_ca: Option<PathBuf>,
    /// A user of Foreman with the rights that the command needs [default: the environment variable FOREMAN_USER].
    #[arg(long, value_name = "LOGIN", help_heading = "Foreman")]
    user: Option<String>,
    /// A file with the password of that user, or a personal access token, in its first line [default: the environment
    /// variable FOREMAN_PASSWORD, else a question].
    #[arg(long, value_name = "FILE", help_heading = "Foreman")]
    password_file: Option<PathBuf>,
    /// A YAML file with oauth_consumer_key and oauth_consumer_secret, to be used when no user is given; the environment
    /// variables FOREMAN_OAUTH_CONSUMER_KEY and FOREMAN_OAUTH_CONSUMER_SECRET do as well [default:
    /// /etc/foreman/settings.yaml, which Foreman's own host has].
    #[arg(long, value_name = "FILE", help_heading = "Foreman", conflicts_with = "user")]
    oauth_file: Option<PathBuf>,
    /// With OAuth: the user in whose name it is done.
    #[arg(long, value_name = "LOGIN", help_heading = "Foreman", default_value = "admin")]
    as_user: String,
}

/// What this proxy is called in Foreman.
#[derive(Debug, Args)]
pub(in crate::cli) struct Identity {
    /// The name in Foreman, which must not be that of this host's Ruby Smart Proxy [default: the host in the address with
    /// "-ipam" behind it, or the name that Foreman has for the address].
    #[arg(long, value_name = "NAME", help_heading = "Foreman")]
    name: Option<String>,
    /// The address at which Foreman reaches this proxy [default: proxy_url in settings.yml, else https://, a name in the
    /// proxy's certificate, and https_port].
    #[arg(long, value_name = "URL", help_heading = "Foreman")]
    pub(in crate::cli) proxy_url: Option<String>,
}

impl Identity {
    /// Name and address for the proxy of these settings.
    pub(in crate::cli) fn wanted(&self, settings: &Settings) -> Result<Wanted, CommandError> {
        let certificate = settings.tls.as_ref().map(|tls| tls.files.certificate.as_path());
        let server = &settings.server;
        let given = self.proxy_url.as_deref().or(server.proxy_url.as_deref());
        let url = own_url(given, certificate, server.https_port, server.http_port)
            .map_err(|why| CommandError::failed(format!("{why}; give the address with --proxy-url")))?;
        Ok(Wanted::new(self.name.clone(), &url)?)
    }
}

impl Connection {
    /// Foreman, ready to be called.
    pub(in crate::cli) fn open(&self, settings: &Settings, prompt: Prompt) -> Result<Foreman, CommandError> {
        let given = self.foreman_url.as_deref().map(|url| {
            // Not shown: it may have a password in it.
            settings::web_url(url).ok_or_else(|| {
                CommandError::failed(
                    "--foreman-url is no address of Foreman; write https:// and the host, without user and password",
                )
            })
        });
        let url = given.transpose()?.or_else(|| settings.server.foreman_url.clone()).ok_or_else(|| {
            CommandError::failed(
                "the address of Foreman is not known; set foreman_url in settings.yml, or give --foreman-url",
            )
        })?;
        let of_clients = settings.tls.as_ref().map(|tls| &tls.files.ca_file);
        let of_foreman = self.foreman_ca.as_ref().or(settings.server.foreman_ssl_ca.as_ref());
        let authorities: Vec<PathBuf> = of_foreman.into_iter().chain(of_clients).cloned().collect();
        let credentials = self.credentials(prompt)?;
        if url.starts_with("http:") && matches!(credentials, Credentials::Basic { .. }) {
            warn(&format!("the password goes to {url} without encryption; write https:// into foreman_url"));
        }
        Ok(Foreman::new(&url, &authorities, credentials)?)
    }

    /// A user where one is named, else OAuth where key and secret are found, else questions.
    fn credentials(&self, prompt: Prompt) -> Result<Credentials, CommandError> {
        // What is on the command line wins over what is in the environment.
        let user = self.user.clone().or_else(|| variable("FOREMAN_USER").filter(|_| self.oauth_file.is_none()));
        if let Some(user) = user {
            return self.basic(user, prompt);
        }
        if let Some((consumer, origin)) = self.consumer()? {
            return Ok(Credentials::OAuth { consumer, origin, user: self.as_user.clone() });
        }
        match prompt.ask("User of Foreman", Some("admin"))? {
            Answer::Given(user) => self.basic(user, prompt),
            Answer::AsProposed => self.basic("admin".to_owned(), prompt),
            Answer::None => Err(CommandError::failed(format!(
                "there are no credentials for Foreman; give --user and --password-file (or FOREMAN_USER and \
                 FOREMAN_PASSWORD), or a file with oauth_consumer_key and oauth_consumer_secret with --oauth-file \
                 ({OAUTH_FILE} has none that can be read)"
            ))),
        }
    }

    fn basic(&self, user: String, prompt: Prompt) -> Result<Credentials, CommandError> {
        let password = match (&self.password_file, variable("FOREMAN_PASSWORD")) {
            (Some(file), _) => Some(secret_in(file)?),
            (None, Some(password)) => Some(Secret::from(password)),
            (None, None) => match prompt.ask_secret(&format!("Password of {user}"))? {
                Answer::Given(password) => Some(password),
                Answer::AsProposed | Answer::None => None,
            },
        };
        let password = password.ok_or_else(|| {
            CommandError::failed(format!("the password of {user} is missing; give --password-file or FOREMAN_PASSWORD"))
        })?;
        Ok(Credentials::Basic { user, password })
    }

    /// Key and secret, with the place where they are; `None` when they are not where Foreman's host has them.
    fn consumer(&self) -> Result<Option<(Consumer, String)>, CommandError> {
        if let Some(file) = &self.oauth_file {
            let consumer = consumer_in(file)?;
            return Ok(Some((consumer, file.display().to_string())));
        }
        if let (Some(key), Some(secret)) =
            (variable("FOREMAN_OAUTH_CONSUMER_KEY"), variable("FOREMAN_OAUTH_CONSUMER_SECRET"))
        {
            let consumer = Consumer { key, secret: Secret::from(secret) };
            return Ok(Some((consumer, "FOREMAN_OAUTH_CONSUMER_KEY and _SECRET".to_owned())));
        }
        // Nobody asked for this file: where it is of no use, the next way is tried.
        Ok(consumer_in(Path::new(OAUTH_FILE)).ok().map(|consumer| (consumer, OAUTH_FILE.to_owned())))
    }
}

fn consumer_in(file: &Path) -> Result<Consumer, CommandError> {
    let keys = settings::keys_of(&file.display().to_string(), &read(file)?)?;
    let text = |key: &str| keys.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    match (text("oauth_consumer_key"), text("oauth_consumer_secret")) {
        (Some(key), Some(secret)) => Ok(Consumer { key, secret: Secret::from(secret) }),
        _ => Err(CommandError::failed(format!(
            "{} lacks oauth_consumer_key or oauth_consumer_secret; both are in Foreman's settings under Authentication",
            file.display()
        ))),
    }
}

/// The first line of a file, without blanks at its ends.
pub(in crate::cli) fn secret_in(file: &Path) -> Result<Secret, CommandError> {
    let text = read(file)?;
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(Secret::from(line)),
        None => Err(CommandError::failed(format!(
            "{} has nothing in its first line; write the secret there",
            file.display()
        ))),
    }
}

fn read(file: &Path) -> Result<String, CommandError> {
    fs::read_to_string(file)
        .map_err(|error| CommandError::failed(format!("{} cannot be read: {error}", file.display())))
}

/// An environment variable that is set and not empty.
pub(in crate::cli) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl From<foreman_api::Error> for CommandError {
    fn from(error: foreman_api::Error) -> Self {
        Self::failed(error)
    }
}
