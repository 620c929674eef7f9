//! Who may do what.

use jiff::{SignedDuration, Timestamp};

use super::{code, column, id_of, items, pause, seed};
use crate::support::{Builder, Client, Request, Server, identities};

const LISTED: &str = "certificates: [{ name: other.example.com, role: operator }, { name: node7.example.com, role: reader, groups: [red] }]";

/// Each route with the role that it needs; `SUBNET` stands for the id of a subnet of the group blue, `HOLD` for that of an
/// address in it that is not held.
const ROUTES: &[(&str, &str, Role)] = &[
    ("GET", "/api/v1/status", Role::Reader),
    ("HEAD", "/api/v1/status", Role::Reader),
    ("GET", "/api/v1/groups", Role::Reader),
    ("GET", "/api/v1/subnets", Role::Reader),
    ("GET", "/api/v1/subnets?group=blue", Role::Reader),
    ("GET", "/api/v1/subnets/SUBNET", Role::Reader),
    ("GET", "/api/v1/subnets/SUBNET/addresses", Role::Reader),
    ("GET", "/api/v1/subnets/SUBNET/addresses/10.1.0.1", Role::Reader),
    ("GET", "/api/v1/holds", Role::Reader),
    ("GET", "/api/v1/ledger", Role::Reader),
    ("GET", "/api/v1/ledger?group=blue", Role::Reader),
    ("GET", "/api/v1/events", Role::Reader),
    ("DELETE", "/api/v1/holds/HOLD", Role::Operator),
    ("POST", "/api/v1/allocations", Role::Operator),
    ("GET", "/api/v1/allocations/HOLD", Role::Reader),
    ("DELETE", "/api/v1/allocations/HOLD", Role::Operator),
    ("POST", "/api/v1/subnets", Role::Admin),
    ("DELETE", "/api/v1/subnets/SUBNET", Role::Admin),
];

/// What names the group blue, which a caller that is limited to another one may not.
const OF_BLUE: &[&str] = &["SUBNET", "group=blue", "HOLD"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Reader,
    Operator,
    Admin,
}

struct Site {
    server: Server,
    subnet: String,
    hold: String,
}

impl Site {
    fn start() -> Self {
        let server = Builder::new(seed()).with_api(&[LISTED]).start();
        let admin = server.api(&server.token("first", &["--role", "admin"]));
        let subnet = id_of(&admin, "10.1.0.0/24", Some("blue"));
        let address = admin.get(&format!("/api/v1/subnets/{subnet}/addresses/10.1.0.9")).json();
        let hold = address["id"].as_str().expect("an id").to_owned();
        Self { server, subnet, hold }
    }

    fn requests(&self) -> impl Iterator<Item = (Request, String, Role)> {
        ROUTES.iter().map(|(method, target, role)| {
            let filled = target.replace("SUBNET", &self.subnet).replace("HOLD", &self.hold);
            (Request::new(method, &filled), format!("{method} {target}"), *role)
        })
    }

    /// Every route answers with this status and this code, whatever it needs.
    fn refuses(&self, client: &Client, status: u16, expected: &str) {
        for (request, name, _) in self.requests() {
            let response = client.send(request);
            assert_eq!(response.status, status, "{name}: {}", response.text());
            if !name.starts_with("HEAD") {
                assert_eq!(code(&response), expected, "{name}");
            }
            assert_eq!(response.header("www-authenticate").is_some(), status == 401, "{name}");
        }
    }

    /// Every route answers as a caller with this role is to be answered.
    fn answers(&self, client: &Client, own: Role) {
        for (request, name, needed) in self.requests() {
            let response = client.send(request);
            if own < needed {
                assert_eq!((response.status, code(&response).as_str()), (403, "forbidden"), "{name}");
                continue;
            }
            // Nothing is held, and not every IPAM lists its addresses.
            let is_right = match response.status {
                200 => true,
                404 => name.contains("HOLD"),
                501 => name.ends_with("/addresses"),
                // What is sent has no body, and the subnet has an address.
                415 => name.starts_with("POST"),
                204 => name.contains("allocations"),
                409 => name.starts_with("DELETE /api/v1/subnets"),
                _ => false,
            };
            assert!(is_right, "{name}: {} {}", response.status, response.text());
        }
    }
}

