//! What requests have done to addresses, and what is left to do after them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::Mac;

use super::super::hold::{HoldState, Scope};
use super::super::place::{Held, PENDING_AT_MOST, Stepped};
use super::super::rules::Step;
use super::super::trace::{Removed, Trace};
use super::Stage;
use super::stage::{LIFE, SETTLED, ip, mac, scope, scope_in};
use crate::telemetry::request_id::RequestId;

fn request(name: &str) -> RequestId {
    RequestId::parse(name).expect("an id")
}

fn record(mac: Option<Mac>) -> Removed {
    Removed { mac, hostname: Some("web".to_owned()), description: Some("Rack 7".to_owned()) }
}

impl Stage {
    async fn delete_in(&self, subnet: &Arc<Scope>, address: IpAddr, removed: Option<Removed>, name: &str) -> Stepped {
        let seen = self.get(subnet, address).await.map(|hold| hold.event);
        let request = Some(request(name));
        self.step(subnet, address, Step::Delete { seen, removed, quarantine: self.units(LIFE), request }).await
    }

    async fn begin_in(&self, subnet: &Arc<Scope>, address: IpAddr, name: &str) -> u64 {
        let begin = Step::BeginAdd { at_least: self.units(SETTLED), request: Some(request(name)) };
        self.step(subnet, address, begin).await.at.event
    }

    async fn add_in(&self, subnet: &Arc<Scope>, address: IpAddr, name: &str) {
        let ticket = self.begin_in(subnet, address, name).await;
        assert!(self.step(subnet, address, self.finish(ticket)).await.is_done());
    }

    async fn refuse(&self, subnet: &Arc<Scope>, address: IpAddr, name: &str) -> Stepped {
        self.step(subnet, address, Step::Refuse { request: request(name), wait: self.units(1) }).await
    }

    async fn trace(&self, subnet: &Scope, address: IpAddr) -> Option<Trace> {
        self.get(subnet, address).await?.trace.as_deref().cloned()
    }

    /// What a request has done, as another proxy sees it.
    async fn traced(&self, name: &str) -> Vec<IpAddr> {
        addresses(self.beside().traced(&request(name)).await.expect("holds"))
    }

    async fn pending(&self) -> Vec<IpAddr> {
        addresses(self.beside().pending().await.expect("holds"))
    }
}

fn addresses(held: Vec<Held>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = held.into_iter().map(|(address, _)| address).collect();
    addresses.sort_unstable();
    addresses
}

pub(in crate::allocation::holds) async fn a_request_is_known_by_what_it_has_done(stage: &Stage) {
    let (subnet, other) = (scope("10.0.0.0/24"), scope_in("vrf 2", "10.0.0.0/24"));
    stage.delete_in(&subnet, ip(1), Some(record(mac(1))), "one").await;
    stage.add_in(&other, ip(2), "one").await;
    stage.delete_in(&subnet, ip(3), Some(record(None)), "another").await;
    stage.add(&subnet, ip(4)).await;
    assert_eq!(stage.traced("one").await, [ip(1), ip(2)]);
    assert_eq!(stage.traced("another").await, [ip(3)]);
    assert_eq!(stage.traced("none").await, [] as [IpAddr; 0]);
    assert_eq!(stage.trace(&subnet, ip(1)).await, Some(Trace::deleted(request("one"), record(mac(1)))));
    assert_eq!(stage.trace(&other, ip(2)).await, Some(Trace::added(request("one"))));
    assert_eq!(stage.trace(&subnet, ip(4)).await, None);
    assert!(stage.step(&subnet, ip(1), Step::End).await.is_done());
    stage.pass(SETTLED + 1).await;
    assert_eq!(stage.traced("one").await, [] as [IpAddr; 0]);
}

pub(in crate::allocation::holds) async fn what_foreman_rolls_back_itself_leaves_no_trace(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.delete_in(&subnet, ip(1), Some(record(mac(1))), "one").await;
    stage.add_in(&subnet, ip(1), "one").await;
    assert_eq!(stage.trace(&subnet, ip(1)).await, None);
    stage.add_in(&subnet, ip(2), "one").await;
    stage.delete_in(&subnet, ip(2), Some(record(None)), "one").await;
    assert_eq!(
        (stage.state(&subnet, ip(2)).await, stage.trace(&subnet, ip(2)).await),
        (Some(HoldState::Released), None)
    );
    // Reserved by somebody else: the request has not added it.
    stage.begin_in(&subnet, ip(3), "one").await;
    stage.step(&subnet, ip(3), Step::MarkReserved { settled: stage.units(SETTLED) }).await;
    assert_eq!(stage.trace(&subnet, ip(3)).await, None);
    assert_eq!(stage.traced("one").await, [] as [IpAddr; 0]);
}

