//! Free addresses: which, in which order, and how many.

use std::net::IpAddr;

use ipam_provider::{AddressSet, Requester};

use crate::{CaseResult, Role, Skip, Stage};

/// However many are asked for, the answer is the lowest ones.
pub async fn free_addresses_are_lowest_first_and_at_most_as_many_as_asked(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    for at_most in [1, 2, 3, 5, 11, 12, 500] {
        assert_eq!(stage.free(&place.subnet, at_most).await, place.seeded.free(at_most), "at most {at_most}");
    }
    Ok(())
}

/// No subnet is special: each has exactly the addresses that nobody has taken.
pub async fn every_subnet_offers_exactly_what_is_free(stage: &Stage) -> CaseResult {
    for seeded in &stage.seed.subnets {
        let place = stage.find(seeded).await;
        assert_eq!(stage.free(&place.subnet, 20).await, seeded.free(20), "{}", place.subnet);
    }
    Ok(())
}

/// A large answer is complete, past the first page of the IPAM.
pub async fn a_large_answer_is_complete(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Wide).await?;
    assert_eq!(stage.free(&place.subnet, 1000).await, place.seeded.free(254));
    Ok(())
}

/// Held addresses are left out, and nothing else is.
pub async fn held_addresses_are_not_offered(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let free = place.seeded.free(99);
    let held: AddressSet = [free[0], free[2], free[7]].into_iter().collect();
    let expected: Vec<_> = free.iter().copied().filter(|address| !held.contains(*address)).collect();
    assert_eq!(stage.free_besides(&place.subnet, 99, &held).await, expected);
    assert_eq!(stage.free_besides(&place.subnet, 99, &free.into_iter().collect()).await, [] as [IpAddr; 0]);
    Ok(())
}

/// Many holds at the low end must not hide what is free behind them.
pub async fn held_addresses_do_not_count(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Wide).await?;
    let free = place.seeded.free(254);
    let held: AddressSet = free[..200].iter().copied().collect();
    assert_eq!(stage.free_besides(&place.subnet, 1, &held).await, free[200..201]);
    assert_eq!(stage.free_besides(&place.subnet, 50, &held).await, free[200..250]);
    assert_eq!(stage.free_besides(&place.subnet, 99, &held).await, free[200..]);
    Ok(())
}

/// A hold of an address that is taken or not in the subnet changes nothing.
pub async fn holds_of_other_addresses_change_nothing(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let edges = [place.seeded.prefix.network(), place.seeded.prefix.last()];
    let elsewhere = ["203.0.113.200", "2001:db8::1"].map(|address| address.parse::<IpAddr>().expect("an address"));
    let held: AddressSet = place.seeded.taken.keys().copied().chain(edges).chain(elsewhere).collect();
    assert_eq!(stage.free_besides(&place.subnet, 99, &held).await, place.seeded.free(99));
    Ok(())
}

/// IPv4 up to /30 has a network and a broadcast address, IPv6 up to /126 a subnet-router anycast address (RFC 4291).
pub async fn network_broadcast_and_anycast_are_never_free(stage: &Stage) -> CaseResult {
    for place in stage.places(&[Role::Empty, Role::Smallest, Role::Ipv6, Role::Ipv6Small]).await {
        let free = stage.free(&place.subnet, 99).await;
        assert!(!free.is_empty(), "{}", place.subnet);
        assert!(!free.contains(&place.subnet.prefix.network()), "{}", place.subnet);
        let last_is_broadcast = !place.subnet.prefix.is_ipv6();
        if last_is_broadcast {
            assert!(!free.contains(&place.subnet.prefix.last()), "{}", place.subnet);
        }
    }
    Ok(())
}

