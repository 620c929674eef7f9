//! What `check` looks at: reachability, the credentials, and the right to use each service, without changing anything.

use ipam_provider::http::Method;
use ipam_provider::{Error, ErrorKind, Probe, Probes, Result};

use crate::Settings;
use crate::client::Client;
use crate::condition::Condition;
use crate::vendor::{Family, Part, SPACES};
use crate::wire::SpaceRow;

/// Asks each service. Those that change something are asked without an address.
pub(crate) async fn probe(client: &Client, settings: &Settings) -> Vec<Probe> {
    let mut probes = Probes::default();
    let (reached, spaces) = match client.reach().await {
        Ok(spaces) => (Ok(()), spaces),
        Err(error) => (Err(error), Ok(())),
    };
    if !probes.note("SOLIDserver answers and accepts the credentials", reached) {
        // Everything else would fail in the same way.
        return probes.finish();
    }
    let may = |service: &str| format!("the user may use the service {service}");
    let may_list_spaces = probes.note(may(SPACES), spaces);
    for family in Family::ALL {
        for service in [family.networks, family.addresses] {
            probes.note(may(service), client.may_list(service).await);
        }
        for (method, part, service) in [
            (Method::GET, Part::Rpc, family.find_free),
            (Method::POST, Part::Rest, family.add),
            (Method::DELETE, Part::Rest, family.delete),
        ] {
            probes.note(may(service), client.may_use(method, part, service).await);
        }
    }
    if let Some(space) = settings.space.as_ref().filter(|_| may_list_spaces) {
        probes.note(format!("the space {space} exists"), exists(client, space.as_str()).await);
    }
    probes.finish()
}

async fn exists(client: &Client, space: &str) -> Result<()> {
    for row in client.list(SPACES, &Condition::default().is("site_name", space), "site_id").await? {
        if SpaceRow::read(&row)?.name == space {
            return Ok(());
        }
    }
    let text = "SOLIDserver has no space of this name, or does not show it to the user; upper and lower case matter";
    Err(Error::new(ErrorKind::Rejected, text))
}
