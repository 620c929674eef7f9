//! Clients whose certificates are of no use, or are of no use any more: refused, with the right advice in the log.

use std::fs;

use crate::support::{Certificate, Place, Process, Request, SUBNET, Seed, Wish, authority, identities, seconds};

const RELOADED: &str = "Settings and certificates are reloaded";

fn place() -> Place {
    Place::new(Seed::new().subnet(SUBNET))
}

/// The answer to a client with this certificate on a new connection; `None` when it is refused before.
fn status(server: &Process, certificate: &Certificate) -> Option<u16> {
    server.caller(certificate).try_send(Request::new("GET", "/v2/features")).ok().map(|response| response.status)
}

#[test]
fn the_log_says_what_is_wrong_with_a_certificate_and_what_to_do() {
    let place = place();
    let server = place.start();
    let name = "foreman.example.com";
    let expired = Wish { not_before: 1_000_000_000, not_after: 1_100_000_000, ..Wish::host(name) };
    let of_tomorrow = Wish { not_before: seconds() + 86_400, ..Wish::host(name) };
    let for_servers = Wish { for_clients: false, ..Wish::host(name) };
    for (certificate, advice) in [
        (
            authority().sign(&expired),
            "certificate has expired (of CN = foreman.example.com, signed by CN = Authority of the tests). Have the client's certificate renewed",
        ),
        (authority().sign(&of_tomorrow), "Set the clocks of both machines, or wait"),
        (authority().sign(&for_servers), "its extended key usage lacks clientAuth"),
        (identities().stranger.clone(), "Put the authority that signed it into ssl_ca_file, and reload"),
    ] {
        assert_eq!(status(&server, &certificate), None, "{advice}");
        let line = server.wait_for(advice);
        assert!(line.contains("[W] A client was refused because of its certificate: "), "{line}");
        assert_eq!(line.contains("ssl_ca_file"), advice.contains("ssl_ca_file"), "{line}");
    }
    server.end_well("TERM");
}

#[test]
fn an_open_connection_does_not_outlive_the_authority_of_its_client() {
    let place = place();
    let next = Certificate::root("The next authority");
    let both = authority().pem() + &next.pem();
    fs::write(place.path("authority.pem"), &both).expect("written");
    let server = place.start();
    let features = || Request::new("GET", "/v2/features");
    let mut of_old = server.foreman().connect().expect("a connection");
    let mut of_next = server.caller(&next.host("foreman.example.com")).connect().expect("a connection");
    assert_eq!(of_old.exchange(features()).expect("an answer").status, 200);
    assert_eq!(of_next.exchange(features()).expect("an answer").status, 200);

    fs::write(place.path("authority.pem"), next.pem()).expect("written");
    server.signal("HUP");
    server.wait_for(RELOADED);
    let refusal = of_old.exchange(features()).expect("an answer");
    assert_eq!(refusal.status, 403);
    assert_eq!(refusal.header("connection"), Some("close"));
    let text = refusal.json()["error"].as_str().expect("text").to_owned();
    assert_eq!(text, "The client certificate is not accepted any more; connect again with another one");
    assert!(of_old.exchange(features()).is_err(), "the connection is closed");
    assert_eq!(of_next.exchange(features()).expect("an answer").status, 200);
    assert_eq!(of_next.exchange(features()).expect("an answer").status, 200, "and stays open");
    assert_eq!(status(&server, &identities().foreman), None);
    server.end_well("TERM");
}

#[test]
fn revoked_clients_are_refused_from_the_reload_on() {
    let place = place();
    let (good, bad) = (authority().host("a.example.com"), authority().host("b.example.com"));
    let list = |revoked: &[&Certificate], days: i64| {
        let end = seconds() + days * 86_400;
        place.write("crl.pem", authority().revocations(revoked, seconds() - 86_400, end));
    };
    list(&[], 365);
    place.global(&format!("ssl_crl_file: {}", place.path("crl.pem").display()));
    let server = place.start();
    assert_eq!((status(&server, &good), status(&server, &bad)), (Some(200), Some(200)));
    list(&[&bad], 0);
    server.signal("HUP");
    server.wait_for(RELOADED);
    server.wait_for("crl.pem: the revocation list of CN = Authority of the tests expired on ");
    list(&[&bad], 365);
    server.signal("HUP");
    server.wait_for_times(RELOADED, 2);
    assert_eq!((status(&server, &good), status(&server, &bad)), (Some(200), None));
    server.wait_for("ssl_crl_file lists it: have another one issued");
    place.write("crl.pem", "nonsense");
    server.signal("HUP");
    let line = server.wait_for("stay as they were");
    assert!(line.contains("crl.pem holds no revocation list that can be read: it is not PEM"), "{line}");
    assert_eq!((status(&server, &good), status(&server, &bad)), (Some(200), None), "the old list counts on");
    server.end_well("TERM");
}
