//! Prefixes, addresses and MACs: every spelling of one thing is that thing.

use serde_json::json;

use crate::support::server::Shared;
use crate::support::{Builder, Seed, Server};

const V4: &str = "10.0.0.0/24";
const V6: &str = "2001:db8:abcd:12::/64";

static SERVER: Shared = Shared::new(|| {
    let seed = Seed::new().subnet(V4).described_subnet(None, V6, "six").group("IPv6");
    let seed = seed.reserved(None, V6, ["2001:db8:abcd:12::50"]);
    let seed = seed.described_subnet(Some("IPv6"), V6, "six in a group").subnet("2001:db8:1::/127");
    Builder::new(seed.reserved(Some("IPv6"), V6, ["2001:db8:abcd:12::51"]))
});

#[test]
fn an_ipv6_prefix_has_one_meaning_in_every_spelling() {
    // B23: the Ruby plugin compares text.
    let server = Server::shared(&SERVER);
    for spelling in [
        "2001:db8:abcd:12::",
        "2001:DB8:ABCD:12::",
        "2001:0db8:abcd:0012:0000:0000:0000:0000",
        "2001:db8:abcd:12:0:0:0:0",
        "2001%3Adb8%3Aabcd%3A12%3A%3A",
        "2001:db8:abcd:12::0.0.0.0",
    ] {
        for (query, description) in [("", "six"), ("?group=", "six"), ("?group=IPv6", "six in a group")] {
            let response = server.client().get(&format!("/ipam/subnet/{spelling}/64{query}"));
            let body = response.json();
            assert_eq!(body["description"], json!(description), "{spelling}{query}");
            assert_eq!((&body["subnet"], &body["mask"]), (&json!("2001:db8:abcd:12::"), &json!("64")), "{spelling}");
        }
    }
}

#[test]
fn an_ipv6_address_is_taken_in_every_spelling() {
    let server = Server::shared(&SERVER);
    for spelling in [
        "2001:db8:abcd:12::50",
        "2001:DB8:ABCD:12::50",
        "2001:db8:abcd:12:0:0:0:50",
        "2001:0db8:abcd:0012:0000:0000:0000:0050",
        "2001:db8:abcd:12::0.0.0.80",
        "2001%3adb8%3aabcd%3a12%3a%3a50",
    ] {
        let taken = server.client().get(&format!("/ipam/subnet/{V6}/{spelling}?group="));
        assert_eq!(taken.answer(), (200, json!(true)), "{spelling}");
        let elsewhere = server.client().get(&format!("/ipam/subnet/{V6}/{spelling}?group=IPv6"));
        assert_eq!(elsewhere.answer(), (200, json!(false)), "{spelling}");
        let add = server.client().post(&format!("/ipam/subnet/{V6}/{spelling}?group="));
        assert!(add.error().contains("already reserved"), "{spelling}: {}", add.text());
    }
}

#[test]
fn two_spellings_of_a_subnet_share_their_holds() {
    // B23.
    let server = Server::start(Seed::new().subnet(V6));
    let ask = |subnet: &str, mac: &str| server.foreman().next_ip(subnet, Some(mac), None).expect("an address");
    let first = ask(V6, "02:00:00:00:00:01");
    assert_eq!(ask("2001:DB8:ABCD:12::/64", "02:00:00:00:00:01"), first);
    assert_ne!(ask("2001:db8:abcd:12:0:0:0:0/64", "02:00:00:00:00:02"), first);
}

#[test]
fn the_subnet_router_address_is_never_offered() {
    // B23b.
    let server = Server::start(Seed::new().subnet(V6).subnet("2001:db8:abcd:13::/124"));
    let foreman = server.foreman();
    assert_eq!(foreman.next_ip(V6, None, None).as_deref(), Ok("2001:db8:abcd:12::1"));
    assert_eq!(foreman.next_ip("2001:db8:abcd:13::/124", None, None).as_deref(), Ok("2001:db8:abcd:13::1"));
    let text = foreman.add(V6, "2001:db8:abcd:12::", None).expect_err("an error");
    assert!(text.contains("cannot be given to a host"), "{text}");
}

