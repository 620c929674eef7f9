//! Refusals: what is wrong, for people in front of Foreman, who see a text only inside a 200, and for scripts, which
//! look at status codes.

use serde_json::{Value, json};

use crate::support::{Builder, Request, Response, Seed, Server};

const FULL: &str = "10.2.0.0/30";

fn seed() -> Seed {
    Seed::new()
        .subnet("10.0.0.0/24")
        .reserved(None, "10.0.0.0/24", ["10.0.0.1"])
        .subnet(FULL)
        .reserved(None, FULL, ["10.2.0.1", "10.2.0.2"])
        .group("blue")
        .subnet_in("blue", "10.3.0.0/24")
        .group("red")
        .subnet_in("red", "10.3.0.0/24")
}

/// A call that fails.
struct Case {
    method: &'static str,
    target: &'static str,
    /// What scripts get.
    status: u16,
    /// How the text begins.
    text: &'static str,
    /// What Foreman is answered.
    for_foreman: ForForeman,
}

/// What Foreman is answered in place of a status code.
enum ForForeman {
    /// The text as an error.
    Error,
    /// `{}`: the subnet or group that it looks for is not there.
    Nothing,
    /// An object without an error: it looks for a subnet, and is to find out by its next call that the group is not there.
    Object,
}

const fn case(method: &'static str, target: &'static str, status: u16, text: &'static str) -> Case {
    Case { method, target, status, text, for_foreman: ForForeman::Error }
}

const fn lookup(target: &'static str, text: &'static str) -> Case {
    Case { method: "GET", target, status: 404, text, for_foreman: ForForeman::Nothing }
}

const fn lookup_in_no_group(target: &'static str) -> Case {
    Case { method: "GET", target, status: 404, text: NO_GROUP, for_foreman: ForForeman::Object }
}

const NO_SUBNET: &str = "Subnet not found in External IPAM";
const NO_GROUP: &str = "Group not found in External IPAM";

const CASES: &[Case] = &[
    // B29: the Ruby plugin answers 500 or 404, depending on route and provider.
    lookup("/ipam/subnet/10.9.0.0/24?group=", NO_SUBNET),
    lookup("/ipam/subnet/10.0.0.0/24?group=blue", NO_SUBNET),
    lookup_in_no_group("/ipam/subnet/10.0.0.0/24?group=Nope"),
    lookup("/ipam/groups/Nope", NO_GROUP),
    lookup_in_no_group("/ipam/group/Nope/subnet/10.3.0.0/24"),
    lookup("/ipam/group/blue/subnet/10.9.0.0/24", NO_SUBNET),
    case("GET", "/ipam/groups/Nope/subnets", 404, NO_GROUP),
    case("GET", "/ipam/subnet/10.9.0.0/24/next_ip?mac&group", 404, NO_SUBNET),
    case("GET", "/ipam/subnet/10.0.0.0/24/next_ip?mac&group=Nope", 404, NO_GROUP),
    case("GET", "/ipam/subnet/10.9.0.0/24/10.9.0.5?group=", 404, NO_SUBNET),
    case("GET", "/ipam/subnet/10.0.0.0/24/10.0.0.5?group=Nope", 404, NO_GROUP),
    case("POST", "/ipam/subnet/10.9.0.0/24/10.9.0.5?group=", 404, NO_SUBNET),
    case("POST", "/ipam/subnet/10.0.0.0/24/10.0.0.5?group=Nope", 404, NO_GROUP),
    // B10.
    case("GET", "/ipam/subnet/10.2.0.0/30/next_ip?mac=&group=", 404, "No free addresses found in 10.2.0.0/30"),
    case("POST", "/ipam/subnet/10.0.0.0/24/10.0.0.1?group=", 409, "IP address 10.0.0.1 is already reserved"),
    case("POST", "/ipam/subnet/10.0.0.0/24/10.0.0.0?group=", 400, "IP address 10.0.0.0 is the network, broadcast"),
    case("GET", "/ipam/subnet/10.3.0.0/24?group=", 409, "Subnet 10.3.0.0/24 is in External IPAM more than once"),
    case("GET", "/ipam/subnet/10.3.0.0/24/next_ip?mac&group", 409, "Subnet 10.3.0.0/24 is in External IPAM more"),
    case("DELETE", "/ipam/subnet/10.3.0.0/24/10.3.0.5?group=", 409, "Subnet 10.3.0.0/24 is in External IPAM more"),
    case("GET", "/ipam/subnet/10.0.0.0/24/next_ip?mac=zz", 400, "Mac address is invalid"),
    case("GET", "/ipam/subnet/10.0.0.5/24?group=", 400, "Network address 10.0.0.5 should be 10.0.0.0 with prefix 24"),
    case("GET", "/ipam/subnet/10.0.0.0/24/foo?group=", 400, "IP address is invalid"),
    case("POST", "/ipam/subnet/10.0.0.0/24/10.1.0.5?group=", 400, "IP 10.1.0.5 is not in 10.0.0.0/24"),
    case("DELETE", "/ipam/subnet/10.0.0.0/24/10.1.0.5?group=", 400, "IP 10.1.0.5 is not in 10.0.0.0/24"),
    // B17: to parameters like these the Ruby plugin answers with a page of its inner life.
    case("GET", "/ipam/subnet/10.0.0.0/24?group[]=x", 400, "Parameter group is given as a list"),
    case("GET", "/ipam/subnet/10.0.0.0/24?group[x]=y", 400, "Parameter group is given as a list"),
    case("GET", "/ipam/subnet/10.0.0.0/24?group%5B%5D=x", 400, "Parameter group is given as a list"),
    case("GET", "/ipam/subnet/10.0.0.0/24?group=blue&group=red", 400, "Parameter group is given as a list"),
    case("GET", "/ipam/subnet/10.0.0.0/24/next_ip?mac[]=02:00:00:00:00:01", 400, "Parameter mac is given as a list"),
    case("DELETE", "/ipam/holds/10.0.0.9?subnet=10.0.0.0/24", 404, "The address is not held"),
    case("DELETE", "/ipam/holds/10.0.0.9", 400, "Parameter subnet is missing"),
];

