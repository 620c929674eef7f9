//! Logins, tokens, blocks, rights and locks.

use std::sync::Arc;
use std::time::Duration;

use ipam_conformance::{Fault, Role};
use ipam_provider::{ErrorKind, Guard, Limits, Provider, Requester};
use ipam_simulators::phpipam::{CODE, CODE_APP, Lock, PASSWORD, READ_ONLY_APP, Scheme, USER, Version};
use serde_json::json;
use tokio::task::JoinSet;

use crate::subject::Fixture;

const HOUR: Duration = Duration::from_secs(3600);

fn logins(requests: &[String]) -> usize {
    requests.iter().filter(|request| request.starts_with("POST") && request.ends_with("/user/")).count()
}

/// Moves the time that the provider sees. Nothing is under way while it stands still.
async fn wait(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

#[tokio::test]
async fn one_login_serves_many_calls_and_the_cookie_is_kept() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        fixture.provider.groups().await.expect("groups");
    }
    let requests = fixture.requests();
    assert_eq!((logins(&requests), requests.len()), (1, 4), "{requests:?}");
    assert_eq!(fixture.ipam.session_rows(), 1, "each request without the cookie leaves a row in the database");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_callers_share_one_login() {
    let fixture = Fixture::new();
    let ask = |provider: Arc<ipam_provider_phpipam::Phpipam>| async move { provider.groups().await };
    let mut callers: JoinSet<_> = (0..32).map(|_| ask(fixture.provider.clone())).collect();
    while let Some(groups) = callers.join_next().await {
        groups.expect("no panic").expect("groups");
    }
    assert_eq!(logins(&fixture.requests()), 1);
}

#[tokio::test]
async fn an_expired_token_is_renewed_within_the_call() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet(Role::Empty).await;
    fixture.ipam.advance(7 * HOUR);
    let address = fixture.seeded(Role::Empty).free(1)[0];
    fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
    assert_eq!(logins(&fixture.requests()), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_calls_under_way_meet_an_expired_token() {
    const CALLERS: usize = 64;
    let fixture = Fixture::new();
    fixture.provider.groups().await.expect("groups");
    fixture.requests();
    fixture.ipam.expire(USER);
    let limits = Limits { attempt: Duration::from_secs(10), read_attempts: 1 };
    let guard = Arc::new(Guard::new(fixture.provider.clone(), limits));
    let ask = |guard: Arc<Guard>| async move { guard.groups().await };
    for outcome in (0..CALLERS).map(|_| ask(guard.clone())).collect::<JoinSet<_>>().join_all().await {
        outcome.expect("groups");
    }
    let requests = fixture.requests();
    assert_eq!(logins(&requests), 1);
    // Those that waited for their turn take the new token.
    let refused = requests.len() - CALLERS - 1;
    assert!(refused <= guard.max_parallel().expect("a limit"), "{refused} were refused");
}

#[tokio::test]
async fn a_token_that_is_used_does_not_expire() {
    let fixture = Fixture::new();
    for _ in 0..4 {
        fixture.provider.groups().await.expect("groups");
        fixture.ipam.advance(4 * HOUR);
    }
    assert_eq!(logins(&fixture.requests()), 1);
}

#[tokio::test]
async fn the_token_is_never_deleted_because_others_use_it_too() {
    let fixture = Fixture::new();
    fixture.provider.probe().await;
    fixture.ipam.advance(7 * HOUR);
    fixture.provider.groups().await.expect("groups");
    let requests = fixture.requests();
    assert!(!requests.iter().any(|request| request.starts_with("DELETE")), "{requests:?}");
}

#[tokio::test]
async fn a_token_that_somebody_elses_login_replaced_is_renewed() {
    let fixture = Fixture::new();
    fixture.ipam.orphan_tokens(1);
    fixture.provider.groups().await.expect("groups");
    assert_eq!(logins(&fixture.requests()), 2);
}

#[tokio::test]
async fn a_refused_password_is_tried_once_a_minute() {
    let fixture = Fixture::with(json!({"user": USER, "password": "wrong"}));
    for _ in 0..50 {
        let error = fixture.provider.groups().await.expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().starts_with("Invalid credentials for External IPAM"), "{error}");
    }
    assert_eq!(fixture.requests().len(), 1, "the eleventh try would block the host for everybody");
    wait(Duration::from_secs(61)).await;
    fixture.ipam.set_password(USER, "wrong");
    fixture.provider.groups().await.expect("groups with the password that is right now");
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_make_a_refused_password_forgotten() {
    let fixture = Fixture::with(json!({"user": USER, "password": "wrong"}));
    for _ in 0..20 {
        // Given up before the answer, as a time limit does it.
        tokio::select! {
            biased;
            _ = fixture.provider.groups() => {}
            () = tokio::task::yield_now() => {}
        }
    }
    let error = fixture.provider.groups().await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(fixture.requests().len(), 1);
}

#[tokio::test]
async fn a_blocked_host_is_said_to_be_blocked_and_left_alone() {
    let fixture = Fixture::new();
    let others = crate::subject::provider(&fixture.server.url(), json!({"user": USER, "password": "wrong"}));
    for _ in 0..11 {
        others.groups().await.expect_err("a refusal");
        wait(Duration::from_secs(61)).await;
    }
    fixture.requests();
    for _ in 0..5 {
        let error = fixture.provider.groups().await.expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("blocked"), "{error}");
    }
    assert_eq!(fixture.requests().len(), 1);
    fixture.ipam.advance(Duration::from_secs(300));
    wait(Duration::from_secs(301)).await;
    fixture.provider.groups().await.expect("groups");
}

