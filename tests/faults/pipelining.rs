//! Many requests at once on one connection: more than the proxy reads before it answers.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::wire::{Answer, DOORS, Door, Wire};
use crate::support::{Place, SUBNET, Seed, mac};

const REQUESTS: usize = 200;

/// Shorter than the 10 seconds after which a connection without a request ends.
const AT_MOST: Duration = Duration::from_secs(8);

/// The proxy waits for the holds and for the IPAM before it answers this.
fn request(host: usize) -> String {
    let target = format!("/ipam/subnet/{SUBNET}/next_ip?mac={}&group=", mac(host));
    format!("GET {target} HTTP/1.1\r\nHost: proxy.example.com\r\nUser-Agent: curl/8.5.0\r\n\r\n")
}

/// Asks in one write for the addresses of these hosts; the answers in their order.
fn exchange(wire: &mut Wire, hosts: impl Iterator<Item = usize>) -> Vec<Value> {
    let began = Instant::now();
    assert!(wire.send(hosts.map(request).collect::<String>().as_bytes()));
    let answers = wire.receive(REQUESTS, AT_MOST);
    assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
    answers.iter().map(Answer::json).collect()
}

#[test]
fn requests_that_are_sent_at_once_are_answered_in_order_and_soon() {
    let place = Place::new(Seed::new().subnet(SUBNET));
    // Over plain HTTP this machine may have another name than `localhost`; then each answer is the same refusal.
    place.global("http_port: 0\ntrusted_hosts: [foreman.example.com, localhost]");
    let server = place.start();
    for door in DOORS {
        let mut wire = Wire::open(&server, door);
        let addresses = exchange(&mut wire, 0..REQUESTS);
        let are_offers = addresses.iter().all(|answer| answer["data"].is_string());
        assert!(are_offers || door == Door::Plain, "{addresses:?}");
        // The connection is kept, and each host has its own address again.
        let mut backwards = exchange(&mut wire, (0..REQUESTS).rev());
        backwards.reverse();
        assert_eq!(backwards, addresses, "{door:?}");
    }
    server.end_well("TERM");
}
