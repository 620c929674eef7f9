//! The certificates that a host of Foreman has anyway, and whether the service can read its key.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::settings::Settings;

/// Where certificates are that Foreman's hosts have anyway: the certificate, its key, the CA. `*` is the host's name.
const USUAL_CERTIFICATES: [[&str; 3]; 2] = [
    [
        "/etc/puppetlabs/puppet/ssl/certs/*.pem",
        "/etc/puppetlabs/puppet/ssl/private_keys/*.pem",
        "/etc/puppetlabs/puppet/ssl/certs/ca.pem",
    ],
    ["/etc/foreman-proxy/ssl_cert.pem", "/etc/foreman-proxy/ssl_key.pem", "/etc/foreman-proxy/ssl_ca.pem"],
];

/// The certificates of this host, where they are in one of the usual places.
pub(super) fn usual_certificates() -> Option<[String; 3]> {
    let host = only_key().or_else(|| dns_lookup::get_hostname().ok()).unwrap_or_default();
    let places = USUAL_CERTIFICATES.map(|paths| paths.map(|path| path.replace('*', &host)));
    places.into_iter().find(|paths| paths.iter().all(|path| Path::new(path).is_file()))
}

/// The name of the host in Puppet's words: its private key is the only one.
fn only_key() -> Option<String> {
    let (directory, _) = USUAL_CERTIFICATES[0][1].split_once("/*")?;
    let names = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names = names.filter_map(|name| name.strip_suffix(".pem").map(str::to_owned));
    names.next().filter(|_| names.next().is_none())
}

/// A private key that the service cannot read, as far as root can tell: it belongs neither to everybody nor to the owner
/// or group of the state directory.
pub(super) fn about_key(settings: &Settings) -> Option<String> {
    let key = &settings.tls.as_ref()?.files.private_key;
    let (file, state) = (fs::metadata(key).ok()?, fs::metadata(&settings.server.state_directory).ok()?);
    let is_service = state.uid() != 0;
    let is_readable = file.uid() == state.uid() || file.gid() == state.gid() || file.permissions().mode() & 0o004 != 0;
    (is_service && !is_readable).then(|| {
        format!(
            "{} is not open to the user of the service by its owner or group; unless that user is in its group already, \
             add it (with Puppet's files: usermod --append --groups puppet foreman-ipam-proxy)",
            key.display()
        )
    })
}
