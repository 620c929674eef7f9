//! The settings of `settings.d/externalipam_phpipam.yml`.

use ipam_provider::Template;
use ipam_provider::http::{HeaderValue, HttpSettings};
use ipam_provider::settings::{Secret, Section};
use secrecy::ExposeSecret;

use crate::wire::OWNER_AT_MOST;

/// What is written into `description` unless the settings say otherwise.
const DESCRIPTION: &str = "Foreman {hostname} {mac}";

/// What is written into `owner` unless the settings say otherwise.
const OWNER: &str = "foreman-ipam-proxy";

/// How phpIPAM is reached and what is written into its records.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The connection: `url` and the keys that all providers share.
    pub http: HttpSettings,
    /// `app_id`: the API app; the user's name unless it is set, as with the Ruby plugin.
    pub app_id: String,
    /// `user` and `password`, or `app_code`.
    pub credentials: Credentials,
    /// `description`: the text for new addresses, cut to 64 characters.
    pub description: Template,
    /// `owner`: the mark in the column of that name by which our own records are known; at most 128 characters.
    pub owner: String,
    /// `delete_only_own`: refuse to delete what does not carry the mark.
    pub delete_only_own: bool,
}

/// Who the proxy is to phpIPAM.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A user, for API apps with security "SSL with User token" or "User token".
    User {
        /// Without a colon: HTTP ends the name there.
        name: String,
        /// The password.
        password: Secret,
    },
    /// The code of an API app with security "SSL with App code token".
    AppCode(Secret),
}

impl Settings {
    /// Reads the section; faults are noted in it, and there may be settings although there were some.
    pub fn read(section: &mut Section) -> Option<Self> {
        let http = HttpSettings::read(section, "https://phpipam.example.com");
        let user = user(section);
        let password = section.secret("password");
        let app_code = app_code(section);
        let app_id = section.text("app_id");
        let credentials = match (user.clone(), password, app_code) {
            (user, password, Some(code)) => {
                if user.is_some() || password.is_some() {
                    section.problem(
                        "app_code",
                        "is set beside user or password",
                        "keep one way to log in and remove the other",
                    );
                }
                Some(Credentials::AppCode(code))
            }
            // A code with a fault was meant to be the way to log in.
            (_, _, None) if section.has("app_code") => None,
            (user, password, None) => {
                let user =
                    section.required("user", user, "set the phpIPAM user that the proxy logs in as, or app_code");
                let password = section.required("password", password, "set the password of user");
                user.zip(password).map(|(name, password)| Credentials::User { name, password })
            }
        };
        let app_id = app(section, app_id, user);
        let right = "write text with the places {mac}, {hostname}, {address}, {subnet}, {group} and {date}";
        let description = section.read("description", right, |value| value.as_str()?.parse().ok());
        let description = description.unwrap_or_else(|| DESCRIPTION.parse().expect("the default is a template"));
        let right = format!("write text of at most {OWNER_AT_MOST} characters, without < and >");
        let owner =
            section.read("owner", &right, |value| value.as_str().filter(|text| is_owner(text)).map(str::to_owned));
        let owner = owner.unwrap_or_else(|| OWNER.to_owned());
        let delete_only_own = section.flag("delete_only_own").unwrap_or(false);
        Some(Self { http: http?, app_id: app_id?, credentials: credentials?, description, owner, delete_only_own })
    }
}

fn user(section: &mut Section) -> Option<String> {
    let user = section.text("user")?;
    if user.contains(':') {
        section.problem("user", "has a colon, and HTTP ends the name there", "use a user without one");
    }
    Some(user)
}

/// A code goes into a header as it is.
fn app_code(section: &mut Section) -> Option<Secret> {
    let code = section.secret("app_code")?;
    let is_header = HeaderValue::from_str(code.expose_secret()).is_ok() && code.expose_secret().is_ascii();
    if !is_header {
        section.problem("app_code", "has characters that phpIPAM's codes do not have", "copy the code of the API app");
        return None;
    }
    Some(code)
}

