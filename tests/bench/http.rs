//! What the proxy costs over HTTP: `cargo bench --bench http`.
//!
//! A bare actix-web handler that returns the same bytes is the limit that the proxy is compared with, in the same run, on
//! the same number of workers, over the same kept-alive connections, each in a process of its own. The proxy is the whole
//! of it: settings, log to a file, extractors, allocation, journal of holds, embedded IPAM. What is printed are requests
//! per second and ratios; no test depends on them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use ipam_provider_internal::store::{NewSubnet, Store};

/// The argument that makes this program the bare server.
const SERVE_BARE: &str = "--serve-bare";

/// One caller, and as many at once as a busy Foreman has.
const CONNECTIONS: [usize; 2] = [1, 8];

const WORKERS: usize = 2;

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
    // `cargo bench` says so; `cargo test --benches` runs this once, briefly.
    let is_smoke = !std::env::args().any(|argument| argument == "--bench");
    let (rounds, span) = if is_smoke { (1, Duration::from_millis(100)) } else { (ROUNDS, Duration::from_secs(2)) };
    let directory = tempfile::tempdir().expect("a directory");
    let (_proxy, proxy) = start_proxy(directory.path());
    let (_bare, bare) = start_bare();
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
    println!("{:<32} {:>11} {:>10} {:>10} {:>8}", "kept-alive, requests/s", "connections", "bare", "proxy", "ratio");
    for (name, path) in &cases {
        for connections in CONNECTIONS {
            let (mut best_bare, mut best_proxy) = (0.0_f64, 0.0_f64);
            for _ in 0..rounds {
                best_bare = best_bare.max(throughput(bare, connections, path, span));
                best_proxy = best_proxy.max(throughput(proxy, connections, path, span));
            }
            let percent = 100.0 * best_proxy / best_bare;
            println!("{name:<32} {connections:>11} {best_bare:>10.0} {best_proxy:>10.0} {percent:>7.0}%");
        }
    }
}

/// A process that ends with its value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_proxy(directory: &std::path::Path) -> (Process, SocketAddr) {
    std::fs::create_dir(directory.join("settings.d")).expect("created");
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let settings = format!(
        "bind_host: 127.0.0.1\nhttp_port: {1}\ntrusted_hosts: [localhost]\nworkers: {WORKERS}\n\
         state_directory: {0}\nlog_file: {0}/proxy.log\n",
        directory.display(),
        address.port()
    );
    std::fs::write(directory.join("settings.yml"), settings).expect("written");
    let mut store = Store::open_or_create(&directory.join("ipam.sqlite")).expect("a store");
    let subnet = NewSubnet::of("10.0.0.0/8".parse().expect("a prefix"));
    store.write(|writing| writing.add_subnet(&subnet)).expect("added");
    let manager = UnixDatagram::bind(directory.join("notify")).expect("a socket");
    let child = Command::new(env!("CARGO_BIN_EXE_foreman-ipam-proxy"))
        .args(["--config-dir".as_ref(), directory.as_os_str(), "serve".as_ref()])
        .env("NOTIFY_SOCKET", directory.join("notify"))
        .spawn();
    let process = Process(child.expect("the proxy starts"));
    let mut message = [0; 256];
    let length = manager.recv(&mut message).expect("a message");
    assert!(message[..length].starts_with(b"READY=1"), "the proxy is ready");
    (process, address)
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
        let stream = TcpStream::connect(server).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        Self { stream, buffer: vec![0; 4096] }
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
