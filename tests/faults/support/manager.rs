//! A service manager, as far as sd_notify(3) goes.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::Place;

/// Listens to what a service says of itself.
pub(crate) struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    /// A manager with its socket in the place.
    pub(crate) fn new(place: &Place) -> Self {
        let path = place.path("notify.sock");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        Self { socket, path }
    }

    /// The command as a service of this manager.
    pub(crate) fn employ(&self, mut command: Command) -> Command {
        command.env("NOTIFY_SOCKET", &self.path);
        command
    }

    /// Waits for the next message.
    pub(crate) fn heard(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).expect("a message within 30 seconds");
        String::from_utf8(message[..length].to_vec()).expect("text")
    }

    /// All messages of a service that has ended.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("not blocking");
        let mut messages = Vec::new();
        let mut message = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut message) {
            messages.push(String::from_utf8(message[..length].to_vec()).expect("text"));
        }
        messages
    }
}
