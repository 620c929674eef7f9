//! `setup --webhooks`: Foreman's webhooks that report changed hosts to this proxy.

use std::path::Path;

use super::super::output::say;
use super::super::prompt::Prompt;
use super::super::register::wait_for;
use super::super::{Outcome, load};
use super::Arguments;
use crate::registration::webhooks;

/// Creates or removes them. The settings stay as they are.
pub(super) fn run(arguments: &Arguments, directory: &Path, prompt: Prompt) -> Outcome {
    let settings = load(directory)?;
    let target = format!("{}/hooks/foreman", arguments.identity.wanted(&settings)?.url);
    let foreman = arguments.connection.open(&settings, prompt)?;
    let names = &settings.foreman_names;
    let done = wait_for(async {
        Ok(if arguments.remove {
            webhooks::remove(&foreman, &target).await?
        } else {
            webhooks::create(&foreman, &target, names.webhook_token.as_ref()).await?
        })
    })?;
    for done in &done {
        say(format!("{:<13} {}", done.what, done.name));
    }
    if done.is_empty() {
        say(format!("removed       nothing: Foreman has no webhooks to {target}"));
    }
    if !arguments.remove && !names.webhooks {
        say("next          set webhooks: true in settings.d/foreman_names.yml, and reload the proxy");
    }
    Ok(())
}
