//! Who called, and whether the gate lets them in. Each door says for each of its routes what it demands.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::ResponseError;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use openssl::ssl::SslRef;

use super::error::{DoorError, RequestError};
use super::listener::Listener;
use super::state::shared;
use crate::caller::{Caller, Door};
use crate::telemetry::request_id;
use crate::tls::{self, ClientCertificate};
use crate::trust::{Peer, Refusal};

/// What is known of a connection.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    listener: Listener,
    peer: Peer,
    address: Option<IpAddr>,
    /// The client certificate, where there is one, as the authorities that are loaded later may see it.
    shown: Option<tls::Shown>,
}

impl Connection {
    /// After a TLS handshake with this server.
    pub(super) fn tls(listener: Listener, from: SocketAddr, ssl: &SslRef, server: &tls::Server) -> Self {
        let certificate = ssl.peer_certificate().map(|certificate| ClientCertificate::read(&certificate));
        let address = Some(from.ip().to_canonical());
        let shown = tls::Shown::on(ssl, server);
        Self { listener, peer: Peer::Tls { certificate }, address, shown }
    }

    /// Without TLS. `trust_loopback` makes this machine as good as a certificate.
    pub(super) fn plain(listener: Listener, from: SocketAddr, trust_loopback: bool) -> Self {
        let address = from.ip().to_canonical();
        let is_trusted = trust_loopback && address.is_loopback();
        let peer = if is_trusted { Peer::Local } else { Peer::Plain { address: from.ip() } };
        Self { listener, peer, address: Some(address), shown: None }
    }

    /// Through the control socket.
    pub(super) fn control() -> Self {
        Self { listener: Listener::Control, peer: Peer::Local, address: None, shown: None }
    }

    /// What it came in by.
    pub(super) fn listener(&self) -> Listener {
        self.listener
    }

    /// Where it comes from; `None` through the control socket.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

/// Asks the gate, and notes who the caller is. `path` is how a refusal names what was asked for.
pub(super) async fn admit(request: &HttpRequest, door: Door, path: &str) -> Result<(), Refusal> {
    let connection = still_accepted(request)?;
    let peer = connection.map(|connection| &connection.peer);
    // Nothing is known of a connection that was gone before it was looked at.
    let peer = peer.unwrap_or(&Peer::Tls { certificate: None });
    let principal = shared(request).serving().gate.admit(peer, path).await?;
    request_id::set_caller(Caller { door, principal });
    Ok(())
}

/// The client certificate that was shown, if there is one.
pub(super) fn certificate(request: &HttpRequest) -> Result<Option<&ClientCertificate>, Refusal> {
    let peer = still_accepted(request)?.map(|connection| &connection.peer);
    Ok(peer.and_then(|peer| match peer {
        Peer::Tls { certificate } => certificate.as_ref(),
        Peer::Plain { .. } | Peer::Local => None,
    }))
}

/// The request's connection, unless its certificate was accepted and would not be now.
fn still_accepted(request: &HttpRequest) -> Result<Option<&Connection>, Refusal> {
    let connection = request.conn_data::<Connection>();
    let shown = connection.and_then(|connection| connection.shown.as_ref());
    if shown.is_none_or(tls::Shown::is_still_accepted) { Ok(connection) } else { Err(Refusal::NoLongerAccepted) }
}

/// What the request's connection came in by; `None` when that was gone before it was looked at.
pub(super) fn listener(request: &HttpRequest) -> Option<Listener> {
    request.conn_data::<Connection>().map(|connection| connection.listener)
}

/// Refuses in the door's form, and closes a connection whose certificate a new one would not be accepted with.
pub(super) fn turn_away<E: DoorError>(request: ServiceRequest, refusal: Refusal) -> ServiceResponse<BoxBody> {
    let is_over = refusal == Refusal::NoLongerAccepted;
    let mut response = refuse(request, E::from(RequestError::from(refusal)));
    if is_over {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

/// Answers with an error in place of the handler.
pub(super) fn refuse(request: ServiceRequest, error: impl ResponseError + 'static) -> ServiceResponse<BoxBody> {
    ServiceResponse::from_err(error, request.into_parts().0)
}
