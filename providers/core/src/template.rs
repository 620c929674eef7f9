//! Texts for the IPAM's records, with what is known of the host filled in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::annotate::is_same_name;
use crate::{Annotation, HOSTNAME_AT_MOST, Mac, Requester, Reservation, Subnet};

/// A text such as `Foreman: {hostname} {mac}`.
///
/// Places are `{mac}`, `{hostname}`, `{address}`, `{subnet}`, `{group}` and `{date}` (UTC, such as 2026-11-20); what is
/// not known is left out, with the blanks around it drawn together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Mac,
    Hostname,
    Address,
    Subnet,
    Group,
    Date,
}

const PLACES: [(&str, Place); 6] = [
    ("mac", Place::Mac),
    ("hostname", Place::Hostname),
    ("address", Place::Address),
    ("subnet", Place::Subnet),
    ("group", Place::Group),
    ("date", Place::Date),
];

/// The text is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write text with the places {{mac}}, {{hostname}}, {{address}}, {{subnet}}, {{group}} and {{date}}")]
pub struct TemplateError;

/// What a template is filled with.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// Whom the address is reserved for.
    pub by: &'a Requester,
    /// The address.
    pub address: IpAddr,
    /// Its subnet.
    pub subnet: &'a Subnet,
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(TemplateError)?;
            let place = PLACES.iter().find(|(known, _)| *known == name).ok_or(TemplateError)?.1;
            parts.extend([Part::Text(before.to_owned()), Part::Place(place)]);
            rest = after;
        }
        if rest.contains('}') || text.contains(char::is_control) {
            return Err(TemplateError);
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }
}

impl Template {
    /// The text, of at most so many characters.
    pub fn fill(&self, filling: Filling<'_>, at_most: usize) -> String {
        cut(&self.render(|place| place.value(filling)), at_most)
    }

    /// The text of a record after an annotation, of at most so many characters; `None` if it stays: it has all of that
    /// already, or it is not this template's, so that it is of people.
    pub fn annotated(
        &self,
        current: &str,
        record: &Reservation,
        note: &Annotation,
        (subnet, address): (&Subnet, IpAddr),
        at_most: usize,
    ) -> Option<String> {
        let recorded = Requester::from(record.clone());
        let filling = Filling { by: &recorded, address, subnet };
        // One that is cut does not show all that it was filled with.
        let was_cut = || self.fill(filling, at_most) == current;
        let all = || Filled { mac: recorded.mac, hostname: recorded.hostname.clone(), date: None };
        let before = self.read_back(current, filling).or_else(|| was_cut().then(all))?;
        let hostname = note.hostname.clone().filter(|name| !is_same_name(before.hostname.as_ref(), name));
        let by = Requester {
            mac: note.mac.or(before.mac),
            hostname: hostname.or_else(|| before.hostname.clone()),
            ..Requester::default()
        };
        let new = self.fill_again(Filling { by: &by, ..filling }, &before, at_most);
        (new != current).then_some(new)
    }

    /// The text with what was filled in before, of at most so many characters: its date stays.
    fn fill_again(&self, filling: Filling<'_>, before: &Filled, at_most: usize) -> String {
        let value = |place| match place {
            Place::Date if before.date.is_some() => before.date.clone(),
            place => place.value(filling),
        };
        cut(&self.render(value), at_most)
    }

    /// What the text was filled with, if it is this template's for this address and subnet and is not cut.
    fn read_back(&self, text: &str, filling: Filling<'_>) -> Option<Filled> {
        let text: Vec<char> = text.chars().collect();
        // What is not known leaves no trace, so each choice of known places is another pattern.
        (0..1_u8 << UNKNOWN.len()).find_map(|known| {
            let unknown = |place: Place| UNKNOWN.iter().position(|(unknown, _)| *unknown == place);
            let value = |place: Place| match unknown(place) {
                Some(index) => (known & (1 << index) != 0).then(|| UNKNOWN[index].1.to_string()),
                None => place.value(filling),
            };
            let pattern: Vec<char> = self.render(value).chars().collect();
            let mut found = Filled::default();
            found.matches(&pattern, &text).then_some(found)
        })
    }

    fn render(&self, value: impl Fn(Place) -> Option<String>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Place(place) => text.push_str(&value(*place).unwrap_or_default()),
            }
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ")
    }
}

fn cut(text: &str, at_most: usize) -> String {
    text.chars().take(at_most).collect::<String>().trim_end().to_owned()
}

/// The places whose values only the text tells, each with the character that stands for it in a pattern. No template has
/// control characters.
const UNKNOWN: [(Place, char); 3] = [(Place::Mac, '\u{1}'), (Place::Hostname, '\u{2}'), (Place::Date, '\u{3}')];

/// What a text was filled with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Filled {
    mac: Option<Mac>,
    hostname: Option<String>,
    date: Option<String>,
}

impl Filled {
    /// Is the text as the pattern says? Notes the values of the places.
    fn matches(&mut self, pattern: &[char], text: &[char]) -> bool {
        let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
        let Some((place, _)) = UNKNOWN.iter().find(|(_, sign)| sign == first) else {
            return text.first() == Some(first) && self.matches(rest, &text[1..]);
        };
        let before = self.clone();
        (1..=text.len().min(HOSTNAME_AT_MOST)).any(|length| {
            *self = before.clone();
            self.takes(*place, text[..length].iter().collect()) && self.matches(rest, &text[length..])
        })
    }

