//! The records of a subnet, page by page.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, ListedReservation, Released, Requester, ReservationPage, Subnet};

use crate::{CaseResult, Fault, Place, Role, Skip, Stage};

const MAC: &str = "02:00:5e:00:53:aa";

/// More pages than any list of the suite has.
const PAGES_AT_MOST: usize = 2_000;

fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

fn needs_list(stage: &Stage) -> Result<(), Skip> {
    let list = stage.provider.list_reservations().map(drop);
    list.ok_or_else(|| Skip::new("the provider does not list the records of a subnet"))
}

async fn try_page(
    stage: &Stage,
    subnet: &Subnet,
    from: Option<&str>,
    at_most: usize,
) -> Result<ReservationPage, Error> {
    let list = stage.provider.list_reservations().expect("the provider lists the records of a subnet");
    list.list(subnet, from, at_most).await
}

/// A page, with what every page promises checked.
async fn page(stage: &Stage, subnet: &Subnet, from: Option<&str>, at_most: usize) -> ReservationPage {
    let page = try_page(stage, subnet, from, at_most).await;
    let page = page.unwrap_or_else(|error| panic!("{subnet} from {from:?}: {}: {error}", error.kind()));
    assert!(page.records.len() <= at_most, "{} records where {at_most} were asked for", page.records.len());
    for record in &page.records {
        assert!(subnet.prefix.contains(record.address), "{} is not in {subnet}", record.address);
        assert_eq!(record.is_ours, record.reservation.ours, "{record:?}");
    }
    page
}

/// All records in pages of this size, with `between` done after each page that is not the last one.
async fn all_with(
    stage: &Stage,
    subnet: &Subnet,
    at_most: usize,
    mut between: impl AsyncFnMut(&ReservationPage),
) -> Vec<ListedReservation> {
    let (mut all, mut from) = (Vec::new(), None::<String>);
    for _ in 0..PAGES_AT_MOST {
        let page = page(stage, subnet, from.as_deref(), at_most).await;
        all.extend(page.records.iter().cloned());
        match &page.next {
            None => return all,
            next => from.clone_from(next),
        }
        between(&page).await;
    }
    panic!("the list of {subnet} does not end");
}

/// All records in pages of this size.
async fn all(stage: &Stage, subnet: &Subnet, at_most: usize) -> Vec<ListedReservation> {
    all_with(stage, subnet, at_most, async |_| {}).await
}

/// How often each address is listed.
fn counted(listed: &[ListedReservation]) -> BTreeMap<IpAddr, usize> {
    let mut counted = BTreeMap::new();
    for record in listed {
        *counted.entry(record.address).or_default() += 1;
    }
    counted
}

fn once(addresses: impl IntoIterator<Item = IpAddr>) -> BTreeMap<IpAddr, usize> {
    addresses.into_iter().map(|address| (address, 1)).collect()
}

/// Nothing is recorded, and that is no error.
pub async fn an_empty_subnet_has_an_empty_list(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    for place in stage.places(&[Role::Empty, Role::Smallest, Role::SingleHost, Role::Ipv6Small]).await {
        assert_eq!(all(stage, &place.subnet, 10).await, [], "{}", place.subnet);
    }
    Ok(())
}

/// What was seeded, and what the provider reserves; of every subnet, in every size.
pub async fn every_record_is_listed_once_whatever_the_size_of_the_pages(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    for place in stage.places(&[Role::Empty, Role::Full, Role::SingleHost, Role::PointToPoint, Role::Pool]).await {
        for address in place.seeded.free(4) {
            stage.reserve(&place.subnet, address, &Requester::default()).await;
        }
    }
    for seeded in &stage.seed.subnets {
        let place = stage.find(seeded).await;
        let mut expected: BTreeSet<IpAddr> = seeded.taken.keys().copied().collect();
        if matches!(seeded.role, Role::Empty | Role::Full | Role::SingleHost | Role::PointToPoint | Role::Pool) {
            expected.extend(seeded.free(4));
        }
        for at_most in [1, 2, 100] {
            let listed = all(stage, &place.subnet, at_most).await;
            assert_eq!(counted(&listed), once(expected.iter().copied()), "{} by {at_most}", place.subnet);
        }
    }
    Ok(())
}

