//! Holds as rows, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipam_provider::{AddressSpace, GroupName, Mac};
use tokio_postgres::Row;

use super::DatabaseError;
use crate::allocation::Timestamp;
use crate::allocation::holds::hold::{Hold, HoldState, RequestMark, Scope, Space};

/// The family and the bytes: the order of bytes is the order of addresses.
pub(super) fn of_address(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => [&[4][..], &address.octets()].concat(),
        IpAddr::V6(address) => [&[6][..], &address.octets()].concat(),
    }
}

pub(super) fn address(bytes: &[u8]) -> Result<IpAddr, DatabaseError> {
    let unreadable = || DatabaseError::Row("address");
    match bytes {
        [4, bytes @ ..] => {
            <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into()).map_err(|_| unreadable())
        }
        [6, bytes @ ..] => {
            <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into()).map_err(|_| unreadable())
        }
        _ => Err(unreadable()),
    }
}

/// A number as the database has it: they are below 2^63.
pub(super) fn of_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(super) fn time(value: i64) -> Timestamp {
    Timestamp(number(value))
}

/// A space by its provider and name.
pub(super) fn space(row: &Row, from: usize) -> Result<Space, DatabaseError> {
    let (provider, name): (&str, &str) = (row.try_get(from)?, row.try_get(from + 1)?);
    Ok(Space { provider: provider.into(), name: AddressSpace::new(name) })
}

/// The hold whose columns begin with the one at `from`, of a space.
pub(super) fn hold(row: &Row, from: usize, space: &Space) -> Result<(IpAddr, Hold), DatabaseError> {
    let address = address(row.try_get(from)?)?;
    let prefix: &str = row.try_get(from + 1)?;
    let prefix = prefix.parse().map_err(|_| DatabaseError::Row("prefix"))?;
    let group = row.try_get::<_, Option<&str>>(from + 2)?.and_then(GroupName::new);
    let mac = match row.try_get::<_, Option<&[u8]>>(from + 3)? {
        Some(bytes) => Some(Mac::from_bytes(bytes).ok_or(DatabaseError::Row("MAC"))?),
        None => None,
    };
    let hold = Hold {
        scope: Arc::new(Scope { space: space.clone(), group, prefix }),
        mac,
        state: HoldState::of_name(row.try_get(from + 4)?),
        granted: time(row.try_get(from + 5)?),
        until: time(row.try_get(from + 6)?),
        request: row.try_get::<_, Option<i64>>(from + 7)?.map(|mark| RequestMark::of(number(mark))),
        event: number(row.try_get(from + 8)?),
        confirmed: time(row.try_get(from + 9)?),
        // One that only a newer version can read is none.
        trace: row
            .try_get::<_, Option<&str>>(from + 10)?
            .and_then(|text| serde_json::from_str(text).ok())
            .map(Arc::new),
    };
    Ok((address, hold))
}

/// Holds as columns, for one statement that enters them all.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) addresses: Vec<Vec<u8>>,
    pub(super) prefixes: Vec<String>,
    pub(super) groups: Vec<Option<&'a str>>,
    pub(super) macs: Vec<Option<&'a [u8]>>,
    pub(super) states: Vec<&'static str>,
    pub(super) granted: Vec<i64>,
    pub(super) ends: Vec<i64>,
    pub(super) requests: Vec<Option<i64>>,
    pub(super) events: Vec<i64>,
    pub(super) confirmed: Vec<i64>,
    pub(super) traces: Vec<Option<String>>,
    pub(super) requests_of_traces: Vec<Option<&'a str>>,
    pub(super) pending: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    pub(super) fn push(&mut self, address: IpAddr, hold: &'a Hold) {
        self.addresses.push(of_address(address));
        self.prefixes.push(hold.scope.prefix.to_string());
        self.groups.push(hold.scope.group.as_ref().map(GroupName::as_str));
        self.macs.push(hold.mac.as_ref().map(Mac::as_bytes));
        self.states.push(hold.state.name());
        self.granted.push(of_number(hold.granted.0));
        self.ends.push(of_number(hold.until.0));
        self.requests.push(hold.request.map(|mark| mark.get().into()));
        self.events.push(of_number(hold.event));
        self.confirmed.push(of_number(hold.confirmed.0));
        let trace = hold.trace.as_deref();
        self.traces
            .push(trace.map(|trace| serde_json::to_string(trace).expect("a trace of texts and numbers is JSON")));
        self.requests_of_traces.push(trace.map(|trace| trace.request.as_str()));
        self.pending.push(hold.pending().map(|from| of_number(from.0)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_have_the_order_of_addresses(a: IpAddr, b: IpAddr) {
            prop_assert_eq!(of_address(a).cmp(&of_address(b)), a.cmp(&b));
            prop_assert_eq!(address(&of_address(a)).ok(), Some(a));
        }
    }
}
