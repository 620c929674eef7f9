//! Foreman itself, as far as Smart Proxies register in it and its subnets and hosts are read: `/api/v2`, over TLS.
//!
//! Written from what a running Foreman 3.12 answered, and from Foreman's sources, 2.1 to 3.13 (`app/controllers/api/v2/smart_proxies_controller.rb`,
//! `app/models/smart_proxy.rb`, `app/services/sso`, `app/views/api/v2`). As the real one it calls the proxy back before it
//! answers, with its client certificate, and verifies the proxy's certificate and the name in it; every name leads to the
//! loopback interface. OAuth it takes more strictly than the real one, which minds neither time nor nonce.

mod api;
mod callback;
mod inventory;
mod oauth;
mod state;
mod webhooks;

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::X509;
use serde_json::Value;

use crate::server::{encode, parse};
use crate::{Request, Response};

pub use inventory::{Host, Interface, Subnet};
pub use state::{Record, User};

use callback::Caller;
use state::State;

/// Nobody waits longer for the other side of a connection.
const AT_MOST: Duration = Duration::from_secs(60);

/// The permissions that the API asks for. `webhooks`, `view_taxonomies` and `edit_report_templates` stand for all those of
/// webhooks and their templates, of organizations and locations, and for changes of report templates.
pub const PERMISSIONS: [&str; 11] = [
    "view_smart_proxies",
    "create_smart_proxies",
    "edit_smart_proxies",
    "destroy_smart_proxies",
    "view_subnets",
    "view_hosts",
    "webhooks",
    "view_taxonomies",
    "view_report_templates",
    "generate_report_templates",
    "edit_report_templates",
];

/// The key of the consumer that is in the settings.
pub const CONSUMER_KEY: &str = "consumer key & more";
/// Its secret.
pub const CONSUMER_SECRET: &str = "geheim/consumer+secret%";

/// What Foreman shows, and whom it believes; all PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate of the web server.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The certificate that proxies are called with.
    pub client_certificate: String,
    /// Its key.
    pub client_key: String,
    /// Who signs the certificates of proxies.
    pub authority: String,
}

