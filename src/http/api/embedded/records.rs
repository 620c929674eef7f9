//! What every record of the embedded IPAM has: owner, external id, tags and metadata.

use ipam_store::{Attributes, AttributesEdit, ExternalId, Metadata, Tags};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::api::problem::Problem;
use crate::telemetry::request_id;

/// What may be set on every record. What is not given stays as it is; `external_id: null` removes it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tags": ["dmz"], "metadata": {"rack": 7}}))]
pub(in crate::http::api) struct Extras {
    /// Who recorded it, or whose it is.
    #[serde(default)]
    owner: Option<String>,
    /// The id that it has in another system; unique among the records of its kind.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    external_id: Option<Option<String>>,
    /// Words to find it by: all of them.
    #[serde(default)]
    tags: Option<Vec<String>>,
    /// What other programs keep with it: all of it.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

/// A value that is given, also as null; what is not given is `None`.
pub(in crate::http::api) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl Extras {
    pub(in crate::http::api) fn edit(self) -> Result<AttributesEdit, Problem> {
        let invalid = |field: &str, error: ipam_store::AttributeError| Problem::invalid(field, error.to_string());
        let external_id = self.external_id.map(|id| {
            let parsed = id.map(|id| id.parse::<ExternalId>()).transpose();
            parsed.map_err(|error| invalid("external_id", error))
        });
        let tags =
            self.tags.map(|tags| Tags::new(tags.iter().map(String::as_str)).map_err(|error| invalid("tags", error)));
        let metadata = self.metadata.map(|metadata| {
            Value::Object(metadata).to_string().parse::<Metadata>().map_err(|error| invalid("metadata", error))
        });
        Ok(AttributesEdit {
            owner: self.owner,
            external_id: external_id.transpose()?,
            tags: tags.transpose()?,
            metadata: metadata.transpose()?,
        })
    }

    /// Of a new record, which is `owner`'s unless something else is given.
    pub(in crate::http::api) fn attributes(self, owner: &str) -> Result<Attributes, Problem> {
        let edit = self.edit()?;
        Ok(Attributes {
            owner: edit.owner.unwrap_or_else(|| owner.to_owned()),
            external_id: edit.external_id.flatten(),
            tags: edit.tags.unwrap_or_default(),
            metadata: edit.metadata.unwrap_or_default(),
        })
    }

    /// As a record has them.
    pub(in crate::http::api) fn of(attributes: &Attributes) -> Self {
        Self {
            owner: Some(attributes.owner.clone()),
            external_id: Some(attributes.external_id.as_ref().map(|id| id.as_str().to_owned())),
            tags: Some(attributes.tags.iter().map(str::to_owned).collect()),
            metadata: Some(attributes.metadata.object()),
        }
    }
}

/// The caller, as the owner of what it records.
pub(in crate::http::api) fn caller() -> String {
    request_id::caller().map(|caller| caller.principal.who.to_string()).unwrap_or_default()
}
