//! The sockets: HTTPS, plain HTTP and the control socket, all served by the same routes.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_server::Server;
use actix_web::web::Data;
use socket2::SockRef;
use tokio::net::TcpSocket;

use super::{Mode, StartError};
use crate::daemon::{PassedSockets, RollCall};
use crate::http::{Arrivals, Connections, Shared};
use crate::settings::{self, BindHost};
use crate::tls;

/// The kernel gives up on a caller that acknowledges nothing, or takes nothing of what a closed connection had left to say,
/// for this long.
const UNACKNOWLEDGED_AT_MOST: Duration = Duration::from_secs(30);

/// How many connections one worker serves at once, idle ones included.
const CONNECTIONS_PER_WORKER: usize = 25_000;

/// How many connections may wait to be accepted: Foreman opens one for each call.
const BACKLOG: u32 = 4096;

/// The error of Linux for a family of addresses that the kernel is without; the standard library has no kind for it.
const NO_SUCH_FAMILY: i32 = 97;

/// Where the servers listen.
#[derive(Debug, Default)]
pub struct Bound {
    /// Addresses with HTTPS.
    pub https: Vec<SocketAddr>,
    /// Addresses with plain HTTP.
    pub http: Vec<SocketAddr>,
    control: Option<PathBuf>,
}

impl Bound {
    /// The addresses as URLs.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        let https = self.https.iter().map(|address| format!("https://{address}"));
        https.chain(self.http.iter().map(|address| format!("http://{address}")))
    }

    pub(super) fn remove_control_socket(&self) {
        if let Some(path) = &self.control {
            // A socket that stays behind is replaced at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

/// Where the running proxy can be asked by its own user.
pub fn control_socket(state_directory: &Path) -> PathBuf {
    state_directory.join("control.sock")
}

/// Opens all sockets but those that the service manager has opened, and makes the server that answers on them once it is
/// polled.
pub(super) async fn listen(
    settings: &settings::Server,
    mode: Mode,
    shared: &Data<Shared>,
    tls: Option<&tls::Server>,
    workers: &RollCall,
    mut passed: PassedSockets,
) -> Result<(Server, Bound, Arrivals), StartError> {
    let mut bound = Bound::default();
    let mut server = Server::build()
        .workers(settings.workers.get())
        .max_concurrent_connections(CONNECTIONS_PER_WORKER)
        .shutdown_timeout(settings.shutdown.as_secs())
        .disable_signals();
    let connections = Connections::new(&server, shared, workers, mode == Mode::Demo);
    if let (Some(port), Some(tls)) = (settings.https_port, tls) {
        for listener in listeners(&mut passed, &settings.bind, port).await? {
            bound.https.extend(listener.local_addr());
            let acceptor = tls.acceptor()?.build();
            server = connections.https(server, listener, acceptor).map_err(|error| failed("https", error))?;
        }
    }
    if let Some(port) = settings.http_port {
        for listener in listeners(&mut passed, &settings.bind, port).await? {
            bound.http.extend(listener.local_addr());
            server = connections.plain(server, listener).map_err(|error| failed("http", error))?;
        }
    }
    if let Some(address) = passed.rest().next() {
        // Its callers would wait for ever.
        return Err(StartError::Listen(format!(
            "systemd listens on {address}, which is the port of neither https_port nor http_port: make ListenStream= of \
             foreman-ipam-proxy.socket and settings.yml agree"
        )));
    }
    match open_control(&control_socket(&settings.state_directory)) {
        Ok(listener) => {
            server = connections.control(server, listener).map_err(|error| failed("the control socket", error))?;
            bound.control = Some(control_socket(&settings.state_directory));
        }
        // Only these need it, and say so.
        Err(error) => log::warn!(
            "There is no control socket, so 'holds release' and 'check --running' cannot reach this proxy: {error}"
        ),
    }
    Ok((server.run(), bound, connections.arrivals().clone()))
}

/// The sockets for a port: those that the service manager has opened, or else those that `bind_host` wants.
async fn listeners(passed: &mut PassedSockets, hosts: &[BindHost], port: u16) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = passed.take(port);
    if listeners.is_empty() {
        listeners = open_all(hosts, port).await?;
    }
    for listener in &listeners {
        // Accepted connections have it from their listener. Without it they live longer, and no worse.
        let _ = SockRef::from(listener).set_tcp_user_timeout(Some(UNACKNOWLEDGED_AT_MOST));
    }
    Ok(listeners)
}

fn failed(what: impl std::fmt::Display, error: impl std::fmt::Display) -> StartError {
    StartError::Listen(format!("cannot listen on {what}: {error}"))
}

async fn open_all(hosts: &[BindHost], port: u16) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    for host in hosts {
        match host {
            BindHost::All => listeners.push(open_everywhere(port)?),
            BindHost::Address(address) => {
                let address = SocketAddr::new(*address, port);
                listeners.push(open(address).map_err(|error| failed(address, error))?);
            }
            BindHost::Name(name) => {
                let found =
                    tokio::net::lookup_host((name.as_str(), port)).await.map_err(|error| failed(name, error))?;
                listeners.extend(open_found(name, found.map(|address| address.ip()), port)?);
            }
        }
    }
    Ok(listeners)
}

