//! TCPWave's JSON and texts, as far as they are used.
//!
//! No answer of an appliance has been recorded. The keys are those that the vendor's clients read (tcpwave-client
//! 1.0.2, tims-go-client, the Ansible playbooks, the OpenStack listener) or send. Where it is not known in which of two
//! shapes something comes, both are read; anything else is no answer.

use std::fmt;
use std::net::Ipv4Addr;

use ipam_provider::Prefix;
use ipam_provider::http::{ROWS_AT_MOST, Rows};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Rows of a page; the vendor's user interface asks for as many.
pub(crate) const PAGE: usize = 256;

/// A number, or a text that mostly holds one: ids, masks, parts of addresses, counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Plain {
    Number(u64),
    Text(String),
}

impl Plain {
    pub(crate) fn number<T: TryFrom<u64>>(&self) -> Option<T> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        T::try_from(number).ok()
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A list under a key, with how many rows it has on all pages.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Listed<T> {
    #[serde(alias = "rows")]
    data: Rows<T, ROWS_AT_MOST>,
    /// After filters, where there are any.
    #[serde(rename = "recordsFiltered")]
    filtered: Option<Plain>,
    #[serde(rename = "recordsTotal", alias = "total")]
    total: Option<Plain>,
}

impl<T> Listed<T> {
    fn count(&self) -> Option<u64> {
        self.filtered.as_ref().or(self.total.as_ref())?.number()
    }
}

/// A whole list: `[…]`, or `{"data": […]}` or `{"rows": […]}`. One that says that it has more rows is not whole.
pub(crate) fn list<T: DeserializeOwned>(body: &[u8]) -> Option<Vec<T>> {
    if let Ok(Rows(rows)) = serde_json::from_slice::<Rows<T, ROWS_AT_MOST>>(body) {
        return Some(rows);
    }
    let listed: Listed<T> = serde_json::from_slice(body).ok()?;
    let is_whole = listed.count().is_none_or(|count| count <= listed.data.0.len() as u64);
    is_whole.then_some(listed.data.0)
}

/// A page: `{"recordsTotal": 1, "recordsFiltered": 1, "data": […]}`, or `{"total": 1, "rows": […]}`; its rows, and how
/// many there are on all pages.
pub(crate) fn page<T: DeserializeOwned>(body: &[u8]) -> Option<(Vec<T>, u64)> {
    let listed: Listed<T> = serde_json::from_slice(body).ok()?;
    let count = listed.count()?;
    Some((listed.data.0, count))
}

/// One record, or nothing: an empty body or `null`.
pub(crate) fn one<T: DeserializeOwned>(body: &[u8]) -> Option<Option<T>> {
    if body.trim_ascii().is_empty() { Some(None) } else { serde_json::from_slice(body).ok() }
}

/// Yes or no: `true`, `"true"`, `yes`, or `{"exists": …}` of one of these.
pub(crate) fn exists(body: &[u8]) -> Option<bool> {
    let word = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    };
    let flag = |value: &Value| value.as_bool().or_else(|| word(value.as_str()?));
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => object.get("exists").and_then(flag),
        Ok(value) => flag(&value),
        Err(_) => word(std::str::from_utf8(body).ok()?),
    }
}

/// An address in the two ways that rows have it: as text, perhaps with a mask, and as four numbers.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Octets {
    addr1: Option<Plain>,
    addr2: Option<Plain>,
    addr3: Option<Plain>,
    addr4: Option<Plain>,
}

impl Octets {
    fn address(&self, text: Option<&str>) -> Option<Ipv4Addr> {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            return text.split('/').next().unwrap_or(text).trim().parse().ok();
        }
        let octet = |octet: &Option<Plain>| octet.as_ref()?.number::<u8>();
        Some([octet(&self.addr1)?, octet(&self.addr2)?, octet(&self.addr3)?, octet(&self.addr4)?].into())
    }
}

/// A row of `organization/list`.
#[derive(Debug, Deserialize)]
pub(crate) struct OrganizationRow {
    pub(crate) id: Plain,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
}

/// A row of `network/paged`.
#[derive(Debug, Deserialize)]
pub(crate) struct NetworkRow {
    address: Option<String>,
    #[serde(flatten)]
    octets: Octets,
    mask_length: Plain,
    pub(crate) organization_name: String,
}

impl NetworkRow {
    pub(crate) fn prefix(&self) -> Option<Prefix> {
        prefix(self.octets.address(self.address.as_deref())?, &self.mask_length)
    }
}

