//! The proxy as a process of its own, for the benchmarks that ask it over HTTP.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ipam_store::{NewSubnet, Store};

/// How many workers each server has.
pub(crate) const WORKERS: usize = 2;

/// What `cargo bench` was told: is this the brief run of `cargo test --benches`, and which programs stand behind `option`?
pub(crate) fn arguments(option: &str) -> (bool, Vec<PathBuf>) {
    let (mut is_smoke, mut programs) = (true, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => is_smoke = false,
            given if given == option => {
                programs.push(arguments.next().unwrap_or_else(|| panic!("{option} is followed by a path")).into());
            }
            _ => {}
        }
    }
    (is_smoke, programs)
}

/// A process that ends with its value, by SIGKILL.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prepares a directory for a proxy on the embedded IPAM: a store with these subnets, in the global table.
pub(crate) fn prepare(directory: &Path, subnets: &[String]) {
    fs::create_dir(directory.join("settings.d")).expect("created");
    let mut store = Store::open_or_create(&directory.join("ipam.sqlite")).expect("a store");
    let added = store.write(|writing| {
        for prefix in subnets {
            writing.add_subnet(&NewSubnet::of(prefix.parse::<ipam_store::Bounds>().expect("a prefix")))?;
        }
        Ok(())
    });
    added.expect("added");
}

/// Starts a build of the proxy on a prepared directory; `settings` are lines of settings besides those that every proxy
/// here has. Returns when it says that it is ready.
pub(crate) fn start(program: &Path, directory: &Path, settings: &str) -> (Process, SocketAddr) {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let settings = format!(
        "bind_host: 127.0.0.1\nhttp_port: {1}\ntrusted_hosts: [localhost]\nworkers: {WORKERS}\nstate_directory: {0}\n\
         log_file: {0}/proxy.log\n{settings}",
        directory.display(),
        address.port()
    );
    fs::write(directory.join("settings.yml"), settings).expect("written");
    // Left by the proxy before.
    let _ = fs::remove_file(directory.join("notify"));
    let manager = UnixDatagram::bind(directory.join("notify")).expect("a socket");
    let child = Command::new(program)
        .args(["--config-dir".as_ref(), directory.as_os_str(), "serve".as_ref()])
        .env("NOTIFY_SOCKET", directory.join("notify"))
        .stdout(Stdio::null())
        .spawn();
    let process = Process(child.expect("the proxy starts"));
    let mut message = [0; 256];
    let length = manager.recv(&mut message).expect("a message");
    assert!(message[..length].starts_with(b"READY=1"), "the proxy is ready");
    (process, address)
}

/// A connection that sends at once what it is given.
pub(crate) fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    stream
}
