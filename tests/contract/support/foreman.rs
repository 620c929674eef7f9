//! Foreman itself, as far as it matters: how it writes its calls and what it makes of the answers
//! (`app/services/proxy_api/external_ipam.rb` and `app/models/concerns/orchestration/external_ipam.rb`, 2.1 to 3.13).

use serde_json::Value;

use super::client::{Client, Response};
use super::names::{cgi_escape, form_escape, uri_escape};

/// How Foreman encodes names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Foreman 2.1 to 3.1.
    From21,
    /// Foreman 3.2 and later.
    From32,
}

/// A Foreman that calls the proxy. Errors are what its users get to see.
pub(crate) struct Foreman {
    client: Client,
    generation: Generation,
}

impl Foreman {
    pub(super) fn new(client: Client, generation: Generation) -> Self {
        Self { client, generation }
    }

    /// The same Foreman within one of its requests.
    pub(crate) fn within_request(&self, id: &str) -> Self {
        Self { client: self.client.clone().within_request(id), generation: self.generation }
    }

    /// `next_ip`: the suggested address.
    pub(crate) fn next_ip(&self, subnet: &str, mac: Option<&str>, group: Option<&str>) -> Result<String, String> {
        let query = match self.generation {
            Generation::From21 => {
                let twice = |text: Option<&str>| uri_escape(&uri_escape(text.unwrap_or_default()));
                format!("mac={}&group={}", twice(mac), twice(group))
            }
            Generation::From32 => format!("{}&{}", form_pair("mac", mac), form_pair("group", group)),
        };
        let body = parsed(&self.client.get(&format!("/ipam/subnet/{subnet}/next_ip?{query}")))?;
        // Foreman shows `null` as an empty field without a word, so it is as wrong as an object.
        body["data"].as_str().map(str::to_owned).ok_or_else(|| format!("not an address: {body}"))
    }

    /// `ip_exists`.
    pub(crate) fn ip_exists(&self, subnet: &str, address: &str, group: Option<&str>) -> Result<bool, String> {
        let response = self.client.get(&format!("/ipam/subnet/{subnet}/{address}?{}", self.read_group(group)));
        match parsed(&response)? {
            Value::Bool(exists) => Ok(exists),
            other => Err(format!("neither true nor false: {other}")),
        }
    }

    /// `add_ip_to_subnet`.
    pub(crate) fn add(&self, subnet: &str, address: &str, group: Option<&str>) -> Result<(), String> {
        written(&self.client.post(&format!("/ipam/subnet/{subnet}/{address}?{}", self.write_group(group))))
    }

    /// `delete_ip_from_subnet`.
    pub(crate) fn delete(&self, subnet: &str, address: &str, group: Option<&str>) -> Result<(), String> {
        written(&self.client.delete(&format!("/ipam/subnet/{subnet}/{address}?{}", self.write_group(group))))
    }

    /// `get_subnet`: what the IPAM knows of the subnet; `None` when it has none.
    pub(crate) fn subnet(&self, subnet: &str, group: Option<&str>) -> Result<Option<Value>, String> {
        found(&self.client.get(&format!("/ipam/subnet/{subnet}?{}", self.read_group(group))))
    }

    /// `get_group`: what the IPAM knows of the group; `None` when it has none.
    pub(crate) fn group(&self, name: &str) -> Result<Option<Value>, String> {
        found(&self.client.get(&format!("/ipam/groups/{}", self.path_group(name))))
    }

    /// What Foreman does to save a subnet (`validate_against_external_ipam` in `app/models/subnet.rs`): it asks for the
    /// subnet, then for its group, then for the subnet in it, and names the first that is missing.
    pub(crate) fn save_subnet(&self, subnet: &str, group: Option<&str>) -> Result<(), &'static str> {
        let is_there = |answer: Result<Option<Value>, String>| answer.expect("no error").is_some();
        if !is_there(self.subnet(subnet, group)) {
            return Err("Subnet not found");
        }
        match group {
            Some(name) if !is_there(self.group(name)) => Err("Group not found"),
            Some(_) if !is_there(self.subnet(subnet, group)) => Err("Subnet not found"),
            _ => Ok(()),
        }
    }

    /// `get_subnets_by_group`.
    pub(crate) fn subnets(&self, group: &str) -> Result<Value, String> {
        parsed(&self.client.get(&format!("/ipam/groups/{}/subnets", self.path_group(group))))
    }

    /// What Foreman does to save a new host: take the suggested address if it is free.
    pub(crate) fn create_host(&self, subnet: &str, mac: Option<&str>, group: Option<&str>) -> Result<String, String> {
        let address = self.next_ip(subnet, mac, group)?;
        if self.ip_exists(subnet, &address, group)? {
            return Err(format!("This IP address has already been reserved in External IPAM: {address}"));
        }
        self.add(subnet, &address, group)?;
        Ok(address)
    }

    fn path_group(&self, name: &str) -> String {
        match self.generation {
            Generation::From21 => uri_escape(&uri_escape(name)),
            Generation::From32 => cgi_escape(name),
        }
    }

    fn read_group(&self, group: Option<&str>) -> String {
        match self.generation {
            Generation::From21 => format!("group={}", uri_escape(&uri_escape(group.unwrap_or_default()))),
            Generation::From32 => form_pair("group", group),
        }
    }

    fn write_group(&self, group: Option<&str>) -> String {
        let group = group.unwrap_or_default();
        match self.generation {
            Generation::From21 => format!("group={}", uri_escape(group)),
            Generation::From32 => format!("group={}", cgi_escape(group)),
        }
    }
}

/// `encode_www_form` of one pair: a missing value has no `=`.
fn form_pair(name: &str, value: Option<&str>) -> String {
    value.map_or_else(|| name.to_owned(), |value| format!("{name}={}", form_escape(value)))
}

/// rest-client raises on every status but 2xx; Foreman raises on an object with an error.
fn parsed(response: &Response) -> Result<Value, String> {
    if !(200..300).contains(&response.status) {
        return Err(format!("{} instead of an answer", response.status));
    }
    let body: Value = serde_json::from_str(response.text()).map_err(|error| format!("{error}"))?;
    match body.get("error") {
        Some(error) => Err(error.as_str().map_or_else(|| error.to_string(), str::to_owned)),
        None => Ok(body),
    }
}

/// An empty body is success for newer versions only; `false` and `null` are failures without a message.
fn written(response: &Response) -> Result<(), String> {
    match parsed(response)? {
        Value::Null | Value::Bool(false) => Err("falsy".to_owned()),
        _ => Ok(()),
    }
}

/// An empty object is "not found".
fn found(response: &Response) -> Result<Option<Value>, String> {
    match parsed(response)? {
        Value::Object(object) if object.is_empty() => Ok(None),
        Value::Object(object) => Ok(Some(object.into())),
        other => Err(format!("no object: {other}")),
    }
}
