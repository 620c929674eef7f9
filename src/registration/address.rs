//! The address of a Smart Proxy, compared by what it means.

use std::fmt;

use reqwest::Url;

/// An address that Foreman can call: `http` or `https`, with a host.
///
/// Two are equal that lead to the same place, however each is written: neither the case of scheme and host counts, nor the
/// port that is the scheme's own, nor a dot behind the host or a slash at the end (RFC 3986, section 6.2; RFC 1034, section
/// 3.1, for the dot).
#[derive(Debug, Clone)]
pub(crate) struct Address(Url);

impl Address {
    /// The address that the text is; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // Scheme and host are in lower case then, and the scheme's own port is left out.
        Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()).map(Self)
    }

    /// The host, without the dot that may stand behind it; IPv6 in brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.strip_suffix('.').unwrap_or(host)
    }

    /// The port, if it is not the scheme's own.
    pub(crate) fn port(&self) -> Option<u16> {
        self.0.port()
    }

    /// What an address begins with behind its scheme, if it is equal to this one: a part that has only one spelling, but for
    /// its case.
    pub(super) fn beginning(&self) -> &str {
        // Zeros of IPv6 may be left out in several ways.
        let host = self.host();
        if host.starts_with('[') { "[" } else { host }
    }

    /// All that counts.
    fn meaning(&self) -> (&str, &str, Option<u16>, &str, Option<&str>) {
        let Self(url) = self;
        (url.scheme(), self.host(), url.port(), url.path().trim_end_matches('/'), url.query())
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.meaning() == other.meaning()
    }
}

impl Eq for Address {}

impl fmt::Display for Address {
    /// Without a slash at the end, as Foreman keeps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn addresses_that_lead_to_the_same_place_are_equal() {
        let same = [
            &[
                "https://proxy.example.com",
                "https://proxy.example.com/",
                "https://proxy.example.com:443",
                "https://Proxy.EXAMPLE.com:443/",
                "HTTPS://PROXY.EXAMPLE.COM",
                "https://proxy.example.com.",
                "https://proxy.example.com.:443/",
            ][..],
            &["http://proxy.example.com", "HTTP://proxy.example.com:80/"],
            &["https://proxy.example.com:8443", "https://Proxy.example.com.:8443//"],
            &["https://proxy.example.com/ipam", "https://PROXY.example.com/ipam/"],
            &["https://proxy.example.com/IPAM"],
            &["https://proxy.example.co"],
            &["https://[2001:db8::5]:8443", "https://[2001:DB8:0:0::5]:8443/"],
            &["https://192.0.2.5:8443"],
        ];
        for (number, spellings) in same.iter().enumerate() {
            for (other_number, others) in same.iter().enumerate() {
                for (one, other) in spellings.iter().flat_map(|one| others.iter().map(move |other| (one, other))) {
                    assert_eq!(address(one) == address(other), number == other_number, "{one} and {other}");
                }
            }
        }
    }

    #[test]
    fn equal_addresses_begin_alike() {
        for (text, beginning) in [
            ("https://Proxy.example.com.:8443/", "proxy.example.com"),
            ("https://192.0.2.5", "192.0.2.5"),
            ("https://[2001:DB8::5]", "["),
        ] {
            assert_eq!(address(text).beginning(), beginning);
        }
    }

    #[test]
    fn what_foreman_cannot_call_is_no_address() {
        for text in
            ["", "proxy.example.com", "proxy.example.com:8443", "ftp://proxy.example.com", "https://", "nonsense"]
        {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
