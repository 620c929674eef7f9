//! What every record has beside its own fields: ids, owner, tags, metadata and times.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

use crate::connection::Row;
use crate::value::{FromValue, Value, values};
use crate::{PublicId, Result, StoreError, Writing};

/// What may be set on every record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Attributes {
    /// Who recorded it: the name of a token or certificate, [`OWNER`](crate::OWNER) for what came from Foreman, or what the
    /// command line was told; may be empty.
    pub owner: String,
    /// The id that it has in another system; unique among the records of its kind.
    pub external_id: Option<ExternalId>,
    /// Words to find it by.
    pub tags: Tags,
    /// What other programs keep with it.
    pub metadata: Metadata,
}

/// What to change of [`Attributes`]; `None` leaves it as it is, and `Some(None)` removes what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributesEdit {
    /// The new owner.
    pub owner: Option<String>,
    /// The new id in another system.
    pub external_id: Option<Option<ExternalId>>,
    /// The new tags, all of them.
    pub tags: Option<Tags>,
    /// The new metadata, all of it.
    pub metadata: Option<Metadata>,
}

impl Attributes {
    /// Those of a record of this owner.
    pub fn of_owner(owner: impl Into<String>) -> Self {
        Self { owner: owner.into(), ..Self::default() }
    }

    pub(crate) fn edited(self, edit: AttributesEdit) -> Self {
        Self {
            owner: edit.owner.unwrap_or(self.owner),
            external_id: edit.external_id.unwrap_or(self.external_id),
            tags: edit.tags.unwrap_or(self.tags),
            metadata: edit.metadata.unwrap_or(self.metadata),
        }
    }
}

/// The id of a record in another system: 1 to 255 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ExternalId(String);

/// Words to find a record by: a set. A tag has 1 to 100 characters, no commas or control characters, no blanks at its ends.
///
/// `Display` and the database have them sorted and separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(String);

/// A JSON object of at most 16,384 bytes. It is kept as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(String);

/// A value that cannot be kept; `Display` says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// The rule of [`ExternalId`].
    #[error("an external id has 1 to 255 characters, none of them a control character")]
    ExternalId,
    /// The rule of [`Tags`].
    #[error(
        "{0:?} is not a tag; a tag has 1 to 100 characters, no commas or control characters, and no blanks at its ends"
    )]
    Tag(String),
    /// There are more than a record may have.
    #[error("a record has at most 100 tags")]
    Tags,
    /// The text is no JSON object.
    #[error("metadata is not a JSON object: {0}")]
    NoObject(String),
    /// It is larger than the limit.
    #[error("metadata has {0} bytes; at most 16384 are kept")]
    Size(usize),
}

const EXTERNAL_ID_AT_MOST: usize = 255;
const TAG_AT_MOST: usize = 100;
const TAGS_AT_MOST: usize = 100;
const METADATA_AT_MOST: usize = 16_384;

impl ExternalId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalId {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let is_right = (1..=EXTERNAL_ID_AT_MOST).contains(&text.chars().count()) && !text.contains(char::is_control);
        if is_right { Ok(Self(text.to_owned())) } else { Err(AttributeError::ExternalId) }
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Tags {
    /// A set of tags.
    ///
    /// # Errors
    /// [`Tag`](AttributeError::Tag) and [`Tags`](AttributeError::Tags).
    pub fn new<'t>(tags: impl IntoIterator<Item = &'t str>) -> Result<Self, AttributeError> {
        let tags: BTreeSet<&str> = tags.into_iter().collect();
        if let Some(wrong) = tags.iter().find(|tag| !is_tag(tag)) {
            return Err(AttributeError::Tag((*wrong).to_owned()));
        }
        if tags.len() > TAGS_AT_MOST {
            return Err(AttributeError::Tags);
        }
        Ok(Self(tags.into_iter().collect::<Vec<_>>().join(",")))
    }

    /// All of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|tag| !tag.is_empty())
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Are they sorted, and each there once? A database that another program has written to may have others.
    pub(crate) fn are_in_order(&self) -> bool {
        self.iter().is_sorted_by(|one, next| one < next)
    }
}

fn is_tag(text: &str) -> bool {
    (1..=TAG_AT_MOST).contains(&text.chars().count())
        && !text.contains(|character: char| character == ',' || character.is_control())
        && text.trim().len() == text.len()
}

