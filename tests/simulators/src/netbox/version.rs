//! What differs between versions, as far as a client sees it.

/// A version of NetBox. 4.6 and 3.7 were recorded (4.6.8, 3.7.8); 2.8 is as its source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// The oldest with today's shape of lists.
    V2_8,
    /// The last line that shows its status to everybody.
    V3_7,
    /// Two kinds of tokens, scopes instead of sites, `fields=`, ETags.
    V4_6,
}

impl Version {
    pub(super) fn number(self) -> &'static str {
        match self {
            Self::V2_8 => "2.8.9",
            Self::V3_7 => "3.7.8",
            Self::V4_6 => "4.6.8",
        }
    }

    /// Does `Bearer nbt_…` mean anything?
    pub(super) fn has_bearer_tokens(self) -> bool {
        self >= Self::V4_6
    }

    /// Is `/api/status/` shown without a token?
    pub(super) fn shows_status_to_all(self) -> bool {
        self < Self::V4_6
    }

    /// Are `fields=`, `omit=`, `start=` and `If-Match` more than unknown parameters?
    pub(super) fn selects_fields(self) -> bool {
        self >= Self::V4_6
    }

    /// Is a prefix in a scope, rather than in a site?
    pub(super) fn has_scopes(self) -> bool {
        self >= Self::V4_6
    }

    pub(super) fn has_ranges(self) -> bool {
        self >= Self::V3_7
    }

    /// Do only ranges marked as populated keep their addresses back, rather than all?
    pub(super) fn offers_ranges(self) -> bool {
        self >= Self::V4_6
    }

    /// Does a prefix marked as utilized give nothing out?
    pub(super) fn honours_utilized(self) -> bool {
        self == Self::V3_7
    }

    /// Are the first and the last address of IPv6 prefixes kept back, and of a /32 everything?
    pub(super) fn withholds_ipv6_ends(self) -> bool {
        self == Self::V2_8
    }

    /// The answer when there is not enough room for what `available-ips` is asked to create.
    pub(super) fn full_status(self) -> u16 {
        if self == Self::V2_8 { 204 } else { 409 }
    }

    /// Is every spelling of an IPv6 address found, not only the one that is stored?
    pub(super) fn finds_any_spelling(self) -> bool {
        self >= Self::V4_6
    }

    /// Is an address that is none a failure of the server?
    pub(super) fn fails_on_bad_addresses(self) -> bool {
        self < Self::V4_6
    }

    /// Is a path without its last slash redirected for every method, rather than only for GET?
    pub(super) fn redirects_writes(self) -> bool {
        self < Self::V4_6
    }

    pub(super) fn enforces_global_uniqueness(self) -> bool {
        self >= Self::V3_7
    }

    /// What is said of a record that is not there.
    pub(super) fn not_found(self, model: &str) -> String {
        if self >= Self::V4_6 { format!("No {model} matches the given query.") } else { "Not found.".to_owned() }
    }
}
