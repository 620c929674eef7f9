//! What an idle proxy costs. Numbers of a debug build are for reading only; nothing is asserted of them.

use std::time::Instant;

use crate::support::{Manager, Place, SUBNET, Seed, Spawn};

#[test]
#[expect(clippy::print_stderr, reason = "the numbers are what the test is for")]
fn start_and_memory_of_an_idle_proxy_are_reported() {
    let place = Place::new(Seed::new().subnet(SUBNET));
    let manager = Manager::new(&place);
    let begun = Instant::now();
    let spawned = Spawn::of(manager.employ(place.command(&["serve"])));
    assert!(manager.heard().starts_with("READY=1\n"));
    let ready = begun.elapsed();
    let server = spawned.ready();
    let idle = server.resident_kib();
    assert_eq!(server.foreman().get("/v2/features").status, 200);
    eprintln!(
        "resources: ready {ready:?} after the start; resident {idle} KiB idle, {} KiB after a request; {} open files",
        server.resident_kib(),
        server.open_files()
    );
    server.end_well("TERM");
}
