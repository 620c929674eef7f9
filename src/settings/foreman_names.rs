//! Names of hosts from Foreman: which sources there are, and as whom Foreman is asked.

use std::time::Duration;

use ipam_provider::settings::{Secret, Section};

use super::is_given;
use crate::foreman_api::{Consumer, Credentials};

/// The name of the file, without its ending, and of the part of variables that stands for it.
pub(crate) const FOREMAN_NAMES: &str = "foreman_names";

/// A week, in seconds.
const WEEK: u64 = 7 * 24 * 3600;

/// How old an address is at least that may be an orphan, in seconds: a host is visible only at the end of its creation.
const AN_ORPHAN: u64 = 300;

/// The same, unless it is set.
const ORPHAN_AFTER: Duration = Duration::from_secs(3600);

/// A shorter token can be guessed.
const TOKEN_AT_LEAST: usize = 16;

/// Settings of `settings.d/foreman_names.yml`.
#[derive(Debug, Clone)]
pub(crate) struct ForemanNames {
    /// `look_up_after_add`: the host of a new address is looked up.
    pub look_up_after_add: bool,
    /// `webhooks`: webhooks are taken.
    pub webhooks: bool,
    /// `webhook_token`: what a webhook may show in place of a client certificate.
    pub webhook_token: Option<Secret>,
    /// `sweep_every_seconds`: how often everything is read from Foreman; `None` for zero, which is never.
    pub sweep_every: Option<Duration>,
    /// `orphan_after_seconds`: how old an address must be to be an orphan.
    pub orphan_after: Duration,
    /// `release_orphans`: orphans are released by themselves.
    pub release_orphans: bool,
    /// As whom Foreman is asked; there when a source is on.
    pub credentials: Option<Credentials>,
}

impl Default for ForemanNames {
    fn default() -> Self {
        Self {
            look_up_after_add: false,
            webhooks: false,
            webhook_token: None,
            sweep_every: None,
            orphan_after: ORPHAN_AFTER,
            release_orphans: false,
            credentials: None,
        }
    }
}

impl ForemanNames {
    /// Is any source on?
    pub(crate) fn is_on(&self) -> bool {
        self.look_up_after_add || self.webhooks || self.sweep_every.is_some()
    }

    pub(super) fn read(section: &mut Section) -> Self {
        let right = format!("write a text of at least {TOKEN_AT_LEAST} characters, without blanks, in quotes");
        let is_token = |text: &str| text.len() >= TOKEN_AT_LEAST && text.bytes().all(|byte| byte.is_ascii_graphic());
        let names = Self {
            look_up_after_add: section.flag("look_up_after_add").unwrap_or(false),
            webhooks: section.flag("webhooks").unwrap_or(false),
            webhook_token: section.secret_with("webhook_token", &right, is_token),
            sweep_every: sweep_every(section),
            orphan_after: section.seconds("orphan_after_seconds", AN_ORPHAN..=WEEK).unwrap_or(ORPHAN_AFTER),
            release_orphans: section.flag("release_orphans").unwrap_or(false),
            credentials: credentials(section),
        };
        if names.release_orphans && names.sweep_every.is_none() {
            let right = "set sweep_every_seconds, by which orphans are found";
            section.problem("release_orphans", "is true, and nothing looks for orphans", right);
        }
        let is_tried = ["user", "password", "oauth_consumer_key", "oauth_consumer_secret"]
            .into_iter()
            .any(|key| is_given(section, key));
        if names.is_on() && names.credentials.is_none() && !is_tried {
            let right = "set user and password, or oauth_consumer_key and oauth_consumer_secret";
            section.problem("user", "is missing, so that Foreman cannot be asked", right);
        }
        names
    }
}

/// A sweep reads all of Foreman: more often than this does nobody good.
const SWEEP_AT_MOST_EVERY: Duration = Duration::from_secs(60);

fn sweep_every(section: &mut Section) -> Option<Duration> {
    let every = section.seconds("sweep_every_seconds", 0..=WEEK).filter(|every| !every.is_zero())?;
    if every < SWEEP_AT_MOST_EVERY {
        section.problem("sweep_every_seconds", "is less than a minute", "write 0, or a whole number from 60 to 604800");
        return None;
    }
    Some(every)
}

