//! The kinds of listeners.

/// What a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    /// TLS.
    Https,
    /// Plain HTTP.
    Http,
    /// The control socket, which only the proxy's user and root can open.
    Control,
}