#[test]
fn every_route_is_answered_as_the_caller_may_be() {
    let site = Site::start();
    let server = &site.server;
    site.refuses(&server.api_as(None), 401, "unauthorised");
    for wrong in ["fip_", "geheim", "fip_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""] {
        site.refuses(&server.api(wrong), 401, "unauthorised");
    }
    let soon = Timestamp::now() + SignedDuration::from_secs(2);
    let expiring = server.token("expiring", &["--role", "admin", "--expires", &soon.to_string()]);
    let revoked = server.token("revoked", &["--role", "admin"]);
    assert_eq!(server.api(&revoked).get("/api/v1/status").status, 200);
    server.run(&["token", "revoke", "revoked"]);
    site.refuses(&server.api(&revoked), 401, "unauthorised");
    for (name, role) in [("reader", Role::Reader), ("operator", Role::Operator), ("admin", Role::Admin)] {
        let token = server.token(name, &["--role", name]);
        site.answers(&server.api(&token), role);
        // A token decides, whatever certificate comes with it.
        site.answers(&server.api_as(Some(&identities().foreman)).with_token(&token), role);
        site.answers(&server.api_as(Some(&identities().other)).with_token(&token), role);
    }
    site.refuses(&server.api_as(Some(&identities().foreman)), 403, "forbidden");
    site.refuses(&server.api_as(Some(&identities().nameless)), 403, "forbidden");
    site.answers(&server.api_as(Some(&identities().other)), Role::Operator);
    // It was right once, and shows no certificate in place of it.
    site.refuses(&server.api_as(Some(&identities().other)).with_token(&revoked), 401, "unauthorised");
    let stranger = server.api_as(Some(&identities().stranger));
    assert!(stranger.try_send(Request::new("GET", "/api/v1/status")).is_err());
    while Timestamp::now() < soon {
        pause(0.1);
    }
    site.refuses(&server.api(&expiring), 401, "unauthorised");
    let detail = server.api(&expiring).get("/api/v1/status").json()["detail"].clone();
    assert_eq!(detail, "The token expiring has expired; make another one");
}

#[test]
fn a_caller_of_one_group_sees_and_changes_only_that() {
    let site = Site::start();
    let server = &site.server;
    // Foreman holds an address in each place, and the ledger has an entry of each.
    for group in ["blue", "red", ""] {
        let prefix = if group.is_empty() { "10.0.0.0/24" } else { "10.1.0.0/24" };
        let next = server.client().get(&format!("/ipam/subnet/{prefix}/next_ip?mac=02:00:00:00:00:01&group={group}"));
        let address = next.json()["data"].as_str().expect("an address").to_owned();
        assert_eq!(server.client().post(&format!("/ipam/subnet/{prefix}/{address}?group={group}")).status, 201);
    }
    let red = server.token("red", &["--role", "admin", "--group", "red"]);
    let certificate = server.api_as(Some(&identities().alternative));
    for client in [server.api(&red), certificate] {
        for (request, name, _) in site.requests() {
            if OF_BLUE.iter().any(|part| name.contains(part)) {
                let response = client.send(request);
                assert_eq!((response.status, code(&response).as_str()), (403, "forbidden"), "{name}");
            }
        }
        assert_eq!(column(&client.get("/api/v1/groups"), "name"), ["red"]);
        assert_eq!(column(&client.get("/api/v1/subnets"), "group"), ["red"]);
        assert_eq!(column(&client.get("/api/v1/subnets?prefix=10.1.0.0/24"), "group"), ["red"]);
        assert_eq!(items(&client.get("/api/v1/subnets?prefix=10.0.0.0/24")), [] as [serde_json::Value; 0]);
        assert_eq!(column(&client.get("/api/v1/holds"), "group"), ["red"]);
        assert_eq!(column(&client.get("/api/v1/ledger"), "group"), ["red"]);
        assert_eq!(column(&client.get("/api/v1/events"), "group"), ["red"]);
        let own = id_of(&client, "10.1.0.0/24", Some("red"));
        assert_eq!(client.get(&format!("/api/v1/subnets/{own}")).status, 200);
    }
    let several = server.token("several", &["--role", "reader", "--group", "red", "--group", "blue"]);
    assert_eq!(column(&server.api(&several).get("/api/v1/ledger"), "group"), ["blue", "red"]);
    // A subnet outside of groups is nobody's group.
    let admin = server.api(&server.token("all", &["--role", "admin"]));
    let global = id_of(&admin, "10.0.0.0/24", None);
    assert_eq!(code(&server.api(&several).get(&format!("/api/v1/subnets/{global}"))), "forbidden");
}

