//! The format of the journal: one JSON object a line.
//!
//! A line is the whole state of one address's hold, `{"provider", "space", "group", "prefix", "address", "state", "mac",
//! "granted", "until", "confirmed", "request", "at"}`; of several about one address the last one counts. `"ended": true` in
//! place of state and times says that the hold is gone. A line with nothing but `at` says that time has passed.
//!
//! Times are milliseconds of the holds' own time: it goes on only while a proxy runs. So a wrong clock of the machine, or
//! one that was corrected, changes no promise. Unknown fields are passed over, and a hold in an unknown state excludes its
//! address, so that a journal of a newer version keeps its promises too.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{AddressSpace, GroupName, Mac, Prefix};
use serde::{Deserialize, Deserializer, Serialize};

use super::super::hold::{Hold, HoldState, RequestMark, Scope, Space};
use super::super::trace::Trace;
use crate::allocation::Timestamp;

/// What a line says of the time and of one address.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::allocation::holds) enum Line {
    /// The time went on to this.
    Time(Timestamp),
    /// The hold of the address, live or ended, and when the line was written.
    Held(IpAddr, Hold, Timestamp),
    /// The address of this space is not held any more.
    Ended(Space, IpAddr, Timestamp),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Written<'a> {
    at: Timestamp,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    provider: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    space: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    group: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    prefix: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    address: Option<IpAddr>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    mac: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    granted: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    request: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "readable_trace")]
    trace: Option<Cow<'a, Trace>>,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    ended: bool,
}

/// A trace that only a newer version can read is none: the hold counts all the same.
fn readable_trace<'a, 'de, D: Deserializer<'de>>(trace: D) -> Result<Option<Cow<'a, Trace>>, D::Error> {
    let trace = Option::<serde_json::Value>::deserialize(trace)?;
    Ok(trace.and_then(|trace| serde_json::from_value(trace).ok()).map(Cow::Owned))
}

/// The line about a hold that is promised until `until`, which may be later than the hold says.
pub(in crate::allocation::holds) fn held(address: IpAddr, hold: &Hold, until: Timestamp, at: Timestamp) -> Vec<u8> {
    let scope = &hold.scope;
    encode(&Written {
        at,
        provider: Some(Cow::Borrowed(&*scope.space.provider)),
        space: Some(Cow::Borrowed(scope.space.name.as_str())),
        group: scope.group.as_ref().map(|group| Cow::Borrowed(group.as_str())),
        prefix: Some(scope.prefix.to_string().into()),
        address: Some(address),
        state: Some(Cow::Borrowed(hold.state.name())),
        mac: hold.mac.map(|mac| mac.to_string().into()),
        granted: Some(hold.granted),
        until: Some(until),
        request: hold.request.map(|mark| mark.get().into()),
        trace: hold.trace.as_deref().map(Cow::Borrowed),
        ended: false,
    })
}

/// The line that says that the address is not held any more.
pub(in crate::allocation::holds) fn ended(space: &Space, address: IpAddr, at: Timestamp) -> Vec<u8> {
    encode(&Written {
        at,
        provider: Some(Cow::Borrowed(&*space.provider)),
        space: Some(Cow::Borrowed(space.name.as_str())),
        address: Some(address),
        ended: true,
        ..Written::default()
    })
}

/// The line that says that time has passed.
pub(in crate::allocation::holds) fn time(at: Timestamp) -> Vec<u8> {
    encode(&Written { at, ..Written::default() })
}

fn encode(line: &Written<'_>) -> Vec<u8> {
    let mut text = serde_json::to_vec(line).expect("a line of texts and numbers is JSON");
    text.push(b'\n');
    text
}

