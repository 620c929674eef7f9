//! Who may call what. The Ruby plugin lets everybody who reaches the port read and write (B18); here every route but
//! `/features`, `/version` and those of health wants a certificate, and a trusted name where names are listed.

use std::sync::Arc;

use serde_json::json;

use crate::support::server::Shared;
use crate::support::{Builder, Client, Identity, Request, Response, Seed, Server, identities};

const SUBNET: &str = "10.0.0.0/24";

/// Every route with a method that it knows.
const GUARDED: &[(&str, &str)] = &[
    ("GET", "/v2/features"),
    ("HEAD", "/v2/features"),
    ("GET", "/logs"),
    ("GET", "/logs/?from_timestamp=0"),
    ("GET", "/ipam/groups"),
    ("HEAD", "/ipam/groups"),
    ("GET", "/ipam/groups/blue"),
    ("GET", "/ipam/groups/blue/subnets"),
    ("GET", "/ipam/group/blue/subnet/10.1.0.0/24"),
    ("GET", "/ipam/subnet/10.0.0.0/24?group="),
    ("GET", "/ipam/subnet/10.0.0.0/24/next_ip?mac=02:00:00:00:00:01&group="),
    ("HEAD", "/ipam/subnet/10.0.0.0/24/next_ip?mac=02:00:00:00:00:02&group="),
    ("GET", "/ipam/subnet/10.0.0.0/24/10.0.0.9?group="),
    ("POST", "/ipam/subnet/10.0.0.0/24/10.0.0.9?group="),
    ("DELETE", "/ipam/subnet/10.0.0.0/24/10.0.0.9?group="),
    ("GET", "/ipam/holds"),
    ("GET", "/metrics"),
    ("HEAD", "/metrics"),
    ("DELETE", "/ipam/holds/10.0.0.1?subnet=10.0.0.0/24"),
];

const OPEN: &[(&str, &str)] = &[
    ("GET", "/features"),
    ("HEAD", "/features"),
    ("GET", "/version"),
    ("HEAD", "/version"),
    ("GET", "/healthz"),
    ("HEAD", "/healthz"),
    ("GET", "/readyz"),
    ("HEAD", "/readyz"),
];

fn seed() -> Seed {
    Seed::new().subnet(SUBNET).group("blue").subnet_in("blue", "10.1.0.0/24")
}

static WITH_LIST: Shared =
    Shared::new(|| Builder::new(seed()).trusted_hosts(&["foreman.example.com", "capsule.example.com"]));
static WITHOUT_LIST: Shared = Shared::new(|| Builder::new(seed()));
static TRUSTS_NOBODY: Shared = Shared::new(|| Builder::new(seed()).trusted_hosts(&[]));

fn send(client: &Client, method: &str, target: &str) -> Response {
    let request = if method == "POST" { Request::empty_post(target) } else { Request::new(method, target) };
    client.send(request)
}

/// Every guarded route answers 403 with this text, in which `PATH` stands for the path below the Ruby module's mount.
fn all_refused(server: &Server, identity: Option<&Identity>, text: &str) {
    for client in [server.client_as(identity), server.client_as(identity).like_curl()] {
        for (method, target) in GUARDED {
            let response = send(&client, method, target);
            assert_eq!(response.status, 403, "{method} {target}");
            assert_eq!(response.header("content-type"), Some("application/json"), "{method} {target}");
            if *method != "HEAD" {
                assert_eq!(response.error(), text.replace("PATH", below_mount(target)), "{method} {target}");
            }
        }
        all_open(&client);
    }
    has_no_trace(server);
}

fn below_mount(target: &str) -> &str {
    match target {
        "/v2/features" => "/features",
        "/logs" | "/logs/?from_timestamp=0" => "/",
        other => other.split('?').next().expect("a path"),
    }
}

fn all_open(client: &Client) {
    for (method, target) in OPEN {
        assert_eq!(send(client, method, target).status, 200, "{method} {target}");
    }
}

