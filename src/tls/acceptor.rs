//! The server's side of HTTPS, with certificates and settings that can be replaced while it runs.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    AlpnError, ClientHelloResponse, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslMode, SslOptions,
    SslRef, SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
};

use super::files::{Error, Files, Material};
use super::finding::Finding;
use super::policy::{Choice, Policy};
use super::{dates, refusal, verifier};

/// The key exchanges, fastest first. The second list is for systems in FIPS mode, which have no X25519.
const GROUPS: [&str; 2] = ["X25519:P-256:P-384", "P-256:P-384"];

/// What may be resumed with us; nothing is, but OpenSSL refuses clients that try unless there is one.
const SESSIONS: &[u8] = b"foreman-ipam-proxy";

const HTTP_1_1: &[u8] = b"\x08http/1.1";

/// HTTPS as the settings want it, replaceable while connections come in.
///
/// actix-web keeps the context that a server was bound with. So that context is only a front: when a client says hello,
/// the connection moves to the context loaded last. Connections made before keep theirs; whether their clients' certificates
/// are still good is what [`Shown`](super::Shown) answers.
///
/// No session is ever resumed: Foreman does not try, tickets cost time in each handshake, and a resumed session would
/// carry a client certificate past authorities that have been replaced since.
#[derive(Clone)]
pub(crate) struct Server {
    current: Arc<ArcSwap<Loaded>>,
}

struct Loaded {
    /// Tells this load from all others.
    number: u64,
    files: Files,
    material: Material,
    context: SslContext,
    lowest: SslVersion,
    highest: SslVersion,
}

impl Server {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or used, or nothing of TLS is left.
    pub(crate) fn load(files: &Files, policy: &Policy) -> Result<Self, Error> {
        Ok(Self { current: Arc::new(ArcSwap::from_pointee(Loaded::read(files, policy)?)) })
    }

    /// Reads the files again, for all connections that come in from now on.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); what was loaded before stays in use.
    pub(crate) fn reload(&self, files: &Files, policy: &Policy) -> Result<(), Error> {
        self.current.store(Arc::new(Loaded::read(files, policy)?));
        Ok(())
    }

    /// Of what is loaded: certificates and revocation lists that end soon or are over, and authorities that should have a
    /// revocation list and have none.
    pub(crate) fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let loaded = self.current.load();
        let mut findings = dates::of_all(&loaded.files, &loaded.material, now);
        findings.extend(verifier::lists_missing(&loaded.files, &loaded.material));
        findings
    }

    /// When what is loaded ends, in seconds since 1970, by the key that names the file in the settings.
    pub(crate) fn ends(&self, now: Timestamp) -> Vec<(&'static str, i64)> {
        dates::ends(&self.current.load().material, now)
    }

    /// The number of the load that new connections get.
    pub(super) fn number(&self) -> u64 {
        self.current.load().number
    }

    /// The load that new connections get, as its number and its context.
    pub(super) fn current(&self) -> (u64, SslContext) {
        let loaded = self.current.load();
        (loaded.number, loaded.context.clone())
    }

    /// What `HttpServer::bind_openssl` and `listen_openssl` need; each call makes one.
    ///
    /// # Errors
    ///
    /// When OpenSSL cannot be set up.
    pub(crate) fn acceptor(&self) -> Result<SslAcceptorBuilder, Error> {
        let mut front = base()?;
        // These two are fixed per connection when it is made, so the front must allow what any later policy may.
        front.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        front.set_max_proto_version(Some(SslVersion::TLS1_3))?;
        let current = Arc::clone(&self.current);
        front.set_client_hello_callback(move |connection, _alert| {
            let loaded = current.load();
            // Brings certificate, key, chain, ciphers, authorities and ALPN; but not the versions. Everything else is
            // the same in every context, see `base`.
            connection.set_ssl_context(&loaded.context)?;
            connection.set_min_proto_version(Some(loaded.lowest))?;
            connection.set_max_proto_version(Some(loaded.highest))?;
            Ok(ClientHelloResponse::SUCCESS)
        });
        Ok(front)
    }
}

/// Where a context keeps the number of its load.
static LOAD: LazyLock<Index<SslContext, u64>> =
    LazyLock::new(|| SslContext::new_ex_index().expect("OpenSSL has memory for an index"));

/// The number of the load that a connection was accepted with.
pub(super) fn load_of(connection: &SslRef) -> Option<u64> {
    connection.ssl_context().ex_data(*LOAD).copied()
}

impl Loaded {
    fn read(files: &Files, policy: &Policy) -> Result<Self, Error> {
        let choice = policy.choose()?;
        let material = Material::read(files)?;
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let mut context = context(&material, &choice)?;
        context.set_cert_store(verifier::store(files, &material)?);
        context.set_ex_data(*LOAD, number);
        let context = context.build().into_context();
        Ok(Self { number, files: files.clone(), material, context, lowest: choice.lowest, highest: choice.highest })
    }
}

/// Without the keys.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("load", &self.current.load().number).finish_non_exhaustive()
    }
}

/// All but the authorities, which the verifier knows.
fn context(material: &Material, choice: &Choice) -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut context = base()?;
    if !choice.ciphers_1_2.is_empty() {
        context.set_cipher_list(&choice.ciphers_1_2)?;
    }
    if !choice.ciphers_1_3.is_empty() {
        context.set_ciphersuites(&choice.ciphers_1_3)?;
    }
    context.set_certificate(&material.certificate)?;
    context.set_private_key(&material.key)?;
    context.check_private_key()?;
    for certificate in &material.chain {
        context.add_extra_chain_cert(certificate.clone())?;
    }
    for authority in &material.authorities {
        // For clients that have several certificates: they pick the right one.
        context.add_client_ca(authority)?;
    }
    Ok(context)
}

/// What no settings change. OpenSSL copies most of it into a connection before the client has said anything.
fn base() -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut context = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    context.set_options(
        // Ours is the order of ciphers, but clients without AES in hardware may have ChaCha20.
        SslOptions::CIPHER_SERVER_PREFERENCE
            | SslOptions::PRIORITIZE_CHACHA
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_TICKET,
    );
    // The chain is complete when it is loaded; OpenSSL would verify it anew in each handshake.
    context.set_mode(SslMode::NO_AUTO_CHAIN | SslMode::RELEASE_BUFFERS);
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_num_tickets(0)?;
    context.set_session_id_context(SESSIONS)?;
    // A certificate is verified when there is one; routes that need one ask for it, because some routes,
    // such as `/version`, work without.
    context.set_verify_callback(SslVerifyMode::PEER, |is_good, chain| {
        if !is_good {
            refusal::log(chain);
        }
        is_good
    });
    if context.set_groups_list(GROUPS[0]).is_err() {
        context.set_groups_list(GROUPS[1])?;
    }
    context.set_alpn_select_callback(|_, offered| select_next_proto(HTTP_1_1, offered).ok_or(AlpnError::NOACK));
    Ok(context)
}

#[cfg(test)]
mod tests;
