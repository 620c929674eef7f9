//! The two formats that Prometheus reads.

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

/// The media type of OpenMetrics, as a caller names it in `Accept`.
const OPEN_METRICS: &str = "application/openmetrics-text";

/// A format of all metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, 0.0.4, which everything else reads.
    Prometheus,
}

impl Format {
    /// The one that a caller with this `Accept` gets.
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        let names = |part: &str| part.split(';').next().is_some_and(|kind| kind.trim() == OPEN_METRICS);
        if accept.is_some_and(|accept| accept.split(',').any(names)) { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its media type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }

    /// What these registries hold, as text.
    pub(super) fn write(self, registries: &[&Registry]) -> String {
        let mut out = String::new();
        let write = |out: &mut String| {
            for registry in registries {
                match self {
                    Self::OpenMetrics => text::encode_registry(out, registry)?,
                    Self::Prometheus => prometheus_text::encode(out, registry)?,
                }
            }
            if self == Self::OpenMetrics { text::encode_eof(out) } else { Ok(()) }
        };
        write(&mut out).expect("writing to a text does not fail");
        out
    }
}
