//! The sockets: HTTPS, plain HTTP and the control socket, all served by the same routes.

use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::web::Data;
use socket2::SockRef;
use tokio::net::TcpSocket;

use super::{Mode, StartError};
use crate::daemon::RollCall;
use crate::http::{self, SLOW_CLIENT, Shared};
use crate::settings::{self, BindHost};
use crate::tls;

/// How long an idle connection is kept. Foreman closes each after one call; others may keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many connections one worker serves at once, idle ones included.
const CONNECTIONS_PER_WORKER: usize = 25_000;

/// How many connections may wait to be accepted: Foreman opens one for each call.
const BACKLOG: u32 = 4096;

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

/// Opens all sockets, and makes the server that answers on them once it is polled.
pub(super) async fn listen(
    settings: &settings::Server,
    mode: Mode,
    shared: &Data<Shared>,
    tls: Option<&tls::Server>,
    workers: &RollCall,
) -> Result<(Server, Bound), StartError> {
    let mut bound = Bound::default();
    let (state, workers) = (shared.clone(), workers.clone());
    // Each worker calls this for each kind of socket, on its own thread.
    let make_app = move || {
        workers.join();
        http::app(state.clone())
    };
    let mut server = HttpServer::new(make_app)
        .on_connect(move |io, data| http::note_connection(io, data, mode == Mode::Demo))
        .workers(settings.workers.get())
        .max_connections(CONNECTIONS_PER_WORKER)
        .client_request_timeout(SLOW_CLIENT)
        .client_disconnect_timeout(SLOW_CLIENT)
        .tls_handshake_timeout(SLOW_CLIENT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(settings.shutdown.as_secs())
        .disable_signals();
    if let (Some(port), Some(tls)) = (settings.https_port, tls) {
        for listener in open_all(&settings.bind, port).await? {
            bound.https.extend(listener.local_addr());
            server = server.listen_openssl(listener, tls.acceptor()?).map_err(|error| failed("https", error))?;
        }
    }
    if let Some(port) = settings.http_port {
        for listener in open_all(&settings.bind, port).await? {
            bound.http.extend(listener.local_addr());
            server = server.listen(listener).map_err(|error| failed("http", error))?;
        }
    }
    match open_control(&control_socket(&settings.state_directory)) {
        Ok(listener) => {
            server = server.listen_uds(listener).map_err(|error| failed("the control socket", error))?;
            bound.control = Some(control_socket(&settings.state_directory));
        }
        // Only these need it, and say so.
        Err(error) => log::warn!(
            "There is no control socket, so 'holds release' and 'check --running' cannot reach this proxy: {error}"
        ),
    }
    Ok((server.run(), bound))
}

fn failed(what: impl std::fmt::Display, error: impl std::fmt::Display) -> StartError {
    StartError::Listen(format!("cannot listen on {what}: {error}"))
}

async fn open_all(hosts: &[BindHost], port: u16) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    for host in hosts {
        match host {
            BindHost::All => listeners.push(open_everywhere(port)?),
            BindHost::Address(address) => listeners.push(open(*address, port)?),
            BindHost::Name(name) => {
                let found =
                    tokio::net::lookup_host((name.as_str(), port)).await.map_err(|error| failed(name, error))?;
                for address in found {
                    listeners.push(open(address.ip(), port)?);
                }
            }
        }
    }
    Ok(listeners)
}

/// All addresses of the machine: by one IPv6 socket that takes IPv4 too, or by one for IPv4 where there is no IPv6.
fn open_everywhere(port: u16) -> Result<TcpListener, StartError> {
    let both = TcpSocket::new_v6().and_then(|socket| bind_both(socket, port));
    match both {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => open(Ipv4Addr::UNSPECIFIED.into(), port),
        outcome => outcome.map_err(|error| failed(format!("port {port}"), error)),
    }
}

fn open(address: IpAddr, port: u16) -> Result<TcpListener, StartError> {
    let address = SocketAddr::new(address, port);
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    socket.and_then(|socket| bind(socket, address)).map_err(|error| failed(address, error))
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
}
