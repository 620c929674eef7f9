//! What is wrong, or soon will be, with the files for HTTPS; for the `check` command.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ipam_provider::pem::{self, FileError};
use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509PurposeId, X509Ref, X509StoreContext};

use super::files::{Files, Material};
use super::policy::Policy;
use super::server_names::ServerNames;
use super::{Finding, Server, Severity, dates, verifier};
use crate::telemetry::with_causes;

/// Looks at the files and the settings of HTTPS as of `now`. Finds everything in one go.
pub(crate) fn report(files: &Files, policy: &Policy, now: Timestamp) -> Vec<Finding> {
    let mut report = Report { findings: Vec::new() };
    for warning in policy.warnings() {
        report.add(Severity::Warning, warning);
    }
    if let Err(error) = policy.choose() {
        report.fault(&error);
    }
    let certificates = report.read(pem::certificates(&files.certificate));
    let authorities = report.read(pem::certificates(&files.ca_file));
    let lists = files.crl_file.as_deref().map(|file| report.read(pem::revocation_lists(file)));
    let key = report.read(pem::key(&files.private_key));
    report.permissions(&files.private_key);
    if let Some(certificates) = &certificates {
        report.findings.extend(dates::of_own(&files.certificate, &certificates[0], now));
        report.findings.extend(dates::of_chain(&files.certificate, &certificates[1..], now));
        report.names(&files.certificate, &certificates[0]);
    }
    if let Some(authorities) = &authorities {
        report.findings.extend(dates::of_authorities(&files.ca_file, authorities, now));
    }
    if let (Some(file), Some(Some(lists))) = (&files.crl_file, &lists) {
        report.findings.extend(lists.iter().filter_map(|list| dates::of_list(file, list, now)));
    }
    if let (Some(certificates), Some(key)) = (&certificates, &key)
        && !pem::is_pair(&certificates[0], key)
    {
        let (private_key, certificate) = (files.private_key.clone(), files.certificate.clone());
        report.fault(&FileError::Mismatch { private_key, certificate });
    }
    if let (Some(certificates), Some(authorities)) = (&certificates, &authorities) {
        report.chain(files, certificates, authorities);
    }
    report.as_served(files, policy);
    report.findings
}

struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, severity: Severity, text: String) {
        self.findings.push(Finding { severity, text });
    }

    fn fault(&mut self, error: &dyn std::error::Error) {
        self.add(Severity::Fault, with_causes(error));
    }

    fn read<T>(&mut self, read: Result<T, FileError>) -> Option<T> {
        read.map_err(|error| self.fault(&error)).ok()
    }

    fn permissions(&mut self, key: &Path) {
        // A file that cannot be looked at is reported by whoever reads it.
        let Ok(metadata) = fs::metadata(key) else { return };
        if metadata.permissions().mode() & 0o007 != 0 {
            let key = key.display();
            let text = format!("{key} holds the private key and is open to every user; make it 0640 or less");
            self.add(Severity::Warning, text);
        }
    }

    /// What `serve` makes of the files: OpenSSL refuses keys that are too short, and signatures that are too weak.
    fn as_served(&mut self, files: &Files, policy: &Policy) {
        // What cannot be read, and a policy that leaves nothing, is reported already.
        let (Ok(material), Ok(_)) = (Material::read(files), policy.choose()) else { return };
        self.findings.extend(verifier::lists_missing(files, &material));
        if let Err(error) = Server::load(files, policy).and_then(|server| server.acceptor()) {
            self.fault(&error);
        }
    }

    fn names(&mut self, path: &Path, certificate: &X509Ref) {
        let ServerNames { hosts, are_common } = ServerNames::read(certificate);
        let (path, names) = (path.display(), hosts.join(", "));
        if hosts.is_empty() {
            let text =
                "names no host in its subject alternative name; Foreman needs the host name of the proxy's URL there";
            self.add(Severity::Fault, format!("{path} {text}"));
        } else if are_common {
            let text = format!(
                "{path} is for {names} by its common name only, which Foreman believes and most other clients do not; have \
                 it issued with a subject alternative name"
            );
            self.add(Severity::Warning, text);
        } else {
            self.add(Severity::Notice, format!("{path} is for {names}; register the proxy under one of these names"));
        }
    }

    fn chain(&mut self, files: &Files, certificates: &[X509], authorities: &[X509]) {
        let Err(reason) = verify(certificates, authorities) else { return };
        let (certificate, ca_file) = (files.certificate.display(), files.ca_file.display());
        // Two different authorities are unusual, but work if Foreman knows the other one.
        let text = format!(
            "{certificate} does not lead to an authority in {ca_file} ({reason}); Foreman must trust the authority \
             that signed it, and intermediate certificates belong behind the proxy's own in the same file"
        );
        self.add(Severity::Warning, text);
    }
}

