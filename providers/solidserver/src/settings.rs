//! The settings of `settings.d/externalipam_solidserver.yml`.

use ipam_provider::http::{HttpSettings, is_basic_user};
use ipam_provider::settings::{Secret, Section};
use ipam_provider::{Description, GroupName};
use serde_json::Value;

const URL: &str = "https://solidserver.example.com";

/// The class parameter that the description is written to.
const DESCRIPTION_PARAMETER: &str = "description";

/// How SOLIDserver is reached and what is written into it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The keys that all providers share.
    pub http: HttpSettings,
    /// `user` and `password` with `login`, or `token_id` and `token_secret`.
    pub access: Access,
    /// `space`: the only space that is served.
    pub space: Option<GroupName>,
    /// `class_name`: the class of new addresses.
    pub class_name: Option<String>,
    /// `class_parameters`: what every new address is given, in the order of their names.
    pub class_parameters: Vec<(String, String)>,
    /// `description_parameter`: the class parameter that holds the description.
    pub description_parameter: String,
    /// `mark` and `description`: how new addresses are described.
    pub description: Description,
    /// `delete_only_own`: is a record without our mark kept?
    pub delete_only_own: bool,
}

/// How the proxy shows who it is.
#[derive(Debug, Clone)]
pub enum Access {
    /// The headers `X-IPM-Username` and `X-IPM-Password`.
    Native {
        /// The user's name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// HTTP Basic.
    Basic {
        /// The user's name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// An API token, which signs each request.
    Token {
        /// The token's id.
        id: String,
        /// Its secret, which is not sent.
        secret: Secret,
    },
}

impl Access {
    fn read(section: &mut Section) -> Option<Self> {
        let right = "write the id of an API token, in quotes";
        let id =
            section.read("token_id", right, |value| value.as_str().filter(|id| is_token_id(id)).map(str::to_owned));
        let secret = section.secret("token_secret");
        let right = "write a user of SOLIDserver, in quotes, without a colon";
        let user =
            section.read("user", right, |value| value.as_str().filter(|user| is_basic_user(user)).map(str::to_owned));
        let password = section.secret("password");
        let is_basic = section.choice("login", &[("native", false), ("basic", true)]);
        if section.has("token_id") || section.has("token_secret") {
            for key in ["user", "password", "login"] {
                if section.has(key) {
                    section.problem(key, "is not used with an API token", "remove it, or token_id and token_secret");
                }
            }
            let id = section.required("token_id", id, "write the id of the API token, in quotes");
            let secret = section.required("token_secret", secret, "write the secret of the API token, in quotes");
            return Some(Self::Token { id: id?, secret: secret? });
        }
        let user = section.required("user", user, "write a user of SOLIDserver, or token_id and token_secret");
        let password = section.required("password", password, "write the password of the user, in quotes");
        let (user, password) = (user?, password?);
        Some(if is_basic == Some(true) { Self::Basic { user, password } } else { Self::Native { user, password } })
    }
}

impl Settings {
    /// Reads the section; faults are noted in it. `None` when something that must be there is not.
    pub fn read(section: &mut Section) -> Option<Self> {
        let http = HttpSettings::read(section, URL);
        let access = Access::read(section);
        let space = section.text("space").and_then(GroupName::new);
        let class_name = section.text("class_name");
        let right = "write names of class parameters, each with the text, number, true or false to set";
        let class_parameters = section.read("class_parameters", right, pairs).unwrap_or_default();
        let right = "write the name of a class parameter: letters, digits and _";
        let description_parameter = section.read("description_parameter", right, |value| {
            value.as_str().filter(|name| is_parameter(name)).map(str::to_owned)
        });
        let description_parameter = description_parameter.unwrap_or_else(|| DESCRIPTION_PARAMETER.to_owned());
        if class_parameters.iter().any(|(name, _)| *name == description_parameter) {
            let right = "keep one of the two";
            section.problem("class_parameters", "sets the parameter that description_parameter names", right);
        }
        let description = Description::read(section);
        let delete_only_own = section.flag("delete_only_own").unwrap_or(false);
        Some(Self {
            http: http?,
            access: access?,
            space,
            class_name,
            class_parameters,
            description_parameter,
            description,
            delete_only_own,
        })
    }
}

/// Flags are 1 and 0, as SOLIDserver has them.
fn pairs(value: &Value) -> Option<Vec<(String, String)>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "1" } else { "0" }.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let pair = |(name, value): (&String, &Value)| Some((name.clone(), text(value).filter(|_| is_parameter(name))?));
    value.as_object()?.iter().map(pair).collect()
}

