//! The settings of `settings.d/externalipam_bluecat.yml`.

use ipam_provider::Description;
use ipam_provider::http::HttpSettings;
use ipam_provider::settings::{Secret, Section};

const URL: &str = "https://bam.example.com";

/// How Address Manager is reached and what is written into it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The keys that all providers share.
    pub http: HttpSettings,
    /// `user`: an API user.
    pub user: String,
    /// `password`: their password.
    pub password: Secret,
    /// `api`: which of the two APIs is asked.
    pub api: ApiVersion,
    /// `configuration`: the only one that is served; all of them unless it is set.
    pub configuration: Option<String>,
    /// `view` and `zone`: where host records are made, if anywhere.
    pub dns: Option<Dns>,
    /// `deploy`: are changes deployed?
    pub deploy: Deploy,
    /// `description_field`: the field of addresses that the description goes into; their name unless it is set.
    pub description_field: Option<String>,
    /// `mark` and `description`: how new addresses are described.
    pub description: Description,
    /// `delete_only_own`: is a record without our mark kept?
    pub delete_only_own: bool,
}

/// Which API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// v2 where it is, v1 elsewhere.
    Auto,
    /// REST v1, of versions 8 to 9.4; later ones have it too.
    V1,
    /// REST v2, of version 9.5 and later.
    V2,
}

/// Where host records are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// The name of a view of each configuration that is served.
    pub view: String,
    /// A zone of it, in lower case, without a dot at the end.
    pub zone: String,
}

/// What is done so that servers take notice of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deploy {
    /// Nothing.
    Never,
    /// A quick deployment of the network and of the zone, in the background.
    Quick,
}

impl Settings {
    /// Reads the section; faults are noted in it. `None` when something that must be there is not.
    pub fn read(section: &mut Section) -> Option<Self> {
        let http = HttpSettings::read(section, URL);
        if http.as_ref().is_some_and(|http| has_api_path(http.url.path())) {
            // Address Manager refuses everything there as if the user were wrong.
            section.problem(
                "url",
                "ends with the path of an API",
                "write the address of Address Manager itself, without a path",
            );
        }
        let user = section.text("user");
        let user = section.required("user", user, "write the name of an API user of Address Manager");
        let password = section.secret("password");
        let password = section.required("password", password, "write the password of user, in quotes");
        let versions = [("auto", ApiVersion::Auto), ("v1", ApiVersion::V1), ("v2", ApiVersion::V2)];
        let api = section.choice("api", &versions).unwrap_or(ApiVersion::Auto);
        let configuration = section.text("configuration");
        let dns = dns(section);
        let deploy = section.choice("deploy", &[("never", Deploy::Never), ("quick", Deploy::Quick)]);
        let right = "write the name of a user-defined field of letters, digits, blanks, - and _";
        let description_field = section
            .read("description_field", right, |value| value.as_str().filter(|text| is_field(text)).map(str::to_owned));
        let description = Description::read(section);
        let delete_only_own = section.flag("delete_only_own").unwrap_or(false);
        Some(Self {
            http: http?,
            user: user?,
            password: password?,
            api,
            configuration,
            dns,
            deploy: deploy.unwrap_or(Deploy::Never),
            description_field,
            description,
            delete_only_own,
        })
    }
}

/// Does the path lead to one of the APIs? The proxy adds that itself.
fn has_api_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.contains("/api/v2") || path.contains("/services/rest")
}

/// A view without a zone, or the other way round, names no place.
fn dns(section: &mut Section) -> Option<Dns> {
    let view = section.text("view");
    let right = "write the whole name of a zone, such as example.com";
    let zone = section.read("zone", right, |value| {
        let zone = value.as_str()?.trim_end_matches('.').to_ascii_lowercase();
        is_zone(&zone).then_some(zone)
    });
    match (view, zone) {
        (Some(view), Some(zone)) => Some(Dns { view, zone }),
        (Some(_), None) => {
            section.required::<()>("zone", None, "name the zone of view that host records are made in");
            None
        }
        (None, Some(_)) => {
            section.required::<()>("view", None, "name the view that zone is in");
            None
        }
        (None, None) => None,
    }
}

fn is_zone(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.split('.').all(is_label)
}

