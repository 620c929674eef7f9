//! NetBox, as recorded from 4.6.8 and 3.7.8 and, where nothing was recorded, as its source says.
//!
//! What it is known for: every refused token is 403 with another text; parameters that it does not know or that are
//! empty widen the answer; names of VRFs are not unique; `available-ips` has a limit and no pages; an address that is
//! taken is 400 with a text, and only where uniqueness is enforced; failures inside show what is inside.

mod available;
mod create;
mod lists;
mod net;
mod query;
mod recorded;
mod render;
mod routes;
mod seed;
mod state;
mod tokens;
mod version;
mod writes;

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::{Ipam, Request, Response};
use query::Pages;
use render::Renderer;
use state::{Named, Scope, State};

pub use seed::MAC_FIELD;
pub use tokens::{Right, Token, TokenFault};
pub use version::Version;

/// The token of an administrator that every simulator knows.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

/// The page sizes that NetBox has when nothing is set: `PAGINATE_COUNT` and `MAX_PAGE_SIZE`.
const PAGES: Pages = Pages { default: 50, at_most: 1000 };

/// Trouble inside of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// PostgreSQL refuses connections: 500 with its message, host and port.
    DatabaseDown,
    /// PostgreSQL takes no writes: 500 with its message.
    DatabaseReadOnly,
    /// Redis is away: everything is 500 and a page of HTML.
    RedisDown,
    /// Maintenance that is enforced: writes are 500.
    Maintenance,
}

/// One NetBox.
pub struct Netbox {
    version: Version,
    pages: Pages,
    tokens: Vec<Token>,
    /// What links to other pages begin with, instead of what the request says.
    public_root: Option<String>,
    trouble: Mutex<Option<Trouble>>,
    state: Mutex<State>,
}

impl Netbox {
    /// An empty one, with [`TOKEN`].
    pub fn new(version: Version) -> Self {
        let state = State { enforce_global_unique: version.enforces_global_uniqueness(), ..State::default() };
        Self {
            version,
            pages: PAGES,
            tokens: vec![Token::new(TOKEN)],
            public_root: None,
            trouble: Mutex::new(None),
            state: Mutex::new(state),
        }
    }

    /// With one more token.
    #[must_use]
    pub fn with_token(mut self, token: Token) -> Self {
        self.tokens.push(token);
        self
    }

    /// With `MAX_PAGE_SIZE` set to this; 0 for no limit.
    #[must_use]
    pub fn with_pages_of_at_most(mut self, rows: usize) -> Self {
        let default = if rows == 0 { PAGES.default } else { PAGES.default.min(rows) };
        self.pages = Pages { default, at_most: rows };
        self
    }

    /// Behind a front end, so that links to other pages begin with this.
    #[must_use]
    pub fn with_links_to(mut self, root: &str) -> Self {
        self.public_root = Some(root.to_owned());
        self
    }

    /// Without uniqueness, neither in the global table nor in any VRF that is there.
    #[must_use]
    pub fn without_uniqueness(self) -> Self {
        {
            let mut state = self.state();
            state.enforce_global_unique = false;
            state.vrfs.iter_mut().for_each(|vrf| vrf.enforce_unique = false);
        }
        self
    }

    /// Trouble from now on, or none.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Adds a VRF; its id.
    pub fn add_vrf(&self, name: &str) -> u64 {
        let mut state = self.state();
        let id = 1 + state.vrfs.iter().map(|vrf| vrf.id).max().unwrap_or(0);
        state.vrfs.push(state::Vrf::new(id, name));
        id
    }

    /// Adds a tag; its slug is its name.
    pub fn add_tag(&self, slug: &str) {
        let mut state = self.state();
        let id = 1 + state.tags.len() as u64;
        state.tags.push(Named { slug: slug.to_owned(), ..Named::new(id, slug) });
    }

    /// Adds a prefix to a VRF or to the global table; its id.
    pub fn add_prefix(&self, prefix: &str, vrf: Option<u64>) -> u64 {
        let mut state = self.state();
        let id = 1 + state.prefixes.iter().map(|prefix| prefix.id).max().unwrap_or(0);
        state.prefixes.push(state::Prefix { vrf, ..state::Prefix::new(id, prefix) });
        id
    }

    /// Gives a prefix a status.
    pub fn set_status(&self, prefix: u64, status: &str) {
        let mut state = self.state();
        state.prefixes.iter_mut().filter(|known| known.id == prefix).for_each(|known| known.status = status.to_owned());
    }

