//! Additions, deletions and looks, when the answers of the IPAM come and when they are lost.

use super::*;

#[tokio::test]
async fn the_mac_of_the_hold_travels_into_the_reservation_unless_one_is_given() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let held = stage.next(&place, mac(1)).await.expect("an address");
    stage.add(&place, held).await.expect("added");
    assert_eq!(stage.record(&place, held).await.expect("a record").mac, mac(1));
    let held = stage.next(&place, mac(1)).await.expect("another address");
    let given = Requester { mac: mac(2), hostname: Some("web.example.com".to_owned()), ..Requester::default() };
    stage.allocator.add(place.prefix, choice(&place), held, given).await.expect("added").answered().await;
    let record = stage.record(&place, held).await.expect("a record");
    assert_eq!((record.mac, record.hostname.as_deref()), (mac(2), Some("web.example.com")));
}

#[tokio::test]
async fn an_added_address_is_not_offered_from_an_older_batch() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    stage.next(&place, mac(1)).await.expect("an address");
    let by_hand = IpAddr::from([198, 18, 0, 2]);
    stage.add(&place, by_hand).await.expect("added");
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), IpAddr::from([198, 18, 0, 3]));
}

#[tokio::test]
async fn adding_twice_is_refused() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.add(&place, address).await.expect("added");
    let again = stage.add(&place, address).await.expect_err("a refusal");
    assert!(matches!(again, Failure::AlreadyReserved { .. }), "{again}");
}

#[tokio::test]
async fn an_address_taken_behind_our_back_is_refused_and_not_offered_again() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.take(&place, address).await;
    let refused = stage.add(&place, address).await.expect_err("a refusal");
    assert!(matches!(refused, Failure::AlreadyReserved { .. }), "{refused}");
    assert_ne!(stage.next(&place, mac(1)).await.expect("another address"), address);
}

#[tokio::test]
async fn network_and_broadcast_cannot_be_added() {
    let stage = Stage::start().await;
    for role in [Role::Wide, Role::Ipv6] {
        let place = stage.place(role);
        let refused = stage.add(&place, place.prefix.network()).await.expect_err("a refusal");
        assert!(matches!(refused, Failure::NotOfferable { .. }), "{refused}");
    }
    let pool = stage.place(Role::Pool);
    stage.add(&pool, pool.prefix.last()).await.expect("a pool has them");
}

#[tokio::test]
async fn a_lost_answer_to_an_add_that_took_effect_is_a_success() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    for with_mac in [true, false] {
        let address = stage.next(&place, mac(1).filter(|_| with_mac)).await.expect("an address");
        stage.ipam.fault(Fault::ResetAfterWrite).await;
        stage.add(&place, address).await.expect("the record is ours");
        stage.ipam.heal().await;
        assert!(stage.exists(&place, address).await.expect("an answer"));
    }
}

#[tokio::test]
async fn a_lost_answer_to_an_add_without_effect_is_a_failure_that_can_be_repeated() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    stage.add(&place, address).await.expect_err("a failure");
    stage.ipam.heal().await;
    assert!(!stage.exists(&place, address).await.expect("an answer"));
    assert_ne!(stage.next(&place, mac(2)).await.expect("an address"), address, "it may yet turn up as reserved");
    stage.add(&place, address).await.expect("added");
    assert_eq!(stage.record(&place, address).await.expect("a record").mac, mac(1));
}

#[tokio::test]
async fn an_add_whose_outcome_stayed_unknown_is_recognised_when_repeated() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    // The write takes effect, and the look fails too.
    stage.ipam.fault(Fault::WrongJson).await;
    stage.add(&place, address).await.expect_err("nobody knows");
    stage.ipam.heal().await;
    stage.add(&place, address).await.expect("the record is ours");
    stage.add(&place, address).await.expect_err("and from now on it is an ordinary one");
}

#[tokio::test]
async fn somebody_elses_record_is_not_taken_for_our_own() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.take(&place, address).await;
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    let refused = stage.add(&place, address).await.expect_err("a refusal");
    assert!(matches!(refused, Failure::AlreadyReserved { .. }), "{refused}");
}

