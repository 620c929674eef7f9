//! From settings to the parts that they are settings of.

use std::sync::Arc;

use ipam_provider::{Guard, Kept, Limits, Surroundings, Trace};
#[cfg(feature = "internal")]
use ipam_provider_internal::Internal;

use super::{Runtime, StartError};
use crate::allocation::{Allocator, Event, Events, Rules, Subscriber, log_event};
use crate::foreman_api::Foreman;
use crate::http::api::{Callers, Embedded};
use crate::http::foreman::Contract;
use crate::http::{Listener, Serving};
use crate::metrics::Metrics;
use crate::names::{Names, Queue};
use crate::registration::{Address, own_url};
use crate::routes::{Conditions, Ipam, Routes};
use crate::settings::{Route, Settings, Tls};
use crate::tls;
use crate::trust::{Gate, Policy};

/// What the parts are made for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// To serve.
    Serve,
    /// To see whether they could serve: nothing is created that stays. The exchanges with the IPAM are kept in the trace.
    Check(Option<Trace>),
}

/// Everything that handlers work with: what the settings decide, over what outlives them.
///
/// # Errors
/// When the provider cannot be built.
pub(crate) fn serving(settings: Settings, runtime: &Runtime, purpose: Purpose) -> Result<Serving, StartError> {
    let host_names = names_from_foreman(&settings, &runtime.looked_up)?;
    let Settings { server, database, ipam, holds: lives, routes, api, .. } = settings;
    let (may_create, trace) = match purpose {
        Purpose::Serve => (true, None),
        Purpose::Check(trace) => (false, trace),
    };
    let kept = runtime.kept.clone();
    let surroundings = Surroundings { state_directory: server.state_directory, may_create, database, trace, kept };
    let limits = Limits { attempt: ipam.attempt, read_attempts: ipam.read_attempts };
    let before = runtime.kept.open::<Internal>();
    let metrics = &runtime.metrics;
    let build = |route| build(route, &surroundings, limits, metrics);
    let routes: Vec<_> = routes.into_iter().map(build).collect::<Result<_, _>>()?;
    let embedded = embedded(&routes, &runtime.kept, &before);
    let rules = Rules {
        hold: lives.with_mac,
        hold_without_mac: lives.without_mac,
        recycle_after: lives.recycle_after,
        quarantine: lives.quarantine,
        candidate: lives.candidates,
        lookup: lives.lookups,
        holds_at_most: lives.at_most,
        request_budget: ipam.request_budget,
        attempt: ipam.attempt,
    };
    let policy = Policy { trusted_hosts: server.trusted_hosts, forward_verify: server.forward_verify };
    let mut listeners = Vec::new();
    listeners.extend(server.https_port.map(|_| Listener::Https));
    listeners.extend(server.http_port.map(|_| Listener::Http));
    let ipam_on = listeners.iter().copied().filter(|listener| match listener {
        Listener::Https => ipam.enabled.on_https(),
        Listener::Http => ipam.enabled.on_http(),
        Listener::Api | Listener::Control => false,
    });
    let log: Subscriber = Arc::new(|event| {
        log_event(event);
        None
    });
    let ledger = runtime.ledger.clone();
    let recorder = ledger.clone().map(|ledger| Arc::new(move |event: &Event<'_>| ledger.see(event)) as Subscriber);
    let counting: Subscriber = Arc::new({
        let metrics = metrics.clone();
        move |event| {
            metrics.see(event);
            None
        }
    });
    let events = Events::to([Some(log), Some(counting), recorder, host_names.subscriber()].into_iter().flatten());
    let allocator = Allocator::new(Routes::new(routes), runtime.holds.clone(), rules)
        .reporting_to(events)
        .counting_in(metrics.offers().clone());
    Ok(Serving {
        allocator: Arc::new(allocator),
        ledger,
        gate: Gate::new(policy, runtime.names.clone()),
        foreman: Contract {
            ipam_on: ipam_on.collect(),
            error_style: ipam.error_style,
            legacy: ipam.legacy.is_some(),
            version: server.foreman_version,
        },
        listeners,
        names: host_names,
        api: Callers { certificates: api.certificates, tokens: runtime.tokens.clone(), embedded },
    })
}

/// The embedded IPAM, if there is just one: an id of a subnet does not name the IPAM. `before` was open already, maybe for what
/// a reload replaces.
#[cfg(feature = "internal")]
fn embedded(routes: &[(Conditions, Ipam)], kept: &Kept, before: &[Arc<Internal>]) -> Option<Arc<dyn Embedded>> {
    use ipam_provider::Provider as _;

    let is_embedded =
        |(_, ipam): &&(Conditions, Ipam)| ipam.guard().name() == ipam_provider_internal::REGISTRATION.name;
    if routes.iter().filter(is_embedded).count() != 1 {
        return None;
    }
    let open = kept.open::<Internal>();
    let new = open.iter().find(|open| !before.iter().any(|before| Arc::ptr_eq(before, open)));
    let only = new.or(open.first().filter(|_| open.len() == 1))?;
    Some(only.clone() as Arc<dyn Embedded>)
}

/// Without it in the build there is none.
#[cfg(not(feature = "internal"))]
fn embedded(_: &[(Conditions, Ipam)], _: &Kept, _: &[Arc<Internal>]) -> Option<Arc<dyn Embedded>> {
    None
}

/// No embedded IPAM is in the build.
#[cfg(not(feature = "internal"))]
struct Internal;

/// Foreman as the source of host names, where the settings say as whom it is asked. The search for orphans asks it too.
fn names_from_foreman(settings: &Settings, queue: &Arc<Queue>) -> Result<Names, StartError> {
    let Settings { server, tls, foreman_names: wanted, .. } = settings;
    let (foreman, own) = match (&server.foreman_url, &wanted.credentials) {
        (Some(url), Some(credentials)) => {
            let of_clients = tls.as_ref().map(|tls| &tls.files.ca_file);
            let authorities: Vec<_> = server.foreman_ssl_ca.as_ref().into_iter().chain(of_clients).cloned().collect();
            let foreman = Foreman::new(url, &authorities, credentials.clone())?;
            let certificate = tls.as_ref().map(|tls| tls.files.certificate.as_path());
            let own = own_url(server.proxy_url.as_deref(), certificate, server.https_port, server.http_port);
            (Some(Arc::new(foreman)), own.ok().and_then(|url| Address::parse(&url)))
        }
        _ => (None, None),
    };
    Ok(Names {
        queue: queue.clone(),
        foreman,
        look_up_after_add: wanted.look_up_after_add,
        webhooks: wanted.webhooks,
        webhook_token: wanted.webhook_token.clone(),
        sweep_every: wanted.sweep_every,
        orphan_after: wanted.orphan_after,
        release_orphans: wanted.release_orphans,
        own,
    })
}

/// One IPAM, with the conditions of its route.
fn build(
    route: Route,
    surroundings: &Surroundings,
    limits: Limits,
    metrics: &Metrics,
) -> Result<(Conditions, Ipam), StartError> {
    let Route { key, conditions, plan, .. } = route;
    let bare = plan(surroundings).map_err(|error| StartError::Provider { name: key.clone(), source: error })?;
    log::info!("Provider {key}: {:?}", bare.capabilities());
    let guard = Guard::new(bare, limits).observed_by(metrics.observer(&key));
    Ok((conditions, Ipam::new(&key, guard)))
}

/// The server's side of HTTPS.
pub(super) fn tls_server(tls: &Tls) -> Result<tls::Server, tls::Error> {
    let server = tls::Server::load(&tls.files, &tls.policy)?;
    warn_of(tls, &server);
    Ok(server)
}

/// Reads the files again, for connections from now on.
pub(super) fn reload_tls(server: &tls::Server, tls: &Tls) -> Result<(), tls::Error> {
    server.reload(&tls.files, &tls.policy)?;
    warn_of(tls, server);
    Ok(())
}

fn warn_of(tls: &Tls, server: &tls::Server) {
    for warning in tls.policy.warnings() {
        log::warn!("{warning}");
    }
    warn_of_dates(server);
}

/// Logs what ends soon or is over.
pub(super) fn warn_of_dates(server: &tls::Server) {
    for finding in server.findings(jiff::Timestamp::now()) {
        log::warn!("{}", finding.text);
    }
}
