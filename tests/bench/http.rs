//! What the proxy costs over HTTP: `cargo bench --bench http`.
//!
//! A bare actix-web handler that returns the same bytes is the limit that the proxy is compared with, in the same run, on
//! the same number of workers, over the same kept-alive connections, each in a process of its own. The proxy is the whole
//! of it: settings, log to a file, extractors, allocation, journal of holds, embedded IPAM. What is printed are requests
//! per second and ratios; no test depends on them.
//!
//! `cargo bench --bench http -- --before <path>` has another build take its turns in the same run, and prints how many
//! times its requests this build answers.

mod proxy;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};

use proxy::{Process, WORKERS};

/// The argument that makes this program the bare server.
const SERVE_BARE: &str = "--serve-bare";

/// One caller, and as many at once as a busy Foreman has.
const CONNECTIONS: [usize; 2] = [1, 8];

/// Each measurement is repeated, the two sides in turns, and the best of each counts: everything that disturbs makes it
/// slower, nothing makes it faster.
const ROUNDS: usize = 5;

/// The path to ask for, of the number of the connection.
type Path<'a> = Box<dyn Fn(usize) -> String + Sync + 'a>;

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() {
    if std::env::args().any(|argument| argument == SERVE_BARE) {
        return serve_bare();
    }
    let (is_smoke, before) = proxy::arguments("--before");
    let programs = std::iter::once(PathBuf::from(env!("CARGO_BIN_EXE_foreman-ipam-proxy"))).chain(before);
    let (rounds, span) = if is_smoke { (1, Duration::from_millis(100)) } else { (ROUNDS, Duration::from_secs(2)) };
    let (_bare, bare) = start_bare();
    let proxies: Vec<_> = programs.map(|program| start_proxy(&program)).collect();
    let servers: Vec<SocketAddr> = std::iter::once(bare).chain(proxies.iter().map(|proxy| proxy.address)).collect();
    let next_ip = |host: usize| {
        let [a, b, c, d] = u32::try_from(host).unwrap_or(u32::MAX).to_be_bytes();
        format!("/ipam/subnet/10.0.0.0/8/next_ip?mac=02%3A00%3A{a:02x}%3A{b:02x}%3A{c:02x}%3A{d:02x}&group=")
    };
    let fresh = AtomicUsize::new(1000);
    let cases: [(&str, Path<'_>); 3] = [
        ("next_ip, each time a new MAC", Box::new(|_| next_ip(fresh.fetch_add(1, Ordering::Relaxed)))),
        ("next_ip, the same MACs again", Box::new(next_ip)),
        ("exists", Box::new(|host| format!("/ipam/subnet/10.0.0.0/8/10.200.0.{host}?group="))),
    ];
    print!("{:<32} {:>11} {:>10} {:>10} {:>8}", "kept-alive, requests/s", "connections", "bare", "proxy", "of bare");
    println!("{}", "     before  times".repeat(servers.len() - 2));
    for (name, path) in &cases {
        for connections in CONNECTIONS {
            let mut best = vec![0.0_f64; servers.len()];
            for round in 0..rounds {
                let mut turns: Vec<_> = best.iter_mut().zip(&servers).collect();
                // Who comes right after the bare server is slower by up to a quarter, whoever it is.
                if round % 2 == 1 {
                    turns.reverse();
                }
                for (best, server) in turns {
                    *best = best.max(throughput(*server, connections, path, span));
                }
            }
            let (bare, proxy) = (best[0], best[1]);
            print!("{name:<32} {connections:>11} {bare:>10.0} {proxy:>10.0} {:>7.0}%", 100.0 * proxy / bare);
            for before in &best[2..] {
                print!(" {before:>10.0} {:>6.2}", proxy / before);
            }
            println!();
        }
    }
}

/// A proxy with its own directory, both gone with the value.
struct Proxy {
    address: SocketAddr,
    _process: Process,
    _directory: tempfile::TempDir,
}

fn start_proxy(program: &std::path::Path) -> Proxy {
    let directory = tempfile::tempdir().expect("a directory");
    proxy::prepare(directory.path(), &["10.0.0.0/8".to_owned()]);
    let (process, address) = proxy::start(program, directory.path(), "");
    Proxy { address, _process: process, _directory: directory }
}

fn start_bare() -> (Process, SocketAddr) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program).arg(SERVE_BARE).stdout(Stdio::piped()).spawn().expect("a process");
    let output = child.stdout.take().expect("a pipe");
    let process = Process(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("a line");
    (process, line.trim().parse().expect("an address"))
}

#[expect(clippy::print_stdout, reason = "tells its address")]
fn serve_bare() {
    let serve = async {
        let answer = || async { HttpResponse::Ok().content_type(ContentType::json()).body(r#"{"data":"10.0.0.1"}"#) };
        let server = HttpServer::new(move || App::new().default_service(web::to(answer)))
            .workers(WORKERS)
            .disable_signals()
            .bind("127.0.0.1:0")
            .expect("a port");
        println!("{}", server.addrs()[0]);
        server.run().await.expect("the server runs");
    };
    actix_web::rt::System::new().block_on(serve);
}

/// Requests per second over all connections, each of which asks as soon as it is answered.
fn throughput(server: SocketAddr, connections: usize, path: &Path<'_>, span: Duration) -> f64 {
    let is_over = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for connection in 0..connections {
            let (is_over, answered) = (&is_over, &answered);
            scope.spawn(move || {
                let mut client = Client::connect(server);
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) {
                    client.get(&path(connection));
                    count += 1;
                }
                answered.fetch_add(count, Ordering::Relaxed);
            });
        }
        while let Some(left) = span.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    answered.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(server: SocketAddr) -> Self {
        Self { stream: proxy::connect(server), buffer: vec![0; 4096] }
    }

    fn get(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: proxy\r\nAccept: application/json\r\n\r\n");
        self.stream.write_all(request.as_bytes()).expect("sent");
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).expect("an answer");
            assert!(read > 0, "the server hung up");
            filled += read;
            if is_complete(&self.buffer[..filled]) {
                return;
            }
        }
    }
}

fn is_complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    assert!(head.starts_with("HTTP/1.1 200"), "{text}");
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}