#[tokio::test]
async fn the_record_of_another_host_is_not_taken_for_our_own_either() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    // Neither host has a MAC, and both records would carry our mark.
    let address = stage.next(&place, None).await.expect("an address");
    stage.add(&place, address).await.expect("added");
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    let refused = stage.add(&place, address).await.expect_err("a refusal");
    assert!(matches!(refused, Failure::AlreadyReserved { .. }), "{refused}");
}

#[tokio::test]
async fn no_write_begins_without_time_to_look_for_its_effect() {
    // A write and a look need two seconds each.
    let rules = Rules { request_budget: Duration::from_secs(3), ..RULES };
    let stage = Stage::with(rules, Seed::standard()).await;
    let place = stage.place(Role::Plain);
    let (taken, free) = (*place.taken.keys().next().expect("a taken address"), place.free(1)[0]);
    let late = stage.delete(&place, taken).await.expect_err("no time");
    assert!(matches!(late, Failure::OutOfTime { .. }), "{late}");
    let late = stage.add(&place, free).await.expect_err("no time");
    assert!(matches!(late, Failure::OutOfTime { .. }), "{late}");
    assert!(stage.exists(&place, taken).await.expect("an answer"));
    assert!(!stage.exists(&place, free).await.expect("an answer"));
}

#[tokio::test(start_paused = true)]
async fn an_address_whose_reservation_is_on_its_way_is_let_go_by_nobody() {
    let stage = Arc::new(Stage::start().await);
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::Slow).await;
    let adding = tokio::spawn({
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.add(&place, address).await }
    });
    let holds = stage.allocator.holds();
    while held(holds).await[0].state != HoldState::Adding {
        tokio::task::yield_now().await;
    }
    let refused = holds.release(|_| true, place.prefix, &GroupChoice::none(), address).await.expect_err("not now");
    assert!(matches!(refused, Failure::BeingReserved { .. }), "{refused}");
    assert_ne!(stage.next(&place, mac(2)).await.expect("an address"), address);
    adding.await.expect("no panic").expect_err("no answer");
    let state = held(holds).await.into_iter().find(|held| held.address == address).map(|held| held.state);
    assert_eq!(state, Some(HoldState::Unanswered), "it may yet turn up as reserved");
}

#[tokio::test]
async fn a_delete_whose_subnet_is_gone_ends_what_was_reserved_and_no_offer() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    let (added, offered) = (stage.next(&place, mac(1)).await, stage.next(&place, mac(2)).await);
    let (added, offered) = (added.expect("an address"), offered.expect("an address"));
    stage.add(&place, added).await.expect("added");
    stage.ipam.remove(&place).await;
    for address in [added, offered] {
        assert_eq!(stage.delete(&place, address).await.expect("deleted"), Deleted::WasAbsent);
    }
    let states: Vec<_> =
        held(stage.allocator.holds()).await.into_iter().map(|held| (held.address, held.state)).collect();
    assert_eq!(states, [(added, HoldState::Released), (offered, HoldState::Offered)]);
}

#[tokio::test]
async fn delete_is_idempotent() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    let taken = *place.taken.keys().next().expect("a taken address");
    assert_eq!(stage.delete(&place, taken).await.expect("deleted"), Deleted::Removed);
    assert_eq!(stage.delete(&place, taken).await.expect("deleted"), Deleted::WasAbsent);
    stage.ipam.remove(&place).await;
    assert_eq!(stage.delete(&place, taken).await.expect("deleted"), Deleted::WasAbsent, "the subnet is gone");
    let elsewhere = GroupChoice::of(GroupName::new("No such group"));
    let deleted = stage.allocator.delete(place.prefix, elsewhere, taken).await.expect("deleted");
    assert_eq!(deleted, Deleted::WasAbsent, "the group is gone");
}

