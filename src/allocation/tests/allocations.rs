//! Addresses that are chosen and reserved in one call.

use super::*;

fn request(places: &[&SeededSubnet], strategy: Strategy) -> AllocationRequest {
    let subnets = places.iter().map(|place| (place.prefix, choice(place))).collect();
    AllocationRequest { subnets, strategy, count: 1, by: Requester::default() }
}

impl Stage {
    async fn allocate(&self, request: AllocationRequest) -> Result<Vec<IpAddr>, Failure> {
        let mut addresses = Vec::new();
        for added in self.allocator.allocate(request).await? {
            addresses.push(added.address());
            added.answered().await;
        }
        Ok(addresses)
    }

    async fn allocate_one(&self, place: &SeededSubnet, strategy: Strategy) -> Result<IpAddr, Failure> {
        Ok(self.allocate(request(&[place], strategy)).await?[0])
    }
}

#[tokio::test]
async fn the_lowest_free_address_is_reserved_for_the_host() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let by = Requester {
        mac: mac(1),
        hostname: Some("web.example.com".to_owned()),
        remark: Some("port 17: for tests".to_owned()),
        ..Requester::default()
    };
    let added = stage.allocator.allocate(AllocationRequest { by, ..request(&[&place], Strategy::Lowest) }).await;
    let [added] = &added.expect("allocated")[..] else { panic!("one address") };
    assert_eq!(
        (added.address(), added.prefix(), added.group()),
        (place.free(1)[0], place.prefix, place.group.as_ref())
    );
    let record = stage.record(&place, added.address()).await.expect("a record");
    assert_eq!((record.mac, record.hostname.as_deref(), record.ours), (mac(1), Some("web.example.com"), true));
    assert!(record.description.is_some_and(|text| text.ends_with(": port 17: for tests")));
}

#[tokio::test]
async fn the_same_request_is_another_allocation_each_time() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let by = Requester { mac: mac(1), ..Requester::default() };
    let wanted = AllocationRequest { by, ..request(&[&place], Strategy::Lowest) };
    let first = stage.allocate(wanted.clone()).await.expect("allocated");
    let second = stage.allocate(wanted).await.expect("allocated");
    assert_eq!([first, second].concat(), place.free(2));
}

#[tokio::test]
async fn what_is_offered_to_foreman_is_not_allocated_and_the_other_way_round() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let free = place.free(3);
    assert_eq!(stage.next(&place, mac(1)).await.expect("an address"), free[0]);
    // Not for the same MAC either: Foreman adds its address in a call of its own.
    let by = Requester { mac: mac(1), ..Requester::default() };
    let wanted = AllocationRequest { by, ..request(&[&place], Strategy::Lowest) };
    assert_eq!(stage.allocate(wanted).await.expect("allocated"), free[1..2]);
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), free[2]);
    let promised = stage.allocate_one(&place, Strategy::Address(free[2])).await.expect_err("promised");
    assert!(matches!(promised, Failure::Promised { .. }), "{promised}");
    stage.add(&place, free[0]).await.expect("it was offered");
}

#[tokio::test]
async fn the_next_one_is_above_the_last_allocated_one() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let free = place.free(12);
    assert_eq!(stage.allocate_one(&place, Strategy::Next).await.expect("allocated"), free[0]);
    assert_eq!(stage.allocate_one(&place, Strategy::Next).await.expect("allocated"), free[1]);
    assert_eq!(stage.allocate_one(&place, Strategy::Address(free[9])).await.expect("allocated"), free[9]);
    assert_eq!(stage.allocate_one(&place, Strategy::Next).await.expect("allocated"), free[10]);
    assert_eq!(stage.allocate_one(&place, Strategy::Lowest).await.expect("allocated"), free[2]);
    assert_eq!(stage.allocate_one(&place, Strategy::Next).await.expect("allocated"), free[3]);
    let small = stage.place(Role::Empty);
    let all = small.free(1000);
    let highest = *all.last().expect("some");
    stage.allocate_one(&small, Strategy::Address(highest)).await.expect("allocated");
    assert_eq!(stage.allocate_one(&small, Strategy::Next).await.expect("allocated"), all[0], "there is none above");
}

