//! `check` of names from Foreman: whether Foreman can be asked, and how much of it the user may see.

use super::output::say;
use crate::foreman_api::{Error, Foreman, Inventory, Scope, Sight, Survey, Way};
use crate::names::Names;
use crate::telemetry::with_causes;

/// Asks Foreman, where a source of names is on; `false` for a fault. Nothing is changed.
pub(super) async fn run(names: &Names) -> bool {
    let Some(foreman) = &names.foreman else { return true };
    match look(foreman, names).await {
        Ok(()) => true,
        Err(error) => {
            say(format!("names         fault: {}", with_causes(&error)));
            false
        }
    }
}

async fn look(foreman: &Foreman, names: &Names) -> Result<(), Error> {
    let survey = foreman.survey(&|url| names.is_this_proxy(url)).await?;
    say(format!("names         ok: Foreman at {} knows the user {}", foreman.url(), survey.login));
    match survey.subnets.iter().filter(|subnet| subnet.uses_this_proxy).count() {
        0 => say(format!("names         warning: {}", names.no_subnet())),
        1 => say("names         ok: one subnet uses this proxy"),
        several => say(format!("names         ok: {several} subnets use this proxy")),
    }
    let Survey { sight, way, .. } = &survey;
    match way {
        Way::Report { .. } => {
            let Inventory { addresses, scope, .. } = foreman.inventory_by(survey).await?;
            say(format!("names         ok: {} addresses are read from Foreman", addresses.len()));
            match scope {
                Scope::Whole { why } => say(format!("names         ok: these are all: {why}")),
                Scope::Unproven { why } => say(format!("names         warning: these may not be all: {why}")),
            }
        }
        // To read them takes long.
        Way::HostByHost { why } => {
            if names.sweep_every.is_some() {
                say(format!("names         warning: a sweep asks for each host, which takes a minute for 1000: {why}"));
            }
            match sight {
                Sight::Everything { why } | Sight::Member { why } => {
                    say(format!("names         ok: all is visible: {why}"));
                }
                Sight::Unproven { why } => say(format!("names         warning: perhaps not all is visible: {why}")),
            }
        }
    }
    Ok(())
}
