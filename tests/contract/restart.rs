//! What survives when the service is restarted: the Ruby plugin forgets all its promises (B6).

use serde_json::{Value, json};

use crate::support::{Seed, Server, mac};

const SUBNET: &str = "10.0.0.0/24";

/// All holds but for their times: time stands still while no proxy runs, and a hold may end a little later, never earlier.
fn holds(server: &Server) -> Vec<Value> {
    let mut holds = server.client().get("/ipam/holds").json()["holds"].as_array().expect("a list").clone();
    for hold in &mut holds {
        for time in ["since", "until"] {
            hold.as_object_mut().expect("an object").remove(time).expect("a time");
        }
    }
    holds
}

#[test]
fn promises_survive_a_restart() {
    let server = Server::start(Seed::new().subnet(SUBNET).group("blue").subnet_in("blue", SUBNET));
    let ask = |server: &Server, number, group| server.foreman().next_ip(SUBNET, Some(&mac(number)), group);
    let without_mac = server.foreman().next_ip(SUBNET, None, None).expect("an address");
    let first = ask(&server, 1, None).expect("an address");
    let in_blue = ask(&server, 1, Some("blue")).expect("an address");
    let before = holds(&server);
    assert_eq!(before.len(), 3);

    let server = server.restart();
    assert_eq!(holds(&server), before);
    let other = ask(&server, 2, None).expect("an address");
    assert!(other != first && other != without_mac, "{other}");
    assert_eq!(ask(&server, 1, None), Ok(first.clone()));
    assert_eq!(ask(&server, 1, Some("blue")), Ok(in_blue));

    let server = server.restart();
    assert_eq!(ask(&server, 2, None), Ok(other), "and the next one");
    assert_eq!(ask(&server, 1, None), Ok(first));
}

#[test]
fn a_deleted_address_stays_in_quarantine_and_its_host_gets_it_again() {
    let server = Server::start(Seed::new().subnet(SUBNET));
    let address = server.foreman().create_host(SUBNET, Some(&mac(1)), None).expect("a host");
    server.foreman().delete(SUBNET, &address, None).expect("deleted");
    let server = server.restart();
    let [held] = &holds(&server)[..] else { panic!("one hold") };
    assert_eq!((&held["state"], &held["address"]), (&json!("released"), &json!(address)));
    assert_ne!(server.foreman().next_ip(SUBNET, Some(&mac(2)), None), Ok(address.clone()));
    assert_eq!(server.foreman().next_ip(SUBNET, Some(&mac(1)), None), Ok(address));
}

#[test]
fn reservations_survive_a_restart() {
    let server = Server::start(Seed::new().subnet(SUBNET));
    let address = server.foreman().create_host(SUBNET, Some(&mac(1)), None).expect("a host");
    let server = server.restart();
    assert_eq!(server.foreman().ip_exists(SUBNET, &address, None), Ok(true));
    assert_ne!(server.foreman().next_ip(SUBNET, Some(&mac(1)), None), Ok(address), "it is a host's by now");
}

#[test]
fn a_server_that_is_told_to_end_finishes_what_it_began() {
    let server = Server::start(Seed::new().subnet(SUBNET));
    let response = server.client().get("/version");
    assert_eq!(response.json()["modules"]["logs"], json!(env!("CARGO_PKG_VERSION")));
    // Ends with exit code 0, which the restart looks at, although a connection is open and idle.
    let idle = server.client().connect().expect("a connection");
    let server = server.restart();
    drop(idle);
    assert_eq!(server.client().get("/features").status, 200);
}
