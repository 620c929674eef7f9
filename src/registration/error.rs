//! Why a registration did not work, in sentences for the person at the command line.

use crate::foreman_api;

/// A registration, or its end, that did not work. Each text says what is wrong and what would be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Foreman could not be asked, or did not answer.
    #[error(transparent)]
    Foreman(#[from] foreman_api::Error),
    /// The wanted name or address cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// Foreman refuses, and it is known why.
    #[error("Foreman refuses: {}\n{right}", .messages.join(" "))]
    Refused {
        /// What Foreman says, at least one sentence.
        messages: Vec<String>,
        /// What would be right.
        right: String,
    },
    /// Subnets use the Smart Proxy that is to be removed.
    #[error(
        "{name} is the External IPAM of {} in Foreman: {}; choose another one there first. Foreman would remove it, and \
         then neither save these subnets nor delete their hosts; --force removes it nevertheless",
        counted(.subnets.len(), "subnet"),
        .subnets.join(", ")
    )]
    InUse {
        /// The registered name.
        name: String,
        /// The subnets, as people name them.
        subnets: Vec<String>,
    },
    /// The name belongs to a Smart Proxy that does other things.
    #[error(
        "Foreman knows {name} as a Smart Proxy at {url} with other features ({}): it is not this one; choose another \
         name with --name",
        .features.join(", ")
    )]
    OtherProxy {
        /// The registered name.
        name: String,
        /// Its address.
        url: String,
        /// What it has besides ours.
        features: Vec<String>,
    },
    /// Name and address are those of two records.
    #[error(
        "Foreman knows the address {url} as {other}, and {name} as another Smart Proxy; remove one of them in Foreman, \
         or choose the right --name or --proxy-url"
    )]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// The address asked for.
        url: String,
        /// The name of the record that has the address.
        other: String,
    },
    /// There is no such record.
    #[error("Foreman has no Smart Proxy with the name {name} or the address {url}; register it first")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The address asked for.
        url: String,
    },
    /// Registered, but without what it is there for.
    #[error("Foreman has registered {name}, but without {}; {right}", .missing.join(" and "))]
    WithoutFeatures {
        /// The registered name.
        name: String,
        /// The features that are missing.
        missing: Vec<&'static str>,
        /// What would be right.
        right: String,
    },
}

