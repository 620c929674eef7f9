//! What every provider that speaks HTTP needs alike: settings of the connection, a client that honours them, answers that
//! are whole and small before anybody reads them, JSON with one expected status, sessions, and lists that end.
//!
//! A provider's own `client.rs` adds what is the vendor's: how it authenticates, the form of its pages, and the one function
//! from an answer's status and text to an [`ErrorKind`](crate::ErrorKind).

mod answer;
mod api;
mod certificate;
mod client;
mod files;
mod login;
mod rows;
mod settings;

pub use answer::{Answer, one_line, shape};
pub use api::{Api, Refusal, no_api};
pub use client::{HeaderValue, HttpClient, Method, Request, secret_header};
pub use files::authorities;
pub use login::{LogIn, Login, LoginError};
pub(crate) use rows::changed_meanwhile;
pub use rows::{Page, ROWS_AT_MOST, Rows, pages};
pub use settings::{HttpSettings, is_basic_user};

/// What to do about trouble that may pass.
pub(crate) const TELL_IF_IT_LASTS: &str = "Try again, and tell the administrators of the IPAM if it lasts";
