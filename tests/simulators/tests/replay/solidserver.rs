//! EfficientIP SOLIDserver: requests of the vendor's own library, SOLIDserverRest 2.14.0. The answers beside them were
//! written by hand and prove nothing, so that only the acceptance of each request and the fields that the library reads
//! are compared.

use std::path::{Path, PathBuf};

use ipam_conformance::Seed;
use ipam_simulators::Ipam;
use ipam_simulators::replay::recordings;
use ipam_simulators::solidserver::{Site, Solidserver};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/solidserver/SOLIDserverRest-2.14.0")
}

/// When the requests with a token were signed: 15 seconds around it.
const SIGNED_AT: u64 = 1_795_197_813;

/// A server with what the requests ask for. Its ids are not those of the recording, which are put in below.
fn server() -> (Solidserver, [u64; 3]) {
    let nothing = Seed { groups: Vec::new(), subnets: Vec::new() };
    let solidserver = Solidserver::start(&nothing, Site::default());
    solidserver.set_clock(SIGNED_AT);
    solidserver.add_space("space-a", "");
    let subnet = solidserver.add_network("space-a", "192.0.2.0/24", true, "net-a");
    let subnet6 = solidserver.add_network("space-a", "2001:db8::/64", true, "net-six");
    solidserver.take("space-a", "192.0.2.10".parse().expect("an address"));
    let record = solidserver.record("space-a", "192.0.2.10".parse().expect("an address")).expect("it is taken");
    let address = record["ip_id"].as_str().expect("a text").parse().expect("a number");
    (solidserver, [subnet, subnet6, address])
}

/// Keys of the first row.
fn keys(body: &Value) -> Vec<String> {
    let row = body.get(0).unwrap_or(body);
    row.as_object().map(|row| row.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn every_request_of_the_vendors_library_is_accepted_and_answered_with_the_fields_that_it_reads() {
    let mut compared = 0;
    for recording in recordings(&fixtures()) {
        let (solidserver, [subnet, subnet6, address]) = server();
        let mut request = recording.request.clone();
        // A signature is of the whole URL, so that those requests stay as they are.
        let is_signed = request.header("x-sds-ts").is_some();
        if !is_signed {
            request.query = request
                .query
                .replace("subnet_id=142", &format!("subnet_id={subnet}"))
                .replace("subnet6_id=77", &format!("subnet6_id={subnet6}"))
                .replace("ip_id=902", &format!("ip_id={address}"))
                .replace("site_id=12", "site_id=1")
                .replace("site_id%3D12", "site_id%3D1");
        }
        let answer = solidserver.answer(&request);
        let name = &recording.name;
        if name.contains("delete_by_address") || (is_signed && name.contains("find_free")) {
            // Of an address, or a network, that is not there.
            assert!([200, 204, 400].contains(&answer.status), "{name}: {}", answer.status);
            continue;
        }
        assert_eq!(answer.status < 300, recording.status < 300, "{name}: {}", answer.status);
        assert_eq!(recording.status == 400, answer.status == 400, "{name}: {}", answer.status);
        if recording.body.is_null() || name.contains("options") {
            continue;
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let known = keys(&body);
        let missing: Vec<String> = keys(&recording.body).into_iter().filter(|key| !known.contains(key)).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} missing in {known:?}");
        compared += 1;
    }
    assert!(compared >= 15, "{compared}");
}

#[test]
fn a_request_with_another_signature_or_another_time_is_refused() {
    let signed = |recording: &ipam_simulators::replay::Recording| recording.request.header("x-sds-ts").is_some();
    for recording in recordings(&fixtures()).iter().filter(|recording| signed(recording)) {
        let (solidserver, _) = server();
        let mut other = recording.request.clone();
        other.query.push_str("&limit=1");
        assert_eq!(solidserver.answer(&other).status, 401, "{}", recording.name);
        solidserver.set_clock(SIGNED_AT + 3600);
        assert_eq!(solidserver.answer(&recording.request).status, 412, "{}", recording.name);
    }
}
