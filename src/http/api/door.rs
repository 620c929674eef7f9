//! What the rest of the proxy knows of the management API: where it begins, and what the settings decide of it.

use std::fmt;
use std::sync::Arc;

use ipam_store::SharedStore;

use crate::settings::ListedCertificate;
use crate::tokens::Tokens;

/// What all paths begin with. Another major version would have another.
pub(super) const API_PATH: &str = "/api/v1";

/// What the settings decide of the management API.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    /// The client certificates that may use it.
    pub certificates: Vec<ListedCertificate>,
    /// The tokens; `None` if the API is off.
    pub tokens: Option<Tokens>,
    /// The embedded IPAM, if there is just one.
    pub embedded: Option<Arc<dyn Embedded>>,
}

/// An embedded IPAM that is open.
pub(crate) trait Embedded: fmt::Debug + Send + Sync {
    /// Its store.
    fn store(&self) -> &SharedStore;
}

#[cfg(feature = "internal")]
impl Embedded for ipam_provider_internal::Internal {
    fn store(&self) -> &SharedStore {
        self.store()
    }
}
