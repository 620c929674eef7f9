//! Nautobot 3.2.7. Its recordings are those of `tests/fixtures/nautobot/3.2.7`, but for two answers of `/api/status/`
//! with the list of what is installed, which nothing here asks for.

use std::path::{Path, PathBuf};

use ipam_simulators::Ipam;
use ipam_simulators::nautobot::Nautobot;
use ipam_simulators::replay::{differences, recordings};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/nautobot/3.2.7")
}

/// The server as it was before this request.
fn before(name: &str) -> Nautobot {
    let nautobot = Nautobot::recorded();
    let free = |address: [u8; 4]| nautobot.free("Global", address.into());
    match name {
        "create_min" => free([10, 1, 13, 10]),
        "create_status_id" | "delete_again" => free([10, 1, 13, 13]),
        "next_post_gateway_with_status_perm" => nautobot.grant(Nautobot::RECORDED_GATEWAY, "view extras.status"),
        _ => {}
    }
    nautobot
}

#[test]
fn every_recorded_exchange_is_answered_alike() {
    let mut found = Vec::new();
    for recording in recordings(&fixtures()) {
        let different = differences(&before(&recording.name), &recording);
        found.extend(different.into_iter().map(|difference| format!("{}: {difference}", recording.name)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Shapes do not show what a refusal says and which addresses are free; both matter.
#[test]
fn refusals_and_free_addresses_are_the_same_to_the_letter() {
    let mut compared = 0;
    for recording in recordings(&fixtures()) {
        let is_refusal = (400..500).contains(&recording.status) && !recording.body.is_string();
        if is_refusal || recording.name.starts_with("avail_") {
            let body = before(&recording.name).answer(&recording.request).body;
            let answer: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(answer, recording.body, "{}", recording.name);
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
}
