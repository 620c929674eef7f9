//! What Foreman's API says, of its version 2 (`app/controllers/api/v2` and `app/views/api/v2`, Foreman 2.1 to 3.13).

use serde::Deserialize;
use serde_json::Value;

/// A page of a list: `{"total": …, "subtotal": …, "page": …, "per_page": …, "results": […]}`.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) results: Vec<T>,
    /// How many records all pages have together.
    pub(super) subtotal: Option<usize>,
}

/// A Smart Proxy as Foreman has it; of a list, of one record, and of the answer to a change.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SmartProxy {
    /// What the API calls it.
    pub id: u64,
    /// Unique.
    pub name: String,
    /// Unique, without a slash at the end.
    pub url: String,
    /// Absent in short forms of the record.
    #[serde(default)]
    features: Vec<Feature>,
}

#[derive(Debug, Clone, Deserialize)]
struct Feature {
    name: String,
}

impl SmartProxy {
    /// The features that Foreman has found, by the names that it shows, such as `External IPAM`.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|feature| feature.name.as_str())
    }
}

/// A subnet: `GET /api/v2/subnets`. The group of External IPAM is in no answer.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Subnet {
    /// What the API calls it.
    pub id: u64,
    /// The name that people see.
    pub name: String,
    /// `192.0.2.0/24`.
    pub network_address: String,
    /// Free text.
    pub description: Option<String>,
    /// An address; empty or null where there is none, as the following ones.
    pub gateway: Option<String>,
    /// A DNS server.
    pub dns_primary: Option<String>,
    /// Another one.
    pub dns_secondary: Option<String>,
    /// The lowest address that Foreman gives out itself.
    pub from: Option<String>,
    /// The highest one.
    pub to: Option<String>,
    /// The Smart Proxy for External IPAM. Foreman keeps it when that Smart Proxy is deleted.
    pub externalipam_id: Option<u64>,
    /// Its name; null when Foreman does not have it.
    pub externalipam_name: Option<String>,
}

/// A host, in the short form of `GET /api/v2/hosts?thin=1`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Host {
    /// What the API calls it.
    pub id: u64,
    /// The full name.
    pub name: String,
}

/// A host: `GET /api/v2/hosts/:id`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HostDetails {
    /// What the API calls it.
    pub id: u64,
    /// The full name.
    pub name: String,
    /// All interfaces.
    #[serde(default)]
    pub interfaces: Vec<Interface>,
}

/// An interface: `GET /api/v2/hosts/:id/interfaces`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Interface {
    /// Null for most secondary interfaces.
    pub name: Option<String>,
    /// The full name, where Foreman shows it.
    pub fqdn: Option<String>,
    /// Such as `eth0`.
    pub identifier: Option<String>,
    /// Null for VLANs and aliases, which have that of [`attached_to`](Self::attached_to).
    pub mac: Option<String>,
    /// An IPv4 address; may be empty.
    pub ip: Option<String>,
    /// An IPv6 address; may be empty.
    pub ip6: Option<String>,
    /// The subnet of `ip`.
    pub subnet_id: Option<u64>,
    /// The subnet of `ip6`.
    pub subnet6_id: Option<u64>,
    /// The identifier of the interface that this one is a VLAN or an alias of.
    pub attached_to: Option<String>,
}

/// What an answer that is no success says: the forms of `app/views/api/v2/errors`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// All sentences, possibly none.
    pub(super) messages: Vec<String>,
    /// Of 422: the attributes that are wrong, such as `name` or `base`.
    pub(super) attributes: Vec<String>,
}

impl Complaint {
    /// `{"error": {"message": …, "details": …}}`, `{"error": {"errors": {…}, "full_messages": […]}}`, or
    /// `{"error": "…"}` and `{"message": "…"}` of some failures.
    pub(super) fn of(body: &Value) -> Self {
        let error = body.get("error").unwrap_or(body);
        let text = |value: &Value| value.as_str().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let full = error.get("full_messages").and_then(Value::as_array).into_iter().flatten().filter_map(text);
        let mut messages: Vec<String> = full.collect();
        if messages.is_empty() {
            messages = [error.get("message"), error.get("details"), Some(error)]
                .into_iter()
                .flatten()
                .filter_map(text)
                .collect();
        }
        let attributes = error.get("errors").and_then(Value::as_object);
        Self { messages, attributes: attributes.into_iter().flatten().map(|(name, _)| name.clone()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_of_an_error_is_read() {
        let read = |body: Value| {
            let Complaint { messages, attributes } = Complaint::of(&body);
            (messages.join(" | "), attributes.join(","))
        };
        let pair = |messages: &str, attributes: &str| (messages.to_owned(), attributes.to_owned());
        let taken = json!({"error": {"id": null, "errors": {"name": ["has already been taken"]}, "full_messages": ["Name has already been taken"]}});
        assert_eq!(read(taken), pair("Name has already been taken", "name"));
        let denied = json!({"error": {"message": "Access denied", "details": "Missing one of the required permissions: create_smart_proxies", "missing_permissions": ["create_smart_proxies"]}});
        assert_eq!(
            read(denied),
            pair("Access denied | Missing one of the required permissions: create_smart_proxies", "")
        );
        assert_eq!(
            read(json!({"error": {"message": "Unable to authenticate user "}})),
            pair("Unable to authenticate user", "")
        );
        assert_eq!(read(json!({"status": 400, "error": "There was a problem"})), pair("There was a problem", ""));
        assert_eq!(read(json!({"message": "Down for maintenance"})), pair("Down for maintenance", ""));
        assert_eq!(read(Value::Null), pair("", ""));
    }
}
