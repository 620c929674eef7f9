//! Certificates for tests, made as they are asked for.
//!
//! Needs nothing of the crate, so that the contract tests can take it in with `#[path]`.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test program that takes this file in uses its part")]

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::{Asn1Time, Asn1Type};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, CrlNumber, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509CrlBuilder, X509Name, X509RevokedBuilder};

const DAY: i64 = 24 * 60 * 60;

/// A certificate and its key.
#[derive(Clone)]
pub struct Certificate {
    pub x509: X509,
    pub key: PKey<Private>,
}

/// What a certificate says.
#[derive(Clone)]
pub struct Wish {
    /// The common names in the subject, each with the ASN.1 type it is written in.
    pub common_names: Vec<(String, Asn1Type)>,
    pub dns_names: Vec<String>,
    /// IP addresses beside the DNS names.
    pub addresses: Vec<String>,
    /// Seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    pub is_authority: bool,
    pub for_servers: bool,
    pub for_clients: bool,
    /// How it is signed.
    pub digest: MessageDigest,
}

impl Wish {
    /// A certificate as Puppet's authority makes it: for servers and clients, the name as CN and in the SAN, a year.
    pub fn host(name: &str) -> Self {
        let now = now();
        Self {
            common_names: vec![(name.to_owned(), Asn1Type::UTF8STRING)],
            dns_names: vec![name.to_owned()],
            addresses: Vec::new(),
            not_before: now - DAY,
            not_after: now + 365 * DAY,
            is_authority: false,
            for_servers: true,
            for_clients: true,
            digest: MessageDigest::sha256(),
        }
    }

    /// A certificate that signs others.
    pub fn authority(name: &str) -> Self {
        Self { dns_names: Vec::new(), is_authority: true, for_servers: false, for_clients: false, ..Self::host(name) }
    }
}

impl Certificate {
    /// A new authority, signed by itself.
    pub fn root(name: &str) -> Self {
        build(&Wish::authority(name), None, new_key())
    }

    /// A certificate signed by this one.
    pub fn sign(&self, wish: &Wish) -> Self {
        build(wish, Some(self), new_key())
    }

    /// A certificate signed by this one, with a key of the caller's choice.
    pub fn sign_key(&self, wish: &Wish, key: PKey<Private>) -> Self {
        build(wish, Some(self), key)
    }

    /// The same key under another certificate, as an authority renews it.
    pub fn signed_by(&self, issuer: &Self, wish: &Wish) -> Self {
        build(wish, Some(issuer), self.key.clone())
    }

    /// The list of the certificates of this authority that it has revoked.
    pub fn revocations(&self, revoked: &[&Self], last_update: i64, next_update: i64) -> String {
        let time = |seconds| Asn1Time::from_unix(seconds).expect("a time");
        let mut list = X509CrlBuilder::new().expect("a builder");
        list.set_issuer_name(self.x509.subject_name()).expect("an issuer");
        list.set_last_update(&time(last_update)).expect("a start");
        list.set_next_update(&time(next_update)).expect("an end");
        for certificate in revoked {
            let mut entry = X509RevokedBuilder::new().expect("a builder");
            entry.set_serial_number(certificate.x509.serial_number()).expect("a number");
            entry.set_revocation_date(&time(last_update)).expect("a time");
            list.add_revoked(entry.build()).expect("added");
        }
        let dummy = X509Builder::new().expect("a builder");
        let context = dummy.x509v3_context(Some(&self.x509), None);
        let authority = AuthorityKeyIdentifier::new().keyid(true).build(&context).expect("an extension");
        list.append_extension(authority).expect("added");
        let number = BigNum::from_u32(1).and_then(|one| CrlNumber::new(one)?.build()).expect("an extension");
        list.append_extension(number).expect("added");
        list.sort().expect("sorted");
        list.sign(&self.key, MessageDigest::sha256()).expect("a signature");
        let pem = list.build().expect("a list").to_pem().expect("PEM");
        String::from_utf8(pem).expect("PEM is ASCII")
    }

