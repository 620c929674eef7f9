//! Who calls: client certificates of the authority that the server trusts, and of another one.

use std::sync::LazyLock;

use super::certificates::{Certificate, Wish};

/// The name that the server's certificate is for, and that clients verify.
pub(super) const SERVER: &str = "proxy.example.com";

/// A client certificate with its key.
pub(crate) type Identity = Certificate;

/// All certificates of the tests.
pub(crate) struct Identities {
    /// Signs the server's certificate and those of all clients but `stranger`.
    pub(super) authority: Certificate,
    pub(super) server: Certificate,
    /// CN and SAN are `foreman.example.com`.
    pub(crate) foreman: Identity,
    /// The same name in upper case.
    pub(crate) upper_case: Identity,
    /// Another host of the same authority: `other.example.com`.
    pub(crate) other: Identity,
    /// CN `node7.example.com`, with `foreman.example.com` among its alternative names.
    pub(crate) alternative: Identity,
    /// `foreman.example.com`, but of an authority that the server does not know.
    pub(crate) stranger: Identity,
    /// Of the right authority, without any name.
    pub(crate) nameless: Identity,
}

/// The certificates, made once for each run.
pub(crate) fn identities() -> &'static Identities {
    static IDENTITIES: LazyLock<Identities> = LazyLock::new(|| {
        let authority = Certificate::root("Authority of the tests");
        let alternative = Wish {
            dns_names: vec!["node7.example.com".to_owned(), "foreman.example.com".to_owned()],
            ..Wish::host("node7.example.com")
        };
        let nameless = Wish { common_names: Vec::new(), dns_names: Vec::new(), ..Wish::host("nobody.example.com") };
        Identities {
            server: authority.host(SERVER),
            foreman: authority.host("foreman.example.com"),
            upper_case: authority.host("FOREMAN.Example.COM"),
            other: authority.host("other.example.com"),
            alternative: authority.sign(&alternative),
            stranger: Certificate::root("Authority of strangers").host("foreman.example.com"),
            nameless: authority.sign(&nameless),
            authority,
        }
    });
    &IDENTITIES
}
