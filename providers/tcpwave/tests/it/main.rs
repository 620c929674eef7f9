//! The provider over the simulator: the conformance suite, bare and guarded, over two readings of what TCPWave answers,
//! and what is special about TCPWave.

#[path = "../../../../src/tls/test_certificates.rs"]
mod certificates;
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

/// The other reading of each answer: small pages, lists under a key, words for yes and no, free addresses among the
/// objects, filters that are ignored, and so on.
mod at_an_awkward_site {
    ipam_conformance::suite!(crate::site::Awkward);
}
