//! `register`, `refresh` and `unregister`: this proxy in Foreman's list of Smart Proxies.

mod connection;

use std::path::Path;

use clap::Args;

use super::output::{say, warn};
use super::prompt::Prompt;
use super::{CommandError, Outcome, load};
use crate::registration::{self, Change, FEATURES, Registered, Registrar, Unregistered, numbers};
use crate::settings::Settings;

pub(super) use connection::{Connection, Identity, secret_in, variable};

/// Arguments of `register`, `refresh` and `unregister`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    identity: Identity,
    /// Ask nothing: what is missing is an error.
    #[arg(long)]
    non_interactive: bool,
}

impl Arguments {
    fn prompt(&self) -> Prompt {
        if self.non_interactive { Prompt::Never } else { Prompt::Ask }
    }
}

/// Arguments of `unregister`.
#[derive(Debug, Args)]
pub(super) struct Unregister {
    #[command(flatten)]
    common: Arguments,
    /// Remove the proxy though subnets use it, without looking at them: Foreman can then neither save these subnets nor
    /// delete their hosts until another proxy is chosen.
    #[arg(long)]
    force: bool,
}

/// What an example of each command shows.
pub(super) const REGISTER_EXAMPLES: &str = "\
Examples:
  On Foreman's own host, whose settings have the consumer key and secret:
    foreman-ipam-proxy register
  Elsewhere, as a user, with a question for the password:
    foreman-ipam-proxy register --user admin
  In a script:
    foreman-ipam-proxy register --user admin --password-file /root/foreman-password --non-interactive";

/// `register`.
pub(super) fn run(arguments: &Arguments, directory: &Path) -> Outcome {
    register(&load(directory)?, &arguments.connection, &arguments.identity, arguments.prompt())
}

/// Registers the proxy of these settings.
pub(super) fn register(settings: &Settings, connection: &Connection, identity: &Identity, prompt: Prompt) -> Outcome {
    let wanted = identity.wanted(settings)?;
    let registrar = Registrar::new(connection.open(settings, prompt)?);
    let (registered, orphaned) = wait_for(async {
        let registered = registrar.register(&wanted).await?;
        Ok((registered, registrar.orphaned_subnets().await))
    })?;
    let name = &registered.proxy.name;
    match &registered.change {
        Change::Created => say(format!("registered    {name} at {}", registered.proxy.url)),
        Change::Moved { from } => {
            say(format!("registered    {name} is now at {}, no longer at {from}", registered.proxy.url));
        }
        Change::Renamed { from } => say(format!("registered    {name}, formerly {from}, at {}", registered.proxy.url)),
        Change::Refreshed => {
            say(format!("registered    {name} at {} already; its features are fetched again", registered.proxy.url));
        }
    }
    tell(&registered, settings);
    match orphaned {
        Ok(orphaned) if orphaned.is_empty() => {}
        Ok(orphaned) => warn(&format!(
            "these subnets refer to a Smart Proxy that Foreman does not have any more, so that Foreman can neither save \
             them nor delete their hosts: {}; choose an External IPAM for each, or run: hammer subnet update --id ID \
             --externalipam-id {}",
            orphaned.join(", "),
            registered.proxy.id
        )),
        Err(error) => warn(&format!("the subnets in Foreman could not be looked at: {error}")),
    }
    if registered.change == Change::Created {
        say(
            "next          choose it as External IPAM of a subnet; where Foreman has organizations and locations, add it to them",
        );
    }
    if identity.proxy_url.is_some() && settings.server.proxy_url != identity.proxy_url {
        say(format!(
            "next          set proxy_url: '{}' in settings.yml, so that refresh and unregister need no --proxy-url",
            wanted.url
        ));
    }
    Ok(())
}

/// `refresh`.
pub(super) fn refresh(arguments: &Arguments, directory: &Path) -> Outcome {
    let settings = load(directory)?;
    let wanted = arguments.identity.wanted(&settings)?;
    let registrar = Registrar::new(arguments.connection.open(&settings, arguments.prompt())?);
    let refreshed = wait_for(registrar.refresh(&wanted))?;
    say(format!("refreshed     {} at {}", refreshed.proxy.name, refreshed.proxy.url));
    tell(&refreshed, &settings);
    Ok(())
}

/// `unregister`.
pub(super) fn unregister(arguments: &Unregister, directory: &Path) -> Outcome {
    let Unregister { common, force } = arguments;
    let settings = load(directory)?;
    let wanted = common.identity.wanted(&settings)?;
    let registrar = Registrar::new(common.connection.open(&settings, common.prompt())?);
    match wait_for(registrar.unregister(&wanted, *force))? {
        Some(Unregistered { proxy, looked_at }) => {
            if let Some(number) = looked_at {
                say(format!("subnets       {number} that {} may see, none of which uses it", registrar.who()));
            }
            say(format!("removed       {} at {}", proxy.name, proxy.url));
        }
        None => say(format!("removed       nothing: Foreman has neither {} nor {}", wanted.name, wanted.url)),
    }
    Ok(())
}

pub(super) fn wait_for<T>(call: impl Future<Output = Result<T, registration::Error>>) -> Result<T, CommandError> {
    Ok(actix_web::rt::System::new().block_on(call)?)
}

/// Says what Foreman has found, and what is odd about it.
fn tell(registered: &Registered, settings: &Settings) {
    say(format!("features      {}", FEATURES.join(", ")));
    let strange = registered.strange_features();
    if !strange.is_empty() {
        warn(&format!(
            "Foreman finds {} at {} too: another Smart Proxy answers there",
            strange.join(", "),
            registered.proxy.url
        ));
    }
    let Some(version) = &registered.foreman_version else { return };
    let (theirs, ours) = (numbers(version), numbers(&settings.server.foreman_version));
    if let (Some((major, minor)), Some(ours)) = (theirs, ours)
        && ours != (major, minor)
        && ours != (major, minor + 1)
    {
        warn(&format!(
            "Foreman is {version} and will show that versions differ; set foreman_version: '{major}.{minor}' in \
             settings.yml and reload the proxy"
        ));
    }
}

impl From<registration::Error> for CommandError {
    fn from(error: registration::Error) -> Self {
        Self::failed(error)
    }
}
