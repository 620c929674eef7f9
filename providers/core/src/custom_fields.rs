//! Custom fields of an IPAM's records: one for the MAC, and those that every record gets.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::Mac;
use crate::settings::Section;

/// What the settings say of custom fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CustomFields {
    mac: Option<String>,
    fixed: Map<String, Value>,
}

impl CustomFields {
    /// Reads `mac_field`, the field for the MAC, and `custom_fields`, an object of fields with the texts, numbers, flags or
    /// lists of texts to set. Faults are noted in the section; `is_name` tells what the IPAM can call a field by.
    pub fn read(section: &mut Section, is_name: fn(&str) -> bool) -> Self {
        let right = "write the name or key of a custom field of IP addresses";
        let mac =
            section.read("mac_field", right, |value| value.as_str().filter(|name| is_name(name)).map(str::to_owned));
        let right = "write the names or keys of custom fields, each with the text, number, true or false to set";
        let fixed = section.read("custom_fields", right, |value| {
            let fields = value.as_object()?;
            fields.iter().all(|(name, value)| is_name(name) && is_usable(value)).then(|| fields.clone())
        });
        let fixed = fixed.unwrap_or_default();
        if mac.as_ref().is_some_and(|name| fixed.contains_key(name)) {
            section.problem("custom_fields", "sets the custom field that mac_field names", "keep one of the two");
        }
        Self { mac, fixed }
    }

    /// The field for the MAC, if there is one.
    pub fn mac_field(&self) -> Option<&str> {
        self.mac.as_deref()
    }

    /// The fields that every record gets.
    pub fn fixed(&self) -> &Map<String, Value> {
        &self.fixed
    }

    /// The fields of the record of an address.
    pub fn fill(&self, address: IpAddr, mac: Option<Mac>) -> Map<String, Value> {
        let mut fields = self.fixed.clone();
        fields.extend(self.mac(address, mac));
        fields
    }

    /// The field for the MAC alone; empty without such a field, or without a MAC that it has room for.
    pub fn mac(&self, address: IpAddr, mac: Option<Mac>) -> Map<String, Value> {
        let mut fields = Map::new();
        if let (Some(name), Some(mac)) = (&self.mac, mac) {
            if mac.is_infiniband() {
                // A rule on the field's values is made for 6 bytes, and would fail the host.
                log::warn!("{address} is recorded without its InfiniBand MAC: {name} is for MACs of 6 bytes");
            } else {
                fields.insert(name.clone(), mac.to_string().into());
            }
        }
        fields
    }

    /// The MAC that is in the fields of a record.
    pub fn mac_of(&self, fields: &Map<String, Value>) -> Option<Mac> {
        fields.get(self.mac.as_ref()?)?.as_str()?.parse().ok()
    }
}

/// A plain value, or a list of texts for a choice of several.
fn is_usable(value: &Value) -> bool {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => true,
        Value::Array(items) => items.iter().all(Value::is_string),
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::read_settings;

    fn read(settings: Value) -> (CustomFields, Vec<String>) {
        let is_name = |name: &str| !name.is_empty() && !name.contains(' ');
        read_settings(settings, |section| CustomFields::read(section, is_name))
    }

    #[test]
    fn the_mac_is_written_beside_the_fixed_fields_and_read_again() {
        let (fields, problems) = read(json!({"mac_field": "mac", "custom_fields": {"team": "linux", "zones": ["a"]}}));
        assert_eq!(problems, [""; 0]);
        let mac: Mac = "02:00:5e:00:53:aa".parse().expect("a MAC");
        let written = fields.fill([10, 1, 2, 5].into(), Some(mac));
        assert_eq!(
            Value::Object(written.clone()),
            json!({"mac": "02:00:5e:00:53:aa", "team": "linux", "zones": ["a"]})
        );
        assert_eq!(fields.mac_of(&written), Some(mac));
        assert_eq!(fields.mac_of(fields.fixed()), None);
    }

    #[test]
    fn an_infiniband_mac_is_left_out() {
        let (fields, _) = read(json!({"mac_field": "mac"}));
        let infiniband: Mac = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:01:02:03".parse().expect("a MAC");
        assert_eq!(fields.fill([10, 1, 2, 5].into(), Some(infiniband)), Map::new());
    }

    #[test]
    fn faults_show_no_value() {
        for settings in [
            json!({"mac_field": "ge heim"}),
            json!({"custom_fields": {"ge heim": 1}}),
            json!({"custom_fields": {"a": null}}),
            json!({"custom_fields": {"a": {"b": "geheim"}}}),
            json!({"custom_fields": "geheim"}),
            json!({"mac_field": "geheim", "custom_fields": {"geheim": "x"}}),
        ] {
            let (_, problems) = read(settings.clone());
            assert!(problems.len() == 1 && !problems[0].contains("heim"), "{settings}: {problems:?}");
        }
    }
}
