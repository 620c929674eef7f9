//! The settings of `settings.d/externalipam_nautobot.yml`.

use ipam_provider::http::{HeaderValue, HttpSettings, secret_header};
use ipam_provider::settings::{Secret, Section};
use ipam_provider::{CustomFields, Description};
use secrecy::ExposeSecret;

const URL: &str = "https://nautobot.example.com";

/// The status that every Nautobot comes with.
const STATUS: &str = "Active";

/// How Nautobot is reached and what is written into it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The keys that all providers share.
    pub http: HttpSettings,
    /// `token`: the API token.
    pub token: Secret,
    /// `status`: the name of the status of new addresses.
    pub status: String,
    /// `mark` and `description`: how new addresses are described.
    pub description: Description,
    /// `tags`: the names of the tags of new addresses.
    pub tags: Vec<String>,
    /// `tenant`: the name of the tenant of new addresses.
    pub tenant: Option<String>,
    /// `mac_field` and `custom_fields`: the custom fields of new addresses.
    pub custom_fields: CustomFields,
    /// `delete_only_own`: is a record without our mark kept?
    pub delete_only_own: bool,
}

impl Settings {
    /// Reads the section; faults are noted in it. `None` when something that must be there is not.
    pub fn read(section: &mut Section) -> Option<Self> {
        let http = HttpSettings::read(section, URL);
        let right = "write the API token of a Nautobot user, in quotes";
        let token = section.secret_with("token", right, is_token);
        let token = section.required("token", token, right);
        let status = section.text("status").unwrap_or_else(|| STATUS.to_owned());
        let description = Description::read(section);
        let tags = section.list("tags").unwrap_or_default();
        let tenant = section.text("tenant");
        let custom_fields = CustomFields::read(section, is_field_key);
        let delete_only_own = section.flag("delete_only_own").unwrap_or(false);
        Some(Self { http: http?, token: token?, status, description, tags, tenant, custom_fields, delete_only_own })
    }

    /// The header that shows who we are. Only the scheme `Token` is known to Nautobot.
    pub(crate) fn authorization(&self) -> HeaderValue {
        let value = secret_header(&format!("Token {}", self.token.expose_secret()));
        value.expect("a token is made of characters that a header may hold")
    }
}

/// Visible ASCII: a blank would end the token, and a line break the header.
fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Nautobot makes keys that are valid in GraphQL too.
fn is_field_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipam_provider::testing::read_settings;
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> (Option<Settings>, Vec<String>) {
        read_settings(settings, Settings::read)
    }

    #[test]
    fn url_and_token_are_enough() {
        let (settings, problems) = read(json!({"url": "https://n.example.com/", "token": "geheim"}));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.status.as_str(), settings.delete_only_own), ("Active", false));
        assert_eq!(settings.description.mark(), "foreman-ipam-proxy");
        assert!(settings.tags.is_empty() && settings.tenant.is_none());
        assert_eq!(settings.custom_fields, CustomFields::default());
        assert_eq!(settings.authorization().to_str().expect("text"), "Token geheim");
    }

    #[test]
    fn every_key_is_read() {
        let (settings, problems) = read(json!({
            "url": "https://n.example.com", "token": "geheim", "status": "Reserved", "description": "{mac}",
            "tags": ["foreman", "auto"], "tenant": "Lab", "mac_field": "mac_address", "delete_only_own": true,
            "mark": "proxy-a", "custom_fields": {"source": "foreman", "sites": ["a", "b"], "rank": 1, "auto": true},
        }));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.status.as_str(), settings.description.mark()), ("Reserved", "proxy-a"));
        assert_eq!(settings.tags, ["foreman", "auto"]);
        assert_eq!((settings.tenant.as_deref(), settings.delete_only_own), (Some("Lab"), true));
        assert_eq!(
            (settings.custom_fields.mac_field(), settings.custom_fields.fixed().len()),
            (Some("mac_address"), 4)
        );
    }

    #[test]
    fn all_faults_are_told_at_once_and_none_shows_a_value() {
        let (settings, problems) = read(json!({
            "token": "geheim mit Blank", "description": "{host}", "mac_field": "mac address",
            "delete_only_own": "perhaps", "tags": 5, "tennant": "Lab", "mark": " geheim",
            "custom_fields": {"a": {"b": "geheim"}},
        }));
        assert!(settings.is_none());
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
        assert_eq!(
            keys,
            ["url", "token", "description", "mark", "tags", "mac_field", "custom_fields", "delete_only_own", "tennant"],
            "{problems:#?}"
        );
        assert!(!problems.iter().any(|problem| problem.contains("geheim") || problem.contains("perhaps")));
    }

    #[test]
    fn two_settings_do_not_write_one_field() {
        let (_, problems) = read(json!({
            "url": "https://n.example.com", "token": "t", "mac_field": "mac", "custom_fields": {"mac": "x"},
        }));
        assert_eq!(problems, ["x.yml: custom_fields sets the custom field that mac_field names; keep one of the two"]);
    }

    #[test]
    fn the_example_has_every_key_and_no_other() {
        let example = include_str!("../../../settings.d/externalipam_nautobot.yml.example");
        let key = |line: &str| {
            let line = line.strip_prefix('#').unwrap_or(line);
            line.split_once(':').map(|(key, _)| key).filter(|key| is_field_key(key)).map(str::to_owned)
        };
        let keys: BTreeSet<String> = example.lines().filter_map(key).collect();
        // A key that is nowhere near a known one is answered with all of them.
        let (_, problems) = read(json!({"url": "https://n.example.com", "token": "t", "xxxxxxxxxxxx": 1}));
        let known = problems[0].split_once("known are: ").expect("a list of keys").1;
        assert_eq!(keys, known.split(", ").map(str::to_owned).collect());
    }

    #[test]
    fn the_token_is_never_shown() {
        let (settings, _) = read(json!({"url": "https://n.example.com", "token": "geheim"}));
        let settings = settings.expect("settings");
        assert!(!format!("{settings:?} {:?}", settings.authorization()).contains("geheim"));
    }
}
