//! Groups and their names.

use std::collections::BTreeSet;

use ipam_provider::{Group, GroupName};

use crate::{CaseResult, Skip, Stage};

async fn groups(stage: &Stage) -> Vec<Group> {
    stage.provider.groups().await.expect("the groups")
}

async fn group(stage: &Stage, name: &str) -> Option<Group> {
    let name = GroupName::new(name).expect("a name");
    stage.provider.group(&name).await.expect("an answer about the group")
}

/// Nothing is left out, nothing comes twice. A real product may have groups of its own.
pub async fn groups_are_all_listed_by_name(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    let groups = groups(stage).await;
    assert!(groups.is_sorted_by(|a, b| a.name < b.name), "by name, each once: {groups:?}");
    let ids: BTreeSet<_> = groups.iter().map(|group| &group.id).collect();
    assert_eq!(ids.len(), groups.len(), "ids are unique: {groups:?}");
    for seeded in &stage.seed.groups {
        let listed = groups.iter().find(|group| group.name == seeded.name);
        let listed = listed.unwrap_or_else(|| panic!("{} is not listed in {groups:?}", seeded.name));
        assert_eq!(listed.description, seeded.description, "{}", seeded.name);
    }
    Ok(())
}

/// Blanks, slashes, plus and percent signs, umlauts and digits arrive as they are.
pub async fn every_group_is_found_by_its_name(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    let listed = groups(stage).await;
    for seeded in &stage.seed.groups {
        let found = group(stage, seeded.name.as_str()).await;
        assert_eq!(found.as_ref(), listed.iter().find(|group| group.name == seeded.name), "{}", seeded.name);
        assert!(found.is_some(), "{}", seeded.name);
    }
    Ok(())
}

/// Case and blanks count; a part of a name, a pattern or a decoded name is another name.
pub async fn group_names_are_compared_exactly(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    for near in [
        "production",
        "PRODUCTION",
        "Production ",
        " Production",
        "Prod",
        "Productio_",
        "Prod%",
        "*",
        "Zone+A",
        "Zone%20A",
        "Zone  A",
        "R D",
        "R%2BD",
        "dmz",
        "dmz%2Fweb",
        "Zurich",
        "01",
    ] {
        assert_eq!(group(stage, near).await, None, "{near:?}");
        let near = GroupName::new(near).expect("a name");
        assert_eq!(stage.provider.subnets(Some(&near)).await.expect("subnets"), [], "{near:?}");
    }
    Ok(())
}

/// A number may be a name; it is not looked up as an id.
pub async fn an_id_is_not_a_group_name(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    for listed in groups(stage).await {
        if let Some(found) = group(stage, listed.id.as_str()).await {
            assert_eq!(found.name.as_str(), listed.id.as_str(), "{listed:?}");
        }
    }
    Ok(())
}

/// Absent is not an error.
pub async fn an_unknown_group_is_absent(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    let name = GroupName::new("No such group").expect("a name");
    assert_eq!(stage.provider.group(&name).await.expect("absent is no error"), None);
    assert_eq!(stage.provider.subnets(Some(&name)).await.expect("absent is no error"), []);
    for seeded in &stage.seed.subnets {
        let found = stage.provider.find_subnets(seeded.prefix, Some(&name)).await;
        assert_eq!(found.expect("absent is no error"), [], "{}", seeded.prefix);
    }
    Ok(())
}

/// An IPAM without groups says so in every answer, not with an error.
pub async fn without_groups_there_are_none(stage: &Stage) -> CaseResult {
    if stage.capabilities().groups {
        return Err(Skip::new("the IPAM has groups"));
    }
    let name = GroupName::new("Production").expect("a name");
    assert_eq!(groups(stage).await, []);
    assert_eq!(group(stage, "Production").await, None);
    assert_eq!(stage.provider.subnets(Some(&name)).await.expect("absent is no error"), []);
    for seeded in &stage.seed.subnets {
        let found = stage.provider.find_subnets(seeded.prefix, Some(&name)).await;
        assert_eq!(found.expect("absent is no error"), [], "{}", seeded.prefix);
    }
    Ok(())
}
