//! phpIPAM's JSON, field for field, as versions 1.6.0 and 1.8.2 were recorded. What is not used is not named.
//!
//! Numbers come as numbers, or as text from PHP up to 8.0 and wherever `$api_stringify_results` is set.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam_provider::{Mac, Prefix, Subnet};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// `addresses.description` is a `varchar(64)`: one character more is an error of the database.
pub(crate) const DESCRIPTION_AT_MOST: usize = 64;

/// `addresses.hostname` is a `varchar(255)`.
pub(crate) const HOSTNAME_AT_MOST: usize = 255;

/// `addresses.owner` is a `varchar(128)`.
pub(crate) const OWNER_AT_MOST: usize = 128;

/// The envelope of every answer, without what it holds.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    /// `true` together with a status of 2xx is a success; neither alone is.
    pub(crate) success: bool,
    /// Absent in successes with data.
    pub(crate) message: Option<String>,
}

/// What the envelope of a success holds. "No sections at all" is a success without data.
#[derive(Debug, Deserialize)]
pub(crate) struct Data<T> {
    pub(crate) data: Option<T>,
}

/// `POST user/`. The time in `expires` has no zone, so it is not looked at.
#[derive(Deserialize)]
pub(crate) struct Token {
    /// 24 of `[A-Za-z0-9_-]`.
    pub(crate) token: String,
}

/// `OPTIONS` of the app itself.
#[derive(Debug, Deserialize)]
pub(crate) struct AppRights {
    /// `Read`, `Write` or `Admin`; `No access` for a disabled app, before version 1.8.
    pub(crate) permissions: String,
}

/// `GET sections/`, one of a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SectionRow {
    pub(crate) id: Number,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
}

/// `GET subnets/overlapping/{network}/{length}/` and `GET subnets/`, one of a list; `GET subnets/{id}/`.
#[derive(Debug, Deserialize)]
pub(crate) struct SubnetRow {
    pub(crate) id: Number,
    #[serde(rename = "sectionId")]
    pub(crate) section_id: Number,
    /// 0 or `null` for none.
    #[serde(rename = "vrfId", default)]
    pub(crate) vrf_id: Option<Number>,
    /// The subnet or folder that it is in; 0 for none.
    #[serde(rename = "masterSubnetId")]
    pub(crate) master: Option<Number>,
    /// `10.1.2.0`; `0.0.0.0` for a folder.
    pub(crate) subnet: Option<String>,
    /// `null` for a folder.
    pub(crate) mask: Option<Number>,
    pub(crate) description: Option<String>,
    #[serde(rename = "isFolder", default)]
    pub(crate) is_folder: Flag,
    /// "Mark as full": no address is given out although some are free.
    #[serde(rename = "isFull", default)]
    pub(crate) is_full: Flag,
    /// "Pool": hosts may have the first and last address too.
    #[serde(rename = "isPool", default)]
    pub(crate) is_pool: Flag,
}

impl SubnetRow {
    /// The prefix; `None` for a folder, and for a row that is no prefix, as sections without strict mode allow.
    pub(crate) fn prefix(&self) -> Option<Prefix> {
        let length = u8::try_from(self.mask?.0).ok().filter(|_| !self.is_folder.0)?;
        let text = self.subnet.as_deref()?;
        let network = text.parse().ok().or_else(|| decimal(text, length > 32))?;
        Prefix::new(network, length).ok()
    }
}

/// `GET subnets/{id}/addresses/`, one of a list. There may be hundreds of thousands, so what is not needed is not kept.
#[derive(Debug, Deserialize)]
pub(crate) struct UsedRow {
    #[serde(rename = "subnetId")]
    subnet_id: Number,
    ip: String,
}

impl UsedRow {
    /// The address, if the row is of this subnet.
    pub(crate) fn address_in(&self, subnet: &Subnet) -> Option<IpAddr> {
        let is_in = self.subnet_id.to_string() == subnet.id.as_str();
        address(&self.ip, subnet.prefix.is_ipv6()).filter(|_| is_in)
    }
}

/// `GET addresses/search/{address}/`, one of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct AddressRow {
    pub(crate) id: Number,
    #[serde(rename = "subnetId")]
    pub(crate) subnet_id: Number,
    ip: String,
    pub(crate) description: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) mac: Option<String>,
    pub(crate) owner: Option<String>,
    /// Such as 2 for "Used".
    #[serde(default)]
    pub(crate) tag: Option<Number>,
}

