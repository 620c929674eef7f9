//! Reserving, releasing, and what is recorded.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_provider::{ErrorKind, Released, Requester, Reservation, Subnet};

use crate::{CaseResult, Role, Skip, Stage};

const MAC: &str = "02:00:5e:00:53:aa";
const INFINIBAND: &str = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1";

fn requester(mac: &str, hostname: &str) -> Requester {
    Requester { mac: Some(mac.parse().expect("a MAC")), hostname: Some(hostname.to_owned()), ..Requester::default() }
}

fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

async fn reservation(stage: &Stage, subnet: &Subnet, address: IpAddr) -> Option<Reservation> {
    stage.provider.reservation(subnet, address).await.expect("an answer about the address")
}

async fn release(stage: &Stage, subnet: &Subnet, address: IpAddr) -> Released {
    stage.provider.release(subnet, address).await.expect("a release")
}

/// Every address of every small subnet is either taken or not, as it was seeded.
pub async fn a_taken_address_has_a_reservation_and_a_free_one_has_none(stage: &Stage) -> CaseResult {
    for seeded in &stage.seed.subnets {
        let place = stage.find(seeded).await;
        let looked_at: BTreeSet<_> = seeded.addresses().take(14).chain(seeded.taken.keys().copied()).collect();
        for address in looked_at {
            let is_taken = seeded.taken.contains_key(&address);
            assert_eq!(stage.is_reserved(&place.subnet, address).await, is_taken, "{address} in {}", place.subnet);
        }
    }
    Ok(())
}

/// A reserve is seen by the next question, in each family.
pub async fn a_reserved_address_has_a_reservation_until_it_is_released(stage: &Stage) -> CaseResult {
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        let address = place.seeded.free(1)[0];
        assert_eq!(reservation(stage, &place.subnet, address).await, None);
        stage.reserve(&place.subnet, address, &Requester::default()).await;
        assert!(reservation(stage, &place.subnet, address).await.is_some(), "{address}");
        assert!(release(stage, &place.subnet, address).await.is_removed());
        assert_eq!(reservation(stage, &place.subnet, address).await, None);
    }
    Ok(())
}

/// The second one is refused, also when it is the same requester, and the first one's record stays as it was.
pub async fn second_reserve_is_refused(stage: &Stage) -> CaseResult {
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        let address = place.seeded.free(1)[0];
        let first = requester(MAC, "first.example.com");
        stage.reserve(&place.subnet, address, &first).await;
        let recorded = reservation(stage, &place.subnet, address).await;
        for second in [first, requester("02:00:5e:00:53:bb", "second.example.com")] {
            let refused = stage.provider.reserve(&place.subnet, address, &second).await;
            assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists), "{address}");
        }
        assert_eq!(reservation(stage, &place.subnet, address).await, recorded);
    }
    Ok(())
}

/// The IPAM decides, at the moment of the write: another writer may have been quicker.
pub async fn an_address_that_another_writer_took_is_refused(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let address = stage.free(&place.subnet, 1).await[0];
    stage.subject.take(&place.seeded, address).await;
    for address in place.seeded.taken.keys().copied().chain([address]) {
        let refused = stage.provider.reserve(&place.subnet, address, &Requester::default()).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists), "{address}");
    }
    Ok(())
}

/// Deleting twice is what Foreman does after a rollback.
pub async fn release_of_an_absent_address_is_no_error(stage: &Stage) -> CaseResult {
    for place in stage.places(&[Role::Plain, Role::Ipv6]).await {
        let address = place.seeded.free(1)[0];
        assert_eq!(release(stage, &place.subnet, address).await, Released::WasAbsent);
        stage.reserve(&place.subnet, address, &Requester::default()).await;
        assert!(release(stage, &place.subnet, address).await.is_removed());
        assert_eq!(release(stage, &place.subnet, address).await, Released::WasAbsent);
        assert_eq!(stage.free(&place.subnet, 20).await, place.seeded.free(20));
    }
    Ok(())
}

