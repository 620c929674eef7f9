//! HTTPS: who we are, which clients we believe, and which TLS we speak.
//!
//! A client's certificate is asked for and verified, but not required, because some routes work without one; whether a
//! caller may have an answer is decided in [`trust`](crate::trust).

mod acceptor;
mod client_certificate;
mod dates;
mod files;
mod finding;
mod policy;
mod refusal;
mod report;
mod server_names;
mod shown;
#[cfg(test)]
pub(crate) mod test_certificates;
mod verifier;

pub(crate) use self::acceptor::Server;
pub(crate) use self::client_certificate::ClientCertificate;
pub(crate) use self::files::{Error, Files};
pub(crate) use self::finding::{Finding, Severity};
pub(crate) use self::policy::Policy;
pub(crate) use self::report::report;
pub(crate) use self::server_names::ServerNames;
pub(crate) use self::shown::Shown;
