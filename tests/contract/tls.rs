//! Which TLS is spoken.

use openssl::ssl::SslVersion;

use crate::support::{Builder, Request, Seed, Server};

fn is_spoken(server: &Server, version: SslVersion) -> bool {
    match server.client_of(version).try_send(Request::new("GET", "/ipam/groups")) {
        Ok(response) => {
            assert_eq!(response.status, 200, "the certificate counts in every version");
            true
        }
        Err(error) => {
            let said_by_server = error.to_string();
            assert!(said_by_server.contains("alert protocol version"), "{said_by_server}");
            false
        }
    }
}

#[test]
fn current_versions_are_spoken_and_old_ones_are_not() {
    let server = Server::start(Seed::new());
    assert!(is_spoken(&server, SslVersion::TLS1_2));
    assert!(is_spoken(&server, SslVersion::TLS1_3));
    assert!(!is_spoken(&server, SslVersion::TLS1));
    assert!(!is_spoken(&server, SslVersion::TLS1_1));
}

#[test]
fn a_version_can_be_switched_off() {
    for (disabled, spoken, refused) in
        [("1.2", SslVersion::TLS1_3, SslVersion::TLS1_2), ("1.3", SslVersion::TLS1_2, SslVersion::TLS1_3)]
    {
        let server = Builder::new(Seed::new()).global(format!("tls_disabled_versions: ['{disabled}']")).start();
        assert!(is_spoken(&server, spoken), "{disabled}");
        assert!(!is_spoken(&server, refused), "{disabled}");
    }
}
