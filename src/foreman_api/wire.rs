//! What Foreman's API says, of its version 2 (`app/controllers/api/v2` and `app/views/api/v2`, Foreman 2.1 to 3.13).

use std::net::IpAddr;

use ipam_provider::Mac;
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
    /// The Smart Proxy itself; null when Foreman does not have it.
    pub externalipam: Option<ProxyOfSubnet>,
    /// Such as `External IPAM` or `DHCP`.
    pub ipam: Option<String>,
}

/// A Smart Proxy in a subnet.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ProxyOfSubnet {
    /// Its address.
    #[serde(default)]
    pub url: String,
}

/// The interfaces of all hosts in a subnet, also of those that the user may not see: `GET /api/v2/subnets/:id`.
#[derive(Debug, Deserialize)]
pub(super) struct SubnetDetails {
    #[serde(default)]
    pub(super) interfaces: Vec<Interface>,
}

/// Who asks: `GET /api/v2/current_user`, without any right, since Foreman 2.0 (`app/views/api/v2/users/show.json.rabl`).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CurrentUser {
    pub(super) login: String,
    /// Is the user an administrator, or in a group of administrators?
    #[serde(default)]
    pub(super) effective_admin: bool,
    /// Those that an administrator has put the user into. Those below them count too.
    #[serde(default)]
    pub(super) organizations: Vec<Taxonomy>,
    #[serde(default)]
    pub(super) locations: Vec<Taxonomy>,
}

/// An organization or a location.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Taxonomy {
    pub(super) id: u64,
    pub(super) name: String,
    /// `parent/child`.
    pub(super) title: Option<String>,
}

/// A report template: `GET /api/v2/report_templates/:id`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReportTemplate {
    pub(super) id: u64,
    /// ERB. Foreman removes carriage returns.
    pub(super) template: String,
    /// Is it added to new organizations and locations?
    #[serde(default)]
    pub(super) default: bool,
    /// All that it is in, also those that the user is not in.
    #[serde(default)]
    pub(super) organizations: Vec<Taxonomy>,
    #[serde(default)]
    pub(super) locations: Vec<Taxonomy>,
}

/// A row of the report over all addresses, which `packaging/foreman-reports/addresses.erb` makes.
#[derive(Debug, Deserialize)]
pub(super) struct ReportRow {
    pub(super) host_id: u64,
    pub(super) host: String,
    #[serde(flatten)]
    pub(super) interface: Interface,
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

impl Interface {
    /// Its own MAC, or that of the interface among these that it is a VLAN or an alias of.
    pub(crate) fn mac_among(&self, all: &[Self]) -> Option<Mac> {
        self.own_mac().or_else(|| {
            let parent = self.attached_to.as_ref().filter(|parent| !parent.is_empty())?;
            all.iter().find(|other| other.identifier.as_ref() == Some(parent)).and_then(Self::own_mac)
        })
    }

    /// The MAC that is its own.
    pub(crate) fn own_mac(&self) -> Option<Mac> {
        self.mac.as_ref()?.trim().parse().ok()
    }

    /// Its addresses, each with the id of its subnet.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (IpAddr, Option<u64>)> {
        let both = [(&self.ip, self.subnet_id), (&self.ip6, self.subnet6_id)];
        both.into_iter().filter_map(|(address, subnet)| Some((address.as_ref()?.trim().parse().ok()?, subnet)))
    }
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