    /// A host's certificate signed by this one.
    pub fn host(&self, name: &str) -> Self {
        self.sign(&Wish::host(name))
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> String {
        String::from_utf8(self.x509.to_pem().expect("PEM")).expect("PEM is ASCII")
    }

    /// The key as PEM.
    pub fn key_pem(&self) -> String {
        String::from_utf8(self.key.private_key_to_pem_pkcs8().expect("PEM")).expect("PEM is ASCII")
    }

    /// Writes `<stem>.pem` and `<stem>.key` into the directory, the key for its owner only.
    pub fn write(&self, directory: &Path, stem: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (directory.join(format!("{stem}.pem")), directory.join(format!("{stem}.key")));
        fs::write(&certificate, self.pem()).expect("written");
        fs::write(&key, self.key_pem()).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&key, private).expect("permissions");
        (certificate, key)
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

fn build(wish: &Wish, issuer: Option<&Certificate>, key: PKey<Private>) -> Certificate {
    let mut subject = X509Name::builder().expect("a name");
    for (name, kind) in &wish.common_names {
        subject.append_entry_by_nid_with_type(Nid::COMMONNAME, name, *kind).expect("a common name");
    }
    let subject = subject.build();
    let mut serial = BigNum::new().expect("a number");
    serial.rand(120, MsbOption::MAYBE_ZERO, false).expect("random");

    let mut x509 = X509Builder::new().expect("a builder");
    x509.set_version(2).expect("version 3");
    x509.set_serial_number(&serial.to_asn1_integer().expect("a number")).expect("a serial number");
    x509.set_subject_name(&subject).expect("a subject");
    x509.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.x509.subject_name())).expect("an issuer");
    x509.set_not_before(&Asn1Time::from_unix(wish.not_before).expect("a time")).expect("a start");
    x509.set_not_after(&Asn1Time::from_unix(wish.not_after).expect("a time")).expect("an end");
    x509.set_pubkey(&key).expect("a key");
    extend(&mut x509, wish, issuer);
    x509.sign(issuer.map_or(&key, |issuer| &issuer.key), wish.digest).expect("a signature");
    Certificate { x509: x509.build(), key }
}

fn extend(x509: &mut X509Builder, wish: &Wish, issuer: Option<&Certificate>) {
    let context = x509.x509v3_context(issuer.map(|issuer| &*issuer.x509), None);
    let mut extensions = vec![SubjectKeyIdentifier::new().build(&context).expect("an extension")];
    if issuer.is_some() {
        extensions.push(AuthorityKeyIdentifier::new().keyid(true).build(&context).expect("an extension"));
    }
    if !wish.dns_names.is_empty() || !wish.addresses.is_empty() {
        let mut names = SubjectAlternativeName::new();
        for name in &wish.dns_names {
            names.dns(name);
        }
        for address in &wish.addresses {
            names.ip(address);
        }
        extensions.push(names.build(&context).expect("an extension"));
    }
    let mut basic = BasicConstraints::new();
    let mut usage = KeyUsage::new();
    if wish.is_authority {
        basic.ca();
        usage.key_cert_sign().crl_sign();
    } else {
        usage.digital_signature();
    }
    extensions.push(basic.critical().build().expect("an extension"));
    extensions.push(usage.critical().build().expect("an extension"));
    if wish.for_servers || wish.for_clients {
        let mut usage = ExtendedKeyUsage::new();
        if wish.for_servers {
            usage.server_auth();
        }
        if wish.for_clients {
            usage.client_auth();
        }
        extensions.push(usage.build().expect("an extension"));
    }
    for extension in extensions {
        x509.append_extension(extension).expect("an extension");
    }
}

pub fn now() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since_1970.as_secs()).expect("before the year 292 billion")
}
