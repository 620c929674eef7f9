//! What people write on the command line, as the types of the store.

use std::net::IpAddr;
use std::str::FromStr;

use ipam_provider::{GroupName, HostnameError, check_hostname};
use ipam_store::{AttributeError, AttributesEdit, Contents, ExternalId, OWNER, Scope, Tags};

use crate::cli::CommandError;
pub(super) use crate::cli::group_name::{group_name, new_group_name};
pub(super) use crate::cli::output::shown;

/// A host name, as the proxy takes it over HTTP and `import` from a file.
pub(super) fn hostname(text: &str) -> Result<String, HostnameError> {
    check_hostname(text).map(|()| text.to_owned())
}

/// An owner other than the proxy, which knows by its own mark what it may touch again.
pub(super) fn owner(text: &str) -> Result<String, String> {
    if text == OWNER {
        Err("this is what the proxy marks its own addresses with".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// One tag.
pub(super) fn tag(text: &str) -> Result<String, AttributeError> {
    Tags::new([text]).map(|tag| tag.to_string())
}

/// The tags that were named.
pub(super) fn tags(named: &[String]) -> Result<Tags, CommandError> {
    Tags::new(named.iter().map(String::as_str)).map_err(|error| CommandError::failed(error.to_string()))
}

/// What the options `--tag`, `--no-tags`, `--external-id` and `--no-external-id` change.
pub(super) fn attributes_edit(
    owner: Option<String>,
    (tag, no_tags): (&[String], bool),
    (external_id, no_external_id): (Option<ExternalId>, bool),
) -> Result<AttributesEdit, CommandError> {
    let tags = if tag.is_empty() && !no_tags { None } else { Some(tags(tag)?) };
    let external_id = if no_external_id { Some(None) } else { external_id.map(Some) };
    Ok(AttributesEdit { owner, external_id, tags, metadata: None })
}

/// Where to look for a prefix when this group was named, or none.
pub(super) fn scope(group: Option<GroupName>) -> Scope {
    group.map_or(Scope::Anywhere, Scope::Group)
}

/// What `--with-contents` asks for.
pub(super) fn contents(with_contents: bool) -> Contents {
    if with_contents { Contents::DeleteToo } else { Contents::MustBeEmpty }
}

/// Addresses from the first to the last: `10.1.2.10-10.1.2.20`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Range {
    /// The lowest.
    pub(super) first: IpAddr,
    /// The highest, of the same family.
    pub(super) last: IpAddr,
}

/// The text is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum RangeError {
    #[error("write FIRST-LAST such as 10.1.2.10-10.1.2.20, or one address")]
    Form,
    #[error("one end is IPv4 and the other IPv6")]
    Families,
    #[error("it ends before it begins")]
    Order,
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let address = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| RangeError::Form);
        let (first, last) = (address(first)?, address(last)?);
        if first.is_ipv4() != last.is_ipv4() {
            return Err(RangeError::Families);
        }
        if first > last { Err(RangeError::Order) } else { Ok(Self { first, last }) }
    }
}

/// Text that may be absent, for a terminal.
pub(super) fn shown_or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| shown(&text.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_has_two_ends_or_one() {
        let range = |text: &str| text.parse::<Range>().map(|range| [range.first.to_string(), range.last.to_string()]);
        let ends = |first: &str, last: &str| Ok([first.to_owned(), last.to_owned()]);
        assert_eq!(range("10.1.2.10-10.1.2.20"), ends("10.1.2.10", "10.1.2.20"));
        assert_eq!(range("10.1.2.10 - 10.1.2.20"), ends("10.1.2.10", "10.1.2.20"));
        assert_eq!(range("10.1.2.10"), ends("10.1.2.10", "10.1.2.10"));
        assert_eq!(range("2001:db8::-2001:DB8::ff"), ends("2001:db8::", "2001:db8::ff"));
    }

    #[test]
    fn what_is_no_range_is_refused_with_the_reason() {
        for (text, error) in [
            ("", RangeError::Form),
            ("-", RangeError::Form),
            ("10.1.2.10-", RangeError::Form),
            ("10.1.2.10-20", RangeError::Form),
            ("10.1.2.0/24", RangeError::Form),
            ("10.1.2.1-10.1.2.2-10.1.2.3", RangeError::Form),
            ("10.1.2.1-2001:db8::1", RangeError::Families),
            ("10.1.2.20-10.1.2.10", RangeError::Order),
        ] {
            assert_eq!(text.parse::<Range>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn names_of_groups_are_any_text_that_can_be_asked_for() {
        for name in ["a", " ", "Lab & Test", "Büro/Süd", "--x", "100%"] {
            assert_eq!(new_group_name(name).expect("a name").as_str(), name);
        }
        assert!(new_group_name("").is_err() && group_name("").is_err());
        assert!(new_group_name("a\nb").is_err());
        assert!(group_name("a\nb").is_ok(), "an imported group must be deletable");
    }

    #[test]
    fn host_names_have_no_blanks_and_an_end() {
        assert!(hostname("a.example.com").is_ok());
        assert!(hostname(&"a".repeat(253)).is_ok());
        for name in ["", "a b", "a\t", "a\u{7}", &"a".repeat(254)] {
            assert!(hostname(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn nobody_else_takes_the_mark_of_the_proxy() {
        assert_eq!(owner("network team"), Ok("network team".to_owned()));
        assert!(owner(OWNER).is_err());
    }

    #[test]
    fn a_terminal_is_not_commanded_by_records() {
        assert_eq!(shown("Büro\n\u{1b}[2J"), "Büro\\n\\u{1b}[2J");
        assert_eq!(shown_or_dash(None::<&str>), "-");
    }

    proptest! {
        #[test]
        fn ranges_that_are_written_read_back(a: u32, b: u32) {
            let (first, last) = (IpAddr::from(a.min(b).to_be_bytes()), IpAddr::from(a.max(b).to_be_bytes()));
            prop_assert_eq!(format!("{first}-{last}").parse(), Ok(Range { first, last }));
        }

        #[test]
        fn no_text_panics(text in "[0-9a-f:.\\- ]{0,40}") {
            let _ = text.parse::<Range>();
        }
    }
}
