//! Sockets that the service manager has opened (sd_listen_fds(3), `foreman-ipam-proxy.socket`).
//!
//! They stay open while the proxy restarts, so callers wait instead of being refused.

use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

/// The listening sockets that the process was started with.
#[derive(Debug, Default)]
pub(crate) struct PassedSockets {
    listeners: Vec<TcpListener>,
}

impl PassedSockets {
    /// Those that the environment announces (`LISTEN_FDS`). They are taken out of the environment, which no other thread
    /// may be reading.
    ///
    /// # Errors
    ///
    /// When one is not a TCP socket.
    pub(crate) fn from_environment() -> io::Result<Self> {
        let mut passed = ListenFd::from_env();
        let mut listeners = Vec::new();
        for index in 0..passed.len() {
            let taken = passed.take_tcp_listener(index).map_err(|error| {
                io::Error::new(error.kind(), format!("systemd passes a socket that is not one of TCP: {error}"))
            })?;
            listeners.extend(taken);
        }
        Ok(Self { listeners })
    }

    /// Takes those on this port.
    pub(crate) fn take(&mut self, port: u16) -> Vec<TcpListener> {
        let is_on = |listener: &mut TcpListener| listener.local_addr().is_ok_and(|address| address.port() == port);
        self.listeners.extract_if(.., is_on).collect()
    }

    /// The addresses of those that nothing has taken.
    pub(crate) fn rest(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_taken_by_their_port() {
        let open = |host: &str| TcpListener::bind((host, 0)).expect("a port");
        let (first, second) = (open("127.0.0.1"), open("127.0.0.1"));
        let addresses = [&first, &second].map(|listener| listener.local_addr().expect("an address"));
        let mut passed = PassedSockets { listeners: vec![first, second] };
        assert_eq!(passed.take(addresses[1].port()).len(), 1);
        assert!(passed.take(addresses[1].port()).is_empty());
        assert_eq!(passed.rest().collect::<Vec<_>>(), [addresses[0]]);
    }
}
