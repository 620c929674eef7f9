//! phpIPAM behind the provider contract: the conformance suite over the simulator, bare and guarded, over a real
//! server where one is named, and what is special about phpIPAM.

#[path = "it/live.rs"]
mod live;
#[path = "it/sessions.rs"]
mod sessions;
#[path = "it/subject.rs"]
mod subject;
#[path = "it/traps.rs"]
mod traps;

mod bare {
    ipam_conformance::suite!(super::subject::V1_8);
}

mod guarded {
    use std::sync::Arc;
    use std::time::Duration;

    use ipam_provider::{Guard, Limits};

    ipam_conformance::suite!(
        super::subject::V1_8,
        wrap = |provider| Arc::new(Guard::new(provider, Limits { attempt: Duration::from_secs(10), read_attempts: 2 }))
    );
}

mod version_1_7 {
    ipam_conformance::suite!(super::subject::V1_7);
}

mod version_1_6 {
    ipam_conformance::suite!(super::subject::V1_6);
}

mod version_1_5 {
    ipam_conformance::suite!(super::subject::V1_5);
}

mod real {
    ipam_conformance::suite!(super::live::Live);
}
