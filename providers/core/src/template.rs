//! Texts for the IPAM's records, with what is known of the host filled in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{Requester, Subnet};

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
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Place(place) => text.push_str(&place.value(filling).unwrap_or_default()),
            }
        }
        let text: Vec<&str> = text.split_whitespace().collect();
        text.join(" ").chars().take(at_most).collect::<String>().trim_end().to_owned()
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
    fn what_is_no_template_is_refused() {
        for text in ["{", "}", "{host}", "{mac", "a}b", "line\nbreak", "{}"] {
            assert_eq!(text.parse::<Template>(), Err(TemplateError), "{text:?}");
        }
        let text = "Foreman {mac}{hostname} x";
        assert_eq!(text.parse::<Template>().expect("a template").to_string(), text);
    }
}