#[tokio::test(start_paused = true)]
async fn an_address_whose_delete_takes_effect_late_is_offered_to_no_other_host() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.add(&place, address).await.expect("recorded");
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    stage.delete(&place, address).await.expect_err("the record is still there");
    stage.ipam.heal().await;
    let provider = stage.ipam.provider();
    let found = provider.find_subnets(place.prefix, place.group.as_ref()).await.expect("an answer");
    provider.release(&found[0], address).await.expect("the lost delete takes effect");
    stage.clock.advance(RULES.candidate + RULES.request_budget + Duration::from_secs(60));
    let other = stage.next(&place, mac(2)).await.expect("another address");
    assert_ne!(other, address, "Foreman keeps it for the first host");
    assert_eq!(stage.next(&place, mac(1)).await.expect("an address"), address, "it is that host's");
}

#[tokio::test]
async fn a_lost_answer_to_a_delete_that_took_effect_is_a_success() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    let taken = *place.taken.keys().next().expect("a taken address");
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    stage.delete(&place, taken).await.expect_err("it is still there");
    stage.ipam.fault(Fault::ResetAfterWrite).await;
    assert_eq!(stage.delete(&place, taken).await.expect("deleted"), Deleted::Removed);
}

#[tokio::test]
async fn a_delete_that_finds_no_record_does_not_end_the_offer_of_another_host() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    for host in [mac(1), None] {
        let address = stage.next(&place, host).await.expect("an address");
        assert_eq!(stage.delete(&place, address).await.expect("deleted"), Deleted::WasAbsent);
        assert_ne!(stage.next(&place, mac(2)).await.expect("an address"), address);
    }
    let again = stage.next(&place, mac(1)).await.expect("an address");
    assert_eq!(again, place.free(1)[0], "the host itself is offered it again");
}

#[tokio::test]
async fn exists_asks_the_ipam_and_holds_do_not_count() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    assert!(!stage.exists(&place, address).await.expect("an answer"));
    stage.ipam.take(&place, address).await;
    assert!(stage.exists(&place, address).await.expect("an answer"));
}

