//! What every provider that speaks HTTP needs alike: settings of the connection, a client that honours them, answers that
//! are whole and small before anybody reads them, and lists that end.
//!
//! A provider's own `client.rs` adds what is the vendor's: authentication, paging, and the one function from an answer's
//! status and text to an [`ErrorKind`](crate::ErrorKind).

mod answer;
mod certificate;
mod client;
mod files;
mod rows;
mod settings;

pub use answer::Answer;
pub use client::{HeaderValue, HttpClient, Method, Request};
pub use files::authorities;
pub use rows::{Page, ROWS_AT_MOST, Rows, all_rows};
pub use settings::HttpSettings;

/// What to do about trouble that may pass.
pub(crate) const TELL_IF_IT_LASTS: &str = "Try again, and tell the administrators of the IPAM if it lasts";
