//! What a provider makes of an IPAM in trouble.
//!
//! Each case injects one fault, asks for everything, heals, and asks again: the kind of error must be the expected one,
//! a message must show nothing of the IPAM's raw answer, a write must not be claimed that was not done, and the
//! provider must work again by itself.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{AddressSet, Error, ErrorKind, FreeQuery, Guard, Limits, Provider, Requester};

use crate::{CaseResult, Fault, Place, RAW_BODY, Role, Skip, Stage};

/// Nothing is answered within it, so it is as short as a test would like to wait.
const TIME_LIMIT: Duration = Duration::from_millis(10);

/// The guard ends every operation of an IPAM that is slow.
pub async fn a_slow_ipam_ends_as_timed_out(stage: &Stage) -> CaseResult {
    check(stage, Fault::Slow).await
}

/// A write that surely did not happen is reported and leaves nothing.
pub async fn a_reset_before_a_write_is_unavailable(stage: &Stage) -> CaseResult {
    check(stage, Fault::ResetBeforeWrite).await?;
    check_writes_left(stage, false).await
}

/// A write that happened and was not answered is reported as unknown, not as refused.
pub async fn a_reset_after_a_write_is_unavailable(stage: &Stage) -> CaseResult {
    check(stage, Fault::ResetAfterWrite).await?;
    check_writes_left(stage, true).await
}

/// Half an answer is a broken connection.
pub async fn a_truncated_answer_is_unavailable(stage: &Stage) -> CaseResult {
    check(stage, Fault::Truncated).await
}

/// An overloaded IPAM may be free again later.
pub async fn too_many_requests_are_unavailable(stage: &Stage) -> CaseResult {
    check(stage, Fault::TooManyRequests).await
}

/// A page for people, such as a reverse proxy makes.
pub async fn an_html_error_is_unavailable(stage: &Stage) -> CaseResult {
    check(stage, Fault::HtmlError).await
}

/// A status and nothing else.
pub async fn an_empty_error_is_unavailable(stage: &Stage) -> CaseResult {
    check(stage, Fault::EmptyError).await
}

/// An answer that makes no sense is an error, not "absent" or "free".
pub async fn json_of_another_shape_is_unexpected(stage: &Stage) -> CaseResult {
    check(stage, Fault::WrongJson).await
}

/// A gateway that does not know the path of the API, and says so in JSON as the IPAM does of a record that has gone: an
/// address would count as deleted, and a group or subnet as absent. Only of a subnet that was found before, the search
/// for free addresses may believe that it has gone: the look-up that follows shows what is wrong.
pub async fn a_missing_api_is_not_an_absent_record(stage: &Stage) -> CaseResult {
    check(stage, Fault::NoApi).await
}

/// No connection can be made.
pub async fn an_ipam_that_is_gone_is_unreachable(stage: &Stage) -> CaseResult {
    check(stage, Fault::Gone).await
}

/// `check` must say what is wrong, and go on working without a restart.
pub async fn a_probe_of_an_unreachable_ipam_says_so(stage: &Stage) -> CaseResult {
    inject(stage, Fault::Gone).await?;
    let probes = stage.provider.probe().await;
    let mut failed = probes.iter().filter_map(|probe| probe.outcome.as_ref().err()).peekable();
    assert!(failed.peek().is_some(), "{probes:?}");
    for message in failed {
        let message = message.to_string();
        assert!(!message.trim().is_empty() && !message.contains(RAW_BODY), "{message:?}");
    }
    stage.subject.heal().await;
    for probe in stage.provider.probe().await {
        assert!(probe.outcome.is_ok(), "{probe:?}");
    }
    Ok(())
}

/// An expired session costs at most one answer: it is renewed at once or with the next call.
pub async fn an_expired_session_is_renewed(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let (address, free) = (place.seeded.free(1)[0], place.seeded.free(3));
    let held = AddressSet::default();
    for operation in ["free_addresses", "reserve", "release"] {
        inject(stage, Fault::UnauthenticatedOnce).await?;
        let outcome = match operation {
            "free_addresses" => {
                let query = FreeQuery { at_most: 3, held: &held };
                let answer = stage.provider.free_addresses(&place.subnet, query).await;
                answer.map(|answer| assert_eq!(answer, free))
            }
            "reserve" => stage.provider.reserve(&place.subnet, address, &Requester::default()).await,
            _ => stage.provider.release(&place.subnet, address).await.map(|_| ()),
        };
        if let Err(error) = outcome {
            assert_fault(operation, &error, Fault::UnauthenticatedOnce);
            // The refused write has not happened: the same call does it now.
            match operation {
                "free_addresses" => assert_eq!(stage.free(&place.subnet, 3).await, free),
                "reserve" => stage.reserve(&place.subnet, address, &Requester::default()).await,
                _ => {
                    let released = stage.provider.release(&place.subnet, address).await;
                    assert!(released.expect("a release with the new session").is_removed());
                }
            }
        }
        assert_eq!(stage.is_reserved(&place.subnet, address).await, operation == "reserve", "after {operation}");
        stage.subject.heal().await;
    }
    Ok(())
}

async fn inject(stage: &Stage, fault: Fault) -> Result<(), Skip> {
    if stage.subject.fault(fault).await {
        Ok(())
    } else {
        Err(Skip::new(format!("this subject cannot inject {fault:?}")))
    }
}

