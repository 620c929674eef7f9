//! Telling systemd how the service is doing (sd_notify(3), `Type=notify`).

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

/// A service manager that does not listen holds us up no longer than this.
const SEND_AT_MOST: Duration = Duration::from_secs(1);

/// Tells the service manager, if there is one. What cannot be told is logged and otherwise ignored: the service works
/// without.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    /// The address in `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    socket: Option<OsString>,
}

impl Notifier {
    /// The service manager that started us, if it wants to be told.
    pub(crate) fn from_environment() -> Self {
        Self { socket: env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) }
    }

    /// A service manager that listens at a path, or at `@` and an abstract name.
    #[cfg(test)]
    fn at(socket: impl AsRef<OsStr>) -> Self {
        Self { socket: Some(socket.as_ref().to_owned()) }
    }

    /// All sockets listen, after a start or a reload; `status` is one line for `systemctl status`.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// Settings are being read again; [`ready`](Self::ready) must follow.
    pub(crate) fn reloading(&self) {
        // systemd compares the time with that of its own request (`Type=notify-reload`).
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => log::warn!("The service manager cannot be told of the reload without a clock: {error}"),
        }
    }

    /// The service is about to end.
    pub(crate) fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    pub(super) fn alive(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        let Some(socket) = &self.socket else { return };
        let message: String = states.iter().map(|state| format!("{state}\n")).collect();
        if let Err(error) = send(socket, message.as_bytes()) {
            log::warn!("The service manager cannot be told ({}): {error}", message.trim_end().replace('\n', ", "));
        }
    }
}

/// `sd_notify::notify` finds its socket in the environment only, and knows no abstract names.
fn send(address: &OsStr, message: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(SEND_AT_MOST))?;
    match address.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(address)?,
    }
    socket.send(message).map(drop)
}

/// A line break would start the next assignment.
fn one_line(status: &str) -> String {
    status.replace(|character: char| character.is_control(), " ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A service manager that listens.
    pub(in crate::daemon) struct Manager {
        pub(in crate::daemon) notifier: Notifier,
        socket: UnixDatagram,
        _directory: tempfile::TempDir,
    }

    impl Manager {
        pub(in crate::daemon) fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("notify");
            let socket = UnixDatagram::bind(&path).expect("a socket");
            socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
            Self { notifier: Notifier::at(path), socket, _directory: directory }
        }

        pub(in crate::daemon) fn heard(&self) -> String {
            let mut message = [0; 256];
            let length = self.socket.recv(&mut message).expect("a message");
            String::from_utf8_lossy(&message[..length]).into_owned()
        }

        /// Has nothing more been said?
        pub(in crate::daemon) fn is_silent(&self) -> bool {
            self.socket.set_nonblocking(true).expect("not blocking");
            let heard = self.socket.recv(&mut [0; 256]);
            self.socket.set_nonblocking(false).expect("blocking");
            heard.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        }
    }

    #[test]
    fn each_state_is_told_in_the_words_of_sd_notify() {
        let manager = Manager::new();
        manager.notifier.ready("Serving\nMAINPID=1");
        assert_eq!(manager.heard(), "READY=1\nSTATUS=Serving MAINPID=1\n");
        manager.notifier.reloading();
        let heard = manager.heard();
        let time = heard.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.strip_suffix('\n'));
        assert!(time.is_some_and(|time| time.parse::<u64>().is_ok_and(|time| time > 0)), "{heard:?}");
        manager.notifier.stopping();
        assert_eq!(manager.heard(), "STOPPING=1\n");
        manager.notifier.alive();
        assert_eq!(manager.heard(), "WATCHDOG=1\n");
    }

    #[test]
    fn abstract_addresses_are_understood() {
        let name = format!("foreman-ipam-proxy-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("an address");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        Notifier::at(format!("@{name}")).stopping();
        let mut message = [0; 32];
        let length = socket.recv(&mut message).expect("a message");
        assert_eq!(&message[..length], b"STOPPING=1\n");
    }

    #[test]
    fn a_manager_that_is_gone_is_no_trouble() {
        Notifier::at("/nonexistent/notify").ready("");
        Notifier { socket: None }.ready("");
    }
}