#[test]
fn addresses_are_answered_in_their_short_form() {
    let server = Server::shared(&SERVER);
    let address = server.foreman().next_ip("2001:DB8:1:0:0:0:0:0/127", Some("02:00:00:00:00:01"), None);
    assert_eq!(address.as_deref(), Ok("2001:db8:1::"));
}

#[test]
fn spellings_of_one_mac_are_one_caller() {
    // B21: to the Ruby plugin upper and lower case are two clients.
    let server = Server::start(Seed::new().subnet(V4));
    let client = server.client();
    let ask = |raw: &str| client.get(&format!("/ipam/subnet/{V4}/next_ip?mac={raw}&group=")).answer();
    for raw in [
        "00:0a:95:9d:68:10",
        "00:0A:95:9D:68:10",
        "00%3A0a%3A95%3A9d%3A68%3A10",
        "00-0a-95-9d-68-10",
        "00-0A-95-9D-68-10",
        "0:a:95:9d:68:10",
        "0-A-95-9D-68-10",
    ] {
        assert_eq!(ask(raw), (200, json!({"data": "10.0.0.1"})), "{raw}");
    }
    assert_eq!(ask("00:0a:95:9d:68:11"), (200, json!({"data": "10.0.0.2"})));
}

#[test]
fn infiniband_macs_are_macs() {
    let server = Server::start(Seed::new().subnet(V4));
    let foreman = server.foreman();
    let long = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:12:34:56";
    let first = foreman.next_ip(V4, Some(long), None).expect("an address");
    assert_eq!(foreman.next_ip(V4, Some(&long.to_uppercase().replace(':', "-")), None), Ok(first.clone()));
    // Its last six bytes alone are another client.
    assert_ne!(foreman.next_ip(V4, Some("c9:03:00:12:34:56"), None), Ok(first));
}

#[test]
fn what_is_no_mac_is_refused() {
    // B21: the Ruby plugin takes a MAC with a line break after it.
    let server = Server::start(Seed::new().subnet(V4));
    for raw in [
        "nonsense",
        "zz",
        "00:0a:95:9d:68",
        "00:0a:95:9d:68:10:11",
        "00:0a:95-9d-68-10",
        "000a959d6810",
        "000a.959d.6810",
        "00:0a:95:9d:68:1g",
        "00:0a:95:9d:68:10%0Agarbage",
        "00:0a:95:9d:68:10%0A",
        "+00:0a:95:9d:68:10",
        "%2000:0a:95:9d:68:10",
        "00:0a:95:9d:68:10%00",
        "%ff",
        "%zz",
    ] {
        let target = format!("/ipam/subnet/{V4}/next_ip?mac={raw}");
        let response = server.curl().get(&target);
        assert_eq!(response.status, 400, "{raw}");
        assert!(response.error().to_lowercase().contains("mac"), "{raw}: {}", response.text());
        let text = server.client().get(&target).error();
        assert_eq!(text, response.error(), "Foreman is told the same, with a 200");
    }
    assert_eq!(server.client().get("/ipam/holds").json(), json!({"holds": []}));
}

#[test]
fn a_missing_mac_may_be_written_in_every_way() {
    let server = Server::start(Seed::new().subnet(V4));
    let client = server.client();
    for (number, query) in ["", "?mac", "?mac=", "?mac&group", "?mac=&group=", "?group"].iter().enumerate() {
        let answer = client.get(&format!("/ipam/subnet/{V4}/next_ip{query}")).answer();
        assert_eq!(answer, (200, json!({"data": format!("10.0.0.{}", number + 1)})), "{query}");
    }
}

