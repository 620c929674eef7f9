//! Filters of v2: what can be said in one, and what cannot.

use std::net::IpAddr;

use ipam_provider::Prefix;

/// A text in a filter; `None` for one that cannot be written there. The guide knows two kinds of quotes and no way to write
/// a quote within its own kind, nor a backslash.
pub(super) fn quoted(text: &str) -> Option<String> {
    if text.contains(|c: char| c == '\\' || c.is_control()) {
        return None;
    }
    match (text.contains('\''), text.contains('"')) {
        (false, _) => Some(format!("'{text}'")),
        (true, false) => Some(format!("\"{text}\"")),
        (true, true) => None,
    }
}

/// Networks of this prefix. Address Manager writes IPv6 in upper case, and may compare texts.
pub(super) fn range_is(prefix: Prefix) -> String {
    let text = prefix.to_string();
    let upper = text.to_uppercase();
    if upper == text { format!("range:'{text}'") } else { format!("range:'{text}' or range:'{upper}'") }
}

/// Records of this address, likewise.
pub(super) fn address_is(address: IpAddr) -> String {
    let text = address.to_string();
    let upper = text.to_uppercase();
    if upper == text { format!("address:'{text}'") } else { format!("address:in('{text}', '{upper}')") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_kind_of_quote_is_taken_and_what_cannot_be_written_is_not() {
        assert_eq!(quoted("100% test_*").as_deref(), Some("'100% test_*'"));
        assert_eq!(quoted("O'Brien").as_deref(), Some("\"O'Brien\""));
        assert_eq!(quoted("the \"lab\"").as_deref(), Some("'the \"lab\"'"));
        for text in ["both ' and \"", "a\\b", "a\nb", "a\0"] {
            assert_eq!(quoted(text), None, "{text:?}");
        }
    }

    #[test]
    fn ipv6_is_asked_for_in_both_spellings() {
        let (v4, v6) = ("192.0.2.0/24".parse().expect("a prefix"), "2001:db8::/64".parse().expect("a prefix"));
        assert_eq!(range_is(v4), "range:'192.0.2.0/24'");
        assert_eq!(range_is(v6), "range:'2001:db8::/64' or range:'2001:DB8::/64'");
        assert_eq!(address_is("192.0.2.1".parse().expect("an address")), "address:'192.0.2.1'");
        assert_eq!(address_is("::a".parse().expect("an address")), "address:in('::a', '::A')");
    }
}
