//! phpIPAM's recordings: 1.8.2 and, for what differs, 1.6.0.
//!
//! They are asked in the order of their names, each part of the names from the beginning, because the later ones rely on
//! what the earlier ones wrote. What the recorder did to the server besides is done here too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipam_simulators::phpipam::{Lock, Phpipam, Scheme, Version};
use ipam_simulators::replay::{Recording, differences, recordings};
use ipam_simulators::{Ipam, Request, Response};
use serde_json::Value;

/// Recorded exchanges that are not among the fixtures, by the beginning of their names, and why they are not asked again.
const NOT_ASKED_AGAIN: [(&str, &str); 16] = [
    ("adr-b8-", "tags are not simulated"),
    ("adr-b9-", "tags are not simulated"),
    ("adr-c0-", "tags are not simulated"),
    ("adr-c1-", "tags are not simulated"),
    ("adr-c4-", "the controller search is not simulated"),
    ("adr-c5-", "the list of custom fields is not simulated"),
    ("ext-10-", "filters by regular expressions are not simulated"),
    ("ext-23-", "the controller tools is not simulated"),
    ("ext-25-", "the controller vrf is not simulated"),
    ("ext-27-", "the controller search is not simulated"),
    ("sec-51-", "the simulator writes no XML"),
    ("sec-59-", "the simulator does not compress"),
    ("x2-17-", "subnets are not created over the API"),
    ("x2-18-", "subnets are not created over the API"),
    ("x2-19-", "the recorded body is cut short"),
    ("x2-21-", "the thousands of rows that were there are not in any recording"),
];

fn fixtures(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/phpipam").join(version)
}

#[test]
fn version_1_8_2_answers_as_it_was_recorded() {
    replay(Version::V1_8, &fixtures("1.8.2"), 486);
}

#[test]
fn version_1_6_0_answers_as_it_was_recorded() {
    replay(Version::V1_6, &fixtures("1.6.0"), 357);
}

/// Versions 1.7.4 and 1.5.2 were asked the same, and what they answered is not kept: only where they differ from the
/// others is known.
#[test]
fn version_1_7_4_answers_as_1_8_2_but_where_they_were_seen_to_differ() {
    let known = [
        // 1.8.2 finds by address and subnet the first row only.
        "adr-a0-ip-subnet",
        "adr-a4-ip-subnet-v6",
        // An app with permission 0 may still read.
        "auth-14-login-disabled-app",
        // An app with a code takes no login.
        "auth-21-code-app-login-post",
        "ext-02-ip-subnet-second-row",
        "ext-32-app-disabled",
        // A lock that is not to be had is a silent 503.
        "lock-01-file-lock-timeout-2s",
        "lock-03-login-while-locked-2s",
        "lock-04-delete-while-locked-2s",
        "lock-06-mysql-lock-timeout-2s",
        "lock-07-mysql-login-while-locked-2s",
        // An update of nothing fails.
        "sec-49-put",
        // A filter adds a key `ip` to rows of `cidr`.
        "sub-a9-cidr-filter-section",
        "sub-b1-cidr-filter-section-vrf",
        "x2-01-options-gw_off",
        "x2-04-index-php-subnet-cidr",
    ];
    assert_eq!(differing(Version::V1_7, &fixtures("1.8.2"), 486), BTreeSet::from(known.map(str::to_owned)));
}

#[test]
fn version_1_5_2_answers_as_1_6_0_but_where_they_were_seen_to_differ() {
    let known = ["adr-d1-patch-empty"];
    assert_eq!(differing(Version::V1_5, &fixtures("1.6.0"), 357), BTreeSet::from(known.map(str::to_owned)));
}

/// The recordings that a server of this version answers otherwise.
fn differing(version: Version, directory: &Path, at_least: usize) -> BTreeSet<String> {
    let faults = faults(version, directory, at_least);
    faults.iter().filter_map(|fault| fault.split(": ").next()).map(str::to_owned).collect()
}

fn replay(version: Version, directory: &Path, at_least: usize) {
    let faults = faults(version, directory, at_least);
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
}

/// How a server of this version answers otherwise than was recorded, each with the name of the recording in front.
fn faults(version: Version, directory: &Path, at_least: usize) -> Vec<String> {
    let recordings = recordings(directory);
    assert!(recordings.len() >= at_least, "{} recordings", recordings.len());
    for (name, reason) in NOT_ASKED_AGAIN {
        let is_there = recordings.iter().any(|recording| recording.name.starts_with(name));
        assert!(!is_there, "{name} is a fixture although {reason}");
    }
    let mut faults = Vec::new();
    let mut part = String::new();
    let mut ipam = Phpipam::recorded(version);
    for recording in &recordings {
        let begins = recording.name.split('-').next().unwrap_or_default();
        if begins != part {
            part = begins.to_owned();
            ipam = Phpipam::recorded(version);
            admit(&ipam, begins, &recordings);
        }
        prepare(&ipam, recording);
        arrive(&ipam, &directory.join(format!("{}.json", recording.name)));
        let heard = Heard { ipam: ipam.clone(), body: Mutex::default() };
        let mut found = differences(&heard, recording);
        found.extend(heard.other_message(recording));
        faults.extend(found.iter().map(|difference| format!("{}: {difference}", recording.name)));
    }
    faults
}

