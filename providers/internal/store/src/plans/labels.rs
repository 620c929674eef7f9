//! Labels of allocations: short texts with names, of which a plan says which ones there may be.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::value::FromValue;
use crate::{StoreError, Value};

/// Labels of an allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(pub BTreeMap<String, String>);

/// The labels that allocations of a plan may have: their names, each with its values. No values are given for one that may
/// have any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllowedLabels(pub BTreeMap<String, BTreeSet<String>>);

/// Labels that cannot be kept; `Display` says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The plan has no such label.
    #[error("there is no label '{name}' in this plan; it has {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that it has.
        known: String,
    },
    /// The plan does not allow the value.
    #[error("label '{name}' cannot be '{value}'; it is one of {allowed}")]
    Value {
        /// The name.
        name: String,
        /// The value.
        value: String,
        /// The values that it may have.
        allowed: String,
    },
    /// The rule of names.
    #[error(
        "{0:?} is not the name of a label; a name has 1 to 63 characters, no control characters, and no blanks at its ends"
    )]
    Name(String),
    /// The rule of values.
    #[error("label '{0}' needs a value of 1 to 255 characters, no control characters, and not only blanks")]
    Text(String),
    /// There are more than a plan may have.
    #[error("a plan has at most 50 labels, each with at most 100 values")]
    Many,
}

impl From<LabelError> for StoreError {
    fn from(error: LabelError) -> Self {
        Self::Invalid(error.to_string())
    }
}

const NAME_AT_MOST: usize = 63;
const VALUE_AT_MOST: usize = 255;
const NAMES_AT_MOST: usize = 50;
const VALUES_AT_MOST: usize = 100;

fn is_name(text: &str) -> bool {
    (1..=NAME_AT_MOST).contains(&text.chars().count()) && !text.contains(char::is_control) && text.trim() == text
}

fn is_value(text: &str) -> bool {
    text.chars().count() <= VALUE_AT_MOST && !text.contains(char::is_control) && !text.trim().is_empty()
}

impl AllowedLabels {
    /// Can a plan have these?
    pub(super) fn check(&self) -> Result<(), LabelError> {
        if self.0.len() > NAMES_AT_MOST || self.0.values().any(|values| values.len() > VALUES_AT_MOST) {
            return Err(LabelError::Many);
        }
        for (name, values) in &self.0 {
            if !is_name(name) {
                return Err(LabelError::Name(name.clone()));
            }
            if !values.iter().all(|value| is_value(value)) {
                return Err(LabelError::Text(name.clone()));
            }
        }
        Ok(())
    }

    /// Are these allowed?
    ///
    /// # Errors
    /// The first that is not.
    pub fn admit(&self, labels: &Labels) -> Result<(), LabelError> {
        for (name, value) in &labels.0 {
            let Some(allowed) = self.0.get(name) else {
                let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(LabelError::Unknown { name: name.clone(), known });
            };
            if !is_value(value) {
                return Err(LabelError::Text(name.clone()));
            }
            if !allowed.is_empty() && !allowed.contains(value) {
                let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
                let allowed = allowed.join(", ");
                return Err(LabelError::Value { name: name.clone(), value: value.clone(), allowed });
            }
        }
        Ok(())
    }
}

macro_rules! kept_as_json {
    ($type:ty) => {
        impl $type {
            /// What the database keeps.
            pub(crate) fn json(&self) -> String {
                serde_json::to_string(self).expect("names and texts are JSON")
            }
        }

        impl FromValue<'_> for $type {
            fn from_value(value: Value<'_>) -> Option<Self> {
                <&str>::from_value(value).and_then(|text| serde_json::from_str(text).ok())
            }
        }
    };
}

kept_as_json!(Labels);
kept_as_json!(AllowedLabels);

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(json: &str) -> Labels {
        serde_json::from_str(json).expect("labels")
    }

    #[test]
    fn a_plan_says_which_labels_there_are() {
        let allowed: AllowedLabels =
            serde_json::from_str(r#"{"environment":["dev","prod"],"region":[]}"#).expect("allowed labels");
        allowed.check().expect("a plan can have these");
        for right in ["{}", r#"{"environment":"dev"}"#, r#"{"environment":"prod","region":"us east"}"#] {
            allowed.admit(&labels(right)).expect(right);
        }
        for (wrong, text) in [
            (r#"{"owner":"me"}"#, "there is no label 'owner' in this plan; it has environment, region"),
            (r#"{"environment":"qa"}"#, "label 'environment' cannot be 'qa'; it is one of dev, prod"),
            (r#"{"region":"  "}"#, "label 'region' needs a value"),
        ] {
            let error = allowed.admit(&labels(wrong)).expect_err(wrong).to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }

    #[test]
    fn names_and_values_have_limits() {
        for wrong in [r#"{"":[]}"#, r#"{" a":[]}"#, r#"{"a\n":[]}"#, r#"{"a":[""]}"#] {
            let allowed: AllowedLabels = serde_json::from_str(wrong).expect("allowed labels");
            assert!(allowed.check().is_err(), "{wrong}");
        }
        let many = AllowedLabels((0..51).map(|number| (number.to_string(), BTreeSet::new())).collect());
        assert_eq!(many.check(), Err(LabelError::Many));
    }
}
