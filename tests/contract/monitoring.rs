//! Health and metrics.

use serde_json::json;

use crate::support::{Builder, Request, Response, Seed, Server, mac};

const SUBNET: &str = "10.0.0.0/24";

fn server() -> Server {
    Server::start(Seed::new().subnet(SUBNET))
}

fn metrics(server: &Server) -> String {
    let response = server.client().get("/metrics");
    assert_eq!(response.status, 200);
    response.text().to_owned()
}

/// The value of the series of this name with these labels, each such as `method="GET"`.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<u64> {
    let name = format!("foreman_ipam_proxy_{name}");
    let is_meant = |line: &&str| {
        let rest = line.strip_prefix(&name).filter(|rest| rest.starts_with(['{', ' ']));
        rest.is_some_and(|rest| labels.iter().all(|label| rest.contains(label)))
    };
    text.lines().find(is_meant)?.rsplit(' ').next()?.parse().ok()
}

#[test]
fn anybody_may_ask_for_health_and_learns_nothing_else() {
    let server = Builder::new(Seed::new().subnet(SUBNET)).trusted_hosts(&[]).start();
    let stranger = server.client_as(None);
    assert_eq!(stranger.get("/healthz").answer(), (200, json!({"alive": true})));
    let ready = json!({"ready": true, "holds": true, "ipam": true, "ledger": true});
    assert_eq!(stranger.get("/readyz").answer(), (200, ready));
    for target in ["/healthz", "/readyz"] {
        assert_eq!(stranger.head(target).status, 200);
        let refused = stranger.post(target);
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET")));
        assert_eq!(refused.error(), "Requested url does not know this method; use GET");
    }
}

#[test]
fn probes_and_scrapes_leave_no_line_in_a_log_of_level_info() {
    let server = server();
    for target in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.client().get(target).status, 200);
    }
    server.client().get("/version");
    server.log().line_with("Finished GET /version").expect("logged");
    let lines = server.log().lines();
    assert!(
        !lines.iter().any(|line| ["healthz", "readyz", "metrics"].iter().any(|path| line.contains(path))),
        "{lines:?}"
    );
}

#[test]
fn a_caller_that_accepts_open_metrics_gets_them() {
    let server = server();
    let accepting = |accept: &str| server.client().send(Request::new("GET", "/metrics").header("Accept", accept));
    let is_whole = |response: &Response| response.text().ends_with("# EOF\n");
    let open = accepting("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    assert_eq!(open.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(is_whole(&open));
    let plain = accepting("*/*");
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(!is_whole(&plain));
    assert_eq!(server.client().head("/metrics").status, 200);
    assert_eq!(server.client().post("/metrics").status, 405);
}

#[test]
fn what_callers_do_is_counted() {
    let server = server();
    let (foreman, curl) = (server.foreman(), server.curl());
    let address = foreman.create_host(SUBNET, Some(&mac(1)), None).expect("a host");
    foreman.next_ip(SUBNET, Some(&mac(2)), None).expect("an address");
    // Foreman is answered with a 200, and it is an error all the same.
    assert_eq!(server.client().get("/ipam/subnet/10.9.0.0/24").answer(), (200, json!({})));
    assert_eq!(curl.get("/ipam/subnet/10.9.0.0/24").status, 404);
    let text = metrics(&server);
    let requests = |labels: &[&str]| value(&text, "request_duration_seconds_count", labels);
    let subnet = r#"route="/ipam/subnet/{address}/{length}""#;
    assert_eq!(requests(&[r#"door="foreman""#, subnet, r#"method="GET""#, r#"outcome="4xx""#]), Some(2), "{text}");
    let of_address = r#"route="/ipam/subnet/{address}/{length}/{ip}""#;
    assert_eq!(requests(&[of_address, r#"method="POST""#, r#"outcome="2xx""#]), Some(1));
    let operation = |operation: &str| {
        value(&text, "ipam_operation_duration_seconds_count", &[operation, r#"ipam="internal""#, r#"outcome="done""#])
    };
    assert_eq!(operation(r#"operation="reserve""#), Some(1));
    assert_eq!(value(&text, "holds", &[r#"state="offered""#]), Some(1));
    assert_eq!(value(&text, "holds", &[r#"state="reserved""#]), Some(1));
    assert_eq!(value(&text, "candidates_fetched_total", &[]), Some(64));
    assert_eq!(value(&text, "ledger_records_total", &[r#"outcome="saved""#]), Some(1));
    assert_eq!(value(&text, "holds_writable", &[]), Some(1));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    let expiry = value(&text, "certificate_expiry_timestamp_seconds", &[r#"file="ssl_certificate""#]);
    assert!(expiry.is_some_and(|expiry| expiry > now), "{expiry:?}");
    for secret in [address.as_str(), &mac(1), SUBNET, "10.9.0.0", "example.com"] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}

#[test]
fn what_strangers_send_makes_no_series_of_its_own() {
    let server = server();
    let stranger = server.client_as(None);
    let series = |text: &str| text.lines().filter(|line| line.contains("_duration_seconds_count{door")).count();
    for number in 0..20 {
        stranger.send(Request::new("GET", &format!("/nosuch{number}")));
        stranger.send(Request::new(&format!("M{number}"), "/version"));
        stranger.get(&format!("/ipam/subnet/10.0.{number}.0/24"));
    }
    let text = metrics(&server);
    assert_eq!(series(&text), 3, "{text}");
    let unknown = [r#"door="other""#, r#"route="other""#, r#"outcome="4xx""#];
    assert_eq!(value(&text, "request_duration_seconds_count", &unknown), Some(20));
}

#[test]
fn without_https_no_certificate_is_named() {
    let server = Builder::new(Seed::new().subnet(SUBNET)).http_only().global("trusted_hosts: [localhost]").start();
    let response = server.http_client().get("/metrics");
    assert_eq!(response.status, 200);
    assert_eq!(value(response.text(), "certificate_expiry_timestamp_seconds", &[]), None);
}