/// /31 (RFC 3021), /127 (RFC 6164), /32 and /128 have neither network nor broadcast address.
pub async fn point_to_point_and_host_prefixes_offer_all_they_have(stage: &Stage) -> CaseResult {
    let roles = [Role::PointToPoint, Role::SingleHost, Role::Ipv6PointToPoint, Role::Ipv6SingleHost];
    let places = stage.places(&roles).await;
    if places.is_empty() {
        return Err(Skip::new("the seed has no such subnets"));
    }
    for place in places {
        let mut expected = vec![place.subnet.prefix.network(), place.subnet.prefix.last()];
        expected.dedup();
        assert_eq!(stage.free(&place.subnet, 9).await, expected, "{}", place.subnet);
    }
    Ok(())
}

/// In a pool the first and the last address are hosts too.
pub async fn a_pool_offers_its_first_and_last_address(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Pool).await?;
    let free = stage.free(&place.subnet, 99).await;
    assert_eq!(free.first(), Some(&place.seeded.prefix.network()));
    assert_eq!(free.last(), Some(&place.seeded.prefix.last()));
    assert_eq!(free.len(), 8);
    Ok(())
}

/// Full is not an error.
pub async fn a_full_subnet_has_no_free_addresses(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Full).await?;
    assert_eq!(stage.free(&place.subnet, 1).await, [] as [IpAddr; 0]);
    let freed = *place.seeded.taken.keys().nth(2).expect("six are taken");
    stage.subject.free(&place.seeded, freed).await;
    assert_eq!(stage.free(&place.subnet, 5).await, [freed]);
    Ok(())
}

/// Every address that is offered can be reserved, to the last one.
pub async fn a_subnet_can_be_filled(stage: &Stage) -> CaseResult {
    let roles = [Role::Smallest, Role::PointToPoint, Role::SingleHost, Role::Ipv6PointToPoint, Role::Ipv6SingleHost];
    let more = [Role::Plain, Role::Pool, Role::Ipv6Small];
    for place in stage.places(&[&roles[..], &more[..]].concat()).await {
        let expected = place.seeded.free(99);
        let mut reserved = Vec::new();
        // One more than there are, so that an answer that repeats itself ends.
        for _ in 0..=expected.len() {
            let Some(&address) = stage.free(&place.subnet, 1).await.first() else { break };
            stage.reserve(&place.subnet, address, &Requester::default()).await;
            reserved.push(address);
        }
        assert_eq!(reserved, expected, "{}", place.subnet);
    }
    Ok(())
}

/// Reserving takes an address out of the answer, releasing puts it back.
pub async fn a_reserved_address_is_free_again_when_released(stage: &Stage) -> CaseResult {
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        let free = place.seeded.free(3);
        stage.reserve(&place.subnet, free[0], &Requester::default()).await;
        assert_eq!(stage.free(&place.subnet, 2).await, free[1..]);
        let released = stage.provider.release(&place.subnet, free[0]).await;
        assert!(released.expect("a release").is_removed());
        assert_eq!(stage.free(&place.subnet, 3).await, free);
    }
    Ok(())
}

/// The IPAM has other users; providers do not cache.
pub async fn what_another_writer_does_is_seen_at_once(stage: &Stage) -> CaseResult {
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        let free = place.seeded.free(3);
        assert_eq!(stage.free(&place.subnet, 3).await, free);
        stage.subject.take(&place.seeded, free[0]).await;
        assert_eq!(stage.free(&place.subnet, 2).await, free[1..]);
        assert!(stage.is_reserved(&place.subnet, free[0]).await);
        stage.subject.free(&place.seeded, free[0]).await;
        assert_eq!(stage.free(&place.subnet, 3).await, free);
        assert!(!stage.is_reserved(&place.subnet, free[0]).await);
    }
    Ok(())
}

/// What is taken in one group is free in another.
pub async fn an_address_taken_in_a_twin_is_free_here(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    let places = stage.places(&[Role::Twin, Role::OtherTwin, Role::GlobalTwin, Role::Wider]).await;
    let address = "198.51.100.9".parse().expect("an address");
    stage.reserve(&places[0].subnet, address, &Requester::default()).await;
    assert!(!stage.free(&places[0].subnet, 99).await.contains(&address));
    for place in &places[1..] {
        assert_eq!(stage.free(&place.subnet, 10).await, place.seeded.free(10), "{}", place.subnet);
    }
    Ok(())
}
