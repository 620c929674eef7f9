//! Random steps against a plain model: a list of holds.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::hold::{Ask, Grant, Hold, HoldState, Moment, Offer, Scope};
use super::super::place::{Claim, Held};
use super::super::rules::{self, Becomes, Step};
use super::super::trace::Removed;
use super::Stage;
use super::stage::{NO_LIMIT, ip, mac, scope_in};
use crate::allocation::Timestamp;
use crate::telemetry::request_id::RequestId;

/// The wide subnet has all addresses, the narrow one the upper half.
const PREFIXES: [&str; 2] = ["10.0.0.0/29", "10.0.0.4/30"];

/// Lives end in the middle between two times at which something happens.
const TICK: u32 = 10;

#[derive(Debug, Clone)]
enum Doing {
    Pass,
    Claim {
        subnet: usize,
        host: u8,
        request: u8,
        first: u8,
    },
    /// Reads what the host is offered again, to be renewed later.
    LookForOffer {
        subnet: usize,
        host: u8,
        request: u8,
    },
    /// Reads what is spare, to be reused later.
    LookForSpare {
        subnet: usize,
    },
    Renew {
        host: u8,
        request: u8,
    },
    Reuse {
        host: u8,
        request: u8,
    },
    Begin {
        subnet: usize,
        address: u8,
        request: u8,
    },
    Finish,
    Undo,
    Lose {
        host: u8,
    },
    Mark {
        address: u8,
        if_offered: bool,
    },
    /// Reads what is there, to be deleted later.
    BeginDelete {
        address: u8,
    },
    Delete {
        removed: Option<u8>,
        request: u8,
    },
    /// A call of the request is refused.
    Refuse {
        request: u8,
    },
    Forget {
        address: u8,
        request: u8,
    },
    End {
        address: u8,
    },
    Sweep,
}

fn doing() -> impl Strategy<Value = Doing> {
    let (subnet, host, request, address) = (0..2_usize, 0..4_u8, 0..3_u8, 0..8_u8);
    prop_oneof![
        2 => Just(Doing::Pass),
        6 => (subnet.clone(), host.clone(), request.clone(), address.clone())
            .prop_map(|(subnet, host, request, first)| Doing::Claim { subnet, host, request, first }),
        2 => (subnet.clone(), host.clone(), request.clone())
            .prop_map(|(subnet, host, request)| Doing::LookForOffer { subnet, host, request }),
        2 => subnet.clone().prop_map(|subnet| Doing::LookForSpare { subnet }),
        2 => (host.clone(), request.clone()).prop_map(|(host, request)| Doing::Renew { host, request }),
        2 => (host.clone(), request.clone()).prop_map(|(host, request)| Doing::Reuse { host, request }),
        3 => (subnet, address.clone(), request.clone())
            .prop_map(|(subnet, address, request)| Doing::Begin { subnet, address, request }),
        2 => Just(Doing::Finish),
        1 => Just(Doing::Undo),
        1 => host.clone().prop_map(|host| Doing::Lose { host }),
        1 => (address.clone(), any::<bool>()).prop_map(|(address, if_offered)| Doing::Mark { address, if_offered }),
        2 => address.clone().prop_map(|address| Doing::BeginDelete { address }),
        2 => (proptest::option::of(host), request.clone())
            .prop_map(|(removed, request)| Doing::Delete { removed, request }),
        2 => request.clone().prop_map(|request| Doing::Refuse { request }),
        1 => (address.clone(), request).prop_map(|(address, request)| Doing::Forget { address, request }),
        1 => address.prop_map(|address| Doing::End { address }),
        1 => Just(Doing::Sweep),
    ]
}

/// The place and the model name events and times differently: what is kept of a step is kept twice.
#[derive(Debug, Clone, Default)]
struct Both<T> {
    place: T,
    model: T,
}

/// Holds as a list, which the rules are applied to one after another.
#[derive(Debug, Default)]
struct Model {
    holds: Vec<(IpAddr, Hold)>,
    now: Timestamp,
    event: u64,
}

impl Model {
    fn moment(&mut self) -> Moment {
        self.event += 1;
        Moment { now: self.now, event: self.event }
    }

    fn live(&self) -> impl Iterator<Item = (IpAddr, &Hold)> {
        self.holds.iter().filter(|(_, hold)| hold.is_live(self.now)).map(|(address, hold)| (*address, hold))
    }

