//! BlueCat's names: of itself, and of what the API user must be allowed to do.

use std::time::Duration;

/// The name in settings and log lines.
pub(crate) const NAME: &str = "bluecat";

/// The product for people.
pub(crate) const WHAT: &str = "BlueCat";

/// What a changed record is explained with. Sites may demand a comment for each change.
pub(crate) const COMMENT: &str = "foreman-ipam-proxy";

/// After a refused login none is tried for this long: a site may lock a user after some failures.
pub(crate) const AFTER_REFUSAL: Duration = Duration::from_secs(60);

// Access rights, as the tab of that name shows them, each with the objects that it is for.
pub(crate) const VIEW_CONFIGURATIONS: &str = "View on the configuration";
pub(crate) const VIEW_NETWORKS: &str = "View on blocks and networks";
pub(crate) const VIEW_ADDRESSES: &str = "View on IP addresses";
pub(crate) const FULL_ADDRESSES: &str = "Full Access on IP addresses";
pub(crate) const VIEW_ZONES: &str = "View on views and zones";
pub(crate) const FULL_HOSTS: &str = "Full Access on host records";
pub(crate) const DEPLOY: &str = "Quick deploy";
