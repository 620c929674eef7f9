//! Every form that files come in: read, or named for what it is.

use openssl::pkcs7::{Pkcs7, Pkcs7Flags};
use openssl::pkcs12::Pkcs12;
use openssl::stack::Stack;
use openssl::symm::Cipher;
use tempfile::TempDir;

use super::*;
use test_certificates::{Certificate, now};

#[path = "../../../../src/tls/test_certificates.rs"]
mod test_certificates;

struct Subject {
    directory: TempDir,
    authority: Certificate,
    host: Certificate,
}

impl Subject {
    fn new() -> Self {
        let authority = Certificate::root("Test CA");
        let host = authority.host("proxy.example.com");
        Self { directory: TempDir::new().expect("a directory"), authority, host }
    }

    fn file(&self, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join("file");
        fs::write(&path, content).expect("written");
        path
    }

    /// How many certificates are read, or what is said of the file.
    fn certificates(&self, content: impl AsRef<[u8]>) -> Result<usize, String> {
        certificates(&self.file(content)).map(|found| found.len()).map_err(told)
    }

    /// Is it the host's key, or what is said of the file?
    fn key(&self, content: impl AsRef<[u8]>) -> Result<bool, String> {
        key(&self.file(content)).map(|key| is_pair(&self.host.x509, &key)).map_err(told)
    }
}

/// The text behind the file's name and what was wanted.
fn told(error: FileError) -> String {
    let text = error.to_string();
    text.split_once(" that can be read: ").expect("a file that can be read").1.to_owned()
}

fn utf16(text: &str) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// The ways in which the same PEM comes out of editors and programs.
fn variants(pem: &str) -> [String; 8] {
    let indented: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    [
        pem.to_owned(),
        format!("\u{feff}{pem}"),
        format!("\n\n{pem}"),
        format!("Bag Attributes\n    friendlyName: M\u{fc}ller\n    localKeyID: 01 02\nsubject=CN = x\n{pem}"),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', " \n"),
        pem.trim_end().to_owned(),
        indented,
    ]
}

#[test]
fn certificates_are_read_as_people_have_them() {
    let subject = Subject::new();
    let (host, authority) = (subject.host.pem(), subject.authority.pem());
    for pem in variants(&host) {
        assert_eq!(subject.certificates(&pem), Ok(1), "{pem:?}");
        assert_eq!(subject.certificates(pem + "\n" + &authority), Ok(2));
    }
    assert_eq!(subject.certificates(subject.host.key_pem() + &host + &authority), Ok(2), "a combined file");
    let old = host.replace("CERTIFICATE", "X509 CERTIFICATE");
    assert_eq!(subject.certificates(old), Ok(1), "the label of long ago");
    let mut latin1 = b"# M\xfcller\n".to_vec();
    latin1.extend(host.as_bytes());
    assert_eq!(subject.certificates(latin1), Ok(1));
}

#[test]
fn keys_are_read_as_people_have_them() {
    let subject = Subject::new();
    let ec = subject.host.key.ec_key().expect("an EC key").private_key_to_pem().expect("PEM");
    let sec1 = String::from_utf8(ec).expect("text");
    assert!(sec1.contains("BEGIN EC PRIVATE KEY"));
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    for pem in [subject.host.key_pem(), sec1.clone(), parameters.to_owned() + &sec1, subject.host.pem() + &sec1] {
        for pem in variants(&pem) {
            assert_eq!(subject.key(&pem), Ok(true), "{pem:?}");
        }
    }
    let rsa = openssl::rsa::Rsa::generate(1024).expect("a key");
    let pkcs1 = rsa.private_key_to_pem().expect("PEM");
    assert!(pkcs1.starts_with(b"-----BEGIN RSA PRIVATE KEY"));
    assert_eq!(subject.key(pkcs1), Ok(false), "read, and another one");
}

