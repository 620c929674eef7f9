//! SWIS in JSON, as far as it is used. Written from the published schema and the vendor's wiki: no answer of a server is on
//! record, so numbers are read as numbers and as texts, a status as a number and as a word, and names of columns without
//! regard to case. What is neither is an error whose cause quotes what came.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam_provider::http::Rows;
use ipam_provider::{Error, ErrorKind, Mac, Result};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::vendor::{PAGE, WHAT};

/// The answer to `POST Query`: `{"results": [{column: value, …}, …]}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Results {
    pub(crate) results: Rows<Row, PAGE>,
}

/// One row, by the names of its columns in lower case.
#[derive(Debug)]
pub(crate) struct Row(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let columns: Map<String, Value> = Map::deserialize(deserializer)?;
        Ok(Self(columns.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()))
    }
}

impl Row {
    fn value(&self, name: &str) -> &Value {
        self.0.get(&name.to_ascii_lowercase()).unwrap_or(&Value::Null)
    }

    /// A text; `None` for an empty one too.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).as_str().filter(|text| !text.is_empty())
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Result<i64> {
        let value = self.value(name);
        let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        number.ok_or_else(|| self.unexpected(name))
    }

    /// An address, however it is written.
    pub(crate) fn address(&self, name: &str) -> Result<IpAddr> {
        self.text(name).and_then(|text| text.trim().parse().ok()).ok_or_else(|| self.unexpected(name))
    }

    fn status(&self) -> Result<Status> {
        let value = self.value("Status");
        let word = value.as_str().map(str::trim);
        let status = match (value.as_i64().or_else(|| word?.parse().ok()), word) {
            (Some(1), _) => Status::Used,
            (Some(2), _) => Status::Available,
            (Some(4), _) => Status::Reserved,
            (Some(16), _) => Status::Blocked,
            // Also a number that is not known: an address whose status is anything but available is taken.
            (Some(_), _) => Status::Other,
            (None, Some(word)) => match word.to_ascii_lowercase().as_str() {
                "used" => Status::Used,
                "available" => Status::Available,
                "reserved" => Status::Reserved,
                "blocked" => Status::Blocked,
                "transient" => Status::Other,
                _ => return Err(self.unexpected("Status")),
            },
            (None, None) => return Err(self.unexpected("Status")),
        };
        Ok(status)
    }

    /// This column is none that the proxy understands.
    pub(crate) fn unexpected(&self, name: &str) -> Error {
        let text = format!(
            "{WHAT} answers with a value of {name} that the proxy does not understand; report it with the proxy's log"
        );
        Error::new(ErrorKind::Unexpected, text).because(format!("{name} is {}", quoted(self.value(name))))
    }
}

/// A value for the log: what is not plain may be a whole answer of something else than SWIS.
pub(crate) fn quoted(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        plain => plain.to_string(),
    }
}

/// The status of an address. 1, 2, 4 and 8 are what clients of several authors read; 16 is a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Used,
    Available,
    Reserved,
    Blocked,
    /// Transient, or a number that is not known.
    Other,
}

/// A row of `IPAM.IPNode`.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: i64,
    pub(crate) address: IpAddr,
    pub(crate) status: Status,
    pub(crate) mac: Option<Mac>,
    pub(crate) hostname: Option<String>,
    pub(crate) comments: Option<String>,
    /// The segments of its uri, such as `swis:`, an empty one, `orion.example.com`, `Orion`, `IPAM.IPNode`, `IpNodeId=4711`.
    pub(crate) uri: Vec<String>,
}

impl Node {
    /// Reads a row.
    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.number("IpNodeId")?,
            address: row.address("IPAddress")?,
            status: row.status()?,
            mac: row.text("MAC").and_then(|text| text.parse().ok()),
            hostname: row.text("DnsBackward").map(str::to_owned),
            comments: row.text("Comments").map(str::to_owned),
            uri: row.text("Uri").and_then(segments).ok_or_else(|| row.unexpected("Uri"))?,
        })
    }

    /// Is the address available?
    pub(crate) fn is_available(&self) -> bool {
        self.status == Status::Available
    }

    /// Can this be a reservation that was started, or finished without a record of whose it is? The status of one that was
    /// started is Blocked as its authors say, and Reserved as others do.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.status, Status::Blocked | Status::Reserved) && self.comments.is_none()
    }
}

/// A row of an address found by the address alone: its status, its comment and the name of its subnet.
pub(crate) fn found(row: &Row) -> Result<(IpAddr, Status, Option<&str>, Option<&str>)> {
    Ok((row.address("IPAddress")?, row.status()?, row.text("Comments"), row.text("SubnetName")))
}

/// The segments of a uri, which is appended to the path as it is; `None` for what is no uri of SWIS. A path that leads
/// elsewhere is none.
fn segments(uri: &str) -> Option<Vec<String>> {
    let segments: Vec<String> = uri.split('/').map(str::to_owned).collect();
    let is_sound = |segment: &String| !segment.is_empty() && segment != "." && segment != "..";
    let is_uri = segments.len() > 4
        && segments[0] == "swis:"
        && segments[1].is_empty()
        && segments[2..].iter().all(is_sound)
        && !uri.contains(['?', '#', '\\', '%']);
    is_uri.then_some(segments)
}