#[tokio::test]
async fn a_warm_host_creation_costs_the_ipam_two_calls() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    stage.next(&place, mac(1)).await.expect("an address");
    stage.calls();
    let address = stage.next(&place, mac(2)).await.expect("an address");
    stage.exists(&place, address).await.expect("an answer");
    stage.add(&place, address).await.expect("added");
    assert_eq!(stage.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_its_caller_did_not_wait_for_goes_on_and_its_success_is_dropped() {
    let stage = Stage::start().await;
    /// Tells that it is gone.
    #[derive(Debug)]
    struct Success(tokio::sync::mpsc::UnboundedSender<&'static str>);

    impl Drop for Success {
        fn drop(&mut self) {
            self.0.send("gone").expect("a listener");
        }
    }

    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let work = async |tell| {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok(Success(tell))
    };
    let answered = stage.allocator.to_its_end(work(tell.clone())).await.expect("an answer");
    told.try_recv().expect_err("the caller has it");
    drop(answered);
    told.recv().await.expect("gone with its caller");
    tokio::time::timeout(Duration::from_secs(5), stage.allocator.to_its_end(work(tell)))
        .await
        .expect_err("the caller hangs up");
    told.try_recv().expect_err("the work goes on");
    assert_eq!(told.recv().await, Some("gone"));
    assert_eq!(told.recv().await, None, "once");
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_within_its_budget_whatever_the_ipam_does() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::Slow).await;
    let start = tokio::time::Instant::now();
    stage.next(&stage.place(Role::Empty), mac(2)).await.expect_err("no answer");
    stage.exists(&place, address).await.expect_err("no answer");
    stage.delete(&place, address).await.expect_err("no answer");
    stage.add(&place, address).await.expect_err("no answer");
    assert!(start.elapsed() <= 4 * RULES.request_budget, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_call_that_was_never_sent_leaves_things_as_they_were() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::Gone).await;
    stage.calls();
    stage.add(&place, address).await.expect_err("no connection");
    assert_eq!(stage.calls(), 1, "there is nothing to look for");
    let [hold] = &held(stage.allocator.holds()).await[..] else { panic!("one hold") };
    assert_eq!((hold.address, hold.state), (address, HoldState::Offered));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waits_too_long_in_the_queue_is_refused_and_nothing_is_written() {
    let slow = |provider: &mut Counted| {
        provider.max_parallel = Some(1);
        provider.write_takes = Duration::from_secs(5);
    };
    let stage = Arc::new(Stage::over(RULES, Seed::standard(), slow).await);
    let place = stage.place(Role::Wide);
    let free = place.free(10);
    let adds = free.iter().map(|&address| {
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.add(&place, address).await.map(|()| address) }
    });
    let (added, failed) = addresses(in_parallel(adds.collect::<Vec<_>>()).await);
    assert!(added.len() >= 2, "there was time for two writes of five seconds, and for a look after the second");
    assert!(failed.iter().all(|failure| matches!(failure, Failure::QueueTooLong { .. })), "{failed:?}");
    for address in free {
        assert_eq!(stage.record(&place, address).await.is_some(), added.contains(&address), "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_the_budget_has_room_for_fails_nobody() {
    let slow = |provider: &mut Counted| {
        provider.max_parallel = Some(4);
        provider.write_takes = Duration::from_millis(100);
    };
    let stage = Arc::new(Stage::over(RULES, Seed::standard(), slow).await);
    let place = stage.place(Role::Ipv6);
    let hosts = (0..400).map(|host| {
        let (stage, place) = (stage.clone(), place.clone());
        async move {
            let address = stage.next(&place, mac(host)).await?;
            stage.add(&place, address).await.map(|()| address)
        }
    });
    let (added, failed) = addresses(in_parallel(hosts.collect::<Vec<_>>()).await);
    assert!(failed.is_empty(), "{} of 400: {:?}", failed.len(), failed.first());
    assert_eq!(added.into_iter().collect::<BTreeSet<_>>().len(), 400);
}

#[tokio::test]
async fn a_delete_from_a_subnet_that_cannot_be_found_looks_for_our_record_first() {
    let stage = Stage::start().await;
    let (place, other) = (stage.place(Role::Twin), stage.place(Role::OtherTwin));
    let renamed = SeededSubnet { group: GroupName::new("renamed since"), ..place.clone() };
    let address = place.free(99).into_iter().find(|address| other.free(99).contains(address)).expect("a free address");
    assert_eq!(stage.delete(&renamed, address).await.expect("a success"), Deleted::WasAbsent);
    stage.add(&place, address).await.expect("added");
    let refused = stage.delete(&renamed, address).await.expect_err("the record is still there");
    assert!(matches!(&refused, Failure::StillReserved { places, .. } if places.len() == 1), "{refused}");
    assert!(refused.to_string().contains("198.51.100.0/28 (group"), "{refused}");
    // A record of another writer is none of ours.
    let taken = *place.taken.keys().next().expect("a taken address");
    assert_eq!(stage.delete(&renamed, taken).await.expect("a success"), Deleted::WasAbsent);
    stage.ipam.fault(Fault::Gone).await;
    stage.delete(&renamed, address).await.expect_err("nothing is shown");
}

#[tokio::test]
async fn an_address_that_is_deleted_in_the_ipam_after_an_add_is_offered_again() {
    let stage = Stage::start().await;
    let place = stage.place(Role::SingleHost);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.add(&place, address).await.expect("added");
    stage.ipam.free(&place, address).await;
    // No batch and no request of before lives that long, and the offer would have lived much longer.
    stage.clock.advance(RULES.candidate + RULES.request_budget);
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), address);
}

#[tokio::test(start_paused = true)]
async fn a_delete_right_after_the_answer_to_an_add_ends_what_was_added() {
    let stage = Arc::new(Stage::start().await);
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    let added = stage.allocator.add(place.prefix, choice(&place), address, Requester::default()).await.expect("added");
    // The caller has its answer, and the hold is behind.
    let deleting = tokio::spawn({
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.delete(&place, address).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    added.answered().await;
    assert_eq!(deleting.await.expect("no panic").expect("deleted"), Deleted::Removed);
    let [hold] = &held(stage.allocator.holds()).await[..] else { panic!("one hold") };
    assert_eq!((hold.address, hold.state, hold.mac), (address, HoldState::Released, mac(1)));
}