impl AddressRow {
    /// The address.
    pub(crate) fn address(&self, is_ipv6: bool) -> Option<IpAddr> {
        address(&self.ip, is_ipv6)
    }

    /// Is it of this subnet?
    pub(crate) fn is_in(&self, subnet: &Subnet) -> bool {
        self.subnet_id.to_string() == subnet.id.as_str()
    }

    /// The MAC, where there is one of 6 bytes.
    pub(crate) fn mac(&self) -> Option<Mac> {
        self.mac.as_deref()?.parse().ok()
    }
}

/// `POST addresses/`.
#[derive(Debug, Serialize)]
pub(crate) struct NewAddress<'a> {
    #[serde(rename = "subnetId")]
    pub(crate) subnet_id: &'a str,
    pub(crate) ip: IpAddr,
    pub(crate) description: &'a str,
    pub(crate) owner: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hostname: Option<&'a str>,
    /// 48 bits; anything else is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<Mac>,
}

/// `PATCH addresses/{id}/`. What is missing stays, but for the tag, which would become "Used".
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct AddressChanges<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<Mac>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<Number>,
}

/// An address. It is written as a decimal number where version 1.8.2 forgets to make text of it.
fn address(text: &str, is_ipv6: bool) -> Option<IpAddr> {
    text.parse().ok().or_else(|| decimal(text, is_ipv6))
}

/// An address by its number.
fn decimal(text: &str, is_ipv6: bool) -> Option<IpAddr> {
    let number: u128 = text.parse().ok().filter(|_| text.bytes().all(|digit| digit.is_ascii_digit()))?;
    if is_ipv6 {
        return Some(Ipv6Addr::from_bits(number).into());
    }
    Some(Ipv4Addr::from_bits(u32::try_from(number).ok()?).into())
}

/// A whole number, as a number or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Number(pub(crate) u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Spelling;
        impl Visitor<'_> for Spelling {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or one as text")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(|_| E::invalid_type(de::Unexpected::Other("text"), &self))
            }
        }
        deserializer.deserialize_any(Spelling)
    }
}

/// Yes or no, as 0 or 1, as text, or as nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<Number>::deserialize(deserializer)?.is_some_and(|number| number.0 != 0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_numbers_and_as_text() {
        for json in [
            r#"{"id":101,"sectionId":11,"subnet":"10.1.2.0","mask":"24","isFolder":0,"isFull":1,"isPool":null}"#,
            r#"{"id":"101","sectionId":"11","subnet":"167838208","mask":24,"isFolder":"0","isFull":"1"}"#,
        ] {
            let row: SubnetRow = serde_json::from_str(json).expect("a row");
            assert_eq!((row.id, row.section_id), (Number(101), Number(11)));
            assert_eq!((row.is_folder, row.is_full, row.is_pool), (Flag(false), Flag(true), Flag(false)));
            assert_eq!(row.prefix().expect("a prefix").to_string(), "10.1.2.0/24");
        }
        for json in ["-1", "1.5", "\"x\"", "\"\"", "null", "[]"] {
            assert!(serde_json::from_str::<Number>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_folder_is_no_prefix() {
        let folder = r#"{"id":110,"sectionId":11,"subnet":"0.0.0.0","mask":null,"description":"f","isFolder":1}"#;
        let row: SubnetRow = serde_json::from_str(folder).expect("a row");
        assert_eq!(row.prefix(), None);
    }

    #[test]
    fn a_decimal_address_is_read_in_the_family_that_was_asked_for() {
        let row = |ip: &str| AddressRow {
            id: Number(1),
            subnet_id: Number(2),
            ip: ip.to_owned(),
            description: None,
            hostname: None,
            mac: None,
            owner: None,
            tag: None,
        };
        let text = |row: AddressRow, is_ipv6| row.address(is_ipv6).map(|address| address.to_string());
        assert_eq!(text(row("171704325"), false).as_deref(), Some("10.60.0.5"));
        assert_eq!(text(row("42540766411283801782723599580828532746"), true).as_deref(), Some("2001:db8:1::a"));
        assert_eq!(text(row("5"), true).as_deref(), Some("::5"));
        assert_eq!(text(row("2001:DB8:1::A"), true).as_deref(), Some("2001:db8:1::a"));
        assert_eq!(text(row("4294967296"), false), None);
        assert_eq!(text(row("+5"), false), None);
    }
}
