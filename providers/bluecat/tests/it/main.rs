//! The provider over the simulator: the conformance suite over both APIs, bare and guarded, and what is special about each.

mod site;
mod special;

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Guard, Limits};

/// Far more than any case takes, so that only injected slowness meets it.
const LIMITS: Limits = Limits { attempt: Duration::from_secs(30), read_attempts: 2 };

mod v1 {
    ipam_conformance::suite!(crate::site::V1);
}

mod v2 {
    ipam_conformance::suite!(crate::site::V2);
}

mod guarded {
    use super::*;

    ipam_conformance::suite!(site::V2, wrap = |provider| Arc::new(Guard::new(provider, LIMITS)));
}

/// The API is found; pages of seven rows, texts compared as texts, only recorded addresses listed, odd conflicts, no field.
mod at_an_awkward_site {
    ipam_conformance::suite!(crate::site::Awkward);
}

/// The API is found; an assignment drops the name, and there is no field.
mod at_an_old_site {
    ipam_conformance::suite!(crate::site::Old);
}