/// The id of the API app. It is a segment of the path, where servers stumble over a slash and phpIPAM drops a `0`.
fn app(section: &mut Section, app_id: Option<String>, user: Option<String>) -> Option<String> {
    let right = "write the id of the API app as phpIPAM shows it under Administration, API";
    let is_set = app_id.is_some();
    let app_id = app_id.or(user);
    let is_path = |id: &String| !id.contains(['/', '\\']) && !matches!(id.as_str(), "0" | "." | "..");
    match &app_id {
        Some(id) if !is_path(id) => {
            let what = if is_set {
                "cannot be part of a URL"
            } else {
                "is not set, and the name of user cannot be part of a URL"
            };
            section.problem("app_id", what, right);
        }
        None if section.has("app_code") => section.problem("app_id", "is missing", right),
        _ => {}
    }
    app_id
}

/// Text that phpIPAM gives back as it was given: it removes tags.
fn is_owner(text: &str) -> bool {
    text.chars().count() <= OWNER_AT_MOST
        && text.trim() == text
        && !text.contains(['<', '>'])
        && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use ipam_provider::testing::read_settings;
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> (Option<Settings>, Vec<String>) {
        read_settings(settings, Settings::read)
    }

    #[test]
    fn the_ruby_plugins_file_is_enough() {
        let ruby = json!({"url": "https://phpipam.example.com", "user": "ipam_user", "password": "ipam_password"});
        let (settings, problems) = read(ruby);
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!(settings.app_id, "ipam_user");
        assert_eq!(settings.description.to_string(), "Foreman {hostname} {mac}");
        assert_eq!((settings.owner.as_str(), settings.delete_only_own), ("foreman-ipam-proxy", false));
        assert!(matches!(settings.credentials, Credentials::User { name, .. } if name == "ipam_user"));
    }

    #[test]
    fn an_app_code_is_enough_with_the_app_it_is_of() {
        let (settings, problems) = read(json!({"url": "https://x", "app_id": "foreman", "app_code": "0123abc_-"}));
        let settings = settings.expect("settings");
        assert_eq!((problems, settings.app_id.as_str()), (vec![], "foreman"));
        assert!(matches!(settings.credentials, Credentials::AppCode(_)));
        let (settings, problems) = read(json!({"url": "https://x", "app_code": "0123abc_-"}));
        assert!(settings.is_none());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("x.yml: app_id is missing;"), "{problems:?}");
    }

    #[test]
    fn all_faults_are_found_at_once_and_no_secret_is_shown() {
        let (settings, problems) = read(json!({
            "url": "phpipam", "user": "a:b", "password": 12_345, "description": "{geheim}", "owner": "<geheim>",
            "delete_only_own": "geheim", "app": "geheim",
        }));
        assert!(settings.is_none());
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
        assert_eq!(keys, ["url", "user", "password", "description", "owner", "delete_only_own", "app"], "{problems:?}");
        assert!(!problems.concat().contains("geheim") && !problems.concat().contains("12345"), "{problems:?}");
    }

    #[test]
    fn two_ways_to_log_in_or_none_are_faults() {
        let both = json!({"url": "https://x", "app_id": "a", "user": "u", "password": "p", "app_code": "c"});
        assert_eq!(
            read(both).1,
            ["x.yml: app_code is set beside user or password; keep one way to log in and remove the other"]
        );
        let (_, none) = read(json!({"url": "https://x"}));
        assert_eq!(none.len(), 2, "{none:?}");
        let (_, unusable) = read(json!({"url": "https://x", "app_id": "a", "app_code": "geheim\n"}));
        assert_eq!(unusable.len(), 1, "{unusable:?}");
        assert!(!unusable[0].contains("geheim"));
    }

    #[test]
    fn an_app_that_cannot_be_in_a_path_is_a_fault() {
        for app in ["a/b", "0", ".."] {
            let (_, problems) = read(json!({"url": "https://x", "user": "u", "password": "p", "app_id": app}));
            assert_eq!(problems.len(), 1, "{app}");
            let (_, problems) = read(json!({"url": "https://x", "user": app, "password": "p"}));
            assert!(problems[0].starts_with("x.yml: app_id is not set, and the name of user"), "{problems:?}");
        }
    }

    #[test]
    fn no_secret_is_in_debug_output() {
        let (settings, _) = read(json!({"url": "https://x", "user": "u", "password": "geheim"}));
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
