//! Requests over HTTP.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::durations;

/// The methods that routes know. Anybody can send others.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The label of all that is none of a few known values.
const OTHER: &str = "other";

/// Where a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// The name of the door.
    pub door: &'static str,
    /// The path with names in place of its values, such as `/ipam/groups/{group}`.
    pub pattern: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    door: &'static str,
    route: &'static str,
    method: &'static str,
    outcome: &'static str,
}

/// How many requests there were, and how long each took.
#[derive(Debug)]
pub(super) struct Requests(Family<Labels, Histogram, fn() -> Histogram>);

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = Family::new_with_constructor(durations as fn() -> Histogram);
        let help = "How long requests over HTTP took until their answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, family.clone());
        Self(family)
    }

    pub(super) fn answered(&self, route: Option<Route>, method: &str, status: u16, took: Duration) {
        let Route { door, pattern } = route.unwrap_or(Route { door: OTHER, pattern: OTHER });
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        let labels = Labels { door, route: pattern, method, outcome: class(status) };
        self.0.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

fn class(status: u16) -> &'static str {
    match status {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        _ => OTHER,
    }
}