#[tokio::test]
async fn a_block_does_not_cost_the_token_that_is_there() {
    let fixture = Fixture::new();
    fixture.provider.groups().await.expect("groups");
    let others = crate::subject::provider(&fixture.server.url(), json!({"user": USER, "password": "wrong"}));
    for _ in 0..11 {
        others.groups().await.expect_err("a refusal");
        wait(Duration::from_secs(61)).await;
    }
    assert_eq!(fixture.provider.groups().await.expect_err("a refusal").kind(), ErrorKind::Unavailable);
    fixture.ipam.advance(Duration::from_secs(300));
    fixture.provider.groups().await.expect("groups at once when the block ends");
}

#[tokio::test]
async fn an_app_code_needs_no_login() {
    let fixture = Fixture::with(json!({"app_id": CODE_APP, "app_code": CODE}));
    fixture.ipam.set_scheme(Scheme::Https);
    fixture.provider.groups().await.expect("groups");
    assert_eq!(fixture.requests(), ["GET /api/static/sections/"]);
}

#[tokio::test]
async fn a_wrong_app_code_is_asked_with_once_in_each_call() {
    let fixture = Fixture::with(json!({"app_id": CODE_APP, "app_code": "0123456789"}));
    fixture.ipam.set_scheme(Scheme::Https);
    let error = fixture.provider.groups().await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(fixture.requests().len(), 1);
    assert!(error.to_string().contains("app_code") && !error.to_string().contains("0123456789"), "{error}");
}

#[tokio::test]
async fn a_login_to_an_app_with_a_code_ends_in_an_error_and_no_loop() {
    let fixture = Fixture::with(json!({"user": USER, "password": PASSWORD, "app_id": CODE_APP}));
    fixture.ipam.set_scheme(Scheme::Https);
    for _ in 0..20 {
        let error = fixture.provider.groups().await.expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().contains("Set app_code"), "{error}");
    }
    assert_eq!(logins(&fixture.requests()), 2);
}

