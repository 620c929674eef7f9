//! phpIPAM as real servers of versions 1.5.2 to 1.8.2 were seen to behave (PHP 8.2, MariaDB): one path for everything,
//! `/api/{app}/{controller}/{id}/{id2}/{id3}/`, one envelope around every answer, and many answers that are not what
//! their status says.
//!
//! Its clock only moves when it is told to, so that tokens expire and blocks end without anybody waiting.

mod account;
mod address_writes;
mod addresses;
mod body;
mod call;
mod filter;
mod ip;
mod recorded;
mod rows;
mod sections;
mod state;
mod subnets;
mod usage;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_conformance::{Seed, SeededSubnet};

use crate::{Ipam, Request, Response};

use call::Call;
use state::{Address, App, Section, Security, State, Subnet, User};

/// A user of the seeded server, and its password.
pub const USER: &str = "foreman";
/// The password of [`USER`].
pub const PASSWORD: &str = "Conformance-1";
/// The API app of that user's name; security "User token", permission "Read / Write / Admin".
pub const APP: &str = USER;
/// An app with permission "Read".
pub const READ_ONLY_APP: &str = "viewer";
/// An app with security "SSL with App code token", which needs HTTPS.
pub const CODE_APP: &str = "static";
/// The code of [`CODE_APP`].
pub const CODE: &str = "0123456789abcdefghijABCDEFGHIJ_-";

/// A version of phpIPAM, as far as they differ here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// As 1.6, but an update of nothing is refused.
    V1_5,
    /// Deletes nothing by address, ignores `api-stringify-results`, has no lock unless it is switched on.
    V1_6,
    /// Has no lock unless it is switched on; apps without permission may still read; apps with a code take no login; an empty
    /// `Content-Type` is refused.
    V1_7,
    /// Finds by address and subnet only the first row, answers lock time-outs with status 200.
    V1_8,
}

/// What holds the lock under which phpIPAM writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// A file on the server; also what "Auto" is.
    File,
    /// A row in the database.
    Mysql,
}

/// How a request comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In plain text.
    Http,
    /// With TLS, which ends in front of the simulator.
    Https,
}

/// A simulated phpIPAM.
pub struct Phpipam {
    state: Mutex<State>,
}

impl Phpipam {
    /// A server of this version, behind nginx, with the seed in it. Every subnet must be in a group: phpIPAM has no global
    /// table.
    pub fn seeded(version: Version, seed: &Seed) -> Arc<Self> {
        let mut state = State::new(version);
        state.is_behind_nginx = true;
        state.users.push(User::new(USER, PASSWORD));
        state.apps.extend([
            App::new(APP, Security::None),
            App { permission: 1, ..App::new(READ_ONLY_APP, Security::None) },
            App { code: Some(CODE), ..App::new(CODE_APP, Security::SslCode) },
        ]);
        for (id, group) in (1..).zip(&seed.groups) {
            let (name, description) = (group.name.as_str().to_owned(), group.description.clone());
            state.sections.push(Section { id, name, description, master: 0 });
        }
        for seeded in &seed.subnets {
            let group = seeded.group.as_ref().expect("every subnet is in a section");
            let section = state.sections.iter().find(|section| section.name == group.as_str());
            let section = section.expect("the section is seeded").id;
            let subnet = Subnet {
                description: seeded.description.clone(),
                is_pool: seeded.pool,
                ..Subnet::new(state.new_id(), section, seeded.prefix.network(), seeded.prefix.length())
            };
            let id = subnet.id;
            state.subnets.push(subnet);
            for (ip, by) in &seeded.taken {
                let row = Address {
                    mac: by.mac.map(|mac| mac.to_string()),
                    hostname: by.hostname.clone(),
                    ..Address::new(state.new_id(), id, *ip)
                };
                state.insert(row);
            }
        }
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// A server of this version with what was in the servers that were recorded, in Apache.
    pub fn recorded(version: Version) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(recorded::state(version)) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.state().now += by;
    }

    /// From now on requests come in this way.
    pub fn set_scheme(&self, scheme: Scheme) {
        self.state().scheme = scheme;
    }

    /// Apache's `AllowEncodedSlashes NoDecode`, or its default.
    pub fn set_encoded_slashes(&self, allowed: bool) {
        self.state().encoded_slashes = allowed;
    }

    /// `$api_allow_unsafe` in config.php: may apps with security "User token" be used at all?
    pub fn set_unsafe_allowed(&self, allowed: bool) {
        self.state().unsafe_allowed = allowed;
    }

    /// "API" in the server's settings.
    pub fn set_api_enabled(&self, enabled: bool) {
        self.state().api_enabled = enabled;
    }

    /// Stops or starts the database.
    pub fn set_database_up(&self, up: bool) {
        self.state().database_up = up;
    }

    /// `api-stringify-results` for every request, as with `$api_stringify_results` in config.php or an old PHP.
    pub fn set_stringify(&self, stringify: bool) {
        self.state().stringify = stringify;
    }

    /// Disables or enables a user.
    pub fn set_user_enabled(&self, name: &str, enabled: bool) {
        if let Some(user) = self.state().user_mut(name) {
            user.is_enabled = enabled;
        }
    }

