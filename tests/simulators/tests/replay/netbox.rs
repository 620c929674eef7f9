//! NetBox 4.6.8.
//!
//! Each recording is asked of a server of its own, filled as the recorded one was, so that values can be compared and
//! not only shapes: how many rows, which ones, and the words of every refusal.

use std::path::Path;

use ipam_simulators::netbox::{Netbox, Trouble};
use ipam_simulators::replay::{Recording, differences, recordings};
use ipam_simulators::{Ipam, Response};
use serde_json::{Value, json};

/// So many recordings are asked again.
const AT_LEAST: usize = 400;

/// What was asked before, where the answer depends on it. Ids of new addresses count from 17.
const BEFORE: &[(&str, &[&str])] = &[
    ("constrained_delete_own", &["legacy_add", "constrained_post_ok"]),
    ("create_dup_other_mask", &["create_min"]),
    ("create_dup_same", &["create_min"]),
    ("create_list_one_dup", &["create_list"]),
    ("create_list_same_twice_check", &["create_list_same_twice"]),
    ("create_v6_dup_form", &["create_v6"]),
    ("create_vrf_id_dup", &["create_vrf_id"]),
    ("delete_again", &["legacy_add", "legacy_add_group", "create_min", "create_full", "delete_ok"]),
    (
        "delete_gateway_user",
        &[
            "create_min",
            "create_min",
            "create_list",
            "create_nat_outside_0",
            "create_v6",
            "create_no_mask",
            "create_wrong_mask",
        ],
    ),
    ("delete_ifmatch_stale", &["legacy_add", "legacy_add_group", "create_min", "create_full"]),
    ("delete_ok", &["legacy_add", "legacy_add_group", "create_min", "create_full"]),
    ("delete_with_message", &["create_min", "create_list", "create_nat_outside_0", "create_v6", "create_no_mask"]),
    ("dup_role_anycast_2", &["dup_role_anycast_1"]),
    ("dup_role_anycast_plain", &["dup_role_anycast_1"]),
    ("ip_before_patch", &["legacy_add", "legacy_add_group", "create_min", "create_full"]),
    ("ip_by_cf_mac_found", &["constrained_post_ok", "legacy_add", "ip_create_with_tag2"]),
    ("ip_by_tag", &["constrained_post_ok", "legacy_add", "ip_create_with_tag2"]),
    ("legacy_add_again", &["legacy_add"]),
    ("legacy_delete", &["legacy_add", "legacy_add_group"]),
    ("legacy_delete_global", &["legacy_add"]),
    ("legacy_delete_lookup_group", &["legacy_add", "legacy_add_group"]),
    (
        "maintenance_post_available",
        &["next_post_address_given", "next_post_vrf_given", "next_post_prefix_length", "next_post_gateway"],
    ),
    ("maxpage0_avail0", &["maintenance_delete", "delete_assigned"]),
    ("maxpage0_avail1000", &["maintenance_delete", "delete_assigned"]),
    ("maxpage20_avail0", &["maintenance_delete", "delete_assigned"]),
    ("maxpage20_avail1000", &["maintenance_delete", "delete_assigned"]),
    ("next_post_fields", &["next_post_empty_obj"]),
    ("next_post_gateway", &["next_post_address_given", "next_post_vrf_given", "next_post_prefix_length"]),
    ("next_post_no_body", &["next_post_empty_obj", "next_post_fields"]),
    ("next_post_prefix_length", &["next_post_address_given", "next_post_vrf_given"]),
    ("next_post_vrf_given", &["next_post_address_given"]),
    ("next_post_full", &["next_post_list2", "next_post_list2", "next_post_list2"]),
    ("next_post_list_too_many", &["next_post_list2", "next_post_list2"]),
    ("unique_off_query", &["create_min", "unique_off_create_dup"]),
];

/// Recordings whose values are of a server that had more in it by then; their shapes are compared.
const OTHER_CONTENTS: &[(&str, &str)] = &[
    ("avail_container_counts_all_vrfs", "an address of another VRF had been added"),
    ("bad_json", "the place of the fault in the JSON is not said"),
    ("create_list_same_twice_check", "ids are later ones"),
    ("maint_enforced_avail", "an address had been deleted"),
    ("unique_off_query", "ids are later ones"),
    ("vrf_delete_with_prefixes", "all the dependent records are listed"),
];

/// Recorded exchanges that are not among the fixtures, and why they are not asked again.
const NOT_ASKED_AGAIN: &[(&[&str], &str)] = &[
    (
        &["patch_", "put_missing", "maintenance_patch", "unique_on_patch_existing_dup"],
        "addresses are not changed over the simulator's API",
    ),
    (
        &[
            "cf_required_",
            "ip_create_with_tag.",
            "prefix_hostbits_create",
            "unique_off_prefix_dup",
            "unique_on_prefix_dup",
        ],
        "custom fields, tags and prefixes are not made over the simulator's API",
    ),
    (&["vrf_null_name_create", "vrf_space_name_create"], "VRFs are not made over the simulator's API"),
    (&["custom_validator_", "protection_rule_delete"], "rules that a site writes in Python are not simulated"),
    (&["api_root", "authentication_check", "options_"], "what describes the API is not simulated"),
    (
        &["changelog_", "interfaces_by_mac", "mac_addresses", "available_prefixes"],
        "other parts of NetBox are not simulated",
    ),
    (&["after_client_timeout_"], "the broken-off request before is not recorded"),
    (&["unique_on_delete_existing_dup"], "the duplicate is from another configuration of the server"),
    (&["next_post_string"], "the recording does not tell a JSON text from bytes that are none"),
    (&["post_bad_utf8"], "the bytes are lost in the recording"),
];

