//! The JSON of Infoblox's web API (WAPI), field for field, as far as it is used. Taken from the documentation of WAPI 2.10
//! and from what the vendor's clients read; not recorded from an appliance. Keys that are not named here are ignored, and
//! fields without a value may be missing.

use std::net::IpAddr;

use ipam_provider::Mac;
use ipam_provider::http::Rows;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Rows of a page. Without pages more rows are refused.
pub(crate) const PAGE: usize = 1000;

/// A reservation has this in the place of a MAC.
const ZERO_MAC: &str = "00:00:00:00:00:00";

/// How a DUID of the link-layer address of an Ethernet interface begins (DUID-LL, RFC 8415, section 11.4).
const DUID_LL: &str = "00:03:00:01:";

/// How a DUID of a UUID begins (RFC 8415, section 11.5).
const DUID_UUID: &str = "00:04";

/// The answer to a search with `_paging` and `_return_as_object`.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) result: Rows<T, PAGE>,
    /// Missing on the last page.
    pub(crate) next_page_id: Option<String>,
}

/// A row of `networkview`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ViewRow {
    pub(crate) _ref: String,
    pub(crate) name: String,
    pub(crate) comment: Option<String>,
}

impl ViewRow {
    /// What does not change when the view is renamed: the reference without the name for people.
    pub(crate) fn identity(&self) -> &str {
        self._ref.split(':').next().unwrap_or_default()
    }
}

/// A row of `network` or `ipv6network`.
#[derive(Debug, Deserialize)]
pub(crate) struct NetworkRow {
    pub(crate) _ref: String,
    /// Such as `192.0.2.0/24`.
    pub(crate) network: String,
    pub(crate) network_view: String,
    pub(crate) comment: Option<String>,
}

/// A row of `range` or `ipv6range`.
#[derive(Debug, Deserialize)]
pub(crate) struct RangeRow {
    pub(crate) _ref: String,
    pub(crate) start_addr: Option<IpAddr>,
    pub(crate) end_addr: Option<IpAddr>,
}

/// The answer to the function `next_available_ip`.
#[derive(Debug, Deserialize)]
pub(crate) struct Available {
    pub(crate) ips: Rows<IpAddr, PAGE>,
}

/// The arguments of the function `next_available_ip`.
#[derive(Debug, Serialize)]
pub(crate) struct NextAvailable {
    pub(crate) num: usize,
    pub(crate) exclude: Vec<IpAddr>,
}

/// A row of `ipv4address` or `ipv6address`.
#[derive(Debug, Deserialize)]
pub(crate) struct AddressRow {
    pub(crate) ip_address: IpAddr,
    pub(crate) network_view: String,
    /// `USED` or `UNUSED`.
    pub(crate) status: String,
    /// Such as `FA`, `RESERVATION`, `HOST`, `A`, `DHCP_RANGE`, `LEASE`; there are more.
    #[serde(default)]
    pub(crate) types: Vec<String>,
    /// References.
    #[serde(default)]
    pub(crate) objects: Vec<String>,
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Of `ipv4address`.
    pub(crate) mac_address: Option<String>,
    /// Of `ipv6address`.
    pub(crate) duid: Option<String>,
}

impl AddressRow {
    /// Is there a fixed address or a reservation?
    pub(crate) fn has_fixed(&self) -> bool {
        let is_fixed = |reference: &String| reference.contains("fixedaddress/");
        self.types.iter().any(|known| known == "FA" || known == "RESERVATION") || self.objects.iter().any(is_fixed)
    }

    /// Is there a host record?
    pub(crate) fn has_host(&self) -> bool {
        let is_host = |reference: &String| reference.starts_with("record:host");
        self.types.iter().any(|known| known == "HOST") || self.objects.iter().any(is_host)
    }

    /// Is it only the first or the last address of its network, which no host has?
    pub(crate) fn is_edge(&self) -> bool {
        !self.types.is_empty() && self.types.iter().all(|known| known == "NETWORK" || known == "BROADCAST")
    }

    /// Is there nothing but the range that the address is in?
    pub(crate) fn is_only_in_range(&self) -> bool {
        !self.types.is_empty() && self.types.iter().all(|known| known == "DHCP_RANGE")
    }
}

/// A row of `fixedaddress` or `ipv6fixedaddress`.
#[derive(Debug, Deserialize)]
pub(crate) struct FixedRow {
    pub(crate) _ref: String,
    pub(crate) ipv4addr: Option<IpAddr>,
    pub(crate) ipv6addr: Option<IpAddr>,
    pub(crate) network_view: String,
    pub(crate) mac: Option<String>,
    pub(crate) duid: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) comment: Option<String>,
}

/// A row of `record:host`.
#[derive(Debug, Deserialize)]
pub(crate) struct HostRow {
    pub(crate) _ref: String,
    pub(crate) name: String,
    pub(crate) network_view: String,
    pub(crate) comment: Option<String>,
    #[serde(default)]
    pub(crate) ipv4addrs: Vec<HostAddress>,
    #[serde(default)]
    pub(crate) ipv6addrs: Vec<HostAddress>,
}

