//! How the IPAM is asked and answered for.

use std::time::Duration;

use ipam_provider::Registration;
use ipam_provider::settings::Section;

use super::routes::{self, Choice};

/// Settings of External IPAM, in `settings.d/externalipam.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ipam {
    /// `enabled`: on which listeners External IPAM is offered.
    pub enabled: Enabled,
    /// `error_style`: how errors are told.
    pub error_style: ErrorStyle,
    /// `legacy`: shapes of answers for a Foreman that is older than the universal ones; `None` for all newer.
    pub legacy: Option<Legacy>,
    /// `request_budget_seconds`: how long one request may take, all calls of the IPAM together.
    pub request_budget: Duration,
    /// `attempt_seconds`: how long one call of the IPAM may take; less than half of the budget.
    pub attempt: Duration,
    /// `read_attempts`: how often a read is tried; writes are tried once.
    pub read_attempts: u32,
}

/// On which listeners External IPAM is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enabled {
    /// `false`: Foreman is told that the feature is not there.
    Nowhere,
    /// `true`: on every listener.
    Everywhere,
    /// `http`: on plain HTTP only.
    HttpOnly,
    /// `https`: on HTTPS only.
    HttpsOnly,
}

impl Enabled {
    /// Is it offered on plain HTTP, when there is any?
    pub(crate) fn on_http(self) -> bool {
        matches!(self, Self::Everywhere | Self::HttpOnly)
    }

    /// Is it offered on HTTPS, when there is any?
    pub(crate) fn on_https(self) -> bool {
        matches!(self, Self::Everywhere | Self::HttpsOnly)
    }
}

/// How errors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorStyle {
    /// As Foreman shows them to calls of Foreman, with status codes to all others.
    Auto,
    /// Always as Foreman shows them: status 200 with `{"error": "…"}`.
    Foreman,
    /// Always with status codes.
    Http,
}

/// A Foreman that needs other shapes of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Legacy {
    /// `foreman-2.1`: Foreman 2.1 and 2.2.
    Foreman21,
}