/// Neither a hold nor a reservation.
fn has_no_trace(server: &Server) {
    let log = server.log().lines();
    assert!(!log.iter().any(|line| line.contains("panicked")), "{log:?}");
    if server.client().get("/ipam/holds").status == 200 {
        assert_eq!(server.client().get("/ipam/holds").json(), json!({"holds": []}));
        assert_eq!(server.client().get("/ipam/subnet/10.0.0.0/24/10.0.0.9").json(), json!(false));
    }
}

/// Every guarded route answers 2xx, on a server of its own, because the calls change it.
fn all_answered(builder: Builder, identity: &Identity) {
    let server = builder.start();
    let client = server.client_as(Some(identity));
    for (method, target) in GUARDED {
        let response = send(&client, method, target);
        assert!((200..300).contains(&response.status), "{method} {target}: {} {}", response.status, response.text());
        if *target != "/metrics" {
            assert_eq!(response.header("content-type"), Some("application/json"), "{method} {target}");
        }
    }
    all_open(&client);
}

#[test]
fn without_a_certificate_only_features_version_and_health_answer() {
    let server: Arc<Server> = Server::shared(&WITHOUT_LIST);
    all_refused(&server, None, "No client SSL certificate supplied");
}

#[test]
fn without_a_certificate_no_name_can_be_on_the_list() {
    all_refused(&Server::shared(&WITH_LIST), None, "could not read client cert from environment");
}

#[test]
fn a_certificate_with_another_name_is_refused() {
    all_refused(
        &Server::shared(&WITH_LIST),
        Some(&identities().other),
        "Untrusted client other.example.com attempted to access PATH. Check :trusted_hosts: in settings.yml",
    );
}

#[test]
fn the_log_names_the_address_of_a_refused_caller_which_the_caller_is_not_told() {
    let server = Builder::new(seed()).trusted_hosts(&["foreman.example.com"]).start();
    let path = "/ipam/groups";
    let text =
        format!("Untrusted client other.example.com attempted to access {path}. Check :trusted_hosts: in settings.yml");
    assert_eq!(server.client_as(Some(&identities().other)).get(path).error(), text);
    let line = server.log().line_with(&text).expect("logged");
    assert!(line.ends_with(&format!("[W] {text} (from 127.0.0.1)")), "{line}");
    assert_eq!(server.client_as(None).get(path).status, 403);
    let line = server.log().line_with("could not read client cert from environment").expect("logged");
    assert!(line.contains("[I]") && line.ends_with(" (from 127.0.0.1)"), "{line}");
}

#[test]
fn a_certificate_without_a_name_is_refused_where_names_are_listed() {
    all_refused(
        &Server::shared(&WITH_LIST),
        Some(&identities().nameless),
        "could not read CN from the client certificate",
    );
}

#[test]
fn an_empty_list_trusts_nobody() {
    let server = Server::shared(&TRUSTS_NOBODY);
    all_refused(&server, None, "could not read client cert from environment");
    all_refused(
        &server,
        Some(&identities().foreman),
        "Untrusted client foreman.example.com attempted to access PATH. Check :trusted_hosts: in settings.yml",
    );
}

#[test]
fn a_certificate_of_another_authority_gets_no_connection() {
    for server in [Server::shared(&WITH_LIST), Server::shared(&WITHOUT_LIST)] {
        let stranger = server.client_as(Some(&identities().stranger));
        for (method, target) in GUARDED.iter().chain(OPEN) {
            let outcome = stranger.try_send(Request::new(method, target));
            assert!(outcome.is_err(), "{method} {target}: {outcome:?}");
        }
        assert_eq!(server.client_as(None).get("/features").status, 200, "the server lives on");
        has_no_trace(&server);
    }
}

#[test]
fn foreman_is_answered_on_every_route() {
    all_answered(Builder::new(seed()).trusted_hosts(&["foreman.example.com"]), &identities().foreman);
}

