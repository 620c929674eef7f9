//! The numbers of the process.

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::state::shared;
use crate::metrics::{Format, Sources};

/// `GET /metrics` → all metrics, as OpenMetrics for a caller that accepts it, else in the text format of Prometheus.
pub(super) async fn metrics(request: HttpRequest) -> HttpResponse {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    let shared = shared(&request);
    let serving = shared.serving();
    let sources = Sources {
        allocator: &serving.allocator,
        ledger: serving.ledger.as_ref(),
        tls: shared.tls(),
        orphans: shared.orphans().count(),
    };
    let text = shared.metrics().scrape(&sources, format).await;
    HttpResponse::Ok().insert_header((CONTENT_TYPE, format.content_type())).body(text)
}
