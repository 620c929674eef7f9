//! Routes: paths, the methods that each knows, and the parts of a path.
//!
//! Paths are taken apart as they came, before any decoding, because a `%2F` in a name is no separator and a `+` is not a
//! `%2B`.

use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard, web};

use super::error::{DoorError, RequestError};

/// The pattern of the route that a request took. actix knows it too, but matches the path anew for each question.
struct RoutePattern(&'static str);

/// A path and the methods that it knows; any other is a 405 of the door that says so.
pub(super) fn at<E: DoorError>(path: &'static str, methods: &'static [&'static str]) -> Resource {
    web::resource(path)
        .app_data(RoutePattern(path))
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

/// Segments of the path as they came, by their names in the route's pattern.
pub(super) fn segments<'a, const N: usize>(request: &'a HttpRequest, names: [&str; N]) -> [&'a str; N] {
    // Pattern and path have the same number of segments.
    let pattern = request.app_data::<RoutePattern>().map_or("", |pattern| pattern.0);
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
