//! What Foreman's database and settings have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::PERMISSIONS;
use super::inventory::{Host, Subnet};
use crate::{Request, Response};

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// The login.
    pub login: String,
    /// The password.
    pub password: String,
    /// Some of [`PERMISSIONS`].
    pub permissions: Vec<&'static str>,
}

/// A Smart Proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What the API calls it.
    pub id: u64,
    /// Unique.
    pub name: String,
    /// Unique.
    pub url: String,
    /// By the names that Foreman shows, sorted.
    pub features: Vec<String>,
}

pub(super) struct State {
    pub(super) version: String,
    pub(super) users: Vec<User>,
    pub(super) oauth_is_active: bool,
    pub(super) oauth_maps_users: bool,
    /// Time and nonce of all signed requests.
    pub(super) nonces: BTreeSet<(String, String)>,
    pub(super) records: Vec<Record>,
    pub(super) hidden: BTreeSet<u64>,
    /// Their ids count from 1.
    pub(super) subnets: Vec<Subnet>,
    pub(super) hosts: Vec<Host>,
    /// Names of hosts that the list still has, and nothing else.
    pub(super) deleted: BTreeSet<String>,
    pub(super) requests: Vec<Request>,
    pub(super) sessions: u64,
    pub(super) has_webhooks: bool,
    /// Of webhooks, webhook templates and report templates, each with its resource.
    pub(super) webhooks: Vec<(String, Value)>,
    /// The organizations of users who are not in all of them.
    pub(super) confined: BTreeMap<String, Vec<u64>>,
    /// The organizations of hosts, by name, and of subnets, by id, that are not in the first one; `None` is in none.
    pub(super) host_organizations: BTreeMap<String, Option<u64>>,
    pub(super) subnet_organizations: BTreeMap<u64, Option<u64>>,
    /// How many organizations there are, with ids from 1.
    pub(super) organizations: u64,
    /// Names of hosts that Foreman fails with.
    pub(super) broken: BTreeSet<String>,
    /// Has the session that was named ended?
    pub(super) session_has_ended: bool,
    /// How long each answer takes, and how many were under way at once at most.
    pub(super) delay: Duration,
    pub(super) under_way: (usize, usize),
    pub(super) fixed: Option<Response>,
    next_id: u64,
}

impl State {
    pub(super) fn new() -> Self {
        let admin =
            User { login: "admin".to_owned(), password: "changeme".to_owned(), permissions: PERMISSIONS.to_vec() };
        Self {
            version: "3.13.0".to_owned(),
            users: vec![admin],
            oauth_is_active: true,
            oauth_maps_users: true,
            nonces: BTreeSet::new(),
            records: Vec::new(),
            hidden: BTreeSet::new(),
            subnets: Vec::new(),
            hosts: Vec::new(),
            deleted: BTreeSet::new(),
            requests: Vec::new(),
            sessions: 0,
            has_webhooks: true,
            webhooks: Vec::new(),
            confined: BTreeMap::new(),
            host_organizations: BTreeMap::new(),
            subnet_organizations: BTreeMap::new(),
            organizations: 3,
            broken: BTreeSet::new(),
            session_has_ended: false,
            delay: Duration::ZERO,
            under_way: (0, 0),
            fixed: None,
            next_id: 1,
        }
    }

    pub(super) fn user(&self, login: &str) -> Option<&User> {
        self.users.iter().find(|user| user.login == login)
    }

    pub(super) fn add(&mut self, name: &str, url: &str, features: &[&str]) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let features = features.iter().map(|feature| (*feature).to_owned()).collect();
        self.records.push(Record { id, name: name.to_owned(), url: url.to_owned(), features });
        id
    }

    pub(super) fn visible(&self, id: u64) -> Option<&Record> {
        self.records.iter().find(|record| record.id == id && !self.hidden.contains(&id))
    }

    /// Is the user an administrator? Others see only what is in their organizations.
    pub(super) fn is_admin(login: &str) -> bool {
        login == "admin"
    }

    /// The organizations that a user is in; `None` for an administrator, who sees also what is in none.
    pub(super) fn organizations_of(&self, login: &str) -> Option<Vec<u64>> {
        let all = || (1..=self.organizations).collect();
        (!Self::is_admin(login)).then(|| self.confined.get(login).cloned().unwrap_or_else(all))
    }

    pub(super) fn sees_host(&self, login: &str, host: &str) -> bool {
        let of_host = self.host_organizations.get(host).copied().unwrap_or(Some(1));
        self.organizations_of(login).is_none_or(|own| of_host.is_some_and(|of_host| own.contains(&of_host)))
    }

    pub(super) fn sees_subnet(&self, login: &str, subnet: u64) -> bool {
        let of_subnet = self.subnet_organizations.get(&subnet).copied().unwrap_or(Some(1));
        self.organizations_of(login).is_none_or(|own| of_subnet.is_some_and(|of_subnet| own.contains(&of_subnet)))
    }

    /// Is the version this one or a newer one?
    pub(super) fn is_at_least(&self, major: u32, minor: u32) -> bool {
        let numbers: Vec<u32> = self.version.split('.').take(2).map(|part| part.parse().unwrap_or(0)).collect();
        numbers >= vec![major, minor]
    }

    /// The features that this version knows, by the names that proxies give them.
    pub(super) fn feature(&self, name: &str) -> Option<&'static str> {
        let knows_ipam = self.is_at_least(2, 1);
        let known = [("externalipam", "External IPAM"), ("logs", "Logs"), ("dns", "DNS"), ("tftp", "TFTP")];
        let known = known.into_iter().filter(|(name, _)| *name != "externalipam" || knows_ipam);
        known.into_iter().find(|(known, _)| *known == name).map(|(_, shown)| shown)
    }
}

impl Record {
    /// As lists and single records show it (`main.json.rabl`).
    pub(super) fn to_json(&self) -> Value {
        let features = self.features.iter().enumerate();
        let features: Vec<Value> =
            features.map(|(id, name)| json!({"capabilities": [], "name": name, "id": id + 1})).collect();
        json!({
            "created_at": "2026-11-20 17:49:08 UTC",
            "updated_at": "2026-11-20 17:49:08 UTC",
            "name": self.name,
            "id": self.id,
            "url": self.url,
            "features": features,
        })
    }

    /// As some versions answer a change.
    pub(super) fn to_short_json(&self) -> Value {
        json!({"id": self.id, "name": self.name, "url": self.url})
    }
}