/// What a line says; `None` when it cannot be read.
pub(in crate::allocation::holds) fn decode(text: &[u8]) -> Option<Line> {
    let line: Written<'_> = serde_json::from_slice(text).ok()?;
    let Some(address) = line.address else { return Some(Line::Time(line.at)) };
    let space = Space { provider: line.provider?.into(), name: AddressSpace::new(line.space?) };
    if line.ended {
        return Some(Line::Ended(space, address, line.at));
    }
    let prefix: Prefix = line.prefix?.parse().ok().filter(|prefix: &Prefix| prefix.contains(address))?;
    let mac: Option<Mac> = line.mac.map(|mac| mac.parse()).transpose().ok()?;
    let scope = Arc::new(Scope { space, group: line.group.and_then(GroupName::new), prefix });
    let hold = Hold {
        scope,
        mac,
        state: match HoldState::of_name(&line.state?) {
            // The process ended before the IPAM's answer came, or before its own was given.
            HoldState::Adding => HoldState::Unanswered,
            state => state,
        },
        granted: line.granted?,
        until: line.until?,
        request: line.request.map(RequestMark::of),
        // Before all events of this process.
        event: 0,
        // Nothing has been asked since: the address is checked before it is offered again.
        confirmed: Timestamp::default(),
        trace: line.trace.map(|trace| Arc::new(trace.into_owned())),
    };
    Some(Line::Held(address, hold, line.at))
}

#[cfg(test)]
mod tests {
    use super::super::super::trace::Removed;
    use super::*;
    use crate::telemetry::request_id::RequestId;

    fn hold() -> Hold {
        let space = Space { provider: "netbox".into(), name: AddressSpace::new("vrf 3") };
        let prefix = "10.0.0.0/24".parse().expect("a prefix");
        Hold {
            scope: Arc::new(Scope { space, group: GroupName::new("blue"), prefix }),
            mac: Some("00:00:5e:00:53:01".parse().expect("a MAC")),
            state: HoldState::Offered,
            granted: Timestamp(5),
            until: Timestamp(90),
            request: Some(RequestMark::of(7)),
            event: 0,
            confirmed: Timestamp::default(),
            trace: None,
        }
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let address = [10, 0, 0, 7].into();
        for state in [HoldState::Offered, HoldState::Unanswered, HoldState::Reserved, HoldState::Released] {
            let request = RequestId::random();
            let trace = match state {
                HoldState::Released => Some(Trace::deleted(request, Removed::of(hold().mac))),
                HoldState::Reserved => Some(Trace::added(request)),
                _ => None,
            };
            let trace = trace.map(Arc::new);
            let hold = Hold { state, trace, ..hold() };
            let text = held(address, &hold, hold.until, Timestamp(6));
            assert_eq!(decode(&text), Some(Line::Held(address, hold, Timestamp(6))));
        }
        let text = held(address, &Hold { state: HoldState::Adding, ..hold() }, Timestamp(99), Timestamp(6));
        let Some(Line::Held(_, hold, _)) = decode(&text) else { panic!("a hold") };
        assert_eq!((hold.state, hold.until), (HoldState::Unanswered, Timestamp(99)));
        let text = ended(&hold.scope.space, address, Timestamp(8));
        assert_eq!(decode(&text), Some(Line::Ended(hold.scope.space.clone(), address, Timestamp(8))));
        assert_eq!(decode(&time(Timestamp(9))), Some(Line::Time(Timestamp(9))));
    }

    #[test]
    fn what_a_newer_version_adds_is_survived() {
        let text = br#"{"at":1,"provider":"netbox","space":"vrf 3","prefix":"10.0.0.0/24","address":"10.0.0.7","state":"parked","granted":1,"until":50,"colour":"blue"}"#;
        let Some(Line::Held(_, hold, _)) = decode(text) else { panic!("a hold") };
        assert_eq!((hold.state, hold.until), (HoldState::Reserved, Timestamp(50)));
        assert_eq!(decode(br#"{"at":7,"weather":"fine"}"#), Some(Line::Time(Timestamp(7))));
        let text = br#"{"at":1,"provider":"netbox","space":"vrf 3","prefix":"10.0.0.0/24","address":"10.0.0.7","state":"released","granted":1,"until":50,"trace":{"requests":["a","b"]}}"#;
        let Some(Line::Held(_, hold, _)) = decode(text) else { panic!("a hold") };
        assert_eq!((hold.state, hold.trace), (HoldState::Released, None));
    }

    #[test]
    fn garbage_is_none() {
        for text in ["", "x", "{}", r#"{"at":1,"address":"10.0.0.7"}"#, r#"{"at":-1}"#] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
