//! What can go wrong between a provider and its IPAM, and what the provider must make of it.

use ipam_provider::ErrorKind;

/// Stands in the body of every faulty answer that has one, as a secret of the IPAM would; no message may repeat it.
pub const RAW_BODY: &str = "conformance-raw-body";

/// A fault of the IPAM or of the way to it. Unless said otherwise it hits every request until it is healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request is taken and not answered for an hour. Whether a write takes effect is up to the subject.
    Slow,
    /// The connection of a write is reset before the write takes effect. Reads are answered as usual.
    ResetBeforeWrite,
    /// A write takes effect and the connection is reset before it is answered. Reads are answered as usual.
    ResetAfterWrite,
    /// The connection ends in the middle of the answer's body, before the announced length. Writes take effect.
    Truncated,
    /// The next request, and only that one, is answered with 401, as when a session has expired.
    UnauthenticatedOnce,
    /// Each request is answered with 429.
    TooManyRequests,
    /// Each request is answered with 500 and a page of HTML that holds [`RAW_BODY`].
    HtmlError,
    /// Each request is answered with 500 and an empty body.
    EmptyError,
    /// Each request is answered with 200 and JSON of another shape that holds [`RAW_BODY`]. Writes take effect.
    WrongJson,
    /// Each request is answered with 404 and JSON that holds [`RAW_BODY`], as a gateway does that does not know the path.
    /// Writes take no effect.
    NoApi,
    /// Nothing listens at the IPAM's address.
    Gone,
}

impl Fault {
    /// The kind of error that the provider must make of the fault.
    ///
    /// A connection that breaks off and every 5xx, whatever the body, is [`Unavailable`](ErrorKind::Unavailable): it
    /// may pass, and after a write it leaves open what became of it. Without a connection it is
    /// [`Unreachable`](ErrorKind::Unreachable): nothing was sent. [`Slow`](Fault::Slow) becomes
    /// [`TimedOut`](ErrorKind::TimedOut) in the guard, since providers do not limit time. After
    /// [`UnauthenticatedOnce`](Fault::UnauthenticatedOnce) a provider with a session may log in again and succeed. A
    /// collection that is not there ([`NoApi`](Fault::NoApi)) is a wrong URL, not an absent record.
    pub fn expected_kind(self) -> ErrorKind {
        match self {
            Self::Slow => ErrorKind::TimedOut,
            Self::ResetBeforeWrite
            | Self::ResetAfterWrite
            | Self::Truncated
            | Self::TooManyRequests
            | Self::HtmlError
            | Self::EmptyError => ErrorKind::Unavailable,
            Self::Gone => ErrorKind::Unreachable,
            Self::UnauthenticatedOnce => ErrorKind::Unauthenticated,
            Self::WrongJson | Self::NoApi => ErrorKind::Unexpected,
        }
    }

    /// Are reads answered as usual?
    pub fn spares_reads(self) -> bool {
        matches!(self, Self::ResetBeforeWrite | Self::ResetAfterWrite)
    }
}
