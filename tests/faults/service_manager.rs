//! What systemd is told: the start, reloads, the end, and that the process is alive.

use std::net::TcpStream;

use crate::support::{Manager, Place, SUBNET, Seed, Spawn, free_port, mac, next_ip, offered};

fn place() -> Place {
    Place::new(Seed::new().subnet(SUBNET))
}

#[test]
fn the_service_manager_is_told_of_start_reload_and_end() {
    let place = place();
    let port = free_port();
    place.global(&format!("https_port: {port}"));
    let manager = Manager::new(&place);
    let spawned = Spawn::of(manager.employ(place.command(&["serve"])));
    let ready = manager.heard();
    // The first try must succeed: nothing is waited for.
    TcpStream::connect(("127.0.0.1", port)).expect("the socket accepts when the manager is told");
    assert!(ready.starts_with("READY=1\n") && ready.contains("STATUS="), "{ready:?}");
    let server = spawned.ready();
    assert_eq!(server.foreman().get("/v2/features").status, 200);
    let mut times = Vec::new();
    for round in 1..=3 {
        if round == 2 {
            place.ipam("hold_seconds: 1");
        }
        server.signal("HUP");
        let reloading = manager.heard();
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|time| time.trim_end().parse().ok());
        times.push(time.unwrap_or_else(|| panic!("{reloading:?}")));
        // Also after a reload that failed: the service goes on as it was.
        let ready = manager.heard();
        assert!(ready.starts_with("READY=1\n"), "{ready:?}");
    }
    assert!(times.is_sorted_by(|earlier: &u64, later| earlier < later), "{times:?}");
    server.signal("TERM");
    assert_eq!(manager.heard(), "STOPPING=1\n");
    let ended = server.ended();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    assert_eq!(manager.rest(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_does_not_serve_is_never_ready() {
    let place = place();
    let server = place.start();
    let manager = Manager::new(&place);
    for lines in ["", "hold_seconds: 1"] {
        place.ipam(lines);
        let ended = Spawn::of(manager.employ(place.command(&["serve"]))).unready().ended();
        assert_ne!(ended.status.code(), Some(0), "{}", ended.text);
        assert_eq!(manager.rest(), Vec::<String>::new());
    }
    server.end_well("TERM");
}

#[test]
fn the_watchdog_is_pinged_when_it_watches_this_process() {
    let place = place();
    let manager = Manager::new(&place);
    // 100 ms: pings come every 50.
    let mut command = place.command_after("WATCHDOG_PID=$$ exec", &["serve"]);
    command.env("WATCHDOG_USEC", "100000");
    let server = Spawn::of(manager.employ(command)).ready();
    let mut pings = 0;
    let mut is_ready = false;
    while pings < 10 || !is_ready {
        match manager.heard().as_str() {
            "WATCHDOG=1\n" => pings += 1,
            other => is_ready |= other.starts_with("READY=1\n"),
        }
    }
    // Pings go on while settings are read again and requests are answered.
    server.signal("HUP");
    let heard: Vec<String> = (0..10).map(|_| manager.heard()).collect();
    assert!(heard.iter().any(|message| message.starts_with("RELOADING=1\n")), "{heard:?}");
    assert!(heard.iter().filter(|message| *message == "WATCHDOG=1\n").count() >= 7, "{heard:?}");
    server.end_well("TERM");
    let rest = manager.rest();
    assert!(rest.contains(&"STOPPING=1\n".to_owned()), "{rest:?}");
}

#[test]
fn a_watchdog_of_somebody_else_is_not_pinged() {
    let place = place();
    let manager = Manager::new(&place);
    let mut command = place.command(&["serve"]);
    // The test's own process is watched; 2 ms would give many pings before the end.
    command.env("WATCHDOG_USEC", "2000").env("WATCHDOG_PID", std::process::id().to_string());
    let server = Spawn::of(manager.employ(command)).ready();
    for number in 0..50 {
        offered(&server.foreman().send(next_ip(&mac(number))));
    }
    server.end_well("TERM");
    let rest = manager.rest();
    assert_eq!(rest.len(), 2, "{rest:?}");
    assert!(rest[0].starts_with("READY=1\n") && rest[1] == "STOPPING=1\n", "{rest:?}");
}
