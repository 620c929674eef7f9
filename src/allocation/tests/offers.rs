//! Which address a question for a free one is answered with, and for how long it is held.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_callers_get_distinct_addresses_for_few_calls_of_the_ipam() {
    let stage = Arc::new(Stage::start().await);
    let place = stage.place(Role::Wide);
    let asks = (0..200).map(|host| {
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.next(&place, mac(host)).await }
    });
    let (given, failed) = addresses(in_parallel(asks).await);
    assert_eq!((given.len(), failed.len()), (200, 0));
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 200);
    let calls = stage.calls();
    assert!(calls <= 5, "{calls} calls for 200 addresses in batches of 64, and one look-up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_mac_in_parallel_gets_one_address() {
    let stage = Arc::new(Stage::start().await);
    let place = stage.place(Role::Wide);
    let asks = (0..50).map(|_| {
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.next(&place, mac(1)).await.expect("an address") }
    });
    let given: BTreeSet<IpAddr> = in_parallel(asks).await.into_iter().collect();
    assert_eq!(given.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_caller_of_a_full_subnet_is_told_so() {
    for with_mac in [true, false] {
        let stage = Arc::new(Stage::start().await);
        let place = stage.place(Role::Empty);
        let free = place.free(1000).len();
        let asks = (0..=free).map(|host| {
            let (stage, place) = (stage.clone(), place.clone());
            async move { stage.next(&place, mac(host).filter(|_| with_mac)).await }
        });
        let (given, failed) = addresses(in_parallel(asks).await);
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), free);
        assert!(matches!(failed[..], [Failure::NoFreeAddress { held, .. }] if held == free), "{failed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_fetched_what_of_it_is_wasted_and_what_is_refused_is_counted() {
    let stage = Stage::start().await;
    let wide = stage.place(Role::Wide);
    let counts = stage.allocator.candidates.counts.clone();
    stage.next(&wide, mac(1)).await.expect("an address");
    stage.next(&wide, mac(2)).await.expect("an address");
    assert_eq!((counts.fetched(), counts.wasted(), counts.refused()), (64, 0, 0));
    let full = stage.place(Role::Full);
    assert!(matches!(stage.next(&full, mac(3)).await, Err(Failure::NoFreeAddress { .. })));
    assert_eq!((counts.fetched(), counts.refused()), (64, 1));
    drop(stage);
    assert_eq!((counts.fetched(), counts.wasted()), (64, 62), "two of them were offered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subnet_is_not_full_because_an_answer_has_fewer_addresses_than_asked_for() {
    let stage = Arc::new(Stage::sparing(RULES, Seed::standard(), 3).await);
    let place = stage.place(Role::Empty);
    let free = place.free(1000);
    let asks = (0..free.len()).map(|host| {
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.next(&place, mac(host)).await }
    });
    let (given, failed) = addresses(in_parallel(asks).await);
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), free.into_iter().collect());
    assert!(matches!(stage.next(&place, mac(99)).await, Err(Failure::NoFreeAddress { .. })));
}

#[tokio::test]
async fn a_second_subnet_takes_no_hold_away_in_the_first() {
    let stage = Stage::start().await;
    let (wide, empty) = (stage.place(Role::Wide), stage.place(Role::Empty));
    let first = stage.next(&wide, mac(1)).await.expect("an address");
    stage.next(&empty, mac(1)).await.expect("an address");
    assert_ne!(stage.next(&wide, mac(2)).await.expect("an address"), first);
    assert_eq!(stage.next(&wide, mac(1)).await.expect("an address"), first);
}

#[tokio::test]
async fn with_and_without_group_a_subnet_has_one_set_of_holds() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let first = stage.next(&place, mac(1)).await.expect("an address");
    let second = stage.allocator.next_ip(place.prefix, &GroupChoice::none(), mac(2), None).await.expect("an address");
    assert_ne!(first, second);
}

#[tokio::test]
async fn addresses_that_are_taken_are_passed_over_however_many_there_are() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    for address in place.free(254).into_iter().skip(1).take(200) {
        stage.ipam.take(&place, address).await;
    }
    let free = [1, 202, 203, 204].map(|last| IpAddr::from([198, 18, 0, last]));
    for (host, expected) in free.into_iter().enumerate() {
        assert_eq!(stage.next(&place, mac(host)).await.expect("an address"), expected);
    }
}

