//! Who asks: tokens, and what they allow. Every refusal is 403; only the text differs.

use serde_json::json;

use super::version::Version;
use crate::{Request, Response};

const NOT_PROVIDED: &str = "Authentication credentials were not provided.";
const NO_PERMISSION: &str = "You do not have permission to perform this action.";

/// A right of a token's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Lists of VRFs, tenants, sites, roles.
    ViewGroups,
    /// Prefixes.
    ViewPrefixes,
    /// IP ranges.
    ViewRanges,
    /// IP addresses.
    ViewAddresses,
    /// New IP addresses.
    AddAddresses,
    /// Changing IP addresses.
    ChangeAddresses,
    /// Deleting IP addresses.
    DeleteAddresses,
    /// Everything else.
    Other,
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// Past its time.
    Expired,
    /// Switched off (4.5 and newer).
    Disabled,
    /// Its user is.
    InactiveUser,
    /// Only from other addresses.
    SourceAddress,
    /// Refused with this text.
    Other(&'static str),
}

/// A token as NetBox knows it.
#[derive(Debug, Clone)]
pub struct Token {
    pub(super) text: String,
    pub(super) may_write: bool,
    pub(super) rights: Option<Vec<Right>>,
    pub(super) fault: Option<TokenFault>,
    /// Only addresses whose description begins so are seen, changed and made.
    pub(super) only_described: Option<String>,
    /// Only addresses whose description begins so are deleted.
    pub(super) deletes_only_described: Option<String>,
}

impl Token {
    /// A token of an administrator.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            may_write: true,
            rights: None,
            fault: None,
            only_described: None,
            deletes_only_described: None,
        }
    }

    /// A token that may only read (`write_enabled` is off).
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.may_write = false;
        self
    }

    /// A token of a user with these rights.
    #[must_use]
    pub fn with_rights(mut self, rights: &[Right]) -> Self {
        self.rights = Some(rights.to_vec());
        self
    }

    /// A token that is refused.
    #[must_use]
    pub fn with_fault(mut self, fault: TokenFault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// A token whose rights on addresses are constrained to descriptions that begin so.
    #[must_use]
    pub fn only_described(mut self, beginning: &str) -> Self {
        self.only_described = Some(beginning.to_owned());
        self
    }

    /// A token whose right to delete addresses, and no other, is constrained to descriptions that begin so.
    #[must_use]
    pub fn deletes_only_described(mut self, beginning: &str) -> Self {
        self.deletes_only_described = Some(beginning.to_owned());
        self
    }

    /// Nothing when the right is there, else the refusal. `writes` is for requests that are no GET.
    pub(super) fn may(&self, right: Right, writes: bool) -> Result<(), Response> {
        let has = self.rights.as_ref().is_none_or(|rights| rights.contains(&right));
        if has && (self.may_write || !writes) { Ok(()) } else { Err(forbidden(NO_PERMISSION)) }
    }

    pub(super) fn sees(&self, description: &str) -> bool {
        self.only_described.as_ref().is_none_or(|beginning| description.starts_with(beginning))
    }

    pub(super) fn deletes(&self, description: &str) -> bool {
        let fits = self.deletes_only_described.as_ref().is_none_or(|beginning| description.starts_with(beginning));
        fits && self.sees(description)
    }
}

pub(super) fn forbidden(detail: &str) -> Response {
    Response::json(403, &json!({"detail": detail}))
}

pub(super) fn no_permission() -> Response {
    forbidden(NO_PERMISSION)
}

/// The token of a request; `None` for a request without one that this version understands.
pub(super) fn of<'a>(request: &Request, tokens: &'a [Token], version: Version) -> Result<Option<&'a Token>, Response> {
    let header = request.header("authorization").unwrap_or_default();
    let parts: Vec<&str> = header.split(' ').filter(|part| !part.is_empty()).collect();
    let scheme = parts.first().map(|scheme| scheme.to_lowercase()).unwrap_or_default();
    let text = match (scheme.as_str(), &parts[..]) {
        ("bearer", _) if !version.has_bearer_tokens() => return Ok(None),
        ("token" | "bearer", [_, text]) => *text,
        ("token" | "bearer", _) if version.has_bearer_tokens() => {
            let form = "Must be in the form \"Bearer <key>.<token>\" or \"Token <token>\"";
            return Err(forbidden(&format!("Invalid authorization header: {form}")));
        }
        ("token", [_]) => return Err(forbidden("Invalid token header. No credentials provided.")),
        ("token", _) => return Err(forbidden("Invalid token header. Token string should not contain spaces.")),
        _ => return Ok(None),
    };
    // It is the token that tells its kind, not the scheme.
    let is_second = version.has_bearer_tokens() && text.starts_with("nbt_");
    if is_second && !text.contains('.') {
        let hint = "Could not parse key from v2 token. Did you mean to use 'Token' instead of 'Bearer'?";
        return Err(forbidden(&format!("Invalid authorization header: {hint}")));
    }
    let invalid = || {
        forbidden(match (version.has_bearer_tokens(), is_second) {
            (true, true) => "Invalid v2 token",
            (true, false) => "Invalid v1 token",
            (false, _) => "Invalid token",
        })
    };
    let token = tokens.iter().find(|token| token.text == text).ok_or_else(invalid)?;
    match token.fault {
        // What the client says of itself is believed.
        Some(TokenFault::SourceAddress) if request.header("x-real-ip").is_some() => Ok(Some(token)),
        Some(TokenFault::SourceAddress) => {
            Err(forbidden("Source IP 127.0.0.1 is not permitted to authenticate using this token."))
        }
        Some(TokenFault::Expired) => Err(forbidden("Token expired")),
        Some(TokenFault::Disabled) => Err(forbidden("Token disabled")),
        Some(TokenFault::InactiveUser) => Err(forbidden("User inactive")),
        Some(TokenFault::Other(detail)) => Err(forbidden(detail)),
        None => Ok(Some(token)),
    }
}

pub(super) fn not_provided() -> Response {
    forbidden(NOT_PROVIDED)
}
