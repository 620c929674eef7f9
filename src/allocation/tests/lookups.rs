//! Which subnet and group a call means.

use super::*;

#[tokio::test]
async fn a_removed_subnet_is_not_remembered() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.remove(&place).await;
    stage.clock.advance(RULES.candidate + Duration::from_secs(1));
    let gone = stage.next(&place, mac(2)).await.expect_err("no subnet");
    assert!(matches!(gone, Failure::SubnetNotFound { .. }), "{gone}");
    let gone = stage.exists(&place, place.free(1)[0]).await.expect_err("no subnet");
    assert!(matches!(gone, Failure::SubnetNotFound { .. }), "{gone}");
}

#[tokio::test]
async fn without_a_group_the_global_record_is_meant_and_else_the_choice_is_named() {
    let stage = Stage::start().await;
    let twin = stage.place(Role::Twin);
    let found = stage.allocator.subnet(twin.prefix, &GroupChoice::none()).await.expect("the global record");
    assert_eq!(found.group, None);
    let stage = Stage::with(RULES, Seed::standard().without(Role::GlobalTwin)).await;
    let ambiguous = stage.allocator.subnet(twin.prefix, &GroupChoice::none()).await.expect_err("no guess");
    assert!(ambiguous.to_string().ends_with("one of: Production, dmz/web"), "{ambiguous}");
    let address = twin.free(1)[0];
    stage.allocator.delete(twin.prefix, GroupChoice::none(), address).await.expect_err("no guess");
}

#[tokio::test]
async fn twins_in_two_groups_have_holds_of_their_own() {
    let stage = Stage::start().await;
    let (twin, other) = (stage.place(Role::Twin), stage.place(Role::OtherTwin));
    let third = IpAddr::from([198, 51, 100, 3]);
    stage.next(&twin, mac(1)).await.expect("an address");
    assert_eq!(stage.next(&twin, mac(2)).await.expect("an address"), third);
    stage.next(&other, mac(3)).await.expect("an address");
    assert_eq!(stage.next(&other, mac(4)).await.expect("an address"), third);
}

#[tokio::test]
async fn callers_that_ask_for_a_group_at_once_share_its_look_up() {
    let stage = Stage::start().await;
    let before = stage.calls.load(Ordering::SeqCst);
    let calls = (0..48).map(|_| {
        let allocator = stage.allocator.clone();
        tokio::spawn(async move {
            allocator.group(&GroupChoice::of(["R D", "R+D"].iter().filter_map(GroupName::new))).await
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let group = call.await.expect("no panic").expect("found").expect("a group");
        assert_eq!(group.name.as_str(), "R+D");
    }
    assert_eq!(stage.calls.load(Ordering::SeqCst) - before, 2, "one for each reading");
}

#[tokio::test]
async fn the_reading_of_a_group_that_exists_is_meant() {
    let stage = Stage::start().await;
    let names = |names: &[&str]| GroupChoice::of(names.iter().filter_map(GroupName::new));
    let group = stage.allocator.group(&names(&["R D", "R+D"])).await.expect("found").expect("a group");
    assert_eq!(group.name.as_str(), "R+D");
    let missing = stage.allocator.group(&names(&["X Y", "X+Y"])).await.expect_err("no such group");
    assert!(missing.to_string().starts_with("Group not found in External IPAM: X Y"), "{missing}");
    let place = stage.place(Role::Plain);
    let missing = stage.allocator.subnet(place.prefix, &names(&["X"])).await.expect_err("no such group");
    assert!(matches!(missing, Failure::GroupNotFound { .. }), "{missing}");
    let elsewhere = stage.allocator.subnet(place.prefix, &names(&["Unused"])).await.expect_err("no such subnet");
    assert!(matches!(elsewhere, Failure::SubnetNotFound { .. }), "{elsewhere}");
}
