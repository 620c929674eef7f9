//! The management API, black box: over TLS, with tokens and certificates.

mod access;
mod allocations;
mod embedded;
mod events;
mod plans;
mod problems;
mod reading;

use std::time::Duration;

use serde_json::Value;

use crate::support::{Client, Response, Seed};

/// A subnet outside of groups, and two groups with subnets.
fn seed() -> Seed {
    Seed::new()
        .subnet("10.0.0.0/24")
        .described_group("blue", "Production")
        .subnet_in("blue", "10.1.0.0/24")
        .subnet_in("blue", "10.1.1.0/24")
        .subnet_in("blue", "2001:db8:1::/64")
        .group("red")
        .subnet_in("red", "10.1.0.0/24")
        .reserved(Some("blue"), "10.1.0.0/24", ["10.1.0.1"])
}

/// Lets time pass, where that is what is tested.
#[expect(clippy::disallowed_methods, reason = "the process under test has a clock of its own")]
fn pause(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

/// The id of the subnet of this prefix in this group, or outside of groups.
fn id_of(client: &Client, prefix: &str, group: Option<&str>) -> String {
    let found = items(&client.get(&format!("/api/v1/subnets?prefix={prefix}")));
    let found = found.iter().find(|subnet| subnet["group"].as_str() == group);
    found.unwrap_or_else(|| panic!("no {prefix} in {group:?}"))["id"].as_str().expect("an id").to_owned()
}

/// The items of a page, which is a success.
fn items(response: &Response) -> Vec<Value> {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["items"].as_array().expect("items").clone()
}

/// One value of each item.
fn column(response: &Response, key: &str) -> Vec<Value> {
    items(response).into_iter().map(|item| item[key].clone()).collect()
}

/// The code of a problem that is as RFC 9457 and our own rules have it.
fn code(response: &Response) -> String {
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{}", response.text());
    let body = response.json();
    let text = |key: &str| body[key].as_str().unwrap_or_else(|| panic!("no {key}: {body}")).to_owned();
    assert_eq!(body["status"], response.status);
    assert_eq!(text("type"), format!("/api/v1/docs#{}", text("code")));
    assert!(!text("title").is_empty() && !text("detail").is_empty(), "{body}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    text("code")
}
