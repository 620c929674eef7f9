//! Who calls, through which door, and with which rights.

use std::fmt;
use std::sync::Arc;

/// A kind of callers that has routes, shapes and errors of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Foreman, through the contract of a Smart Proxy.
    Foreman,
    /// What watches the proxy.
    Monitoring,
}

impl Door {
    /// Its name in the log, the ledger and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Foreman => "foreman",
            Self::Monitoring => "monitoring",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A caller that the gate lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// How the gate knows the caller.
    pub who: Who,
    /// What the caller may do.
    pub rights: Rights,
}

/// How the gate knows a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// By a client certificate, and this name in it: the one that is trusted, where names decide; `None` when it has none.
    Certificate(Option<Arc<str>>),
    /// By the name of the address, over plain HTTP.
    Host(Arc<str>),
    /// By the token of webhooks.
    Webhook,
    /// By the operating system: through the control socket, or on loopback in the demo.
    Local,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(Some(name)) => write!(f, "certificate {name}"),
            Self::Certificate(None) => f.write_str("a certificate without a name"),
            Self::Host(name) => write!(f, "host {name}"),
            Self::Webhook => f.write_str("a webhook's token"),
            Self::Local => f.write_str("a local user"),
        }
    }
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Every call of Foreman's door.
    Foreman,
    /// To say that a host in Foreman may have changed.
    Hints,
    /// Everything: who has these could change the proxy's files as well.
    All,
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreman => "the rights of Foreman",
            Self::Hints => "the right to give hints",
            Self::All => "all rights",
        })
    }
}

/// A principal at a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The door.
    pub door: Door,
    /// The principal.
    pub principal: Principal,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Principal { who, rights } = &self.principal;
        write!(f, "{who} at the door {}, with {rights}", self.door)
    }
}
