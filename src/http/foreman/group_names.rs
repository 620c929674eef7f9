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

use ipam_provider::GroupName;

use crate::http::decode::{DecodeError, form_decoded, has_escape, percent_decoded};

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
