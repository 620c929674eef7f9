//! The records of a subnet, page by page.

use ipam_provider::ReservationPage;

use super::*;

impl Stage {
    async fn page(&self, place: &SeededSubnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage, Failure> {
        self.allocator.reservations(place.prefix, &choice(place), from, at_most).await
    }
}

fn kind(outcome: Result<ReservationPage, Failure>) -> ErrorKind {
    match outcome.expect_err("a failure") {
        Failure::Provider(error) => error.kind(),
        other => panic!("a failure of the provider: {other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn pages_have_the_records_of_the_subnet_and_no_holds() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    let added = stage.next(&place, mac(1)).await.expect("an address");
    stage.add(&place, added).await.expect("added");
    let held = stage.next(&place, mac(2)).await.expect("an address");
    let (mut listed, mut from) = (Vec::new(), None::<String>);
    loop {
        let page = stage.page(&place, from.as_deref(), 1).await.expect("a page");
        assert!(page.records.len() <= 1, "{page:?}");
        listed.extend(page.records);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = place.taken.keys().copied().chain([added]).collect();
    expected.sort_unstable();
    assert_eq!(listed.iter().map(|record| record.address).collect::<Vec<_>>(), expected);
    assert!(!expected.contains(&held));
    let ours: Vec<_> = listed.iter().filter(|record| record.is_ours).map(|record| record.address).collect();
    assert!(ours.contains(&added), "{ours:?}");
    assert_eq!(kind(stage.page(&place, Some("no place"), 1).await), ErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_is_gone_has_no_empty_list() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    stage.page(&place, None, 10).await.expect("a page");
    stage.ipam.remove(&place).await;
    let failure = stage.page(&place, None, 10).await.expect_err("it is gone");
    assert!(matches!(failure, Failure::SubnetNotFound { .. }), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_the_ipam_does_not_give_is_a_failure_and_no_last_page() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    stage.page(&place, None, 10).await.expect("a page");
    for fault in [Fault::Gone, Fault::Slow, Fault::WrongJson] {
        stage.ipam.fault(fault).await;
        assert_eq!(kind(stage.page(&place, None, 10).await), fault.expected_kind(), "{fault:?}");
    }
}