impl HostRow {
    /// The addresses of both families.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &HostAddress> {
        self.ipv4addrs.iter().chain(&self.ipv6addrs)
    }
}

/// An address of a host record, as it is read and as it is written.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct HostAddress {
    /// Its own.
    #[serde(rename = "_ref", skip_serializing)]
    pub(crate) reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv4addr: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6addr: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) configure_for_dhcp: Option<bool>,
}

impl HostAddress {
    /// An address with the client it is for.
    pub(crate) fn new(address: IpAddr, client: String) -> Self {
        // Only an address that is configured for DHCP keeps others off.
        let at = Self { configure_for_dhcp: Some(true), ..Self::only(address) };
        if address.is_ipv6() { Self { duid: Some(client), ..at } } else { Self { mac: Some(client), ..at } }
    }

    /// An address and nothing else.
    pub(crate) fn only(address: IpAddr) -> Self {
        if address.is_ipv6() {
            Self { ipv6addr: Some(address), ..Self::default() }
        } else {
            Self { ipv4addr: Some(address), ..Self::default() }
        }
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.ipv4addr.or(self.ipv6addr)
    }
}

/// The body of `POST fixedaddress` and `POST ipv6fixedaddress`.
#[derive(Debug, Serialize)]
pub(crate) struct NewFixed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv4addr: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ipv6addr: Option<IpAddr>,
    pub(crate) network_view: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) comment: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) extattrs: Map<String, Value>,
}

/// The body of `POST record:host`.
#[derive(Debug, Serialize)]
pub(crate) struct NewHost {
    pub(crate) name: String,
    /// The DNS view, with `configure_for_dns`; else the network view is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) view: Option<String>,
    pub(crate) network_view: String,
    pub(crate) configure_for_dns: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ipv4addrs: Vec<HostAddress>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ipv6addrs: Vec<HostAddress>,
    pub(crate) comment: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) extattrs: Map<String, Value>,
}

/// The body of `PUT` for a fixed address, a host record, or an address of a host record; what is missing stays.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Changes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    /// Of an IPv4 address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<String>,
    /// Of an IPv6 address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duid: Option<String>,
}

/// A row of `grid`.
#[derive(Debug, Deserialize)]
pub(crate) struct GridRow {
    pub(crate) _ref: String,
}

/// The arguments of the function `restartservices` of `grid`.
#[derive(Debug, Serialize)]
pub(crate) struct Restart {
    pub(crate) restart_option: &'static str,
    pub(crate) service_option: &'static str,
}

/// What a refusal says: `{"Error": "class: text", "code": "Client.Ibap.…", "text": "text"}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    #[serde(rename = "Error")]
    pub(crate) error: String,
    pub(crate) code: String,
    pub(crate) text: String,
}

/// What stands for the client of an address: the MAC, or a DUID made of it. Without a usable MAC it is what no client has:
/// zeros, which make a reservation, or a DUID of the address itself.
pub(crate) fn client(address: IpAddr, mac: Option<Mac>) -> String {
    let mac = mac.filter(|mac| !mac.is_infiniband());
    match (address, mac) {
        (IpAddr::V4(_), None) => ZERO_MAC.to_owned(),
        (IpAddr::V4(_), Some(mac)) => mac.to_string(),
        (IpAddr::V6(_), Some(mac)) => format!("{DUID_LL}{mac}"),
        (IpAddr::V6(address), None) => {
            let bytes = address.octets().map(|byte| format!(":{byte:02x}"));
            format!("{DUID_UUID}{}", bytes.concat())
        }
    }
}

/// The MAC that a MAC or a DUID names.
pub(crate) fn mac(client: &str) -> Option<Mac> {
    let client = client.to_ascii_lowercase();
    let text = client.strip_prefix(DUID_LL).unwrap_or(&client);
    text.parse().ok().filter(|_| text != ZERO_MAC).filter(|mac: &Mac| !mac.is_infiniband())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    const MAC: &str = "02:00:5e:00:53:aa";

    #[test]
    fn a_client_is_read_as_it_was_written() {
        let known: Mac = MAC.parse().expect("a MAC");
        for address in [ip("192.0.2.1"), ip("2001:db8::1")] {
            assert_eq!(mac(&client(address, Some(known))), Some(known));
            assert_eq!(mac(&client(address, None)), None, "{address}");
        }
        assert_eq!(mac("02:00:5E:00:53:AA"), Some(known));
        assert_eq!(mac("00:01:00:01:2b:2c:00:00:02:00:5e:00:53:aa"), None, "a DUID with a time");
        assert_eq!(mac(""), None);
    }

    #[test]
    fn what_stands_for_no_client_differs_with_each_ipv6_address() {
        assert_eq!(client(ip("192.0.2.1"), None), "00:00:00:00:00:00");
        let duid = client(ip("2001:db8::1"), None);
        assert_eq!(duid, "00:04:20:01:0d:b8:00:00:00:00:00:00:00:00:00:00:00:01");
        assert_ne!(duid, client(ip("2001:db8::2"), None));
        let infiniband = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1".parse().ok();
        assert_eq!(client(ip("2001:db8::1"), infiniband), duid);
    }
}