/// A release of what another writer recorded is done or refused, but never claimed.
pub async fn a_record_of_another_writer_is_released_or_kept_as_answered(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let address = *place.seeded.taken.keys().next().expect("the plain subnet has taken addresses");
    let is_kept = match stage.provider.release(&place.subnet, address).await {
        Ok(released) => {
            assert!(released.is_removed());
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
            true
        }
    };
    assert_eq!(stage.is_reserved(&place.subnet, address).await, is_kept);
    Ok(())
}

/// A reserve in one group is no business of the same prefix in another.
pub async fn an_address_is_only_reserved_in_the_subnet_asked_for(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    let places = stage.places(&[Role::Twin, Role::OtherTwin, Role::GlobalTwin, Role::Wider]).await;
    let address = ip("198.51.100.9");
    for (index, place) in places.iter().enumerate() {
        stage.reserve(&place.subnet, address, &Requester::default()).await;
        for (other, place) in places.iter().enumerate() {
            assert_eq!(stage.is_reserved(&place.subnet, address).await, other <= index, "{}", place.subnet);
        }
    }
    Ok(())
}

/// Deleting in one group must not free somebody else's address of the same digits.
pub async fn an_address_is_only_removed_from_the_subnet_asked_for(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    let places = stage.places(&[Role::Twin, Role::OtherTwin, Role::GlobalTwin, Role::Wider]).await;
    let address = ip("198.51.100.9");
    for place in &places[1..] {
        stage.reserve(&place.subnet, address, &Requester::default()).await;
    }
    assert_eq!(release(stage, &places[0].subnet, address).await, Released::WasAbsent);
    for place in &places[1..] {
        assert!(stage.is_reserved(&place.subnet, address).await, "{}", place.subnet);
    }
    assert!(release(stage, &places[1].subnet, address).await.is_removed());
    for place in &places[2..] {
        assert!(stage.is_reserved(&place.subnet, address).await, "{}", place.subnet);
    }
    Ok(())
}

/// `192.0.2.1` is not the start of `192.0.2.10`.
pub async fn addresses_that_are_written_alike_are_different(stage: &Stage) -> CaseResult {
    for (role, long, short) in [
        (Role::Wide, "198.18.0.11", "198.18.0.1"),
        (Role::Wide, "198.18.0.200", "198.18.0.20"),
        (Role::Ipv6, "2001:db8:1::22", "2001:db8:1::2"),
        (Role::Ipv6, "2001:db8:1::2:1", "2001:db8:1::2"),
    ] {
        let Some(seeded) = stage.seed.subnet(role) else { continue };
        let (place, long, short) = (stage.find(seeded).await, ip(long), ip(short));
        stage.reserve(&place.subnet, long, &Requester::default()).await;
        assert!(!stage.is_reserved(&place.subnet, short).await, "{short} beside {long}");
        assert_eq!(release(stage, &place.subnet, short).await, Released::WasAbsent, "{short} beside {long}");
        assert!(stage.is_reserved(&place.subnet, long).await, "{long}");
    }
    Ok(())
}

/// An address is a number, however the IPAM and the two writers spell it.
pub async fn ipv6_text_forms_are_one_address(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Ipv6).await?;
    for [one, other] in [
        ["2001:db8:1::ab", "2001:0DB8:0001:0000:0000:0000:0000:00AB"],
        ["2001:db8:1:0:2::1", "2001:db8:1::2:0:0:1"],
        ["2001:db8:1::192.0.2.1", "2001:db8:1::c000:201"],
        ["2001:db8:1:0:0:1:0:0", "2001:db8:1::1:0:0"],
    ] {
        stage.subject.take(&place.seeded, ip(one)).await;
        assert!(stage.is_reserved(&place.subnet, ip(other)).await, "{other}");
        let refused = stage.provider.reserve(&place.subnet, ip(other), &Requester::default()).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists), "{other}");
        stage.subject.free(&place.seeded, ip(one)).await;
        stage.reserve(&place.subnet, ip(other), &Requester::default()).await;
        assert!(release(stage, &place.subnet, ip(one)).await.is_removed(), "{one}");
        assert!(!stage.is_reserved(&place.subnet, ip(other)).await, "{other}");
    }
    Ok(())
}

