//! Why the certificate of an IPAM was refused, and what to do about it.

use std::error::Error;

/// What to tell people if the connection ended because of the server's certificate. `what` names the IPAM.
pub(super) fn refusal(what: &str, error: &(dyn Error + 'static)) -> Option<String> {
    let mut causes = String::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        causes.push_str(&error.to_string());
        cause = error.source();
    }
    let advice = advice(&causes)?;
    // Begins as the Ruby plugin's text does.
    Some(format!("Unable to connect to External IPAM server ({what}): {advice}"))
}

/// The TLS library has no kinds for these; the words are OpenSSL's.
fn advice(causes: &str) -> Option<&'static str> {
    let says = |text: &str| causes.contains(text);
    if !says("certificate verify failed") {
        return None;
    }
    Some(if says("ostname mismatch") || says("IP address mismatch") {
        "its certificate is for another name. Write the name that is in it into url in the proxy's settings"
    } else if says("has expired") {
        "its certificate has expired. Renew it there"
    } else if says("yet valid") {
        "its certificate is not valid yet. Compare the clocks of both machines"
    } else {
        "its certificate is not trusted. Name the CA that signed it with ca_file in the proxy's settings"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_advice() {
        let begin = "error sending request: client error (Connect): error:0A000086:SSL routines:\
                     tls_post_process_server_certificate:certificate verify failed:ssl/statem/statem_clnt.c:2123:";
        for (reason, advice) in [
            ("(unable to get local issuer certificate)", "with ca_file in the proxy's settings"),
            ("(self-signed certificate in certificate chain)", "with ca_file in the proxy's settings"),
            ("(hostname mismatch)", "is for another name"),
            ("(IP address mismatch)", "is for another name"),
            ("(certificate has expired)", "has expired"),
            ("(certificate is not yet valid)", "is not valid yet"),
        ] {
            let text =
                refusal("Some IPAM", &crate::Error::new(crate::ErrorKind::Unavailable, format!("{begin}{reason}")));
            let text = text.expect("an advice");
            assert!(
                text.starts_with("Unable to connect to External IPAM server (Some IPAM): its certificate"),
                "{text}"
            );
            assert!(text.contains(advice), "{reason}: {text}");
        }
    }

    #[test]
    fn other_failures_have_none() {
        let refused = crate::Error::new(crate::ErrorKind::Unavailable, "tcp connect error: Connection refused");
        assert_eq!(refusal("Some IPAM", &refused), None);
    }
}