#[test]
fn prefixes_that_are_none_are_refused_in_clear_words() {
    // B30, B31: the Ruby plugin takes a netmask for a length, and says "invalid address: ".
    let server = Server::shared(&SERVER);
    let client = server.curl();
    for (target, expected) in [
        ("10.0.0.5/24", "Network address 10.0.0.5 should be 10.0.0.0 with prefix 24"),
        ("2001:db8:abcd:12::1/64", "Network address 2001:db8:abcd:12::1 should be 2001:db8:abcd:12:: with prefix 64"),
        ("10.0.0.0/33", "'33' is not a prefix length"),
        ("10.0.0.0/-1", "'-1' is not a prefix length"),
        ("10.0.0.0/+24", "'+24' is not a prefix length"),
        ("10.0.0.0/abc", "'abc' is not a prefix length"),
        ("10.0.0.0/024", "'024' is not a prefix length"),
        ("10.0.0.0/24.0", "'24.0' is not a prefix length"),
        ("10.0.0.0/%2024", "' 24' is not a prefix length"),
        ("10.0.0.0/255.255.255.0", "'255.255.255.0' is not a prefix length"),
        ("2001:db8:abcd:12::/129", "'129' is not a prefix length; use a number from 0 to 128"),
        ("10.0.0/24", "'10.0.0' is not an IP address"),
        ("10.0.256.0/24", "'10.0.256.0' is not an IP address"),
        ("abc/24", "'abc' is not an IP address"),
        ("010.000.000.000/24", "'010.000.000.000' is not an IP address"),
        ("%2010.0.0.0/24", "' 10.0.0.0' is not an IP address"),
        ("10.0.0.0%0A/24", "is not an IP address"),
        ("10.0.0.0%00/24", "is not an IP address"),
        ("%zz/24", "is not an IP address"),
        ("[2001:db8:abcd:12::]/64", "is not an IP address"),
        ("fe80::%25eth0/64", "is not an IP address"),
    ] {
        for rest in ["", "/next_ip", "/10.0.0.9"] {
            let response = client.get(&format!("/ipam/subnet/{target}{rest}"));
            assert_eq!(response.status, 400, "{target}{rest}: {}", response.text());
            assert!(response.error().contains(expected), "{target}{rest}: {}", response.text());
        }
    }
}

#[test]
fn addresses_that_are_none_or_elsewhere_are_refused() {
    let server = Server::shared(&SERVER);
    for (address, expected) in [
        ("foo", "IP address is invalid"),
        ("10.0.0.555", "IP address is invalid"),
        ("10.0.0.050", "IP address is invalid"),
        ("10.0.0", "IP address is invalid"),
        ("10.0.0.50%0Ax", "IP address is invalid"),
        ("10.0.0.50%2F24", "IP address is invalid"),
        ("%zz", "IP address is invalid"),
        ("fe80::1%25eth0", "IP address is invalid"),
        ("10.0.1.5", "IP 10.0.1.5 is not in 10.0.0.0/24"),
        ("2001:db8::1", "IP 2001:db8::1 is not in 10.0.0.0/24"),
        ("::ffff:10.0.0.5", "is not in 10.0.0.0/24"),
    ] {
        let target = format!("/ipam/subnet/{V4}/{address}");
        let client = server.curl();
        for response in [client.get(&target), client.post(&target), client.delete(&target)] {
            assert_eq!(response.status, 400, "{address}: {}", response.text());
            assert!(response.error().contains(expected), "{address}: {}", response.text());
        }
    }
    let taken = server.foreman().ip_exists(V4, "10.0.0.50", None);
    assert_eq!(taken, Ok(false), "none of them was added");
}

#[test]
fn the_mac_is_looked_at_before_the_prefix() {
    let server = Server::shared(&SERVER);
    let response = server.curl().get("/ipam/subnet/10.0.0.5/24/next_ip?mac=zz");
    assert!(response.error().starts_with("Mac address is invalid"), "{}", response.text());
}