#[tokio::test]
async fn random_addresses_are_not_the_lowest_ones() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let mut given = BTreeSet::new();
    for _ in 0..40 {
        assert!(given.insert(stage.allocate_one(&place, Strategy::Random).await.expect("allocated")));
    }
    let lowest: BTreeSet<_> = place.free(40).into_iter().collect();
    assert_ne!(given, lowest, "1 in 10^60");
    // Down to the last one.
    let place = stage.place(Role::Empty);
    let free = place.free(1000);
    for _ in &free {
        given.insert(stage.allocate_one(&place, Strategy::Random).await.expect("allocated"));
    }
    assert!(free.iter().all(|address| given.contains(address)));
    let full = stage.allocate_one(&place, Strategy::Random).await.expect_err("full");
    assert!(matches!(full, Failure::NoFreeAddress { .. }), "{full}");
}

#[tokio::test]
async fn an_address_that_is_given_must_be_one_that_can_be_had() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    let taken = *place.taken.keys().next().expect("a taken address");
    let free = place.free(3);
    stage.allocate_one(&place, Strategy::Address(free[2])).await.expect("allocated");
    for address in [taken, free[2]] {
        let failure = stage.allocate_one(&place, Strategy::Address(address)).await.expect_err("taken");
        assert!(
            matches!(failure, Failure::AlreadyReserved { .. } | Failure::BeingReserved { .. }),
            "{address}: {failure}"
        );
    }
    let network = place.prefix.network();
    let failure = stage.allocate_one(&place, Strategy::Address(network)).await.expect_err("the network");
    assert!(matches!(failure, Failure::NotOfferable { .. }), "{failure}");
    let failure = stage.allocate_one(&place, Strategy::Address([203, 0, 113, 77].into())).await.expect_err("outside");
    assert!(matches!(failure, Failure::NotInSubnet { .. }), "{failure}");
    // In quarantine, and free.
    stage.delete(&place, free[2]).await.expect("deleted");
    assert_eq!(stage.allocate_one(&place, Strategy::Address(free[2])).await.expect("allocated"), free[2]);
    // Of several subnets, the one that contains it.
    let wide = stage.place(Role::Wide);
    let wanted = wide.free(5)[4];
    let several = request(&[&place, &wide], Strategy::Address(wanted));
    let added = stage.allocator.allocate(several).await.expect("allocated");
    assert_eq!((added[0].prefix(), added[0].address()), (wide.prefix, wanted));
}

#[tokio::test]
async fn a_full_subnet_is_passed_over_and_all_full_ones_are_named() {
    let stage = Stage::start().await;
    let (small, empty) = (stage.place(Role::Smallest), stage.place(Role::Empty));
    let (in_small, in_empty) = (small.free(1000).len(), empty.free(1000).len());
    let several = request(&[&small, &empty], Strategy::Lowest);
    let all = AllocationRequest { count: in_small + in_empty, ..several.clone() };
    let given: BTreeSet<_> = stage.allocate(all).await.expect("allocated").into_iter().collect();
    assert_eq!(given.len(), in_small + in_empty);
    let full = stage.allocate(several).await.expect_err("full");
    assert!(matches!(&full, Failure::NoneFreeInAny { prefixes } if prefixes.len() == 2), "{full}");
    let full = stage.allocate_one(&small, Strategy::Lowest).await.expect_err("full");
    assert!(matches!(full, Failure::NoFreeAddress { .. }), "{full}");
}

#[tokio::test]
async fn several_addresses_are_had_all_or_none() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    let free = place.free(1000);
    let too_many = AllocationRequest { count: free.len() + 1, ..request(&[&place], Strategy::Lowest) };
    let full = stage.allocate(too_many.clone()).await.expect_err("one too many");
    assert!(matches!(full, Failure::NoFreeAddress { .. }), "{full}");
    for address in &free {
        assert_eq!(stage.record(&place, *address).await, None, "{address}");
    }
    let all = AllocationRequest { count: free.len(), ..too_many };
    assert_eq!(stage.allocate(all).await.expect("allocated").len(), free.len());
}

