//! What the cases are written with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{AddressSpace, GroupName, Mac, Prefix};

use super::super::hold::{Ask, Grant, Hold, HoldState, RequestMark, Scope, Space};
use super::super::place::{Claim, Place, Stepped};
use super::super::rules::Step;
use super::super::trace::Removed;
use super::Subject;

/// No case comes near so many holds.
pub(super) const NO_LIMIT: usize = 1_000_000;

/// How long a promise lives in the cases, in units.
pub(super) const LIFE: u32 = 20;

/// How long a batch of candidates or a request may live in the cases, in units.
pub(super) const SETTLED: u32 = 4;

/// A place and how its time passes.
pub(in crate::allocation::holds) struct Stage {
    subject: Box<dyn Subject>,
    pub(super) place: Arc<dyn Place>,
}

pub(super) fn scope(prefix: &str) -> Arc<Scope> {
    scope_in("vrf 1", prefix)
}

pub(super) fn scope_in(space: &str, prefix: &str) -> Arc<Scope> {
    let space = Space { provider: "netbox".into(), name: AddressSpace::new(space) };
    Arc::new(Scope { space, group: GroupName::new("blue"), prefix: self::prefix(prefix) })
}

pub(super) fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

pub(super) fn mac(host: u8) -> Option<Mac> {
    Some(format!("00:00:5e:00:53:{host:02x}").parse().expect("a MAC"))
}

/// `10.0.0.n`
pub(super) fn ip(last: u8) -> IpAddr {
    [10, 0, 0, last].into()
}

impl Stage {
    pub(super) fn over(subject: Box<dyn Subject>) -> Self {
        Self { place: subject.place(), subject }
    }

    /// The same holds, as another proxy sees them.
    pub(super) fn beside(&self) -> Arc<dyn Place> {
        self.subject.beside()
    }

    pub(super) fn units(&self, units: u32) -> Duration {
        self.subject.unit() * units
    }

    pub(super) async fn pass(&self, units: u32) {
        self.subject.pass(self.units(units)).await;
    }

    /// A question that comes now.
    pub(super) async fn ask(&self, mac: Option<Mac>, request: Option<u64>) -> Ask {
        let arrival = self.place.moment().await.expect("a moment").event;
        Ask { mac, request: request.map(RequestMark::of), arrival }
    }

    /// A promise of [`LIFE`], of an address that the IPAM calls free now.
    pub(super) async fn grant(&self, ask: Ask) -> Grant {
        let confirmed = self.place.moment().await.expect("a moment").now;
        Grant { ask, life: self.units(LIFE), confirmed }
    }

    pub(super) async fn claim(&self, scope: &Arc<Scope>, mac: Option<Mac>, candidates: &[IpAddr]) -> Claim {
        let grant = self.grant(self.ask(mac, None).await).await;
        self.claim_with(scope, grant, candidates, NO_LIMIT).await
    }

    pub(super) async fn claim_with(
        &self,
        scope: &Arc<Scope>,
        grant: Grant,
        candidates: &[IpAddr],
        at_most: usize,
    ) -> Claim {
        let mut candidates = candidates.iter().copied();
        self.place.claim(scope, &mut candidates, grant, at_most).await.expect("a claim")
    }

    /// Claims just this address.
    pub(super) async fn promise(&self, scope: &Arc<Scope>, mac: Option<Mac>, address: IpAddr) {
        assert_eq!(self.claim(scope, mac, &[address]).await, Claim::Granted(address));
    }

    /// What a caller is answered when these addresses are free in the IPAM: its own address again, a candidate, or a spare
    /// one.
    pub(super) async fn next(&self, scope: &Arc<Scope>, mac: Option<Mac>, free: &[IpAddr]) -> Option<IpAddr> {
        let grant = self.grant(self.ask(mac, None).await).await;
        if let Some(offer) = self.place.offer_for(scope, &grant.ask).await.expect("an answer")
            && self.step(scope, offer.address, Step::Renew(offer, grant)).await.is_done()
        {
            return Some(offer.address);
        }
        if let Claim::Granted(address) = self.claim_with(scope, grant, free, NO_LIMIT).await {
            return Some(address);
        }
        let spare = self.place.spare(scope, self.units(LIFE)).await.expect("an answer")?;
        let reused = self.step(scope, spare.address, Step::Reuse(spare, grant)).await;
        reused.is_done().then_some(spare.address)
    }

    pub(super) async fn step(&self, scope: &Arc<Scope>, address: IpAddr, step: Step) -> Stepped {
        self.place.step(scope, address, step).await.expect("a step")
    }

    /// Begins to add an address; what it began is the ticket of the rest.
    pub(super) async fn begin(&self, scope: &Arc<Scope>, address: IpAddr) -> Stepped {
        self.step(scope, address, Step::BeginAdd { at_least: self.units(SETTLED), request: None }).await
    }

    pub(super) fn finish(&self, ticket: u64) -> Step {
        Step::FinishAdd { ticket, settled: self.units(SETTLED), is_restored: false }
    }

    pub(super) async fn add(&self, scope: &Arc<Scope>, address: IpAddr) {
        let ticket = self.begin(scope, address).await.at.event;
        assert!(self.step(scope, address, self.finish(ticket)).await.is_done());
    }

    /// A delete that removes a record without MAC.
    pub(super) async fn delete(&self, scope: &Arc<Scope>, address: IpAddr, quarantine: u32) -> Stepped {
        let seen = self.get(scope, address).await.map(|hold| hold.event);
        self.deleted(scope, address, seen, Some(Removed::of(None)), quarantine).await
    }

    pub(super) async fn deleted(
        &self,
        scope: &Arc<Scope>,
        address: IpAddr,
        seen: Option<u64>,
        removed: Option<Removed>,
        quarantine: u32,
    ) -> Stepped {
        self.step(scope, address, Step::Delete { seen, removed, quarantine: self.units(quarantine), request: None })
            .await
    }

    pub(super) async fn get(&self, scope: &Scope, address: IpAddr) -> Option<Hold> {
        self.place.get(&scope.space, address).await.expect("an answer")
    }

    pub(super) async fn state(&self, scope: &Scope, address: IpAddr) -> Option<HoldState> {
        self.get(scope, address).await.map(|hold| hold.state)
    }
}