#[tokio::test]
async fn an_app_with_a_code_that_takes_no_login_says_so() {
    let settings = json!({"user": USER, "password": PASSWORD, "app_id": CODE_APP});
    let fixture = Fixture::start(Version::V1_7, &crate::subject::seed(), settings);
    fixture.ipam.set_scheme(Scheme::Https);
    for _ in 0..20 {
        let error = fixture.provider.groups().await.expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().contains("API app static takes no user and password. Set app_code"), "{error}");
    }
    assert_eq!(fixture.requests().len(), 1);
}

#[tokio::test]
async fn a_url_with_the_path_of_the_api_is_said_to_have_it() {
    let fixture = Fixture::new();
    for (path, settings) in [
        ("/api", json!({"user": USER, "password": PASSWORD})),
        ("/api/", json!({"app_id": CODE_APP, "app_code": CODE})),
        // With the app.
        ("/api/foreman", json!({"user": USER, "password": PASSWORD})),
    ] {
        let provider = crate::subject::provider(&format!("{}{path}", fixture.server.url()), settings);
        let probes = provider.probe().await;
        assert_eq!(probes.len(), 1, "{probes:?}");
        let error = probes[0].outcome.as_ref().expect_err("a refusal");
        assert_eq!(
            error.to_string(),
            "The url in the proxy's settings has /api in it. Write the address of phpIPAM itself, without /api"
        );
    }
}

#[tokio::test]
async fn an_app_that_needs_https_says_so() {
    let fixture = Fixture::with(json!({"app_id": CODE_APP, "app_code": CODE}));
    let error = fixture.provider.groups().await.expect_err("a refusal");
    assert!(error.to_string().contains("https"), "{error}");
}

#[tokio::test]
async fn an_unknown_app_is_a_wrong_credential() {
    let fixture = Fixture::with(json!({"user": USER, "password": PASSWORD, "app_id": "nobody"}));
    let error = fixture.provider.groups().await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("no API app nobody"), "{error}");
}

#[tokio::test]
async fn an_app_that_may_only_read_is_no_reason_to_log_in_again() {
    let fixture = Fixture::with(json!({"user": USER, "password": PASSWORD, "app_id": READ_ONLY_APP}));
    let subnet = fixture.subnet(Role::Plain).await;
    let (free, taken) = (fixture.seeded(Role::Plain).free(1)[0], subnet.prefix.offerable(false).0);
    for error in [
        fixture.provider.reserve(&subnet, free, &Requester::default()).await.expect_err("a refusal"),
        fixture.provider.release(&subnet, taken).await.expect_err("a refusal"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().contains("may only read"), "{error}");
    }
    assert_eq!(logins(&fixture.requests()), 1);
}

#[tokio::test]
async fn probes_name_the_permission_that_is_missing() {
    let fixture = Fixture::with(json!({"user": USER, "password": PASSWORD, "app_id": READ_ONLY_APP}));
    let probes = fixture.provider.probe().await;
    let failed: Vec<_> = probes.iter().filter_map(|probe| probe.outcome.as_ref().err()).collect();
    assert_eq!((probes.len(), failed.len()), (4, 1), "{probes:?}");
    assert!(failed[0].to_string().contains("Read / Write"), "{failed:?}");

    fixture.ipam.set_permission(READ_ONLY_APP, 2);
    assert!(fixture.provider.probe().await.iter().all(|probe| probe.outcome.is_ok()));
}

#[tokio::test]
async fn probes_say_of_a_disabled_app_that_it_is_disabled_and_that_phpipam_answers() {
    for (version, is_ok) in [(Version::V1_8, &[true, false][..]), (Version::V1_7, &[true, true, true, false][..])] {
        let settings = json!({"user": USER, "password": PASSWORD, "app_id": READ_ONLY_APP});
        let fixture = Fixture::start(version, &crate::subject::seed(), settings);
        fixture.ipam.set_permission(READ_ONLY_APP, 0);
        let probes = fixture.provider.probe().await;
        assert_eq!(probes.iter().map(|probe| probe.outcome.is_ok()).collect::<Vec<_>>(), is_ok, "{probes:?}");
        let error = probes.last().and_then(|probe| probe.outcome.as_ref().err()).expect("the app is disabled");
        assert!(error.to_string().contains("is disabled"), "{error}");
    }
}

