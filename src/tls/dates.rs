//! When certificates and revocation lists end, and what that means.

use std::path::Path;

use jiff::Timestamp;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::x509::{X509, X509CrlRef, X509Ref};

use super::client_certificate::describe;
use super::files::{Files, Material, is_among};
use super::finding::{Finding, Severity};

/// A certificate that expires sooner than this is worth a warning. A revocation list whose whole life is short has one
/// later, when two thirds of it are over.
const SOON_DAYS: i64 = 30;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Everything that is over, has not begun, or ends soon.
pub(super) fn of_all(files: &Files, material: &Material, now: Timestamp) -> Vec<Finding> {
    let mut findings = of_own(&files.certificate, &material.certificate, now);
    // Those that were found among the authorities are in that file.
    let of_own_file = material.chain.iter().filter(|sent| !is_among(sent, &material.authorities));
    findings.extend(of_own_file.flat_map(|sent| of_chain(&files.certificate, std::slice::from_ref(sent), now)));
    findings.extend(of_authorities(&files.ca_file, &material.authorities, now));
    if let Some(file) = &files.crl_file {
        findings.extend(material.lists.iter().filter_map(|list| of_list(file, list, now)));
    }
    findings
}

/// Of the proxy's own certificate.
pub(super) fn of_own(path: &Path, certificate: &X509Ref, now: Timestamp) -> Vec<Finding> {
    of(path, certificate, Severity::Fault, now)
}

/// Of the certificates that are sent after it: callers may know another way to an authority that they trust.
pub(super) fn of_chain(path: &Path, certificates: &[X509], now: Timestamp) -> Vec<Finding> {
    certificates.iter().flat_map(|certificate| of(path, certificate, Severity::Warning, now)).collect()
}

/// Of the authorities of clients. While one takes the place of another, both are there, and the old one may be over.
pub(super) fn of_authorities(path: &Path, authorities: &[X509], now: Timestamp) -> Vec<Finding> {
    let is_one_valid = authorities.iter().any(|authority| is_valid(authority, now));
    let severity = if is_one_valid { Severity::Warning } else { Severity::Fault };
    authorities.iter().flat_map(|authority| of(path, authority, severity, now)).collect()
}

/// Of a revocation list. OpenSSL refuses every client of its authority before and after its time.
pub(super) fn of_list(path: &Path, list: &X509CrlRef, now: Timestamp) -> Option<Finding> {
    let of = format!("{}: the revocation list of {}", path.display(), describe(list.issuer_name()));
    let fault = |text: String| Some(Finding { severity: Severity::Fault, text });
    let start = list.last_update();
    let Some(until_start) = seconds_until(start, now) else {
        return fault(format!("{of} has dates that cannot be read; fetch a new one"));
    };
    if until_start > 0 {
        return fault(format!("{of} is not valid before {start}; set this machine's clock or wait"));
    }
    // A list without an end is valid for ever.
    let end = list.next_update()?;
    let Some(until_end) = seconds_until(end, now) else {
        return fault(format!("{of} has dates that cannot be read; fetch a new one"));
    };
    let soon = (SOON_DAYS * SECONDS_PER_DAY).min((until_end - until_start) / 3);
    if until_end <= 0 {
        fault(format!("{of} expired on {end}, and all its clients are refused; fetch a newer one and reload"))
    } else if until_end < soon {
        let text = format!("{of} expires on {end}, and all its clients are refused then; fetch a newer one and reload");
        Some(Finding { severity: Severity::Warning, text })
    } else {
        None
    }
}

/// When what the files hold ends, in seconds since 1970, by the key that names the file in the settings.
///
/// Of several authorities the first of those that are still valid counts, because an old one may be over while another
/// takes its place; of several revocation lists the first of all, because one that is over refuses all its clients.
pub(super) fn ends(material: &Material, now: Timestamp) -> Vec<(&'static str, i64)> {
    let unix = |time: &Asn1TimeRef| seconds_until(time, Timestamp::UNIX_EPOCH);
    let authorities: Vec<i64> = material.authorities.iter().filter_map(|x509| unix(x509.not_after())).collect();
    let valid = authorities.iter().filter(|end| **end > now.as_second()).min();
    let lists = material.lists.iter().filter_map(|list| list.next_update().and_then(unix));
    let ends = [
        ("ssl_certificate", unix(material.certificate.not_after())),
        ("ssl_ca_file", valid.or_else(|| authorities.iter().max()).copied()),
        ("ssl_crl_file", lists.min()),
    ];
    ends.into_iter().filter_map(|(key, end)| Some((key, end?))).collect()
}

