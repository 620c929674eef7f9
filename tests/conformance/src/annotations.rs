//! What becomes known of a host after its address was reserved.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Annotated, Annotation, Error, Guard, Limits, Provider, Requester, Reservation, Subnet};

use crate::{CaseResult, Fault, Place, RAW_BODY, Role, Skip, Stage};

const MAC: &str = "02:00:5e:00:53:aa";
const OTHER_MAC: &str = "02:00:5e:00:53:bb";

/// Nothing is answered within it, so it is as short as a test would like to wait.
const TIME_LIMIT: Duration = Duration::from_millis(10);

fn named(hostname: &str) -> Annotation {
    Annotation { hostname: Some(hostname.to_owned()), mac: None }
}

/// Another name than those that records are made with, in another domain where there is room for it.
fn other_name(stage: &Stage) -> &'static str {
    if stage.subject.records_every_domain() { "new.example.org" } else { "new.example.com" }
}

fn with_mac(mac: &str) -> Annotation {
    Annotation { mac: Some(mac.parse().expect("a MAC")), hostname: None }
}

fn requester(note: &Annotation) -> Requester {
    Requester { mac: note.mac, hostname: note.hostname.clone(), ..Requester::default() }
}

fn needs_annotate(stage: &Stage) -> Result<(), Skip> {
    stage.provider.annotate().map(drop).ok_or_else(|| Skip::new("the provider does not change its records"))
}

async fn try_annotate(
    provider: &dyn Provider,
    place: &Place,
    address: IpAddr,
    note: &Annotation,
) -> Result<Annotated, Error> {
    let annotate = provider.annotate().expect("the provider changes its records");
    annotate.annotate(&place.subnet, address, note).await
}

async fn annotate(stage: &Stage, place: &Place, address: IpAddr, note: &Annotation) -> Annotated {
    let annotated = try_annotate(&*stage.provider, place, address, note).await;
    annotated.unwrap_or_else(|error| panic!("annotating {address}: {}: {error}", error.kind()))
}

async fn record(stage: &Stage, subnet: &Subnet, address: IpAddr) -> Reservation {
    let found = stage.provider.reservation(subnet, address).await.expect("an answer about the address");
    found.unwrap_or_else(|| panic!("{address} is recorded"))
}

/// The first free address of the place, reserved with this.
async fn reserved(stage: &Stage, place: &Place, by: &Requester) -> IpAddr {
    let address = place.seeded.free(1)[0];
    stage.reserve(&place.subnet, address, by).await;
    address
}

/// Is the record as it is expected, where the IPAM has a place?
fn assert_host(stage: &Stage, record: &Reservation, hostname: Option<&str>, mac: Option<&str>) {
    let capabilities = stage.capabilities();
    assert_eq!(record.hostname.as_deref(), hostname.filter(|_| capabilities.records_hostname), "{record:?}");
    let mac = mac.map(|mac| mac.parse().expect("a MAC")).filter(|_| capabilities.records_mac);
    assert_eq!(record.mac, mac, "{record:?}");
    assert!(record.ours, "the mark stays: {record:?}");
}

/// A description that names the host names it as it is now.
fn assert_description(before: &Reservation, after: &Reservation, [old, new]: [&str; 2]) {
    let text = |record: &Reservation| record.description.clone().unwrap_or_default();
    assert_eq!(text(before).replace(old, new), text(after));
}

/// Foreman names no host when it adds an address.
pub async fn a_host_name_is_added_to_a_record_of_ours(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        for by in [Requester::default(), requester(&with_mac(MAC))] {
            let address = reserved(stage, &place, &by).await;
            let changed = annotate(stage, &place, address, &named("host.example.com")).await;
            let after = record(stage, &place.subnet, address).await;
            let mac = by.mac.map(|_| MAC);
            assert_host(stage, &after, Some("host.example.com"), mac);
            assert_eq!(changed, Annotated::Changed, "{address}: {after:?}");
            stage.provider.release(&place.subnet, address).await.expect("a release");
        }
    }
    Ok(())
}

