//! What is in a server: users, apps, sections, subnets, addresses, and the switches of its configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipam_conformance::SeededSubnet;

use super::ip::{self, Range};
use super::{Lock, Scheme, Version};

/// A token lives as long after its last use.
pub(super) const TOKEN_LIFE: Duration = Duration::from_secs(6 * 3600);

/// More failed logins than this within [`BLOCK`] block the caller's address.
const FAILURES_AT_MOST: usize = 10;
const BLOCK: Duration = Duration::from_secs(300);

/// A list of addresses with more rows than this takes more than PHP's 128 MiB: seen between 22,000 and 25,000.
const ROWS_AT_MOST: usize = 22_000;

/// The security of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    SslToken,
    SslCode,
    None,
    Crypt,
    User,
}

#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) id: &'static str,
    pub(super) security: Security,
    /// 0 off, 1 read, 2 write, 3 admin.
    pub(super) permission: u8,
    pub(super) code: Option<&'static str>,
    pub(super) lock: Option<Lock>,
    pub(super) is_nesting: bool,
    pub(super) shows_links: bool,
}

impl App {
    pub(super) fn new(id: &'static str, security: Security) -> Self {
        Self { id, security, permission: 3, code: None, lock: Some(Lock::File), is_nesting: false, shows_links: false }
    }
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) is_enabled: bool,
    /// One token for all apps, and when it ends.
    pub(super) token: Option<(String, Duration)>,
}

impl User {
    pub(super) fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: password.to_owned(), is_enabled: true, token: None }
    }
}

#[derive(Debug)]
pub(super) struct Section {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) master: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Subnet {
    pub(super) id: u64,
    pub(super) section: u64,
    /// `None` for a folder.
    pub(super) range: Option<Range>,
    pub(super) description: String,
    pub(super) vrf: Option<u64>,
    pub(super) master: u64,
    pub(super) is_full: bool,
    pub(super) is_pool: bool,
}

impl Subnet {
    pub(super) fn new(id: u64, section: u64, network: IpAddr, length: u8) -> Self {
        let range = Some(Range::new(network, length));
        let description = String::new();
        Self { id, section, range, description, vrf: None, master: 0, is_full: false, is_pool: false }
    }

    pub(super) fn folder(id: u64, section: u64, description: &str) -> Self {
        let description = description.to_owned();
        Self { id, section, range: None, description, vrf: None, master: 0, is_full: false, is_pool: false }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) id: u64,
    pub(super) subnet: u64,
    pub(super) ip: IpAddr,
    pub(super) is_gateway: bool,
    pub(super) description: Option<String>,
    pub(super) hostname: Option<String>,
    pub(super) mac: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) tag: u64,
    pub(super) note: Option<String>,
    pub(super) is_edited: bool,
    /// A column that the recorded servers had added.
    pub(super) custom: Option<String>,
}

