//! The name by which Foreman is to call this host.

use std::path::Path;

use ipam_provider::pem;

use crate::tls::ServerNames;

/// The name for Foreman to call: one that the proxy's certificate has, because Foreman verifies it; of several the one
/// that this machine calls itself by. Without a certificate it is the machine's own name.
pub(crate) fn host_name(certificate: Option<&Path>) -> Option<String> {
    let own = dns_lookup::get_hostname().ok().map(|name| name.to_lowercase()).filter(|name| !name.is_empty());
    let names = certificate.map(names).unwrap_or_default();
    choose(&names, own.as_deref()).or(own)
}

/// The address at which Foreman reaches the proxy: the one that is given, else a name of its certificate and a port.
///
/// # Errors
/// What is not known.
pub(crate) fn own_url(
    given: Option<&str>,
    certificate: Option<&Path>,
    https_port: Option<u16>,
    http_port: Option<u16>,
) -> Result<String, &'static str> {
    if let Some(url) = given {
        return Ok(url.to_owned());
    }
    let host = host_name(certificate).ok_or("this machine does not know its name")?;
    match (https_port, http_port) {
        (Some(port), _) => Ok(format!("https://{host}:{port}")),
        (None, Some(port)) => Ok(format!("http://{host}:{port}")),
        (None, None) => Err("the proxy listens on no port"),
    }
}

fn choose(names: &[String], own: Option<&str>) -> Option<String> {
    let is_own = |name: &&String| own.is_some_and(|own| *name == own || name.split('.').next() == Some(own));
    names.iter().find(is_own).or(names.first()).cloned()
}

/// The names of the first certificate of a file, in lower case; those with a wildcard stand for no host.
fn names(certificate: &Path) -> Vec<String> {
    // A file that cannot be used is reported by whoever serves with it.
    let Ok(certificates) = pem::certificates(certificate) else {
        return Vec::new();
    };
    ServerNames::read(&certificates[0]).hosts.into_iter().filter(|name| !name.contains('*')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::test_certificates::{Certificate, Wish};

    #[test]
    fn the_name_is_one_that_the_certificate_has() {
        let directory = tempfile::tempdir().expect("a directory");
        let names_in =
            ["*.example.com", "puppet", "Proxy.example.com", "other.example.com"].map(str::to_owned).to_vec();
        let wish = Wish { dns_names: names_in, ..Wish::host("proxy.example.com") };
        let (certificate, _) = Certificate::root("CA").sign(&wish).write(directory.path(), "proxy");
        let names = names(&certificate);
        assert_eq!(names, ["puppet", "proxy.example.com", "other.example.com"]);
        let chosen = |own| choose(&names, own).expect("a name");
        assert_eq!(chosen(Some("other.example.com")), "other.example.com");
        assert_eq!(chosen(Some("proxy")), "proxy.example.com", "a machine may know its short name only");
        assert_eq!(chosen(Some("unknown.example.com")), "puppet");
        assert_eq!(chosen(None), "puppet");
        let by_number = Wish {
            dns_names: Vec::new(),
            addresses: vec!["2001:db8::1".to_owned()],
            ..Wish::host("proxy.example.com")
        };
        let (certificate, _) = Certificate::root("CA").sign(&by_number).write(directory.path(), "number");
        assert_eq!(super::names(&certificate), ["[2001:db8::1]"], "as it stands in a URL");
        assert_eq!(choose(&[], Some("machine")), None);
        assert_eq!(super::names(Path::new("/nowhere")), [""; 0]);
    }
}