/// Would a client that trusts the authorities accept the first certificate as a server's? The dates do not matter here.
fn verify(certificates: &[X509], authorities: &[X509]) -> Result<(), String> {
    let verify = || -> Result<Option<String>, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for authority in authorities {
            store.add_cert(authority.clone())?;
        }
        store.set_flags(X509VerifyFlags::NO_CHECK_TIME)?;
        store.set_purpose(X509PurposeId::SSL_SERVER)?;
        let mut chain = Stack::new()?;
        for certificate in &certificates[1..] {
            chain.push(certificate.clone())?;
        }
        X509StoreContext::new()?.init(&store.build(), &certificates[0], &chain, |context| {
            Ok(if context.verify_cert()? { None } else { Some(context.error().error_string().to_owned()) })
        })
    };
    match verify() {
        Ok(None) => Ok(()),
        Ok(Some(reason)) => Err(reason),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::test_certificates::{Certificate, Wish};
    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    struct Subject {
        directory: tempfile::TempDir,
        authority: Certificate,
        files: Files,
    }

    impl Subject {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let authority = Certificate::root("Test CA");
            let (ca_file, _) = authority.write(directory.path(), "ca");
            let (certificate, private_key) = authority.host("proxy.example.com").write(directory.path(), "proxy");
            Self { directory, authority, files: Files { certificate, private_key, ca_file, crl_file: None } }
        }

        /// Replaces the proxy's certificate and key.
        fn install(&self, certificate: &Certificate) {
            certificate.write(self.directory.path(), "proxy");
        }

        fn findings(&self) -> Vec<(Severity, String)> {
            let directory = format!("{}/", self.directory.path().display());
            let findings = report(&self.files, &Policy::default(), Timestamp::now());
            findings.into_iter().map(|finding| (finding.severity, finding.text.replace(&directory, ""))).collect()
        }

        /// The findings beyond the names of the certificate.
        fn complaints(&self) -> Vec<(Severity, String)> {
            let mut findings = self.findings();
            findings.retain(|(severity, _)| *severity > Severity::Notice);
            findings
        }

        fn only_complaint(&self) -> (Severity, String) {
            let mut complaints = self.complaints();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            complaints.remove(0)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }
    }

    #[test]
    fn good_files_give_only_the_names_to_register() {
        let text = "proxy.pem is for proxy.example.com; register the proxy under one of these names".to_owned();
        assert_eq!(Subject::new().findings(), [(Severity::Notice, text)]);
    }

    #[test]
    fn expiry_is_seen_thirty_days_ahead() {
        let subject = Subject::new();
        let now = Timestamp::now().as_second();
        let with_end = |not_after| subject.authority.sign(&Wish { not_after, ..Wish::host("proxy.example.com") });
        subject.install(&with_end(now + 31 * DAY));
        assert_eq!(subject.complaints(), []);
        subject.install(&with_end(now + 29 * DAY));
        let (severity, text) = subject.only_complaint();
        assert!(severity == Severity::Warning && text.contains("CN = proxy.example.com expires on "), "{text}");
        subject.install(&with_end(now - 60));
        let (severity, text) = subject.only_complaint();
        assert!(severity == Severity::Fault && text.contains(" expired on "), "{text}");
    }

    #[test]
    fn a_certificate_of_tomorrow_is_a_fault() {
        let subject = Subject::new();
        let not_before = Timestamp::now().as_second() + DAY;
        subject.install(&subject.authority.sign(&Wish { not_before, ..Wish::host("proxy.example.com") }));
        let (severity, text) = subject.only_complaint();
        assert!(severity == Severity::Fault && text.contains(" is not valid before "), "{text}");
    }

    #[test]
    fn an_authority_that_is_over_is_a_fault_unless_another_one_is_valid() {
        let mut subject = Subject::new();
        let now = Timestamp::now().as_second();
        let root = Certificate::root("Root");
        let old = root.sign(&Wish { not_after: now - 60, ..Wish::authority("Old") });
        let next = root.sign(&Wish { not_before: now + DAY, ..Wish::authority("Next") });
        subject.files.ca_file = subject.path("several.pem");
        let told = |severity| {
            let text = |name: &str, what: &str| format!("several.pem: the certificate of CN = {name} {what} ");
            [(severity, text("Old", "expired on")), (severity, text("Next", "is not valid before"))]
        };
        for (valid, expected) in [(subject.authority.pem(), Severity::Warning), (String::new(), Severity::Fault)] {
            fs::write(&subject.files.ca_file, old.pem() + &next.pem() + &valid).expect("written");
            let mut complaints = subject.complaints();
            complaints.retain(|(_, text)| !text.contains("does not lead to an authority"));
            assert_eq!(complaints.len(), 2, "{complaints:?}");
            for ((severity, text), (expected, beginning)) in complaints.iter().zip(told(expected)) {
                assert!(*severity == expected && text.starts_with(&beginning), "{complaints:?}");
            }
        }
    }

    #[test]
    fn an_expired_certificate_behind_the_first_is_a_warning() {
        let subject = Subject::new();
        let not_after = Timestamp::now().as_second() - 60;
        let intermediate = subject.authority.sign(&Wish { not_after, ..Wish::authority("Intermediate") });
        let host = intermediate.host("proxy.example.com");
        subject.install(&host);
        fs::write(&subject.files.certificate, host.pem() + &intermediate.pem()).expect("written");
        let (severity, text) = subject.only_complaint();
        assert!(severity == Severity::Warning && text.contains("CN = Intermediate expired on "), "{text}");
    }

    #[test]
    fn a_certificate_for_nobody_is_a_fault_and_one_for_a_common_name_a_warning() {
        let subject = Subject::new();
        let without = Wish { dns_names: vec![], ..Wish::host("Proxy.example.com") };
        subject.install(&subject.authority.sign(&Wish { common_names: vec![], ..without.clone() }));
        let (severity, text) = subject.only_complaint();
        assert!(severity == Severity::Fault && text.contains("names no host"), "{text}");
        subject.install(&subject.authority.sign(&without));
        let (severity, text) = subject.only_complaint();
        let told = "proxy.pem is for proxy.example.com by its common name only, ";
        assert!(severity == Severity::Warning && text.starts_with(told), "{text}");
        subject.install(&subject.authority.sign(&Wish { addresses: vec!["192.0.2.1".to_owned()], ..without }));
        let text = "proxy.pem is for 192.0.2.1; register the proxy under one of these names".to_owned();
        assert_eq!(subject.findings(), [(Severity::Notice, text)]);
    }

    #[test]
    fn the_chain_must_lead_to_the_authorities() {
        let subject = Subject::new();
        let intermediate = subject.authority.sign(&Wish::authority("Intermediate"));
        let host = intermediate.host("proxy.example.com");
        subject.install(&host);
        let (severity, text) = subject.only_complaint();
        assert!(severity == Severity::Warning && text.starts_with("proxy.pem does not lead to an authority"), "{text}");
        fs::write(&subject.files.certificate, host.pem() + &intermediate.pem()).expect("written");
        assert_eq!(subject.complaints(), []);
        subject.install(&subject.authority.sign(&Wish { for_servers: false, ..Wish::host("proxy.example.com") }));
        let (_, text) = subject.only_complaint();
        assert!(text.contains("purpose"), "{text}");
    }

    #[test]
    fn a_key_that_does_not_fit_or_is_open_to_all_is_reported() {
        let mut subject = Subject::new();
        let key = subject.files.private_key.clone();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("permissions");
        let (severity, text) = subject.only_complaint();
        assert_eq!(severity, Severity::Warning);
        assert_eq!(text, "proxy.key holds the private key and is open to every user; make it 0640 or less");
        let (_, other) = subject.authority.host("other.example.com").write(subject.directory.path(), "other");
        subject.files.private_key = other;
        let (severity, text) = subject.only_complaint();
        assert_eq!(severity, Severity::Fault);
        assert!(text.starts_with("other.key is not the key of the first certificate in"), "{text}");
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let mut subject = Subject::new();
        fs::write(subject.path("empty"), "").expect("written");
        subject.files = Files {
            certificate: subject.path("absent.pem"),
            private_key: subject.path("empty"),
            ca_file: subject.path("empty"),
            crl_file: Some(subject.path("empty")),
        };
        fs::set_permissions(subject.path("empty"), fs::Permissions::from_mode(0o600)).expect("permissions");
        let complaints = subject.complaints();
        assert!(complaints.iter().all(|(severity, _)| *severity == Severity::Fault), "{complaints:?}");
        let starts = complaints.iter().map(|(_, text)| text.split([':', ';']).next().unwrap_or_default());
        let starts: Vec<&str> = starts.collect();
        assert_eq!(
            starts,
            [
                "absent.pem cannot be read",
                "empty holds no certificate that can be read",
                "empty holds no revocation list that can be read",
                "empty holds no private key that can be read"
            ]
        );
        let nothing = Policy { disabled_versions: vec!["1.2".to_owned(), "1.3".to_owned()], ..Policy::default() };
        let findings = report(&subject.files, &nothing, Timestamp::now());
        assert_eq!(findings[0].severity, Severity::Fault);
        assert!(findings[0].to_string().starts_with("fault: tls_disabled_versions and "), "{}", findings[0]);
    }
}