#[tokio::test]
async fn probes_say_that_phpipam_answers_when_it_refuses_the_proxy() {
    let blocked = Fixture::new();
    let others = crate::subject::provider(&blocked.server.url(), json!({"user": USER, "password": "wrong"}));
    for _ in 0..11 {
        others.groups().await.expect_err("a refusal");
        wait(Duration::from_secs(61)).await;
    }
    let api_off = Fixture::new();
    api_off.ipam.set_api_enabled(false);
    let without_tls = Fixture::with(json!({"app_id": CODE_APP, "app_code": CODE}));
    let unknown_app = Fixture::with(json!({"user": USER, "password": PASSWORD, "app_id": "nobody"}));
    for fixture in [blocked, api_off, without_tls, unknown_app] {
        // The second time, no login is tried after a refused one.
        for _ in 0..2 {
            let probes = fixture.provider.probe().await;
            assert_eq!(
                probes.iter().map(|probe| probe.outcome.is_ok()).collect::<Vec<_>>(),
                [true, false],
                "{probes:?}"
            );
        }
    }
}

#[tokio::test]
async fn probes_tell_a_wrong_password_from_a_server_that_is_away() {
    let fixture = Fixture::with(json!({"user": USER, "password": "wrong"}));
    let probes = fixture.provider.probe().await;
    assert_eq!(probes.iter().map(|probe| probe.outcome.is_ok()).collect::<Vec<_>>(), [true, false], "{probes:?}");
    fixture.server.set_fault(Some(Fault::Gone));
    // Without a connection from before, which would be found broken rather than refused.
    let fresh = crate::subject::provider(&fixture.server.url(), json!({"user": USER, "password": PASSWORD}));
    let probes = fresh.probe().await;
    let error = probes[0].outcome.as_ref().expect_err("the server is away");
    assert!(error.to_string().starts_with("Unable to connect to External IPAM server"), "{error}");
}

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_leaves_the_write_undone() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet(Role::Empty).await;
    let address = fixture.seeded(Role::Empty).free(1)[0];
    fixture.ipam.hold_lock(Some(Lock::File));
    let error = fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "200 is its status, and it is no success");
    assert_eq!(fixture.provider.reservation(&subnet, address).await.expect("reads need no lock"), None);
    fixture.ipam.hold_lock(None);
    fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
}

#[tokio::test]
async fn a_login_that_waits_for_the_lock_in_vain_is_not_a_refused_one() {
    let fixture = Fixture::new();
    fixture.ipam.hold_lock(Some(Lock::File));
    assert_eq!(fixture.provider.groups().await.expect_err("a refusal").kind(), ErrorKind::Unavailable);
    fixture.ipam.hold_lock(None);
    fixture.provider.groups().await.expect("groups");
}

#[tokio::test]
async fn a_database_that_is_away_is_neither_absent_nor_full() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet(Role::Empty).await;
    let address = fixture.seeded(Role::Empty).free(1)[0];
    fixture.ipam.set_database_up(false);
    let unavailable = Err(ErrorKind::Unavailable);
    assert_eq!(fixture.provider.reservation(&subnet, address).await.map_err(|error| error.kind()), unavailable);
    assert_eq!(fixture.free(&subnet, 5, &[]).await.map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    let released = fixture.provider.release(&subnet, address).await;
    assert_eq!(released.map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
}

#[tokio::test]
async fn no_secret_is_in_debug_output_or_in_messages() {
    let fixture = Fixture::with(json!({"user": USER, "password": "geheim-1"}));
    let error = fixture.provider.groups().await.expect_err("a refusal");
    let shown = format!("{error:?} {error} {:?}", fixture.provider);
    for secret in ["geheim-1", "Z2VoZWltLTE", "Basic "] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
