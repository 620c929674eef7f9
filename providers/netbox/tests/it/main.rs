//! NetBox behind the provider contract: the conformance suite over the simulator, in several versions and settings, and
//! what is special about NetBox.

mod live;
mod subject;
mod traps;

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Guard, Limits, Provider};

fn guarded(provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
    Arc::new(Guard::new(provider, Limits { attempt: Duration::from_secs(10), read_attempts: 2 }))
}

mod bare {
    ipam_conformance::suite!(crate::subject::Newest);
}

mod guarded {
    ipam_conformance::suite!(crate::subject::Newest, wrap = crate::guarded);
}

mod with_a_bearer_token_by_site {
    ipam_conformance::suite!(crate::subject::BearerAndSites);
}

mod version_3_7_by_site {
    ipam_conformance::suite!(crate::subject::OldAndSites);
}

mod version_2_8 {
    ipam_conformance::suite!(crate::subject::Oldest);
}

mod small_pages_by_role {
    ipam_conformance::suite!(crate::subject::SmallPagesAndRoles);
}

mod without_uniqueness_by_tenant {
    ipam_conformance::suite!(crate::subject::NoUniquenessAndTenants);
}
