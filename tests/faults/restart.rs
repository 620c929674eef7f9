//! A proxy whose sockets the service manager has opened: callers wait while it restarts.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::{Client, Place, Request, SUBNET, Seed, Spawn, mac, next_ip, until};

const RESTARTS: usize = 10;

const CALLERS: usize = 8;

/// A listening socket, and a place whose settings have its port.
fn activated() -> (Place, TcpListener, SocketAddr) {
    let place = Place::new(Seed::new().subnet(SUBNET));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    place.global(&format!("https_port: {}", address.port()));
    (place, listener, address)
}

/// As systemd starts it: with the socket as descriptor 3.
fn start(place: &Place, listener: &TcpListener) -> Spawn {
    let passed = "exec 3<&0 0</dev/null; LISTEN_FDS=1; LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec";
    let mut command = place.command_after(passed, &["serve"]);
    command.stdin(Stdio::from(OwnedFd::from(listener.try_clone().expect("a handle"))));
    Spawn::of(command)
}

/// Calls until it is over, each time on a connection of its own, as Foreman does.
fn call(caller: usize, client: &Client, is_over: &AtomicBool, calls: &AtomicUsize) -> Vec<String> {
    let mut faults = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let request = if caller.is_multiple_of(2) {
            next_ip(&mac(caller))
        } else {
            Request::new("GET", &format!("/ipam/subnet/{SUBNET}/10.0.0.{}?group=", 100 + caller))
        };
        match client.try_send(request) {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => faults.push(format!("{} {}", answer.status, answer.text())),
            Err(error) => faults.push(error.to_string()),
        }
        calls.fetch_add(1, Ordering::SeqCst);
    }
    faults
}

#[test]
fn no_call_is_refused_or_reset_while_the_proxy_restarts_ten_times() {
    let (place, listener, address) = activated();
    let (is_over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut server = start(&place, &listener).ready();
    assert_eq!(server.https(), address);
    let client = server.foreman();
    let faults: Vec<String> = thread::scope(|scope| {
        let (client, is_over, calls) = (&client, &is_over, &calls);
        let callers: Vec<_> =
            (0..CALLERS).map(|caller| scope.spawn(move || call(caller, client, is_over, calls))).collect();
        for _ in 0..RESTARTS {
            let before = calls.load(Ordering::SeqCst);
            server.end_well("TERM");
            server = start(&place, &listener).ready();
            until("calls are answered", || (calls.load(Ordering::SeqCst) > before + 4 * CALLERS).then_some(()));
        }
        is_over.store(true, Ordering::SeqCst);
        let faults = callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect();
        server.end_well("TERM");
        faults
    });
    assert!(faults.is_empty(), "of {} calls {} failed: {faults:?}", calls.into_inner(), faults.len());
    TcpStream::connect(address).expect("the socket is the service manager's");
}

#[test]
fn a_passed_socket_on_another_port_stops_the_start() {
    let (place, listener, address) = activated();
    place.global("https_port: 0");
    let ended = start(&place, &listener).unready().ended();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    let text = format!("systemd listens on {address}, which is the port of neither https_port nor http_port");
    assert!(ended.text.contains(&text), "{}", ended.text);
}