#[tokio::test]
async fn what_cannot_be_released_again_is_named() {
    let stage = Stage::over(RULES, Seed::standard(), |provider| provider.keeps_all = true).await;
    let place = stage.place(Role::Empty);
    let free = place.free(1000);
    let too_many = AllocationRequest { count: free.len() + 1, ..request(&[&place], Strategy::Lowest) };
    let failure = stage.allocate(too_many).await.expect_err("one too many");
    let Failure::LeftReserved { cause, left } = &failure else { panic!("{failure}") };
    assert!(matches!(**cause, Failure::NoFreeAddress { .. }), "{cause}");
    assert_eq!(left, &free);
    assert!(failure.to_string().contains(&free[0].to_string()));
}

#[tokio::test]
async fn an_address_that_somebody_else_has_taken_is_passed_over() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let free = place.free(4);
    // The batch of this offer has the next ones as free.
    stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.take(&place, free[1]).await;
    stage.ipam.take(&place, free[2]).await;
    assert_eq!(stage.allocate_one(&place, Strategy::Lowest).await.expect("allocated"), free[3]);
}

#[tokio::test]
async fn a_lost_answer_is_looked_after_whoever_has_chosen_the_address() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let given = place.free(20)[19];
    for strategy in [Strategy::Lowest, Strategy::Next, Strategy::Random, Strategy::Address(given)] {
        stage.ipam.fault(Fault::ResetAfterWrite).await;
        let address = stage.allocate_one(&place, strategy).await.expect("the record is ours");
        stage.ipam.heal().await;
        assert!(stage.record(&place, address).await.is_some_and(|record| record.ours));
        stage.ipam.fault(Fault::ResetBeforeWrite).await;
        let lost = stage.allocate_one(&place, strategy).await;
        stage.ipam.heal().await;
        assert!(lost.is_err(), "{strategy:?}");
    }
    let states: Vec<_> = held(stage.allocator.holds()).await.into_iter().map(|hold| hold.state).collect();
    let unanswered = states.iter().filter(|state| **state == HoldState::Unanswered).count();
    assert_eq!(unanswered, 3, "of each but the given one, which was known as reserved: {states:?}");
}

#[tokio::test]
async fn a_failed_allocation_ends_its_promise() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    // The subnet is known, and has a batch.
    let held_before = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::Gone).await;
    let refused = stage.allocate_one(&place, Strategy::Lowest).await.expect_err("refused");
    stage.ipam.heal().await;
    assert!(matches!(refused, Failure::Provider(_)), "{refused}");
    let addresses: Vec<_> = held(stage.allocator.holds()).await.into_iter().map(|hold| hold.address).collect();
    assert_eq!(addresses, [held_before]);
}

#[tokio::test]
async fn a_rehearsal_has_no_effect() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    let free = place.free(1000);
    let taken = request(&[&place], Strategy::Address(free[0]));
    stage.next(&place, mac(1)).await.expect("an address");
    let before = held(stage.allocator.holds()).await;
    let rehearse = async |count, strategy| {
        let wanted = AllocationRequest { count, ..request(&[&place], strategy) };
        let rehearsed = stage.allocator.rehearse(&wanted).await?;
        Ok::<Vec<_>, Failure>(rehearsed.into_iter().map(|rehearsed| rehearsed.address).collect())
    };
    assert_eq!(rehearse(2, Strategy::Lowest).await.expect("addresses"), free[1..3]);
    assert_eq!(rehearse(2, Strategy::Next).await.expect("addresses"), free[1..3]);
    assert_eq!(rehearse(2, Strategy::Random).await.expect("addresses").len(), 2);
    assert_eq!(rehearse(1, Strategy::Address(free[3])).await.expect("an address"), free[3..4]);
    let promised = stage.allocator.rehearse(&taken).await.expect_err("promised");
    assert!(matches!(promised, Failure::Promised { .. }), "{promised}");
    let full = rehearse(free.len(), Strategy::Lowest).await.expect_err("one is promised");
    assert!(matches!(full, Failure::NoFreeAddress { .. }), "{full}");
    assert_eq!(held(stage.allocator.holds()).await, before);
    for address in &free {
        assert_eq!(stage.record(&place, *address).await, None, "{address}");
    }
}

