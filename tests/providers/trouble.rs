//! A product that is away, or does not let us in: what Foreman's users, its page of the proxy and `check` say.

use ipam_conformance::{Fault, Role};
use serde_json::json;

use crate::support::{Place, Proxy, Simulated, Vendor, assert_is_sentence, mac, named, subnet};

fn is_running(proxy: &Proxy) {
    let features = proxy.client().get("/v2/features").json();
    assert_eq!(features["externalipam"]["state"], json!("running"), "{features}");
}

pub(crate) fn an_ipam_that_is_gone_does_not_stop_the_start<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    ipam.fail(Fault::Gone);
    let proxy = Proxy::over(&ipam);
    let foreman = proxy.foreman();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Plain));
    is_running(&proxy);
    let text = foreman.next_ip(&prefix, Some(&mac(1)), group).expect_err("nobody is there");
    assert_is_sentence(&text);
    assert!(text.starts_with("Unable to connect to External IPAM server"), "{text}");
    assert_eq!(proxy.curl().get(&format!("/ipam/subnet/{prefix}?group=Production")).status, 503);
    // Foreman drops features that are not running.
    is_running(&proxy);
    assert_eq!(proxy.trouble(), Some(format!("IPAM: {text}")));
    ipam.heal();
    foreman.create_host(&prefix, Some(&mac(1)), group).expect("a host, without a restart");
    assert_eq!(proxy.trouble(), None);
    proxy.assert_sound();
}

pub(crate) fn a_refusal_by_an_ipam_that_is_back_ends_its_trouble<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Proxy::over(&ipam);
    let foreman = proxy.foreman();
    let plain = subnet(&ipam.seed, Role::Plain);
    let (prefix, group) = named(plain);
    let taken = plain.taken.keys().next().expect("a taken address").to_string();
    ipam.fail(Fault::Gone);
    foreman.next_ip(&prefix, Some(&mac(1)), group).expect_err("nobody is there");
    assert!(proxy.trouble().is_some());
    ipam.heal();
    foreman.add(&prefix, &taken, group).expect_err("it is reserved");
    assert_eq!(proxy.trouble(), None);
}

pub(crate) fn wrong_credentials_are_said<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::new(V::NAME, &V::wrong_settings(&ipam.url())).start();
    is_running(&proxy);
    let foreman = proxy.foreman();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Plain));
    let texts = [
        foreman.next_ip(&prefix, Some(&mac(1)), group).expect_err("not let in"),
        foreman.subnets("Production").expect_err("not let in"),
        foreman.add(&prefix, "192.0.2.2", group).expect_err("not let in"),
        foreman.delete(&prefix, "192.0.2.1", group).expect_err("not let in"),
    ];
    for text in texts {
        assert_is_sentence(&text);
        assert!(text.contains("Invalid credentials for External IPAM"), "{text}");
    }
    assert_eq!(proxy.curl().get("/ipam/groups").status, 502);
    let trouble = proxy.trouble().expect("Foreman's page says it");
    assert!(trouble.contains("Invalid credentials"), "{trouble}");
    is_running(&proxy);
}

/// The lines about the product in the output of `check`.
fn about_ipam(output: &str) -> Vec<&str> {
    output.lines().filter_map(|line| line.strip_prefix("IPAM ")).map(str::trim).collect()
}

pub(crate) fn check_says_that_all_is_well<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let records = || ipam.seed.subnets.iter().flat_map(|seeded| ipam.vendor.records(seeded)).collect::<Vec<_>>();
    let before = records();
    let (code, output) = Place::over(&ipam).run(&["check"]);
    assert_eq!(code, Some(0), "{output}");
    let lines = about_ipam(&output);
    assert!(lines.len() >= 2 && lines.iter().all(|line| line.starts_with("ok: ")), "{output}");
    assert!(output.contains(&format!("externalipam_{}", V::NAME)), "{output}");
    assert_eq!(records(), before, "a check changes nothing");
}

/// The settings alone are fine, so that the service starts.
pub(crate) fn check_says_that_the_ipam_is_gone<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    ipam.fail(Fault::Gone);
    let place = Place::over(&ipam);
    let (code, output) = place.run(&["check"]);
    assert_eq!(code, Some(1), "{output}");
    let lines = about_ipam(&output);
    // With the cause, which Foreman is not told: an administrator must tell it from a name that does not resolve.
    let is_said = |line: &&str| {
        line.starts_with("fault: ")
            && line.contains("Unable to connect to External IPAM")
            && line.contains("Connection refused")
    };
    assert!(lines.iter().any(is_said), "{output}");
    let (code, output) = place.run(&["check", "--settings-only"]);
    assert_eq!(code, Some(0), "{output}");
}

pub(crate) fn check_says_that_the_credentials_are_wrong<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let (code, output) = Place::new(V::NAME, &V::wrong_settings(&ipam.url())).run(&["check"]);
    assert_eq!(code, Some(1), "{output}");
    let lines = about_ipam(&output);
    let is_said = |line: &&str| line.starts_with("fault: ") && line.contains("Invalid credentials for External IPAM");
    assert!(lines.iter().any(is_said), "{output}");
}

/// What may be done is told from what may not.
pub(crate) fn check_names_the_missing_right<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let (code, output) = Place::new(V::NAME, &ipam.vendor.read_only_settings(&ipam.url())).run(&["check"]);
    assert_eq!(code, Some(1), "{output}");
    let lines = about_ipam(&output);
    assert!(lines.iter().any(|line| line.starts_with("fault: ") && line.contains(V::MISSING_RIGHT)), "{output}");
    assert!(lines.iter().any(|line| line.starts_with("ok: ")), "{output}");
}