fn is_parameter(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Visible ASCII without the colon that ends it.
fn is_token_id(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipam_provider::testing::read_settings;
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    fn read(settings: Value) -> (Option<Settings>, Vec<String>) {
        read_settings(settings, Settings::read)
    }

    #[test]
    fn url_user_and_password_are_enough() {
        let (settings, problems) = read(json!({"url": "https://s.example.com/", "user": "u", "password": "geheim"}));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.description.mark(), settings.delete_only_own), ("foreman-ipam-proxy", false));
        assert_eq!((settings.description_parameter.as_str(), settings.space.is_none()), ("description", true));
        assert!(matches!(&settings.access, Access::Native { user, password }
            if user == "u" && password.expose_secret() == "geheim"));
        assert!(!format!("{settings:?}").contains("geheim"));
    }

    #[test]
    fn every_key_is_read() {
        let (settings, problems) = read(json!({
            "url": "https://s.example.com", "user": "u", "password": "p", "login": "basic", "space": "Lab",
            "class_name": "host", "class_parameters": {"dhcpstatic": 1, "dns_update": true, "team": "a"},
            "description_parameter": "foreman", "mark": "proxy-a", "description": "{mac}", "delete_only_own": true,
        }));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert!(matches!(settings.access, Access::Basic { .. }));
        let parameters: Vec<_> = settings.class_parameters.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(parameters, [("dhcpstatic", "1"), ("dns_update", "1"), ("team", "a")]);
        assert_eq!(settings.class_name.as_deref(), Some("host"));
        assert_eq!((settings.space, settings.description_parameter.as_str()), (GroupName::new("Lab"), "foreman"));
        assert_eq!((settings.description.mark(), settings.delete_only_own), ("proxy-a", true));
    }

    #[test]
    fn a_token_stands_in_place_of_a_user() {
        let (settings, problems) = read(json!({"url": "https://s", "token_id": "k", "token_secret": "geheim"}));
        assert_eq!(problems, [""; 0]);
        assert!(matches!(settings.expect("settings").access, Access::Token { .. }));
        let (_, problems) = read(json!({"url": "https://s", "token_id": "k", "user": "u", "password": "geheim"}));
        assert_eq!(
            problems,
            [
                "x.yml: user is not used with an API token; remove it, or token_id and token_secret",
                "x.yml: password is not used with an API token; remove it, or token_id and token_secret",
                "x.yml: token_secret is missing; write the secret of the API token, in quotes",
            ]
        );
    }

    #[test]
    fn all_faults_are_told_at_once_and_none_shows_a_value() {
        let (settings, problems) = read(json!({
            "user": "geheim:x", "password": 5, "login": "geheim", "space": 5, "class_parameters": {"a b": "geheim"},
            "description_parameter": "geheim x", "description": "{host}", "mark": " geheim",
            "delete_only_own": "perhaps", "sapce": "Lab",
        }));
        assert!(settings.is_none());
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
        assert_eq!(
            keys,
            [
                "url",
                "user",
                "password",
                "login",
                "space",
                "class_parameters",
                "description_parameter",
                "description",
                "mark",
                "delete_only_own",
                "sapce",
            ],
            "{problems:#?}"
        );
        assert!(!problems.iter().any(|problem| problem.contains("geheim") || problem.contains("perhaps")));
        let (_, problems) = read(json!({
            "url": "https://s", "user": "u", "password": "p", "class_parameters": {"description": "x"},
        }));
        let right = "x.yml: class_parameters sets the parameter that description_parameter names; keep one of the two";
        assert_eq!(problems, [right]);
    }

    #[test]
    fn the_example_has_every_key_and_no_other() {
        let example = include_str!("../../../settings.d/externalipam_solidserver.yml.example");
        let key = |line: &str| {
            let line = line.strip_prefix('#').unwrap_or(line);
            line.split_once(':').map(|(key, _)| key).filter(|key| is_parameter(key)).map(str::to_owned)
        };
        let keys: BTreeSet<String> = example.lines().filter_map(key).collect();
        // A key that is nowhere near a known one is answered with all of them.
        let (_, problems) = read(json!({"url": "https://s", "user": "u", "password": "p", "xxxxxxxxxxxx": 1}));
        let known = problems[0].split_once("known are: ").expect("a list of keys").1;
        assert_eq!(keys, known.split(", ").map(str::to_owned).collect());
    }
}
