//! The provider over the simulator: the conformance suite, bare and guarded, over two kinds of appliance, and what is
//! special about SOLIDserver.

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

/// Everything that is not known of an appliance is the other way round.
mod at_an_awkward_site {
    ipam_conformance::suite!(crate::site::Awkward);
}

/// With a token that signs each request.
mod with_a_token {
    ipam_conformance::suite!(crate::site::Signed);
}
