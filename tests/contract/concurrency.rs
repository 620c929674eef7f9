//! Many callers at once. The Ruby plugin gives eight of them six addresses, and sixty-four of them no more than a dozen
//! (B7).

use std::collections::BTreeSet;
use std::thread;

use crate::support::{Client, Connection, Request, Seed, Server, at_once, mac};

const GROUPS: [&str; 2] = ["blue", "red"];

/// The same four prefixes in both groups.
const PREFIXES: [&str; 4] = ["10.0.0.0/26", "10.0.1.0/26", "10.0.2.0/26", "2001:db8::/64"];

fn eight_subnets() -> Seed {
    GROUPS.iter().fold(Seed::new(), |seed, group| {
        PREFIXES.iter().fold(seed.group(group), |seed, prefix| seed.subnet_in(group, prefix))
    })
}

/// Group and prefix of a caller.
fn place(number: usize) -> (&'static str, &'static str) {
    (GROUPS[number % 2], PREFIXES[number / 2 % 4])
}

#[test]
fn two_hundred_callers_get_two_hundred_addresses() {
    let server = Server::start(eight_subnets());
    let foreman = server.foreman();
    let answers = at_once(200, |number| {
        let (group, prefix) = place(number);
        let address = foreman.next_ip(prefix, Some(&mac(number)), Some(group)).expect("an address");
        (group, prefix, address)
    });
    assert_eq!(answers.into_iter().collect::<BTreeSet<_>>().len(), 200);
}

#[test]
fn two_hundred_callers_on_open_connections_get_two_hundred_addresses() {
    let server = Server::start(eight_subnets());
    let client = server.client();
    let mut connections: Vec<_> = (0..8).map(|_| client.connect().expect("a connection")).collect();
    let mut answers = BTreeSet::new();
    thread::scope(|scope| {
        let turns = |line: usize| (line * 25)..(line * 25 + 25);
        let lines = connections.iter_mut().enumerate();
        let callers: Vec<_> = lines
            .map(|(line, connection)| {
                scope.spawn(move || turns(line).map(|number| over(connection, number)).collect::<Vec<_>>())
            })
            .collect();
        answers.extend(callers.into_iter().flat_map(|caller| caller.join().expect("the caller ends")));
    });
    assert_eq!(answers.len(), 200);
}

/// The address that a caller gets over a connection, with its group and prefix.
fn over(connection: &mut Connection, number: usize) -> (&'static str, &'static str, String) {
    let (group, prefix) = place(number);
    let target = format!("/ipam/subnet/{prefix}/next_ip?mac={}&group={group}", mac(number));
    let response = connection.exchange(Request::new("GET", &target)).expect("an answer");
    (group, prefix, response.json()["data"].as_str().expect("an address").to_owned())
}

#[test]
fn sixty_four_hosts_are_created_at_once() {
    let server = Server::start(Seed::new().subnet("10.0.0.0/16"));
    let foreman = server.foreman();
    let hosts = at_once(64, |number| {
        // Virtual machines have no MAC yet.
        let mac = (number % 2 == 0).then(|| mac(number));
        foreman.create_host("10.0.0.0/16", mac.as_deref(), None).expect("a host")
    });
    assert_eq!(hosts.into_iter().collect::<BTreeSet<_>>().len(), 64);
}

#[test]
fn one_mac_many_times_at_once_gets_one_address() {
    let server = Server::start(Seed::new().subnet("10.0.0.0/24"));
    let foreman = server.foreman();
    let answers = at_once(50, |_| foreman.next_ip("10.0.0.0/24", Some(&mac(1)), None).expect("an address"));
    assert_eq!(answers.into_iter().collect::<BTreeSet<_>>().len(), 1);
}

fn one_too_many(mac_of: impl Fn(usize) -> Option<String> + Sync) {
    let subnet = "10.0.0.0/28";
    let server = Server::start(Seed::new().subnet(subnet).reserved(None, subnet, ["10.0.0.3", "10.0.0.14"]));
    let foreman = server.foreman();
    let answers = at_once(13, |number| foreman.next_ip(subnet, mac_of(number).as_deref(), None));
    let (given, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let given: BTreeSet<String> = given.into_iter().flatten().collect();
    assert_eq!(given.len(), 12, "{given:?}");
    let refused: Vec<String> = refused.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].starts_with("No free addresses found in 10.0.0.0/28"), "{refused:?}");
}

#[test]
fn one_caller_too_many_gets_the_one_error() {
    one_too_many(|number| Some(mac(number)));
}

#[test]
fn one_caller_too_many_without_a_mac_gets_the_one_error() {
    one_too_many(|_| None);
}

#[test]
fn of_many_that_add_one_address_one_succeeds() {
    let server = Server::start(Seed::new().subnet("10.0.0.0/24"));
    let foreman = server.foreman();
    let outcomes = at_once(20, |_| foreman.add("10.0.0.0/24", "10.0.0.9", None));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    for text in outcomes.into_iter().filter_map(Result::err) {
        assert!(text.starts_with("IP address 10.0.0.9 is already reserved"), "{text}");
    }
}

#[test]
fn addresses_that_come_and_go_are_never_given_twice() {
    let subnet = "10.0.0.0/28";
    let server = Server::start(Seed::new().subnet(subnet));
    let foreman = server.foreman();
    // Fourteen addresses for seven callers, each of whom creates and deletes a host again and again. Had two of them
    // the same address at one time, one would fail to add it.
    at_once(7, |number| {
        for round in 0..6 {
            let mac = mac(number * 100 + round);
            let address = foreman.create_host(subnet, Some(&mac), None).expect("a host");
            foreman.delete(subnet, &address, None).expect("deleted");
        }
    });
}

#[test]
fn other_calls_go_on_beside_a_burst() {
    let server = Server::start(eight_subnets());
    let client: Client = server.client();
    let statuses = at_once(48, |number| {
        let (group, prefix) = place(number);
        match number % 6 {
            0 => client.get(&format!("/ipam/subnet/{prefix}/next_ip?mac&group={group}")).status,
            1 => client.get("/version").status,
            2 => client.get("/ipam/groups").status,
            3 => client.get("/logs/").status,
            4 => client.get("/ipam/holds").status,
            _ => client.get(&format!("/ipam/subnet/{prefix}?group={group}")).status,
        }
    });
    assert_eq!(statuses, [200; 48]);
}
