//! The settings of `settings.d/externalipam_solarwinds.yml`.

use ipam_provider::Description;
use ipam_provider::http::{HttpSettings, is_basic_user};
use ipam_provider::settings::{Secret, Section};
use serde_json::{Map, Value};

const URL: &str = "https://orion.example.com:17774";

/// How SolarWinds is reached and what is written into it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The keys that all providers share.
    pub http: HttpSettings,
    /// `user`: the Orion account, or `DOMAIN\user`.
    pub user: String,
    /// `password`: its password.
    pub password: Secret,
    /// `mark` and `description`: the comment of new addresses.
    pub description: Description,
    /// `delete_only_own`: is a record without our mark kept?
    pub delete_only_own: bool,
    /// `reserve_with`: how an address is taken.
    pub reserve_with: ReserveWith,
    /// `custom_properties`: the custom properties of new addresses.
    pub custom_properties: Map<String, Value>,
    /// `custom_properties_in`: which of the two kinds they are.
    pub custom_properties_in: CustomPropertiesIn,
}

/// How an address is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveWith {
    /// With a reservation where the server can begin one at a given address, otherwise with the status.
    Auto,
    /// With `StartIpReservationForGroup`, also where the server does not say that it can.
    Reservation,
    /// By changing the status.
    Status,
}

/// Where a server keeps the custom properties of addresses: IPAM has had two kinds of them since 4.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomPropertiesIn {
    /// The platform's own, `IPAM.NodesCustomProperties`.
    CustomProperties,
    /// Those of IPAM itself, `IPAM.IPNodeAttr`.
    Custom,
}

impl CustomPropertiesIn {
    /// What is below the uri of an address.
    pub(crate) fn segment(self) -> &'static str {
        match self {
            Self::CustomProperties => "CustomProperties",
            Self::Custom => "Custom",
        }
    }

    /// The entity that has a property for each of them.
    pub(crate) fn entity(self) -> &'static str {
        match self {
            Self::CustomProperties => "IPAM.NodesCustomProperties",
            Self::Custom => "IPAM.IPNodeAttr",
        }
    }
}

impl Settings {
    /// Reads the section; faults are noted in it. `None` when something that must be there is not.
    pub fn read(section: &mut Section) -> Option<Self> {
        let http = HttpSettings::read(section, URL);
        let right = "write the name of an Orion account, or DOMAIN\\user in single quotes";
        let user =
            section.read("user", right, |value| value.as_str().filter(|text| is_basic_user(text)).map(str::to_owned));
        let user = section.required("user", user, right);
        let password = section.secret("password");
        let password = section.required("password", password, "set the password of user");
        let description = Description::read(section);
        let delete_only_own = section.flag("delete_only_own").unwrap_or(false);
        let ways =
            [("auto", ReserveWith::Auto), ("reservation", ReserveWith::Reservation), ("status", ReserveWith::Status)];
        let reserve_with = section.choice("reserve_with", &ways).unwrap_or(ReserveWith::Auto);
        let right =
            "write the names of custom properties of IP addresses, each with the text, number, true or false to set";
        let custom_properties = section.read("custom_properties", right, |value| {
            let properties = value.as_object()?;
            properties.iter().all(|(name, value)| is_name(name) && is_plain(value)).then(|| properties.clone())
        });
        let places =
            [("CustomProperties", CustomPropertiesIn::CustomProperties), ("Custom", CustomPropertiesIn::Custom)];
        let custom_properties_in =
            section.choice("custom_properties_in", &places).unwrap_or(CustomPropertiesIn::CustomProperties);
        Some(Self {
            http: http?,
            user: user?,
            password: password?,
            description,
            delete_only_own,
            reserve_with,
            custom_properties: custom_properties.unwrap_or_default(),
            custom_properties_in,
        })
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !text.is_empty()
}

fn is_plain(value: &Value) -> bool {
    value.is_string() || value.is_number() || value.is_boolean()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipam_provider::testing::read_settings;
    use serde_json::json;

    use super::*;

    fn read(settings: Value) -> (Option<Settings>, Vec<String>) {
        read_settings(settings, Settings::read)
    }

    #[test]
    fn url_user_and_password_are_enough() {
        let (settings, problems) =
            read(json!({"url": "https://o.example.com:17774/", "user": "EXAMPLE\\foreman", "password": "geheim"}));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.user.as_str(), settings.delete_only_own), ("EXAMPLE\\foreman", false));
        assert_eq!((settings.reserve_with, settings.description.mark()), (ReserveWith::Auto, "foreman-ipam-proxy"));
        assert!(settings.custom_properties.is_empty());
        assert!(!format!("{settings:?}").contains("geheim"));
    }

    #[test]
    fn every_key_is_read() {
        let (settings, problems) = read(json!({
            "url": "https://o.example.com:17774", "user": "foreman", "password": "geheim", "mark": "proxy-a",
            "description": "{mac}", "delete_only_own": true, "reserve_with": "status",
            "custom_properties": {"Owner": "foreman", "Rank": 1, "Auto": true}, "custom_properties_in": "Custom",
        }));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.reserve_with, settings.delete_only_own), (ReserveWith::Status, true));
        assert_eq!((settings.custom_properties.len(), settings.custom_properties_in.segment()), (3, "Custom"));
    }

    #[test]
    fn all_faults_are_told_at_once_and_none_shows_a_value() {
        let (settings, problems) = read(json!({
            "user": "geheim:x", "password": 5, "description": "{host}", "mark": " geheim", "delete_only_own": "perhaps",
            "reserve_with": "geheim", "custom_properties": {"a b": "geheim"}, "custom_properties_in": "geheim",
        }));
        assert!(settings.is_none());
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
        let expected = [
            "url",
            "user",
            "password",
            "description",
            "mark",
            "delete_only_own",
            "reserve_with",
            "custom_properties",
            "custom_properties_in",
        ];
        assert_eq!(keys, expected, "{problems:#?}");
        assert!(!problems.iter().any(|problem| problem.contains("geheim") || problem.contains("perhaps")));
    }

    #[test]
    fn the_example_has_every_key_and_no_other() {
        let example = include_str!("../../../settings.d/externalipam_solarwinds.yml.example");
        let key = |line: &str| {
            let line = line.strip_prefix('#').unwrap_or(line);
            line.split_once(':').map(|(key, _)| key).filter(|key| is_name(key)).map(str::to_owned)
        };
        let keys: BTreeSet<String> = example.lines().filter_map(key).collect();
        // A key that is nowhere near a known one is answered with all of them.
        let (_, problems) =
            read(json!({"url": "https://o.example.com", "user": "u", "password": "p", "xxxxxxxxxxxx": 1}));
        let known = problems[0].split_once("known are: ").expect("a list of keys").1;
        assert_eq!(keys, known.split(", ").map(str::to_owned).collect());
    }
}
