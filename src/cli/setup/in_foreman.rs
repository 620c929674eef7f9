//! `setup --webhooks` and `setup --sweep`: what names of hosts need in Foreman.

use std::path::Path;

use super::super::output::say;
use super::super::prompt::Prompt;
use super::super::register::wait_for;
use super::super::{Outcome, load};
use super::Arguments;
use crate::registration::{report, webhooks};

/// Creates or removes it. The settings stay as they are.
pub(super) fn run(arguments: &Arguments, directory: &Path, prompt: Prompt) -> Outcome {
    let settings = load(directory)?;
    let target = format!("{}/hooks/foreman", arguments.identity.wanted(&settings)?.url);
    let foreman = arguments.connection.open(&settings, prompt)?;
    let names = &settings.foreman_names;
    let token = names.webhook_token.as_ref();
    let done = wait_for(async {
        let mut done = Vec::new();
        if arguments.sweep {
            done.extend(if arguments.remove {
                report::remove(&foreman).await?
            } else {
                report::create(&foreman).await?
            });
        }
        if arguments.webhooks {
            done.extend(if arguments.remove {
                webhooks::remove(&foreman, &target).await?
            } else {
                webhooks::create(&foreman, &target, token).await?
            });
        }
        Ok(done)
    })?;
    for done in &done {
        say(format!("{:<13} {}", done.what, done.name));
    }
    if done.is_empty() && arguments.webhooks {
        say(format!("removed       nothing: Foreman has no webhooks to {target}"));
    } else if done.is_empty() {
        say("removed       nothing: Foreman has no such report template");
    }
    if !arguments.remove && arguments.webhooks && !names.webhooks {
        say("next          set webhooks: true in settings.d/foreman_names.yml, and reload the proxy");
    }
    if !arguments.remove && arguments.sweep && names.sweep_every.is_none() {
        say("next          set sweep_every_seconds: 86400 in settings.d/foreman_names.yml, and reload the proxy");
    }
    Ok(())
}