impl Ipam {
    /// The settings, and which of `providers` are chosen; those at fault are left out.
    pub(super) fn read(section: &mut Section, providers: &[Registration]) -> (Self, Vec<Choice>) {
        let enabled = [
            ("true", Enabled::Everywhere),
            ("false", Enabled::Nowhere),
            ("http", Enabled::HttpOnly),
            ("https", Enabled::HttpsOnly),
        ];
        let error_styles = [("auto", ErrorStyle::Auto), ("foreman", ErrorStyle::Foreman), ("http", ErrorStyle::Http)];
        let seconds = |section: &mut Section, key, range, default| {
            section.seconds(key, range).unwrap_or(Duration::from_secs(default))
        };
        let choices = routes::read(section, providers);
        let request_budget = seconds(section, "request_budget_seconds", 3..=55, 25);
        let attempt = seconds(section, "attempt_seconds", 1..=27, 8);
        let ipam = Self {
            enabled: section.choice("enabled", &enabled).unwrap_or(Enabled::Everywhere),
            error_style: section.choice("error_style", &error_styles).unwrap_or(ErrorStyle::Auto),
            legacy: section.choice("legacy", &[("foreman-2.1", Legacy::Foreman21)]),
            request_budget,
            attempt,
            read_attempts: section
                .number("read_attempts", 1..=5)
                .map_or(2, |times| u32::try_from(times).expect("at most five")),
        };
        // A write whose answer is lost is looked for, and that takes an attempt too.
        if 2 * attempt >= request_budget {
            let below_half = (request_budget.as_secs() - 1) / 2;
            let right = format!("set it to {below_half} or less, or raise request_budget_seconds above twice of it");
            section.problem("attempt_seconds", "is half of request_budget_seconds or more", right);
        }
        (ipam, choices)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::settings::testing::{faults, provider_named, section};

    fn read(settings: Value) -> (Ipam, Option<&'static str>, String) {
        let mut section = section(settings);
        let (ipam, choices) = Ipam::read(&mut section, &[provider_named("internal"), provider_named("netbox")]);
        (ipam, choices.first().map(|choice| choice.registration.name), faults(section))
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let (ipam, provider, faults) = read(json!({}));
        let expected = Ipam {
            enabled: Enabled::Everywhere,
            error_style: ErrorStyle::Auto,
            legacy: None,
            request_budget: Duration::from_secs(25),
            attempt: Duration::from_secs(8),
            read_attempts: 2,
        };
        assert_eq!((ipam, provider, faults.as_str()), (expected, Some("internal"), ""));
    }

    #[test]
    fn a_provider_is_named_with_or_without_its_prefix() {
        for name in ["netbox", "externalipam_netbox"] {
            let (_, provider, faults) = read(json!({"use_provider": name}));
            assert_eq!((provider, faults.as_str()), (Some("netbox"), ""), "{name}");
        }
        assert_eq!(read(json!({"use_provider": null})).1, Some("internal"));
        let (_, provider, faults) = read(json!({"use_provider": "externalipam_netboks"}));
        assert_eq!(provider, None);
        insta::assert_snapshot!(faults, @"test.yml: use_provider has a value that cannot be used; this build has: internal, netbox");
    }

    #[test]
    fn a_build_without_the_default_provider_needs_a_choice() {
        let mut section = section(json!({}));
        let (_, choices) = Ipam::read(&mut section, &[provider_named("netbox")]);
        assert!(choices.is_empty());
        insta::assert_snapshot!(faults(section), @"test.yml: use_provider is missing; this build has: netbox");
    }

    #[test]
    fn enabled_says_on_which_listeners() {
        let enabled = |value: Value| {
            let (ipam, _, faults) = read(json!({"enabled": value}));
            assert_eq!(faults, "");
            (ipam.enabled.on_http(), ipam.enabled.on_https())
        };
        assert_eq!(enabled(json!(true)), (true, true));
        assert_eq!(enabled(json!("true")), (true, true));
        assert_eq!(enabled(json!(false)), (false, false));
        assert_eq!(enabled(json!("http")), (true, false));
        assert_eq!(enabled(json!("https")), (false, true));
    }

    #[test]
    fn styles_are_words() {
        let style = |word: &str| read(json!({"error_style": word})).0.error_style;
        assert_eq!(style("auto"), ErrorStyle::Auto);
        assert_eq!(style("foreman"), ErrorStyle::Foreman);
        assert_eq!(style("http"), ErrorStyle::Http);
        assert_eq!(read(json!({"legacy": "foreman-2.1"})).0.legacy, Some(Legacy::Foreman21));
        let (_, _, faults) =
            read(json!({"enabled": "sometimes", "error_style": "rest", "legacy": true, "read_attempts": 6}));
        insta::assert_snapshot!(faults, @r"
        test.yml: enabled has a value that cannot be used; write one of: true, false, http, https
        test.yml: error_style has a value that cannot be used; write one of: auto, foreman, http
        test.yml: legacy has a value that cannot be used; write one of: foreman-2.1
        test.yml: read_attempts has a value that cannot be used; write a whole number from 1 to 5
        ");
    }

    #[test]
    fn two_attempts_fit_into_the_budget() {
        assert_eq!(read(json!({"request_budget_seconds": 17})).2, "");
        insta::assert_snapshot!(read(json!({"request_budget_seconds": 8})).2, @"test.yml: attempt_seconds is half of request_budget_seconds or more; set it to 3 or less, or raise request_budget_seconds above twice of it");
        insta::assert_snapshot!(read(json!({"attempt_seconds": 13})).2, @"test.yml: attempt_seconds is half of request_budget_seconds or more; set it to 12 or less, or raise request_budget_seconds above twice of it");
    }
}