/// The addresses that a name has, each once, because `/etc/hosts` may say one twice. It may also say `::1` where there is
/// no IPv6: what this machine does not have is passed over as long as there is another.
fn open_found(name: &str, found: impl Iterator<Item = IpAddr>, port: u16) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    let mut absent = Vec::new();
    for address in found.collect::<BTreeSet<_>>() {
        let address = SocketAddr::new(address, port);
        match open(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_elsewhere(&error) => absent.push((address, error)),
            Err(error) => return Err(failed(address, error)),
        }
    }
    if listeners.is_empty()
        && let Some((address, error)) = absent.pop()
    {
        return Err(failed(address, error));
    }
    for (address, error) in absent {
        log::warn!("Nothing listens on {address}, which is {name} of bind_host too: {error}");
    }
    Ok(listeners)
}

/// Is the address none of this machine's?
fn is_elsewhere(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

/// All addresses of the machine: by one IPv6 socket that takes IPv4 too, or by one for IPv4 where there is no IPv6.
fn open_everywhere(port: u16) -> Result<TcpListener, StartError> {
    let both = TcpSocket::new_v6().and_then(|socket| bind_both(socket, port));
    match both {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
            open(address).map_err(|error| failed(address, error))
        }
        outcome => outcome.map_err(|error| failed(format!("port {port}"), error)),
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    socket.and_then(|socket| bind(socket, address))
}

/// An IPv6 socket on all addresses of both families, whatever the machine's `net.ipv6.bindv6only`.
fn bind_both(socket: TcpSocket, port: u16) -> io::Result<TcpListener> {
    SockRef::from(&socket).set_only_v6(false)?;
    bind(socket, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port))
}

fn bind(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    // A restart must not wait for the last connections of the old process to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

fn open_control(path: &Path) -> io::Result<UnixListener> {
    // The lock on the holds' journal is ours, so no other proxy is behind a socket that is there already.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn all_addresses_are_those_of_ipv4_too_where_the_machine_keeps_the_families_apart() {
        // A machine without IPv6 takes the other way, which has nothing to tell apart.
        let Ok(socket) = TcpSocket::new_v6() else { return };
        // As net.ipv6.bindv6only=1 makes each one.
        SockRef::from(&socket).set_only_v6(true).expect("set");
        let listener = bind_both(socket, 0).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection by IPv4");
    }

    /// Documentation has this address, and no machine; where there is no IPv6 at all it is no less absent.
    const ABSENT: &str = "2001:db8::1";

    fn opened(found: &[&str], port: u16) -> Result<Vec<IpAddr>, String> {
        let found = found.iter().map(|text| text.parse().expect("an address"));
        let listeners = open_found("localhost", found, port).map_err(|error| error.to_string())?;
        Ok(listeners.iter().map(|listener| listener.local_addr().expect("an address").ip()).collect())
    }

    #[tokio::test]
    async fn an_address_that_a_name_has_twice_is_listened_on_once() {
        assert_eq!(opened(&["127.0.0.1", "127.0.0.2", "127.0.0.1"], 0), Ok(["127.0.0.1", "127.0.0.2"].map(ip).into()));
    }

    #[tokio::test]
    async fn an_address_of_a_name_that_this_machine_does_not_have_is_passed_over_beside_another() {
        assert_eq!(opened(&[ABSENT, "127.0.0.1"], 0), Ok(vec![ip("127.0.0.1")]));
        let error = opened(&[ABSENT], 0).expect_err("nowhere to listen");
        assert!(error.starts_with(&format!("cannot listen on [{ABSENT}]:0: ")), "{error}");
        assert!(is_elsewhere(&io::Error::from_raw_os_error(NO_SUCH_FAMILY)), "a kernel without IPv6 says this");
    }

    #[tokio::test]
    async fn a_port_of_a_name_that_is_taken_is_an_error_beside_another_address_too() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = taken.local_addr().expect("an address");
        let error = opened(&["127.0.0.1", ABSENT], address.port()).expect_err("taken");
        assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }
}