#[tokio::test]
async fn a_held_address_that_was_reserved_meanwhile_is_not_given_again() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let first = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.take(&place, first).await;
    stage.clock.advance(RULES.candidate + Duration::from_secs(1));
    assert_ne!(stage.next(&place, mac(1)).await.expect("an address"), first);
}

#[tokio::test]
async fn asking_again_renews_the_hold() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let first = stage.next(&place, mac(1)).await.expect("an address");
    for _ in 0..3 {
        stage.clock.advance(RULES.hold - Duration::from_secs(1));
        assert_eq!(stage.next(&place, mac(1)).await.expect("an address"), first);
    }
    stage.clock.advance(RULES.hold);
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), first, "the hold has ended");
}

#[tokio::test]
async fn a_second_interface_of_one_request_gets_a_second_address() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let ask = async |request| {
        stage.allocator.next_ip(place.prefix, &choice(&place), mac(1), Some(request)).await.expect("an address")
    };
    let (first, second) = (ask(7).await, ask(7).await);
    assert_ne!(first, second);
    assert_eq!((ask(8).await, ask(8).await), (first, second));
}

#[tokio::test]
async fn a_full_subnet_says_how_many_addresses_are_only_held() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Smallest);
    let (first, second) = (stage.next(&place, mac(1)).await, stage.next(&place, mac(2)).await);
    for (address, held) in [(first, 1), (second, 0)] {
        stage.add(&place, address.expect("an address")).await.expect("added");
        let full = stage.next(&place, mac(3)).await.expect_err("no address");
        assert!(matches!(full, Failure::NoFreeAddress { held: said, .. } if said == held), "{full}");
    }
}

#[tokio::test]
async fn without_a_mac_the_oldest_hold_is_recycled_rather_than_failing() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Smallest);
    let first = stage.next(&place, None).await.expect("an address");
    stage.clock.advance(Duration::from_secs(30));
    let second = stage.next(&place, None).await.expect("an address");
    assert_ne!(first, second);
    assert!(matches!(stage.next(&place, None).await, Err(Failure::NoFreeAddress { held: 2, .. })));
    stage.clock.advance(Duration::from_secs(31));
    assert_eq!(stage.next(&place, mac(1)).await.expect("a recycled address"), first);
    assert!(matches!(stage.next(&place, None).await, Err(Failure::NoFreeAddress { .. })));
    stage.clock.advance(Duration::from_secs(30));
    stage.ipam.take(&place, second).await;
    assert!(matches!(stage.next(&place, None).await, Err(Failure::NoFreeAddress { .. })), "reserved meanwhile");
}

#[tokio::test]
async fn point_to_point_and_host_subnets_offer_all_they_have() {
    let stage = Stage::start().await;
    for role in [Role::PointToPoint, Role::SingleHost, Role::Pool, Role::Ipv6PointToPoint, Role::Ipv6SingleHost] {
        let place = stage.place(role);
        let expected: BTreeSet<IpAddr> = place.free(100).into_iter().collect();
        let mut given = BTreeSet::new();
        for host in 0..expected.len() {
            given.insert(stage.next(&place, mac(host)).await.expect("an address"));
        }
        assert_eq!(given, expected, "{role:?}");
        assert!(matches!(stage.next(&place, mac(99)).await, Err(Failure::NoFreeAddress { .. })), "{role:?}");
    }
}

