//! Why a client's certificate was refused, and what to do about it.

use openssl::x509::X509StoreContextRef;

use super::client_certificate::describe;

/// Logs it: the client learns no more than that its certificate was refused, and actix-web logs nothing of it.
pub(super) fn log(chain: &X509StoreContextRef) {
    let names = chain.current_cert().map(|x509| (describe(x509.subject_name()), describe(x509.issuer_name())));
    let (subject, issuer) = names.unwrap_or_else(|| ("nobody".to_owned(), "nobody".to_owned()));
    let error = chain.error();
    log::warn!(
        "A client was refused because of its certificate: {} (of {subject}, signed by {issuer}). {}",
        error.error_string(),
        advice(error.as_raw(), chain.error_depth() == 0)
    );
}

/// What to do; `is_own`: the fault is in the client's own certificate, not in that of an authority. The numbers are
/// `X509_V_ERR_…` of OpenSSL's `x509_vfy.h`, which never change.
fn advice(error: i32, is_own: bool) -> &'static str {
    match (error, is_own) {
        // No issuer, a wrong signature, an authority that is none, or one that nobody knows.
        (2 | 7 | 18..=21 | 24 | 27, _) => "Put the authority that signed it into ssl_ca_file, and reload",
        (9, _) => "Set the clocks of both machines, or wait",
        (10, true) => "Have the client's certificate renewed",
        (10, false) => "Put the renewed certificate of the authority into ssl_ca_file, and reload",
        (26, true) => "Have one issued that is for clients: its extended key usage lacks clientAuth",
        (26, false) => {
            "Have the authority's certificate issued for clients too: its extended key usage lacks clientAuth"
        }
        (23, _) => "ssl_crl_file lists it: have another one issued",
        (3 | 8 | 33, _) => "Put the revocation list of this authority into ssl_crl_file, and reload",
        (11 | 12, _) => "Put a newer revocation list of this authority into ssl_crl_file, and reload",
        (66..=68, _) => "Have one issued with an RSA key of at least 2048 bits, or an EC key, and SHA-256",
        _ => "'openssl verify -purpose sslclient' says more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_authority_that_is_missing_is_to_be_added() {
        for error in [2, 18, 19, 20, 21] {
            assert!(advice(error, true).contains("authority that signed it into ssl_ca_file"), "{error}");
        }
        for error in [9, 10, 23, 26, 66, 68] {
            assert!(!advice(error, true).contains("ssl_ca_file"), "{error}");
        }
    }
}