    /// Can this be the value of the place? It is the same wherever the place is.
    fn takes(&mut self, place: Place, value: String) -> bool {
        match place {
            Place::Mac => {
                let mac = value.parse::<Mac>().ok().filter(|mac| mac.to_string() == value);
                mac.is_some_and(|mac| *self.mac.get_or_insert(mac) == mac)
            }
            Place::Hostname => {
                let is_letter = |c: char| c.is_alphanumeric() || "._-".contains(c);
                let is_name = value.chars().all(is_letter) && value.parse::<Mac>().is_err();
                is_name && *self.hostname.get_or_insert_with(|| value.clone()) == value
            }
            Place::Date => {
                let is_date = value.len() == 10 && value.parse::<jiff::civil::Date>().is_ok();
                is_date && *self.date.get_or_insert_with(|| value.clone()) == value
            }
            Place::Address | Place::Subnet | Place::Group => false,
        }
    }
}

impl Place {
    fn value(self, Filling { by, address, subnet }: Filling<'_>) -> Option<String> {
        match self {
            Self::Mac => by.mac.map(|mac| mac.to_string()),
            Self::Hostname => by.hostname.clone(),
            Self::Address => Some(address.to_string()),
            Self::Subnet => Some(subnet.prefix.to_string()),
            Self::Group => subnet.group.as_ref().map(ToString::to_string),
            Self::Date => Some(jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Place(place) => {
                    let name = PLACES.iter().find(|(_, known)| known == place).map_or("", |(name, _)| name);
                    write!(f, "{{{name}}}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddressSpace, GroupName, RecordId};

    fn fill(template: &str, by: &Requester, at_most: usize) -> String {
        let subnet = Subnet {
            id: RecordId::new(1),
            prefix: "10.1.2.0/24".parse().expect("a prefix"),
            group: GroupName::new("Zürich"),
            space: AddressSpace::new(1),
            description: String::new(),
            pool: false,
        };
        let template: Template = template.parse().expect("a template");
        template.fill(Filling { by, address: [10, 1, 2, 3].into(), subnet: &subnet }, at_most)
    }

    #[test]
    fn places_are_filled_and_what_is_unknown_is_left_out() {
        let by = Requester { hostname: Some("web".to_owned()), ..Requester::default() };
        assert_eq!(
            fill("Foreman: {hostname} {mac} in {group}, {subnet} {address}", &by, 200),
            "Foreman: web in Zürich, 10.1.2.0/24 10.1.2.3"
        );
        assert_eq!(fill("{mac} {hostname}", &Requester::default(), 200), "");
        assert_eq!(fill("{date}", &by, 200).len(), 10);
    }

    #[test]
    fn a_text_is_cut_to_characters_not_bytes() {
        assert_eq!(fill("äöü {group}", &Requester::default(), 6), "äöü Zü");
        assert_eq!(fill("äöü {group}", &Requester::default(), 4), "äöü");
    }

    #[test]
    fn what_was_filled_in_is_read_back() {
        let subnet = Subnet {
            id: RecordId::new(1),
            prefix: "10.1.2.0/24".parse().expect("a prefix"),
            group: GroupName::new("Zürich"),
            space: AddressSpace::new(1),
            description: String::new(),
            pool: false,
        };
        let by = Requester::default();
        let filling = Filling { by: &by, address: [10, 1, 2, 3].into(), subnet: &subnet };
        let read = |template: &str, text: &str| {
            let template: Template = template.parse().expect("a template");
            let found = template.read_back(text, filling)?;
            Some((found.hostname.unwrap_or_default(), found.mac.map(|mac| mac.to_string()).unwrap_or_default()))
        };
        let known = |hostname: &str, mac: &str| Some((hostname.to_owned(), mac.to_owned()));
        let mac = "02:00:5e:00:53:aa";
        for (text, found) in [
            ("", known("", "")),
            ("web.example.com", known("web.example.com", "")),
            (mac, known("", mac)),
            (&format!("web {mac}"), known("web", mac)),
            ("a text of people", None),
            (&format!("web {mac} and more"), None),
            ("02:00:5E:00:53:AA", None),
        ] {
            assert_eq!(read("{hostname} {mac}", text), found, "{text:?}");
        }
        let whole = "{hostname}-in {group}, {subnet} {address} since {date}; {hostname}";
        let text = |name: &str| format!("web-in Zürich, 10.1.2.0/24 10.1.2.3 since 2026-11-20; {name}");
        assert_eq!(read(whole, &text("web")), known("web", ""));
        assert_eq!(read(whole, &text("other")), None, "one place has one value");
        assert_eq!(read("{mac}{hostname}", &format!("{mac}web")), known("web", mac));
    }

    #[test]
    fn the_date_of_an_earlier_text_stays() {
        let template: Template = "{hostname} since {date}".parse().expect("a template");
        let subnet = Subnet {
            id: RecordId::new(1),
            prefix: "10.1.2.0/24".parse().expect("a prefix"),
            group: None,
            space: AddressSpace::new(1),
            description: String::new(),
            pool: false,
        };
        let by = Requester { hostname: Some("web".to_owned()), ..Requester::default() };
        let filling = Filling { by: &by, address: [10, 1, 2, 3].into(), subnet: &subnet };
        let before = template.read_back("since 2020-02-29", filling).expect("a text of the template");
        assert_eq!(template.fill_again(filling, &before, 200), "web since 2020-02-29");
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["{", "}", "{host}", "{mac", "a}b", "line\nbreak", "{}"] {
            assert_eq!(text.parse::<Template>(), Err(TemplateError), "{text:?}");
        }
        let text = "Foreman {mac}{hostname} x";
        assert_eq!(text.parse::<Template>().expect("a template").to_string(), text);
    }
}
