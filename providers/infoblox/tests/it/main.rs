//! The provider over the simulator: the conformance suite, bare and guarded, for each type of record and over two kinds of
//! site, and what is special about Infoblox.

mod site;
mod special;

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Guard, Limits};

/// Far more than any case takes, so that only injected slowness meets it.
const LIMITS: Limits = Limits { attempt: Duration::from_secs(30), read_attempts: 2 };

mod bare {
    ipam_conformance::suite!(crate::site::FixedAddresses);
}

mod guarded {
    use super::*;

    ipam_conformance::suite!(site::FixedAddresses, wrap = |provider| Arc::new(Guard::new(provider, LIMITS)));
}

mod with_reservations {
    ipam_conformance::suite!(crate::site::Reservations);
}

mod with_host_records {
    ipam_conformance::suite!(crate::site::Hosts);
}

/// Pages of seven rows, twenty addresses at once, and refusals in their other form.
mod at_an_awkward_site {
    ipam_conformance::suite!(crate::site::Awkward);
}
