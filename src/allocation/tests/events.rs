//! What subscribers are told of writes: one event says how each ended, and all have what a record of it needs.

use std::sync::Mutex;

use super::*;
use crate::allocation::events::{Event, EventKind};
use crate::caller::{Caller, Door, Principal, Rights, Who};
use crate::telemetry::request_id::{self, RequestId};

/// An event as text, and what a record of it has besides.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    kind: String,
    provider: String,
    group: Option<GroupName>,
    prefix: Prefix,
    address: IpAddr,
    request: Option<RequestId>,
    caller: Option<Caller>,
}

/// An allocator over the stage's IPAM and holds, and what its subscriber has been told since the last question.
fn observed(stage: &Stage) -> (Arc<Allocator>, impl Fn() -> Vec<Told>) {
    let told: Arc<Mutex<Vec<Told>>> = Arc::default();
    let subscriber: Subscriber = Arc::new({
        let told = told.clone();
        move |event: &Event<'_>| {
            let kind = match &event.kind {
                EventKind::Added { by } => format!("added for {:?}", by.mac.map(|mac| mac.to_string())),
                EventKind::AddFailed { failure, .. } => format!("add failed: {failure}"),
                EventKind::Deleted { record } => {
                    let mac = record.map(|record| record.mac.map(|mac| mac.to_string()));
                    format!("deleted {mac:?}")
                }
                EventKind::DeleteFailed { failure } => format!("delete failed: {failure}"),
                other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
            };
            let super::super::events::Subject { provider, group, prefix, address } = event.subject;
            let (request, caller) = (event.request.clone(), event.caller.clone());
            let (provider, group) = (provider.to_owned(), group.cloned());
            told.lock().expect("whole").push(Told { kind, provider, group, prefix, address, request, caller });
        }
    });
    let guard = Guard::new(stage.ipam.provider(), LIMITS);
    let allocator = Allocator::new(guard, stage.allocator.holds().clone(), RULES);
    let allocator = Arc::new(allocator.reporting_to(Events::to([subscriber])));
    (allocator, move || std::mem::take(&mut *told.lock().expect("whole")))
}

fn kinds(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.kind.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_has_who_did_what_to_which_address() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let (allocator, told) = observed(&stage);
    let id = RequestId::random();
    let caller = Caller {
        door: Door::Foreman,
        principal: Principal { who: Who::Host("foreman.example.com".into()), rights: Rights::Foreman },
    };
    request_id::scope(id.clone(), async {
        request_id::set_caller(caller.clone());
        let address = stage.next(&place, mac(1)).await.expect("an address");
        let added = allocator.add(place.prefix, choice(&place), address, Requester::default()).await;
        added.expect("added").answered().await;
        let expected = Told {
            kind: format!("added for {:?}", mac(1).map(|mac| mac.to_string())),
            provider: stage.ipam.provider().name().to_owned(),
            group: place.group.clone(),
            prefix: place.prefix,
            address,
            request: Some(id.clone()),
            caller: Some(caller),
        };
        assert_eq!(told(), std::slice::from_ref(&expected));
        let deleted = allocator.delete(place.prefix, choice(&place), address).await;
        assert_eq!(deleted.expect("deleted"), Deleted::Removed);
        let deletion = Told { kind: format!("deleted {:?}", Some(mac(1).map(|mac| mac.to_string()))), ..expected };
        assert_eq!(told(), [deletion]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_write_has_one_event_that_says_how_it_ended() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let (allocator, told) = observed(&stage);
    let add = async |prefix, address| {
        let added = allocator.add(prefix, choice(&place), address, Requester::default()).await;
        added.map(drop).expect_err("a failure");
    };
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.take(&place, address).await;
    add(place.prefix, address).await;
    let already = format!("add failed: {}", Failure::AlreadyReserved { address, prefix: place.prefix });
    assert_eq!(kinds(&told()), [already]);
    add("203.0.113.0/24".parse().expect("a prefix"), [203, 0, 113, 7].into()).await;
    let of_nowhere = told();
    assert!(matches!(&kinds(&of_nowhere)[..], [kind] if kind.starts_with("add failed: Subnet not found")));
    assert_eq!(of_nowhere[0].group, place.group, "as it was asked for");

    let delete = async |prefix, address| allocator.delete(prefix, choice(&place), address).await.map(drop);
    let free = stage.next(&place, mac(2)).await.expect("an address");
    delete(place.prefix, free).await.expect("deleted");
    assert_eq!(kinds(&told()), ["NothingToDelete", "deleted None"]);
    delete("203.0.113.0/24".parse().expect("a prefix"), [203, 0, 113, 7].into()).await.expect("deleted");
    assert_eq!(kinds(&told()), ["CountsAsDeleted", "deleted None"]);
    stage.ipam.fault(Fault::HtmlError).await;
    delete(place.prefix, free).await.expect_err("a failure");
    let failed = told();
    assert!(kinds(&failed).last().is_some_and(|kind| kind.starts_with("delete failed: ")), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_and_what_became_of_it_are_events_of_the_request() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let (allocator, told) = observed(&stage);
    let id = RequestId::random();
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    let adding = allocator.add(place.prefix, choice(&place), address, Requester::default());
    request_id::scope(id.clone(), adding).await.map(drop).expect_err("a failure");
    stage.ipam.heal().await;
    let failed = told();
    assert!(matches!(&kinds(&failed)[..], ["AddUnknown", last] if last.starts_with("add failed: ")), "{failed:?}");
    tokio::time::sleep(VERY_LONG).await;
    let later = told();
    assert_eq!(kinds(&later), ["LostAddFound"]);
    assert_eq!(later[0].request, Some(id));
}
