//! Reads certificates, private keys and revocation lists from the PEM files that people have.
//!
//! OpenSSL, Puppet, Windows and text editors write PEM differently: with text before and between the blocks (`Bag
//! Attributes`), with blank lines, indented, with a byte order mark or Windows line ends, and with certificate and key in
//! one file. All of that is read. Blocks of another kind than is asked for are passed over, but a certificate that cannot
//! be used is a fault: an authority that is silently left out shows up much later, as a connection that is refused.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use openssl::pkcs7::Pkcs7;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Crl};

/// The blocks that hold certificates in a form that OpenSSL does not read as a certificate. Passing them over would lose
/// an authority. (A `TRUSTED CERTIFICATE` may also say for what the authority is *not* to be trusted.)
const TRUSTED_CERTIFICATE: &str = "TRUSTED CERTIFICATE";
const PKCS7: [&str; 3] = ["PKCS7", "PKCS #7 SIGNED DATA", "CMS"];

/// A file does not hold what it should. `Display` names the file and says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{} cannot be read; the proxy's user needs read permission on it and its directories", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file can be read, and has something else in it.
    #[error("{} holds no {wanted} that can be read: {found}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: Wanted,
        /// What is in it, and what would be right.
        found: String,
    },
    /// Certificate and key are not a pair.
    #[error("{} is not the key of the first certificate in {}; put the two that were made together",
        .private_key.display(), .certificate.display())]
    Mismatch {
        /// The key's file.
        private_key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
}

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `CERTIFICATE`.
    Certificate,
    /// `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    Key,
    /// `X509 CRL`.
    RevocationList,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "private key",
            Self::RevocationList => "revocation list",
        })
    }
}

/// A certificate with the ones that are sent after it, and its key.
pub struct Pair {
    /// The certificate, then the rest of its file.
    pub certificates: Vec<X509>,
    /// The key of the first one.
    pub key: PKey<Private>,
}

impl Pair {
    /// Reads both; they may be in one file.
    ///
    /// # Errors
    /// When a file cannot be used, or the key is that of another certificate.
    pub fn read(certificate: &Path, private_key: &Path) -> Result<Self, FileError> {
        let pair = Self { certificates: certificates(certificate)?, key: key(private_key)? };
        if is_pair(&pair.certificates[0], &pair.key) {
            return Ok(pair);
        }
        Err(FileError::Mismatch { private_key: private_key.to_owned(), certificate: certificate.to_owned() })
    }
}

/// The certificates in a file, in its order; at least one.
///
/// # Errors
/// When there is none, or one that cannot be read.
pub fn certificates(path: &Path) -> Result<Vec<X509>, FileError> {
    all(path, Wanted::Certificate, |pem| X509::from_pem(pem).ok())
}

/// The revocation lists in a file, in its order; at least one.
///
/// # Errors
/// When there is none, or one that cannot be read.
pub fn revocation_lists(path: &Path) -> Result<Vec<X509Crl>, FileError> {
    all(path, Wanted::RevocationList, |pem| X509Crl::from_pem(pem).ok())
}

/// The first private key in a file.
///
/// # Errors
/// When there is none, or it is encrypted or cannot be read.
pub fn key(path: &Path) -> Result<PKey<Private>, FileError> {
    // Without the callback OpenSSL asks for the passphrase of an encrypted key on the terminal.
    let no_passphrase = |_: &mut [u8]| Ok(0);
    let first = |pem: &[u8]| PKey::private_key_from_pem_callback(pem, no_passphrase).ok();
    all(path, Wanted::Key, first).map(|mut keys| keys.remove(0))
}

/// Is it the key of the certificate?
pub fn is_pair(certificate: &X509, key: &PKey<Private>) -> bool {
    certificate.public_key().is_ok_and(|public| key.public_eq(&public))
}

