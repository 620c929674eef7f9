//! What every provider that speaks HTTP needs alike: settings of the connection, a client that honours them, and answers
//! that are whole and small before anybody reads them.
//!
//! A provider's own `client.rs` adds what is the vendor's: authentication, paging, and the one function from an answer's
//! status and text to an [`ErrorKind`](crate::ErrorKind).

mod answer;
mod client;
mod settings;

pub use answer::Answer;
pub use client::{HttpClient, Method, Request};
pub use settings::HttpSettings;
