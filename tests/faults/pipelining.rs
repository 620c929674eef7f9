//! Many requests at once on one connection: more than the proxy reads before it answers.

use std::time::{Duration, Instant};

use crate::garbage::{assert_well, start};
use crate::support::wire::{DOORS, Door, Wire};

const REQUESTS: usize = 200;

/// Shorter than the 10 seconds after which a connection without a request ends.
const AT_MOST: Duration = Duration::from_secs(8);

/// Which requests are for another page, in no regular order.
fn is_other(number: usize) -> bool {
    number * number % 7 < 3
}

fn request(number: usize) -> String {
    let target = if is_other(number) { "/features" } else { "/version" };
    format!("GET {target} HTTP/1.1\r\nHost: proxy.example.com\r\n\r\n")
}

/// Sends the requests in one write, and reads the answers.
fn exchange(wire: &mut Wire, door: Door) {
    let began = Instant::now();
    assert!(wire.send((0..REQUESTS).map(request).collect::<String>().as_bytes()), "{door:?}");
    for (number, answer) in wire.receive(REQUESTS, AT_MOST).into_iter().enumerate() {
        let is_list = answer.json().is_array();
        assert_eq!((answer.status, is_list), (200, is_other(number)), "{door:?}, number {number}: {answer:?}");
    }
    assert!(began.elapsed() < AT_MOST, "{door:?}: {:?}", began.elapsed());
}

#[test]
fn requests_that_are_sent_at_once_are_answered_in_order_and_soon() {
    let (_place, server) = start();
    for door in DOORS {
        let mut wire = Wire::open(&server, door);
        exchange(&mut wire, door);
        // The connection is kept, for as many again.
        exchange(&mut wire, door);
    }
    assert_well(&server);
}
