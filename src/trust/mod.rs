//! Who may call: every route asks here, but `/features` and `/version`.
//!
//! Over HTTPS a caller needs a client certificate, which the TLS layer has verified, and, when `trusted_hosts` is set,
//! a name from that list in it. Over plain HTTP, where there is no certificate, the caller's address must lead to such
//! a name by reverse DNS, and that name back to the address. The texts of refusals are those of the Ruby smart proxy
//! (`lib/proxy/helpers.rb`, `lib/sinatra/authorization.rb`), because people search for them.

mod host_names;
mod policy;

use std::net::IpAddr;

use crate::caller::Principal;
use crate::tls::ClientCertificate;

pub(crate) use self::host_names::{HostNames, SystemResolver};
pub(crate) use self::policy::{Caller, Policy, Refusal};

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Over HTTPS, with the verified certificate if one was shown.
    Tls {
        /// The names in the certificate.
        certificate: Option<ClientCertificate>,
    },
    /// Over plain HTTP.
    Plain {
        /// The caller's address.
        address: IpAddr,
    },
    /// Through a unix socket, whose permissions decide, or on loopback in the demo.
    Local,
}

/// Answers whether a peer may call, looking up its name where that is needed.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    policy: Policy,
    names: HostNames,
}

impl Gate {
    /// A gate that looks names up in `names`, which may be shared and outlive a reload of the settings.
    pub(crate) fn new(policy: Policy, names: HostNames) -> Self {
        Self { policy, names }
    }

    /// Who the peer is, if it may have an answer. `path` is the requested path relative to the mount point of its module (`/` for
    /// `/logs/`), as refusals show it.
    ///
    /// # Errors
    ///
    /// The refusal, to be answered with 403.
    pub(crate) async fn admit(&self, peer: &Peer, path: &str) -> Result<Principal, Refusal> {
        let caller = match peer {
            Peer::Tls { certificate } => Caller::Certificate(certificate.as_ref()),
            Peer::Local => Caller::Local,
            // Without a list no name could be on it, so none is looked up.
            Peer::Plain { .. } if self.policy.trusted_hosts.is_none() => return Err(Refusal::PlainWithoutTrustedHosts),
            Peer::Plain { address } => Caller::Host(self.names.find(*address, self.policy.forward_verify).await),
        };
        self.policy.judge(&caller, path)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use crate::caller::{Rights, Who};
    use crate::trust::host_names::Resolver;

    #[derive(Debug)]
    struct NoResolver;

    impl Resolver for NoResolver {
        fn name_of(&self, address: IpAddr) -> io::Result<String> {
            panic!("nobody should ask for {address}");
        }

        fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            panic!("nobody should ask for {name}");
        }
    }

    #[derive(Debug)]
    struct Foreman;

    impl Resolver for Foreman {
        fn name_of(&self, _: IpAddr) -> io::Result<String> {
            Ok("Foreman.example.com.".to_owned())
        }

        fn addresses_of(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(vec!["10.0.0.5".parse().expect("an address")])
        }
    }

    fn gate(trusted_hosts: Option<&[&str]>, resolver: impl Resolver) -> Gate {
        let trusted_hosts = trusted_hosts.map(|hosts| hosts.iter().map(|host| (*host).to_owned()).collect());
        Gate::new(Policy { trusted_hosts, forward_verify: true }, HostNames::new(Arc::new(resolver)))
    }

    #[tokio::test]
    async fn names_are_looked_up_only_where_they_decide() {
        let plain = Peer::Plain { address: "10.0.0.5".parse().expect("an address") };
        let open = gate(None, NoResolver);
        assert_eq!(open.admit(&plain, "/").await, Err(Refusal::PlainWithoutTrustedHosts));
        let local = Ok(Principal { who: Who::Local, rights: Rights::All });
        assert_eq!(open.admit(&Peer::Local, "/").await, local);
        assert_eq!(open.admit(&Peer::Tls { certificate: None }, "/").await, Err(Refusal::NoCertificate));
        assert_eq!(gate(Some(&[]), NoResolver).admit(&Peer::Local, "/").await, local);
    }

    #[tokio::test]
    async fn plain_callers_are_known_by_their_name() {
        let address = |text: &str| Peer::Plain { address: text.parse().expect("an address") };
        let listed = gate(Some(&["foreman.example.com"]), Foreman);
        let foreman = Ok(Principal { who: Who::Host("foreman.example.com".into()), rights: Rights::Foreman });
        assert_eq!(listed.admit(&address("10.0.0.5"), "/").await, foreman);
        assert_eq!(listed.admit(&address("::ffff:10.0.0.5"), "/").await, foreman);
        let refusal = listed.admit(&address("10.0.0.6"), "/").await.expect_err("the name is not its own");
        assert_eq!(
            refusal.to_string(),
            "untrusted client has no matching forward DNS lookup - foreman.example.com (10.0.0.6)"
        );
        let refusal = gate(Some(&["other.example.com"]), Foreman).admit(&address("10.0.0.5"), "/features").await;
        assert_eq!(
            refusal.expect_err("not listed").to_string(),
            "Untrusted client foreman.example.com attempted to access /features. Check :trusted_hosts: in settings.yml"
        );
    }
}
