//! What the Ruby Smart Proxy was told, with its plugin `smart_proxy_ipam` or with one for DHCP that reaches an IPAM, to be taken
//! over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::CommandError;
use super::ruby_dhcp::Plugin;
use super::{HTTPS_PORT, port_beside};
use crate::settings::{external_file, file_of, keys_of, provider_named, stem_of};

/// Where the Ruby Smart Proxy has its settings.
pub(super) const DIRECTORY: &str = "/etc/foreman-proxy";

/// Of its `settings.yml`, what means the same to us and is as true for another service. Its log file and its other files
/// belong to its own user.
const TAKEN: [&str; 14] = [
    "bind_host",
    "dns_resolv_timeouts",
    "foreman_ssl_ca",
    "foreman_url",
    "forward_verify",
    "https_port",
    "log_buffer",
    "log_buffer_errors",
    "log_level",
    "ssl_ca_file",
    "ssl_certificate",
    "ssl_disabled_ciphers",
    "ssl_private_key",
    "tls_disabled_versions",
];

/// The one besides, which may be an empty list.
const TRUSTED_HOSTS: &str = "trusted_hosts";

/// Keys and values of a file.
type Keys = BTreeMap<String, Value>;

/// Settings of the Ruby Smart Proxy, by the files of ours that they belong into. Each is empty without `--from-ruby`.
#[derive(Default)]
pub(super) struct Ruby {
    /// For `settings.yml`.
    pub(super) global: Keys,
    /// For `externalipam.yml`, `use_provider` included.
    pub(super) external: Keys,
    /// For the file of the provider.
    pub(super) provider: Keys,
    /// What happened, for people.
    pub(super) notes: Vec<String>,
}

impl Ruby {
    /// Reads the directory of a Ruby Smart Proxy.
    pub(super) fn read(directory: &Path) -> Result<Self, CommandError> {
        let all = keys_in(&directory.join("settings.yml"))?;
        let settings_directory = all.get("settings_directory").and_then(Value::as_str).map(PathBuf::from);
        let settings_directory =
            settings_directory.filter(|named| named.is_dir()).unwrap_or_else(|| directory.join("settings.d"));
        let mut notes = vec![format!("taken over    the settings in {}", directory.display())];
        let (external, provider) = ipam_in(&settings_directory, &mut notes)?;
        let (mut global, left): (Keys, Keys) =
            all.into_iter().partition(|(key, _)| TAKEN.contains(&key.as_str()) || key == TRUSTED_HOSTS);
        // An empty list of hosts that may call is how some packages install it: nobody has decided yet.
        global.retain(|_, value| !value.is_null() && *value != json!([]));
        global.entry("https_port".to_owned()).or_insert_with(|| json!(HTTPS_PORT));
        if !left.is_empty() {
            let keys: Vec<&str> = left.keys().map(String::as_str).collect();
            notes.push(format!("left out      {}: they are the Ruby proxy's own", keys.join(", ")));
        }
        Ok(Self { global, external, provider, notes })
    }

    /// The provider of the Ruby plugin, by our name for it.
    pub(super) fn provider_name(&self) -> Option<&str> {
        self.external.get("use_provider")?.as_str().map(provider_named)
    }

    /// Leaves the Ruby Smart Proxy its port, when it or anybody else listens there; `own` is the port that our settings
    /// have already.
    pub(super) fn mind_port(&mut self, own: Option<&Value>) {
        let Some(port) = self.global.get("https_port").and_then(Value::as_u64).and_then(|port| port.try_into().ok())
        else {
            return;
        };
        let free = port_beside(port);
        if let Some(own) = own {
            self.global.insert("https_port".to_owned(), own.clone());
        } else if free != port {
            self.global.insert("https_port".to_owned(), json!(free));
            self.notes.push(format!("https_port    {free}, because {port} is in use on this machine"));
        }
    }
}

/// The settings for `externalipam.yml` and for the provider's file: of the plugin `smart_proxy_ipam`, unless that is not in use
/// and a DHCP plugin reaches an IPAM.
fn ipam_in(directory: &Path, notes: &mut Vec<String>) -> Result<(Keys, Keys), CommandError> {
    let external_file = external_file(directory);
    let external = keys_in(&external_file);
    let is_off = |keys: &Keys| keys.get("enabled") == Some(&json!(false));
    let named = |keys: &Keys| keys.get("use_provider").and_then(Value::as_str).map(provider_named).map(str::to_owned);
    if !external.as_ref().is_ok_and(|keys| named(keys).is_some() && !is_off(keys))
        && let Some((plugin, settings)) = dhcp_plugin_in(directory, notes)?
    {
        return Ok((Keys::from([("use_provider".to_owned(), stem_of(plugin.provider).into())]), settings));
    }
    if !external_file.exists() {
        return Err(CommandError::failed(format!(
            "{} has no externalipam.yml, and no dhcp.yml in which dhcp_infoblox or dhcp_bluecat is in use; name another \
             directory after --from-ruby, or take this host's own settings, without it",
            directory.display()
        )));
    }
    let external = external?;
    let Some(provider) = named(&external) else {
        return Err(CommandError::failed(format!(
            "{} names no provider with use_provider; take this host's own settings, without --from-ruby",
            external_file.display()
        )));
    };
    let provider = keys_in(&directory.join(file_of(&provider)))?;
    Ok((external, provider))
}

