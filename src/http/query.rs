//! Parameters of the query.

use std::borrow::Cow;

use actix_web::HttpRequest;

use super::decode::{form_decoded, percent_decoded};
use super::error::RequestError;

/// The value of a query parameter as it came; `None` when it is absent. Foreman sends `?mac` for "no MAC".
pub(super) fn parameter<'a>(request: &'a HttpRequest, name: &str) -> Result<Option<&'a str>, RequestError> {
    let mut found = None;
    for pair in request.query_string().split(is_ampersand) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = percent_decoded(key).unwrap_or_default();
        let is_list = key.strip_prefix(name).is_some_and(|rest| rest.starts_with('['));
        if is_list || (key == name && found.is_some()) {
            return Err(RequestError::Invalid(format!("Parameter {name} is given as a list; give one value")));
        }
        if key == name {
            found = Some(value);
        }
    }
    Ok(found)
}

/// The decoded value of a query parameter; `None` when it is absent or empty.
pub(super) fn text_parameter<'a>(request: &'a HttpRequest, name: &str) -> Result<Option<Cow<'a, str>>, RequestError> {
    let Some(raw) = parameter(request, name)? else { return Ok(None) };
    let text = form_decoded(raw).map_err(|error| RequestError::Invalid(format!("Parameter {name} {error}")))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A function, because the search for a `char` is made for longer texts.
fn is_ampersand(character: char) -> bool {
    character == '&'
}
