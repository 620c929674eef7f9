//! A running proxy, ended with its value.
//!
//! Needs nothing of the test program, so that others can take it in with `#[path]`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nothing takes longer, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(60);

/// A port of the loopback that was free a moment ago, for a proxy whose address must be known before it runs.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port()
}

pub(crate) struct Proxy {
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    /// What it wrote to standard output until it was ready, or until what was waited for since.
    pub(crate) said: Vec<String>,
}

impl Proxy {
    /// Starts it and waits until it serves.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the proxy starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        // Reads to the end, so that a proxy that goes on writing never waits for us.
        let reader = thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut proxy = Self { child, lines, reader: Some(reader), said: Vec::new() };
        proxy.wait_for("Ready");
        proxy
    }

    /// Waits until it writes a line with this text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        loop {
            match self.lines.recv_timeout(AT_MOST) {
                Ok(line) => self.said.push(line),
                Err(error) => panic!("{error}; the proxy wrote:\n{}", self.said.join("\n")),
            }
            if self.said.last().is_some_and(|line| line.contains(text)) {
                return;
            }
        }
    }

    /// Sends it a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(sent.success(), "the process is gone already");
    }

    /// Ends it as systemd does.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("an exit status")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
