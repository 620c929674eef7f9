//! The text of a `WHERE`, in which nothing that a name holds can be more than a text.
//!
//! A quote is doubled, as SQL has it. Whether a backslash inside of quotes is itself or takes the next character along is
//! not documented, so that a text with one is not asked for at all: its condition is left out, and more rows come. Every
//! caller compares the rows exactly all the same, because `=` may ignore case.

/// Comparisons that must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Condition(String);

impl Condition {
    /// The field is this text, as far as that can be asked for.
    #[must_use]
    pub(crate) fn is(mut self, field: &str, text: &str) -> Self {
        if text.contains(|next: char| next == '\\' || next.is_control()) {
            return self;
        }
        if !self.0.is_empty() {
            self.0.push_str(" and ");
        }
        self.0.push_str(&format!("{field}='{}'", text.replace('\'', "''")));
        self
    }

    /// The address is this one or a higher one. Digits have one length, so that they compare as numbers and as texts.
    #[must_use]
    pub(crate) fn from(mut self, field: &str, digits: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push_str(" and ");
        }
        self.0.push_str(&format!("{field}>='{digits}'"));
        self
    }

    /// The text; `None` where nothing is left to be asked for.
    pub(crate) fn as_text(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipam_simulators::solidserver::condition::{Dialect, parse};
    use proptest::prelude::*;

    use super::*;

    const DIALECTS: [Dialect; 4] = [
        Dialect { backslash_escapes: false, ignores_case: false },
        Dialect { backslash_escapes: false, ignores_case: true },
        Dialect { backslash_escapes: true, ignores_case: false },
        Dialect { backslash_escapes: true, ignores_case: true },
    ];

    /// The names that the server leaves, of which the caller takes those that are exactly the one.
    fn left<'a>(condition: &Condition, names: &'a BTreeSet<String>, dialect: Dialect) -> Vec<&'a String> {
        let Some(text) = condition.as_text() else { return names.iter().collect() };
        let understood = parse(text, dialect).unwrap_or_else(|error| panic!("{text}: {error}"));
        let holds = |name: &String| {
            let field = |field: &str| match field {
                "site_name" => Some(name.clone()),
                "site_id" => Some("12".to_owned()),
                _ => None,
            };
            understood.holds(dialect, &field).unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        names.iter().filter(|name| holds(name)).collect()
    }

    #[test]
    fn what_looks_like_more_than_a_name_is_a_name() {
        let condition = Condition::default().is("site_name", "x' or site_id='12").is("site_id", "12");
        assert_eq!(condition.as_text(), Some("site_name='x'' or site_id=''12' and site_id='12'"));
        assert_eq!(Condition::default().is("site_name", r"x\").as_text(), None);
        assert_eq!(Condition::default().is("site_name", "x\0").is("site_id", "1").as_text(), Some("site_id='1'"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Names of the characters that mean something somewhere, and of any others.
        #[test]
        fn every_name_finds_itself_and_no_other(
            names in prop::collection::btree_set(
                prop_oneof!["['\"%_*\\\\ ()=;ab-]{1,6}", "\\PC{1,8}", "(or|and|like|'|=|1| |\\\\|%){1,8}"], 1..12),
            pick: prop::sample::Index,
        ) {
            let name = pick.get(&names.iter().collect::<Vec<_>>()).to_owned().clone();
            let condition = Condition::default().is("site_name", &name).is("site_id", "12");
            for dialect in DIALECTS {
                let rows = left(&condition, &names, dialect);
                let exact = rows.iter().filter(|row| ***row == name).count();
                prop_assert_eq!(exact, 1, "{:?} {:?}", name, condition);
                if !name.contains('\\') && !dialect.ignores_case {
                    prop_assert_eq!(rows.len(), 1, "{:?} {:?}", rows, condition);
                }
            }
        }

        /// Every other condition is understood as it was meant, whatever the name before it holds.
        #[test]
        fn a_name_changes_no_other_condition(name in "['\\\\%a =]{0,8}") {
            let names = BTreeSet::from([name.clone()]);
            let condition = Condition::default().is("site_name", &name).is("site_id", "13");
            for dialect in DIALECTS {
                prop_assert_eq!(left(&condition, &names, dialect).len(), 0, "{:?}", condition);
            }
        }
    }
}
