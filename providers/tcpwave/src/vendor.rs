//! TCPWave's names: of itself, of its calls, and of what the administrator of the credentials must be allowed to do.

/// The name in settings and log lines.
pub(crate) const NAME: &str = "tcpwave";

/// The product for people.
pub(crate) const WHAT: &str = "TCPWave";

/// The header of a session token.
pub(crate) const SESSION_TOKEN: &str = "tims-session-token";

// Rights in words: how the roles of an appliance name them is not documented.
pub(crate) const READ_ORGANIZATIONS: &str = "read organizations";
pub(crate) const READ_NETWORKS: &str = "read networks";
pub(crate) const READ_SUBNETS: &str = "read subnets";
pub(crate) const READ_OBJECTS: &str = "read objects";
pub(crate) const ADD_OBJECTS: &str = "add objects";
pub(crate) const EDIT_OBJECTS: &str = "edit objects";
pub(crate) const DELETE_OBJECTS: &str = "delete objects";

/// A call of the API.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// Service and name, below `/tims/rest`.
    pub(crate) path: [&'static str; 4],
    /// The right that it needs.
    pub(crate) right: &'static str,
}

const fn call(service: &'static str, name: &'static str, right: &'static str) -> Call {
    Call { path: ["tims", "rest", service, name], right }
}

pub(crate) const ORGANIZATIONS: Call = call("organization", "list", READ_ORGANIZATIONS);
pub(crate) const NETWORKS: Call = call("network", "paged", READ_NETWORKS);
pub(crate) const SUBNETS: Call = call("subnet", "paged", READ_SUBNETS);
pub(crate) const SUBNET: Call = call("subnet", "getSubnetData", READ_SUBNETS);
pub(crate) const SUBNET_OF_ADDRESS: Call = call("object", "getSubnetByObjectIP", READ_OBJECTS);
pub(crate) const OBJECTS: Call = call("object", "paged", READ_OBJECTS);
pub(crate) const OBJECT_EXISTS: Call = call("object", "checkObjectExists", READ_OBJECTS);
pub(crate) const FREE_RANGES: Call = call("object", "nextfreeip", READ_OBJECTS);
pub(crate) const ADD: Call = call("object", "add", ADD_OBJECTS);
pub(crate) const EDIT: Call = call("object", "edit", EDIT_OBJECTS);
pub(crate) const DELETE: Call = call("object", "delete-multiple", DELETE_OBJECTS);