fn assert_fault(operation: &str, error: &Error, fault: Fault) {
    assert_eq!(error.kind(), fault.expected_kind(), "{operation}: {error}");
    let message = error.to_string();
    assert!(!message.trim().is_empty() && !message.contains(['\n', '<']), "{operation}: one sentence: {message:?}");
    assert!(!message.contains(RAW_BODY), "{operation}: the raw answer is shown: {message:?}");
}

fn assert_failed<T: fmt::Debug>(operation: &str, outcome: Result<T, Error>, fault: Fault) {
    match outcome {
        Ok(answer) => panic!("{operation} during {fault:?} answered {answer:?}"),
        Err(error) => assert_fault(operation, &error, fault),
    }
}

/// Asks for everything during the fault and after it.
async fn check(stage: &Stage, fault: Fault) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    // The provider itself knows no time limit; where none is needed, none may hide what it does.
    let provider: Arc<dyn Provider> = match fault {
        Fault::Slow => Arc::new(Guard::new(stage.provider.clone(), Limits { attempt: TIME_LIMIT, read_attempts: 1 })),
        _ => stage.provider.clone(),
    };
    inject(stage, fault).await?;
    if fault == Fault::Gone {
        // A connection that was kept open may only now be seen to have ended.
        let _ = provider.reservation(&place.subnet, place.seeded.free(1)[0]).await;
    }
    if !fault.spares_reads() {
        check_reads(provider.as_ref(), &place, fault).await;
    }
    let changed = check_writes(provider.as_ref(), &place, fault).await;
    stage.subject.heal().await;

    // Everything is as it was, but for what the writes may have changed.
    let [free, taken] = changed.addresses;
    let is_reserved = stage.is_reserved(&place.subnet, free).await;
    assert!(is_reserved || !changed.reserve_claimed, "{free} was said to be reserved");
    assert!(!is_reserved || changed.reserve_possible, "{free} was said not to be reserved");
    let is_reserved = stage.is_reserved(&place.subnet, taken).await;
    assert!(!is_reserved || !changed.release_claimed, "{taken} was said to be released");
    let still_free: Vec<_> = stage.free(&place.subnet, 99).await;
    let untouched = |addresses: Vec<_>| -> Vec<_> {
        addresses.into_iter().filter(|address| *address != free && *address != taken).collect()
    };
    assert_eq!(untouched(still_free), untouched(place.seeded.free(99)));
    Ok(())
}

async fn check_reads(provider: &dyn Provider, place: &Place, fault: Fault) {
    let subnet = &place.subnet;
    if let Some(group) = &subnet.group {
        assert_failed("groups", provider.groups().await, fault);
        assert_failed("group", provider.group(group).await, fault);
    }
    assert_failed("subnets", provider.subnets(subnet.group.as_ref()).await, fault);
    let found = provider.find_subnets(subnet.prefix, subnet.group.as_ref()).await;
    assert_failed("find_subnets", found, fault);
    let address = place.seeded.free(1)[0];
    assert_failed("reservation", provider.reservation(subnet, address).await, fault);
    assert_failed("own_records", provider.own_records(address).await, fault);
    let held = AddressSet::default();
    let free = provider.free_addresses(subnet, FreeQuery { at_most: 3, held: &held }).await;
    let is_gone = free.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if !(fault == Fault::NoApi && is_gone) {
        assert_failed("free_addresses", free, fault);
    }
}

/// What the answers to the writes promise.
struct Changed {
    /// The one to reserve and the one to release.
    addresses: [IpAddr; 2],
    reserve_claimed: bool,
    reserve_possible: bool,
    release_claimed: bool,
}

async fn check_writes(provider: &dyn Provider, place: &Place, fault: Fault) -> Changed {
    // What a strange answer says does not matter to a provider that only needs its status.
    let may_succeed = fault == Fault::WrongJson;
    let free = place.seeded.free(1)[0];
    let taken = *place.seeded.taken.keys().next().expect("the plain subnet has taken addresses");

    let reserve = provider.reserve(&place.subnet, free, &Requester::default()).await;
    let reserve_claimed = reserve.is_ok();
    let reserve_possible = reserve.as_ref().map_or_else(|error| error.kind().leaves_write_unknown(), |()| true);
    if !(may_succeed && reserve_claimed) {
        assert_failed("reserve", reserve, fault);
    }
    let release = provider.release(&place.subnet, taken).await;
    let release_claimed = release.is_ok();
    if !(may_succeed && release_claimed) {
        assert_failed("release", release, fault);
    }
    Changed { addresses: [free, taken], reserve_claimed, reserve_possible, release_claimed }
}

/// After [`check`] with a fault of writes: have the writes taken effect, each once?
async fn check_writes_left(stage: &Stage, took_effect: bool) -> CaseResult {
    let place = stage.place(Role::Plain).await?;
    let free = place.seeded.free(1)[0];
    let taken = *place.seeded.taken.keys().next().expect("the plain subnet has taken addresses");
    assert_eq!(stage.is_reserved(&place.subnet, free).await, took_effect, "{free}");
    assert_eq!(stage.is_reserved(&place.subnet, taken).await, !took_effect, "{taken}");
    Ok(())
}