/// Tags separated by commas, with blanks around them or not.
impl FromStr for Tags {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        if text.trim().is_empty() { Ok(Self::default()) } else { Self::new(text.split(',').map(str::trim)) }
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Metadata {
    const EMPTY: &str = "{}";

    /// The text, which is a JSON object.
    pub fn as_str(&self) -> &str {
        if self.0.is_empty() { Self::EMPTY } else { &self.0 }
    }

    /// Has it no members?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its members.
    pub fn object(&self) -> Map<String, Json> {
        // What was put into the database past the store may be an object that this parser does not take.
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

impl FromStr for Metadata {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let text = text.trim();
        if text.len() > METADATA_AT_MOST {
            return Err(AttributeError::Size(text.len()));
        }
        let object: Map<String, Json> =
            serde_json::from_str(text).map_err(|error| AttributeError::NoObject(error.to_string()))?;
        Ok(Self(if object.is_empty() { String::new() } else { text.to_owned() }))
    }
}

impl TryFrom<&Map<String, Json>> for Metadata {
    type Error = AttributeError;

    fn try_from(object: &Map<String, Json>) -> Result<Self, AttributeError> {
        serde_json::to_string(object).map_err(|error| AttributeError::NoObject(error.to_string()))?.parse()
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.object().serialize(serializer)
    }
}

impl<'v> From<&'v ExternalId> for Value<'v> {
    fn from(id: &'v ExternalId) -> Self {
        Self::Text(&id.0)
    }
}

impl<'v> From<&'v Tags> for Value<'v> {
    fn from(tags: &'v Tags) -> Self {
        Self::Text(&tags.0)
    }
}

impl<'v> From<&'v Metadata> for Value<'v> {
    fn from(metadata: &'v Metadata) -> Self {
        Self::Text(metadata.as_str())
    }
}

impl FromValue<'_> for ExternalId {
    fn from_value(value: Value<'_>) -> Option<Self> {
        String::from_value(value).map(Self)
    }
}

impl FromValue<'_> for Tags {
    fn from_value(value: Value<'_>) -> Option<Self> {
        String::from_value(value).map(Self)
    }
}

impl FromValue<'_> for Metadata {
    fn from_value(value: Value<'_>) -> Option<Self> {
        <&str>::from_value(value).map(|text| if text == Self::EMPTY { Self::default() } else { Self(text.to_owned()) })
    }
}

/// The columns that [`Common::read`] reads, of a table.
macro_rules! common {
    ($table:literal) => {
        concat!(
            $table,
            ".public_id, ",
            $table,
            ".owner, ",
            $table,
            ".external_id, ",
            $table,
            ".tags, ",
            $table,
            ".metadata, ",
            $table,
            ".created_at, ",
            $table,
            ".updated_at"
        )
    };
}
pub(crate) use common;

/// What every row has.
pub(crate) struct Common {
    pub(crate) public_id: PublicId,
    pub(crate) attributes: Attributes,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Common {
    /// Reads the columns of [`common`], of which the first is `first`.
    pub(crate) fn read(row: &dyn Row, first: usize) -> Result<Self> {
        Ok(Self {
            public_id: row.get(first)?,
            attributes: Attributes {
                owner: row.get(first + 1)?,
                external_id: row.get(first + 2)?,
                tags: row.get(first + 3)?,
                metadata: row.get(first + 4)?,
            },
            created_at: row.get(first + 5)?,
            updated_at: row.get(first + 6)?,
        })
    }
}

/// What a new record is given beside what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) public_id: PublicId,
    /// In seconds since 1970, as the next.
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// What a row of a file says of these; `None` is a new id, and now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Given {
    pub(crate) public_id: Option<PublicId>,
    /// In seconds since 1970, as the next.
    pub(crate) created_at: Option<i64>,
    pub(crate) updated_at: Option<i64>,
}

/// A kind of record with attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Noun {
    Group,
    Subnet,
    Range,
    Address,
    Plan,
    PlanAllocation,
}

