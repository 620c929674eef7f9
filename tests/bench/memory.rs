//! How much memory the proxy takes: `cargo bench --bench memory`.
//!
//! The proxy is the whole of it, a process with journal and embedded IPAM. It is measured idle, and with 100,000 and a
//! million holds, in a thousand subnets of IPv4 and IPv6 and in one subnet; each time again after a restart, when the holds
//! come from the journal. The bounds are 64 MiB for 100,000 holds and 256 MiB for a million, resident; simple structures are
//! worth more than less. What is printed is what the system says of the process (`VmRSS` and `VmHWM` in
//! `/proc/<pid>/status`), with the bound where there is one, and
//!
//! - how much processor time the idle proxy takes;
//! - how long the slowest answer took while the journal was written again, which the proxy does within a minute of so many
//!   new holds;
//! - how long the restart took, to the moment when it says that it is ready.
//!
//! `cargo bench --bench memory -- --program <path>` measures another build, to compare with. No test depends on the figures.

mod proxy;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use proxy::Process;

/// How many ask at the same time while the holds are made.
const CONNECTIONS: u32 = 4;

/// How many requests a connection sends before it waits for the answers: more than the 4 KiB that the proxy reads at once.
const PIPELINED: u32 = 32;

/// How long the proxy may take to write the journal again after the last hold is made.
const WRITTEN_AGAIN_WITHIN: Duration = Duration::from_secs(150);