/// An address is a number of 128 bits, however the IPAM spells it.
pub async fn ipv6_records_are_listed_by_number(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    let place = stage.place(Role::Ipv6).await?;
    let mut expected: Vec<IpAddr> = place.seeded.taken.keys().copied().collect();
    for text in ["2001:db8:1::ab", "2001:db8:1:0:2::1", "2001:db8:1:0:ffff:ffff:ffff:fffe", "2001:db8:1::1:0:0"] {
        stage.subject.take(&place.seeded, ip(text)).await;
        expected.push(ip(text));
    }
    for at_most in [1, 3, 100] {
        let listed = all(stage, &place.subnet, at_most).await;
        assert_eq!(counted(&listed), once(expected.iter().copied()), "by {at_most}");
    }
    Ok(())
}

/// The same prefix in other groups and outside of groups, and one around it: each has its own list.
pub async fn records_of_other_groups_are_not_listed(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    stage.needs_groups()?;
    let places = stage.places(&[Role::Twin, Role::OtherTwin, Role::GlobalTwin, Role::Wider]).await;
    for (index, place) in places.iter().enumerate() {
        stage.reserve(&place.subnet, ip("198.51.100.9"), &Requester::default()).await;
        for (other, place) in places.iter().enumerate() {
            let own = (other <= index).then_some(ip("198.51.100.9"));
            let expected = once(place.seeded.taken.keys().copied().chain(own));
            assert_eq!(counted(&all(stage, &place.subnet, 2).await), expected, "{}", place.subnet);
        }
    }
    Ok(())
}

/// A record belongs to the smallest subnet around it, and is listed there only.
pub async fn records_of_a_nested_subnet_are_not_listed(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    let place = stage.place(Role::Wide).await?;
    let (prefix, nested) = ("198.18.0.128/25".parse().expect("a prefix"), ip("198.18.0.130"));
    if !stage.subject.nest(&place.seeded, prefix, nested).await {
        return Err(Skip::new("this subject has no subnet inside of another one"));
    }
    // Many an IPAM gives out no address of a subnet that contains others.
    let own = ip("198.18.0.5");
    let reserved = stage.provider.reserve(&place.subnet, own, &Requester::default()).await.is_ok();
    for at_most in [1, 100] {
        let listed = all(stage, &place.subnet, at_most).await;
        assert_eq!(counted(&listed), once(reserved.then_some(own)), "by {at_most}");
    }
    let inner = stage.provider.find_subnets(prefix, place.seeded.group.as_ref()).await.expect("subnets");
    let inner = inner.into_iter().find(|inner| inner.group == place.seeded.group).expect("the nested subnet");
    assert_eq!(counted(&all(stage, &inner, 1).await), once([nested]));
    Ok(())
}

/// The whole record, as the question for its address answers it: MAC, host name, description, and whose it is.
pub async fn a_listed_record_is_as_its_reservation(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    for place in stage.places(&[Role::Plain, Role::Ipv6]).await {
        let hostname = Some("host.example.com".to_owned());
        let by = Requester { mac: Some(MAC.parse().expect("a MAC")), hostname, ..Requester::default() };
        let free = place.seeded.free(3);
        for (address, by) in free[..2].iter().zip([&by, &Requester::default()]) {
            stage.reserve(&place.subnet, *address, by).await;
        }
        stage.subject.take(&place.seeded, free[2]).await;
        let listed = all(stage, &place.subnet, 2).await;
        assert_eq!(listed.len(), place.seeded.taken.len() + 3, "{listed:?}");
        for record in listed {
            let reservation = stage.provider.reservation(&place.subnet, record.address).await;
            let reservation = reservation.expect("an answer about the address");
            assert_eq!(Some(&record.reservation), reservation.as_ref(), "{}", record.address);
            let is_own = free[..2].contains(&record.address) && stage.subject.marks_reservations();
            assert_eq!(record.is_ours, is_own, "{}", record.address);
        }
    }
    Ok(())
}

