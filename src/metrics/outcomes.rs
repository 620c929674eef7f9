//! What became of addresses, from the events.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::allocation::{Event, EventKind, Finding};

/// What a look right after a lost answer showed.
const LOOKS: [&str; 3] = ["took_effect", "unknown", "reserved_by_somebody"];

/// What a later look showed of an addition.
const FINDINGS: [&str; 6] = ["reserved", "absent", "dealt_with", "reserved_by_somebody", "unknown", "not_watched"];

/// How an attempt to reserve a deleted address again ended.
const RESTORES: [&str; 5] = ["restored", "not_wanted", "not_needed", "put_off", "given_up"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LostAnswer {
    operation: &'static str,
    look: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Found {
    finding: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Restore {
    outcome: &'static str,
}

/// Counts of events. All series are there from the start, so that a first event is an increase.
#[derive(Debug)]
pub(super) struct Outcomes {
    lost_answers: Family<LostAnswer, Counter>,
    lost_additions: Family<Found, Counter>,
    restores: Family<Restore, Counter>,
    unanswered: Counter,
    left_over: Counter,
    taken_while_held: Counter,
}

impl Outcomes {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let outcomes = Self {
            lost_answers: Family::default(),
            lost_additions: Family::default(),
            restores: Family::default(),
            unanswered: Counter::default(),
            left_over: Counter::default(),
            taken_while_held: Counter::default(),
        };
        for look in LOOKS {
            outcomes.lost_answer("add", look, 0);
        }
        for look in ["took_effect", "unknown"] {
            outcomes.lost_answer("delete", look, 0);
        }
        for finding in FINDINGS {
            outcomes.found(finding, 0);
        }
        for outcome in RESTORES {
            outcomes.restore(outcome, 0);
        }
        let help = "How many answers of the IPAM to a write were lost, by what a look right after it showed";
        registry.register("lost_answers", help, outcomes.lost_answers.clone());
        let help = "What later looks showed of additions whose answer was lost";
        registry.register("lost_additions_found", help, outcomes.lost_additions.clone());
        let help = "How often an address that a refused edit had deleted was to be reserved again";
        registry.register("restores", help, outcomes.restores.clone());
        let help = "How many additions took effect whose caller did not get the answer";
        registry.register("additions_unanswered", help, outcomes.unanswered.clone());
        let help =
            "How many added addresses Foreman most likely does not keep, because their request was refused later";
        registry.register("addresses_left_over", help, outcomes.left_over.clone());
        let help = "How many addresses were reserved past the proxy while it held them";
        registry.register("addresses_taken_while_held", help, outcomes.taken_while_held.clone());
        outcomes
    }

    pub(super) fn see(&self, event: &Event<'_>) {
        match &event.kind {
            EventKind::AddConfirmed { .. } => self.lost_answer("add", "took_effect", 1),
            EventKind::AddUnknown { .. } | EventKind::AddLeft { .. } => self.lost_answer("add", "unknown", 1),
            EventKind::ReservedBySomebody { .. } => self.lost_answer("add", "reserved_by_somebody", 1),
            EventKind::DeleteConfirmed { .. } => self.lost_answer("delete", "took_effect", 1),
            EventKind::DeleteUnknown { .. } => self.lost_answer("delete", "unknown", 1),
            EventKind::LostAddFound { finding, .. } => self.found(name(finding), 1),
            EventKind::NotWatched { .. } => self.found("not_watched", 1),
            EventKind::Restored { .. } => self.restore("restored", 1),
            EventKind::RestoreNotWanted => self.restore("not_wanted", 1),
            EventKind::RestoreNotNeeded => self.restore("not_needed", 1),
            EventKind::RestorePutOff { .. } => self.restore("put_off", 1),
            EventKind::RestoreGivenUp { .. } => self.restore("given_up", 1),
            EventKind::AddUnanswered { .. } => {
                self.unanswered.inc();
            }
            EventKind::LeftOver { .. } => {
                self.left_over.inc();
            }
            EventKind::TakenWhileHeld => {
                self.taken_while_held.inc();
            }
            // Requests and operations of the IPAM are counted where they end.
            _ => {}
        }
    }

    fn lost_answer(&self, operation: &'static str, look: &'static str, number: u64) {
        self.lost_answers.get_or_create(&LostAnswer { operation, look }).inc_by(number);
    }

    fn found(&self, finding: &'static str, number: u64) {
        self.lost_additions.get_or_create(&Found { finding }).inc_by(number);
    }

    fn restore(&self, outcome: &'static str, number: u64) {
        self.restores.get_or_create(&Restore { outcome }).inc_by(number);
    }
}

fn name(finding: &Finding) -> &'static str {
    match finding {
        Finding::DealtWith => "dealt_with",
        Finding::Reserved => "reserved",
        Finding::ReservedBySomebody => "reserved_by_somebody",
        Finding::Absent => "absent",
        Finding::Unknown(_) => "unknown",
    }
}