pub(in crate::allocation::holds) async fn a_deletion_is_remembered_whoever_gets_the_address(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let deleted = Some(Trace::deleted(request("one"), record(mac(1))));
    for n in 1..=3 {
        stage.delete_in(&subnet, ip(n), Some(record(mac(1))), "one").await;
    }
    assert_eq!(stage.next(&subnet, mac(1), &[]).await, Some(ip(1)));
    assert_eq!(stage.next(&subnet, mac(2), &[]).await, Some(ip(2)));
    stage.add_in(&subnet, ip(3), "other").await;
    for n in 1..=3 {
        assert_eq!(stage.trace(&subnet, ip(n)).await, deleted, "{n}");
    }
    assert_eq!(stage.traced("one").await, [ip(1), ip(2), ip(3)]);
    // A host that deletes it again is rid of it, or gets it back for the later request.
    for n in [4, 5] {
        stage.delete_in(&subnet, ip(n), Some(record(mac(1))), "one").await;
        assert!(stage.refuse(&subnet, ip(n), "one").await.is_done());
    }
    assert!(stage.delete_in(&subnet, ip(4), None, "two").await.is_done());
    assert_eq!(stage.trace(&subnet, ip(4)).await, Some(Trace::deleted(request("two"), record(mac(1)))));
    let seen = stage.get(&subnet, ip(5)).await.map(|hold| hold.event);
    assert!(stage.deleted(&subnet, ip(5), seen, None, LIFE).await.is_done());
    assert_eq!(stage.trace(&subnet, ip(5)).await, None);
    assert_eq!(stage.pending().await, [] as [IpAddr; 0]);
}

pub(in crate::allocation::holds) async fn a_refusal_makes_due_what_the_request_did_before(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.delete_in(&subnet, ip(1), Some(record(mac(1))), "one").await;
    stage.add_in(&subnet, ip(2), "one").await;
    stage.delete_in(&subnet, ip(3), Some(record(mac(3))), "another").await;
    assert_eq!(stage.pending().await, [] as [IpAddr; 0]);
    let before = stage.get(&subnet, ip(1)).await.expect("a hold");
    for n in 1..=4 {
        assert_eq!(stage.refuse(&subnet, ip(n), "one").await.is_done(), n <= 2, "{n}");
    }
    assert_eq!(stage.pending().await, [ip(1), ip(2)]);
    let hold = stage.get(&subnet, ip(1)).await.expect("a hold");
    let due = hold.due().expect("it is due");
    assert_eq!((hold.state, hold.event, hold.mac, due.attempts), (before.state, before.event, before.mac, 0));
    assert!(hold.until.since(due.at) >= Duration::from_secs(60), "it is there when it is due");
    // Another host's add is under way when the refusal comes, and fails.
    stage.delete_in(&subnet, ip(5), Some(record(mac(1))), "one").await;
    let begin = Step::BeginAdd { at_least: stage.units(SETTLED), request: Some(request("other")) };
    let begun = stage.step(&subnet, ip(5), begin).await;
    assert!(stage.refuse(&subnet, ip(5), "one").await.is_done());
    let undo = Step::UndoAdd { ticket: begun.at.event, before: begun.before };
    assert!(stage.step(&subnet, ip(5), undo).await.is_done());
    let hold = stage.get(&subnet, ip(5)).await.expect("a hold");
    assert!(hold.state == HoldState::Released && hold.due().is_some(), "{hold:?}");
    assert!(stage.step(&subnet, ip(5), Step::End).await.is_done());
    assert!(stage.step(&subnet, ip(2), Step::Forget { request: request("one") }).await.is_done());
    assert!(!stage.step(&subnet, ip(2), Step::Forget { request: request("one") }).await.is_done(), "once");
    assert_eq!(stage.pending().await, [ip(1)]);
}

pub(in crate::allocation::holds) async fn of_several_proxies_one_reserves_an_address_again(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.delete_in(&subnet, ip(1), Some(record(mac(1))), "one").await;
    stage.refuse(&subnet, ip(1), "one").await;
    let attempt = Step::Attempt { request: request("one"), attempts: 0, wait: stage.units(LIFE) };
    let other = stage.beside();
    let (a, b) = tokio::join!(stage.place.step(&subnet, ip(1), attempt.clone()), other.step(&subnet, ip(1), attempt));
    assert_ne!(a.expect("a step").is_done(), b.expect("a step").is_done());
    assert!(!stage.refuse(&subnet, ip(1), "one").await.is_done(), "it is at work already");
    let begin = |name| Step::BeginRestore { request: request(name), mac: mac(1), at_least: stage.units(SETTLED) };
    assert!(!stage.step(&subnet, ip(1), begin("another")).await.is_done());
    let begun = stage.step(&subnet, ip(1), begin("one")).await;
    let hold = stage.get(&subnet, ip(1)).await.expect("a hold");
    assert_eq!((hold.state, hold.mac), (HoldState::Adding, mac(1)));
    assert!(!stage.step(&subnet, ip(1), begin("one")).await.is_done());
    // The process is killed, and what it did is lost: another one may try again.
    let ticket = begun.at.event;
    let lost = Step::LoseAdd { ticket, mac: hold.mac, at_least: stage.units(LIFE) };
    assert!(stage.step(&subnet, ip(1), lost).await.is_done());
    assert_eq!(stage.pending().await, [ip(1)]);
    let ticket = stage.step(&subnet, ip(1), begin("one")).await.at.event;
    let finish = Step::FinishAdd { ticket, settled: stage.units(SETTLED), is_restored: true };
    assert!(stage.step(&subnet, ip(1), finish).await.is_done());
    assert_eq!((stage.state(&subnet, ip(1)).await, stage.pending().await), (Some(HoldState::Reserved), vec![]));
    assert_eq!(stage.traced("one").await, [] as [IpAddr; 0]);
}