    fn get(&self, address: IpAddr) -> Option<Hold> {
        self.live().find(|(held, _)| *held == address).map(|(_, hold)| hold.clone())
    }

    fn enter(&mut self, address: IpAddr, becomes: &Becomes) {
        if *becomes != Becomes::Unchanged {
            self.holds.retain(|(held, _)| *held != address);
        }
        if let Becomes::Held(hold) = becomes {
            self.holds.push((address, hold.clone()));
            self.holds.sort_by_key(|(address, _)| *address);
        }
    }

    fn step(&mut self, scope: &Arc<Scope>, address: IpAddr, step: &Step) -> (Option<Hold>, Becomes, u64) {
        let (before, at) = (self.get(address), self.moment());
        let becomes = step.apply(scope, before.as_ref(), at);
        self.enter(address, &becomes);
        (before, becomes, at.event)
    }

    fn offer_for(&self, scope: &Scope, ask: &Ask) -> Option<Offer> {
        let mac = ask.mac?;
        let of_mac = self.live().filter(|(address, hold)| scope.prefix.contains(*address) && hold.mac == Some(mac));
        rules::offer_for(of_mac, ask)
    }

    fn spare(&self, scope: &Scope, recycle_after: Duration) -> Option<Offer> {
        let inside = self.live().filter(|(address, _)| scope.prefix.contains(*address));
        let ranked = inside.filter_map(|(address, hold)| {
            Some((rules::spare(hold, self.now, recycle_after)?, Offer::of(address, hold)))
        });
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, offer)| offer)
    }

    fn claim(&mut self, scope: &Arc<Scope>, candidates: &[IpAddr], grant: Grant) -> Claim {
        let at = self.moment();
        if let Some(offer) = self.offer_for(scope, &grant.ask)
            && let Some(hold) = self.get(offer.address).filter(|hold| hold.state == HoldState::Offered)
        {
            let confirmed = Grant { confirmed: hold.confirmed, ..grant };
            let renewed = Step::Renew(offer, confirmed).apply(scope, Some(&hold), at);
            self.enter(offer.address, &renewed);
            return Claim::Granted(offer.address);
        }
        match candidates.iter().find(|address| self.get(**address).is_none()) {
            Some(free) => {
                self.enter(*free, &Becomes::Held(rules::granted(scope, &grant, at)));
                Claim::Granted(*free)
            }
            None => Claim::NoneFree,
        }
    }
}

/// What must be the same of a hold in both.
fn seen(hold: &Hold) -> impl PartialEq + std::fmt::Debug + use<> {
    let until = hold.until.since(hold.granted);
    let trace = hold.trace.as_deref().map(|trace| (trace.request.clone(), trace.deleted.clone()));
    let due = hold.due().map(|due| (hold.until.since(due.at), due.attempts));
    (hold.scope.clone(), hold.mac, hold.state, hold.request, until, trace, due)
}

fn sorted(held: Vec<Held>) -> BTreeSet<IpAddr> {
    held.into_iter().map(|(address, _)| address).collect()
}

/// The state of a run.
struct Run<'a> {
    stage: &'a Stage,
    subnets: [Arc<Scope>; 2],
    model: Model,
    offer: Option<Both<Offer>>,
    spare: Option<Both<Offer>>,
    /// The address, the ticket, and what was there before.
    adding: Option<(IpAddr, Both<u64>, Both<Option<Hold>>)>,
    deleting: Option<(IpAddr, Both<Option<u64>>)>,
}

