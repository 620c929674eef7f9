//! Ids of subnets and of addresses in them: opaque texts for callers, the same whatever the IPAM.
//!
//! An id is made of what a record is found by, so that it stays the same as long as that does, over a restart and in another
//! proxy, and no table of ids is needed.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipam_provider::{GroupName, Prefix};

use super::params::segment;
use super::problem::{Code, Problem};
use crate::allocation::GroupChoice;

/// The id of a subnet: its prefix and its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SubnetId {
    /// The prefix.
    pub(super) prefix: Prefix,
    /// The group; `None` for a subnet outside of groups.
    pub(super) group: Option<GroupName>,
}

/// The id of an address in a subnet, of its hold and of its reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressId {
    /// The subnet.
    pub(super) subnet: SubnetId,
    /// The address.
    pub(super) address: IpAddr,
}

impl SubnetId {
    /// The id of the subnet of this prefix in this group.
    pub(super) fn new(prefix: Prefix, group: Option<&GroupName>) -> Self {
        Self { prefix, group: group.cloned() }
    }

    /// The group, as the allocator is asked for it.
    pub(super) fn choice(&self) -> GroupChoice {
        GroupChoice::of(self.group.clone())
    }

    /// As it is written in answers and paths.
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.plain())
    }

    /// `10.1.2.0/24`, and the group after a blank, which no prefix has.
    fn plain(&self) -> String {
        match &self.group {
            Some(group) => format!("{} {group}", self.prefix),
            None => self.prefix.to_string(),
        }
    }

    fn of_plain(plain: &str) -> Option<Self> {
        let (prefix, group) = match plain.split_once(' ') {
            Some((prefix, group)) => (prefix, Some(GroupName::new(group)?)),
            None => (plain, None),
        };
        Some(Self { prefix: prefix.parse().ok()?, group })
    }

    /// The id that is written so.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // One subnet has one id.
        decoded(text).and_then(|plain| Self::of_plain(&plain)).filter(|id| id.text() == text)
    }
}

impl AddressId {
    /// As it is written in answers and paths.
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.address, self.subnet.plain()))
    }

    fn parse(text: &str) -> Option<Self> {
        let plain = decoded(text)?;
        let (address, subnet) = plain.split_once(' ')?;
        let id = Self { subnet: SubnetId::of_plain(subnet)?, address: address.parse().ok()? };
        Some(id).filter(|id| id.text() == text)
    }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// The subnet in the path: `/subnets/{subnet}`.
impl FromRequest for SubnetId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = segment(request, "subnet").map(|text| Self::parse(&text));
        ready(id.and_then(|id| id.ok_or_else(|| no_such("subnet"))))
    }
}

/// The address in the path, by its id: `/holds/{id}`.
impl FromRequest for AddressId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = segment(request, "id").map(|text| Self::parse(&text));
        ready(id.and_then(|id| id.ok_or_else(|| no_such("address"))))
    }
}

/// What is not an id names nothing.
fn no_such(what: &str) -> Problem {
    Problem::new(Code::NotFound, format!("There is no {what} with this id; take ids from the answers of this API"))
}

/// The address in the path, in the subnet before it: `/subnets/{subnet}/addresses/{address}`.
pub(super) struct AddressInSubnet(pub(super) AddressId);

impl FromRequest for AddressInSubnet {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let subnet = SubnetId::from_request(request, payload).into_inner();
        ready(subnet.and_then(|subnet| {
            let address: IpAddr = segment(request, "address")?.parse().map_err(|_| {
                Problem::invalid(
                    "address",
                    "The address cannot be read; write IPv4 such as 10.1.2.3 or IPv6 such as 2001:db8::3",
                )
            })?;
            if subnet.prefix.contains(address) {
                return Ok(Self(AddressId { subnet, address }));
            }
            Err(Problem::new(Code::NotInSubnet, format!("Address {address} is not in {}", subnet.prefix)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_an_id_is_none() {
        let id = SubnetId { prefix: "10.0.0.0/24".parse().expect("a prefix"), group: GroupName::new("Lab & Test") };
        assert_eq!(SubnetId::parse(&id.text()), Some(id.clone()));
        let other = |plain: &str| SubnetId::parse(&URL_SAFE_NO_PAD.encode(plain));
        for plain in ["", "x", "10.0.0.1/24", "10.0.0.0/24 ", "10.0.0.0", "2001:DB8::/32"] {
            assert_eq!(other(plain), None, "{plain:?}");
        }
        for text in ["", "%", "====", &format!("{}=", id.text()), &format!("{}\0", id.text())] {
            assert_eq!(SubnetId::parse(text), None, "{text:?}");
            assert_eq!(AddressId::parse(text), None, "{text:?}");
        }
        assert_eq!(AddressId::parse(&id.text()), None);
    }

    proptest! {
        #[test]
        fn ids_are_read_back_and_fit_into_a_path(bits: u32, length in 0..=32_u8, group in option::of(".{1,30}")) {
            let prefix = Prefix::around(IpAddr::from(bits.to_be_bytes()), length).expect("a prefix");
            let subnet = SubnetId { prefix, group: group.and_then(GroupName::new) };
            let address = AddressId { subnet: subnet.clone(), address: bits.to_be_bytes().into() };
            for text in [subnet.text(), address.text()] {
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            }
            prop_assert_eq!(SubnetId::parse(&subnet.text()), Some(subnet));
            prop_assert_eq!(AddressId::parse(&address.text()), Some(address));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (SubnetId::parse(&text), AddressId::parse(&text));
        }
    }
}
