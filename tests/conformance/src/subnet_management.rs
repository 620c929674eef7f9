//! Subnets that are created and deleted.

use ipam_provider::{Creation, Deletion, ErrorKind, GroupName, InDeleted, ManageSubnets, Prefix, Requester, Subnet};

use crate::{CaseResult, Role, Skip, Stage};

/// No subnet of the seed has an address of it.
const NEW: &str = "100.64.7.64/28";

/// The first half of it.
const HALF: &str = "100.64.7.64/29";

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

fn manage(stage: &Stage) -> Result<&dyn ManageSubnets, Skip> {
    stage.provider.manage_subnets().ok_or_else(|| Skip::new("the provider creates no subnets"))
}

/// The group that new subnets are in: one of the seed, or none.
fn group(stage: &Stage) -> Option<GroupName> {
    stage.seed.groups.first().map(|group| group.name.clone())
}

async fn create(stage: &Stage, text: &str) -> Result<Creation, Skip> {
    let created = manage(stage)?.create(prefix(text), group(stage).as_ref(), "for a while").await;
    Ok(created.unwrap_or_else(|error| panic!("creating {text}: {}: {error}", error.kind())))
}

async fn created(stage: &Stage) -> Result<Subnet, Skip> {
    match create(stage, NEW).await? {
        Creation::Created(subnet) => Ok(subnet),
        other => panic!("{NEW} is new: {other:?}"),
    }
}

async fn delete(stage: &Stage, subnet: &Subnet, addresses: InDeleted) -> Result<Deletion, Skip> {
    let deleted = manage(stage)?.delete(subnet, addresses).await;
    Ok(deleted.unwrap_or_else(|error| panic!("deleting {subnet}: {}: {error}", error.kind())))
}

async fn found(stage: &Stage, text: &str) -> Vec<Subnet> {
    stage.provider.find_subnets(prefix(text), group(stage).as_ref()).await.expect("an answer")
}

/// It is found as it was answered, and its addresses can be reserved.
pub async fn a_created_subnet_is_found_and_all_of_it_is_free(stage: &Stage) -> CaseResult {
    let subnet = created(stage).await?;
    assert_eq!((subnet.prefix, &subnet.group), (prefix(NEW), &group(stage)));
    assert_eq!(found(stage, NEW).await, std::slice::from_ref(&subnet));
    assert_eq!(subnet.description, "for a while");
    let free = stage.free(&subnet, 100).await;
    assert_eq!(free.len(), 14);
    stage.reserve(&subnet, free[0], &Requester::default()).await;
    Ok(())
}

/// Neither over the other nor beside it.
pub async fn a_prefix_is_created_once_in_a_group(stage: &Stage) -> CaseResult {
    let subnet = created(stage).await?;
    let address = stage.free(&subnet, 1).await[0];
    stage.reserve(&subnet, address, &Requester::default()).await;
    assert_eq!(create(stage, NEW).await?, Creation::AlreadyThere);
    assert_eq!(found(stage, NEW).await.len(), 1);
    assert!(stage.is_reserved(&subnet, address).await);
    Ok(())
}

/// An address belongs to one subnet.
pub async fn a_subnet_that_overlaps_another_is_not_created(stage: &Stage) -> CaseResult {
    created(stage).await?;
    let overlaps = create(stage, HALF).await?;
    assert!(matches!(overlaps, Creation::Overlaps(_)), "{overlaps:?}");
    assert_eq!(found(stage, HALF).await, []);
    Ok(())
}

/// A group is not created on the way.
pub async fn a_subnet_of_an_unknown_group_is_not_created(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    let unknown = GroupName::new("no such group").expect("a name");
    let error = manage(stage)?.create(prefix(NEW), Some(&unknown), "").await.expect_err("there is no such group");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(stage.provider.group(&unknown).await.expect("an answer"), None);
    Ok(())
}

/// It can be created again, and deleting it again is no error.
pub async fn a_deleted_subnet_is_gone(stage: &Stage) -> CaseResult {
    let subnet = created(stage).await?;
    assert_eq!(delete(stage, &subnet, InDeleted::MustBeNone).await?, Deletion::Deleted);
    assert_eq!(found(stage, NEW).await, []);
    assert_eq!(delete(stage, &subnet, InDeleted::MustBeNone).await?, Deletion::WasAbsent);
    created(stage).await?;
    Ok(())
}

/// Unless they are to be deleted with it.
pub async fn a_subnet_with_addresses_is_not_deleted(stage: &Stage) -> CaseResult {
    manage(stage)?;
    let place = stage.place(Role::Plain).await?;
    let taken = *place.seeded.taken.keys().next().expect("a taken address");
    let kept = delete(stage, &place.subnet, InDeleted::MustBeNone).await?;
    assert!(matches!(kept, Deletion::HasAddresses(_)), "{kept:?}");
    assert!(stage.is_reserved(&place.subnet, taken).await);
    assert_eq!(delete(stage, &place.subnet, InDeleted::DeletedToo).await?, Deletion::Deleted);
    let left = stage.provider.find_subnets(place.seeded.prefix, place.seeded.group.as_ref()).await.expect("an answer");
    assert_eq!(left, []);
    Ok(())
}