/// A number of things, such as `1 subnet` or `15 subnets`.
pub(super) fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Why Foreman cannot fetch our features, from the sentence in which it repeats Ruby's exception, and what to do.
///
/// The names of exceptions and the texts of OpenSSL are the same in every language that Foreman speaks.
pub(super) fn advice(messages: &[String], proxy: &str) -> Option<String> {
    let text = messages.join(" ").to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if !says(&["erf12-2530", "unable to communicate with the proxy"]) {
        return says(&["not recognized by foreman"]).then(|| {
            "This Foreman knows neither External IPAM nor Logs. External IPAM came with Foreman 2.1.".to_owned()
        });
    }
    Some(if says(&["restclient::forbidden", "403 forbidden"]) {
        "Foreman reaches the proxy, which does not let it in: put the name in Foreman's certificate into trusted_hosts \
         in settings.yml, and reload the proxy."
            .to_owned()
    } else if says(&["hostname", "does not match the server certificate"]) && says(&["ssl", "certificate"]) {
        format!(
            "The proxy's certificate is not for the host in {proxy}: register a name that is in it, with --proxy-url."
        )
    } else if says(&["alert certificate expired"]) {
        "Foreman's certificate has expired, or the revocation list in ssl_crl_file has: have it renewed.".to_owned()
    } else if says(&["alert certificate revoked"]) {
        "Foreman's certificate is revoked in ssl_crl_file: have another one issued.".to_owned()
    } else if says(&["alert unsupported certificate"]) {
        "Foreman's certificate is not for clients: have one issued whose extended key usage has clientAuth.".to_owned()
    } else if says(&["alert unknown ca", "alert certificate", "alert bad certificate", "alert handshake"]) {
        "The proxy does not accept Foreman's certificate: ssl_ca_file in settings.yml must have the CA that signed it."
            .to_owned()
    } else if says(&["certificate verify failed"]) {
        "Foreman does not trust the proxy's certificate: it must be signed by the CA in Foreman's setting \"SSL CA \
         file\"."
            .to_owned()
    } else if says(&["econnrefused", "connection refused"]) {
        format!("Nothing listens at {proxy}: start the proxy, and see whether port and bind_host are right.")
    } else if says(&["timeout", "timed out", "execution expired", "ehostunreach", "enetunreach", "no route to host"]) {
        format!("Foreman does not reach {proxy}: see whether a firewall is between the two.")
    } else if says(&["getaddrinfo", "name or service not known", "socketerror"]) {
        format!(
            "Foreman's machine does not find the host in {proxy}: add it to DNS, or give another name with --proxy-url."
        )
    } else if says(&["eacces", "permission denied"]) {
        "Foreman's machine may not connect to this port; with SELinux it may connect to http_port_t and \
         foreman_proxy_port_t only."
            .to_owned()
    } else {
        format!("Foreman must be able to fetch {proxy}/v2/features; the logs of both say more.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advised(exception: &str) -> String {
        let message = format!(
            "Unable to communicate with the proxy: ERF12-2530 [ProxyAPI::ProxyException]: Unable to detect features \
             ({exception}) for proxy https://proxy.example.com:8443/v2/features"
        );
        let please = "Please check the proxy is configured and running on the host.".to_owned();
        advice(&[message, please], "https://proxy.example.com:8443").expect("advice")
    }

    #[test]
    fn what_keeps_foreman_from_the_proxy_is_told_apart() {
        let table = [
            ("[RestClient::Forbidden]: 403 Forbidden", "trusted_hosts"),
            (
                "[Errno::ECONNREFUSED]: Connection refused - connect(2) for \"proxy.example.com\" port 8443",
                "Nothing listens",
            ),
            ("[RestClient::Exceptions::OpenTimeout]: Timed out connecting to server", "firewall"),
            ("[SocketError]: getaddrinfo: Name or service not known", "DNS"),
            (
                "[RestClient::SSLCertificateNotVerified]: SSL_connect returned=1 errno=0 state=error: certificate verify failed (unable to get local issuer certificate)",
                "Foreman does not trust",
            ),
            (
                "[OpenSSL::SSL::SSLError]: hostname \"proxy.example.com\" does not match the server certificate",
                "--proxy-url",
            ),
            (
                "[RestClient::SSLCertificateNotVerified]: SSL_connect returned=1 errno=0 state=error: certificate verify failed (hostname mismatch)",
                "--proxy-url",
            ),
            ("[OpenSSL::SSL::SSLError]: SSL_read: tlsv1 alert unknown ca", "does not accept Foreman's certificate"),
            ("[OpenSSL::SSL::SSLError]: SSL_read: sslv3 alert certificate expired", "certificate has expired"),
            ("[OpenSSL::SSL::SSLError]: SSL_read: ssl/tls alert certificate revoked", "have another one issued"),
            ("[OpenSSL::SSL::SSLError]: SSL_read: sslv3 alert unsupported certificate", "has clientAuth"),
            ("[Errno::EACCES]: Permission denied - connect(2)", "SELinux"),
            ("[RestClient::InternalServerError]: 500 Internal Server Error", "/v2/features"),
        ];
        for (exception, expected) in table {
            let advice = advised(exception);
            assert!(advice.contains(expected), "{exception}: {advice}");
        }
    }

    #[test]
    fn an_old_foreman_is_named() {
        let message = "Features \"externalipam\" in this proxy are not recognized by Foreman.".to_owned();
        assert!(advice(&[message], "https://x").expect("advice").contains("Foreman 2.1"));
        assert_eq!(advice(&["Name has already been taken".to_owned()], "https://x"), None);
    }
}