#[tokio::test]
async fn more_holds_than_allowed_are_refused_and_none_is_dropped_for_them() {
    let stage = Stage::with(Rules { holds_at_most: 3, ..RULES }, Seed::standard()).await;
    let place = stage.place(Role::Wide);
    let mut given = Vec::new();
    for host in 0..3 {
        given.push(stage.next(&place, mac(host)).await.expect("an address"));
    }
    let refused = stage.next(&place, mac(3)).await.expect_err("a refusal");
    assert!(matches!(refused, Failure::TooManyHolds { at_most: 3 }), "{refused}");
    for (host, address) in given.into_iter().enumerate() {
        assert_eq!(stage.next(&place, mac(host)).await.expect("the same address"), address);
    }
    stage.clock.advance(RULES.hold);
    stage.next(&place, mac(3)).await.expect("the others have ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_callers_get_exactly_as_many_holds_as_are_allowed() {
    for _ in 0..20 {
        let stage = Arc::new(Stage::with(Rules { holds_at_most: 20, ..RULES }, Seed::standard()).await);
        let places = [stage.place(Role::Wide), stage.place(Role::Ipv6)];
        let asks = (0..60).map(|host| {
            let (stage, place) = (stage.clone(), places[host % 2].clone());
            async move { stage.next(&place, mac(host)).await }
        });
        let (given, failed) = addresses(in_parallel(asks).await);
        assert_eq!((given.len(), held(stage.allocator.holds()).await.len()), (20, 20));
        assert!(failed.iter().all(|failure| matches!(failure, Failure::TooManyHolds { at_most: 20 })), "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_the_limit_parallel_questions_of_one_mac_are_answered_alike() {
    for _ in 0..20 {
        let stage = Arc::new(Stage::with(Rules { holds_at_most: 1, ..RULES }, Seed::standard()).await);
        let place = stage.place(Role::Wide);
        let asks = (0..20).map(|_| {
            let (stage, place) = (stage.clone(), place.clone());
            async move { stage.next(&place, mac(1)).await.expect("an address") }
        });
        let given: BTreeSet<IpAddr> = in_parallel(asks).await.into_iter().collect();
        assert_eq!(given.len(), 1);
    }
}

#[tokio::test]
async fn a_released_hold_is_free_for_others() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    let release = async |group: &GroupChoice| {
        stage.allocator.release_hold(place.prefix, group, address).await.expect("an answer")
    };
    assert!(!release(&choice(&stage.place(Role::OtherTwin))).await);
    assert!(release(&GroupChoice::none()).await);
    assert!(!release(&GroupChoice::none()).await);
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), address);
}

#[tokio::test]
async fn a_full_subnet_with_a_hold_that_ended_since_is_not_full() {
    let stage = Stage::start().await;
    let place = stage.place(Role::SingleHost);
    let address = stage.next(&place, None).await.expect("an address");
    stage.next(&place, mac(1)).await.expect_err("full");
    let released = stage.allocator.release_hold(place.prefix, &GroupChoice::none(), address).await;
    assert!(released.expect("an answer"));
    assert_eq!(stage.next(&place, mac(1)).await.expect("an address"), address);
}

#[tokio::test]
async fn many_holds_in_several_subnets_are_listed_in_pages() {
    let stage = Stage::start().await;
    let mut given = BTreeSet::new();
    for (place, count) in [(stage.place(Role::Ipv6), 600), (stage.place(Role::Plain), 1), (stage.place(Role::Twin), 2)]
    {
        for host in 0..count {
            let address = stage.next(&place, mac(host)).await.expect("an address");
            given.insert((place.group.clone(), place.prefix, address));
        }
    }
    let (mut listed, mut pages, mut next) = (Vec::new(), 0, None);
    loop {
        let page = stage.allocator.holds().page(next.as_deref(), 100).await.expect("a page");
        listed.extend(page.holds.iter().map(|held| (held.scope.group.clone(), held.scope.prefix, held.address)));
        pages += 1;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!((pages, listed.len()), (7, given.len()));
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), given);
    assert!(matches!(stage.allocator.holds().page(Some("10.0.0.1"), 100).await, Err(ListError::After)));
}

#[tokio::test]
async fn full_is_no_answer_to_a_question_that_came_after_the_ipam_was_asked() {
    let gate = Arc::new(Semaphore::new(0));
    let gated = |provider: &mut Counted| provider.free_answers = gate.clone();
    let stage = Arc::new(Stage::over(RULES, Seed::standard(), gated).await);
    let place = stage.place(Role::SingleHost);
    let address = place.free(1)[0];
    stage.ipam.take(&place, address).await;
    let ask = |host| {
        let (stage, place) = (stage.clone(), place.clone());
        tokio::spawn(async move { stage.next(&place, mac(host)).await })
    };
    let before = ask(1);
    while stage.calls.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    stage.ipam.free(&place, address).await;
    let after = ask(2);
    tokio::task::yield_now().await;
    gate.add_permits(10);
    let (before, after) = (before.await.expect("no panic"), after.await.expect("no panic"));
    assert!(matches!(before, Err(Failure::NoFreeAddress { .. })) || before.is_ok_and(|given| given == address));
    assert_eq!(after.expect("it became free before the question"), address);
}