/// The answer of `subnet/getSubnetData` and `object/getSubnetByObjectIP`, and a row of `subnet/paged`.
#[derive(Debug, Deserialize)]
pub(crate) struct SubnetRow {
    pub(crate) id: Plain,
    #[serde(rename = "fullAddress")]
    address: Option<String>,
    #[serde(flatten)]
    octets: Octets,
    mask_length: Plain,
    pub(crate) organization_name: Option<String>,
    pub(crate) description: Option<String>,
}

impl SubnetRow {
    pub(crate) fn prefix(&self) -> Option<Prefix> {
        prefix(self.octets.address(self.address.as_deref())?, &self.mask_length)
    }
}

fn prefix(address: Ipv4Addr, length: &Plain) -> Option<Prefix> {
    Prefix::new(address.into(), length.number()?).ok()
}

/// A row of `object/paged`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ObjectRow {
    id: Option<Plain>,
    pub(crate) name: Option<String>,
    address: Option<String>,
    #[serde(flatten)]
    octets: Octets,
    pub(crate) domain_name: Option<String>,
    pub(crate) mac: Option<String>,
    pub(crate) description: Option<String>,
}

impl ObjectRow {
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        self.octets.address(self.address.as_deref())
    }

    /// Is there an object? Rows of free addresses have neither id nor name.
    pub(crate) fn is_taken(&self) -> bool {
        let has_id = self.id.as_ref().is_some_and(|id| !id.is_empty());
        has_id || self.name.as_ref().is_some_and(|name| !name.is_empty())
    }
}

/// A row of `object/paged` with everything that it has, as `object/edit` gets it back.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(crate) struct WholeObject {
    pub(crate) row: ObjectRow,
    pub(crate) whole: Map<String, Value>,
}

impl TryFrom<Map<String, Value>> for WholeObject {
    type Error = serde_json::Error;

    fn try_from(whole: Map<String, Value>) -> Result<Self, Self::Error> {
        Ok(Self { row: serde_json::from_value(Value::Object(whole.clone()))?, whole })
    }
}

/// What may be read of a row of `object/paged`.
pub(crate) trait Object: DeserializeOwned + Send + 'static {
    fn row(&self) -> &ObjectRow;
}

impl Object for ObjectRow {
    fn row(&self) -> &ObjectRow {
        self
    }
}

impl Object for WholeObject {
    fn row(&self) -> &ObjectRow {
        &self.row
    }
}

/// A row of `object/nextfreeip`: a range of free addresses.
#[derive(Debug, Deserialize)]
pub(crate) struct RangeRow {
    #[serde(rename = "startIp")]
    pub(crate) start: Ipv4Addr,
    /// Where it is absent, nothing is known of the range but its first address.
    #[serde(rename = "endIp")]
    pub(crate) end: Option<Ipv4Addr>,
}

/// The body of `object/add`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct NewObject {
    pub(crate) organization_name: String,
    /// One label; the domain is apart.
    pub(crate) name: String,
    pub(crate) domain_name: String,
    pub(crate) address: String,
    pub(crate) addr1: String,
    pub(crate) addr2: String,
    pub(crate) addr3: String,
    pub(crate) addr4: String,
    /// Without a mask.
    pub(crate) subnet_address: String,
    pub(crate) class_code: String,
    /// 1 is static.
    pub(crate) alloc_type: u8,
    pub(crate) mac: Option<String>,
    pub(crate) description: String,
    pub(crate) update_ns_a: bool,
    pub(crate) update_ns_ptr: bool,
    pub(crate) dyn_update_rrs_a: bool,
    pub(crate) dyn_update_rrs_ptr: bool,
    pub(crate) dyn_update_rrs_cname: bool,
    pub(crate) dyn_update_rrs_mx: bool,
}

/// The body of `object/delete-multiple`.
#[derive(Debug, Serialize)]
pub(crate) struct Deletion<'a> {
    #[serde(rename = "addressArray")]
    pub(crate) addresses: &'a [Ipv4Addr],
    pub(crate) organization_name: &'a str,
    /// 1 deletes the resource records of the objects too.
    #[serde(rename = "isDeleterrsChecked")]
    pub(crate) with_records: u8,
}