/// Hosts are renamed.
pub async fn a_host_name_is_changed_and_the_mac_stays(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        let names = ["old.example.com", other_name(stage)];
        let by = Requester { hostname: Some(names[0].to_owned()), ..requester(&with_mac(MAC)) };
        let address = reserved(stage, &place, &by).await;
        let before = record(stage, &place.subnet, address).await;
        assert_eq!(annotate(stage, &place, address, &named(names[1])).await, Annotated::Changed);
        let after = record(stage, &place.subnet, address).await;
        assert_host(stage, &after, Some(names[1]), Some(MAC));
        assert_description(&before, &after, names);
    }
    Ok(())
}

/// A network card is replaced, or the MAC is known later than the name.
pub async fn a_mac_is_set_and_the_host_name_stays(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    for place in stage.places(&[Role::Empty, Role::Ipv6]).await {
        let address = reserved(stage, &place, &requester(&named("host.example.com"))).await;
        for mac in [MAC, OTHER_MAC] {
            let before = record(stage, &place.subnet, address).await;
            let changed = annotate(stage, &place, address, &with_mac(mac)).await;
            let after = record(stage, &place.subnet, address).await;
            assert_host(stage, &after, Some("host.example.com"), Some(mac));
            let expected = if after == before { Annotated::AsItWas } else { Annotated::Changed };
            assert_eq!(changed, expected, "{address}: {after:?}");
            if mac == OTHER_MAC {
                assert_description(&before, &after, [MAC, OTHER_MAC]);
            }
        }
    }
    Ok(())
}

/// What is recorded already costs no write, so that the same may be said again and again.
pub async fn what_is_recorded_already_is_not_written_again(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    let place = stage.place(Role::Empty).await?;
    let note = Annotation { hostname: Some("host.example.com".to_owned()), ..with_mac(MAC) };
    let address = reserved(stage, &place, &Requester::default()).await;
    assert_eq!(annotate(stage, &place, address, &note).await, Annotated::Changed);
    let recorded = record(stage, &place.subnet, address).await;
    // A write would fail where the subject can make it.
    stage.subject.fault(Fault::ResetBeforeWrite).await;
    for note in [&note, &named("host.example.com"), &with_mac(MAC), &Annotation::default()] {
        assert_eq!(annotate(stage, &place, address, note).await, Annotated::AsItWas, "{note:?}");
    }
    stage.subject.heal().await;
    assert_eq!(record(stage, &place.subnet, address).await, recorded);
    Ok(())
}

/// Without the mark a record belongs to others.
pub async fn a_record_of_another_writer_is_not_annotated(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    let place = stage.place(Role::Plain).await?;
    let free = place.seeded.free(1)[0];
    stage.subject.take(&place.seeded, free).await;
    let note = Annotation { hostname: Some("host.example.com".to_owned()), ..with_mac(MAC) };
    for address in place.seeded.taken.keys().copied().chain([free]) {
        let before = record(stage, &place.subnet, address).await;
        assert_eq!(annotate(stage, &place, address, &note).await, Annotated::NotOurs, "{address}");
        assert_eq!(record(stage, &place.subnet, address).await, before);
    }
    Ok(())
}

/// An address that was released meanwhile stays free.
pub async fn a_free_address_is_not_annotated(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    for place in stage.places(&[Role::Plain, Role::Ipv6]).await {
        let address = place.seeded.free(1)[0];
        assert_eq!(annotate(stage, &place, address, &named("host.example.com")).await, Annotated::Absent);
        assert!(!stage.is_reserved(&place.subnet, address).await, "{address}");
    }
    Ok(())
}

/// What people have written after the mark stays, and the name is set beside it.
pub async fn a_text_of_people_stays_in_an_annotated_record(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    let place = stage.place(Role::Empty).await?;
    let address = reserved(stage, &place, &Requester::default()).await;
    let Some(mark) = record(stage, &place.subnet, address).await.description else {
        return Err(Skip::new("the IPAM has no place for a description"));
    };
    stage.provider.release(&place.subnet, address).await.expect("a release");
    let description = Some(format!("{mark}: the printer of Anna, 3rd floor"));
    stage.reserve(&place.subnet, address, &Requester { description, ..requester(&with_mac(MAC)) }).await;
    let before = record(stage, &place.subnet, address).await;
    annotate(stage, &place, address, &named("host.example.com")).await;
    let after = record(stage, &place.subnet, address).await;
    assert_eq!(after.description, before.description);
    assert_host(stage, &after, Some("host.example.com"), Some(MAC));
    Ok(())
}