/// What the IPAM has a place for is recorded and read back; what it has none for is `None`, not an error.
pub async fn mac_and_hostname_are_recorded_where_the_ipam_has_a_place(stage: &Stage) -> CaseResult {
    let capabilities = stage.capabilities();
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        let address = place.seeded.free(1)[0];
        let by = requester(MAC, "host.example.com");
        stage.reserve(&place.subnet, address, &by).await;
        let recorded = reservation(stage, &place.subnet, address).await.expect("it was reserved");
        assert_eq!(recorded.mac, by.mac.filter(|_| capabilities.records_mac));
        assert_eq!(recorded.hostname, by.hostname.filter(|_| capabilities.records_hostname));
    }
    Ok(())
}

/// The same for what another writer recorded.
pub async fn mac_and_hostname_of_another_writer_are_read(stage: &Stage) -> CaseResult {
    let capabilities = stage.capabilities();
    let place = stage.place(Role::Plain).await?;
    for (address, by) in &place.seeded.taken {
        let recorded = reservation(stage, &place.subnet, *address).await.expect("it is taken");
        assert_eq!(recorded.mac, by.mac.filter(|_| capabilities.records_mac), "{address}");
        assert_eq!(recorded.hostname, by.hostname.clone().filter(|_| capabilities.records_hostname), "{address}");
    }
    Ok(())
}

/// Foreman tells neither when it adds an address.
pub async fn a_reserve_needs_neither_mac_nor_hostname(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Empty).await?;
    let free = place.seeded.free(3);
    let full = requester(MAC, "host.example.com");
    let bare = [Requester::default(), Requester { hostname: None, ..full.clone() }, Requester { mac: None, ..full }];
    for (address, by) in free.into_iter().zip(bare) {
        stage.reserve(&place.subnet, address, &by).await;
        let recorded = reservation(stage, &place.subnet, address).await.expect("it was reserved");
        assert_eq!(recorded.mac, by.mac.filter(|_| stage.capabilities().records_mac), "{address}");
        assert_eq!(recorded.hostname, by.hostname.filter(|_| stage.capabilities().records_hostname), "{address}");
    }
    Ok(())
}

/// A delete that turns out to be wrong is undone from what it answered: the record is as it was, mark included.
pub async fn a_removed_record_can_be_recorded_again_as_it_was(stage: &Stage) -> CaseResult {
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        let address = place.seeded.free(1)[0];
        stage.reserve(&place.subnet, address, &requester(MAC, "host.example.com")).await;
        again_as_it_was(stage, &place.subnet, address).await;
        // The proxy writes such a description only here; people may have written it before.
        release(stage, &place.subnet, address).await;
        let description = Some("Rack 7, ask the network team".to_owned());
        let by = Requester { description: description.clone(), ..Requester::default() };
        stage.reserve(&place.subnet, address, &by).await;
        assert_eq!(reservation(stage, &place.subnet, address).await.expect("it was reserved").description, description);
        again_as_it_was(stage, &place.subnet, address).await;
    }
    Ok(())
}

/// It stands beside the mark, so the record stays ours.
pub async fn a_remark_is_in_the_description_of_a_record_of_ours(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Empty).await?;
    let address = place.seeded.free(1)[0];
    let by = Requester { remark: Some("port 4711: of a test".to_owned()), ..Requester::default() };
    stage.reserve(&place.subnet, address, &by).await;
    let record = reservation(stage, &place.subnet, address).await.expect("it was reserved");
    assert_eq!(record.ours, stage.subject.marks_reservations());
    let description = record.description.ok_or_else(|| Skip::new("the IPAM has no place for a description"))?;
    assert!(description.contains("port 4711: of a test"), "{description}");
    Ok(())
}

