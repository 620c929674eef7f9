//! Which client certificates are accepted, in the handshake and after a reload.

use std::cmp::Ordering;

use openssl::error::ErrorStack;
use openssl::ssl::SslFiletype;
use openssl::stack::Stack;
use openssl::x509::store::{File, X509Lookup, X509Store, X509StoreBuilder, X509StoreRef};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509Crl, X509PurposeId, X509StoreContext, X509StoreContextRef};

use super::client_certificate::describe;
use super::files::{Error, Files, Material, is_issuer};
use super::finding::{Finding, Severity};

/// The authorities, and what they have revoked.
///
/// With `ssl_crl_file`, a client is refused when the authority that signed its certificate has no list there, as Apache
/// and nginx do it. The authorities themselves are looked up too if the file has a list of each of them.
pub(super) fn store(files: &Files, material: &Material) -> Result<X509Store, Error> {
    let mut store = X509StoreBuilder::new()?;
    for authority in &material.authorities {
        store.add_cert(authority.clone())?;
    }
    store.set_purpose(X509PurposeId::SSL_CLIENT)?;
    if let Some(file) = &files.crl_file {
        let lookup = store.add_lookup(X509Lookup::<File>::file())?;
        let found = lookup.load_crl_file(file, SslFiletype::PEM)?;
        if usize::try_from(found) != Ok(material.lists.len()) {
            return Err(Error::UnevenLists(file.clone()));
        }
        let mut flags = X509VerifyFlags::CRL_CHECK;
        if material.authorities.iter().all(|authority| has_list(authority, material)) {
            flags |= X509VerifyFlags::CRL_CHECK_ALL;
        }
        store.set_flags(flags)?;
    }
    Ok(store.build())
}

/// Authorities whose clients are refused because there is no revocation list.
pub(super) fn lists_missing(files: &Files, material: &Material) -> Vec<Finding> {
    let Some(file) = &files.crl_file else { return Vec::new() };
    let finding = |authority: &X509| Finding {
        severity: Severity::Warning,
        text: format!(
            "{} has no revocation list of {}, and all its clients are refused; add the list",
            file.display(),
            describe(authority.subject_name())
        ),
    };
    without_list(material).map(finding).collect()
}

/// Authorities without a list. One that only signs other authorities needs none.
fn without_list(material: &Material) -> impl Iterator<Item = &X509> {
    let authorities = &material.authorities;
    let is_above = |authority: &X509, other: &X509| is_issuer(authority, other) && !is_issuer(other, other);
    authorities.iter().filter(move |authority| {
        !has_list(authority, material) && !authorities.iter().any(|other| is_above(authority, other))
    })
}

fn has_list(authority: &X509, material: &Material) -> bool {
    let is_of = |list: &X509Crl| {
        let has_name = list.issuer_name().try_cmp(authority.subject_name()).is_ok_and(Ordering::is_eq);
        has_name && authority.public_key().is_ok_and(|key| list.verify(&key).unwrap_or(false))
    };
    material.lists.iter().any(is_of)
}

/// Is the certificate one of a client that the store accepts?
pub(super) fn verify(certificate: &X509, intermediates: &[X509], store: &X509StoreRef) -> Result<bool, ErrorStack> {
    let mut chain = Stack::new()?;
    for intermediate in intermediates {
        chain.push(intermediate.clone())?;
    }
    X509StoreContext::new()?.init(store, certificate, &chain, X509StoreContextRef::verify_cert)
}
