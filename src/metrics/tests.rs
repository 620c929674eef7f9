//! What is counted, without a server.

use std::time::Duration;

use ipam_provider::{Ended, ErrorKind};

use super::*;
use crate::allocation::{EventKind, Subject};

fn text(metrics: &Metrics) -> String {
    Format::Prometheus.write(&[&metrics.own])
}

/// The value of a series; `None` when it is not there.
fn value(metrics: &Metrics, series: &str) -> Option<String> {
    let text = text(metrics);
    text.lines()
        .find_map(|line| Some(line.strip_prefix(PREFIX)?.strip_prefix('_')?.strip_prefix(series)?.trim().into()))
}

#[test]
fn a_label_of_a_request_has_few_values_whatever_is_sent() {
    let metrics = Metrics::new();
    let route = Route { door: "foreman", pattern: "/ipam/holds/{address}" };
    metrics.answered(Some(route), "DELETE", 404, Duration::from_millis(3));
    for number in 0..100 {
        metrics.answered(None, &format!("X{number}"), 404, Duration::ZERO);
    }
    metrics.answered(None, "GET", 799, Duration::ZERO);
    let count = |labels: &str| format!("request_duration_seconds_count{{{labels}}}");
    let deleted = r#"door="foreman",route="/ipam/holds/{address}",method="DELETE",outcome="4xx""#;
    assert_eq!(value(&metrics, &count(deleted)).as_deref(), Some("1"));
    let others = r#"door="other",route="other",method="other",outcome="4xx""#;
    assert_eq!(value(&metrics, &count(others)).as_deref(), Some("100"));
    assert_eq!(text(&metrics).matches("request_duration_seconds_count").count(), 3);
}

#[test]
fn operations_are_counted_by_ipam_and_outcome_also_when_an_observer_is_made_again() {
    let metrics = Metrics::new();
    assert_eq!(value(&metrics, r#"ipam_retries_total{ipam="netbox"}"#), None);
    for _ in 0..2 {
        // As after a reload.
        let observer = metrics.observer("netbox");
        observer.ended("reserve", Ended::Failed(ErrorKind::TimedOut), Duration::from_secs(10));
        observer.ended("reserve", Ended::Done, Duration::from_millis(40));
        observer.ended("groups", Ended::Abandoned, Duration::from_secs(25));
        observer.retries();
    }
    metrics.observer("lab");
    for (operation, outcome) in [("reserve", "timed_out"), ("reserve", "done"), ("groups", "abandoned")] {
        let labels = format!(r#"ipam="netbox",operation="{operation}",outcome="{outcome}""#);
        let series = format!("ipam_operation_duration_seconds_count{{{labels}}}");
        assert_eq!(value(&metrics, &series).as_deref(), Some("2"), "{series}");
    }
    assert_eq!(value(&metrics, r#"ipam_retries_total{ipam="netbox"}"#).as_deref(), Some("2"));
    assert_eq!(value(&metrics, r#"ipam_retries_total{ipam="lab"}"#).as_deref(), Some("0"));
}

#[test]
fn events_are_counted_from_zero() {
    let metrics = Metrics::new();
    let lost = |operation: &str, look: &str| format!(r#"lost_answers_total{{operation="{operation}",look="{look}"}}"#);
    let restored = |outcome: &str| format!(r#"restores_total{{outcome="{outcome}"}}"#);
    let given_up = restored("given_up");
    assert_eq!(value(&metrics, &given_up).as_deref(), Some("0"));
    let error = ipam_provider::Error::new(ErrorKind::TimedOut, "late");
    let prefix = "10.0.0.0/24".parse().expect("a prefix");
    let subject = Subject { provider: "internal", group: None, prefix, address: [10, 0, 0, 1].into() };
    let see = |kind: EventKind<'_>| {
        let at = jiff::Timestamp::UNIX_EPOCH;
        metrics.see(&Event { at, request: None, caller: None, subject, kind });
    };
    see(EventKind::AddConfirmed { error: &error });
    see(EventKind::DeleteConfirmed { error: &error });
    see(EventKind::DeleteUnknown { request: "one", unnoted: None });
    see(EventKind::NotWatched { others: 1000 });
    see(EventKind::RestorePutOff { why: "late" });
    see(EventKind::RestorePutOff { why: "late" });
    see(EventKind::LeftOver { request: "one" });
    see(EventKind::TakenWhileHeld);
    see(EventKind::NothingToDelete);
    for (series, expected) in [
        (lost("add", "took_effect"), "1"),
        (lost("add", "unknown"), "0"),
        (lost("add", "reserved_by_somebody"), "0"),
        (lost("delete", "took_effect"), "1"),
        (lost("delete", "unknown"), "1"),
        (r#"lost_additions_found_total{finding="not_watched"}"#.to_owned(), "1"),
        (r#"lost_additions_found_total{finding="absent"}"#.to_owned(), "0"),
        (restored("put_off"), "2"),
        (given_up, "0"),
        ("addresses_left_over_total".to_owned(), "1"),
        ("addresses_taken_while_held_total".to_owned(), "1"),
        ("additions_unanswered_total".to_owned(), "0"),
    ] {
        assert_eq!(value(&metrics, &series).as_deref(), Some(expected), "{series}");
    }
}

#[test]
fn open_metrics_are_for_callers_that_name_them() {
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
    for accept in [None, Some("*/*"), Some("text/plain"), Some("text/html, application/openmetrics-text-2")] {
        assert_eq!(Format::accepted(accept), Format::Prometheus, "{accept:?}");
    }
    let metrics = Metrics::new();
    let text = Format::OpenMetrics.write(&[&metrics.of_process, &metrics.own]);
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
}
