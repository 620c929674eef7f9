//! The kinds of listeners.

/// What a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    /// TLS.
    Https,
    /// Plain HTTP.
    Http,
    /// The management API's own, with TLS or, on this machine only, without.
    Api,
    /// The control socket, which only the proxy's user and root can open.
    Control,
}