async fn again_as_it_was(stage: &Stage, subnet: &Subnet, address: IpAddr) {
    let recorded = reservation(stage, subnet, address).await.expect("it was reserved");
    let Released::Removed(removed) = release(stage, subnet, address).await else { panic!("{address} was there") };
    assert_eq!(removed, recorded, "{address}");
    stage.reserve(subnet, address, &removed.into()).await;
    assert_eq!(reservation(stage, subnet, address).await, Some(recorded), "{address}");
}

/// One MAC may have several addresses, as Foreman's hosts have: an interface for each subnet and family.
pub async fn one_mac_may_have_several_addresses(stage: &Stage) -> CaseResult {
    let by = requester(MAC, "host.example.com");
    for place in stage.places(&[Role::Empty, Role::Plain, Role::Ipv6]).await {
        for address in place.seeded.free(2) {
            stage.reserve(&place.subnet, address, &by).await;
        }
    }
    Ok(())
}

/// Many an IPAM has no place for 20 bytes: then the MAC is left out, never cut short, and the address is reserved.
pub async fn infiniband_macs_never_fail_a_reserve(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Empty).await?;
    let address = place.seeded.free(1)[0];
    let by = requester(INFINIBAND, "ib0.example.com");
    stage.reserve(&place.subnet, address, &by).await;
    let recorded = reservation(stage, &place.subnet, address).await.expect("it was reserved");
    assert!(recorded.mac.is_none() || recorded.mac == by.mac, "{recorded:?}");
    Ok(())
}

/// After a lost answer the mark tells our own record from another writer's.
pub async fn only_our_own_records_carry_our_mark(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let free = place.seeded.free(2);
    stage.subject.take(&place.seeded, free[0]).await;
    for address in place.seeded.taken.keys().copied().chain([free[0]]) {
        let recorded = reservation(stage, &place.subnet, address).await.expect("it is taken");
        assert!(!recorded.ours, "{address} was recorded by another writer");
    }
    if !stage.subject.marks_reservations() {
        return Err(Skip::new("the IPAM has no room for our mark; that others' records have none was checked"));
    }
    stage.reserve(&place.subnet, free[1], &requester(MAC, "host.example.com")).await;
    assert!(reservation(stage, &place.subnet, free[1]).await.expect("it was reserved").ours);
    Ok(())
}

/// Without a subnet, as after a group was renamed: each record of ours is found wherever it is, and no other one.
pub async fn own_records_are_found_by_address_in_every_group(stage: &Stage) -> CaseResult {
    if !stage.subject.marks_reservations() {
        return Err(Skip::new("the IPAM has no room for our mark"));
    }
    let own = async |address| stage.provider.own_records(address).await.expect("a list of records").len();
    let places = stage.places(&[Role::Twin, Role::OtherTwin]).await;
    let address =
        places[0].seeded.free(99).into_iter().find(|free| places.iter().all(|at| at.seeded.free(99).contains(free)));
    let address = address.expect("the twins have a free address in common");
    assert_eq!(own(address).await, 0, "{address} is free");
    for (index, place) in places.iter().enumerate() {
        stage.reserve(&place.subnet, address, &Requester::default()).await;
        assert_eq!(own(address).await, index + 1, "{address} after a reserve in {}", place.subnet);
        let taken = *place.seeded.taken.keys().next().expect("the twins have taken addresses");
        assert_eq!(own(taken).await, 0, "{taken} was recorded by another writer");
    }
    for (index, place) in places.iter().enumerate() {
        release(stage, &place.subnet, address).await;
        assert_eq!(own(address).await, places.len() - index - 1, "{address} after a release in {}", place.subnet);
    }
    Ok(())
}
