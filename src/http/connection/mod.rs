//! Connections: from an accepted socket to the requests on it.
//!
//! actix-http takes the requests from a connection. It limits how long the first request's head may take and nothing after
//! it: a body that is not read to its end, the head of a second request and a caller that does not read its answers keep a
//! connection for ever. [`Guarded`](guarded::Guarded) is a stream with these limits.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `service` | what a worker does with an accepted socket: TLS, then HTTP |
//! | `guarded` | the stream that actix-http reads and writes |
//! | `activity` | whether a connection has a request under way |
//! | `arrivals` | connections without a request so far, which the end of the process waits for |
//! | `unreadable` | JSON for the answers that actix-http gives by itself |

mod activity;
mod arrivals;
mod guarded;
mod service;
mod unreadable;

pub(super) use activity::begin_request;
pub(crate) use arrivals::Arrivals;
pub(crate) use service::Connections;
