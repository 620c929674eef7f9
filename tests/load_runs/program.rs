//! The program as it is used for figures, with few hosts.

use clap::Parser;
use ipam_load::program::{Arguments, report};
use serde_json::{Value, json};

fn played(more: &[&str]) -> Value {
    let proxy = env!("CARGO_BIN_EXE_foreman-ipam-proxy");
    let usual = ["ipam-load", "--own-proxy", proxy, "--hosts", "80", "--callers", "8"];
    let arguments = Arguments::try_parse_from([&usual, more].concat()).expect("arguments that fit");
    let report = report(&arguments).unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_sound(), "{report}");
    serde_json::to_value(&report).expect("JSON")
}

fn assert_all_created(report: &Value) {
    let count = |of: &Value| of.as_u64().expect("a number");
    assert_eq!((count(&report["created"]), count(&report["failed"])), (80, 0), "{report}");
    assert_eq!(report["duplicate_count"], json!(0), "{report}");
    assert_eq!(report["duplicates"], json!([]), "{report}");
}

#[test]
fn a_run_over_its_own_proxy_kept_alive_is_reported() {
    let report = played(&["--plain", "--kept-alive", "--life", "reserved"]);
    assert_all_created(&report);
    assert_eq!(report["audit"]["standing"], json!(80), "{report}");
    assert_eq!(report["audit"]["records"], json!(80), "{report}");
    assert_eq!(report["ipam_requests"], Value::Null, "the embedded IPAM has none");
    let memory = report["server_usage"]["resident_mib"].as_f64().expect("a number");
    assert!(memory > 0.0, "{report}");
}

#[test]
fn a_run_over_tls_with_a_connection_for_each_call_is_reported() {
    let report = played(&["--without-mac", "50"]);
    assert_all_created(&report);
    for call in ["next_ip", "exists", "add"] {
        assert_eq!(report["calls"][call]["count"], json!(80), "{call}: {report}");
    }
    assert_eq!(report["audit"]["undeleted"], json!([]), "{report}");
}

#[test]
fn requests_to_a_simulated_ipam_are_counted() {
    let report = played(&["--ipam", "netbox", "--life", "offered", "--kept-alive", "--without-group"]);
    assert_all_created(&report);
    let (requests, subnets) = (report["ipam_requests"].as_u64(), report["subnets"].as_u64());
    assert!(requests >= subnets && requests < Some(80), "each subnet is asked for, and hosts share that: {report}");
}

#[test]
fn trouble_can_be_ordered() {
    let report = played(&["--trouble", "kill", "--rounds", "1", "--calm", "10", "--during", "16"]);
    assert!(report["failed"].as_u64() > Some(0), "{report}");
}