#[test]
fn names_are_compared_without_case() {
    all_answered(Builder::new(seed()).trusted_hosts(&["foreman.example.com"]), &identities().upper_case);
    all_answered(Builder::new(seed()).trusted_hosts(&["FOREMAN.EXAMPLE.COM"]), &identities().foreman);
}

#[test]
fn an_alternative_name_is_as_good_as_the_common_name() {
    all_answered(Builder::new(seed()).trusted_hosts(&["foreman.example.com"]), &identities().alternative);
}

#[test]
fn without_a_list_every_client_of_the_authority_is_trusted() {
    for identity in [&identities().other, &identities().nameless] {
        all_answered(Builder::new(seed()), identity);
    }
}

/// Requests that are wrong in themselves.
const WRONG: &[&str] = &[
    "/ipam/subnet/10.0.0.0/24/next_ip?mac=nonsense",
    "/ipam/subnet/10.0.0.5/24",
    "/ipam/subnet/10.9.0.0/24",
    "/ipam/subnet/10.0.0.0/24/nonsense",
    "/ipam/groups/nosuch",
    "/ipam/groups/%zz",
    "/ipam/subnet/10.0.0.0/24?group[]=x",
    "/logs/?from_timestamp=nonsense",
];

fn learns_nothing(client: &Client) {
    for target in WRONG {
        assert_eq!(client.get(target).status, 403, "{target}");
    }
    assert_eq!(client.delete("/ipam/holds/nonsense").status, 403);
}

#[test]
fn a_refused_caller_learns_nothing_about_its_request() {
    let server = Server::shared(&WITH_LIST);
    for identity in [None, Some(&identities().other)] {
        learns_nothing(&server.client_as(identity));
    }
}

#[test]
fn a_refused_caller_on_plain_http_learns_nothing_about_its_request() {
    let server = Builder::new(seed()).with_http().trusted_hosts(&["foreman.example.com"]).start();
    learns_nothing(&server.http_client());
}

#[test]
fn an_unknown_path_is_not_found_whoever_asks() {
    let server = Server::shared(&WITH_LIST);
    for identity in [None, Some(&identities().other), Some(&identities().foreman)] {
        let response = server.client_as(identity).get("/nosuch");
        assert_eq!((response.status, response.error().as_str()), (404, "Requested url was not found"));
    }
}

#[test]
fn plain_http_without_a_list_is_open_to_nobody() {
    let server = Builder::new(seed()).with_http().start();
    let client = server.http_client();
    for (method, target) in GUARDED {
        assert_eq!(send(&client, method, target).status, 403, "{method} {target}");
    }
    all_open(&client);
    has_no_trace(&server);
}

#[test]
fn plain_http_from_a_host_that_is_not_listed_is_refused() {
    let server = Builder::new(seed()).with_http().trusted_hosts(&["foreman.example.com"]).start();
    let client = server.http_client();
    for (method, target) in GUARDED {
        assert_eq!(send(&client, method, target).status, 403, "{method} {target}");
    }
    all_open(&client);
    has_no_trace(&server);
}

#[test]
fn plain_http_from_a_listed_host_is_answered() {
    let server = Builder::new(seed()).http_only().trusted_hosts(&["localhost"]).start();
    let response = server.http_client().get("/ipam/subnet/10.0.0.0/24/next_ip?mac&group");
    assert_eq!(response.answer(), (200, json!({"data": "10.0.0.1"})));
}

#[test]
fn a_module_that_is_for_https_only_is_not_on_plain_http() {
    let server =
        Builder::new(seed()).with_http().ipam("enabled: https").trusted_hosts(&["localhost", "foreman.example.com"]);
    let server = server.start();
    assert_eq!(server.http_client().get("/ipam/subnet/10.0.0.0/24").status, 404);
    assert_eq!(server.client().get("/ipam/subnet/10.0.0.0/24").status, 200);
    assert_eq!(server.http_client().get("/features").status, 200);
}
