//! A ledger that cannot be written: it is told, and keeps no caller waiting.

use std::fs;

use crate::support::{Place, SUBNET, Seed, mac, next_ip, offered, target, trouble, until};

#[test]
fn a_broken_ledger_is_told_and_calls_go_on_until_it_is_moved_away() {
    let place = Place::new(Seed::new().subnet(SUBNET));
    let ledger = place.path("state/ledger.sqlite");
    fs::write(&ledger, "this is no ledger, and as long as the head of one has to be").expect("written");
    let said = "it is something else; move it away";
    let checked = place.run(&["check"]);
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(text.contains("ledger        fault: ") && text.contains(said) && !checked.status.success(), "{text}");

    let server = place.start();
    server.wait_for("The ledger is not written for now");
    let address = offered(&server.curl().send(next_ip(&mac(1))));
    assert_eq!(server.curl().post(&target(&address)).status, 201);
    assert!(trouble(&server.foreman()).is_some_and(|text| text.contains(said)));
    let running = place.run(&["check", "--running"]);
    assert!(String::from_utf8_lossy(&running.stdout).contains(said), "{running:?}");
    fs::rename(&ledger, place.path("moved")).expect("moved");
    server.wait_for("The ledger is written again");
    until("nothing is wrong", || trouble(&server.foreman()).is_none().then_some(()));
    server.end_well("TERM");

    let shown = place.run(&["ledger", "--address", &address, "--json"]);
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.lines().count() == 1 && text.contains(&mac(1)), "what waited is there: {text}");
}
