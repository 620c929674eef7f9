//! Descriptions by which a provider knows its own records again.

use std::net::IpAddr;

use crate::settings::Section;
use crate::{Annotation, Filling, Reservation, Subnet, Template};

/// What the description of our own records begins with, unless the settings say otherwise.
const MARK: &str = "foreman-ipam-proxy";

/// So much of a description may be the mark.
const MARK_AT_MOST: usize = 60;

/// What stands behind the mark, unless the settings say otherwise.
const TEXT: &str = "{hostname} {mac}";

/// Between the mark and the rest.
const SEPARATOR: &str = ": ";

/// The description of a record in an IPAM that has no better place for whose it is: `mark: text`.
///
/// The mark needs no tag or custom field to be set up in the IPAM, and people who look at a record see who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    mark: String,
    text: Template,
}

impl Description {
    /// Reads `description`, what stands behind the mark, and `mark`; both have defaults. Faults are noted in the section.
    pub fn read(section: &mut Section) -> Self {
        let right = "write text with the places {mac}, {hostname}, {address}, {subnet}, {group} and {date}";
        let text = section.read("description", right, |value| value.as_str()?.parse().ok());
        let right = format!("write up to {MARK_AT_MOST} characters in one line, without blanks at the ends");
        let mark = section.read("mark", &right, |value| value.as_str().filter(|text| is_mark(text)).map(str::to_owned));
        Self {
            mark: mark.unwrap_or_else(|| MARK.to_owned()),
            text: text.unwrap_or_else(|| TEXT.parse().expect("the default is a template")),
        }
    }

    /// The mark alone.
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// The mark, and what is known of the host, in at most so many characters; what is too long is cut at the end. A
    /// description that the requester brings is taken as it is, and a remark in place of the text.
    pub fn fill(&self, filling: Filling<'_>, at_most: usize) -> String {
        if let Some(whole) = &filling.by.description {
            return whole.chars().take(at_most).collect();
        }
        let room = self.room(at_most);
        match &filling.by.remark {
            Some(remark) => self.marked(remark.chars().take(room).collect::<String>().trim_end()),
            None => self.marked(&self.text.fill(filling, room)),
        }
    }

    /// The description of a record of ours after an annotation; `None` if it stays: it has all of that already, or it is
    /// not as the settings say, so that its text is of people.
    pub fn annotated(
        &self,
        record: &Reservation,
        note: &Annotation,
        (subnet, address): (&Subnet, IpAddr),
        at_most: usize,
    ) -> Option<String> {
        let current = record.description.as_deref()?;
        let rest = current.strip_prefix(&self.mark)?;
        let text = if rest.is_empty() { rest } else { rest.strip_prefix(SEPARATOR)? };
        let new = self.text.annotated(text, record, note, (subnet, address), self.room(at_most))?;
        Some(self.marked(&new)).filter(|new| new != current)
    }

    /// How many characters the text may have.
    fn room(&self, at_most: usize) -> usize {
        at_most.saturating_sub(self.mark.chars().count() + SEPARATOR.len())
    }

    /// The text after the mark.
    fn marked(&self, text: &str) -> String {
        // IPAMs refuse control characters, NUL above all.
        let text = text.replace(char::is_control, "");
        if text.is_empty() { self.mark.clone() } else { format!("{}{SEPARATOR}{text}", self.mark) }
    }

    /// Does a record with this description carry the mark?
    pub fn is_ours(&self, description: &str) -> bool {
        let rest = description.strip_prefix(&self.mark);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR.trim_end()))
    }
}

