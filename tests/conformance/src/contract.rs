//! What a provider says of itself.

use crate::{CaseResult, Role, Stage};

/// The name is part of file names and log lines, and does not change.
pub async fn the_name_is_a_lower_case_word(stage: &Stage) -> CaseResult {
    let name = stage.provider.name();
    assert!(!name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{name:?}");
    assert_eq!(name, stage.subject.provider().name());
    Ok(())
}

/// A subject must not shrink its seed to be spared a case.
pub async fn capabilities_agree_with_the_seed(stage: &Stage) -> CaseResult {
    let capabilities = stage.capabilities();
    assert_eq!(capabilities.groups, !stage.seed.groups.is_empty(), "groups");
    assert_eq!(capabilities.ipv6, stage.seed.subnets.iter().any(|subnet| subnet.prefix.is_ipv6()), "IPv6");
    assert_eq!(capabilities, stage.subject.provider().capabilities());
    Ok(())
}

/// Over a sound IPAM every probe succeeds, says what it looked at, and leaves no trace.
pub async fn probes_succeed_and_change_nothing(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    for _ in 0..2 {
        let probes = stage.provider.probe().await;
        assert!(!probes.is_empty(), "nothing was looked at");
        for probe in probes {
            assert!(!probe.what.trim().is_empty(), "{probe:?}");
            assert!(probe.outcome.is_ok(), "{probe:?}");
        }
    }
    assert_eq!(stage.free(&place.subnet, 99).await, place.seeded.free(99));
    Ok(())
}