#[test]
fn what_opens_the_one_opens_nothing_of_the_other() {
    let site = Site::start();
    let server = &site.server;
    let token = server.token("admin", &["--role", "admin"]);
    let foreman = ["/ipam/groups", "/ipam/holds", "/v2/features", "/logs", "/ipam/subnet/10.0.0.0/24/next_ip"];
    let without_certificate = server.client_as(None).like_curl().with_token(&token);
    for target in foreman {
        assert_eq!(without_certificate.get(target).status, 403, "{target}");
    }
    // Nor is either on the other's listener.
    for target in foreman.into_iter().chain(["/features", "/version", "/", "/api", "/api/v1", "/api/v2/groups", "*"]) {
        let response = server.api(&token).get(target);
        assert_eq!((response.status, code(&response).as_str()), (404, "not_found"), "{target}");
        assert_eq!(server.api_as(Some(&identities().foreman)).get(target).status, 404, "{target}");
    }
    for (request, name, _) in site.requests() {
        assert_eq!(server.client().like_curl().with_token(&token).send(request).status, 404, "{name}");
    }
}

#[test]
fn the_list_of_certificates_is_read_again_and_tokens_outlive_a_restart() {
    let site = Site::start();
    let status = |server: &Server, identity| server.api_as(Some(identity)).get("/api/v1/status").status;
    assert_eq!((status(&site.server, &identities().foreman), status(&site.server, &identities().other)), (403, 200));
    let listed =
        "enabled: true\nbind_host: 127.0.0.1\nport: 0\ncertificates: [{ name: foreman.example.com, role: reader }]\n";
    site.server.reload("settings.d/api.yml", listed);
    assert_eq!((status(&site.server, &identities().foreman), status(&site.server, &identities().other)), (200, 403));
    let token = site.server.token("admin", &["--role", "admin"]);
    let server = site.server.restart();
    assert_eq!(server.api(&token).get("/api/v1/status").status, 200);
    let listed = server.run(&["token", "list", "--json"]);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON");
    let names: Vec<&str> = listed.iter().map(|token| token["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["admin", "first"]);
    assert!(!server.log().lines().iter().any(|line| line.contains(&token)), "a token is in the log");
}

#[test]
fn tokens_that_cannot_be_looked_up_are_no_refusal() {
    let site = Site::start();
    let token = site.server.token("admin", &["--role", "admin"]);
    for file in ["api.sqlite-wal", "api.sqlite-shm"] {
        let _ = std::fs::remove_file(site.server.state(file));
    }
    std::fs::write(site.server.state("api.sqlite"), "no database at all, but long enough to be one").expect("written");
    let server = site.server.restart();
    let response = server.api(&token).get("/api/v1/status");
    assert_eq!((response.status, code(&response).as_str()), (503, "unavailable"));
    assert!(response.header("retry-after").is_some());
    // Who needs no token is answered.
    assert_eq!(server.api_as(Some(&identities().other)).get("/api/v1/status").status, 200);
    assert_eq!(server.client().get("/ipam/groups").status, 200);
}
