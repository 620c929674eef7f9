//! Properties as v1 writes them: `key=value|key=value|`, where a bar within a value is `\|`.
//!
//! A backslash is not escaped itself, so that one before a bar or at the end of a value cannot be told from an escape.

use std::collections::BTreeMap;

/// One property to be sent. A backslash that would be taken for an escape is left out.
pub(super) fn property(key: &str, value: &str) -> String {
    let mut written = String::new();
    let mut all = value.chars().peekable();
    while let Some(c) = all.next() {
        match c {
            '\\' if next_counts(all.clone()) => {}
            '|' => written.push_str("\\|"),
            c => written.push(c),
        }
    }
    format!("{key}={written}|")
}

/// Does a bar or the end come after these backslashes?
fn next_counts(mut rest: impl Iterator<Item = char>) -> bool {
    rest.find(|c| *c != '\\').is_none_or(|c| c == '|')
}

/// What properties that came say.
pub(super) fn parse(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut part = String::new();
    let mut all = text.chars().peekable();
    loop {
        match all.next() {
            Some('\\') if all.next_if_eq(&'|').is_some() => part.push('|'),
            None | Some('|') => {
                if let Some((key, value)) = part.split_once('=') {
                    properties.insert(key.to_owned(), value.to_owned());
                }
                part.clear();
                if all.peek().is_none() {
                    return properties;
                }
            }
            Some(c) => part.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bars_are_escaped_and_backslashes_only_left_out_where_they_would_escape() {
        assert_eq!(property("name", "a|b"), "name=a\\|b|");
        assert_eq!(property("name", "a\\b"), "name=a\\b|");
        assert_eq!(property("name", "a\\|b"), "name=a\\|b|");
        assert_eq!(property("name", "a\\\\"), "name=a|");
        assert_eq!(parse("name=a\\|b|x=1=2|\\|y=|"), [("name", "a|b"), ("x", "1=2"), ("|y", "")].map(own).into());
        assert_eq!(parse(""), BTreeMap::new());
        assert_eq!(parse("state=STATIC"), [("state", "STATIC")].map(own).into(), "the last bar may be missing");
    }

    fn own((key, value): (&str, &str)) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    proptest! {
        /// Whatever a value holds, it stays the value of its key, and the next property is what it is.
        #[test]
        fn no_value_becomes_another_property(value in r"[a-z|\\=,%_*'\u{22} ü\n]{0,20}") {
            let text = property("name", &value) + &property("state", "STATIC");
            let read = parse(&text);
            prop_assert_eq!(read.len(), 2, "{}", &text);
            prop_assert_eq!(read["state"].as_str(), "STATIC");
            let expected = if value.contains('\\') { &read["name"] } else { &value };
            prop_assert_eq!(&read["name"], expected);
            prop_assert_eq!(read["name"].replace('\\', ""), value.replace('\\', ""));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            parse(&text);
        }
    }
}
