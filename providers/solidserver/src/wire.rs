//! SOLIDserver's JSON: lists of flat objects. Every value is a text (recorded), and read as one too where it is a number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam_provider::http::{ROWS_AT_MOST, Rows};
use ipam_provider::{Error, ErrorKind, Prefix, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::vendor::{Family, WHAT};

/// Rows that are asked for at once.
pub(crate) const PAGE: usize = 1000;

/// An answer with fewer rows than this, and than were asked for, is the last one. An appliance may give fewer than it is
/// asked for, but not this few; so a long list ends with an empty answer, and a look-up, which has few rows, is one
/// request.
pub(crate) const SMALLEST_PAGE: usize = 5;

/// The body of a 200 or 201. A list without a match is a 204 without a body (recorded).
pub(crate) type RowList = Rows<Row, ROWS_AT_MOST>;

/// One object.
#[derive(Debug, Deserialize)]
pub(crate) struct Row(Map<String, Value>);

impl Row {
    /// A field that may be absent.
    pub(crate) fn get(&self, field: &str) -> Option<String> {
        match self.0.get(field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(if *flag { "1" } else { "0" }.to_owned()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A field that every row has.
    pub(crate) fn text(&self, field: &str) -> Result<String> {
        self.get(field).ok_or_else(|| self.unexpected(&format!("no {field}")))
    }

    /// Is the flag set?
    pub(crate) fn is_set(&self, field: &str) -> bool {
        self.get(field).as_deref() == Some("1")
    }

    /// An error that says what is wrong with the row, and for the log which fields it has, without values.
    pub(crate) fn unexpected(&self, wrong: &str) -> Error {
        let fields: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let text = format!("{WHAT} answers with a record that could not be understood. The proxy's log has more");
        Error::new(ErrorKind::Unexpected, text).because(format!("{wrong} in a row of: {}", fields.join(", ")))
    }
}

/// A row of `ip_site_list`.
#[derive(Debug)]
pub(crate) struct SpaceRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// A template is there to make spaces of.
    pub(crate) is_template: bool,
}

impl SpaceRow {
    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.text("site_id")?,
            name: row.text("site_name")?,
            description: row.get("site_description").unwrap_or_default(),
            is_template: row.is_set("site_is_template"),
        })
    }
}

/// A row of `ip_block_subnet_list` or `ip6_block6_subnet6_list`.
#[derive(Debug)]
pub(crate) struct NetworkRow {
    pub(crate) id: String,
    pub(crate) space_id: String,
    pub(crate) space_name: String,
    pub(crate) name: String,
    /// `None` for a network that is no prefix.
    pub(crate) prefix: Option<Prefix>,
    /// Only a terminal network holds addresses; others hold networks.
    pub(crate) is_terminal: bool,
}

impl NetworkRow {
    pub(crate) fn read(row: &Row, family: &Family) -> Result<Self> {
        let size = row.text(family.network_size)?;
        let start = address_of_digits(&row.text(family.network_start)?).ok_or_else(|| row.unexpected("no address"))?;
        // The number of addresses for IPv4, the length of the prefix for IPv6.
        let length = match start {
            IpAddr::V4(_) => {
                let size = size.parse::<u64>().ok().filter(|size| size.is_power_of_two());
                size.and_then(|size| 32_u32.checked_sub(size.trailing_zeros())).map(|length| length.to_string())
            }
            IpAddr::V6(_) => Some(size),
        };
        let prefix = length.and_then(|length| Prefix::parse(&start.to_string(), &length).ok());
        Ok(Self {
            id: row.text(family.network_id)?,
            space_id: row.text("site_id")?,
            space_name: row.text("site_name")?,
            name: row.get(family.network_name).unwrap_or_default(),
            prefix,
            is_terminal: row.is_set("is_terminal"),
        })
    }
}

/// The size of a network as it is compared in a `WHERE`.
pub(crate) fn size_of(prefix: Prefix) -> String {
    if prefix.is_ipv6() { prefix.length().to_string() } else { (1_u64 << (32 - prefix.length())).to_string() }
}

/// A row of `ip_address_list` or `ip6_address6_list`.
#[derive(Debug)]
pub(crate) struct AddressRow {
    pub(crate) id: String,
    pub(crate) space_id: String,
    pub(crate) space_name: String,
    pub(crate) address: IpAddr,
    /// Empty when there is none.
    pub(crate) name: String,
    /// `EIP:` and something of SOLIDserver's own when there is none.
    pub(crate) mac: String,
    /// `key=value&key=value`, each encoded as in a form.
    pub(crate) class_parameters: String,
}

impl AddressRow {
    /// `None` for a range of free addresses: its type is `free`, and it has no id.
    pub(crate) fn read(row: &Row, family: &Family) -> Result<Option<Self>> {
        let id = row.get(family.address_id).unwrap_or_default();
        if row.get("type").as_deref() == Some("free") || matches!(id.as_str(), "" | "0") {
            // Else an answer of another shape would count as a free address.
            row.text("type")?;
            return Ok(None);
        }
        Ok(Some(Self {
            id,
            space_id: row.text("site_id")?,
            space_name: row.text("site_name")?,
            address: address_of(row, family)?,
            name: row.get(family.address_name).unwrap_or_default(),
            mac: row.get(family.mac).unwrap_or_default(),
            class_parameters: row.get(family.class_parameters).unwrap_or_default(),
        }))
    }
}

