//! Subnets: listing and finding them.

use std::collections::BTreeSet;

use ipam_provider::{ErrorKind, FreeQuery, GroupName, Prefix, Requester, Subnet};

use crate::{CaseResult, Role, SeededSubnet, Skip, Stage};

async fn find(stage: &Stage, prefix: Prefix, group: Option<&GroupName>) -> Vec<Subnet> {
    stage.provider.find_subnets(prefix, group).await.expect("an answer about the prefix")
}

fn assert_same(found: &Subnet, seeded: &SeededSubnet) {
    assert_eq!(found.prefix, seeded.prefix);
    assert_eq!(found.group, seeded.group, "{}", seeded.prefix);
    assert_eq!(found.description, seeded.description, "{}", seeded.prefix);
    assert_eq!(found.pool, seeded.pool, "{}", seeded.prefix);
}

/// Nothing is left out, however many pages the IPAM makes of it, and nothing is added.
pub async fn the_subnets_of_a_group_are_all_listed_by_prefix(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    for group in &stage.seed.groups {
        let listed = stage.provider.subnets(&group.name).await.expect("the subnets");
        let seeded = stage.seed.subnets_of(Some(&group.name));
        let prefixes: Vec<_> = seeded.iter().map(|seeded| seeded.prefix).collect();
        assert_eq!(listed.iter().map(|subnet| subnet.prefix).collect::<Vec<_>>(), prefixes, "{}", group.name);
        for (subnet, seeded) in listed.iter().zip(seeded) {
            assert_same(subnet, seeded);
        }
    }
    Ok(())
}

/// Every subnet is found as it was recorded.
pub async fn every_subnet_is_found_by_prefix_and_group(stage: &Stage) -> CaseResult {
    for seeded in &stage.seed.subnets {
        let place = stage.find(seeded).await;
        assert_same(&place.subnet, seeded);
        if seeded.group.is_some() {
            assert_eq!(find(stage, seeded.prefix, seeded.group.as_ref()).await, [place.subnet]);
        }
    }
    Ok(())
}

/// Which of several records is meant is the caller's decision, so all are answered.
pub async fn without_a_group_every_record_of_the_prefix_is_found(stage: &Stage) -> CaseResult {
    for prefix in stage.seed.subnets.iter().map(|seeded| seeded.prefix) {
        let found = find(stage, prefix, None).await;
        let ids: BTreeSet<_> = found.iter().map(|subnet| &subnet.id).collect();
        assert_eq!(ids.len(), found.len(), "ids are unique: {found:?}");
        let groups: BTreeSet<_> = found.iter().map(|subnet| subnet.group.clone()).collect();
        let seeded = stage.seed.subnets.iter().filter(|seeded| seeded.prefix == prefix);
        assert_eq!(groups, seeded.map(|seeded| seeded.group.clone()).collect(), "{prefix}");
        assert_eq!(groups.len(), found.len(), "one record in each group: {found:?}");
    }
    Ok(())
}

/// Holds are kept under group and prefix: the same record must have the same ones, however it was asked for.
pub async fn a_record_is_the_same_however_it_was_asked_for(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    for seeded in stage.seed.subnets.iter().filter(|seeded| seeded.group.is_some()) {
        let place = stage.find(seeded).await;
        assert!(find(stage, seeded.prefix, None).await.contains(&place.subnet), "{place:?}");
        let group = seeded.group.as_ref().expect("only subnets in groups");
        assert!(stage.provider.subnets(group).await.expect("the subnets").contains(&place.subnet), "{place:?}");
    }
    Ok(())
}

/// A prefix around or inside of a subnet, or that is written alike, is another prefix.
pub async fn prefixes_are_compared_exactly(stage: &Stage) -> CaseResult {
    let mut near = ["198.51.100.0/24", "198.51.100.0/27", "198.51.100.0/29", "192.0.2.0/24", "192.0.2.0/29"].to_vec();
    near.extend(["192.0.2.48/32", "192.0.2.50/31", "198.18.0.0/25", "198.18.0.0/16"]);
    if stage.capabilities().ipv6 {
        near.extend(["2001:db8:1::/63", "2001:db8:1::/65", "2001:db8:1::1/128", "2001:db8:2::8/126"]);
    }
    let main = stage.seed.groups.iter().find(|group| group.name.as_str() == "Production").map(|group| &group.name);
    for prefix in near {
        let prefix: Prefix = prefix.parse().expect("a prefix");
        assert_eq!(find(stage, prefix, None).await, [], "{prefix}");
        if main.is_some() {
            assert_eq!(find(stage, prefix, main).await, [], "{prefix}");
        }
    }
    Ok(())
}

/// A subnet is in its own group and in no other.
pub async fn a_subnet_is_not_found_in_another_group(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    for seeded in &stage.seed.subnets {
        for group in stage.seed.groups.iter().map(|group| &group.name) {
            let found = find(stage, seeded.prefix, Some(group)).await;
            let expected = stage.seed.subnets_of(Some(group)).iter().any(|other| other.prefix == seeded.prefix);
            assert_eq!(found.len(), usize::from(expected), "{} in {group}: {found:?}", seeded.prefix);
        }
    }
    Ok(())
}

/// What is remembered of a subnet that is gone must be forgotten, so every operation says that it is gone.
pub async fn a_vanished_subnet_is_not_found(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let (subnet, address) = (&place.subnet, place.seeded.free(1)[0]);
    stage.subject.remove(&place.seeded).await;

    assert_eq!(find(stage, subnet.prefix, subnet.group.as_ref()).await, []);
    let held = BTreeSet::new();
    let free = stage.provider.free_addresses(subnet, FreeQuery { at_most: 5, held: &held }).await;
    let reservation = stage.provider.reservation(subnet, address).await;
    let reserve = stage.provider.reserve(subnet, address, &Requester::default()).await;
    let release = stage.provider.release(subnet, address).await;
    let taken = *place.seeded.taken.keys().next().expect("the plain subnet has taken addresses");
    let release_taken = stage.provider.release(subnet, taken).await;
    assert_eq!(free.map_err(|error| error.kind()), Err(ErrorKind::NotFound), "free_addresses");
    assert_eq!(reservation.map_err(|error| error.kind()), Err(ErrorKind::NotFound), "reservation");
    assert_eq!(reserve.map_err(|error| error.kind()), Err(ErrorKind::NotFound), "reserve");
    assert_eq!(release.map_err(|error| error.kind()), Err(ErrorKind::NotFound), "release");
    assert_eq!(release_taken.map_err(|error| error.kind()), Err(ErrorKind::NotFound), "release of a taken address");
    Ok(())
}

/// The same prefix in another group is not what vanished.
pub async fn a_vanished_subnet_leaves_its_twin_alone(stage: &Stage) -> CaseResult {
    let (gone, stays) = (stage.place(Role::Twin).await?, stage.place(Role::OtherTwin).await?);
    if gone.subnet.group == stays.subnet.group {
        return Err(Skip::new("the twins are in one group"));
    }
    stage.subject.remove(&gone.seeded).await;
    let found = find(stage, stays.subnet.prefix, stays.subnet.group.as_ref()).await;
    assert_eq!(found, std::slice::from_ref(&stays.subnet));
    assert_eq!(stage.free(&stays.subnet, 99).await, stays.seeded.free(99));
    let taken = *stays.seeded.taken.keys().next().expect("the twin has a taken address");
    assert!(stage.is_reserved(&stays.subnet, taken).await);
    Ok(())
}
