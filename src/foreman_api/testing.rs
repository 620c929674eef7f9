//! A simulated Foreman for the tests of modules, and clients of it.

use std::sync::LazyLock;

use ipam_simulators::foreman::{Foreman as Simulated, Identity, Subnet, User};
use tempfile::TempDir;

use super::{Credentials, Foreman};
use crate::tls::test_certificates::Certificate;

static AUTHORITY: LazyLock<Certificate> = LazyLock::new(|| Certificate::root("Authority of the tests"));

/// The address at which the simulated Foreman has registered this proxy.
pub(crate) const OWN: &str = "https://proxy.example.com:8443";

/// A simulated Foreman in which this proxy and another one are registered.
pub(crate) struct Site {
    directory: TempDir,
    pub(crate) simulated: Simulated,
    /// The id of this proxy, and that of the other.
    pub(crate) own: u64,
    pub(crate) other: u64,
}

impl Site {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        AUTHORITY.write(directory.path(), "ca");
        let (server, client) = (AUTHORITY.host("localhost"), AUTHORITY.host("localhost"));
        let simulated = Simulated::start(&Identity {
            certificate: server.pem(),
            key: server.key_pem(),
            client_certificate: client.pem(),
            client_key: client.key_pem(),
            authority: AUTHORITY.pem(),
        });
        let own = simulated.add("proxy", OWN, &["External IPAM"]);
        let other = simulated.add("other", "https://other.example.com:8443", &["External IPAM"]);
        Self { directory, simulated, own, other }
    }

    /// A client as `admin`, who sees everything.
    pub(crate) fn admin(&self) -> Foreman {
        self.client("admin", "changeme")
    }

    /// A client as a user with these rights, who is in all organizations.
    pub(crate) fn user(&self, login: &str, permissions: &[&'static str]) -> Foreman {
        // A personal access token takes the place of the password.
        let password = "token-of-the-user".to_owned();
        self.simulated.set_user(User {
            login: login.to_owned(),
            password: password.clone(),
            permissions: permissions.to_vec(),
        });
        self.client(login, &password)
    }

    fn client(&self, login: &str, password: &str) -> Foreman {
        let credentials = Credentials::Basic { user: login.to_owned(), password: password.into() };
        Foreman::new(&self.simulated.url(), &[self.directory.path().join("ca.pem")], credentials).expect("a client")
    }

    /// Adds a subnet of a proxy, or of none.
    pub(crate) fn subnet(&self, network: &str, cidr: u8, proxy: Option<u64>) -> u64 {
        let (name, network) = (format!("{network}/{cidr}"), network.to_owned());
        self.simulated.add_subnet(Subnet { name, network, cidr, externalipam: proxy, ..Subnet::default() })
    }
}