#[test]
fn what_cannot_be_read_is_named() {
    let subject = Subject::new();
    let x509 = &subject.host.x509;
    let pem = subject.host.pem();
    let file = subject.file("").display().to_string();
    let is_pem = "it must be PEM (-----BEGIN CERTIFICATE-----)";
    assert_eq!(subject.certificates(""), Err(format!("it is empty; {is_pem}")));
    assert_eq!(subject.certificates("\n \n"), Err(format!("it is empty; {is_pem}")));
    assert_eq!(subject.certificates("nonsense"), Err(format!("it is not PEM; {is_pem}")));
    assert_eq!(subject.certificates(subject.host.key_pem()), Err(format!("it has only PRIVATE KEY; {is_pem}")));
    let der = format!("it is DER; convert it to PEM with 'openssl x509 -inform der -in {file}'");
    assert_eq!(subject.certificates(x509.to_der().expect("DER")), Err(der));
    assert_eq!(subject.certificates(utf16(&pem)), Err("it is UTF-16 text; save it as UTF-8 or ASCII".to_owned()));
    let trusted = pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    for text in [trusted.clone(), subject.authority.pem() + &trusted] {
        let told = subject.certificates(text).expect_err("its trust cannot be kept");
        assert!(told.starts_with("it is a TRUSTED CERTIFICATE; "), "{told}");
    }
    let certificates = Stack::new().expect("a stack");
    let flags = Pkcs7Flags::empty();
    let pkcs7 = Pkcs7::sign(x509, &subject.host.key, &certificates, b"", flags).expect("PKCS#7");
    for (content, form) in [(pkcs7.to_pem(), ""), (pkcs7.to_der(), " -inform der")] {
        let told = format!("it is PKCS#7; convert it to PEM with 'openssl pkcs7{form} -print_certs -in {file}'");
        assert_eq!(subject.certificates(content.expect("written")), Err(told));
    }
    let mut builder = Pkcs12::builder();
    builder.cert(x509).pkey(&subject.host.key);
    let pkcs12 = builder.build2("geheim").expect("PKCS#12").to_der().expect("DER");
    assert!(subject.certificates(&pkcs12).expect_err("not PEM").starts_with("it is PKCS#12; "));
    assert!(subject.key(&pkcs12).expect_err("not PEM").starts_with("it is PKCS#12; "));
}

#[test]
fn keys_that_cannot_be_read_are_named() {
    let subject = Subject::new();
    let file = subject.file("").display().to_string();
    let encrypted = format!("it is encrypted; remove the passphrase with 'openssl pkey -in {file}'");
    let key = &subject.host.key;
    let pkcs8 = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"geheim").expect("PEM");
    assert_eq!(subject.key(pkcs8), Err(encrypted.clone()));
    let ec = key.ec_key().expect("an EC key");
    let traditional = ec.private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"geheim").expect("PEM");
    assert_eq!(subject.key(traditional), Err(encrypted));
    let der = format!("it is DER; convert it to PEM with 'openssl pkey -inform der -in {file}'");
    assert_eq!(subject.key(key.private_key_to_der().expect("DER")), Err(der));
    let told = subject.key(subject.host.pem()).expect_err("no key");
    assert_eq!(told, "it has only CERTIFICATE; it must be PEM (-----BEGIN PRIVATE KEY-----)");
}

#[test]
fn a_damaged_block_is_a_fault_although_others_are_whole() {
    let subject = Subject::new();
    let pem = subject.host.pem();
    let lines: Vec<&str> = pem.lines().collect();
    let cut_off = lines[..lines.len() - 2].join("\n");
    let without_beginning = lines[1..].join("\n");
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (damaged, line) in [(cut_off.as_str(), 1), (&without_beginning, lines.len() - 1), (nonsense, 1)] {
        for (text, line) in [(damaged.to_owned() + "\n" + &pem, line), (pem.clone() + damaged, line + lines.len())] {
            let told = subject.certificates(&text);
            assert_eq!(told, Err(format!("the PEM block at line {line} is damaged; copy the file again")), "{text}");
        }
    }
}

#[test]
fn revocation_lists_are_read_and_named() {
    let subject = Subject::new();
    let list = subject.authority.revocations(&[&subject.host], now() - 60, now() + 60);
    let read = |content: &[u8]| revocation_lists(&subject.file(content)).map(|lists| lists.len()).map_err(told);
    for pem in variants(&list) {
        assert_eq!(read(pem.as_bytes()), Ok(1), "{pem:?}");
    }
    assert_eq!(read((list.clone() + &list).as_bytes()), Ok(2));
    let der = X509Crl::from_pem(list.as_bytes()).expect("a list").to_der().expect("DER");
    assert!(read(&der).expect_err("DER").starts_with("it is DER; convert it to PEM with 'openssl crl -inform der "));
}

#[test]
fn a_pair_may_be_in_one_file_and_the_right_file_is_named() {
    let subject = Subject::new();
    let combined = subject.file(subject.host.key_pem() + &subject.host.pem() + &subject.authority.pem());
    assert_eq!(Pair::read(&combined, &combined).map(|pair| pair.certificates.len()).map_err(|e| e.to_string()), Ok(2));
    let other = subject.directory.path().join("other.key");
    fs::write(&other, subject.authority.key_pem()).expect("written");
    let error = |key: &Path| Pair::read(&combined, key).err().expect("a fault").to_string();
    assert!(error(&other).starts_with(&format!("{} is not the key of the first certificate in ", other.display())));
    let absent = subject.directory.path().join("absent");
    assert!(error(&absent).starts_with(&format!("{} cannot be read; ", absent.display())));
}
