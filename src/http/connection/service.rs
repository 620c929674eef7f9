//! What a worker does with an accepted socket: TLS, then HTTP.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::rc::Rc;

use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive};
use actix_server::{GracefulShutdownSignal, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::{TcpStream, UnixStream};
use actix_web::web::Data;
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::activity::Activity;
use super::arrivals::Arrivals;
use super::guarded::Guarded;
use crate::daemon::RollCall;
use crate::http::access::Connection;
use crate::http::body::SLOW_CLIENT;
use crate::http::listener::Listener;
use crate::http::{Shared, app};
use crate::tls;

/// A connection that is ready for HTTP, and where it comes from.
type Ready<S> = (Guarded<S>, Option<SocketAddr>);

/// What a TLS handshake needs, and what its certificates are verified against later.
#[derive(Clone)]
struct Tls {
    acceptor: SslAcceptor,
    server: tls::Server,
}

/// Serves the application on listeners of all kinds.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    shared: Data<Shared>,
    arrivals: Arrivals,
    workers: RollCall,
    stop: GracefulShutdownSignal,
    trust_loopback: bool,
}

impl Connections {
    /// For listeners that are added to this builder. Each worker joins the roll call. `trust_loopback` makes plain HTTP
    /// from this machine as good as a certificate; the demo has it.
    pub(crate) fn new(
        builder: &ServerBuilder,
        shared: &Data<Shared>,
        workers: &RollCall,
        trust_loopback: bool,
    ) -> Self {
        Self {
            shared: shared.clone(),
            arrivals: Arrivals::default(),
            workers: workers.clone(),
            stop: builder.graceful_shutdown_signal(),
            trust_loopback,
        }
    }

    /// The connections without a request so far.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Adds a listener of this kind with HTTPS.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub(crate) fn https(
        &self,
        to: ServerBuilder,
        kind: Listener,
        listener: TcpListener,
        acceptor: SslAcceptor,
        server: &tls::Server,
    ) -> io::Result<ServerBuilder> {
        let tls = Tls { acceptor, server: server.clone() };
        let own = self.clone();
        to.listen(name(kind), listener, move || {
            let (connections, tls) = (own.clone(), tls.clone());
            let accept = move |tcp| {
                let (connections, tls) = (connections.clone(), tls.clone());
                async move { connections.accept_tls(kind, tcp, &tls).await.map_err(DispatchError::Io) }
            };
            fn_service(accept).and_then(own.http(kind))
        })
    }

    /// Adds a listener of this kind with plain HTTP.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub(crate) fn plain(&self, to: ServerBuilder, kind: Listener, listener: TcpListener) -> io::Result<ServerBuilder> {
        let own = self.clone();
        to.listen(name(kind), listener, move || {
            let connections = own.clone();
            let accept = move |tcp| std::future::ready(connections.accept_plain(kind, tcp).map_err(DispatchError::Io));
            fn_service(accept).and_then(own.http(kind))
        })
    }

    /// Adds the control socket.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub(crate) fn control(&self, to: ServerBuilder, listener: UnixListener) -> io::Result<ServerBuilder> {
        let own = self.clone();
        to.listen_uds(name(Listener::Control), listener, move || {
            let connections = own.clone();
            let accept = move |unix: UnixStream| {
                let activity = Activity::new(connections.arrivals.arrive());
                let guarded = connections.guard(unix, Connection::control(), activity);
                std::future::ready(Ok::<_, DispatchError>((guarded, None)))
            };
            fn_service(accept).and_then(own.http(Listener::Control))
        })
    }

    async fn accept_tls(&self, kind: Listener, tcp: TcpStream, tls: &Tls) -> io::Result<Ready<SslStream<TcpStream>>> {
        let activity = Activity::new(self.arrivals.arrive());
        let peer = tcp.peer_addr()?;
        let mut stream = SslStream::new(Ssl::new(tls.acceptor.context())?, tcp)?;
        let shaken = tokio::select! {
            biased;
            shaken = timeout(SLOW_CLIENT, Pin::new(&mut stream).accept()) => shaken?,
            () = self.stop.notified() => return Err(io::ErrorKind::ConnectionAborted.into()),
        };
        shaken.map_err(io::Error::other)?;
        let connection = Connection::tls(kind, peer, stream.ssl(), &tls.server);
        Ok((self.guard(stream, connection, activity), Some(peer)))
    }

    fn accept_plain(&self, kind: Listener, tcp: TcpStream) -> io::Result<Ready<TcpStream>> {
        let activity = Activity::new(self.arrivals.arrive());
        let peer = tcp.peer_addr()?;
        Ok((self.guard(tcp, Connection::plain(kind, peer, self.trust_loopback), activity), Some(peer)))
    }

    fn guard<S>(&self, stream: S, connection: Connection, activity: Rc<Activity>) -> Guarded<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Guarded::new(stream, connection, activity, self.arrivals.clone())
    }

    /// HTTP/1.1 on streams, made once for each worker and listener, on the worker's thread.
    fn http<S>(
        &self,
        kind: Listener,
    ) -> impl ServiceFactory<Ready<S>, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        self.workers.join();
        let stop = self.stop.clone();
        let app = app(self.shared.clone(), kind).into_factory();
        HttpService::build()
            // The streams limit it.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(SLOW_CLIENT)
            .client_disconnect_timeout(SLOW_CLIENT)
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            .on_connect_ext(|stream: &Guarded<S>, data| {
                data.insert(stream.connection.clone());
                data.insert(Rc::clone(&stream.activity));
            })
            .h1(map_config(app, |()| AppConfig::default()))
    }
}

/// What the threads that accept call it.
fn name(kind: Listener) -> &'static str {
    match kind {
        Listener::Https => "https",
        Listener::Http => "http",
        Listener::Api => "api",
        Listener::Control => "control",
    }
}
