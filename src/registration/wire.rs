//! What Foreman's API says, of its version 2 (`app/controllers/api/v2/smart_proxies_controller.rb` and
//! `app/views/api/v2`, Foreman 2.1 to 3.13).

use serde::Deserialize;
use serde_json::Value;

/// `GET /api/v2/smart_proxies`: a page of records.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) results: Vec<SmartProxy>,
}

/// A Smart Proxy as Foreman has it; of a list, of one record, and of the answer to a change.
#[derive(Debug, Clone, Deserialize)]
pub struct SmartProxy {
    /// What the API calls it.
    pub id: u64,
    /// Unique.
    pub name: String,
    /// Unique, without a slash at the end.
    pub url: String,
    /// Absent in short forms of the record.
    #[serde(default)]
    features: Vec<Feature>,
}

#[derive(Debug, Clone, Deserialize)]
struct Feature {
    name: String,
}

impl SmartProxy {
    /// The features that Foreman has found, by the names that it shows, such as `External IPAM`.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|feature| feature.name.as_str())
    }
}

/// What an answer that is no success says: the forms of `app/views/api/v2/errors`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// All sentences, possibly none.
    pub(super) messages: Vec<String>,
    /// Of 422: the attributes that are wrong, such as `name` or `base`.
    pub(super) attributes: Vec<String>,
}

impl Complaint {
    /// `{"error": {"message": …, "details": …}}`, `{"error": {"errors": {…}, "full_messages": […]}}`, or
    /// `{"error": "…"}` and `{"message": "…"}` of some failures.
    pub(super) fn of(body: &Value) -> Self {
        let error = body.get("error").unwrap_or(body);
        let text = |value: &Value| value.as_str().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let full = error.get("full_messages").and_then(Value::as_array).into_iter().flatten().filter_map(text);
        let mut messages: Vec<String> = full.collect();
        if messages.is_empty() {
            messages = [error.get("message"), error.get("details"), Some(error)]
                .into_iter()
                .flatten()
                .filter_map(text)
                .collect();
        }
        let attributes = error.get("errors").and_then(Value::as_object);
        Self { messages, attributes: attributes.into_iter().flatten().map(|(name, _)| name.clone()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_of_an_error_is_read() {
        let read = |body: Value| {
            let Complaint { messages, attributes } = Complaint::of(&body);
            (messages.join(" | "), attributes.join(","))
        };
        let pair = |messages: &str, attributes: &str| (messages.to_owned(), attributes.to_owned());
        let taken = json!({"error": {"id": null, "errors": {"name": ["has already been taken"]}, "full_messages": ["Name has already been taken"]}});
        assert_eq!(read(taken), pair("Name has already been taken", "name"));
        let denied = json!({"error": {"message": "Access denied", "details": "Missing one of the required permissions: create_smart_proxies", "missing_permissions": ["create_smart_proxies"]}});
        assert_eq!(
            read(denied),
            pair("Access denied | Missing one of the required permissions: create_smart_proxies", "")
        );
        assert_eq!(
            read(json!({"error": {"message": "Unable to authenticate user "}})),
            pair("Unable to authenticate user", "")
        );
        assert_eq!(read(json!({"status": 400, "error": "There was a problem"})), pair("There was a problem", ""));
        assert_eq!(read(json!({"message": "Down for maintenance"})), pair("Down for maintenance", ""));
        assert_eq!(read(Value::Null), pair("", ""));
    }
}
