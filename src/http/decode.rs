//! What Foreman makes of a group's name on the wire, undone.
//!
//! Foreman has encoded names in three ways over the years, and nothing in a request says which one was used:
//!
//! | Foreman | `My Group` in a path | in a query | `A+B` in a path |
//! | --- | --- | --- | --- |
//! | 2.1 to 3.1, GET | `My%2520Group` | `My%2520Group` | `A+B` |
//! | 2.1 to 3.1, POST and DELETE | | `My%20Group` | |
//! | from 3.2 (`CGI.escape`, `encode_www_form`) | `My+Group` | `My+Group` | `A%2BB` |
//!
//! So a name has several readings; the IPAM decides which of them exists.

use std::borrow::Cow;

use ipam_provider::GroupName;
use percent_encoding::percent_decode_str;

/// A text that is no percent-encoded name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// `%` without two hexadecimal digits.
    #[error("has a '%' that is not followed by two hexadecimal digits; write a plain '%' as %25")]
    Percent,
    /// Bytes that are no text.
    #[error("is not UTF-8 text; percent-encode the UTF-8 bytes of the name")]
    NotText,
    /// A control character.
    #[error("contains a control character; names have none")]
    Control,
}

/// All readings of a group's name, the most likely first; none for an empty name.
pub(super) fn group_readings(raw: &str) -> Result<Vec<GroupName>, DecodeError> {
    let as_form = form_decoded(raw)?;
    let as_path = percent_decoded(raw)?;
    // The oldest Foreman encodes twice.
    let again = |once| has_escape(once).then(|| percent_decoded(once).ok()).flatten();
    let twice = [again(&as_form), again(&as_path)];
    let readings = [&as_form, &as_path].into_iter().chain(twice.iter().flatten());
    Ok(readings.filter_map(GroupName::new).collect())
}

/// The text with each `%XX` decoded.
pub(super) fn percent_decoded(raw: &str) -> Result<Cow<'_, str>, DecodeError> {
    // Nearly every text.
    if raw.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return Ok(Cow::Borrowed(raw));
    }
    if !all_escapes_are_whole(raw) {
        return Err(DecodeError::Percent);
    }
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| DecodeError::NotText)?;
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !is_plain && text.chars().any(char::is_control) {
        return Err(DecodeError::Control);
    }
    Ok(text)
}

/// As [`percent_decoded`], and each `+` is a blank, as the newest Foreman writes it.
pub(super) fn form_decoded(raw: &str) -> Result<Cow<'_, str>, DecodeError> {
    if !raw.contains('+') {
        return percent_decoded(raw);
    }
    percent_decoded(&raw.replace('+', " ")).map(|text| Cow::Owned(text.into_owned()))
}

fn all_escapes_are_whole(text: &str) -> bool {
    escapes(text).all(|is_whole| is_whole)
}

fn has_escape(text: &str) -> bool {
    escapes(text).any(|is_whole| is_whole)
}

/// For each `%`: do two hexadecimal digits follow?
fn escapes(text: &str) -> impl Iterator<Item = bool> {
    let bytes = text.as_bytes();
    let after = (1..=bytes.len()).filter(|next| bytes[next - 1] == b'%');
    after.map(|next| bytes.get(next..next + 2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn readings(raw: &str) -> Vec<String> {
        let mut readings: Vec<String> = Vec::new();
        for reading in group_readings(raw).expect("readings") {
            if !readings.contains(&reading.to_string()) {
                readings.push(reading.to_string());
            }
        }
        readings
    }

    #[test]
    fn every_encoding_of_foreman_is_among_the_readings() {
        assert_eq!(readings("My+Group"), ["My Group", "My+Group"]);
        assert_eq!(readings("My%20Group"), ["My Group"]);
        assert_eq!(readings("My%2520Group"), ["My%20Group", "My Group"]);
        assert_eq!(readings("A%2FB"), ["A/B"]);
        assert_eq!(readings("A%2BB"), ["A+B"]);
        assert_eq!(readings("R%26D"), ["R&D"]);
        assert_eq!(readings("%C3%A4"), ["ä"]);
        assert_eq!(readings("100%25"), ["100%"]);
        assert_eq!(readings("A%252FB"), ["A%2FB", "A/B"]);
        assert_eq!(readings("4711"), ["4711"]);
    }

    #[test]
    fn an_empty_name_has_no_reading() {
        assert_eq!(readings(""), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_encoded_text_is_refused() {
        for raw in ["100%", "%", "%zz", "a%2", "%2520%"] {
            assert_eq!(group_readings(raw), Err(DecodeError::Percent), "{raw}");
        }
        assert_eq!(group_readings("%ff"), Err(DecodeError::NotText));
        assert_eq!(group_readings("a%00b"), Err(DecodeError::Control));
        assert_eq!(group_readings("a%0d%0ab"), Err(DecodeError::Control));
    }

    /// As Ruby's `CGI.escape` does.
    fn cgi_escape(text: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte);
        text.bytes()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                byte if plain(byte) => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn the_first_reading_of_what_foreman_sends_is_the_name(name in "[^\\p{Cc}]{1,40}") {
            let expected = GroupName::new(&name).expect("a name");
            prop_assert_eq!(&group_readings(&cgi_escape(&name)).expect("readings")[0], &expected);
            let percent_only = cgi_escape(&name).replace('+', "%20");
            prop_assert_eq!(&group_readings(&percent_only).expect("readings")[0], &expected);
            // Encoded twice, the name is the last reading at the latest, unless it looks encoded itself.
            let twice = percent_only.replace('%', "%25");
            prop_assert!(group_readings(&twice).expect("readings").contains(&expected));
        }

        #[test]
        fn no_text_panics(raw in ".*") {
            let _ = group_readings(&raw);
        }
    }
}
