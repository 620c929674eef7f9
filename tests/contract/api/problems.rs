//! Failures as RFC 9457 has them, whatever fails.

use super::{code, id_of, seed};
use crate::support::server::Shared;
use crate::support::{Builder, Client, Request, Server};

static SERVER: Shared = Shared::new(|| Builder::new(seed()).with_api(&[]));

fn with_admin() -> (std::sync::Arc<Server>, Client) {
    let server = Server::shared(&SERVER);
    let name = format!("t-{}", uuid::Uuid::new_v4());
    let client = server.api(&server.token(&name, &["--role", "admin"]));
    (server, client)
}

#[test]
fn what_is_wrong_with_a_request_is_named() {
    let (_server, client) = with_admin();
    let subnet = id_of(&client, "10.1.0.0/24", Some("blue"));
    for (target, status, expected, field) in [
        ("/api/v1/nosuch", 404, "not_found", None),
        ("/api/v1/subnets/nosuch", 404, "not_found", None),
        ("/api/v1/subnets/%zz", 400, "invalid", Some("subnet")),
        ("/api/v1/subnets?grup=blue", 400, "invalid", Some("grup")),
        ("/api/v1/subnets?group=nosuch", 404, "not_found", None),
        ("/api/v1/subnets?group=", 400, "invalid", Some("group")),
        ("/api/v1/subnets?prefix=10.0.0.1/24", 400, "invalid", Some("prefix")),
        ("/api/v1/subnets?limit=0", 400, "invalid", Some("limit")),
        ("/api/v1/subnets?limit=1001", 400, "invalid", Some("limit")),
        ("/api/v1/subnets?limit=1&limit=2", 400, "invalid", Some("limit")),
        ("/api/v1/subnets?cursor=nosuch", 400, "invalid", Some("cursor")),
        ("/api/v1/holds?cursor=Z3JvdXBzIGJsdWU", 400, "invalid", Some("cursor")),
        ("/api/v1/subnets/SUBNET/addresses/nonsense", 400, "invalid", Some("address")),
        ("/api/v1/subnets/SUBNET/addresses/010.1.0.1", 400, "invalid", Some("address")),
        ("/api/v1/subnets/SUBNET/addresses/10.2.0.1", 422, "not_in_subnet", None),
        ("/api/v1/ledger?since=yesterday", 400, "invalid", Some("since")),
        ("/api/v1/ledger?address=10.0.0.1&host=a", 400, "invalid", Some("address")),
        ("/api/v1/ledger?mac=nonsense", 400, "invalid", Some("mac")),
        ("/api/v1/events?after=x", 400, "invalid", Some("after")),
    ] {
        let response = client.get(&target.replace("SUBNET", &subnet));
        assert_eq!((response.status, code(&response).as_str()), (status, expected), "{target}: {}", response.text());
        if let Some(field) = field {
            assert_eq!(response.json()["field"], field, "{target}");
        }
    }
}

#[test]
fn an_unknown_method_is_told_which_are_known() {
    let (_server, client) = with_admin();
    for (method, target, known) in [
        ("POST", "/api/v1/groups", "GET, HEAD"),
        ("PUT", "/api/v1/holds/x", "DELETE"),
        ("GET", "/api/v1/holds/x", "DELETE"),
        ("DELETE", "/api/v1/docs", "GET, HEAD"),
    ] {
        let response = client.send(Request::new(method, target).header("Content-Length", "0"));
        assert_eq!((response.status, code(&response).as_str()), (405, "method_not_allowed"), "{method} {target}");
        assert_eq!(response.header("allow"), Some(known), "{method} {target}");
    }
}

#[test]
fn bodies_that_are_too_long_and_requests_that_are_none_are_problems_too() {
    let (server, client) = with_admin();
    let subnet = id_of(&client, "10.1.0.0/24", Some("blue"));
    let address = client.get(&format!("/api/v1/subnets/{subnet}/addresses/10.1.0.9")).json()["id"].clone();
    let target = format!("/api/v1/holds/{}", address.as_str().expect("an id"));
    let long = "x".repeat(70_000);
    let request = Request::new("DELETE", &target).header("Content-Length", "70000").body(&long);
    let response = client.send(request);
    assert_eq!((response.status, code(&response).as_str()), (413, "too_large"));
    let mut connection = server.api_as(None).connect().expect("a connection");
    let response = connection.raw(b"GET /api/v1/groups HTTP/9.9\r\n\r\n", false).expect("an answer");
    assert_eq!(response.status, 400);
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.json()["code"], "invalid");
}

#[test]
fn the_document_and_its_page_are_for_everybody_and_need_no_other_host() {
    let (server, _) = with_admin();
    let client = server.api_as(None);
    let document = client.get("/api/v1/openapi.json");
    assert_eq!(document.status, 200);
    assert_eq!(document.json()["servers"][0]["url"], "/api/v1");
    let tag = document.header("etag").expect("a tag").to_owned();
    let again = client.send(Request::new("GET", "/api/v1/openapi.json").header("If-None-Match", &tag));
    assert_eq!((again.status, again.text()), (304, ""));
    let page = client.get("/api/v1/docs");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(!page.text().contains("<script") && !page.text().contains("src="), "it loads something");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    for name in ["x-frame-options", "referrer-policy", "x-content-type-options"] {
        assert!(page.header(name).is_some(), "{name}");
    }
}