/// The same address in another group is another host's.
pub async fn an_address_is_only_annotated_in_the_subnet_asked_for(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    stage.needs_groups()?;
    let places = stage.places(&[Role::Twin, Role::OtherTwin, Role::GlobalTwin, Role::Wider]).await;
    let address: IpAddr = "198.51.100.9".parse().expect("an address");
    let by = requester(&named("host.example.com"));
    let mut before = Vec::new();
    for place in &places[1..] {
        stage.reserve(&place.subnet, address, &by).await;
        before.push(record(stage, &place.subnet, address).await);
    }
    assert_eq!(annotate(stage, &places[0], address, &named(other_name(stage))).await, Annotated::Absent);
    stage.reserve(&places[0].subnet, address, &by).await;
    assert_eq!(annotate(stage, &places[0], address, &named(other_name(stage))).await, Annotated::Changed);
    assert_host(stage, &record(stage, &places[0].subnet, address).await, Some(other_name(stage)), None);
    for (place, before) in places[1..].iter().zip(before) {
        assert_eq!(record(stage, &place.subnet, address).await, before, "{}", place.subnet);
    }
    Ok(())
}

/// Whatever became of an annotation whose answer was lost, the same call brings it to its end.
pub async fn an_annotation_that_failed_can_be_repeated(stage: &Stage) -> CaseResult {
    needs_annotate(stage)?;
    let place = stage.place(Role::Plain).await?;
    let address = reserved(stage, &place, &requester(&with_mac(MAC))).await;
    let limited = Guard::new(stage.provider.clone(), Limits { attempt: TIME_LIMIT, read_attempts: 1 });
    let limited: Arc<dyn Provider> = Arc::new(limited);
    let mut is_any_injected = false;
    for (number, fault) in FAULTS.into_iter().enumerate() {
        if !stage.subject.fault(fault).await {
            continue;
        }
        is_any_injected = true;
        if fault == Fault::Gone {
            // A connection that was kept open may only now be seen to have ended.
            let _ = stage.provider.reservation(&place.subnet, address).await;
        }
        let provider = if fault == Fault::Slow { &limited } else { &stage.provider };
        let name = format!("host{number}.example.com");
        let first = try_annotate(&**provider, &place, address, &named(&name)).await;
        stage.subject.heal().await;
        // A new session or an answer of which only the status counts.
        let may_succeed = matches!(fault, Fault::UnauthenticatedOnce | Fault::WrongJson);
        match &first {
            Ok(annotated) => assert!(may_succeed && *annotated == Annotated::Changed, "{fault:?}: {annotated:?}"),
            Err(error) => assert_fault(error, fault),
        }
        let again = annotate(stage, &place, address, &named(&name)).await;
        match fault {
            Fault::ResetAfterWrite => assert_eq!(again, Annotated::AsItWas, "{fault:?}"),
            Fault::Slow | Fault::Truncated | Fault::WrongJson | Fault::UnauthenticatedOnce => {
                assert!(matches!(again, Annotated::AsItWas | Annotated::Changed), "{fault:?}: {again:?}");
            }
            _ => assert_eq!(again, Annotated::Changed, "{fault:?}"),
        }
        assert_host(stage, &record(stage, &place.subnet, address).await, Some(&name), Some(MAC));
    }
    if is_any_injected { Ok(()) } else { Err(Skip::new("this subject cannot inject faults")) }
}

/// Every fault; the last one ends connections.
const FAULTS: [Fault; 11] = [
    Fault::ResetBeforeWrite,
    Fault::ResetAfterWrite,
    Fault::Truncated,
    Fault::UnauthenticatedOnce,
    Fault::TooManyRequests,
    Fault::HtmlError,
    Fault::EmptyError,
    Fault::WrongJson,
    Fault::NoApi,
    Fault::Slow,
    Fault::Gone,
];

fn assert_fault(error: &Error, fault: Fault) {
    assert_eq!(error.kind(), fault.expected_kind(), "{fault:?}: {error}");
    let message = error.to_string();
    assert!(!message.contains(RAW_BODY) && !message.contains(['\n', '<']), "{fault:?}: {message:?}");
}
