//! Rules that are wrong, which the search must find.

use std::sync::Arc;
use std::time::Duration;

use super::super::hold::{Hold, HoldState, Moment, Offer, Scope};
use super::super::rules::{Becomes, Step};

/// A rule that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mutation {
    /// None: the rules as they are.
    None,
    /// A finished add leaves no hold, although batches from before live on.
    FinishEnds,
    /// An add whose answer is lost leaves no hold.
    LoseEnds,
    /// A spare address is given away although it changed since it was read.
    ReuseWhatChanged,
    /// A delete ends what was promised or sent after it began.
    DeleteWhatChanged,
    /// A delete that finds no record ends an offer.
    DeleteEndsOffers,
    /// An add does not exclude the address.
    BeginLeaves,
    /// What is spare is not asked for its age.
    SpareAtOnce,
    /// An add does not make the hold live until it is done.
    BeginKeepsTheEnd,
    /// An allocation takes what was promised to it although it has changed hands.
    AllocatesWhatChanged,
}

impl Mutation {
    pub(super) const ALL: [Self; 9] = [
        Self::FinishEnds,
        Self::LoseEnds,
        Self::ReuseWhatChanged,
        Self::DeleteWhatChanged,
        Self::DeleteEndsOffers,
        Self::BeginLeaves,
        Self::SpareAtOnce,
        Self::BeginKeepsTheEnd,
        Self::AllocatesWhatChanged,
    ];

    /// What it makes of a step.
    pub(super) fn apply(self, step: &Step, scope: &Arc<Scope>, there: Option<&Hold>, at: Moment) -> Becomes {
        match (self, step) {
            (Mutation::FinishEnds, Step::FinishAdd { .. }) | (Mutation::LoseEnds, Step::LoseAdd { .. }) => {
                Becomes::Ended
            }
            (Mutation::BeginLeaves, Step::BeginAdd { .. }) => Becomes::Unchanged,
            (Mutation::BeginKeepsTheEnd, Step::BeginAdd { .. }) => {
                Step::BeginAdd { at_least: Duration::ZERO, request: None }.apply(scope, there, at)
            }
            (Mutation::AllocatesWhatChanged, Step::BeginAllocation { at_least, .. }) => {
                Step::BeginAdd { at_least: *at_least, request: None }.apply(scope, there, at)
            }
            (Mutation::ReuseWhatChanged, Step::Reuse(offer, grant)) => {
                let offer = there.map_or(*offer, |hold| Offer::of(offer.address, hold));
                Step::Reuse(offer, *grant).apply(scope, there, at)
            }
            (Mutation::DeleteWhatChanged, Step::Delete { removed, quarantine, .. }) => {
                let seen = there.map(|hold| hold.event);
                Step::Delete { seen, removed: removed.clone(), quarantine: *quarantine, request: None }
                    .apply(scope, there, at)
            }
            (Mutation::DeleteEndsOffers, Step::Delete { seen, removed: None, .. })
                if there.is_some_and(|hold| hold.state == HoldState::Offered && Some(hold.event) == *seen) =>
            {
                Becomes::Ended
            }
            _ => step.apply(scope, there, at),
        }
    }
}
