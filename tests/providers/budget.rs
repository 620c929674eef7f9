//! A product that takes requests and does not answer them.

use std::time::{Duration, Instant};

use ipam_conformance::{Fault, Role};

use crate::support::{Place, Request, Simulated, Vendor, assert_is_sentence, at_once, mac, named, subnet, until};

const BUDGET: Duration = Duration::from_secs(4);

/// For the handshake and for a busy machine; Foreman waits for a minute.
const MARGIN: Duration = Duration::from_secs(3);

const QUICK: &str = "request_budget_seconds: 4\nattempt_seconds: 1\ncandidate_seconds: 60\nlookup_seconds: 3600";

/// Everything that Foreman asks, all at once, where the subnet is known and where it is not.
pub(crate) fn every_call_is_answered_in_time<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).ipam(QUICK).start();
    let foreman = proxy.foreman();
    let (known, group) = named(subnet(&ipam.seed, Role::Plain));
    foreman.subnet(&known, group).expect("an answer");
    let client = proxy.client();
    ipam.fail(Fault::Slow);
    let query = "group=Production";
    let mut calls = vec![
        Request::new("GET", "/ipam/groups"),
        Request::new("GET", "/ipam/groups/Production"),
        Request::new("GET", "/ipam/groups/Production/subnets"),
    ];
    for (prefix, address) in [(known.as_str(), "192.0.2.2"), ("192.0.2.16/28", "192.0.2.18")] {
        calls.extend([
            Request::new("GET", &format!("/ipam/subnet/{prefix}/next_ip?mac=&{query}")),
            Request::new("GET", &format!("/ipam/subnet/{prefix}/{address}?{query}")),
            Request::empty_post(&format!("/ipam/subnet/{prefix}/{address}?{query}")),
            Request::new("DELETE", &format!("/ipam/subnet/{prefix}/{address}?{query}")),
        ]);
    }
    let answers = at_once(calls.len(), |number| {
        let start = Instant::now();
        (client.send(calls[number].clone()), start.elapsed())
    });
    for (call, (answer, duration)) in calls.iter().zip(answers) {
        assert_is_sentence(&answer.error());
        assert!(duration < BUDGET + MARGIN, "{call:?} took {duration:?}");
    }
    ipam.heal();
    // As soon as the IPAM answers, so do we.
    foreman.create_host(&known, Some(&mac(1)), group).expect("a host");
    proxy.assert_sound();
}

/// A request that hangs holds up nothing but its own caller.
pub(crate) fn other_subnets_go_on_while_one_waits<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    // Longer than the test takes: whoever waits for the one that hangs fails.
    let patient = "request_budget_seconds: 54\nattempt_seconds: 20\ncandidate_seconds: 60\nlookup_seconds: 3600";
    let proxy = Place::over(&ipam).ipam(patient).start();
    let foreman = proxy.foreman();
    let (hanging, group) = named(subnet(&ipam.seed, Role::Plain));
    let (batched, _) = named(subnet(&ipam.seed, Role::Wide));
    let (fresh, _) = named(subnet(&ipam.seed, Role::Empty));
    for prefix in [&hanging, &batched] {
        foreman.subnet(prefix, group).expect("an answer").expect("a subnet");
    }
    foreman.next_ip(&batched, Some(&mac(1)), group).expect("an address");
    ipam.take_requests();
    ipam.fail(Fault::Slow);

    let mut waiting = proxy.client().connect().expect("a connection");
    let target = format!("/ipam/subnet/{hanging}/next_ip?mac=&group=Production");
    waiting.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\nUser-Agent: curl\r\n\r\n").as_bytes()).expect("sent");
    until("the IPAM is asked", || (!ipam.take_requests().is_empty()).then_some(()));
    let start = Instant::now();
    // What needs no request does not wait, even while the IPAM answers nobody.
    foreman.next_ip(&batched, Some(&mac(2)), group).expect("an address of the batch");
    foreman.subnet(&batched, group).expect("an answer").expect("a remembered subnet");
    assert_eq!(proxy.client().get("/v2/features").status, 200);
    // And what needs one does not wait for the one that hangs.
    ipam.heal();
    foreman.create_host(&fresh, Some(&mac(3)), group).expect("a host in another subnet");
    assert_eq!(foreman.ip_exists(&hanging, "192.0.2.1", group), Ok(true), "another question about the same subnet");
    assert!(start.elapsed() < Duration::from_secs(15), "somebody waited: {:?}", start.elapsed());
}