/// How often somebody asks meanwhile.
const PAUSE: Duration = Duration::from_millis(2);

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() {
    let (is_smoke, mut programs) = proxy::arguments("--program");
    let program = programs.pop().unwrap_or_else(|| env!("CARGO_BIN_EXE_foreman-ipam-proxy").into());
    let counts: &[(u32, f64)] = if is_smoke { &[(2000, 64.0)] } else { &[(100_000, 64.0), (1_000_000, 256.0)] };
    println!("{:<44} {:>9} {:>9} {:>9}", "MiB", "resident", "highest", "bound");
    let idle = Site::new(&[], &program);
    let proxy = idle.start();
    proxy.report("idle", None);
    let span = Duration::from_secs(if is_smoke { 1 } else { 60 });
    println!("  processor time in {} s: {} ms", span.as_secs(), proxy.processor_time(span).as_millis());
    drop(proxy);
    // A quarter of them IPv6: an address that has more bytes must not cost a hold more than that.
    let subnet = |number: u32| match number % 4 {
        3 => format!("2001:db8:{number:x}::/64"),
        _ => format!("10.{}.{}.0/22", number / 64, number % 64 * 4),
    };
    let spread: Vec<String> = (0..1000).map(subnet).collect();
    let one = vec!["172.16.0.0/12".to_owned()];
    for (name, subnets) in [("in 1,000 subnets", spread), ("in one subnet", one)] {
        for (holds, bound) in counts {
            measure(&Site::new(&subnets, &program), &subnets, (*holds, *bound), name, is_smoke);
        }
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn measure(site: &Site<'_>, subnets: &[String], (holds, bound): (u32, f64), name: &str, is_smoke: bool) {
    let proxy = site.start();
    let start = Instant::now();
    proxy.fill(subnets, holds);
    let filled = start.elapsed();
    proxy.report(&format!("{holds} holds {name}"), Some(bound));
    if !is_smoke {
        let slowest = proxy.slowest_answer_until_written_again(&subnets[0]);
        proxy.report("… and the journal written again", Some(bound));
        println!("  filled in {:.1} s; slowest answer meanwhile {} ms", filled.as_secs_f64(), slowest.as_millis());
    }
    drop(proxy);
    let start = Instant::now();
    let proxy = site.start();
    let ready = start.elapsed();
    proxy.report("… and restarted", Some(bound));
    println!("  ready after {:.2} s", ready.as_secs_f64());
}

/// The directory of a proxy.
struct Site<'a> {
    directory: tempfile::TempDir,
    program: &'a Path,
}

impl<'a> Site<'a> {
    fn new(subnets: &[String], program: &'a Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        proxy::prepare(directory.path(), subnets);
        // Long enough that none ends before all are there.
        let ipam = "hold_seconds: 86400\nholds_at_most: 10000000\n";
        fs::write(directory.path().join("settings.d/externalipam.yml"), ipam).expect("written");
        Self { directory, program }
    }

    fn start(&self) -> Proxy {
        let directory = self.directory.path();
        let (process, address) = proxy::start(self.program, directory, "log_level: WARN\n");
        Proxy { process, address, journal: directory.join("holds.journal") }
    }
}

/// A running proxy. It is killed with its value: what it held is in the journal.
struct Proxy {
    process: Process,
    address: SocketAddr,
    journal: PathBuf,
}

impl Proxy {
    /// Prints how much memory the process has, had at most, and may have.
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    fn report(&self, what: &str, bound: Option<f64>) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).expect("a process");
        let mebibytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a line");
            let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
            kibibytes / 1024.0
        };
        let resident = mebibytes("VmRSS:");
        let bound = bound.map_or_else(String::new, |bound| {
            let excess = if resident > bound { " EXCEEDED" } else { "" };
            format!(" {bound:>9.0}{excess}")
        });
        println!("{what:<44} {resident:>9.1} {:>9.1}{bound}", mebibytes("VmHWM:"));
    }

    /// How much processor time the process takes while nobody asks it anything.
    fn processor_time(&self, span: Duration) -> Duration {
        let ticks = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.0.id())).expect("a process");
            let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
            // `utime` and `stime` of proc(5), the 14th and 15th field; the name is the second.
            fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum::<u64>()
        };
        let before = ticks();
        thread::park_timeout(span);
        // A tick is 10 ms on Linux for all programs, whatever the kernel counts in (USER_HZ).
        Duration::from_millis(10 * (ticks() - before))
    }

    /// Has so many addresses held, each for a MAC of its own, in all subnets alike.
    fn fill(&self, subnets: &[String], holds: u32) {
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                scope.spawn(move || {
                    let mut client = Client::connect(self.address);
                    let hosts: Vec<u32> = (connection..holds).step_by(CONNECTIONS as usize).collect();
                    for some in hosts.chunks(PIPELINED as usize) {
                        client.next_ips(some.iter().map(|host| (&*subnets[*host as usize % subnets.len()], *host)));
                    }
                });
            }
        });
    }

    /// Asks again and again until the journal is another file.
    fn slowest_answer_until_written_again(&self, subnet: &str) -> Duration {
        let file = || fs::metadata(&self.journal).expect("a journal").ino();
        let before = file();
        let start = Instant::now();
        let mut client = Client::connect(self.address);
        let mut slowest = Duration::ZERO;
        while file() == before && start.elapsed() < WRITTEN_AGAIN_WITHIN {
            let asked = Instant::now();
            client.next_ips([(subnet, 0)].into_iter());
            slowest = slowest.max(asked.elapsed());
            thread::park_timeout(PAUSE);
        }
        slowest
    }
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(server: SocketAddr) -> Self {
        Self { stream: proxy::connect(server), buffer: vec![0; 65_536] }
    }

    /// Asks for the addresses of these hosts in these subnets, and waits for all of them.
    fn next_ips<'a>(&mut self, hosts: impl Iterator<Item = (&'a str, u32)> + Clone) {
        let request = |(subnet, host): (&str, u32)| {
            let [a, b, c, d] = Ipv4Addr::from_bits(host).octets();
            format!(
                "GET /ipam/subnet/{subnet}/next_ip?mac=02%3A00%3A{a:02x}%3A{b:02x}%3A{c:02x}%3A{d:02x}&group= HTTP/1.1\r\n\
                 Host: proxy\r\nAccept: application/json\r\n\r\n"
            )
        };
        let requests: String = hosts.clone().map(request).collect();
        self.stream.write_all(requests.as_bytes()).expect("sent");
        let (asked, mut filled) = (hosts.count(), 0);
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).expect("an answer");
            assert!(read > 0, "the server hung up");
            filled += read;
            let answers = String::from_utf8_lossy(&self.buffer[..filled]);
            assert!(!answers.contains("\"error\""), "{answers}");
            if answers.ends_with('}') && answers.matches("{\"data\":").count() == asked {
                return;
            }
        }
    }
}
