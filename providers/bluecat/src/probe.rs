//! What `check` looks at: reachability, the user, what it may see and do, without changing anything.

use ipam_provider::{Error, ErrorKind, Probe, Probes, Result};

use crate::Settings;
use crate::address_manager::{AddressManager, Configuration};
use crate::hosts::no_zone;
use crate::vendor::{FULL_ADDRESSES, VIEW_NETWORKS, WHAT};
use crate::version::Versions;

pub(crate) async fn probe(versions: &Versions, settings: &Settings) -> Vec<Probe> {
    let mut probes = Probes::default();
    let (what, reached) = match reach(versions).await {
        Ok((version, api)) => (format!("BlueCat answers over {version} and accepts the user"), Ok(api)),
        Err(error) => ("BlueCat answers and accepts the user".to_owned(), Err(error)),
    };
    let api = match reached {
        Ok(api) => api,
        Err(error) => {
            // Everything else would fail in the same way.
            probes.note(what, Err(error));
            return probes.finish();
        }
    };
    probes.note(what, Ok(()));
    let configurations = configurations(api, settings).await;
    let what = match &settings.configuration {
        Some(name) => format!("there is the configuration {name}"),
        None => "there is a configuration that the user may see".to_owned(),
    };
    let configurations = match configurations {
        Ok(configurations) => {
            probes.note(what, Ok(()));
            configurations
        }
        Err(error) => {
            probes.note(what, Err(error));
            Vec::new()
        }
    };
    if let Some(first) = configurations.first() {
        let may_view = api.may_view_networks(first).await;
        probes.note(format!("the user has the access right: {VIEW_NETWORKS}"), may_view);
    }
    probes.note(format!("the user has the access right: {FULL_ADDRESSES}"), api.may_write().await);
    if let Some(dns) = &settings.dns {
        for configuration in &configurations {
            let outcome = match api.has_zone(configuration.id, dns).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(no_zone(dns)),
                Err(error) => Err(error),
            };
            probes.note(format!("the configuration {} has the zone {}", configuration.name, dns.zone), outcome);
        }
    }
    probes.finish()
}

async fn reach(versions: &Versions) -> Result<(String, &dyn AddressManager)> {
    let api = versions.api().await?;
    Ok((api.reach().await?, api))
}

/// Those that are served; none is an error here.
async fn configurations(api: &dyn AddressManager, settings: &Settings) -> Result<Vec<Configuration>> {
    let configurations: Vec<Configuration> = match &settings.configuration {
        Some(name) => api.configuration(name).await?.into_iter().collect(),
        None => api.configurations().await?,
    };
    if configurations.is_empty() {
        let text = format!("{WHAT} has no such configuration, or the API user may not see it; case matters");
        return Err(Error::new(ErrorKind::Rejected, text));
    }
    Ok(configurations)
}