/// The columns of an address that the proxy writes. All of them are written each time: a row keeps what another host left.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Change {
    /// The word.
    pub(crate) status: &'static str,
    /// `00:00:00:00:00:00`.
    #[serde(rename = "MAC")]
    pub(crate) mac: Option<String>,
    pub(crate) dns_backward: Option<String>,
    pub(crate) comments: Option<String>,
}

/// The columns of an address that a later change of its host may write; what is missing stays.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Details {
    #[serde(rename = "MAC", skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns_backward: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comments: Option<String>,
}

impl Change {
    /// What makes an address available: it has no metadata then.
    pub(crate) const AVAILABLE: Self = Self { status: "Available", mac: None, dns_backward: None, comments: None };

    /// Is this what the row says? Texts may have lost blanks at their ends.
    pub(crate) fn is_in(&self, node: &Node) -> bool {
        let trimmed = |text: Option<&str>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mac = self.mac.as_ref().and_then(|mac| mac.parse::<Mac>().ok());
        !node.is_available()
            && trimmed(self.comments.as_deref()) == trimmed(node.comments.as_deref())
            && (mac.is_none() || node.mac.is_none() || mac == node.mac)
    }

    /// The body of `POST Create/IPAM.IPNode`.
    pub(crate) fn as_new(&self, subnet: i64, address: IpAddr) -> Value {
        json!({
            "SubnetId": subnet, "IPAddress": address.to_string(), "Status": self.status, "MAC": self.mac,
            "DnsBackward": self.dns_backward, "Comments": self.comments,
        })
    }
}

/// The spellings of an address: the usual one, without `::`, and with all zeros.
pub(crate) fn spellings(address: IpAddr) -> [String; 3] {
    let usual = address.to_string();
    match address {
        IpAddr::V4(_) => [usual.clone(), usual.clone(), usual],
        IpAddr::V6(address) => {
            let segments = address.segments();
            let long = segments.map(|segment| format!("{segment:x}")).join(":");
            [usual, long, segments.map(|segment| format!("{segment:04x}")).join(":")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: Value) -> Row {
        serde_json::from_value(value).expect("a row")
    }

    fn node(value: Value) -> Result<Node> {
        let mut all = json!({
            "ipnodeid": "4711", "IPADDRESS": "192.0.2.10", "Status": 4, "Uri": "swis://a/Orion/IPAM.IPNode/IpNodeId=4711",
        });
        let (Value::Object(all), Value::Object(value)) = (&mut all, value) else { panic!("objects") };
        all.extend(value);
        Node::read(&row(Value::Object(all.clone())))
    }

    #[test]
    fn both_shapes_of_a_value_are_read() {
        for (status, expected) in [
            (json!(2), Status::Available),
            (json!("2"), Status::Available),
            (json!("Available"), Status::Available),
            (json!("reserved"), Status::Reserved),
            (json!(16), Status::Blocked),
            (json!(8), Status::Other),
            (json!(64), Status::Other),
            (json!(1), Status::Used),
        ] {
            let node = node(json!({"Status": status})).expect("a node");
            assert_eq!((node.id, node.status), (4711, expected), "{status}");
        }
        let node = node(json!({"MAC": "02-00-5E-00-53-AA", "DnsBackward": "", "Comments": null})).expect("a node");
        assert_eq!(node.mac.map(|mac| mac.to_string()).as_deref(), Some("02:00:5e:00:53:aa"));
        assert_eq!((node.hostname, node.comments), (None, None));
    }

    #[test]
    fn a_third_shape_is_quoted_in_the_cause_only() {
        for (value, quoted) in [
            (json!({"Status": {"geheim": 1}}), "Status is an object"),
            (json!({"Status": "geheim"}), r#"Status is "geheim""#),
            (json!({"IPADDRESS": "geheim"}), r#"IPAddress is "geheim""#),
        ] {
            let error = node(value).expect_err("not understood");
            assert_eq!(error.kind(), ErrorKind::Unexpected);
            assert_eq!(std::error::Error::source(&error).expect("a cause").to_string(), quoted);
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
    }

    #[test]
    fn a_uri_that_leads_elsewhere_is_none() {
        for uri in [
            "swis://a/Orion/../../x/y",
            "https://a/Orion/IPAM.IPNode/IpNodeId=1",
            "swis:/a/b/c/d",
            "swis://a/b?c/d/e",
            "",
        ] {
            assert!(node(json!({"Uri": uri})).is_err(), "{uri}");
        }
        let uri = node(json!({})).expect("a node").uri;
        assert_eq!(uri, ["swis:", "", "a", "Orion", "IPAM.IPNode", "IpNodeId=4711"]);
    }

    #[test]
    fn an_ipv6_address_has_three_spellings() {
        let address = "2001:db8::c:0:1".parse().expect("an address");
        assert_eq!(
            spellings(address),
            ["2001:db8::c:0:1", "2001:db8:0:0:0:c:0:1", "2001:0db8:0000:0000:0000:000c:0000:0001"]
        );
    }
}