    /// Changes the password of a user.
    pub fn set_password(&self, name: &str, password: &str) {
        if let Some(user) = self.state().user_mut(name) {
            user.password = password.to_owned();
        }
    }

    /// Changes the permission of an app: 0 off, 1 read, 2 write, 3 admin.
    pub fn set_permission(&self, app: &str, permission: u8) {
        for known in self.state().apps.iter_mut().filter(|known| known.id == app) {
            known.permission = permission;
        }
    }

    /// Another request holds this lock for longer than anybody waits; `None` ends it.
    pub fn hold_lock(&self, lock: Option<Lock>) {
        self.state().locked = lock;
    }

    /// The next so many creations of an address that exists lose the race: the database refuses them, not phpIPAM.
    pub fn lose_races(&self, times: u32) {
        self.state().lost_races = times;
    }

    /// The tokens of the next so many logins are replaced at once by the login of somebody else.
    pub fn orphan_tokens(&self, times: u32) {
        self.state().orphaned_logins = times;
    }

    /// How many rows a list of addresses may have before PHP runs out of memory.
    pub fn set_rows_at_most(&self, rows: usize) {
        self.state().rows_at_most = rows;
    }

    /// The next new token, in place of one that the simulator makes up.
    pub fn set_next_token(&self, token: &str) {
        self.state().next_token = Some(token.to_owned());
    }

    /// Logs a user in from elsewhere, with this token.
    pub fn admit(&self, user: &str, token: &str) {
        let mut state = self.state();
        let expires = state.now + state::TOKEN_LIFE;
        if let Some(user) = state.user_mut(user) {
            user.token = Some((token.to_owned(), expires));
        }
    }

    /// Ends a user's session.
    pub fn expire(&self, user: &str) {
        let mut state = self.state();
        let now = state.now;
        if let Some((_, expires)) = state.user_mut(user).and_then(|user| user.token.as_mut()) {
            *expires = now;
        }
    }

    /// How many rows there are in the table of sessions: one for each request that came without a cookie.
    pub fn session_rows(&self) -> usize {
        self.state().session_rows
    }

    /// Removes every section and what is in them.
    pub fn clear(&self) {
        let mut state = self.state();
        state.sections.clear();
        state.subnets.clear();
        state.remove_addresses(|_| true);
    }

    /// Another writer takes an address.
    pub fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        let id = self.state().seeded(subnet);
        self.take_in(id, address);
    }

    /// Another writer takes an address in the subnet of this id.
    pub fn take_in(&self, subnet: u64, address: IpAddr) {
        let mut state = self.state();
        let row = Address::new(state.new_id(), subnet, address);
        assert!(state.insert(row), "{address} is free");
    }

    /// Another writer frees an address.
    pub fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        let mut state = self.state();
        let id = state.seeded(subnet);
        let row = state.find(id, address).expect("a taken address").id;
        state.remove(row);
    }

    /// Another writer removes the subnet and its addresses.
    pub fn remove(&self, subnet: &SeededSubnet) {
        let mut state = self.state();
        let id = state.seeded(subnet);
        state.subnets.retain(|subnet| subnet.id != id);
        state.remove_addresses(|row| row.subnet == id);
    }

    /// Marks the subnet as full, or ends that.
    pub fn mark_full(&self, subnet: &SeededSubnet, is_full: bool) {
        let mut state = self.state();
        let id = state.seeded(subnet);
        state.subnets.iter_mut().filter(|subnet| subnet.id == id).for_each(|subnet| subnet.is_full = is_full);
    }

    /// Adds a subnet (in a section, below another subnet or folder, in a VRF) and gives its id.
    pub fn add_subnet(&self, section: &str, network: IpAddr, length: u8, master: u64, vrf: Option<u64>) -> u64 {
        let mut state = self.state();
        let section = state.sections.iter().find(|known| known.name == section).expect("a section").id;
        let id = state.new_id();
        state.subnets.push(Subnet { master, vrf, ..Subnet::new(id, section, network, length) });
        id
    }

    /// Adds a folder and gives its id.
    pub fn add_folder(&self, section: &str) -> u64 {
        let mut state = self.state();
        let section = state.sections.iter().find(|known| known.name == section).expect("a section").id;
        let id = state.new_id();
        state.subnets.push(Subnet::folder(id, section, "folder"));
        id
    }

    /// The id of a seeded subnet.
    pub fn id_of(&self, subnet: &SeededSubnet) -> u64 {
        self.state().seeded(subnet)
    }

    /// What is recorded of an address: description, owner and MAC.
    pub fn record(&self, subnet: &SeededSubnet, address: IpAddr) -> Option<[Option<String>; 3]> {
        let state = self.state();
        let row = state.find(state.seeded(subnet), address)?;
        Some([row.description.clone(), row.owner.clone(), row.mac.clone()])
    }
}

impl Ipam for Phpipam {
    fn answer(&self, request: &Request) -> Response {
        let mut state = self.state();
        let response = Call::answer(&mut state, request);
        if request.method == "HEAD" { Response { body: Vec::new(), ..response } } else { response }
    }

    fn is_write(&self, request: &Request) -> bool {
        request.method != "GET" && request.path.contains("/addresses")
    }

    fn session_expired(&self) -> Response {
        body::unauthorized()
    }
}
