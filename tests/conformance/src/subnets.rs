//! Subnets: listing and finding them.

use std::collections::BTreeSet;

use ipam_provider::{AddressSet, ErrorKind, FreeQuery, GroupName, Prefix, Released, Requester, Result, Subnet};

use crate::{CaseResult, Place, Role, SeededSubnet, Skip, Stage};

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
        assert_all_listed(stage, Some(&group.name)).await;
    }
    Ok(())
}

/// In an IPAM that has every subnet in a group there are none.
pub async fn the_subnets_outside_of_groups_are_all_listed_by_prefix(stage: &Stage) -> CaseResult {
    assert_all_listed(stage, None).await;
    Ok(())
}

async fn assert_all_listed(stage: &Stage, group: Option<&GroupName>) {
    let listed = stage.provider.subnets(group).await.expect("the subnets");
    let seeded = stage.seed.subnets_of(group);
    let prefixes: Vec<_> = seeded.iter().map(|seeded| seeded.prefix).collect();
    assert_eq!(listed.iter().map(|subnet| subnet.prefix).collect::<Vec<_>>(), prefixes, "{group:?}");
    for (subnet, seeded) in listed.iter().zip(seeded) {
        assert_same(subnet, seeded);
    }
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
    for seeded in &stage.seed.subnets {
        let place = stage.find(seeded).await;
        assert!(find(stage, seeded.prefix, None).await.contains(&place.subnet), "{place:?}");
        let group = seeded.group.as_ref();
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

/// A look-up is trusted for as long as its caller remembers it, so nothing has to read the subnet again, and only the
/// search for free addresses must notice that it is gone. What does not notice works in the subnet's group as before:
/// the address has no record, gets one there, and loses it again.
pub async fn a_vanished_subnet_is_not_found(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let (subnet, address) = (&place.subnet, place.seeded.free(1)[0]);
    let taken = *place.seeded.taken.keys().next().expect("the plain subnet has taken addresses");
    stage.subject.remove(&place.seeded).await;

    assert_eq!(find(stage, subnet.prefix, subnet.group.as_ref()).await, []);
    let held = AddressSet::default();
    let free = stage.provider.free_addresses(subnet, FreeQuery { at_most: 5, held: &held }).await;
    assert_eq!(free.map_err(|error| error.kind()), Err(ErrorKind::NotFound), "free_addresses");
    for address in [taken, address] {
        assert_eq!(unless_gone(stage.provider.reservation(subnet, address).await), None, "reservation of {address}");
        let released = unless_gone(stage.provider.release(subnet, address).await.map(Some));
        assert!(matches!(released, None | Some(Released::WasAbsent)), "release of {address}: {released:?}");
    }
    let reserved = unless_gone(stage.provider.reserve(subnet, address, &Requester::default()).await.map(Some));
    if reserved.is_some() {
        assert!(stage.is_reserved(subnet, address).await, "what was reserved has a record");
        let again = stage.provider.reserve(subnet, address, &Requester::default()).await;
        assert_eq!(again.map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists), "a second reserve");
        let released = stage.provider.release(subnet, address).await;
        assert!(released.expect("a release").is_removed());
        assert!(!stage.is_reserved(subnet, address).await, "what was released has no record");
    }
    Ok(())
}

/// The answer, or `None` when the provider says that the subnet is gone.
fn unless_gone<T>(answer: Result<Option<T>>) -> Option<T> {
    answer.unwrap_or_else(|error| {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        None
    })
}

/// The same prefix in another group is not what vanished: it is seen, written and freed by no operation on what did.
pub async fn a_vanished_subnet_leaves_its_twin_alone(stage: &Stage) -> CaseResult {
    let (gone, stays) = (stage.place(Role::Twin).await?, stage.place(Role::OtherTwin).await?);
    if gone.subnet.group == stays.subnet.group {
        return Err(Skip::new("the twins are in one group"));
    }
    let others = stage.places(&[Role::OtherTwin, Role::GlobalTwin, Role::Wider]).await;
    stage.subject.remove(&gone.seeded).await;
    assert_unchanged(stage, &others).await;

    let taken = others.iter().flat_map(|other| other.seeded.taken.keys().copied());
    let free = gone.seeded.addresses().last().expect("the twin has addresses");
    for address in taken.chain([free]) {
        let seen = unless_gone(stage.provider.reservation(&gone.subnet, address).await);
        assert_eq!(seen, None, "{address} has no record in what is gone");
        let released = unless_gone(stage.provider.release(&gone.subnet, address).await.map(Some));
        assert!(matches!(released, None | Some(Released::WasAbsent)), "release of {address}: {released:?}");
        assert_unchanged(stage, &others).await;
        unless_gone(stage.provider.reserve(&gone.subnet, address, &Requester::default()).await.map(Some));
        assert_unchanged(stage, &others).await;
        unless_gone(stage.provider.release(&gone.subnet, address).await.map(Some));
        assert_unchanged(stage, &others).await;
    }
    Ok(())
}

/// These subnets are found, and hold what was seeded.
async fn assert_unchanged(stage: &Stage, places: &[Place]) {
    for Place { seeded, subnet } in places {
        assert_eq!(stage.find(seeded).await.subnet, *subnet);
        assert_eq!(stage.free(subnet, 200).await, seeded.free(200), "{subnet}");
        for address in seeded.taken.keys() {
            assert!(stage.is_reserved(subnet, *address).await, "{address} in {subnet}");
        }
    }
}
