//! The contract with Foreman over every IPAM product that is reached by its API: the real binary, called over mutual TLS
//! as Foreman calls it, with a simulated product behind it.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `api` | the management API's routes that read |
//! | `contract` | the calls of Foreman, and what the product has recorded afterwards |
//! | `concurrency` | many hosts at once, also beside somebody else who takes addresses |
//! | `lost_answers` | each fault of the conformance suite in the middle of a write |
//! | `costs` | how many requests reach the product |
//! | `trouble` | a product that is away, or refuses our credentials; what `check` and Foreman's page say |
//! | `queue` | more hosts at once than a product takes at once, whose writes are slow |
//! | `routes` | two products behind one proxy |
//! | `trace` | what `check --trace` writes |
//! | `ruby_settings` | the settings files of the Ruby plugin, as they are |
//! | `budget` | a product that does not answer |
//! | `support` | the process, Foreman, and the products |
//!
//! Each test runs once for each provider; its name begins with the provider's. Nothing waits for time to pass, but for
//! the time limits of the proxy itself.

#![cfg(any(
    feature = "bluecat",
    feature = "infoblox",
    feature = "nautobot",
    feature = "netbox",
    feature = "phpipam",
    feature = "solarwinds",
    feature = "solidserver",
    feature = "tcpwave"
))]

mod api;
mod budget;
mod concurrency;
mod contract;
mod costs;
mod lost_answers;
mod queue;
#[cfg(all(feature = "netbox", feature = "phpipam"))]
mod routes;
// There was none for Nautobot.
#[cfg(any(feature = "netbox", feature = "phpipam"))]
mod ruby_settings;
mod support;
mod trace;
mod trouble;

/// Makes a test of each case over each provider of this build.
macro_rules! over_every_provider {
    ($($cases:tt)*) => {
        #[cfg(feature = "bluecat")]
        mod bluecat {
            over_one_provider! { Bluecat; $($cases)* }
        }
        #[cfg(feature = "bluecat")]
        mod bluecat_v1 {
            over_one_provider! { BluecatV1; $($cases)* }
        }
        #[cfg(feature = "infoblox")]
        mod infoblox {
            over_one_provider! { Infoblox; $($cases)* }
        }
        #[cfg(feature = "nautobot")]
        mod nautobot {
            over_one_provider! { Nautobot; $($cases)* }
        }
        #[cfg(feature = "netbox")]
        mod netbox {
            over_one_provider! { Netbox; $($cases)* }
        }
        #[cfg(feature = "phpipam")]
        mod phpipam {
            over_one_provider! { Phpipam; $($cases)* }
        }
        #[cfg(feature = "solarwinds")]
        mod solarwinds {
            over_one_provider! { Solarwinds; $($cases)* }
        }
        #[cfg(feature = "solidserver")]
        mod solidserver {
            over_one_provider! { Solidserver; $($cases)* }
        }
        #[cfg(feature = "tcpwave")]
        mod tcpwave {
            over_one_provider! { Tcpwave; $($cases)* }
        }
    };
}

macro_rules! over_one_provider {
    ($vendor:ident; $($module:ident: $($case:ident)+;)+) => {$(
        mod $module {
            $(
                #[test]
                fn $case() {
                    crate::$module::$case::<crate::support::$vendor>();
                }
            )+
        }
    )+};
}

over_every_provider! {
    api:
        the_api_shows_what_the_ipam_has
        an_ipam_that_is_gone_is_a_problem_that_says_so;
    contract:
        all_groups_are_listed
        every_group_is_found_by_its_name
        an_unknown_group_is_nothing
        the_subnets_of_a_group_are_listed
        every_subnet_is_found
        an_unknown_subnet_is_nothing
        ipv6_that_is_not_supported_is_said
        the_lowest_free_address_is_offered
        a_mac_gets_its_address_again
        taken_addresses_exist_and_free_ones_do_not
        a_host_is_created_and_deleted_in_every_group
        mac_and_hostname_are_recorded
        an_address_is_added_once
        an_address_that_somebody_else_takes_is_not_given_away
        an_address_that_was_seen_to_exist_is_not_offered_again
        a_delete_of_what_is_not_there_succeeds
        a_full_subnet_is_said_to_be_full
        small_subnets_give_all_they_have
        an_address_for_no_host_is_refused
        ipv6_addresses_have_many_spellings
        a_prefix_in_several_groups_needs_a_group
        the_record_outside_of_groups_is_meant_without_a_group
        the_same_prefix_in_two_groups_is_two_subnets;
    concurrency:
        two_hundred_hosts_get_two_hundred_addresses
        two_hundred_hosts_beside_another_writer;
    queue:
        a_queue_that_the_budget_has_room_for_fails_no_host
        a_host_that_the_budget_has_no_room_for_is_refused_before_anything_is_written;
    lost_answers:
        slow
        reset_before_write
        reset_after_write
        without_a_hold
        truncated
        unauthenticated_once
        too_many_requests
        html_error
        empty_error
        wrong_json
        no_api
        gone;
    costs:
        a_hundred_callers_share_few_requests
        a_warm_call_costs_what_is_said
        a_group_costs_nothing_more
        callers_of_a_group_with_a_blank_share_its_look_up;
    trouble:
        an_ipam_that_is_gone_does_not_stop_the_start
        a_refusal_by_an_ipam_that_is_back_ends_its_trouble
        wrong_credentials_are_said
        check_says_that_all_is_well
        check_says_that_the_ipam_is_gone
        check_says_that_the_credentials_are_wrong
        check_names_the_missing_right;
    trace:
        check_traces_its_exchanges_without_secrets
        check_does_not_overwrite_a_trace;
    budget:
        every_call_is_answered_in_time
        other_subnets_go_on_while_one_waits;
}