impl Noun {
    fn by_external_id(self) -> &'static str {
        match self {
            Self::Group => "SELECT public_id FROM ipam_group WHERE external_id = ?1",
            Self::Subnet => "SELECT public_id FROM subnet WHERE external_id = ?1",
            Self::Range => "SELECT public_id FROM excluded_range WHERE external_id = ?1",
            Self::Address => "SELECT public_id FROM allocation WHERE external_id = ?1",
            Self::Plan => "SELECT public_id FROM prefix_plan WHERE external_id = ?1",
            Self::PlanAllocation => "SELECT public_id FROM plan_allocation WHERE external_id = ?1",
        }
    }

    fn by_public_id(self) -> &'static str {
        match self {
            Self::Group => "SELECT 1 FROM ipam_group WHERE public_id = ?1",
            Self::Subnet => "SELECT 1 FROM subnet WHERE public_id = ?1",
            Self::Range => "SELECT 1 FROM excluded_range WHERE public_id = ?1",
            Self::Address => "SELECT 1 FROM allocation WHERE public_id = ?1",
            Self::Plan => "SELECT 1 FROM prefix_plan WHERE public_id = ?1",
            Self::PlanAllocation => "SELECT 1 FROM plan_allocation WHERE public_id = ?1",
        }
    }
}

impl Writing<'_> {
    /// For a record that is made now.
    pub(crate) fn stamp(&self) -> Stamp {
        let now = self.now.as_second();
        Stamp { public_id: PublicId::new(self.now), created_at: now, updated_at: now }
    }

    /// # Errors
    /// [`ExternalIdTaken`](StoreError::ExternalIdTaken) if another record of its kind has this one.
    pub(crate) fn must_be_only(&self, noun: Noun, own: PublicId, external_id: Option<&ExternalId>) -> Result<()> {
        let Some(external_id) = external_id else { return Ok(()) };
        let found: Option<PublicId> =
            self.connection.row(noun.by_external_id(), values![external_id], |row| row.get(0))?;
        match found {
            Some(other) if other != own => Err(StoreError::ExternalIdTaken(external_id.to_string())),
            _ => Ok(()),
        }
    }

    /// What a new record is given that a file has.
    ///
    /// # Errors
    /// [`PublicIdTaken`](StoreError::PublicIdTaken) if a record of its kind has the id.
    pub(crate) fn stamp_of(&self, noun: Noun, given: Given) -> Result<Stamp> {
        let public_id = match given.public_id {
            Some(taken) if self.connection.is_any(noun.by_public_id(), values![&taken])? => {
                return Err(StoreError::PublicIdTaken(taken));
            }
            Some(free) => free,
            None => PublicId::new(self.now),
        };
        let created_at = given.created_at.unwrap_or_else(|| self.now.as_second());
        let updated_at = given.updated_at.unwrap_or(created_at);
        Ok(Stamp { public_id, created_at, updated_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Result<String, String> {
        text.parse::<Tags>().map(|tags| tags.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn tags_are_a_set_in_order() {
        assert_eq!(tags(" web, prod ,web").expect("tags"), "prod,web");
        assert_eq!(tags(" ").expect("tags"), "");
        assert_eq!(tags("Büro 1").expect("tags"), "Büro 1");
        for wrong in ["a,,b", ",a", "a\tb", &"x".repeat(101)] {
            assert!(tags(wrong).expect_err("a fault").contains("is not a tag"), "{wrong}");
        }
        assert!(Tags::new([" a"]).is_err() && Tags::new(["a,b"]).is_err());
        let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
        assert_eq!(Tags::new(many.iter().map(String::as_str)), Err(AttributeError::Tags));
        let json = serde_json::to_value("b,a".parse::<Tags>().expect("tags")).expect("JSON");
        assert_eq!(json, serde_json::json!(["a", "b"]));
    }

    #[test]
    fn metadata_is_an_object_and_stays_as_it_was_written() {
        let metadata = |text: &str| text.parse::<Metadata>();
        let text = r#"{"b": 1.10, "a":[null, "\u0000"]}"#;
        assert_eq!(metadata(&format!(" {text}\n")).expect("an object").as_str(), text);
        assert_eq!(metadata("{ }").expect("an object"), Metadata::default());
        assert_eq!(serde_json::to_value(Metadata::default()).expect("JSON"), serde_json::json!({}));
        for wrong in ["", "[]", "null", "{", "{} {}", "{\"a\":1e999}"] {
            assert!(matches!(metadata(wrong), Err(AttributeError::NoObject(_))), "{wrong}");
        }
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(METADATA_AT_MOST));
        assert_eq!(metadata(&large), Err(AttributeError::Size(large.len())));
    }

    #[test]
    fn an_external_id_is_one_line_of_text() {
        for right in ["a", "x y", "4f0c…", &"x".repeat(255)] {
            assert!(right.parse::<ExternalId>().is_ok(), "{right}");
        }
        for wrong in ["", "a\nb", &"x".repeat(256)] {
            assert_eq!(wrong.parse::<ExternalId>(), Err(AttributeError::ExternalId), "{wrong}");
        }
    }
}