/// `severity`: how bad it is when the certificate is not valid now.
fn of(path: &Path, certificate: &X509Ref, severity: Severity, now: Timestamp) -> Vec<Finding> {
    let of = format!("{}: the certificate of {}", path.display(), describe(certificate.subject_name()));
    let (start, end) = (certificate.not_before(), certificate.not_after());
    let finding = |severity, text| Finding { severity, text };
    let (Some(until_start), Some(until_end)) = (seconds_until(start, now), seconds_until(end, now)) else {
        return vec![finding(severity, format!("{of} has dates that cannot be read; have it issued again"))];
    };
    let mut findings = Vec::new();
    if until_start > 0 {
        let text = format!("{of} is not valid before {start}; set this machine's clock or wait");
        findings.push(finding(severity, text));
    }
    if until_end <= 0 {
        findings.push(finding(severity, format!("{of} expired on {end}; have it renewed")));
    } else if until_end < SOON_DAYS * SECONDS_PER_DAY {
        let text = format!("{of} expires on {end}; have it renewed within {SOON_DAYS} days of that");
        findings.push(finding(Severity::Warning, text));
    }
    findings
}

fn is_valid(certificate: &X509Ref, now: Timestamp) -> bool {
    let has_begun = seconds_until(certificate.not_before(), now).is_some_and(|until| until <= 0);
    has_begun && seconds_until(certificate.not_after(), now).is_some_and(|until| until > 0)
}

/// `None` if the time cannot be parsed.
fn seconds_until(time: &Asn1TimeRef, now: Timestamp) -> Option<i64> {
    let now = Asn1Time::from_unix(now.as_second()).ok()?;
    let until = now.diff(time).ok()?;
    Some(i64::from(until.days) * SECONDS_PER_DAY + i64::from(until.secs))
}

#[cfg(test)]
mod tests {
    use super::super::test_certificates::{Certificate, Wish};
    use super::*;

    const DAY: i64 = SECONDS_PER_DAY;

    #[test]
    fn a_list_is_warned_about_before_it_expires_and_a_fault_afterwards() {
        let authority = Certificate::root("Test CA");
        let now = Timestamp::now().as_second();
        let found = |last_update, next_update| {
            let pem = authority.revocations(&[], now + last_update, now + next_update);
            let list = openssl::x509::X509Crl::from_pem(pem.as_bytes()).expect("a list");
            of_list(Path::new("/crl.pem"), &list, Timestamp::now()).map(|finding| (finding.severity, finding.text))
        };
        assert_eq!(found(-DAY, 365 * DAY), None);
        assert_eq!(found(-4 * DAY, 3 * DAY), None, "a list of a week is fetched each week");
        for (last_update, next_update) in [(-100 * DAY, 29 * DAY), (-6 * DAY, DAY)] {
            let (severity, text) = found(last_update, next_update).expect("a warning");
            assert_eq!(severity, Severity::Warning);
            assert!(text.starts_with("/crl.pem: the revocation list of CN = Test CA expires on "), "{text}");
        }
        let (severity, text) = found(-100 * DAY, -60).expect("a fault");
        assert!(severity == Severity::Fault && text.contains(" expired on "), "{text}");
        let (severity, text) = found(DAY, 100 * DAY).expect("a fault");
        assert!(severity == Severity::Fault && text.contains(" is not valid before "), "{text}");
    }

    #[test]
    fn the_end_of_a_file_is_that_of_what_must_be_renewed_next() {
        let directory = tempfile::tempdir().expect("a directory");
        let now = Timestamp::now().as_second();
        let root = Certificate::root("Root");
        let authority = |name, end| root.sign(&Wish { not_after: now + end, ..Wish::authority(name) });
        let host = root.sign(&Wish { not_after: now + 9 * DAY, ..Wish::host("proxy.example.com") });
        let (certificate, private_key) = host.write(directory.path(), "proxy");
        let crl_file = directory.path().join("crl.pem");
        let list = |end| root.revocations(&[], now - 10 * DAY, now + end);
        std::fs::write(&crl_file, list(-DAY) + &list(5 * DAY)).expect("written");
        let ca_file = directory.path().join("ca.pem");
        let files = Files { certificate, private_key, ca_file: ca_file.clone(), crl_file: Some(crl_file) };
        for (authorities, expected) in [([-DAY, 7 * DAY, 8 * DAY], 7 * DAY), ([-DAY, -2 * DAY, -3 * DAY], -DAY)] {
            let pem: String = authorities.map(|end| authority("Test CA", end).pem()).concat();
            std::fs::write(&ca_file, pem).expect("written");
            let material = Material::read(&files).expect("files");
            let ends = ends(&material, Timestamp::now());
            let left: Vec<_> = ends.into_iter().map(|(key, end)| (key, end - now)).collect();
            assert_eq!(left, [("ssl_certificate", 9 * DAY), ("ssl_ca_file", expected), ("ssl_crl_file", -DAY)]);
        }
    }
}