/// A rule of the parameter `filterRules`, which is a list of them as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct FilterRule<'a> {
    pub(crate) field: &'a str,
    pub(crate) op: &'a str,
    pub(crate) value: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn organizations(body: &Value) -> Option<Vec<String>> {
        let rows = list::<OrganizationRow>(body.to_string().as_bytes())?;
        Some(rows.into_iter().map(|row| format!("{} {}", row.id, row.name)).collect())
    }

    #[test]
    fn a_list_is_read_with_and_without_a_key_and_only_whole() {
        let rows = json!([{"id": 1, "name": "Internal", "x": 5}, {"id": "2", "name": "Lab", "description": null}]);
        for body in [
            rows.clone(),
            json!({"data": rows}),
            json!({"rows": rows, "total": 2}),
            json!({"rows": rows, "total": "2"}),
        ] {
            assert_eq!(organizations(&body).expect("rows"), ["1 Internal", "2 Lab"], "{body}");
        }
        for body in
            [json!({"rows": rows, "total": 3}), json!({"list": rows}), json!("x"), json!(null), json!([{"id": 1}])]
        {
            assert_eq!(organizations(&body), None, "{body}");
        }
    }

    #[test]
    fn a_page_says_how_many_rows_there_are() {
        let read = |body: &Value| {
            page::<OrganizationRow>(body.to_string().as_bytes()).map(|(rows, count)| (rows.len(), count))
        };
        let rows = json!([{"id": 1, "name": "a"}]);
        assert_eq!(read(&json!({"recordsTotal": 9, "recordsFiltered": 3, "data": rows})), Some((1, 3)));
        assert_eq!(read(&json!({"recordsTotal": "9", "data": rows})), Some((1, 9)));
        assert_eq!(read(&json!({"total": 9, "rows": rows})), Some((1, 9)));
        for other in [rows.clone(), json!({"data": rows}), json!({"data": {}, "recordsTotal": 1}), json!({})] {
            assert_eq!(read(&other), None, "{other}");
        }
    }

    #[test]
    fn whether_an_object_exists_is_said_in_known_words_only() {
        for yes in ["true", "\"true\"", "Yes", " yes\n", "\"YES\"", "{\"exists\": true}", "{\"exists\": \"Yes\"}"] {
            assert_eq!(exists(yes.as_bytes()), Some(true), "{yes}");
        }
        for no in ["false", "\"false\"", "No", "{\"exists\": false}"] {
            assert_eq!(exists(no.as_bytes()), Some(false), "{no}");
        }
        for other in ["", "null", "1", "[]", "{}", "{\"what\": true}", "<html>", "TIMS-0000: no", "\u{fffd}"] {
            assert_eq!(exists(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn an_address_is_read_as_text_with_or_without_mask_and_as_numbers() {
        let subnet = |value: Value| serde_json::from_value::<SubnetRow>(value).expect("a row").prefix();
        let expected = "192.0.2.0/24".parse().ok();
        assert_eq!(subnet(json!({"id": 1, "fullAddress": "192.0.2.0", "mask_length": 24})), expected);
        assert_eq!(subnet(json!({"id": 1, "fullAddress": "192.0.2.0/24", "mask_length": "24"})), expected);
        let octets = json!({"id": 1, "addr1": 192, "addr2": "0", "addr3": 2, "addr4": 0, "mask_length": 24});
        assert_eq!(subnet(octets), expected);
        for other in [
            json!({"id": 1, "fullAddress": "192.0.2.1", "mask_length": 24}),
            json!({"id": 1, "fullAddress": "192.0.2.0", "mask_length": 33}),
            json!({"id": 1, "addr1": 256, "addr2": 0, "addr3": 2, "addr4": 0, "mask_length": 24}),
            json!({"id": 1, "mask_length": 24}),
        ] {
            assert_eq!(subnet(other.clone()), None, "{other}");
        }
    }

    #[test]
    fn a_row_without_id_and_name_is_a_free_address() {
        let is_taken = |value: Value| serde_json::from_value::<ObjectRow>(value).expect("a row").is_taken();
        assert!(is_taken(json!({"id": 5, "name": "web", "address": "192.0.2.1"})));
        assert!(is_taken(json!({"name": "web"})) && is_taken(json!({"id": "5", "name": ""})));
        assert!(!is_taken(json!({"id": null, "name": ""})) && !is_taken(json!({"id": "", "name": null})));
    }

    proptest! {
        #[test]
        fn a_filter_is_json_whatever_is_in_it(value in ".*") {
            let rule = FilterRule { field: "address", op: "contains", value: value.clone() };
            let rules = serde_json::to_string(&[rule]).expect("JSON");
            let read: Value = serde_json::from_str(&rules).expect("JSON");
            prop_assert_eq!(&read[0]["value"], &json!(value));
        }

        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = (exists(&body), one::<SubnetRow>(&body).is_some());
            let _ = (list::<RangeRow>(&body).is_some(), page::<ObjectRow>(&body).is_some());
        }
    }
}