/// The address of a row: its digits, and where there are none its text.
pub(crate) fn address_of(row: &Row, family: &Family) -> Result<IpAddr> {
    let digits = row.get(family.address_digits).and_then(|digits| address_of_digits(&digits));
    let text = || row.get(family.address_text).or_else(|| row.get("hostaddr"))?.parse().ok();
    digits.or_else(text).ok_or_else(|| row.unexpected("no address"))
}

/// `c0000200` is 192.0.2.0; IPv6 has 32 digits.
fn address_of_digits(digits: &str) -> Option<IpAddr> {
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    match digits.len() {
        8 => u32::from_str_radix(digits, 16).ok().map(|bits| Ipv4Addr::from_bits(bits).into()),
        32 => u128::from_str_radix(digits, 16).ok().map(|bits| Ipv6Addr::from_bits(bits).into()),
        _ => None,
    }
}

/// An address as digits, as it is compared in a `WHERE`: there is one spelling of them, in every version.
pub(crate) fn digits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{:08x}", address.to_bits()),
        IpAddr::V6(address) => format!("{:032x}", address.to_bits()),
    }
}

/// What a refusal says: `{"errno": "4", "errmsg": "Missing parameter", "parameters": "ip_id/hostaddr", …}`, or a list of
/// one of these (both recorded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) number: String,
    pub(crate) text: String,
    /// Which parameters it is about, where it is about some.
    pub(crate) parameters: String,
}

impl Refusal {
    /// `None` for what is no refusal.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let row = match body {
            Value::Array(mut rows) if !rows.is_empty() => rows.swap_remove(0),
            row => row,
        };
        let Value::Object(row) = row else { return None };
        Self::of(&Row(row))
    }

    /// What the row refuses; `None` for a row that is none of this, whose number is 0.
    pub(crate) fn of(row: &Row) -> Option<Self> {
        let (number, text) = (row.get("errno"), row.get("errmsg"));
        if number.as_deref().is_none_or(|number| number == "0") && text.is_none() {
            return None;
        }
        let parameters = row.get("parameters").unwrap_or_default();
        Some(Self { number: number.unwrap_or_default(), text: text.unwrap_or_default(), parameters })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn digits_are_addresses_and_back() {
        for (address, text) in [
            ("192.0.2.0", "c0000200"),
            ("0.0.0.1", "00000001"),
            ("2001:db8::a", "20010db800000000000000000000000a"),
            ("::", "00000000000000000000000000000000"),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!((digits(address).as_str(), address_of_digits(text)), (text, Some(address)));
        }
        for text in ["", "c000020", "c00002000", "+c000020", "192.0.2.0", "gggggggg"] {
            assert_eq!(address_of_digits(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_network_is_read_with_texts_and_with_numbers() {
        for size in [json!("256"), json!(256)] {
            let row = row(json!({
                "subnet_id": "142", "site_id": 12, "site_name": "a", "subnet_name": "net-a", "is_terminal": "1",
                "start_ip_addr": "c0000200", "subnet_size": size,
            }));
            let network = NetworkRow::read(&row, Family::of(false)).expect("a network");
            assert_eq!(network.prefix.expect("a prefix").to_string(), "192.0.2.0/24");
            assert_eq!((network.space_id.as_str(), network.is_terminal), ("12", true));
        }
        for (start, size) in [("c0000200", "300"), ("c0000201", "256"), ("c0000200", "0"), ("c0000200", "x")] {
            let row = row(json!({
                "subnet_id": "142", "site_id": "12", "site_name": "a", "is_terminal": "1", "start_ip_addr": start,
                "subnet_size": size,
            }));
            assert_eq!(NetworkRow::read(&row, Family::of(false)).expect("a network").prefix, None, "{start} {size}");
        }
        let all = row(json!({
            "subnet_id": "1", "site_id": "1", "site_name": "a", "is_terminal": "1", "start_ip_addr": "00000000",
            "subnet_size": "4294967296",
        }));
        let prefix = NetworkRow::read(&all, Family::of(false)).expect("a network").prefix.expect("a prefix");
        assert_eq!((prefix.to_string().as_str(), size_of(prefix).as_str()), ("0.0.0.0/0", "4294967296"));
    }

    #[test]
    fn a_row_of_another_shape_is_told_with_its_fields_and_no_value() {
        let row = row(json!({"what": "geheim", "type": ["x"]}));
        for error in [
            NetworkRow::read(&row, Family::of(false)).expect_err("no network"),
            SpaceRow::read(&row).expect_err("no space"),
            AddressRow::read(&row, Family::of(true)).expect_err("no address"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unexpected);
            let source = std::error::Error::source(&error).expect("a source").to_string();
            assert!(source.ends_with("in a row of: type, what") && !source.contains("geheim"), "{source}");
        }
    }

    #[test]
    fn refusals_are_objects_or_lists_of_one() {
        let refusal = |number: &str, text: &str, parameters: &str| {
            let (number, text, parameters) = (number.to_owned(), text.to_owned(), parameters.to_owned());
            Some(Refusal { number, text, parameters })
        };
        for (body, expected) in [
            (
                json!({"errno": "4", "errmsg": "Missing parameter", "parameters": "ip_id/hostaddr"}),
                refusal("4", "Missing parameter", "ip_id/hostaddr"),
            ),
            (json!([{"errno": 4, "errmsg": "Missing parameter ip_id"}]), refusal("4", "Missing parameter ip_id", "")),
            (json!([{"errno": "0", "site_id": "1"}]), None),
            (json!([{"ret_oid": "902"}]), None),
            (json!([]), None),
            (json!("no"), None),
        ] {
            assert_eq!(Refusal::read(body.to_string().as_bytes()), expected, "{body}");
        }
    }
}