fn send(server: &Server, case: &Case, as_foreman: bool) -> Response {
    let request = match case.method {
        "POST" => Request::empty_post(case.target),
        method => Request::new(method, case.target),
    };
    if as_foreman { server.client().send(request) } else { server.curl().send(request) }
}

fn is_told_by_status(server: &Server, as_foreman: bool) {
    for case in CASES {
        let response = send(server, case, as_foreman);
        assert_eq!(response.status, case.status, "{} {}: {}", case.method, case.target, response.text());
        assert!(response.error().starts_with(case.text), "{} {}: {}", case.method, case.target, response.text());
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

fn is_told_to_foreman(server: &Server, as_foreman: bool) {
    for case in CASES {
        let response = send(server, case, as_foreman);
        assert_eq!(response.status, 200, "{} {}: {}", case.method, case.target, response.text());
        assert_eq!(response.header("content-type"), Some("application/json"));
        let call = format!("{} {}: {}", case.method, case.target, response.text());
        match case.for_foreman {
            ForForeman::Error => assert!(response.error().starts_with(case.text), "{call}"),
            ForForeman::Nothing => assert_eq!(response.json(), json!({}), "{call}"),
            ForForeman::Object => {
                let answer = response.json();
                assert!(answer["message"].as_str().is_some_and(|text| text.starts_with(case.text)), "{call}");
                assert_eq!(answer.get("error"), None, "{call}");
            }
        }
    }
}

#[test]
fn by_default_foreman_reads_texts_and_others_status_codes() {
    let server = Server::start(seed());
    is_told_to_foreman(&server, true);
    is_told_by_status(&server, false);
}

#[test]
fn in_foremans_style_everybody_reads_texts() {
    let server = Builder::new(seed()).ipam("error_style: foreman").start();
    is_told_to_foreman(&server, true);
    is_told_to_foreman(&server, false);
}

#[test]
fn in_http_style_everybody_reads_status_codes() {
    let server = Builder::new(seed()).ipam("error_style: http").start();
    is_told_by_status(&server, true);
    is_told_by_status(&server, false);
}

#[test]
fn a_caller_without_a_name_of_its_own_is_not_foreman() {
    let server = Server::start(seed());
    for agent in ["", "Rest-Client/2.1.0", "my rest-client/2.1.0", "restclient"] {
        let request = Request::new("GET", "/ipam/groups/Nope").header("User-Agent", agent);
        assert_eq!(server.client().send(request).status, 404, "{agent:?}");
    }
}

#[test]
fn an_exhausted_subnet_is_an_error_and_never_an_address() {
    // B10: the Ruby plugin says {"data": {"error": …}}, of which Foreman makes an address.
    let server = Server::start(seed());
    for query in ["?mac=02:00:00:00:00:01&group=", "?mac&group"] {
        let response = server.client().get(&format!("/ipam/subnet/{FULL}/next_ip{query}"));
        assert_eq!(response.status, 200);
        assert!(response.json().get("data").is_none(), "{}", response.text());
        assert!(response.error().starts_with("No free addresses found in 10.2.0.0/30"), "{}", response.text());
    }
}

#[test]
fn an_ambiguous_subnet_is_answered_with_the_groups_to_choose_from() {
    let server = Server::start(seed());
    let text = server.foreman().next_ip("10.3.0.0/24", None, None).expect_err("an error");
    assert!(text.ends_with("one of: blue, red"), "{text}");
}

#[test]
fn unknown_paths_are_not_found_in_json() {
    let server = Server::start(seed());
    for target in [
        "/",
        "/nosuch",
        "/v2",
        "/v2/version",
        "/v2/features/",
        "/features/",
        "/version/",
        "/ipam",
        "/ipam/",
        "/ipam/nosuch",
        "/ipam/groups/",
        "/ipam/groups/blue/",
        "/ipam/groups/blue/subnets/",
        "/ipam/groups//subnets",
        "/ipam/group//subnet/10.0.0.0/24",
        "/ipam/subnet",
        "/ipam/subnet/10.0.0.0",
        "/ipam/subnet/10.0.0.0/",
        "/ipam/subnet/10.0.0.0/24/",
        "/ipam/subnet/10.0.0.0%2F24",
        "/ipam/subnet/10.0.0.0/24/next_ip/",
        "/ipam/subnet/10.0.0.0/24/10.0.0.5/",
        "/ipam/subnet/10.0.0.0/24/10.0.0.5/foo",
        "//ipam/groups",
        "/IPAM/groups",
        "/ipam/../features",
    ] {
        for client in [server.client(), server.curl()] {
            let response = client.get(target);
            // Foreman falls back from /v2/features to /features on a 404 only, so it is a 404 to Foreman too.
            assert_eq!((response.status, response.error().as_str()), (404, "Requested url was not found"), "{target}");
            assert_eq!(response.header("content-type"), Some("application/json"), "{target}");
        }
    }
}

#[test]
fn unknown_methods_are_refused_with_those_that_are_known() {
    let server = Server::start(seed());
    for (method, target, known) in [
        ("POST", "/features", "GET"),
        ("DELETE", "/v2/features", "GET"),
        ("PUT", "/version", "GET"),
        ("POST", "/logs/", "GET"),
        ("DELETE", "/ipam/groups", "GET"),
        ("OPTIONS", "/ipam/groups", "GET"),
        ("TRACE", "/ipam/groups", "GET"),
        ("FOO", "/ipam/groups", "GET"),
        ("PATCH", "/ipam/groups/blue", "GET"),
        ("POST", "/ipam/groups/blue/subnets", "GET"),
        ("POST", "/ipam/subnet/10.0.0.0/24", "GET"),
        ("POST", "/ipam/subnet/10.0.0.0/24/next_ip", "GET"),
        ("DELETE", "/ipam/subnet/10.0.0.0/24/next_ip", "GET"),
        ("PUT", "/ipam/subnet/10.0.0.0/24/10.0.0.5", "GET, POST, DELETE"),
        ("POST", "/ipam/holds", "GET"),
        ("GET", "/ipam/candidates", "DELETE"),
        ("GET", "/ipam/holds/10.0.0.5", "DELETE"),
    ] {
        let response = server.client().send(Request::new(method, target).header("Content-Length", "0"));
        assert_eq!(response.status, 405, "{method} {target}");
        assert_eq!(response.header("allow"), Some(known), "{method} {target}");
        assert!(response.error().contains(known), "{method} {target}: {}", response.text());
    }
}

#[test]
fn errors_say_nothing_of_the_inner_life() {
    // B17, B18: the pages of the Ruby proxy contain its log, its paths and its environment.
    let server = Server::start(seed());
    for case in CASES {
        let response = send(&server, case, false);
        let text = response.text();
        assert!(text.len() < 400, "{text}");
        for inner in ["sqlite", "SELECT", ".rs", "panicked", "foreman_ipam_proxy", "ipam_provider"] {
            assert!(!text.contains(inner), "{} {}: {text}", case.method, case.target);
        }
    }
}

#[test]
fn an_error_is_answered_to_head_without_a_body() {
    let server = Server::start(seed());
    let response = server.curl().head("/ipam/subnet/10.9.0.0/24/next_ip");
    assert_eq!((response.status, response.text()), (404, ""));
}

#[test]
fn failures_that_are_the_callers_are_no_trouble_of_the_module() {
    let server = Server::start(seed());
    for case in CASES {
        send(&server, case, true);
    }
    assert_eq!(server.client().get("/logs/").json()["info"]["failed_modules"], Value::Object(serde_json::Map::new()));
}