    /// Makes another prefix of a prefix, as an edit does.
    pub fn set_prefix(&self, prefix: u64, net: &str, vrf: Option<u64>) {
        let net = net::Net::parse(net).expect("a prefix");
        let mut state = self.state();
        let known = state.prefixes.iter_mut().find(|known| known.id == prefix).expect("a prefix");
        (known.net, known.vrf) = (net, vrf);
    }

    /// Removes a VRF with all that is in it.
    pub fn remove_vrf(&self, id: u64) {
        let mut state = self.state();
        state.vrfs.retain(|vrf| vrf.id != id);
        state.prefixes.retain(|prefix| prefix.vrf != Some(id));
        state.addresses.retain(|address| address.vrf != Some(id));
    }

    /// Marks a prefix as utilized.
    pub fn mark_utilized(&self, prefix: u64) {
        self.state()
            .prefixes
            .iter_mut()
            .filter(|known| known.id == prefix)
            .for_each(|known| known.mark_utilized = true);
    }

    /// Moves the prefixes of a site to a location of it.
    pub fn move_to_location(&self, site: &str) {
        let mut state = self.state();
        let Some(id) = state.sites.iter().find(|known| known.name == site).map(|site| site.id) else { return };
        let in_site = state.prefixes.iter_mut().filter(|prefix| prefix.scope == Some(Scope::Site(id)));
        in_site.for_each(|prefix| prefix.scope = Some(Scope::Location(id)));
    }

    /// Adds a range of addresses, both ends with a length.
    pub fn add_range(&self, first: &str, last: &str, vrf: Option<u64>, mark_populated: bool) {
        let mut state = self.state();
        let id = 1 + state.ranges.len() as u64;
        let net = |text: &str| net::Net::parse(text).expect("an address");
        state.ranges.push(state::Range {
            id,
            first: net(first),
            last: net(last),
            vrf,
            status: "active".to_owned(),
            mark_populated,
            mark_utilized: false,
        });
    }

    /// Adds a custom field of addresses that must be set.
    pub fn require_custom_field(&self, name: &str) {
        self.state().custom_fields.push(state::CustomField { name: name.to_owned(), required: true, is_mac: false });
    }

    /// Records an address as another user does; its id.
    pub fn record(&self, address: &str, vrf: Option<u64>) -> u64 {
        let mut state = self.state();
        let id = state.next_address_id();
        let net = net::Net::parse(address).expect("an address");
        state.addresses.push(state::Address { vrf, ..state::Address::new(id, net) });
        id
    }

    /// All records of an address, in all VRFs.
    pub fn records_of(&self, address: &str) -> Vec<Value> {
        let state = self.state();
        let address = net::Net::parse(address).expect("an address").address;
        let renderer = Renderer { state: &state, version: self.version, root: "", is_brief: false };
        let records = state.addresses.iter().filter(|record| record.net.address == address);
        records.map(|record| renderer.address(record)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of a server in trouble.
    fn troubled(&self, request: &Request) -> Option<Response> {
        let trouble = *self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let (error, exception) = match trouble? {
            Trouble::RedisDown => {
                let inside = "redis.exceptions.ConnectionError: Error 111 connecting to 127.0.0.1:16379";
                return Some(Response::html(
                    500,
                    &format!("<!DOCTYPE html><title>Server Error</title><pre>{inside}</pre>"),
                ));
            }
            Trouble::DatabaseDown => {
                ("connection failed: connection to server at \"127.0.0.1\", port 15432 failed", "OperationalError")
            }
            Trouble::DatabaseReadOnly | Trouble::Maintenance if !self.is_write(request) => return None,
            Trouble::DatabaseReadOnly => ("cannot execute INSERT in a read-only transaction", "InternalError"),
            Trouble::Maintenance => (
                "NetBox is currently operating in maintenance mode and is unable to perform write operations. \
                 Please try again later.",
                "InternalError",
            ),
        };
        let number = self.version.number();
        let body =
            json!({"error": error, "exception": exception, "netbox_version": number, "python_version": "3.12.1"});
        Some(Response::json(500, &body))
    }
}

impl Ipam for Netbox {
    fn answer(&self, request: &Request) -> Response {
        if let Some(response) = self.troubled(request) {
            return response;
        }
        let mut response = self.route(request).unwrap_or_else(|refusal| refusal);
        if request.method == "HEAD" {
            response.body.clear();
        }
        response
    }

    fn is_write(&self, request: &Request) -> bool {
        matches!(request.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }

    fn session_expired(&self) -> Response {
        tokens::forbidden("Token expired")
    }
}
