//! The provider over the simulator: the conformance suite, bare and guarded, over two kinds of site, and what is
//! special about Nautobot. Over a real one too, when the environment names it.

mod live;
mod site;
mod special;

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Guard, Limits};

/// Far more than any case takes, so that only injected slowness meets it.
const LIMITS: Limits = Limits { attempt: Duration::from_secs(30), read_attempts: 2 };

mod bare {
    ipam_conformance::suite!(crate::site::Plain);
}

mod guarded {
    use super::*;

    ipam_conformance::suite!(site::Plain, wrap = |provider| Arc::new(Guard::new(provider, LIMITS)));
}

/// Pages of seven rows, no place for MACs, and a taken address told as the loser of a race is.
mod at_an_awkward_site {
    ipam_conformance::suite!(crate::site::Awkward);
}

mod over_a_real_nautobot {
    ipam_conformance::suite!(crate::live::Live);
}
