//! A running proxy, ended with its value.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nothing takes longer, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(60);

pub(crate) struct Proxy {
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    /// What it wrote to standard output until it was ready.
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
        while !proxy.said.last().is_some_and(|line| line.contains("Ready")) {
            match proxy.lines.recv_timeout(AT_MOST) {
                Ok(line) => proxy.said.push(line),
                Err(error) => panic!("{error}; the proxy wrote:\n{}", proxy.said.join("\n")),
            }
        }
        proxy
    }

    /// Ends it as systemd does.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let kill = format!("kill -TERM {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(sent.success(), "the process is gone already");
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
