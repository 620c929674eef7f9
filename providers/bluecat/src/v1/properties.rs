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

/// The text with this property in the place of the one with its key, or at the end. The others stay as they are written.
pub(super) fn set(text: &str, key: &str, value: &str) -> String {
    let (mut before, mut after, mut is_found) = (String::new(), String::new(), false);
    for part in parts(text) {
        if part.split_once('=').is_some_and(|(known, _)| known == key) {
            is_found = true;
        } else {
            let written = if is_found { &mut after } else { &mut before };
            // One at the very end would make the next bar part of the value.
            written.push_str(part.trim_end_matches('\\'));
            written.push('|');
        }
    }
    before + &property(key, value) + &after
}

/// The properties as they are written, without the bars between them.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_end = |(at, _): &(usize, &str)| *at == 0 || rest.as_bytes()[at - 1] != b'\\';
        let end = rest.match_indices('|').find(is_end).map_or(rest.len(), |(at, _)| at);
        let part = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(part)
    })
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

    #[test]
    fn a_property_is_set_and_the_others_stay_as_they_are_written() {
        let text = "address=192.0.2.1|note=a\\|b=c\\x|mac=1|x=|";
        assert_eq!(set(text, "mac", "2"), "address=192.0.2.1|note=a\\|b=c\\x|mac=2|x=|");
        assert_eq!(set(text, "note", "n|m"), "address=192.0.2.1|note=n\\|m|mac=1|x=|");
        assert_eq!(set(text, "new", "2"), format!("{text}new=2|"));
        assert_eq!((set("", "a", "1"), set("b=2", "a", "1")), ("a=1|".to_owned(), "b=2|a=1|".to_owned()));
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

        /// Whatever others have written is read as it was.
        #[test]
        fn what_is_set_is_read_and_the_rest_is_as_it_was(text in r"[a-c=|\\ü]{0,20}", value in r"[a-z|\\=]{0,9}") {
            prop_assume!(!text.ends_with('\\'));
            let (mut before, mut after) = (parse(&text), parse(&set(&text, "a", &value)));
            let read = after.remove("a");
            prop_assert_eq!(read, parse(&property("a", &value)).remove("a"));
            before.remove("a");
            prop_assert_eq!(before, after);
        }

        #[test]
        fn no_text_panics(text in ".*") {
            parse(&text);
            set(&text, "a", "b");
        }
    }
}