impl Run<'_> {
    /// A request of this run.
    fn request(&self, number: u8) -> Option<RequestId> {
        let run = self.subnets[0].space.name.as_str().trim_start_matches("run ");
        (number > 0).then(|| RequestId::parse(&format!("{run}-{number}")).expect("an id"))
    }

    fn life(&self, ticks: u32) -> Duration {
        self.stage.units(ticks * TICK + TICK / 2)
    }

    async fn ask(&mut self, host: u8, request: u8) -> Both<Ask> {
        let mac = if host == 0 { None } else { mac(host) };
        let request = (request > 0).then_some(u64::from(request));
        let place = self.stage.ask(mac, request).await;
        Both { place, model: Ask { arrival: self.model.moment().event, ..place } }
    }

    async fn grant(&mut self, host: u8, request: u8) -> Both<Grant> {
        let Both { place, model } = self.ask(host, request).await;
        let place = Grant { life: self.life(2), ..self.stage.grant(place).await };
        let model = Grant { ask: model, life: self.life(2), confirmed: self.model.moment().now };
        Both { place, model }
    }

    /// Both do the step, and agree.
    async fn step(&mut self, subnet: usize, address: IpAddr, step: Both<Step>) -> (Both<u64>, Both<Option<Hold>>) {
        let scope = self.subnets[subnet].clone();
        let place = self.stage.step(&scope, address, step.place).await;
        let (before, becomes, event) = self.model.step(&scope, address, &step.model);
        assert_eq!(place.before.as_ref().map(seen), before.as_ref().map(seen), "before");
        match (&place.becomes, &becomes) {
            (Becomes::Held(place), Becomes::Held(model)) => assert_eq!(seen(place), seen(model)),
            (place, model) => assert_eq!(place, model),
        }
        (Both { place: place.at.event, model: event }, Both { place: place.before, model: before })
    }

    async fn both(&mut self, subnet: usize, address: IpAddr, step: Step) {
        self.step(subnet, address, Both { place: step.clone(), model: step }).await;
    }

    async fn do_next(&mut self, doing: &Doing) {
        match *doing {
            Doing::Pass => {
                self.stage.pass(TICK).await;
                self.model.now = self.model.now + self.stage.units(TICK);
            }
            Doing::Claim { subnet, host, request, first } => {
                let scope = self.subnets[subnet].clone();
                let candidates: Vec<IpAddr> =
                    (first..8).map(ip).filter(|address| scope.prefix.contains(*address)).collect();
                let grant = self.grant(host, request).await;
                let place = self.stage.claim_with(&scope, grant.place, &candidates, NO_LIMIT).await;
                assert_eq!(place, self.model.claim(&scope, &candidates, grant.model));
            }
            Doing::LookForOffer { subnet, host, request } => {
                let ask = self.ask(host, request).await;
                let scope = &self.subnets[subnet];
                let place = self.stage.place.offer_for(scope, &ask.place).await.expect("an answer");
                self.offer = same_offer(place, self.model.offer_for(scope, &ask.model));
            }
            Doing::LookForSpare { subnet } => {
                let (scope, recycle_after) = (&self.subnets[subnet], self.stage.units(TICK / 2));
                let place = self.stage.place.spare(scope, recycle_after).await.expect("an answer");
                self.spare = same_offer(place, self.model.spare(scope, recycle_after));
            }
            Doing::Renew { host, request } => {
                let Some(offer) = self.offer.clone() else { return };
                let grant = self.grant(host, request).await;
                let step = |offer, grant| Step::Renew(offer, grant);
                let step = Both { place: step(offer.place, grant.place), model: step(offer.model, grant.model) };
                self.step(0, offer.place.address, step).await;
            }
            Doing::Reuse { host, request } => {
                let Some(offer) = self.spare.clone() else { return };
                let grant = self.grant(host, request).await;
                let step = |offer, grant| Step::Reuse(offer, grant);
                let step = Both { place: step(offer.place, grant.place), model: step(offer.model, grant.model) };
                self.step(0, offer.place.address, step).await;
            }
            Doing::Begin { subnet, address, request } => {
                let step = Step::BeginAdd { at_least: self.life(1), request: self.request(request) };
                let step = Both { place: step.clone(), model: step };
                let (ticket, before) = self.step(subnet, ip(address), step).await;
                self.adding = Some((ip(address), ticket, before));
            }
            Doing::Finish => {
                let Some((address, ticket, _)) = self.adding.clone() else { return };
                let settled = self.life(1);
                let step = |ticket| Step::FinishAdd { ticket, settled, is_restored: false };
                self.step(0, address, Both { place: step(ticket.place), model: step(ticket.model) }).await;
            }
            Doing::Undo => {
                let Some((address, ticket, before)) = self.adding.clone() else { return };
                let step = |ticket, before| Step::UndoAdd { ticket, before };
                let step = Both { place: step(ticket.place, before.place), model: step(ticket.model, before.model) };
                self.step(0, address, step).await;
            }
            Doing::Lose { host } => {
                let Some((address, ticket, _)) = self.adding.clone() else { return };
                let at_least = self.life(3);
                let step = |ticket| Step::LoseAdd { ticket, mac: mac(host), at_least };
                self.step(0, address, Both { place: step(ticket.place), model: step(ticket.model) }).await;
            }
            Doing::Mark { address, if_offered } => {
                let settled = self.life(1);
                let marks = [Step::MarkReserved { settled }, Step::MarkReservedIfOffered { settled }];
                self.both(0, ip(address), marks[usize::from(if_offered)].clone()).await;
            }
            Doing::BeginDelete { address } => {
                let place = self.stage.get(&self.subnets[0], ip(address)).await.map(|hold| hold.event);
                let model = self.model.get(ip(address)).map(|hold| hold.event);
                self.deleting = Some((ip(address), Both { place, model }));
            }
            Doing::Delete { removed, request } => {
                let Some((address, seen)) = self.deleting.clone() else { return };
                let removed = removed.map(|host| Removed::of(mac(host).filter(|_| host > 0)));
                let quarantine = self.life(4);
                let request = self.request(request);
                let step = |seen| Step::Delete { seen, removed: removed.clone(), quarantine, request: request.clone() };
                self.step(0, address, Both { place: step(seen.place), model: step(seen.model) }).await;
            }
            Doing::Refuse { request } => {
                let Some(request) = self.request(request) else { return };
                let wait = self.life(1);
                let traced = sorted(self.stage.place.traced(&request).await.expect("holds"));
                let in_model = self.model.live().filter(|(_, hold)| hold.trace_of(&request).is_some());
                assert_eq!(traced, in_model.map(|(address, _)| address).collect());
                for address in traced {
                    self.both(0, address, Step::Refuse { request: request.clone(), wait }).await;
                }
            }
            Doing::Forget { address, request } => {
                let Some(request) = self.request(request) else { return };
                self.both(0, ip(address), Step::Forget { request }).await;
            }
            Doing::End { address } => self.both(0, ip(address), Step::End).await,
            Doing::Sweep => self.stage.place.sweep().await.expect("swept"),
        }
    }

    /// The place and the model have the same holds, and say the same of them.
    async fn compare(&self) {
        let place = &self.stage.place;
        let start = (self.subnets[0].space.clone(), [0, 0, 0, 0].into());
        let listed = place.list(Some(&start), 20).await.expect("a list");
        let in_space = listed.into_iter().filter(|(_, hold)| hold.scope.space == start.0);
        let listed: Vec<_> = in_space.map(|(address, hold)| (address, seen(&hold))).collect();
        let expected: Vec<_> = self.model.live().map(|(address, hold)| (address, seen(hold))).collect();
        assert_eq!(listed, expected);
        // Other runs may have left some.
        let mut found = place.pending().await.expect("holds");
        found.retain(|(_, hold)| hold.scope.space == start.0);
        let pending = self.model.live().filter(|(_, hold)| hold.pending().is_some()).map(|held| held.0).collect();
        assert_eq!(sorted(found), pending);
        for subnet in &self.subnets {
            let held = place.held(subnet).await.expect("an answer");
            let inside = || self.model.live().filter(|(address, _)| subnet.prefix.contains(*address));
            assert_eq!(held.addresses.len(), inside().count());
            assert!(inside().all(|(address, _)| held.addresses.contains(address)));
            assert_eq!(held.promised, inside().filter(|(_, hold)| hold.state != HoldState::Reserved).count());
        }
    }
}

fn same_offer(place: Option<Offer>, model: Option<Offer>) -> Option<Both<Offer>> {
    assert_eq!(place.map(|offer| offer.address), model.map(|offer| offer.address));
    Some(Both { place: place?, model: model? })
}

pub(in crate::allocation::holds) async fn random_steps_agree_with_a_plain_model(stage: &Stage) {
    static SPACES: AtomicU64 = AtomicU64::new(0);
    let check = async |all: Vec<Doing>| {
        // Each run has a space of its own.
        let space = format!("run {}", SPACES.fetch_add(1, Ordering::Relaxed));
        let subnets = PREFIXES.map(|prefix| scope_in(&space, prefix));
        let model = Model { now: Timestamp(1_000_000), ..Model::default() };
        let mut run = Run { stage, subnets, model, offer: None, spare: None, adding: None, deleting: None };
        for doing in &all {
            run.do_next(doing).await;
            run.compare().await;
        }
    };
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Handle::current();
    let checked = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&proptest::collection::vec(doing(), 1..60), |all| {
            runtime.block_on(check(all));
            Ok(())
        })
    });
    checked.unwrap_or_else(|failure| panic!("{failure}"));
}
