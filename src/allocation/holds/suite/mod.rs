//! The suite that every place that keeps holds must pass.
//!
//! A place's tests implement [`Subject`] and write `suite!(ItsSubject);`: each case becomes a test of its own. A case
//! measures time in [units](Subject::unit), so that a subject can choose how long they are and how it lets them pass.

mod allocations;
mod claims;
mod lists;
mod model;
mod quarantine;
mod stage;
mod traces;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::place::Place;
pub(super) use allocations::*;
pub(super) use claims::*;
pub(super) use lists::*;
pub(super) use model::*;
pub(super) use quarantine::*;
pub(super) use stage::Stage;
pub(super) use traces::*;
pub(super) use writes::*;

/// A place under test.
#[async_trait]
pub(super) trait Subject: Send + Sync {
    /// An empty place; `None`, with the reason on stderr, where it cannot be tested.
    async fn start() -> Option<Self>
    where
        Self: Sized;

    /// The place, as one proxy sees it.
    fn place(&self) -> Arc<dyn Place>;

    /// The same holds, as another proxy sees them. Where no other can have them: the same place.
    fn beside(&self) -> Arc<dyn Place> {
        self.place()
    }

    /// The time that the durations of the cases are multiples of. No case takes notice of a tenth of it.
    fn unit(&self) -> Duration;

    /// Lets time pass for the holds.
    async fn pass(&self, time: Duration);
}

/// Runs a case on threads of its own, so that parallel calls are parallel.
pub(super) fn run<S: Subject + 'static>(case: impl AsyncFnOnce(&Stage)) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime for the case");
    runtime.block_on(async {
        if let Some(subject) = S::start().await {
            case(&Stage::over(Box::new(subject))).await;
        }
    });
}

/// Makes one test of each case.
macro_rules! suite {
    ($subject:ty) => {
        $crate::allocation::holds::suite::tests_of! { [$subject]
            a_claim_takes_the_first_candidate_that_is_not_held
            parallel_claims_get_different_addresses
            a_mac_is_offered_its_address_again_and_the_promise_is_renewed
            parallel_questions_of_one_mac_get_one_address
            a_second_question_of_one_request_is_for_a_second_interface
            a_parallel_question_of_one_request_is_not_for_a_second_interface
            a_question_without_mac_gets_an_address_of_its_own
            a_hold_ends
            nested_subnets_of_one_space_never_promise_one_address
            a_subnet_that_is_renamed_or_resized_keeps_its_holds
            spaces_do_not_collide
            an_offer_that_changed_hands_is_neither_renewed_nor_reused
            only_old_offers_without_a_mac_are_spare
            there_are_never_more_holds_than_allowed
            events_are_numbered_upwards

            a_released_address_is_offered_to_its_mac_at_once
            a_released_address_is_offered_to_others_only_when_nothing_else_is_free
            the_first_released_is_spare_first
            a_quarantine_ends
            a_second_delete_leaves_the_quarantine
            a_renewed_offer_of_a_released_address_lives_as_long_as_its_quarantine
            a_released_address_that_changed_is_not_offered_again
            without_quarantine_a_released_address_is_free

            an_add_is_begun_and_finished
            an_add_that_is_undone_leaves_what_was_there
            an_undone_add_does_not_bring_back_what_has_ended
            an_add_of_a_released_address_forgets_the_mac_that_had_it
            an_add_whose_answer_is_lost_keeps_the_address
            only_the_add_that_began_is_finished
            a_hold_lives_at_least_as_long_as_its_add
            a_delete_ends_the_hold_that_it_saw
            a_delete_that_finds_no_record_leaves_an_offer
            a_delete_that_began_during_an_add_leaves_the_reservation
            what_the_ipam_says_is_reserved_is_not_offered
            a_hold_is_ended_unless_it_is_being_added
            an_allocation_is_begun_by_the_call_that_was_promised_the_address

            a_request_is_known_by_what_it_has_done
            what_foreman_rolls_back_itself_leaves_no_trace
            a_deletion_is_remembered_whoever_gets_the_address
            a_refusal_makes_due_what_the_request_did_before
            of_several_proxies_one_reserves_an_address_again
            an_add_without_end_is_found_by_another_proxy
            what_is_to_be_reserved_again_is_not_given_to_another_host
            a_refusal_during_an_add_outlives_what_was_there
            what_is_due_comes_before_thousands_of_lost_answers

            holds_are_listed_in_pages
            a_list_goes_on_after_a_hold_that_is_gone
            an_address_is_found_in_every_space
            what_is_held_in_a_subnet
            holds_are_counted_by_state
            tidying_removes_what_has_ended_and_nothing_else
            random_steps_agree_with_a_plain_model
        }
    };
}
pub(super) use suite;

/// The tests of [`suite!`].
macro_rules! tests_of {
    ([$subject:ty] $($name:ident)+) => {$(
        #[test]
        fn $name() {
            $crate::allocation::holds::suite::run::<$subject>(async |stage| {
                $crate::allocation::holds::suite::$name(stage).await;
            });
        }
    )+};
}
pub(super) use tests_of;