/// What an attempt was about to reserve.
#[derive(Debug, Default)]
struct Noted(std::sync::Mutex<Vec<Intended>>);

#[async_trait]
impl Intentions for Noted {
    async fn keep(&self, intended: &[Intended]) -> Result<(), Failure> {
        *self.0.lock().expect("whole") = intended.to_vec();
        Ok(())
    }
}

impl Stage {
    async fn attempt(&self, request: &AllocationRequest, noted: &Arc<Noted>) -> Result<Vec<IpAddr>, Failure> {
        let intended = noted.0.lock().expect("whole").clone();
        let attempt = Attempt { intended, keeper: Some(noted.clone()) };
        let mut addresses = Vec::new();
        for added in self.allocator.allocate_again(request.clone(), attempt).await? {
            addresses.push(added.address());
            added.answered().await;
        }
        Ok(addresses)
    }

    async fn records(&self, place: &SeededSubnet) -> usize {
        let mut count = 0;
        for address in place.free(1000) {
            count += usize::from(self.record(place, address).await.is_some());
        }
        count
    }
}

#[tokio::test]
async fn a_repeated_attempt_takes_up_what_an_earlier_one_has_reserved() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    let by = Requester { mac: mac(1), ..Requester::default() };
    let wanted = AllocationRequest { count: 3, by, ..request(&[&place], Strategy::Random) };
    let noted = Arc::new(Noted::default());
    // The process ends before the answer is kept.
    let first = stage.attempt(&wanted, &noted).await.expect("allocated");
    assert_eq!(stage.attempt(&wanted, &noted).await.expect("the same"), first);
    assert_eq!(stage.records(&place).await, 3);
    // It ends in the middle: one has not been sent.
    stage.delete(&place, first[2]).await.expect("deleted");
    let again = stage.attempt(&wanted, &noted).await.expect("the missing one");
    assert_eq!(again[..2], first[..2]);
    assert_eq!((again.len(), stage.records(&place).await), (3, 3));
}

#[tokio::test]
async fn a_repeated_attempt_asks_again_for_an_address_whose_fate_is_unknown() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    let by = Requester { mac: mac(1), ..Requester::default() };
    let wanted = AllocationRequest { by, ..request(&[&place], Strategy::Lowest) };
    for lands_late in [false, true] {
        let noted = Arc::new(Noted::default());
        stage.ipam.fault(Fault::ResetBeforeWrite).await;
        let lost = stage.attempt(&wanted, &noted).await.expect_err("no answer");
        stage.ipam.heal().await;
        assert!(leaves_unknown(&lost), "{lost}");
        let intended = noted.0.lock().expect("whole").clone();
        let [Intended { address, .. }] = intended[..] else { panic!("one address: {intended:?}") };
        let before = stage.records(&place).await;
        if lands_late {
            let provider = stage.ipam.provider();
            let found = provider.find_subnets(place.prefix, place.group.as_ref()).await.expect("an answer");
            provider.reserve(&found[0], address, &wanted.by).await.expect("reserved");
        }
        assert_eq!(stage.attempt(&wanted, &noted).await.expect("allocated"), [address], "late: {lands_late}");
        assert_eq!(stage.records(&place).await, before + 1);
    }
}

#[tokio::test]
async fn nothing_is_reserved_that_cannot_be_kept_for_a_later_attempt() {
    #[derive(Debug)]
    struct Full;

    #[async_trait]
    impl Intentions for Full {
        async fn keep(&self, _: &[Intended]) -> Result<(), Failure> {
            Err(Failure::NotKept)
        }
    }

    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    let attempt = Attempt { intended: Vec::new(), keeper: Some(Arc::new(Full)) };
    let failure = stage.allocator.allocate_again(request(&[&place], Strategy::Lowest), attempt).await;
    assert!(matches!(failure, Err(Failure::NotKept)), "{failure:?}");
    assert_eq!((stage.records(&place).await, held(stage.allocator.holds()).await.len()), (0, 0));
}
