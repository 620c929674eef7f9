//! The decision itself, without looking anything up.

use super::host_names::{NameError, normal};
use crate::caller::{Principal, Rights, Who};
use crate::tls::ClientCertificate;

/// What the settings say about callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// `trusted_hosts`: `None` trusts every verified client certificate, an empty list nobody. Case and a dot at the
    /// end do not matter; there are no wildcards.
    pub trusted_hosts: Option<Vec<String>>,
    /// `forward_verify`: over plain HTTP, must the name lead back to the address?
    pub forward_verify: bool,
}

/// What is known of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller<'a> {
    /// Over HTTPS: the verified certificate, if there is one.
    Certificate(Option<&'a ClientCertificate>),
    /// Over plain HTTP: the name of its address.
    Host(Result<String, NameError>),
    /// On this machine, where the operating system decides.
    Local,
}

/// Why a caller may not. `Display` is the text of the 403.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No certificate, and any would have done.
    #[error("No client SSL certificate supplied")]
    NoCertificate,
    /// No certificate, and one with a certain name is needed.
    #[error("could not read client cert from environment")]
    NoCertificateToName,
    /// The certificate was good when the connection was made. ssl_ca_file or ssl_crl_file has been replaced since.
    #[error("The client certificate is not accepted any more; connect again with another one")]
    NoLongerAccepted,
    /// The certificate has no name that could be on the list.
    #[error("could not read CN from the client certificate")]
    NoName,
    /// The name is not on the list.
    #[error("Untrusted client {name} attempted to access {path}. Check :trusted_hosts: in settings.yml")]
    Untrusted {
        /// The caller's name.
        name: String,
        /// The requested path.
        path: String,
    },
    /// The caller's address has no name that can be relied on.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Plain HTTP, which without a list would be open to everybody.
    #[error("Plain HTTP is only for clients in :trusted_hosts:, and that is not set in settings.yml. Use https")]
    PlainWithoutTrustedHosts,
}

impl Refusal {
    /// Has the caller shown a certificate or a name, which was not enough?
    pub(crate) fn names_the_caller(&self) -> bool {
        match self {
            Self::NoName
            | Self::NoLongerAccepted
            | Self::Untrusted { .. }
            | Self::Name(NameError::NotConfirmed { .. }) => true,
            Self::NoCertificate
            | Self::NoCertificateToName
            | Self::Name(NameError::NoName(_) | NameError::TooSlow { .. })
            | Self::PlainWithoutTrustedHosts => false,
        }
    }
}

impl Policy {
    /// Who the caller is, if it may have an answer. `path` is only for the refusal.
    ///
    /// # Errors
    ///
    /// The refusal, to be answered with 403.
    pub(crate) fn judge(&self, caller: &Caller<'_>, path: &str) -> Result<Principal, Refusal> {
        match (caller, &self.trusted_hosts) {
            (Caller::Local, _) => Ok(Principal { who: Who::Local, rights: Rights::All }),
            (Caller::Certificate(Some(certificate)), None) => Ok(with_certificate(names(certificate).next())),
            (Caller::Certificate(None), None) => Err(Refusal::NoCertificate),
            (Caller::Certificate(None), Some(_)) => Err(Refusal::NoCertificateToName),
            (Caller::Certificate(Some(certificate)), Some(trusted)) => named(certificate, trusted, path),
            (Caller::Host(_), None) => Err(Refusal::PlainWithoutTrustedHosts),
            (Caller::Host(Err(error)), Some(_)) => Err(error.clone().into()),
            (Caller::Host(Ok(name)), Some(trusted)) if is_listed(name, trusted) => {
                Ok(foreman(Who::Host(name.as_str().into())))
            }
            (Caller::Host(Ok(name)), Some(_)) => Err(untrusted(name, path)),
        }
    }
}

/// The common name decides, as with the Ruby proxy, or one of the DNS names.
fn named(certificate: &ClientCertificate, trusted: &[String], path: &str) -> Result<Principal, Refusal> {
    match names(certificate).find(|name| is_listed(name, trusted)) {
        Some(listed) => Ok(with_certificate(Some(listed))),
        None => Err(certificate.common_name.as_ref().map_or(Refusal::NoName, |name| untrusted(name, path))),
    }
}

fn names(certificate: &ClientCertificate) -> impl Iterator<Item = &str> {
    certificate.common_name.iter().chain(&certificate.dns_names).map(String::as_str)
}

fn with_certificate(name: Option<&str>) -> Principal {
    foreman(Who::Certificate(name.map(Into::into)))
}

fn foreman(who: Who) -> Principal {
    Principal { who, rights: Rights::Foreman }
}

fn is_listed(name: &str, trusted: &[String]) -> bool {
    let name = normal(name);
    // An entry that is empty, by mistake, trusts nobody.
    !name.is_empty() && trusted.iter().any(|host| normal(host) == name)
}

