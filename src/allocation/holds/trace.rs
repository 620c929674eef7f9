//! What a request of Foreman's has done to an address, for the case that Foreman rolls back.

use ipam_provider::{Mac, Reservation};
use serde::{Deserialize, Deserializer, Serialize};

use crate::allocation::Timestamp;
use crate::telemetry::request_id::RequestId;

/// A record that a delete removed from the IPAM, as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The MAC in it, if it had one.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "mac")]
    pub mac: Option<Mac>,
    /// The host's name in it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hostname: Option<String>,
    /// Its whole description.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
}

fn mac<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Mac>, D::Error> {
    Ok(Option::<String>::deserialize(text)?.and_then(|text| text.parse().ok()))
}

impl Removed {
    /// A record with this MAC, or none, and nothing else.
    pub const fn of(mac: Option<Mac>) -> Self {
        Self { mac, hostname: None, description: None }
    }
}

impl From<Reservation> for Removed {
    fn from(record: Reservation) -> Self {
        Self { mac: record.mac, hostname: record.hostname, description: record.description }
    }
}

/// What a request has done to an address.
///
/// It is part of the hold, so that it lives as long as the address is excluded, wherever holds are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The request.
    pub request: RequestId,
    /// The record that it deleted; `None` when it added the address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deleted: Option<Removed>,
    /// Set when a call of the request was refused after that: Foreman rolls back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Due>,
}

/// When an address is dealt with after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Not before this.
    pub at: Timestamp,
    /// How many attempts have begun.
    pub attempts: u8,
}

impl Trace {
    /// The request has added the address.
    pub(super) fn added(request: RequestId) -> Self {
        Self { request, deleted: None, due: None }
    }

    /// The request has deleted this record of the address.
    pub(super) fn deleted(request: RequestId, record: Removed) -> Self {
        Self { request, deleted: Some(record), due: None }
    }

    /// Has the request deleted the address?
    pub(in crate::allocation) fn is_deletion(&self) -> bool {
        self.deleted.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_as_it_was_written() {
        let request = RequestId::parse("0a1b2c3d-0000-4000-8000-000000000000").expect("an id");
        let record = Removed {
            mac: Some("00:00:5e:00:53:01".parse().expect("a MAC")),
            hostname: Some("web.example.com".to_owned()),
            description: Some("Rack 7, \"left\"".to_owned()),
        };
        let deleted = Trace::deleted(request.clone(), record);
        let due = Some(Due { at: Timestamp(7), attempts: 2 });
        for trace in [Trace { due, ..deleted.clone() }, deleted, Trace::added(request)] {
            let text = serde_json::to_string(&trace).expect("JSON");
            assert_eq!(serde_json::from_str::<Trace>(&text).ok(), Some(trace), "{text}");
        }
        let newer = r#"{"request":"a","deleted":{"colour":"blue"},"weather":"fine"}"#;
        assert!(serde_json::from_str::<Trace>(newer).is_ok_and(|trace| trace.is_deletion()));
    }
}