/// The DHCP plugin in use that a provider takes the place of, and the provider's settings.
fn dhcp_plugin_in(directory: &Path, notes: &mut Vec<String>) -> Result<Option<(&'static Plugin, Keys)>, CommandError> {
    let file = directory.join("dhcp.yml");
    if !file.exists() {
        return Ok(None);
    }
    let dhcp = keys_in(&file)?;
    let Some(plugin) = Plugin::chosen(&dhcp) else { return Ok(None) };
    let own = keys_in(&directory.join(format!("{}.yml", plugin.name)))?;
    let left = plugin.left(&own);
    if !left.is_empty() {
        notes.push(format!("left out      {}: docs/migrate.md says what becomes of them", left.join(", ")));
    }
    Ok(Some((plugin, plugin.settings(&dhcp, &own))))
}

fn keys_in(file: &Path) -> Result<Keys, CommandError> {
    let text = fs::read_to_string(file).map_err(|error| {
        CommandError::failed(format!(
            "{} cannot be read: {error}; name the directory of the Ruby Smart Proxy after --from-ruby, and run this as root",
            file.display()
        ))
    })?;
    Ok(keys_of(&file.display().to_string(), &text)?)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_is_true_for_us_too_is_taken_over() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/settings/ruby");
        let ruby = Ruby::read(&fixture).expect("settings");
        assert_eq!(ruby.global["foreman_url"], "https://foreman.example.com");
        assert_eq!(ruby.global["trusted_hosts"], json!(["foreman.example.com", "Foreman2.example.com"]));
        assert!(!ruby.global.contains_key("log_file") && !ruby.global.contains_key("settings_directory"));
        assert_eq!(ruby.provider_name(), Some("netbox"));
        assert_eq!(ruby.provider["token"], "0123456789abcdef0123456789abcdef01234567");
        assert!(ruby.notes[1].contains("log_file") && !ruby.notes.concat().contains("0123"), "{:?}", ruby.notes);
    }

    /// A directory with these files in `settings.d`.
    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("settings.d")).expect("a directory");
        fs::write(directory.path().join("settings.yml"), ":foreman_url: https://foreman.example.com\n")
            .expect("written");
        for (name, text) in files {
            fs::write(directory.path().join("settings.d").join(name), text).expect("written");
        }
        directory
    }

    #[test]
    fn a_dhcp_plugin_for_an_ipam_is_taken_over_where_no_other_ipam_is_in_use() {
        let dhcp = ("dhcp.yml", ":enabled: https\n:use_provider: dhcp_infoblox\n:server: grid.example.com\n");
        let own = (
            "dhcp_infoblox.yml",
            ":username: admin\n:password: geheim\n:record_type: fixedaddress\n:wait_after_restart: 5\n",
        );
        let external = |line: &str| format!(":enabled: {line}\n:use_provider: externalipam_netbox\n");
        let (on, off) = (external("true"), external("false"));
        let netbox = ("externalipam_netbox.yml", ":url: https://netbox.example.com\n");
        for (files, provider) in [
            (vec![dhcp, own], "infoblox"),
            (vec![dhcp, own, ("externalipam.yml", &*off), netbox], "infoblox"),
            (vec![dhcp, own, ("externalipam.yml", &*on), netbox], "netbox"),
            (vec![("externalipam.yml", &*off), netbox], "netbox"),
        ] {
            let directory = directory(&files);
            let ruby = Ruby::read(directory.path()).expect("settings");
            assert_eq!(ruby.provider_name(), Some(provider), "{files:?}");
            if provider == "infoblox" {
                assert_eq!(ruby.external["use_provider"], "externalipam_infoblox");
                assert_eq!(ruby.provider["url"], "https://grid.example.com");
                let notes = ruby.notes.concat();
                assert!(notes.contains("wait_after_restart: docs") && !notes.contains("geheim"), "{notes}");
            }
        }
        for files in [vec![], vec![("dhcp.yml", ":use_provider: dhcp_isc\n")], vec![dhcp]] {
            let directory = directory(&files);
            let Err(error) = Ruby::read(directory.path()) else { panic!("{files:?}") };
            let missing = if files == [dhcp] {
                "dhcp_infoblox.yml cannot be read"
            } else {
                "has no externalipam.yml, and no dhcp.yml"
            };
            assert!(error.to_string().contains(missing), "{error}");
        }
    }

    #[test]
    fn a_port_that_is_taken_is_left_to_who_has_it() {
        let taken = TcpListener::bind(("0.0.0.0", 0)).expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let with_port = || Ruby { global: BTreeMap::from([("https_port".to_owned(), json!(port))]), ..Ruby::default() };
        let mut ruby = with_port();
        ruby.mind_port(None);
        assert_eq!((ruby.global["https_port"].as_u64(), ruby.notes.len()), (Some(8009), 1));
        let mut again = with_port();
        again.mind_port(Some(&json!(9000)));
        assert_eq!((again.global["https_port"].as_u64(), again.notes.len()), (Some(9000), 0));
        let mut without = Ruby::default();
        without.mind_port(Some(&json!(9000)));
        assert!(without.global.is_empty());
    }
}