/// The simulator, and what it answered last: `differences` compares shapes, but phpIPAM's meaning is in its messages.
struct Heard {
    ipam: Arc<Phpipam>,
    body: Mutex<Vec<u8>>,
}

impl Heard {
    fn other_message(&self, recording: &Recording) -> Option<String> {
        let recorded = recording.body.get("message")?.as_str()?;
        let body = self.body.lock().expect("no test panics while it holds the lock");
        let answered: Value = serde_json::from_slice(&body).unwrap_or_default();
        let answered = answered["message"].as_str().unwrap_or_default();
        // How long the lock was waited for differs each time.
        let timeless = |text: &str| text.split(" after ").next().map(str::to_owned);
        (timeless(recorded) != timeless(answered)).then(|| format!("says {answered:?} instead of {recorded:?}"))
    }
}

impl Ipam for Heard {
    fn answer(&self, request: &Request) -> Response {
        let answer = self.ipam.answer(request);
        self.body.lock().expect("no test panics while it holds the lock").clone_from(&answer.body);
        answer
    }

    fn is_write(&self, request: &Request) -> bool {
        self.ipam.is_write(request)
    }

    fn session_expired(&self) -> Response {
        self.ipam.session_expired()
    }
}

/// The recorder had logged in before it began a part: the first token of the part is good, unless the part logs in
/// itself.
fn admit(ipam: &Phpipam, part: &str, recordings: &[Recording]) {
    let mut of_part = recordings.iter().filter(|recording| recording.name.split('-').next() == Some(part));
    let first = of_part.find_map(|recording| {
        let token = recording.request.header("token").filter(|token| token.len() == 24);
        token.map(str::to_owned).or_else(|| given(recording).map(str::to_owned))
    });
    if let Some(token) = first {
        ipam.admit("gateway", &token);
    }
}

/// The token that a login was answered with.
fn given(recording: &Recording) -> Option<&str> {
    recording.body.get("data")?.get("token")?.as_str()
}

/// How the request came in.
fn arrive(ipam: &Phpipam, file: &Path) {
    let recording: Value = serde_json::from_slice(&fs::read(file).expect("a file")).expect("JSON");
    let request = &recording["request"];
    ipam.set_scheme(if request["scheme"] == "https" { Scheme::Https } else { Scheme::Http });
    ipam.set_encoded_slashes(request["listener"] == "apache-nodecode");
}

/// What happened on the server before the exchange.
fn prepare(ipam: &Arc<Phpipam>, recording: &Recording) {
    if let Some(token) = given(recording) {
        ipam.set_next_token(token);
    }
    match recording.name.as_str() {
        "auth-43-expired-token-general" => ipam.expire("gateway"),
        "down-01-db-down-get" => ipam.set_database_up(false),
        "down-04-db-up-again" => ipam.set_database_up(true),
        "ext-30-api-disabled" => ipam.set_api_enabled(false),
        "ext-32-app-disabled" => ipam.set_api_enabled(true),
        "ext-34-user-disabled-live-token" => ipam.set_user_enabled("gateway", false),
        "ext-40-bad-login-01" => ipam.set_user_enabled("gateway", true),
        "ext-45-after-5-minutes" => ipam.advance(Duration::from_secs(301)),
        "lock-01-old-app-lock-timeout-2s" => ipam.hold_lock(Some(Lock::File)),
        // A lock of that age is taken for one that was left behind.
        "lock-02-old-stale-lock-older-than-60s" => ipam.hold_lock(None),
        "lock-01-file-lock-timeout-2s" => ipam.hold_lock(Some(Lock::File)),
        "lock-05-after-release" => ipam.hold_lock(None),
        "lock-06-mysql-lock-timeout-2s" => ipam.hold_lock(Some(Lock::Mysql)),
        "unsafe-01-none-app-http" => ipam.set_unsafe_allowed(false),
        "x2-13-first-free-with-network-and-broadcast-rows" => {
            for host in [0, 1, 2, 3, 4, 7] {
                ipam.take_in(139, [10, 10, 11, host].into());
            }
        }
        "x2-20-list-30000-memory-exhausted" => {
            for number in 1..=30_000u32 {
                ipam.take_in(135, (0x0a65_0000 + number).to_be_bytes().into());
            }
        }
        "x3-08-no-sections-at-all" => ipam.clear(),
        _ => {}
    }
}