/// The server that a recording was made of: most of one as it was filled, some of one with another configuration.
fn server(name: &str) -> Netbox {
    let netbox = Netbox::recorded();
    let beginnings = [
        ("pg_down", Trouble::DatabaseDown),
        ("pg_readonly", Trouble::DatabaseReadOnly),
        ("redis_down", Trouble::RedisDown),
        ("maint_enforced", Trouble::Maintenance),
    ];
    if let Some((_, trouble)) = beginnings.into_iter().find(|(beginning, _)| name.starts_with(beginning)) {
        netbox.set_trouble(Some(trouble));
    }
    match name {
        _ if name.starts_with("maxpage0") => netbox.with_pages_of_at_most(0),
        _ if name.starts_with("maxpage20") => netbox.with_pages_of_at_most(20),
        "unique_off_prefix_query" => {
            netbox.add_prefix("10.1.14.0/30", None);
            netbox
        }
        _ if name.starts_with("unique_off") => netbox.without_uniqueness(),
        "ip_by_tag" | "ip_by_cf_mac_found" | "ip_create_with_tag2" => {
            netbox.add_tag("foreman");
            netbox
        }
        "create_missing_required_cf" | "next_missing_required_cf" => {
            netbox.require_custom_field("owner_team");
            netbox
        }
        _ => netbox,
    }
}

/// How the values differ; empty when they do not. Recorded lists may be cut short, with a text for what
/// is left out.
fn other_values(recording: &Recording, answer: &Response) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, recorded: Value, simulated: Value| {
        if recorded != simulated {
            found.push(format!("{what} is {simulated} instead of {recorded}"));
        }
    };
    let simulated: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let recorded = &recording.body;
    if (400..500).contains(&recording.status) && !recorded.is_string() {
        same("the refusal", recorded.clone(), simulated);
    } else if let Some(rows) = recorded["results"].as_array() {
        let rows: Vec<Value> = rows.iter().filter(|row| row.is_object()).cloned().collect();
        let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Value>();
        let empty = Vec::new();
        let shown = simulated["results"].as_array().unwrap_or(&empty);
        same("count", recorded["count"].clone(), simulated["count"].clone());
        same("the rows", ids(&rows), ids(&shown[..rows.len().min(shown.len())]));
    } else if recording.request.method == "GET" && recording.request.path.ends_with("/available-ips/") {
        let addresses = |rows: &Value| -> Vec<Value> {
            rows.as_array().into_iter().flatten().map(|row| row["address"].clone()).filter(|ip| !ip.is_null()).collect()
        };
        let (recorded, simulated) = (addresses(recorded), addresses(&simulated));
        same("the list", json!(recorded), json!(simulated[..recorded.len().min(simulated.len())]));
    } else if recording.request.method == "POST" {
        for field in ["address", "dns_name", "description", "vrf", "status", "role", "custom_fields"] {
            let name = |value: &Value| value.get("name").unwrap_or(value).clone();
            same(field, name(&recorded[field]), name(&simulated[field]));
        }
    }
    found
}

#[test]
fn the_simulator_answers_as_the_recorded_server_did() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/netbox/4.6.8");
    let recordings = recordings(&directory);
    assert!(recordings.len() >= AT_LEAST, "{} recordings", recordings.len());
    let mut failed = Vec::new();
    for recording in &recordings {
        let ask_before = || {
            let netbox = server(&recording.name);
            let before = BEFORE.iter().find(|(name, _)| *name == recording.name).map_or(&[][..], |(_, before)| before);
            for earlier in before {
                let earlier = recordings.iter().find(|recording| recording.name == *earlier);
                netbox.answer(&earlier.expect("only what is there was asked before").request);
            }
            netbox
        };
        let mut found = differences(&ask_before(), recording);
        if !OTHER_CONTENTS.iter().any(|(name, _)| *name == recording.name) {
            found.extend(other_values(recording, &ask_before().answer(&recording.request)));
        }
        if !found.is_empty() {
            failed.push(format!("{}: {}", recording.name, found.join("; ")));
        }
    }
    assert!(failed.is_empty(), "{} of {} differ:\n{}", failed.len(), recordings.len(), failed.join("\n"));
}

#[test]
fn what_is_not_asked_again_is_no_fixture() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/netbox/4.6.8");
    for recording in recordings(&directory) {
        let file = format!("{}.json", recording.name);
        let left_out = NOT_ASKED_AGAIN.iter().find(|(names, _)| names.iter().any(|name| file.starts_with(name)));
        assert!(left_out.is_none(), "{file} is a fixture although {}", left_out.map_or("", |(_, reason)| reason));
    }
}
