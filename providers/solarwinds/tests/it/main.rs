//! The provider over the simulator: the conformance suite, bare and guarded, over three kinds of servers, and what is special
//! about SolarWinds IPAM.

mod site;
mod special;

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Guard, Limits};

/// Far more than any case takes, so that only injected slowness meets it.
const LIMITS: Limits = Limits { attempt: Duration::from_secs(30), read_attempts: 2 };

/// Reservations begin at a given address.
mod bare {
    ipam_conformance::suite!(crate::site::Current);
}

mod guarded {
    use super::*;

    ipam_conformance::suite!(site::Current, wrap = |provider| Arc::new(Guard::new(provider, LIMITS)));
}

/// Addresses are taken by their status, and those of IPv6 are written in full.
mod before_2022_2 {
    ipam_conformance::suite!(crate::site::Old);
}

/// No subnet has rows for its free addresses, as if all were large.
mod without_rows {
    ipam_conformance::suite!(crate::site::Rowless);
}
