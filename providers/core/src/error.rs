//! The one error of every provider: a kind to act on, a message for people, a source for the log.

use std::error::Error as StdError;
use std::fmt;

/// The result of every provider operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller acts differently on it.
///
/// "Not there" is mostly no error at all (`Ok(None)`, `Ok(vec![])`); [`NotFound`](ErrorKind::NotFound) is for a record
/// that an earlier answer promised and that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The subnet or record is gone: what was remembered of it must be forgotten.
    NotFound,
    /// The address is reserved already.
    AlreadyExists,
    /// The IPAM, or this provider, cannot do this at all.
    Unsupported,
    /// The IPAM refuses our credentials, or they lack a right.
    Unauthenticated,
    /// No connection to the IPAM could be made: the call was never sent.
    Unreachable,
    /// The IPAM is overloaded or in maintenance, or its answer broke off; the same call may work later. A write may or may
    /// not have taken effect.
    Unavailable,
    /// No answer in time. A write may or may not have taken effect.
    TimedOut,
    /// The IPAM understood and said no; the same call will be refused again.
    Rejected,
    /// An answer that the provider cannot make sense of. A write may or may not have taken effect.
    Unexpected,
}

impl ErrorKind {
    /// Is it worth asking again? Only ever used for reads.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Unreachable | Self::Unavailable | Self::TimedOut => true,
            Self::NotFound
            | Self::AlreadyExists
            | Self::Unsupported
            | Self::Unauthenticated
            | Self::Rejected
            | Self::Unexpected => false,
        }
    }

    /// After a write: is it unknown whether it took effect?
    pub fn leaves_write_unknown(self) -> bool {
        match self {
            Self::Unavailable | Self::TimedOut | Self::Unexpected => true,
            Self::NotFound
            | Self::AlreadyExists
            | Self::Unsupported
            | Self::Unauthenticated
            | Self::Unreachable
            | Self::Rejected => false,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Unsupported => "unsupported",
            Self::Unauthenticated => "unauthenticated",
            Self::Unreachable => "unreachable",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed out",
            Self::Rejected => "rejected",
            Self::Unexpected => "unexpected answer",
        })
    }
}

/// A failed provider operation.
///
/// `Display` is the message for the person in front of Foreman's form: one sentence, no secrets, no raw body of the
/// IPAM. The source is for the log only.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    without_request: bool,
}

impl Error {
    /// An error of this kind; `message` says what is wrong and, where it can, what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None, without_request: false }
    }

    /// Adds the cause, for the log. Its text is not repeated in the message.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says in front of the message what failed because of this. Kind and source stay.
    #[must_use]
    pub fn in_context(self, context: impl fmt::Display) -> Self {
        Self { message: format!("{context}: {}", self.message), ..self }
    }

    /// Marks an error that the provider reports without a request to the IPAM.
    #[must_use]
    pub fn without_request(self) -> Self {
        Self { without_request: true, ..self }
    }

    /// Does the error show nothing about the IPAM's health, because the IPAM received no request?
    pub fn is_without_request(&self) -> bool {
        self.without_request
    }

    /// What to act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_kept_and_its_text_not_repeated() {
        let error = Error::new(ErrorKind::Unavailable, "The IPAM cannot be reached").because("connection refused");
        assert_eq!(error.to_string(), "The IPAM cannot be reached");
        assert_eq!(error.source().expect("a source").to_string(), "connection refused");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let error = error.in_context("The groups of lab are missing");
        assert_eq!(error.to_string(), "The groups of lab are missing: The IPAM cannot be reached");
        assert_eq!(error.source().expect("a source").to_string(), "connection refused");
    }
}