pub(in crate::allocation::holds) async fn an_add_without_end_is_found_by_another_proxy(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.pass(2).await;
    stage.begin_in(&subnet, ip(1), "one").await;
    stage.add_in(&subnet, ip(2), "one").await;
    let pending = stage.beside().pending().await.expect("holds");
    let [(address, hold)] = &pending[..] else { panic!("{pending:?}") };
    let began = stage.place.moment().await.expect("a moment").now.since(hold.granted);
    assert!((*address, hold.state) == (ip(1), HoldState::Adding) && began < stage.units(1), "{began:?}");
    let lose = Step::LoseAdd { ticket: hold.event, mac: hold.mac, at_least: stage.units(LIFE) };
    let other = stage.beside();
    let (a, b) = tokio::join!(stage.place.step(&subnet, ip(1), lose.clone()), other.step(&subnet, ip(1), lose));
    assert_ne!(a.expect("a step").is_done(), b.expect("a step").is_done(), "one takes it over");
    assert_eq!(stage.state(&subnet, ip(1)).await, Some(HoldState::Unanswered));
}

pub(in crate::allocation::holds) async fn what_is_to_be_reserved_again_is_not_given_to_another_host(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.delete_in(&subnet, ip(1), Some(record(mac(1))), "one").await;
    let spare = async || stage.place.spare(&subnet, stage.units(1)).await.expect("an answer");
    let before = spare().await.expect("a spare address");
    stage.refuse(&subnet, ip(1), "one").await;
    assert_eq!(spare().await, None);
    let grant = stage.grant(stage.ask(mac(2), None).await).await;
    assert!(!stage.step(&subnet, ip(1), Step::Reuse(before, grant)).await.is_done());
    assert_eq!(stage.next(&subnet, mac(1), &[]).await, Some(ip(1)), "its own host has it again");
    // When it is given up it is as any other.
    stage.delete_in(&subnet, ip(1), Some(record(mac(1))), "one").await;
    stage.refuse(&subnet, ip(1), "one").await;
    stage.step(&subnet, ip(1), Step::Forget { request: request("one") }).await;
    assert_eq!(spare().await.map(|offer| offer.address), Some(ip(1)));
}

pub(in crate::allocation::holds) async fn a_refusal_during_an_add_outlives_what_was_there(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.delete_in(&subnet, ip(1), Some(record(mac(1))), "one").await;
    let begin = Step::BeginAdd { at_least: stage.units(2 * LIFE), request: Some(request("other")) };
    let begun = stage.step(&subnet, ip(1), begin).await;
    stage.pass(LIFE + 2).await;
    assert!(stage.refuse(&subnet, ip(1), "one").await.is_done());
    let undo = Step::UndoAdd { ticket: begun.at.event, before: begun.before };
    assert!(stage.step(&subnet, ip(1), undo).await.is_done());
    let hold = stage.get(&subnet, ip(1)).await.expect("a hold");
    assert!(hold.state == HoldState::Released && hold.due().is_some(), "{hold:?}");
}

pub(in crate::allocation::holds) async fn what_is_due_comes_before_thousands_of_lost_answers(stage: &Stage) {
    let subnet = scope("10.1.0.0/16");
    let address = |n: usize| IpAddr::from([10, 1, (n / 200) as u8, (n % 200) as u8]);
    for n in 0..=PENDING_AT_MOST {
        let ticket = stage.begin_in(&subnet, address(n), "other").await;
        let lose = Step::LoseAdd { ticket, mac: None, at_least: stage.units(LIFE) };
        assert!(stage.step(&subnet, address(n), lose).await.is_done());
    }
    let last = address(PENDING_AT_MOST + 1);
    stage.delete_in(&subnet, last, Some(record(mac(1))), "one").await;
    stage.refuse(&subnet, last, "one").await;
    let pending = stage.pending().await;
    assert_eq!((pending.len(), pending.contains(&last)), (PENDING_AT_MOST, true));
}
