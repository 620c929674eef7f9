//! The proxy as a process of its own.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::certificates::Certificate;
use super::client::Client;
use super::identities;
use super::output::Output;

/// A process that has been started, and may be serving or not.
pub(crate) struct Spawn {
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

impl Spawn {
    /// Starts the command.
    pub(crate) fn of(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let output = Arc::new(Output::default());
        let readers = vec![
            output.follow(child.stdout.take().expect("a pipe")),
            output.follow(child.stderr.take().expect("a pipe")),
        ];
        Self { child, output, readers }
    }

    /// Waits until the proxy says that it serves.
    pub(crate) fn ready(self) -> Process {
        let mut process = self.unready();
        process.wait_for("Ready");
        process.https = process.listening_on("https");
        process.http = process.listening_on("http");
        process
    }

    /// The process, of which something else has said that it serves HTTPS on this port of the loopback.
    pub(crate) fn ready_on(self, port: u16) -> Process {
        let mut process = self.unready();
        process.https = Some(([127, 0, 0, 1], port).into());
        process
    }

    /// The process as it is; its ports are unknown.
    pub(crate) fn unready(self) -> Process {
        let Self { child, output, readers } = self;
        Process { child: Mutex::new(child), output, readers, https: None, http: None }
    }
}

/// A running proxy; ends with its value, and shows what it wrote when the test has failed.
pub(crate) struct Process {
    child: Mutex<Child>,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
    https: Option<SocketAddr>,
    http: Option<SocketAddr>,
}

/// How a process has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Everything that it wrote.
    pub(crate) text: String,
}

impl Process {
    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child().id()
    }

    /// Where HTTPS is served.
    pub(crate) fn https(&self) -> SocketAddr {
        self.https.expect("the server has HTTPS")
    }

    /// Where plain HTTP is served.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http.expect("the server has plain HTTP")
    }

    /// A caller of the management API with this token, and the headers of curl.
    #[allow(dead_code, reason = "the fault tests have no API")]
    pub(crate) fn api(&self, token: &str) -> Client {
        let line = self.wait_for("The management API listens on https://");
        let address = line.split_once("https://").expect("a URL").1.trim().parse().expect("address and port");
        Client::https(address, None).like_curl().with_token(token)
    }

    /// Foreman.
    pub(crate) fn foreman(&self) -> Client {
        Client::https(self.https(), Some(&identities().foreman))
    }

    /// A caller with Foreman's headers and this certificate.
    pub(crate) fn caller(&self, certificate: &Certificate) -> Client {
        Client::https(self.https(), Some(certificate))
    }

    /// Somebody with curl and Foreman's certificate, who is told errors by status.
    pub(crate) fn curl(&self) -> Client {
        self.foreman().like_curl()
    }

    /// What the process has written.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// Waits for a line with this text and gives it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_for_times(text, 1)
    }

    /// Waits until so many lines have this text, and gives the last of them.
    pub(crate) fn wait_for_times(&self, text: &str, times: usize) -> String {
        // A failed assertion drops the process, which shows what it wrote.
        self.output.line_with(text, times).unwrap_or_else(|| panic!("the server did not write {text:?} {times} times"))
    }

    fn listening_on(&self, scheme: &str) -> Option<SocketAddr> {
        let said = format!("Listening on {scheme}://");
        let lines = self.output.lines();
        let address = lines.iter().find_map(|line| line.split_once(&said))?.1;
        Some(address.trim().parse().expect("address and port"))
    }

    /// Sends a signal, named as kill(1) names it.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success(), "the process is gone");
    }

    /// `kill -9`; nothing of the process runs any more when this returns.
    pub(crate) fn kill(&self) {
        let mut child = self.child();
        child.kill().expect("a process of ours");
        child.wait().expect("an exit status");
    }

    /// Waits for the end of the process, which something else has caused.
    pub(crate) fn ended(mut self) -> Ended {
        assert!(self.output.is_closed(), "the process does not end");
        let status = self.child().wait().expect("an exit status");
        for reader in self.readers.drain(..) {
            reader.join().expect("no panic");
        }
        Ended { status, text: self.output.text() }
    }

    /// Sends the signal, and waits for an end with exit code 0.
    pub(crate) fn end_well(self, signal: &str) -> String {
        self.signal(signal);
        let ended = self.ended();
        assert_eq!(ended.status.code(), Some(0), "{signal:?} gives {:?}: {}", ended.status.signal(), ended.text);
        ended.text
    }

    /// Nothing has panicked so far.
    pub(crate) fn assert_sound(&self) {
        let panicked = self.output.lines().into_iter().find(|line| line.contains("Panic") || line.contains("panicked"));
        assert_eq!(panicked, None);
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The threads of this name, by their ids.
    pub(crate) fn threads(&self, name: &str) -> Vec<String> {
        let tasks = format!("/proc/{}/task", self.id());
        let ids = fs::read_dir(&tasks).expect("a running process");
        let ids = ids.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        // One may end in between.
        let is_named =
            |id: &String| fs::read_to_string(format!("{tasks}/{id}/comm")).is_ok_and(|comm| comm.trim_end() == name);
        ids.filter(is_named).collect()
    }

    /// How many files and sockets the process has open.
    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).expect("a running process").count()
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "libtest shows it beside the test that failed")]
    fn drop(&mut self) {
        // Both fail only when the process has ended.
        let _ = self.child().kill();
        let _ = self.child().wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        if thread::panicking() {
            let lines = self.output.lines();
            let last = &lines[lines.len().saturating_sub(200)..];
            eprintln!("--- the last that the server wrote:\n{}\n---", last.join("\n"));
        }
    }
}
