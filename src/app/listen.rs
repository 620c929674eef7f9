//! The sockets: HTTPS, plain HTTP and the control socket, all served by the same routes.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::web::Data;
use socket2::{Domain, SockAddr, Socket, Type};

use super::sockets::{failed, open_all};
use super::{Mode, StartError};
use crate::daemon::RollCall;
use crate::http::{self, SLOW_CLIENT, Shared};
use crate::settings;
use crate::tls;

/// How long an idle connection is kept. Foreman closes each after one call; others may keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many connections one worker serves at once, idle ones included.
const CONNECTIONS_PER_WORKER: usize = 25_000;

/// How many may wait at the control socket.
const CONTROL_BACKLOG: i32 = 128;

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
    let tls_of_connections = tls.cloned();
    let mut server = HttpServer::new(make_app)
        .on_connect(move |io, data| {
            http::note_connection(io, data, tls_of_connections.as_ref(), mode == Mode::Demo);
        })
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