/// Others write while one pages: what was listed goes, and lower addresses come.
pub async fn records_that_stay_are_listed_once_while_others_come_and_go(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    let places = stage.places(&[Role::Empty, Role::Wide, Role::Ipv6]).await;
    for (place, at_most) in places.iter().zip([1, 2, 3]) {
        let free = place.seeded.free(14);
        let (mut lower, recorded) = (free[..4].to_vec(), &free[4..]);
        for address in recorded {
            stage.reserve(&place.subnet, *address, &Requester::default()).await;
        }
        let mut stay: BTreeSet<IpAddr> = place.seeded.taken.keys().chain(recorded).copied().collect();
        let mut is_going = true;
        let listed = all_with(stage, &place.subnet, at_most, async |page| {
            let last = page.records.last().map(|record| record.address);
            let last = last.filter(|last| is_going && recorded.contains(last) && stay.contains(last));
            if let Some(last) = last {
                let released = stage.provider.release(&place.subnet, last).await;
                assert!(matches!(released, Ok(Released::Removed(_))), "release of {last}: {released:?}");
                stay.remove(&last);
            } else if let Some(address) = lower.pop() {
                stage.subject.take(&place.seeded, address).await;
            }
            is_going = !is_going;
        })
        .await;
        let counted = counted(&listed);
        for address in stay {
            assert_eq!(counted.get(&address), Some(&1), "{address} in {} by {at_most}", place.subnet);
        }
        for (address, times) in counted {
            assert_eq!(times, 1, "{address} in {} by {at_most}", place.subnet);
        }
    }
    Ok(())
}

/// An empty list would say that nothing is recorded: orphans would be released, or a subnet deleted.
pub async fn a_list_of_a_vanished_subnet_is_not_found(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    for place in stage.places(&[Role::Wide, Role::Twin, Role::Ipv6]).await {
        for address in place.seeded.free(3) {
            stage.reserve(&place.subnet, address, &Requester::default()).await;
        }
        let next = page(stage, &place.subnet, None, 1).await.next;
        let next = next.expect("there are more records than one");
        stage.subject.remove(&place.seeded).await;
        for from in [None, Some(next.as_str())] {
            let error = try_page(stage, &place.subnet, from, 100).await.expect_err("the subnet is gone");
            assert_eq!(error.kind(), ErrorKind::NotFound, "{from:?}: {error}");
        }
    }
    Ok(())
}

/// What comes from outside may be anything: it is refused, whatever it is, and neither shown nor sent.
pub async fn a_list_goes_on_only_where_a_page_has_said(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    let place = stage.place(Role::Plain).await?;
    let long = "a".repeat(10_000);
    for from in ["", " ", "elsewhere", "-1", "\0", "' OR 1=1 --", "../../..", "%00", "1e9", "null", "192.0.2.", &long] {
        let shown = &from[..from.len().min(20)];
        let page = try_page(stage, &place.subnet, Some(from), 2).await;
        let error = page.expect_err(&format!("no page has given {shown:?}"));
        assert_eq!(error.kind(), ErrorKind::Rejected, "{shown:?}: {error}");
        let message = error.to_string();
        assert!(message.len() < 400 && !message.contains(['\n', '\0']), "{shown:?}: {message:?}");
    }
    let listed = all(stage, &place.subnet, 2).await;
    assert_eq!(counted(&listed), once(place.seeded.taken.keys().copied()));
    Ok(())
}

/// A page that fails is no empty page, and the same page can be asked for again.
pub async fn a_page_that_failed_can_be_asked_for_again(stage: &Stage) -> CaseResult {
    needs_list(stage)?;
    let place = stage.place(Role::Plain).await?;
    let next = page(stage, &place.subnet, None, 1).await.next.expect("there are more records than one");
    let faults = [Fault::Truncated, Fault::TooManyRequests, Fault::HtmlError, Fault::EmptyError, Fault::WrongJson];
    let mut is_any_injected = false;
    for fault in faults {
        if !stage.subject.fault(fault).await {
            continue;
        }
        is_any_injected = true;
        for from in [None, Some(next.as_str())] {
            let failed = try_page(stage, &place.subnet, from, 2).await.map_err(|error| error.kind());
            assert_eq!(failed, Err(fault.expected_kind()), "{fault:?} from {from:?}");
        }
        stage.subject.heal().await;
        assert_rest(stage, &place, &next).await;
    }
    if is_any_injected { Ok(()) } else { Err(Skip::new("this subject cannot inject faults")) }
}

/// The second page has the two records that the first one has left.
async fn assert_rest(stage: &Stage, place: &Place, next: &str) {
    let rest = page(stage, &place.subnet, Some(next), 2).await;
    assert_eq!(rest.records.len(), 2, "{rest:?}");
}
