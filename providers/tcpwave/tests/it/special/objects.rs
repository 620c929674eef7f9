//! Objects: names and records of the DNS, refusals, and what is asked for them.

use ipam_provider::{ErrorKind, Released, Requester};
use ipam_simulators::tcpwave::{Exists, Site};
use serde_json::{Value, json};

use super::{cause, free, host, instead, ip};
use crate::site::Fixture;

#[tokio::test]
async fn a_record_is_made_of_name_and_domain_and_goes_with_the_object() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let (named, nameless) = (ip("192.0.2.17"), ip("192.0.2.18"));
    fixture.provider.reserve(&subnet, named, &host("web.example.com")).await.expect("a reservation");
    fixture.provider.reserve(&subnet, nameless, &Requester::default()).await.expect("a reservation");
    let records = fixture.ipam.resource_records("Production");
    for record in [
        "web.example.com. A 192.0.2.17",
        "17.2.0.192.in-addr.arpa. PTR web.example.com.",
        "ip-192-0-2-18.example.com. A 192.0.2.18",
    ] {
        assert!(records.contains(&record.to_owned()), "{record}: {records:?}");
    }
    let recorded = fixture.provider.reservation(&subnet, nameless).await.expect("an answer").expect("a record");
    assert_eq!(recorded.hostname, None, "a name that was made of the address is none");
    for address in [named, nameless] {
        assert!(fixture.provider.release(&subnet, address).await.expect("a release").is_removed());
    }
    let records = fixture.ipam.resource_records("Production");
    assert!(
        !records.iter().any(|record| record.contains("192.0.2.17") || record.contains("192.0.2.18")),
        "{records:?}"
    );
}

#[tokio::test]
async fn without_update_dns_no_record_is_made() {
    let settings = json!({"update_dns": false, "object_type": "Server"});
    let fixture = Fixture::at(Site::default(), settings, |ipam| ipam);
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web.example.com")).await.expect("a reservation");
    assert!(!fixture.ipam.resource_records("Production").iter().any(|record| record.contains("web")));
    assert_eq!(fixture.ipam.object("Production", ip("192.0.2.17")).expect("an object")["class_code"], "Server");
}

#[tokio::test]
async fn a_name_that_is_refused_costs_nobody_a_host() {
    let fixture = Fixture::at(Site { names_are_unique: true, ..Site::default() }, json!({}), |ipam| ipam);
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let by = host("web.example.com");
    for address in ["192.0.2.17", "192.0.2.18"].map(ip) {
        fixture.provider.reserve(&subnet, address, &by).await.expect("a reservation");
        let recorded = fixture.provider.reservation(&subnet, address).await.expect("an answer").expect("a record");
        assert_eq!((recorded.mac, recorded.ours), (by.mac, true));
    }
    let name = |address: &str| fixture.ipam.object("Production", ip(address)).expect("an object")["name"].clone();
    assert_eq!((name("192.0.2.17"), name("192.0.2.18")), (json!("web"), json!("ip-192-0-2-18")));
}

#[tokio::test]
async fn a_refused_add_is_looked_into() {
    let refusal = "TIMS-0000: The words of TCPWave.";
    let fixture = instead("/object/add", 500, refusal);
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let reserve = async |address| {
        let outcome = fixture.provider.reserve(&subnet, ip(address), &host("web.example.com")).await;
        outcome.expect_err("every add is refused")
    };
    let (taken, other) = (reserve("192.0.2.1").await, reserve("192.0.2.2").await);
    assert_eq!((taken.kind(), other.kind()), (ErrorKind::AlreadyExists, ErrorKind::Rejected));
    assert_eq!(other.to_string(), "TCPWave refuses the request (TIMS-0000); its own words are in the log of the proxy");
    for error in [taken, other] {
        let mut said = cause(&error);
        if let Some(inner) = std::error::Error::source(&error).and_then(std::error::Error::source) {
            said = inner.to_string();
        }
        assert!(said.contains(refusal), "{error}: {said}");
    }
}

#[tokio::test]
async fn a_page_for_people_is_no_success_of_a_write() {
    for path in ["/object/add", "/object/delete-multiple"] {
        let fixture = instead(path, 200, "<html><body>Log in</body></html>");
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let outcome = match path {
            "/object/add" => fixture.provider.reserve(&subnet, ip("192.0.2.2"), &Requester::default()).await,
            _ => fixture.provider.release(&subnet, ip("192.0.2.1")).await.map(drop),
        };
        assert_eq!(outcome.expect_err("it is no answer").kind(), ErrorKind::Unexpected, "{path}");
    }
}

#[tokio::test]
async fn a_success_may_say_anything_or_nothing() {
    for (status, body) in [(200, ""), (201, "{\"msg\": \"Successful\"}"), (204, ""), (200, "Object added.")] {
        let fixture = instead("/object/add", status, body);
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        fixture.provider.reserve(&subnet, ip("192.0.2.2"), &Requester::default()).await.expect("a success");
    }
}

