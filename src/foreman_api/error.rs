//! Why Foreman did not do what it was asked to, in sentences for the person at the command line.

use std::fmt;

/// A call of Foreman's API that did not work. Each text says what is wrong and what would be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file, or a value that the caller gave, cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// No connection.
    #[error(
        "Foreman at {url} cannot be reached: {why}; see whether foreman_url is right and whether this machine may \
         connect to it"
    )]
    Unreachable {
        /// Foreman's address.
        url: String,
        /// What the system says.
        why: String,
    },
    /// Foreman took too long.
    #[error("Foreman at {url} gives no answer in {seconds} seconds; see whether it is overloaded, then try again")]
    TimedOut {
        /// Foreman's address.
        url: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Foreman's certificate is signed by nobody we know.
    #[error(
        "the certificate of Foreman at {url} is not trusted ({why}); name the CA that signed it with --foreman-ca, or \
         with foreman_ssl_ca in settings.yml"
    )]
    Untrusted {
        /// Foreman's address.
        url: String,
        /// What OpenSSL says.
        why: String,
    },
    /// Foreman's certificate is for another host.
    #[error("the certificate of Foreman at {url} is for another name; write the name that is in it into foreman_url")]
    OtherName {
        /// Foreman's address.
        url: String,
    },
    /// Foreman lives somewhere else.
    #[error("{url} sends callers on to {to}; set foreman_url to that address")]
    Moved {
        /// The address that was called.
        url: String,
        /// Where it leads.
        to: String,
    },
    /// 401.
    #[error("Foreman does not accept {who}{}; {right}", said(.message))]
    Unauthorized {
        /// Whose credentials they were, and where they came from.
        who: String,
        /// What Foreman says, possibly nothing.
        message: String,
        /// What would be right.
        right: &'static str,
    },
    /// 403.
    #[error(
        "Foreman does not allow this to {who}{}; give that user the permissions {needed}, or take an administrator",
        said(.message)
    )]
    Forbidden {
        /// Whose credentials they were.
        who: String,
        /// What Foreman says, possibly nothing.
        message: String,
        /// The permissions for what was called.
        needed: &'static str,
    },
    /// 404 of Foreman's API itself: the record does not exist, or the user may not see it.
    #[error("Foreman has no such record, or the user may not see it{}", said(.message))]
    NoRecord {
        /// What Foreman says.
        message: String,
    },
    /// 422, or 400 with a reason: Foreman understood, and will not.
    #[error("Foreman refuses: {}", .messages.join(" "))]
    Refused {
        /// What Foreman says, at least one sentence.
        messages: Vec<String>,
        /// The attributes that are wrong, such as `name` or `base`.
        attributes: Vec<String>,
    },
    /// What answers is not Foreman, or fails.
    #[error("{0}")]
    Unexpected(String),
}

impl Error {
    /// Is the failure that of one record, so that another may be read all the same?
    pub(crate) fn is_of_one_record(&self) -> bool {
        match self {
            Self::Unexpected(_) | Self::Refused { .. } | Self::NoRecord { .. } | Self::TimedOut { .. } => true,
            Self::Unusable(_)
            | Self::Unreachable { .. }
            | Self::Untrusted { .. }
            | Self::OtherName { .. }
            | Self::Moved { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. } => false,
        }
    }
}

/// What Foreman says, as an addition to a sentence.
fn said(message: &str) -> impl fmt::Display {
    if message.is_empty() { String::new() } else { format!(" ({})", message.trim_end_matches('.')) }
}
