//! Who called, and whether they may: a handler that names [`Trusted`] or [`Authorized`] cannot be reached without the
//! right. A route without one of them is a visible choice.

use std::any::Any;
use std::net::SocketAddr;

use actix_tls::accept::openssl::TlsStream;
use actix_web::dev::{Extensions, Payload};
use actix_web::rt::net::{TcpStream, UnixStream};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::error::ApiError;
use super::state::shared;
use crate::tls::ClientCertificate;
use crate::trust::Peer;

/// What a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// TLS.
    Https,
    /// Plain HTTP.
    Http,
    /// The control socket, which only the proxy's user and root can open.
    Control,
}

/// What is known of a connection.
#[derive(Debug, Clone)]
struct Connection {
    listener: Listener,
    peer: Peer,
}

/// Notes who is at the other end, once for each connection. `trust_loopback` makes plain HTTP from this machine as good
/// as a certificate; the demo has it.
pub fn note_connection(io: &dyn Any, data: &mut Extensions, trust_loopback: bool) {
    let connection = if let Some(tls) = io.downcast_ref::<TlsStream<TcpStream>>() {
        let certificate = tls.ssl().peer_certificate().map(|certificate| ClientCertificate::read(&certificate));
        Connection { listener: Listener::Https, peer: Peer::Tls { certificate } }
    } else if let Some(Ok(address)) = io.downcast_ref::<TcpStream>().map(TcpStream::peer_addr) {
        Connection { listener: Listener::Http, peer: plain(address, trust_loopback) }
    } else if io.is::<UnixStream>() {
        Connection { listener: Listener::Control, peer: Peer::Local }
    } else {
        // The connection is gone before it was looked at; without a note every route refuses it.
        return;
    };
    data.insert(connection);
}

fn plain(address: SocketAddr, trust_loopback: bool) -> Peer {
    let address = address.ip();
    if trust_loopback && address.to_canonical().is_loopback() { Peer::Local } else { Peer::Plain { address } }
}

/// A caller that is let in: a client certificate of our CA, or a host that the DNS confirms, with a trusted name.
pub(super) struct Trusted;

impl FromRequest for Trusted {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let serving = shared(request).serving();
        let peer = request.conn_data::<Connection>().map(|connection| connection.peer.clone());
        // Nothing is known of a connection that was gone before it was looked at.
        let peer = peer.unwrap_or(Peer::Tls { certificate: None });
        let path = below_mount(request.path()).to_owned();
        Box::pin(async move {
            serving.gate.admit(&peer, &path).await?;
            Ok(Self)
        })
    }
}

/// The path below the mount point of the Ruby proxy's module, which is what its refusals name.
fn below_mount(path: &str) -> &str {
    match path.strip_prefix("/logs") {
        Some(rest) => {
            if rest.is_empty() {
                "/"
            } else {
                rest
            }
        }
        None => path.strip_prefix("/v2").unwrap_or(path),
    }
}

/// A trusted caller on a listener that the External IPAM module is enabled on.
pub(super) struct Authorized;

impl FromRequest for Authorized {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let listener = request.conn_data::<Connection>().map(|connection| connection.listener);
        let serving = shared(request).serving();
        let is_enabled =
            listener.is_some_and(|listener| listener == Listener::Control || serving.ipam_on.contains(&listener));
        let trusted = Trusted::from_request(request, payload);
        Box::pin(async move {
            trusted.await?;
            if is_enabled { Ok(Self) } else { Err(ApiError::disabled()) }
        })
    }
}