/// A name with a bar or an equals sign could not be told from its value in v1. The others are Address Manager's own.
fn is_field(text: &str) -> bool {
    let is_own = matches!(text, "name" | "address" | "state" | "macAddress");
    let is_usual = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    !text.is_empty() && text.trim() == text && text.chars().all(is_usual) && !is_own
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

    fn least() -> Value {
        json!({"url": "https://bam.example.com/", "user": "foreman", "password": "geheim"})
    }

    #[test]
    fn url_user_and_password_are_enough() {
        let (settings, problems) = read(least());
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.api, settings.deploy, settings.dns), (ApiVersion::Auto, Deploy::Never, None));
        assert_eq!((settings.configuration, settings.description_field), (None, None));
        assert_eq!((settings.description.mark(), settings.delete_only_own), ("foreman-ipam-proxy", false));
    }

    #[test]
    fn every_key_is_read() {
        let mut all = least();
        let more = json!({
            "api": "v1", "configuration": "Production", "view": "internal", "zone": "Example.COM.", "deploy": "quick",
            "description_field": "comments", "mark": "proxy-a", "description": "{mac}", "delete_only_own": true,
        });
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let (settings, problems) = read(all);
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.api, settings.deploy), (ApiVersion::V1, Deploy::Quick));
        assert_eq!(settings.configuration.as_deref(), Some("Production"));
        assert_eq!(settings.dns, Some(Dns { view: "internal".to_owned(), zone: "example.com".to_owned() }));
        assert_eq!(settings.description_field.as_deref(), Some("comments"));
        assert_eq!((settings.description.mark(), settings.delete_only_own), ("proxy-a", true));
    }

    #[test]
    fn all_faults_are_told_at_once_and_none_shows_a_value() {
        let (settings, problems) = read(json!({
            "user": 5, "password": 123, "api": "v3", "zone": "geheim..com", "deploy": "geheim",
            "description_field": "geheim|x", "delete_only_own": "perhaps", "konfiguration": "geheim",
        }));
        assert!(settings.is_none());
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
        let expected = [
            "url",
            "user",
            "password",
            "api",
            "zone",
            "deploy",
            "description_field",
            "delete_only_own",
            "konfiguration",
        ];
        assert_eq!(keys, expected, "{problems:#?}");
        assert!(!problems.iter().any(|problem| problem.contains("geheim")));
    }

    #[test]
    fn a_url_with_the_path_of_an_api_is_named() {
        for path in ["/api/v2", "/api/v2/", "/Services/REST/v1", "/Services/REST"] {
            let mut settings = least();
            settings["url"] = format!("https://bam.example.com{path}").into();
            let (_, problems) = read(settings);
            assert_eq!(problems.len(), 1, "{path}: {problems:?}");
            assert!(problems[0].starts_with("x.yml: url "), "{problems:?}");
            assert!(
                problems[0].ends_with("write the address of Address Manager itself, without a path"),
                "{problems:?}"
            );
        }
        for path in ["", "/", "/bam"] {
            let mut settings = least();
            settings["url"] = format!("https://bam.example.com{path}").into();
            assert_eq!(read(settings).1, [""; 0], "{path}");
        }
    }

    #[test]
    fn view_and_zone_go_together() {
        for (key, missing) in [("view", "zone"), ("zone", "view")] {
            let mut settings = least();
            settings[key] = "internal".into();
            let (_, problems) = read(settings);
            assert_eq!(problems.len(), 1);
            assert!(problems[0].starts_with(&format!("x.yml: {missing} is missing")), "{problems:?}");
        }
    }

    #[test]
    fn fields_of_address_manager_itself_take_no_description() {
        for name in ["name", "state", "macAddress", "address", "a=b", "a|b", " a", ""] {
            assert!(!is_field(name), "{name:?}");
        }
        for name in ["comments", "Foreman note", "ipam_proxy-2", "Bemerkung für uns"] {
            assert!(is_field(name), "{name:?}");
        }
    }

    #[test]
    fn the_example_has_every_key_and_no_other() {
        let example = include_str!("../../../settings.d/externalipam_bluecat.yml.example");
        let key = |line: &str| {
            let line = line.strip_prefix('#').unwrap_or(line);
            let is_key =
                |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            line.split_once(':').map(|(key, _)| key).filter(|key| is_key(key)).map(str::to_owned)
        };
        let keys: BTreeSet<String> = example.lines().filter_map(key).collect();
        // A key that is nowhere near a known one is answered with all of them.
        let mut settings = least();
        settings["xxxxxxxxxxxx"] = 1.into();
        let (_, problems) = read(settings);
        let known = problems[0].split_once("known are: ").expect("a list of keys").1;
        assert_eq!(keys, known.split(", ").map(str::to_owned).collect());
    }

    #[test]
    fn the_password_is_never_shown() {
        let settings = read(least()).0.expect("settings");
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