fn all<T>(path: &Path, wanted: Wanted, read: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, FileError> {
    let bytes = fs::read(path).map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
    let unusable =
        |found: Found| FileError::Unusable { path: path.to_owned(), wanted, found: found.told(path, wanted) };
    if let Some(found) = no_pem(&bytes, wanted) {
        return Err(unusable(found));
    }
    let mut values = Vec::new();
    let mut others = Vec::new();
    for block in blocks(&String::from_utf8_lossy(&bytes)).map_err(unusable)? {
        match block.is(wanted).map_err(unusable)? {
            true => values.push(read(block.pem.as_bytes()).ok_or_else(|| unusable(Found::Damaged(block.line)))?),
            false => others.push(block.label),
        }
    }
    if values.is_empty() { Err(unusable(Found::Other(others))) } else { Ok(values) }
}

/// One block of PEM.
struct Block {
    /// What is between `-----BEGIN ` and `-----`.
    label: String,
    /// The line that it begins in, from 1.
    line: usize,
    /// The block alone, as OpenSSL reads it.
    pem: String,
    /// In the way of old OpenSSL; a newer block says so in its label.
    is_encrypted: bool,
}

impl Block {
    /// Is it one of those asked for?
    fn is(&self, wanted: Wanted) -> Result<bool, Found> {
        let label = self.label.as_str();
        match wanted {
            Wanted::Certificate if label == TRUSTED_CERTIFICATE => Err(Found::Trusted),
            Wanted::Certificate if PKCS7.contains(&label) => Err(Found::Pkcs7 { is_der: false }),
            Wanted::Certificate => Ok(["CERTIFICATE", "X509 CERTIFICATE"].contains(&label)),
            Wanted::Key if label == "ENCRYPTED PRIVATE KEY" || self.is_encrypted => Err(Found::Encrypted),
            Wanted::Key => Ok(["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"].contains(&label)),
            Wanted::RevocationList => Ok(label == "X509 CRL"),
        }
    }
}

/// All blocks of a text, whatever is between them.
fn blocks(text: &str) -> Result<Vec<Block>, Found> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        let marked = |mark: &str| Some(line.strip_prefix(mark)?.strip_suffix("-----")?.trim().to_owned());
        if let Some(label) = marked("-----BEGIN ") {
            if let Some(block) = open {
                return Err(Found::Damaged(block.line));
            }
            let pem = format!("-----BEGIN {label}-----\n");
            open = Some(Block { label, line: index + 1, pem, is_encrypted: false });
        } else if let Some(label) = marked("-----END ") {
            match open.take() {
                Some(mut block) if block.label == label => {
                    block.pem.push_str(&format!("-----END {label}-----\n"));
                    blocks.push(block);
                }
                begun => return Err(Found::Damaged(begun.map_or(index + 1, |block| block.line))),
            }
        } else if let Some(block) = &mut open
            && !line.is_empty()
        {
            block.is_encrypted |= line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED");
            block.pem.push_str(line);
            block.pem.push('\n');
        }
    }
    match open {
        // The file was cut off.
        Some(block) => Err(Found::Damaged(block.line)),
        None => Ok(blocks),
    }
}

/// What a file has in it in place of what is wanted.
enum Found {
    Empty,
    Utf16,
    Der,
    Pkcs7 {
        is_der: bool,
    },
    Pkcs12,
    Trusted,
    Encrypted,
    /// The block that begins, or ends without a beginning, in this line.
    Damaged(usize),
    /// Blocks with these labels, or no PEM at all.
    Other(Vec<String>),
}

impl Found {
    /// What it is, and what would be right.
    fn told(&self, path: &Path, wanted: Wanted) -> String {
        let file = path.display();
        let (command, label) = match wanted {
            Wanted::Certificate => ("x509", "CERTIFICATE"),
            Wanted::Key => ("pkey", "PRIVATE KEY"),
            Wanted::RevocationList => ("crl", "X509 CRL"),
        };
        match self {
            Self::Empty => format!("it is empty; it must be PEM (-----BEGIN {label}-----)"),
            Self::Utf16 => "it is UTF-16 text; save it as UTF-8 or ASCII".to_owned(),
            Self::Der => format!("it is DER; convert it to PEM with 'openssl {command} -inform der -in {file}'"),
            Self::Pkcs7 { is_der } => {
                let form = if *is_der { " -inform der" } else { "" };
                format!("it is PKCS#7; convert it to PEM with 'openssl pkcs7{form} -print_certs -in {file}'")
            }
            Self::Pkcs12 => format!("it is PKCS#12; convert it to PEM with 'openssl pkcs12 -nodes -in {file}'"),
            Self::Trusted => {
                format!("it is a TRUSTED CERTIFICATE; convert it to a plain one with 'openssl x509 -in {file}'")
            }
            Self::Encrypted => format!("it is encrypted; remove the passphrase with 'openssl pkey -in {file}'"),
            Self::Damaged(line) => format!("the PEM block at line {line} is damaged; copy the file again"),
            Self::Other(labels) if labels.is_empty() => {
                format!("it is not PEM; it must be PEM (-----BEGIN {label}-----)")
            }
            Self::Other(labels) => {
                format!("it has only {}; it must be PEM (-----BEGIN {label}-----)", labels.join(", "))
            }
        }
    }
}

/// What a file is that is no PEM text.
fn no_pem(bytes: &[u8], wanted: Wanted) -> Option<Found> {
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe])
        || bytes.starts_with(&[0xfe, 0xff])
        || bytes.windows(6).any(|part| part == b"-\0-\0-\0");
    if bytes.trim_ascii().is_empty() {
        return Some(Found::Empty);
    } else if is_utf16 {
        return Some(Found::Utf16);
    } else if !bytes.starts_with(&[0x30]) {
        // All of the following are a SEQUENCE of ASN.1.
        return None;
    }
    let is_wanted = match wanted {
        Wanted::Certificate => X509::from_der(bytes).is_ok(),
        Wanted::Key => PKey::private_key_from_der(bytes).is_ok(),
        Wanted::RevocationList => X509Crl::from_der(bytes).is_ok(),
    };
    if is_wanted {
        Some(Found::Der)
    } else if Pkcs7::from_der(bytes).is_ok() {
        Some(Found::Pkcs7 { is_der: true })
    } else {
        Pkcs12::from_der(bytes).is_ok().then_some(Found::Pkcs12)
    }
}

#[cfg(test)]
mod tests;
