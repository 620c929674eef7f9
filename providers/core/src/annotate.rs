//! Changes of what a record says of its host.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;

use crate::{Mac, Requester, Reservation, Result, Subnet};

/// An IPAM whose records of addresses can be changed. [`Provider::annotate`](crate::Provider::annotate) hands it out.
#[async_trait]
pub trait Annotate: fmt::Debug + Send + Sync {
    /// Changes host name and MAC of the record of the address in this subnet, if the record carries the proxy's mark.
    ///
    /// Only fields that the proxy writes are changed: host name, MAC, and the description as far as it is
    /// [as the settings say](crate::Description::annotated). A name or MAC that the product has no place for, or does not
    /// take, is left out. The call can be repeated: the second one finds [`Annotated::AsItWas`] and writes nothing.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the subnet is seen to be gone;
    /// [`Rejected`](crate::ErrorKind::Rejected) when the IPAM refuses the change.
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated>;
}

/// What is known of a host. What is `None` stays in the record as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotation {
    /// The interface's MAC.
    pub mac: Option<Mac>,
    /// The host's name; never empty.
    pub hostname: Option<String>,
}

impl Annotation {
    /// What of it the record does not have yet. Names are compared without case, as DNS does.
    pub fn besides(&self, record: &Reservation) -> Requester {
        let is_new = |name: &&String| !is_same_name(record.hostname.as_ref(), name);
        Requester {
            mac: self.mac.filter(|mac| record.mac != Some(*mac)),
            hostname: self.hostname.as_ref().filter(is_new).cloned(),
            ..Requester::default()
        }
    }
}

/// Is this the name that is recorded?
pub(crate) fn is_same_name(recorded: Option<&String>, name: &str) -> bool {
    recorded.is_some_and(|recorded| recorded.eq_ignore_ascii_case(name))
}

/// What became of [`Annotate::annotate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotated {
    /// The record is changed.
    Changed,
    /// The record has all that it has a place for; nothing was written.
    AsItWas,
    /// The record does not carry the proxy's mark; nothing was written.
    NotOurs,
    /// There is no record; nothing was written.
    Absent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_already_is_not_new() {
        let mac: Mac = "02:00:5e:00:53:aa".parse().expect("a MAC");
        let note = Annotation { mac: Some(mac), hostname: Some("Web.example.com".to_owned()) };
        let record =
            Reservation { mac: Some(mac), hostname: Some("web.example.com".to_owned()), ..Reservation::default() };
        assert_eq!(note.besides(&record), Requester::default());
        let new = note.besides(&Reservation::default());
        assert_eq!((new.mac, new.hostname.as_deref()), (Some(mac), Some("Web.example.com")));
        assert_eq!(Annotation::default().besides(&record), Requester::default());
    }
}