impl Address {
    pub(super) fn new(id: u64, subnet: u64, ip: IpAddr) -> Self {
        Self {
            id,
            subnet,
            ip,
            is_gateway: false,
            description: None,
            hostname: None,
            mac: None,
            owner: None,
            tag: 2,
            note: None,
            is_edited: false,
            custom: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) version: Version,
    pub(super) scheme: Scheme,
    pub(super) now: Duration,
    pub(super) users: Vec<User>,
    pub(super) apps: Vec<App>,
    pub(super) sections: Vec<Section>,
    pub(super) subnets: Vec<Subnet>,
    addresses: BTreeMap<u64, Address>,
    /// The unique key of the table: subnet and number of the address.
    unique: BTreeMap<(u64, u128), u64>,
    next_id: u64,
    pub(super) next_token: Option<String>,
    tokens_made: u64,
    failures: Vec<Duration>,
    pub(super) session_rows: usize,
    pub(super) encoded_slashes: bool,
    /// nginx with its own `fastcgi_params` passes on an empty type where a request has none.
    pub(super) is_behind_nginx: bool,
    pub(super) unsafe_allowed: bool,
    pub(super) api_enabled: bool,
    pub(super) database_up: bool,
    pub(super) stringify: bool,
    pub(super) has_custom_column: bool,
    pub(super) locked: Option<Lock>,
    pub(super) lost_races: u32,
    pub(super) orphaned_logins: u32,
    pub(super) rows_at_most: usize,
}

impl State {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            scheme: Scheme::Http,
            now: Duration::ZERO,
            users: Vec::new(),
            apps: Vec::new(),
            sections: Vec::new(),
            subnets: Vec::new(),
            addresses: BTreeMap::new(),
            unique: BTreeMap::new(),
            next_id: 2001,
            next_token: None,
            tokens_made: 0,
            failures: Vec::new(),
            session_rows: 0,
            encoded_slashes: false,
            is_behind_nginx: false,
            unsafe_allowed: true,
            api_enabled: true,
            database_up: true,
            stringify: false,
            has_custom_column: false,
            locked: None,
            lost_races: 0,
            orphaned_logins: 0,
            rows_at_most: ROWS_AT_MOST,
        }
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// A token as phpIPAM makes them: 24 of `[A-Za-z0-9_-]`.
    pub(super) fn new_token(&mut self) -> String {
        self.tokens_made += 1;
        let number = self.tokens_made;
        self.next_token.take().unwrap_or_else(|| format!("simulated_Token-{number:08}"))
    }

    /// User names are compared by the database, which does not look at case.
    pub(super) fn user_mut(&mut self, name: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn failed_login(&mut self) {
        self.failures.push(self.now);
    }

    pub(super) fn good_login(&mut self) {
        self.failures.clear();
    }

    pub(super) fn is_blocked(&self) -> bool {
        let recent = self.failures.iter().filter(|failed| self.now < **failed + BLOCK);
        recent.count() > FAILURES_AT_MOST
    }

    pub(super) fn subnet(&self, id: u64) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == id)
    }

    pub(super) fn children(&self, id: u64) -> impl Iterator<Item = &Subnet> {
        self.subnets.iter().filter(move |subnet| subnet.master == id)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.values()
    }

    /// The rows of a subnet by address.
    pub(super) fn addresses_of(&self, subnet: u64) -> impl Iterator<Item = &Address> {
        self.unique.range((subnet, 0)..=(subnet, u128::MAX)).map(|(_, id)| &self.addresses[id])
    }

    pub(super) fn address(&self, id: u64) -> Option<&Address> {
        self.addresses.get(&id)
    }

    pub(super) fn address_mut(&mut self, id: u64) -> Option<&mut Address> {
        self.addresses.get_mut(&id)
    }

    pub(super) fn find(&self, subnet: u64, ip: IpAddr) -> Option<&Address> {
        self.unique.get(&(subnet, ip::number(ip))).map(|id| &self.addresses[id])
    }

    /// `false` when the table has the address already.
    pub(super) fn insert(&mut self, row: Address) -> bool {
        let key = (row.subnet, ip::number(row.ip));
        if self.unique.contains_key(&key) {
            return false;
        }
        self.unique.insert(key, row.id);
        self.addresses.insert(row.id, row);
        true
    }

    pub(super) fn remove(&mut self, id: u64) -> bool {
        let Some(row) = self.addresses.remove(&id) else { return false };
        self.unique.remove(&(row.subnet, ip::number(row.ip)));
        true
    }

    pub(super) fn remove_addresses(&mut self, which: impl Fn(&Address) -> bool) {
        let ids: Vec<u64> = self.addresses().filter(|row| which(row)).map(|row| row.id).collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// The id of a seeded subnet. Panics when there is none.
    pub(super) fn seeded(&self, seeded: &SeededSubnet) -> u64 {
        let group = seeded.group.as_ref().expect("every subnet is in a section").as_str();
        let section = self.sections.iter().find(|section| section.name == group).expect("a seeded section").id;
        let range = Range::new(seeded.prefix.network(), seeded.prefix.length());
        let subnet = self.subnets.iter().find(|subnet| subnet.section == section && subnet.range == Some(range));
        subnet.expect("a seeded subnet").id
    }
}
