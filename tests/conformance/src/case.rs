//! The list of cases, and how one is run.

use std::fmt;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;

use ipam_provider::Provider;

use crate::{Stage, Subject};

/// How a case ends that did not fail: checked, or skipped. A failure is a panic, as in any test.
pub type CaseResult = Result<(), Skip>;

/// A layer to put around the provider.
pub type Wrap<'a> = &'a dyn Fn(Arc<dyn Provider>) -> Arc<dyn Provider>;

/// Why a case was not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip(String);

impl Skip {
    /// Skips the case for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One promise of the provider contract, and how it is checked.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, as a sentence.
    pub name: &'static str,
    check: for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = CaseResult> + 'a>>,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was checked and holds.
    Passed,
    /// It was not checked.
    Skipped(Skip),
}

/// No layer: the provider as it is.
pub fn bare(provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
    provider
}

/// Runs one case over a fresh subject, and says on stderr when it is skipped. Panics when the case fails.
pub fn run<S: Subject + 'static>(case: &Case, wrap: Wrap<'_>) -> Ended {
    let ended = run_silently::<S>(case, wrap);
    if let Ended::Skipped(reason) = &ended {
        // Past the capture of the test harness, which would hide it: what was not checked must be seen.
        let _ = writeln!(std::io::stderr(), "skipped {}: {reason}", case.name);
    }
    ended
}

/// Runs one case over a fresh subject, on threads of its own, so that parallel calls are parallel. Panics when the case
/// fails.
pub fn run_silently<S: Subject + 'static>(case: &Case, wrap: Wrap<'_>) -> Ended {
    if let Some(reason) = S::missing() {
        return Ended::Skipped(Skip::new(reason));
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime for the case");
    let ended = runtime.block_on(async { (case.check)(&Stage::start::<S>(wrap).await).await });
    ended.map_or_else(Ended::Skipped, |()| Ended::Passed)
}

/// Makes one test of each case: `suite!(Subject)`, or `suite!(Subject, wrap = |provider| …)` over a layer.
///
/// The closure takes and gives an `Arc<dyn Provider>`. The tests stand where the macro stands:
/// several suites in one file need a module each.
#[macro_export]
macro_rules! suite {
    ($subject:ty) => {
        $crate::suite!($subject, wrap = $crate::bare);
    };
    ($subject:ty, wrap = $wrap:expr) => {
        $crate::every_case!(__tests[$subject][$wrap]);
    };
}

/// The tests of [`suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ([$subject:ty] [$wrap:expr] $($module:ident: $($name:ident)+;)+) => {$($(
        #[test]
        fn $name() {
            $crate::run::<$subject>(&$crate::case(stringify!($name)), &$wrap);
        }
    )+)+};
}

/// The entries of [`cases`].
#[doc(hidden)]
#[macro_export]
macro_rules! __entries {
    ($($module:ident: $($name:ident)+;)+) => {
        &[$($($crate::Case {
            name: stringify!($name),
            check: |stage| Box::pin($crate::$module::$name(stage)),
        },)+)+]
    };
}