#[tokio::test]
async fn delete_only_own_keeps_the_objects_of_others() {
    let fixture = Fixture::at(Site::default(), json!({"delete_only_own": true}), |ipam| ipam);
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let refused = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect_err("it is another writer's");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    fixture.provider.reserve(&subnet, ip("192.0.2.2"), &Requester::default()).await.expect("a reservation");
    assert!(fixture.provider.release(&subnet, ip("192.0.2.2")).await.expect("a release").is_removed());
}

#[tokio::test]
async fn an_object_that_is_listed_nowhere_is_an_error_and_not_free() {
    let body = r#"{"recordsTotal": 0, "recordsFiltered": 0, "data": []}"#;
    let fixture = instead("/object/paged", 200, body);
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    for outcome in [
        fixture.provider.reservation(&subnet, ip("192.0.2.1")).await.map(drop),
        fixture.provider.release(&subnet, ip("192.0.2.1")).await.map(drop),
    ] {
        let error = outcome.expect_err("TCPWave contradicts itself");
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        assert!(error.to_string().contains("192.0.2.1") && error.to_string().contains("does not list it"), "{error}");
    }
    assert_eq!(fixture.provider.release(&subnet, ip("192.0.2.2")).await.expect("no object"), Released::WasAbsent);
}

#[tokio::test]
async fn a_filter_that_is_ignored_or_refused_costs_more_and_finds_the_same() {
    let ignoring =
        Fixture::at(Site { ignores_filters: true, page_at_most: 2, ..Site::default() }, json!({}), |ipam| ipam);
    for fixture in [Fixture::new(), ignoring] {
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let recorded =
            fixture.provider.reservation(&subnet, ip("192.0.2.1")).await.expect("an answer").expect("a record");
        assert_eq!(recorded.hostname.as_deref(), Some("first.example.com"));
        // Its text contains that of 192.0.2.1.
        assert!(fixture.provider.reservation(&subnet, ip("192.0.2.10")).await.expect("an answer").is_some());
    }
}

#[tokio::test]
async fn what_is_done_with_a_subnet_that_was_looked_up_costs_few_requests() {
    let fixture = Fixture::new();
    let asked = || fixture.server.take_requests().len();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    assert_eq!(asked(), 1, "a look-up in an organization");
    let (provider, address) = (&fixture.provider, ip("192.0.2.17"));
    free(provider, &subnet, 5).await.expect("free addresses");
    assert_eq!(asked(), 1, "free addresses");
    provider.reservation(&subnet, address).await.expect("an answer");
    assert_eq!(asked(), 1, "a look at a free address");
    provider.reserve(&subnet, address, &host("web")).await.expect("a reservation");
    assert_eq!(asked(), 1, "a reservation");
    provider.reservation(&subnet, address).await.expect("an answer");
    assert_eq!(asked(), 2, "a look at a taken address");
    provider.reserve(&subnet, address, &host("web")).await.expect_err("it is taken");
    assert_eq!(asked(), 2, "a refused reservation");
    provider.release(&subnet, address).await.expect("a release");
    assert_eq!(asked(), 2, "the object, and its end");
    assert_eq!(provider.own_records(address).await.expect("an answer"), []);
    assert_eq!(asked(), 9, "the organizations, and a question in each");
}

#[tokio::test]
async fn only_parameters_that_the_vendors_clients_send_are_sent() {
    let fixture = Fixture::at(Site { exists: Exists::Object, ..Site::default() }, json!({}), |ipam| ipam);
    let provider = &fixture.provider;
    let subnet = fixture.subnet("100% test", "203.0.113.48/28").await;
    let address = ip("203.0.113.49");
    provider.subnets(Some(&super::name("100% test"))).await.expect("subnets");
    provider.reserve(&subnet, address, &host("web.example.com")).await.expect("a reservation");
    provider.reservation(&subnet, address).await.expect("an answer").expect("a record");
    provider.own_records(address).await.expect("records");
    free(provider, &subnet, 5).await.expect("free addresses");
    provider.release(&subnet, address).await.expect("a release");
    let known = [
        "subnet_address",
        "org_name",
        "organization_name",
        "orgName",
        "organization",
        "network_address",
        "address",
        "start",
        "length",
        "sort",
        "order",
        "draw",
        "filterRules",
    ];
    for request in fixture.server.take_requests() {
        for (key, value) in request.parameters() {
            assert!(known.contains(&key.as_str()) && !value.is_empty(), "{key}");
            if key == "filterRules" {
                let rules: Value = serde_json::from_str(&value).expect("JSON");
                assert_eq!(rules, json!([{"field": "address", "op": "contains", "value": "203.0.113.49"}]));
            }
        }
    }
}
