//! Credentials, rights, and what a probe says of them.

use std::sync::Arc;

use ipam_provider::{ErrorKind, Provider, Requester};
use ipam_provider_tcpwave::REGISTRATION;
use ipam_simulators::Server;
use ipam_simulators::tcpwave::{Site, Tcpwave as Simulated};
use ipam_simulators::tls::Tls;
use serde_json::json;

use super::{instead, ip, name};
use crate::certificates::{Certificate, Wish};
use crate::site::{Fixture, awkward, provider, seed};

#[tokio::test]
async fn a_token_that_is_not_known_is_told_from_a_right_that_is_missing() {
    for site in [Site::default(), awkward()] {
        let fixture = Fixture::at(site, json!({}), |ipam| ipam);
        let settings = json!({"url": fixture.server.url(), "session_token": "geheim", "domain": "example.com"});
        let error = provider(settings).groups().await.expect_err("nobody has this token");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().starts_with("Invalid credentials for External IPAM: TCPWave"), "{error}");
        assert!(!error.to_string().contains("geheim"), "{error}");

        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        fixture.ipam.revoke(Simulated::TOKEN, "object:add");
        let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
        let refused = refused.expect_err("the right is gone");
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
        assert!(refused.to_string().contains("lacks the right: add objects"), "{refused}");
    }
}

#[tokio::test]
async fn a_client_certificate_lets_in_its_administrator_and_nobody_else() {
    let authority = Certificate::root("Authority of the tests");
    let own = authority.sign(&Wish { addresses: vec!["127.0.0.1".to_owned()], ..Wish::host("ipam.example.com") });
    let tls = Tls::with_clients_of(&authority.x509, &own.x509, &own.key);
    let ipam = Arc::new(Simulated::start(&seed(), Site::default()));
    let server = Server::start_with_tls(([127, 0, 0, 1], 0).into(), tls, ipam);
    let directory = tempfile::tempdir().expect("a directory");
    let (ca_file, _) = authority.write(directory.path(), "ca");
    let groups = async |name: &str| {
        let (certificate, key) = authority.host(name).write(directory.path(), name);
        let settings = json!({
            "url": server.url(), "domain": "example.com", "ca_file": ca_file,
            "client_certificate": certificate, "client_key": key,
        });
        provider(settings).groups().await
    };
    assert_eq!(groups(Simulated::CERTIFICATE).await.expect("groups").len(), 8);
    assert!(server.take_requests().iter().all(|request| request.header("tims-session-token").is_none()));
    let refused = groups("stranger").await.expect_err("the certificate is not known");
    assert!(refused.to_string().starts_with("Invalid credentials for External IPAM: TCPWave"), "{refused}");
}

#[tokio::test]
async fn probes_name_every_right_that_is_missing() {
    for site in [Site::default(), awkward()] {
        for (right, said) in [
            ("organization:read", "read organizations"),
            ("network:read", "read networks"),
            ("subnet:read", "read subnets"),
            ("object:read", "read objects"),
            ("object:add", "add objects"),
            ("object:delete", "delete objects"),
        ] {
            let fixture = Fixture::at(site.clone(), json!({}), |ipam| ipam);
            fixture.ipam.revoke(Simulated::TOKEN, right);
            let probes = fixture.provider.probe().await;
            let failed: Vec<_> =
                probes.iter().filter_map(|probe| Some(probe.outcome.as_ref().err()?.to_string())).collect();
            assert_eq!(failed.len(), 1, "{right}: {failed:?}");
            assert!(failed[0].contains(said), "{right}: {failed:?}");
        }
    }
}

#[tokio::test]
async fn without_the_right_to_edit_a_probe_gives_a_hint() {
    let fixture = Fixture::new();
    fixture.ipam.revoke(Simulated::TOKEN, "object:edit");
    let probes = fixture.provider.probe().await;
    assert!(probes.iter().all(|probe| probe.outcome.is_ok()), "{probes:?}");
    let hint = "the administrator of the credentials may: edit objects: no, so host names that Foreman sends later";
    assert!(probes.iter().any(|probe| probe.what.starts_with(hint)), "{probes:?}");
}

#[tokio::test]
async fn a_probe_reads_each_answer_whose_shape_is_not_documented() {
    for (path, what) in [
        ("/organization/list", "TCPWave answers, accepts the credentials, and lists its organizations"),
        ("/network/paged", "the administrator of the credentials may: read networks"),
        ("/subnet/paged", "the administrator of the credentials may: read subnets"),
        ("/subnet/getSubnetData", "subnet 192.0.2.0/28 is found by its address"),
        ("/object/paged", "the administrator of the credentials may: read objects"),
        ("/object/nextfreeip", "the free addresses of subnet 192.0.2.0/28 can be read"),
        ("/object/checkObjectExists", "whether an address is taken can be read"),
    ] {
        let fixture = instead(path, 200, "{\"shape\": \"the third\"}");
        let probes = fixture.provider.probe().await;
        let failed: Vec<_> = probes.iter().filter(|probe| probe.outcome.is_err()).collect();
        assert_eq!(failed.iter().map(|probe| probe.what.as_str()).collect::<Vec<_>>(), [what], "{path}");
        let error = failed[0].outcome.as_ref().expect_err("it failed");
        assert!(super::cause(error).contains("{shape: text}"), "{path}");
    }
}

#[tokio::test]
async fn a_probe_of_an_empty_tcpwave_looks_at_what_there_is() {
    let fixture = Fixture::over(Simulated::empty(Site::default()), json!({}), |ipam| ipam);
    let probes = fixture.provider.probe().await;
    assert_eq!(probes.len(), 5, "{probes:?}");
    assert!(probes.iter().all(|probe| probe.outcome.is_ok()), "{probes:?}");
}

#[tokio::test]
async fn building_does_no_network_and_every_request_has_the_token() {
    let fixture = Fixture::new();
    assert_eq!((REGISTRATION.name, fixture.server.take_requests().len()), ("tcpwave", 0));
    fixture.provider.subnets(Some(&name("Production"))).await.expect("subnets");
    fixture.provider.probe().await;
    for request in fixture.server.take_requests() {
        assert_eq!(request.header("tims-session-token"), Some(Simulated::TOKEN), "{}", request.path);
        assert_eq!(request.header("accept"), Some("application/json"), "{}", request.path);
        assert!(request.path.starts_with("/tims/rest/"), "{}", request.path);
    }
}
