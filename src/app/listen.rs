//! The sockets: HTTPS, plain HTTP and the control socket, all served by the same routes.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_server::Server;
use actix_web::web::Data;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::sockets::{failed, open_all};
use super::{Mode, StartError};
use crate::daemon::{PassedSockets, RollCall};
use crate::http::{Arrivals, Connections, Listener, Shared};
use crate::settings::{self, ApiListener, BindHost};
use crate::tls;

/// The kernel gives up on a caller that acknowledges nothing, or takes nothing of what a closed connection had left to say,
/// for this long.
const UNACKNOWLEDGED_AT_MOST: Duration = Duration::from_secs(30);

/// How many connections one worker serves at once, idle ones included.
const CONNECTIONS_PER_WORKER: usize = 25_000;

/// How many may wait at the control socket.
const CONTROL_BACKLOG: i32 = 128;

/// Where the servers listen.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    /// Addresses with HTTPS.
    pub https: Vec<SocketAddr>,
    /// Addresses with plain HTTP.
    pub http: Vec<SocketAddr>,
    /// Addresses of the management API.
    pub api: Vec<SocketAddr>,
    /// Does it have TLS?
    is_api_https: bool,
    control: Option<PathBuf>,
}

impl Bound {
    /// The addresses as URLs.
    pub(crate) fn urls(&self) -> impl Iterator<Item = String> {
        let https = self.https.iter().map(|address| format!("https://{address}"));
        https.chain(self.http.iter().map(|address| format!("http://{address}")))
    }

    /// The addresses of the management API as URLs.
    pub(crate) fn api_urls(&self) -> impl Iterator<Item = String> {
        let scheme = if self.is_api_https { "https" } else { "http" };
        self.api.iter().map(move |address| format!("{scheme}://{address}"))
    }

    pub(super) fn remove_control_socket(&self) {
        if let Some(path) = &self.control {
            // A socket that stays behind is replaced at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

/// Where the running proxy can be asked by its own user.
pub(crate) fn control_socket(state_directory: &Path) -> PathBuf {
    state_directory.join("control.sock")
}

/// Opens all sockets but those that the service manager has opened, and makes the server that answers on them once it is
/// polled.
pub(super) async fn listen(
    settings: &settings::Server,
    api: Option<&ApiListener>,
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
            server = connections
                .https(server, Listener::Https, listener, tls.acceptor()?.build(), tls)
                .map_err(|error| failed("https", error))?;
        }
    }
    if let Some(port) = settings.http_port {
        for listener in listeners(&mut passed, &settings.bind, port).await? {
            bound.http.extend(listener.local_addr());
            server = connections.plain(server, Listener::Http, listener).map_err(|error| failed("http", error))?;
        }
    }
    if let Some(ApiListener { bind, port }) = api {
        bound.is_api_https = tls.is_some();
        for listener in listeners(&mut passed, bind, *port).await? {
            bound.api.extend(listener.local_addr());
            let added = match tls {
                Some(tls) => connections.https(server, Listener::Api, listener, tls.acceptor()?.build(), tls),
                // The settings see to it that this is loopback.
                None => connections.plain(server, Listener::Api, listener),
            };
            server = added.map_err(|error| failed("the management API", error))?;
        }
    }
    if let Some(address) = passed.rest().next() {
        // Its callers would wait for ever.
        return Err(StartError::Listen(format!(
            "systemd listens on {address}, which is the port of neither https_port nor http_port, nor that of api.yml: make ListenStream= of \
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

fn open_control(path: &Path) -> io::Result<UnixListener> {
    // The lock on the state directory is ours, so no other proxy is behind a socket that is there already.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The mode that the socket's file is created with. Its name could lead to another file by the time of a later change.
    File::from(OwnedFd::from(socket.try_clone()?)).set_permissions(Permissions::from_mode(0o600))?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(CONTROL_BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_socket_is_for_its_owner_and_replaces_what_is_there_without_following_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, target) = (directory.path().join("control.sock"), directory.path().join("target"));
        fs::write(&target, "of root").expect("written");
        let before = fs::metadata(&target).expect("a file").permissions();
        std::os::unix::fs::symlink(&target, &path).expect("a link");
        for _ in 0..2 {
            let _listener = open_control(&path).expect("a socket");
            let found = fs::symlink_metadata(&path).expect("a socket");
            assert_eq!(found.permissions().mode() & 0o777, 0o600);
            std::os::unix::net::UnixStream::connect(&path).expect("a connection");
        }
        assert_eq!(fs::metadata(&target).expect("a file").permissions(), before);
    }
}
