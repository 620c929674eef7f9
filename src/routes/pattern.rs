//! Names of groups with `*`.

use std::fmt;

/// The name of a group, in which each `*` stands for any characters, or none. All else is compared exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Is it the pattern of this name?
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut left) = name.strip_prefix(first) else { return false };
        let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The first place where a part fits leaves the most for the parts after it.
        for part in between.split('*') {
            let Some((_, after)) = left.split_once(part) else { return false };
            left = after;
        }
        left.ends_with(last)
    }

    /// Does it match every name that the other one matches?
    ///
    /// No plain character of a pattern is a `*`, so a `*` of the other one, taken as text, can only be matched by a `*`
    /// here, which also matches whatever it stands for.
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).matches(name)
    }

    /// What a pattern means, letter by letter.
    fn means(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|skipped| means(rest, &name[skipped..])),
            Some((letter, rest)) => name.first() == Some(letter) && means(rest, &name[1..]),
        }
    }

    #[test]
    fn only_a_star_stands_for_something_else() {
        assert!(
            matches("Lab*", "Lab") && matches("Lab*", "Lab 1") && matches("*", "Zürich") && matches("L*b*1", "Lab 21")
        );
        for (pattern, name) in
            [("Lab", "lab"), ("Lab", "Lab "), ("Lab*", "lab1"), ("L?b", "Lab"), ("Lab.", "Labs"), ("a*a", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_it_means(pattern in "[ab*]{0,6}", name in "[ab*]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &name), means(&letters(&pattern), &letters(&name)));
        }

        #[test]
        fn what_covers_matches_whatever_is_matched(wide in "[ab*]{0,5}", narrow in "[ab*]{0,5}", name in "[ab]{0,6}") {
            let (wide, narrow) = (Pattern::new(wide), Pattern::new(narrow));
            prop_assert!(!(wide.covers(&narrow) && narrow.matches(&name)) || wide.matches(&name));
        }
    }
}