fn credentials(section: &mut Section) -> Option<Credentials> {
    let (user, password) = (section.text("user"), section.secret("password"));
    let (key, secret) = (section.text("oauth_consumer_key"), section.secret("oauth_consumer_secret"));
    let as_user = section.text("oauth_user").unwrap_or_else(|| "admin".to_owned());
    let has_user = is_given(section, "user") || is_given(section, "password");
    let has_consumer = is_given(section, "oauth_consumer_key") || is_given(section, "oauth_consumer_secret");
    let one = "set user and password, or oauth_consumer_key and oauth_consumer_secret";
    match (user.zip(password), key.zip(secret)) {
        _ if has_user && has_consumer => {
            section.problem("user", "is set beside a consumer key or secret of OAuth", one);
            None
        }
        (None, None) => {
            if has_user {
                section.problem("password", "and user are not both set", one);
            } else if has_consumer {
                section.problem("oauth_consumer_secret", "and oauth_consumer_key are not both set", one);
            }
            None
        }
        (Some((user, password)), _) => Some(Credentials::Basic { user, password }),
        (_, Some((key, secret))) => Some(Credentials::OAuth {
            consumer: Consumer { key, secret },
            origin: format!("{FOREMAN_NAMES}.yml"),
            user: as_user,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::settings::testing::{faults, section};

    fn read(settings: Value) -> (ForemanNames, String) {
        let mut section = section(settings);
        let names = ForemanNames::read(&mut section);
        (names, faults(section))
    }

    #[test]
    fn everything_is_off_by_default_and_needs_no_credentials() {
        let (names, faults) = read(json!({}));
        assert!(!names.is_on() && names.credentials.is_none());
        assert_eq!(faults, "");
    }

    #[test]
    fn each_source_is_switched_by_itself_and_needs_credentials() {
        let user = json!({"user": "ipam", "password": "geheim", "webhooks": true});
        let (names, faults) = read(user);
        assert_eq!((names.look_up_after_add, names.webhooks, faults.as_str()), (false, true, ""));
        assert!(matches!(names.credentials, Some(Credentials::Basic { .. })));
        let consumer =
            json!({"oauth_consumer_key": "k", "oauth_consumer_secret": "geheim", "look_up_after_add": "true"});
        let (names, faults) = read(consumer);
        assert_eq!((names.look_up_after_add, names.webhooks, faults.as_str()), (true, false, ""));
        assert!(!format!("{names:?}").contains("geheim"));
        insta::assert_snapshot!(read(json!({"webhooks": true})).1, @"test.yml: user is missing, so that Foreman cannot be asked; set user and password, or oauth_consumer_key and oauth_consumer_secret");
    }

    #[test]
    fn a_sweep_is_a_source_and_not_more_often_than_each_minute() {
        let every = |seconds: u64| read(json!({"user": "ipam", "password": "geheim", "sweep_every_seconds": seconds}));
        let (names, faults) = every(86_400);
        assert_eq!((names.is_on(), names.sweep_every, faults.as_str()), (true, Some(Duration::from_secs(86_400)), ""));
        assert!(!every(0).0.is_on());
        insta::assert_snapshot!(every(59).1, @"test.yml: sweep_every_seconds is less than a minute; write 0, or a whole number from 60 to 604800");
    }

    #[test]
    fn orphans_are_released_by_themselves_only_where_they_are_looked_for() {
        let user = |more: Value| {
            let mut settings = json!({"user": "ipam", "password": "geheim"});
            settings.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            read(settings)
        };
        let (names, faults) = user(json!({}));
        assert_eq!((names.orphan_after, names.release_orphans, faults.as_str()), (ORPHAN_AFTER, false, ""));
        let (names, faults) =
            user(json!({"orphan_after_seconds": 7200, "release_orphans": true, "sweep_every_seconds": 600}));
        assert_eq!((names.orphan_after.as_secs(), names.release_orphans, faults.as_str()), (7200, true, ""));
        insta::assert_snapshot!(user(json!({"release_orphans": true})).1, @"test.yml: release_orphans is true, and nothing looks for orphans; set sweep_every_seconds, by which orphans are found");
        assert!(user(json!({"orphan_after_seconds": 60})).1.contains("orphan_after_seconds"));
    }

    #[test]
    fn half_of_a_pair_and_both_pairs_are_faults_that_show_no_value() {
        insta::assert_snapshot!(read(json!({"user": "geheim"})).1, @"test.yml: password and user are not both set; set user and password, or oauth_consumer_key and oauth_consumer_secret");
        insta::assert_snapshot!(read(json!({"oauth_consumer_key": "geheim"})).1, @"test.yml: oauth_consumer_secret and oauth_consumer_key are not both set; set user and password, or oauth_consumer_key and oauth_consumer_secret");
        let both = json!({"user": "a", "password": "b", "oauth_consumer_key": "c", "oauth_consumer_secret": "d"});
        insta::assert_snapshot!(read(both).1, @"test.yml: user is set beside a consumer key or secret of OAuth; set user and password, or oauth_consumer_key and oauth_consumer_secret");
        insta::assert_snapshot!(read(json!({"webhook_token": "short"})).1, @"test.yml: webhook_token has a value that cannot be used; write a text of at least 16 characters, without blanks, in quotes");
    }
}