/// Calls a macro of this crate with its arguments and the list of all cases by module.
#[doc(hidden)]
#[macro_export]
macro_rules! every_case {
    ($then:ident $($arguments:tt)*) => {
        $crate::$then! { $($arguments)*
            contract:
                the_name_is_a_lower_case_word
                capabilities_agree_with_the_seed
                probes_succeed_and_change_nothing;
            groups:
                groups_are_all_listed_by_name
                every_group_is_found_by_its_name
                group_names_are_compared_exactly
                an_id_is_not_a_group_name
                an_unknown_group_is_absent
                without_groups_there_are_none;
            subnets:
                the_subnets_of_a_group_are_all_listed_by_prefix
                the_subnets_outside_of_groups_are_all_listed_by_prefix
                every_subnet_is_found_by_prefix_and_group
                without_a_group_every_record_of_the_prefix_is_found
                a_record_is_the_same_however_it_was_asked_for
                prefixes_are_compared_exactly
                a_subnet_is_not_found_in_another_group
                a_vanished_subnet_is_not_found
                a_vanished_subnet_leaves_its_twin_alone;
            free_addresses:
                free_addresses_are_lowest_first_and_at_most_as_many_as_asked
                every_subnet_offers_exactly_what_is_free
                a_large_answer_is_complete
                held_addresses_are_not_offered
                held_addresses_do_not_count
                holds_of_other_addresses_change_nothing
                network_broadcast_and_anycast_are_never_free
                point_to_point_and_host_prefixes_offer_all_they_have
                a_pool_offers_its_first_and_last_address
                a_full_subnet_has_no_free_addresses
                a_subnet_can_be_filled
                a_reserved_address_is_free_again_when_released
                what_another_writer_does_is_seen_at_once
                an_address_taken_in_a_twin_is_free_here;
            reservations:
                a_taken_address_has_a_reservation_and_a_free_one_has_none
                a_reserved_address_has_a_reservation_until_it_is_released
                second_reserve_is_refused
                an_address_that_another_writer_took_is_refused
                release_of_an_absent_address_is_no_error
                a_record_of_another_writer_is_released_or_kept_as_answered
                an_address_is_only_reserved_in_the_subnet_asked_for
                an_address_is_only_removed_from_the_subnet_asked_for
                addresses_that_are_written_alike_are_different
                ipv6_text_forms_are_one_address
                mac_and_hostname_are_recorded_where_the_ipam_has_a_place
                mac_and_hostname_of_another_writer_are_read
                a_reserve_needs_neither_mac_nor_hostname
                a_removed_record_can_be_recorded_again_as_it_was
                a_remark_is_in_the_description_of_a_record_of_ours
                one_mac_may_have_several_addresses
                infiniband_macs_never_fail_a_reserve
                only_our_own_records_carry_our_mark
                own_records_are_found_by_address_in_every_group;
            annotations:
                a_host_name_is_added_to_a_record_of_ours
                a_host_name_is_changed_and_the_mac_stays
                a_mac_is_set_and_the_host_name_stays
                what_is_recorded_already_is_not_written_again
                a_record_of_another_writer_is_not_annotated
                a_free_address_is_not_annotated
                a_text_of_people_stays_in_an_annotated_record
                an_address_is_only_annotated_in_the_subnet_asked_for
                an_annotation_that_failed_can_be_repeated;
            lists:
                an_empty_subnet_has_an_empty_list
                every_record_is_listed_once_whatever_the_size_of_the_pages
                ipv6_records_are_listed_by_number
                records_of_other_groups_are_not_listed
                records_of_a_nested_subnet_are_not_listed
                a_listed_record_is_as_its_reservation
                records_that_stay_are_listed_once_while_others_come_and_go
                a_list_of_a_vanished_subnet_is_not_found
                a_list_goes_on_only_where_a_page_has_said
                a_page_that_failed_can_be_asked_for_again;
            subnet_management:
                a_created_subnet_is_found_and_all_of_it_is_free
                a_prefix_is_created_once_in_a_group
                a_subnet_that_overlaps_another_is_not_created
                a_subnet_of_an_unknown_group_is_not_created
                a_deleted_subnet_is_gone
                a_subnet_with_addresses_is_not_deleted;
            faults:
                a_slow_ipam_ends_as_timed_out
                a_reset_before_a_write_is_unavailable
                a_reset_after_a_write_is_unavailable
                a_truncated_answer_is_unavailable
                too_many_requests_are_unavailable
                an_html_error_is_unavailable
                an_empty_error_is_unavailable
                json_of_another_shape_is_unexpected
                a_missing_api_is_not_an_absent_record
                an_ipam_that_is_gone_is_unreachable
                a_probe_of_an_unreachable_ipam_says_so
                an_expired_session_is_renewed;
            concurrency:
                parallel_reserves_of_one_address_have_one_winner
                parallel_reserves_of_different_addresses_all_succeed
                parallel_releases_of_one_address_remove_it_once
                twins_do_not_stand_in_each_others_way
                answers_hold_while_others_write;
        }
    };
}

const CASES: &[Case] = every_case!(__entries);

/// All cases, in the order of the modules.
pub fn cases() -> &'static [Case] {
    CASES
}

/// The case of this name. Panics when there is none.
pub fn case(name: &str) -> Case {
    *CASES.iter().find(|case| case.name == name).expect("the macro lists only cases")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_that_is_written_is_in_the_list() {
        let sources = [
            include_str!("contract.rs"),
            include_str!("groups.rs"),
            include_str!("subnets.rs"),
            include_str!("free_addresses.rs"),
            include_str!("reservations.rs"),
            include_str!("annotations.rs"),
            include_str!("lists.rs"),
            include_str!("subnet_management.rs"),
            include_str!("faults.rs"),
            include_str!("concurrency.rs"),
        ];
        let written = sources.iter().flat_map(|source| source.lines());
        let written = written.filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next());
        assert_eq!(written.collect::<Vec<_>>(), cases().iter().map(|case| case.name).collect::<Vec<_>>());
    }
}