/// A running Foreman. It ends when it is dropped.
pub struct Foreman {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    acceptor: SslAcceptor,
    caller: Caller,
    state: Mutex<State>,
    ended: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Foreman {
    /// Starts Foreman 3.13 on a free port, with a user `admin`, password `changeme`, who may do everything.
    pub fn start(identity: &Identity) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("a TLS context");
        let certificate = X509::from_pem(identity.certificate.as_bytes()).expect("a certificate");
        let key = PKey::private_key_from_pem(identity.key.as_bytes()).expect("a key");
        acceptor.set_certificate(&certificate).expect("a certificate");
        acceptor.set_private_key(&key).expect("its key");
        let shared = Arc::new(Shared {
            acceptor: acceptor.build(),
            caller: Caller::new(identity),
            state: Mutex::new(State::new()),
            ended: AtomicBool::new(false),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = shared.clone();
        thread::spawn(move || serve(&listener, &serving));
        Self { address, shared }
    }

    /// Its address, by the name `localhost`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Its address by number, for which the certificate is not.
    pub fn url_by_number(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Another version; before 2.1 it does not know External IPAM.
    pub fn set_version(&self, version: &str) {
        self.shared.state().version = version.to_owned();
    }

    /// Adds a user, or replaces the one of this login.
    pub fn set_user(&self, user: User) {
        let mut state = self.shared.state();
        state.users.retain(|known| known.login != user.login);
        state.users.push(user);
    }

    /// The settings `oauth_active` and `oauth_map_users`.
    pub fn set_oauth(&self, is_active: bool, maps_users: bool) {
        let mut state = self.shared.state();
        state.oauth_is_active = is_active;
        state.oauth_maps_users = maps_users;
    }

    /// Adds a Smart Proxy without calling it, as if it had been registered long ago; answers its id.
    pub fn add(&self, name: &str, url: &str, features: &[&str]) -> u64 {
        self.shared.state().add(name, url, features)
    }

    /// Removes a Smart Proxy, as somebody does in the web interface.
    pub fn remove(&self, id: u64) {
        self.shared.state().records.retain(|record| record.id != id);
    }

    /// Makes a Smart Proxy invisible, as those of other organizations are.
    pub fn hide(&self, id: u64) {
        self.shared.state().hidden.insert(id);
    }

    /// Adds a subnet; returns its id.
    pub fn add_subnet(&self, subnet: Subnet) -> u64 {
        let mut state = self.shared.state();
        state.subnets.push(subnet);
        state.subnets.len() as u64
    }

    /// Adds a host, or replaces the one of this name.
    pub fn set_host(&self, host: Host) {
        let mut state = self.shared.state();
        match state.hosts.iter_mut().find(|known| known.name == host.name) {
            Some(known) => *known = host,
            None => state.hosts.push(host),
        }
    }

    /// Deletes a host. Ids of others stay.
    pub fn delete_host(&self, name: &str) {
        self.shared.state().deleted.insert(name.to_owned());
    }

    /// Gives a host another name.
    pub fn rename_host(&self, name: &str, new: &str) {
        let mut state = self.shared.state();
        for host in state.hosts.iter_mut().filter(|host| host.name == name) {
            new.clone_into(&mut host.name);
        }
    }

    /// Calls a proxy with the client certificate. Answers the status.
    pub fn call_proxy(&self, proxy_url: &str, method: &str, path: &str) -> u16 {
        self.shared.caller.call(proxy_url, method, path).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sends a webhook to a proxy, with the client certificate or, with a token, without it. Answers the status.
    pub fn send_webhook(&self, proxy_url: &str, body: &str, token: Option<&str>) -> u16 {
        self.shared.caller.webhook(proxy_url, body, token).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Is the plugin `foreman_webhooks` installed? It is, unless this is called.
    pub fn uninstall_webhooks(&self) {
        self.shared.state().has_webhooks = false;
    }

    /// A user who is in these organizations only; all are in organizations 1 to 3 otherwise, but for `admin`, who sees
    /// everything.
    pub fn confine(&self, login: &str, organizations: &[u64]) {
        self.shared.state().confined.insert(login.to_owned(), organizations.to_vec());
    }

    /// Another organization, which nobody is in yet who is [confined](Self::confine).
    pub fn add_organization(&self) {
        self.shared.state().organizations += 1;
    }

    /// Puts a host into another organization than the first, or into none.
    pub fn move_host(&self, name: &str, organization: Option<u64>) {
        self.shared.state().host_organizations.insert(name.to_owned(), organization);
    }

    /// Puts a subnet into another organization than the first, or into none.
    pub fn move_subnet(&self, id: u64, organization: Option<u64>) {
        self.shared.state().subnet_organizations.insert(id, organization);
    }

    /// A host whose page, and whose report, is an error of Foreman, or is none any more.
    pub fn break_host(&self, name: &str, is_broken: bool) {
        let broken = &mut self.shared.state().broken;
        if is_broken {
            broken.insert(name.to_owned());
        } else {
            broken.remove(name);
        }
    }

    /// Ends the session that requests without a cookie are told of, or lets it live again.
    pub fn end_session(&self, has_ended: bool) {
        self.shared.state().session_has_ended = has_ended;
    }

    /// Each answer takes so long from now on.
    pub fn answer_after(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// How many requests were under way at once at most.
    pub fn at_once(&self) -> usize {
        self.shared.state().under_way.1
    }

    /// Changes a report template, as somebody does in the web interface.
    pub fn edit_report_template(&self, name: &str, key: &str, value: Value) {
        let mut state = self.shared.state();
        for (_, row) in
            state.webhooks.iter_mut().filter(|(kind, row)| kind == "report_templates" && row["name"] == name)
        {
            row[key] = value.clone();
        }
    }

    /// The webhooks, webhook templates or report templates that were created.
    pub fn webhooks(&self, kind: &str) -> Vec<Value> {
        let state = self.shared.state();
        state.webhooks.iter().filter(|(known, _)| known == kind).map(|(_, row)| row.clone()).collect()
    }

    /// A host that is deleted while the list is read: the list has it, and then it is gone.
    pub fn delete_host_after_list(&self, name: &str) {
        self.shared.state().deleted.insert(name.to_owned());
    }

    /// From now on every request is answered with this, or as usual.
    pub fn answer_all_with(&self, response: Option<Response>) {
        self.shared.state().fixed = response;
    }

    /// All Smart Proxies, in the order in which they were registered.
    pub fn records(&self) -> Vec<Record> {
        self.shared.state().records.clone()
    }

    /// How many requests there were within a session.
    pub fn sessions(&self) -> u64 {
        self.shared.state().sessions
    }

    /// Method and path of all requests since the last time this was asked.
    pub fn take_requests(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.shared.state().requests);
        requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }
}

impl Drop for Foreman {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection; it may have ended already.
        let _ = TcpStream::connect(self.address);
    }
}

impl fmt::Debug for Foreman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreman").field("address", &self.address).finish_non_exhaustive()
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let shared = shared.clone();
        thread::spawn(move || connection(stream, &shared));
    }
}

/// Answers the requests of one connection; one that ends, or is no TLS, is nobody's loss.
fn connection(stream: TcpStream, shared: &Shared) {
    if stream.set_read_timeout(Some(AT_MOST)).is_err() {
        return;
    }
    let Ok(mut stream) = shared.acceptor.accept(stream) else { return };
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer) {
        let response = answer(&request, shared);
        if stream.write_all(&encode(&response)).is_err() {
            return;
        }
    }
}

fn read(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(request) = parse(buffer)? {
            return Some(request);
        }
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(length) => buffer.extend_from_slice(&part[..length]),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "each connection has a thread of its own")]
fn linger(delay: Duration) {
    if !delay.is_zero() {
        thread::sleep(delay);
    }
}

fn answer(request: &Request, shared: &Shared) -> Response {
    let (fixed, version, delay) = {
        let mut state = shared.state();
        state.requests.push(request.clone());
        state.sessions += u64::from(request.header("cookie") == Some("_session_id=abc"));
        let (now, most) = state.under_way;
        state.under_way = (now + 1, most.max(now + 1));
        (state.fixed.clone(), state.version.clone(), state.delay)
    };
    linger(delay);
    let response = fixed.unwrap_or_else(|| api::answer(request, shared));
    shared.state().under_way.0 -= 1;
    // A session is only told of a request without one.
    let is_new = request.header("cookie").is_none() && response.status == 200;
    let response =
        if is_new { response.with_header("Set-Cookie", "_session_id=abc; path=/; secure") } else { response };
    response.with_header("Foreman_version", version).with_header("Foreman_api_version", "2")
}