fn untrusted(name: &str, path: &str) -> Refusal {
    Refusal::Untrusted { name: name.to_owned(), path: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(trusted_hosts: Option<&[&str]>) -> Policy {
        let trusted_hosts = trusted_hosts.map(|hosts| hosts.iter().map(|host| (*host).to_owned()).collect());
        Policy { trusted_hosts, forward_verify: true }
    }

    fn certificate(common_name: Option<&str>, dns_names: &[&str]) -> ClientCertificate {
        let dns_names = dns_names.iter().map(|name| (*name).to_owned()).collect();
        ClientCertificate { common_name: common_name.map(str::to_owned), dns_names }
    }

    /// The body of the refusal; `None` when there is none.
    fn body(trusted_hosts: Option<&[&str]>, certificate: Option<&ClientCertificate>) -> Option<String> {
        let judged = policy(trusted_hosts).judge(&Caller::Certificate(certificate), "/features");
        judged.err().map(|refusal| refusal.to_string())
    }

    #[test]
    fn without_a_list_any_certificate_will_do() {
        assert_eq!(body(None, Some(&certificate(Some("any.example.com"), &[]))), None);
        assert_eq!(body(None, Some(&certificate(None, &[]))), None);
        assert_eq!(body(None, None).as_deref(), Some("No client SSL certificate supplied"));
    }

    #[test]
    fn an_empty_list_trusts_nobody() {
        assert_eq!(
            body(Some(&[]), Some(&certificate(Some("foreman.example.com"), &["foreman.example.com"]))).as_deref(),
            Some(
                "Untrusted client foreman.example.com attempted to access /features. \
                 Check :trusted_hosts: in settings.yml"
            )
        );
        assert_eq!(body(Some(&[]), None).as_deref(), Some("could not read client cert from environment"));
        assert!(body(Some(&[""]), Some(&certificate(Some("."), &[""]))).is_some());
    }

    #[test]
    fn the_common_name_or_a_dns_name_must_be_on_the_list() {
        let listed: Option<&[&str]> = Some(&["other.example.com", "Foreman.Example.com."]);
        assert_eq!(body(listed, Some(&certificate(Some("foreman.example.com"), &[]))), None);
        assert_eq!(body(listed, Some(&certificate(Some("evil.example.com"), &["foreman.example.com"]))), None);
        assert_eq!(body(listed, Some(&certificate(None, &["foreman.example.com"]))), None);
        assert_eq!(
            body(listed, Some(&certificate(None, &["evil.example.com"]))).as_deref(),
            Some("could not read CN from the client certificate")
        );
        // The last one has a Kelvin sign, whose small letter is k, in place of the k.
        let listed: Option<&[&str]> = Some(&["kvm.example.com", "Foreman.Example.com."]);
        for name in [
            "evil.example.com",
            "foreman.example.com.evil.org",
            "xforeman.example.com",
            "*.example.com",
            "\u{212a}vm.example.com",
        ] {
            let expected =
                format!("Untrusted client {name} attempted to access /features. Check :trusted_hosts: in settings.yml");
            assert_eq!(body(listed, Some(&certificate(Some(name), &[]))), Some(expected));
        }
    }

    #[test]
    fn a_caller_is_known_by_the_name_that_is_trusted() {
        let name = |trusted: Option<&[&str]>, certificate: &ClientCertificate| {
            let principal = policy(trusted).judge(&Caller::Certificate(Some(certificate)), "/").expect("trusted");
            assert_eq!(principal.rights, Rights::Foreman);
            principal.who.to_string()
        };
        let listed: Option<&[&str]> = Some(&["foreman.example.com"]);
        let both = certificate(Some("any.example.com"), &["www.example.com", "foreman.example.com"]);
        assert_eq!(name(listed, &both), "certificate foreman.example.com");
        assert_eq!(name(None, &both), "certificate any.example.com");
        assert_eq!(name(None, &certificate(None, &["www.example.com"])), "certificate www.example.com");
        assert_eq!(name(None, &certificate(None, &[])), "a certificate without a name");
    }

    #[test]
    fn plain_callers_need_a_list() {
        let caller = Caller::Host(Ok("foreman.example.com".to_owned()));
        assert_eq!(policy(None).judge(&caller, "/"), Err(Refusal::PlainWithoutTrustedHosts));
        let foreman = foreman(Who::Host("foreman.example.com".into()));
        assert_eq!(policy(Some(&["foreman.example.com"])).judge(&caller, "/"), Ok(foreman));
        assert!(policy(Some(&[])).judge(&caller, "/").is_err());
        let address = "10.0.0.5".parse().expect("an address");
        let nameless = Caller::Host(Err(NameError::NoName(address)));
        let refusal = policy(Some(&["foreman.example.com"])).judge(&nameless, "/").expect_err("no name");
        assert_eq!(refusal.to_string(), "unable to resolve hostname for ip address 10.0.0.5");
    }

    #[test]
    fn local_callers_are_not_asked() {
        for trusted in [None, Some(&[][..])] {
            let local = Principal { who: Who::Local, rights: Rights::All };
            assert_eq!(policy(trusted).judge(&Caller::Local, "/"), Ok(local));
        }
    }
}
