//! The query, as valid values.

use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use ipam_provider::GroupName;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::http::decode::percent_decoded;

/// The query as this type. One that denies unknown fields refuses a parameter that would have no effect.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(of_query(request.query_string()).map(Self))
    }
}

fn of_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let (path, text) = (error.path().to_string(), error.inner().to_string());
        // A value is wrong, or a parameter is unknown or given twice; then its name is between the first two '`'.
        let is_named = !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let name = if is_named { path } else { text.split('`').nth(1).unwrap_or("query").to_owned() };
        let detail = format!("Parameter {name} cannot be read: {text}");
        Problem::invalid(name, detail)
    })
}

/// The parameter as this type.
pub(super) fn parsed<T: FromStr<Err: Display>>(name: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    let value = text.map(str::parse).transpose();
    value.map_err(|error| Problem::invalid(name, format!("Parameter {name} cannot be used: {error}")))
}

/// The parameter as the name of a group; an empty one is refused, because it could mean every group or none.
pub(super) fn group(text: Option<&str>) -> Result<Option<GroupName>, Problem> {
    let named = |text| {
        GroupName::new(text)
            .ok_or_else(|| Problem::invalid("group", "Parameter group is empty; name a group, or leave it out"))
    };
    text.map(named).transpose()
}

/// The name of a group in a body.
pub(super) fn group_name(field: &str, text: &str) -> Result<GroupName, Problem> {
    GroupName::new(text).ok_or_else(|| Problem::invalid(field, "The name is empty"))
}

/// A segment of the path, decoded.
pub(super) fn segment(request: &HttpRequest, name: &str) -> Result<String, Problem> {
    let raw = request.match_info().query(name);
    let text = percent_decoded(raw).map_err(|error| Problem::invalid(name, format!("The path's {name} {error}")))?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Query {
        limit: Option<usize>,
        #[expect(dead_code, reason = "it is only read")]
        group: Option<String>,
    }

    #[test]
    fn what_is_wrong_with_a_query_names_the_parameter() {
        assert_eq!(of_query::<Query>("limit=5&group=a+b").expect("right").limit, Some(5));
        for (query, field) in
            [("grup=x", "grup"), ("limit=1&limit=2", "limit"), ("limit=x", "limit"), ("limit=", "limit")]
        {
            let problem = of_query::<Query>(query).expect_err("wrong");
            assert!(
                problem.to_string().starts_with(&format!("Parameter {field} cannot be read: ")),
                "{query}: {problem}"
            );
        }
    }
}
