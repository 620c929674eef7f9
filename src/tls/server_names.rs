//! Who a server's certificate says it is.

use std::net::{Ipv4Addr, Ipv6Addr};

use openssl::nid::Nid;
use openssl::x509::X509Ref;

use super::client_certificate::plain;

/// The names by which Foreman may call a server that shows the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerNames {
    /// As they stand in a URL: host names in lower case, which may have a wildcard, then addresses, IPv6 in brackets.
    pub hosts: Vec<String>,
    /// Are they common names of the subject? Foreman believes these where there is nothing else; most clients do not.
    pub are_common: bool,
}

impl ServerNames {
    /// Reads the names that Foreman's client looks at: the host names and addresses of the subject alternative name, and
    /// only where it has neither the common names. Source: `verify_certificate_identity` in Ruby's `openssl/ssl.rb`.
    pub(crate) fn read(certificate: &X509Ref) -> Self {
        let alternative = certificate.subject_alt_names();
        let alternative = || alternative.iter().flatten();
        let names = alternative().filter_map(|name| name.dnsname().and_then(plain));
        let addresses = alternative().filter_map(|name| name.ipaddress().and_then(address));
        let hosts: Vec<String> = names.chain(addresses).collect();
        if !hosts.is_empty() {
            return Self { hosts, are_common: false };
        }
        let common = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
        let common = common.filter_map(|entry| entry.data().to_string().ok().and_then(|name| plain(&name)));
        Self { hosts: common.collect(), are_common: true }
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| format!("[{}]", Ipv6Addr::from(bytes)))).ok()
}

#[cfg(test)]
mod tests {
    use super::super::test_certificates::{Certificate, Wish};
    use super::*;

    fn read(dns_names: &[&str], addresses: &[&str]) -> ServerNames {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let wish =
            Wish { dns_names: owned(dns_names), addresses: owned(addresses), ..Wish::host("Common.example.com") };
        ServerNames::read(&Certificate::root("Test CA").sign(&wish).x509)
    }

    fn names(hosts: &[&str], are_common: bool) -> ServerNames {
        ServerNames { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), are_common }
    }

    #[test]
    fn host_names_and_addresses_count_and_the_common_name_only_without_them() {
        let both = read(&["Proxy.example.com", "*.example.com"], &["192.0.2.1", "2001:db8::1"]);
        assert_eq!(both, names(&["proxy.example.com", "*.example.com", "192.0.2.1", "[2001:db8::1]"], false));
        assert_eq!(read(&[], &["192.0.2.1"]), names(&["192.0.2.1"], false));
        assert_eq!(read(&[], &[]), names(&["common.example.com"], true));
        let nobody = Wish { common_names: Vec::new(), dns_names: Vec::new(), ..Wish::host("") };
        let nobody = Certificate::root("Test CA").sign(&nobody);
        assert_eq!(ServerNames::read(&nobody.x509), names(&[], true));
    }
}