fn is_mark(text: &str) -> bool {
    text.chars().count() <= MARK_AT_MOST && text.trim() == text && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::read_settings;
    use crate::{AddressSpace, RecordId, Requester};

    fn read(settings: Value) -> (Description, Vec<String>) {
        read_settings(settings, Description::read)
    }

    fn filled(description: &Description, hostname: &str, at_most: usize) -> String {
        let prefix = "10.1.2.0/24".parse().expect("a prefix");
        let subnet = Subnet {
            id: RecordId::new(1),
            prefix,
            group: None,
            space: AddressSpace::new(1),
            description: String::new(),
            pool: false,
        };
        let by = Requester { hostname: Some(hostname.to_owned()), ..Requester::default() };
        description.fill(Filling { by: &by, address: [10, 1, 2, 5].into(), subnet: &subnet }, at_most)
    }

    #[test]
    fn a_long_text_is_cut_and_the_mark_is_not() {
        let (description, problems) = read(json!({"mark": "proxy"}));
        assert_eq!(problems, [""; 0]);
        assert_eq!(filled(&description, &"ä".repeat(300), 200).chars().count(), 200);
        assert!(filled(&description, &"ä".repeat(300), 200).starts_with("proxy: ää"));
        assert_eq!(filled(&description, "web", 5), "proxy", "there is no room for more");
    }

    #[test]
    fn a_description_that_is_brought_is_taken_as_it_is() {
        let (description, _) = read(json!({"mark": "proxy"}));
        let prefix = "10.1.2.0/24".parse().expect("a prefix");
        let subnet = Subnet {
            id: RecordId::new(1),
            prefix,
            group: None,
            space: AddressSpace::new(1),
            description: String::new(),
            pool: false,
        };
        for whole in ["proxy: web  1", "", "of another writer"] {
            let by = Requester { description: Some(whole.to_owned()), ..Requester::default() };
            assert_eq!(
                description.fill(Filling { by: &by, address: [10, 1, 2, 5].into(), subnet: &subnet }, 20),
                whole
            );
        }
    }

    #[test]
    fn an_annotation_changes_what_the_settings_say_and_no_text_of_people() {
        let (description, _) = read(json!({"mark": "proxy"}));
        let subnet = Subnet {
            id: RecordId::new(1),
            prefix: "10.1.2.0/24".parse().expect("a prefix"),
            group: None,
            space: AddressSpace::new(1),
            description: String::new(),
            pool: false,
        };
        let mac = "02:00:5e:00:53:aa";
        let annotated = |current: &str, note: &Annotation, at_most| {
            let record = Reservation { description: Some(current.to_owned()), ..Reservation::default() };
            description.annotated(&record, note, (&subnet, [10, 1, 2, 5].into()), at_most)
        };
        let name = Annotation { hostname: Some("web".to_owned()), mac: None };
        let whole = Annotation { mac: mac.parse().ok(), ..name.clone() };
        let of = |text: &str| Some(format!("proxy: {text}"));
        assert_eq!(annotated("proxy", &name, 200), of("web"));
        assert_eq!(annotated(&format!("proxy: {mac}"), &name, 200), of(&format!("web {mac}")));
        assert_eq!(annotated(&format!("proxy: old {mac}"), &name, 200), of(&format!("web {mac}")));
        assert_eq!(annotated("proxy: old", &whole, 200), of(&format!("web {mac}")));
        for stays in ["proxy: web", "proxy: WEB", "proxy: the printer of Anna", "proxy:x", "other", ""] {
            assert_eq!(annotated(stays, &name, 200), None, "{stays:?}");
        }
        let record = Reservation {
            hostname: Some("a-long-name".to_owned()),
            description: Some("proxy: a-long".to_owned()),
            ..Reservation::default()
        };
        let annotated = description.annotated(&record, &whole, (&subnet, [10, 1, 2, 5].into()), 13);
        assert_eq!(annotated, of("web 02"), "a text that was cut is known by what is recorded");
    }

    #[test]
    fn without_anything_known_there_is_the_mark_alone() {
        let (description, _) = read(json!({}));
        assert_eq!(filled(&description, "", 200), "foreman-ipam-proxy");
        assert_eq!(filled(&description, "a\0b\u{7f}", 200), "foreman-ipam-proxy: ab");
        assert_eq!(description.mark(), "foreman-ipam-proxy");
    }

    #[test]
    fn only_what_begins_with_the_mark_is_ours() {
        let (description, _) = read(json!({"mark": "proxy"}));
        for ours in ["proxy", "proxy: web", "proxy:"] {
            assert!(description.is_ours(ours), "{ours}");
        }
        for other in ["", "proxy2: web", "my proxy: web", "proxyserver", "Proxy: web", "proxy web"] {
            assert!(!description.is_ours(other), "{other}");
        }
    }

    #[test]
    fn marks_that_could_not_be_told_again_are_faults() {
        for mark in [json!(" proxy"), json!("a\nb"), json!("x".repeat(61)), json!(5)] {
            assert_eq!(read(json!({"mark": mark})).1.len(), 1, "{mark}");
        }
        assert_eq!(read(json!({"description": "{host}"})).1.len(), 1);
    }
}
