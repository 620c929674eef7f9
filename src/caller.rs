//! Who calls, through which door, and with which rights.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ipam_provider::GroupName;

/// A kind of callers that has routes, shapes and errors of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Foreman, through the contract of a Smart Proxy.
    Foreman,
    /// People and programs, through the management API.
    Api,
    /// What watches the proxy.
    Monitoring,
}

impl Door {
    /// Its name in the log, the ledger and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Foreman => "foreman",
            Self::Api => "api",
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
    /// By a token of the management API, which has this name.
    Token(Arc<str>),
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
            Self::Token(name) => write!(f, "token {name}"),
            Self::Webhook => f.write_str("a webhook's token"),
            Self::Local => f.write_str("a local user"),
        }
    }
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Every call of Foreman's door.
    Foreman,
    /// To say that a host in Foreman may have changed.
    Hints,
    /// What a role of the management API may do.
    Api(Grant),
    /// Everything: who has these could change the proxy's files as well.
    All,
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreman => f.write_str("the rights of Foreman"),
            Self::Hints => f.write_str("the right to give hints"),
            Self::Api(grant) => write!(f, "the rights of {grant}"),
            Self::All => f.write_str("all rights"),
        }
    }
}

/// A role of the management API, and where it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The role.
    pub role: Role,
    /// The groups that it counts in; `None` for all of them, and for subnets outside of groups.
    pub groups: Option<Arc<[GroupName]>>,
}

impl Grant {
    /// A role everywhere.
    pub(crate) fn everywhere(role: Role) -> Self {
        Self { role, groups: None }
    }

    /// Does it count for subnets of this group, or outside of groups?
    pub(crate) fn counts_in(&self, group: Option<&GroupName>) -> bool {
        self.groups.as_ref().is_none_or(|groups| group.is_some_and(|group| groups.contains(group)))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the role {}", self.role)?;
        let Some(groups) = &self.groups else { return Ok(()) };
        let names: Vec<&str> = groups.iter().map(GroupName::as_str).collect();
        write!(f, " in {}", names.join(", "))
    }
}

/// What a caller of the management API may do; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Read.
    Reader,
    /// Allocate, annotate and release addresses, and release holds and orphans.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles, as settings and commands name them.
    pub(crate) const ALL: [(&'static str, Self); 3] =
        [("reader", Self::Reader), ("operator", Self::Operator), ("admin", Self::Admin)];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is reader, operator or admin")]
pub(crate) struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|(name, _)| *name == text).map(|(_, role)| role).ok_or(RoleError)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_for_groups_counts_nowhere_else() {
        let group = |name| GroupName::new(name).expect("a name");
        let grant = Grant { role: Role::Operator, groups: Some([group("blue"), group("red")].into()) };
        assert!(grant.counts_in(Some(&group("red"))));
        assert!(!grant.counts_in(Some(&group("Red"))) && !grant.counts_in(None));
        assert!(Grant::everywhere(Role::Reader).counts_in(None));
        assert_eq!(grant.to_string(), "the role operator in blue, red");
    }

    #[test]
    fn roles_are_ordered_and_read_back() {
        assert!(Role::Reader < Role::Operator && Role::Operator < Role::Admin);
        for (name, role) in Role::ALL {
            assert_eq!((role.to_string().as_str(), name.parse()), (name, Ok(role)));
        }
        assert_eq!("root".parse::<Role>(), Err(RoleError));
    }
}
