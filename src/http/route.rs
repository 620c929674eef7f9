//! Routes: paths, the methods that each knows, and the parts of a path.
//!
//! Paths are taken apart as they came, before any decoding, because a `%2F` in a name is no separator and a `+` is not a
//! `%2B`.

use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard, web};

use super::error::{DoorError, RequestError};
use crate::caller::Door;
use crate::metrics;

/// The door and the pattern of the route that a request took. actix knows the pattern too, but matches the path again for each
/// question.
struct RoutePattern {
    door: Door,
    path: &'static str,
}

/// A path and the methods that it knows; any other is a 405 of the door that says so.
pub(super) fn at<E: DoorError>(path: &'static str, methods: &'static [&'static str]) -> Resource {
    web::resource(path)
        .app_data(RoutePattern { door: E::DOOR, path })
        .default_service(web::route().to(move || unknown_method::<E>(methods)))
}

/// GET, and HEAD alike: actix leaves the body out.
pub(super) fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Answers every path of a door that no route has.
pub(super) async fn unknown_route<E: DoorError>() -> Result<HttpResponse, E> {
    Err(RequestError::UnknownRoute.into())
}

async fn unknown_method<E: DoorError>(known: &'static [&'static str]) -> Result<HttpResponse, E> {
    Err(RequestError::UnknownMethod(known).into())
}

/// The route that a request took; `None` when no route has its path, and before it was routed.
pub(super) fn taken(request: &HttpRequest) -> Option<metrics::Route> {
    let RoutePattern { door, path } = request.app_data::<RoutePattern>()?;
    Some(metrics::Route { door: door.name(), pattern: path })
}

/// Segments of the path as they came, by their names in the route's pattern.
pub(super) fn segments<'a, const N: usize>(request: &'a HttpRequest, names: [&str; N]) -> [&'a str; N] {
    // Pattern and path have the same number of segments.
    let pattern = request.app_data::<RoutePattern>().map_or("", |pattern| pattern.path);
    let mut found = [""; N];
    for (part, segment) in pattern.split(is_slash).zip(request.uri().path().split(is_slash)) {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        if let Some(position) = names.iter().position(|wanted| Some(*wanted) == name) {
            found[position] = segment;
        }
    }
    found
}

/// A function, because the search for a `char` is made for texts that are longer than a path.
fn is_slash(character: char) -> bool {
    character == '/'
}
