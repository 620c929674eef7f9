//! `serve --demo`: a proxy to try out, with an embedded IPAM that has samples in it, all gone when it ends.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ipam_store::{Scope, Store};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::CommandError;
use super::output::{say, say_table};
use crate::app::App;
use crate::caller::{Grant, Role};
use crate::tokens::Table;

/// The port that the demo has when it is free: that of plain HTTP in Foreman's own documentation.
const PORT: u16 = 8000;

/// That of the management API when it is free: its default.
const API_PORT: u16 = 8444;

/// What the store has at first; RFC 5737, RFC 2544 and RFC 3849 keep these prefixes for examples, RFC 7042 the MACs.
///
/// One prefix in two groups, one range that is excluded, one subnet with a single free address, one without a group.
const SAMPLES: &str = "\
kind,group,prefix,address,last,mac,hostname,description,pool,container
group,Production,,,,,,Servers in service,,
group,Lab & Test,,,,,,Try things here,,
subnet,Production,192.0.2.0/24,,,,,Web servers,,
subnet,Production,198.51.100.8/29,,,,,Load balancers: one address left,,
subnet,Production,2001:db8:1::/64,,,,,Web servers by IPv6,,
subnet,Lab & Test,192.0.2.0/24,,,,,The same prefix once more,,
subnet,Lab & Test,2001:db8:2::/64,,,,,Lab by IPv6,,
subnet,,198.18.0.0/24,,,,,In no group,,
excluded,Production,192.0.2.0/24,192.0.2.200,192.0.2.254,,,DHCP,,
address,Production,192.0.2.0/24,192.0.2.1,,,gateway.example.com,,,
address,Production,192.0.2.0/24,192.0.2.2,,00:00:5e:00:53:02,web1.example.com,,,
address,Production,192.0.2.0/24,192.0.2.3,,00:00:5e:00:53:03,web2.example.com,,,
address,Production,198.51.100.8/29,198.51.100.9,,,lb1.example.com,,,
address,Production,198.51.100.8/29,198.51.100.10,,,lb2.example.com,,,
address,Production,198.51.100.8/29,198.51.100.11,,,lb3.example.com,,,
address,Production,198.51.100.8/29,198.51.100.12,,,lb4.example.com,,,
address,Production,198.51.100.8/29,198.51.100.13,,,lb5.example.com,,,
address,Production,2001:db8:1::/64,2001:db8:1::1,,,gateway.example.com,,,
address,Lab & Test,192.0.2.0/24,192.0.2.1,,,gateway.lab.example.com,,,
";

/// Calls to try, in an order in which each is interesting: what it shows, its method, its path and query.
const CALLS: [(&str, &str, &str); 15] = [
    ("what this Smart Proxy can do", "GET", "/v2/features"),
    ("groups, and the subnets of one; a name may have blanks and '&'", "GET", "/ipam/groups"),
    ("", "GET", "/ipam/groups/Lab+%26+Test/subnets"),
    (
        "the next free address for a MAC; the same MAC gets the same address again, another MAC gets another",
        "GET",
        "/ipam/subnet/192.0.2.0/24/next_ip?group=Production&mac=00:00:5e:00:53:10",
    ),
    ("", "GET", "/ipam/subnet/192.0.2.0/24/next_ip?group=Production&mac=00:00:5e:00:53:11"),
    ("who holds what", "GET", "/ipam/holds"),
    (
        "is an address taken? Take it, ask again, give it back",
        "GET",
        "/ipam/subnet/192.0.2.0/24/192.0.2.4?group=Production",
    ),
    ("", "POST", "/ipam/subnet/192.0.2.0/24/192.0.2.4?group=Production&hostname=web3.example.com"),
    ("", "GET", "/ipam/subnet/192.0.2.0/24/192.0.2.4?group=Production"),
    ("", "DELETE", "/ipam/subnet/192.0.2.0/24/192.0.2.4?group=Production"),
    ("IPv6", "GET", "/ipam/subnet/2001:db8:1::/64/next_ip?group=Production&mac=00:00:5e:00:53:10"),
    (
        "a subnet with one free address: the first call gets it, the second an error",
        "GET",
        "/ipam/subnet/198.51.100.8/29/next_ip?group=Production",
    ),
    ("", "GET", "/ipam/subnet/198.51.100.8/29/next_ip?group=Production"),
    (
        "more errors: a prefix that is in two groups, and one that is in none",
        "GET",
        "/ipam/subnet/192.0.2.0/24/next_ip",
    ),
    ("", "GET", "/ipam/subnet/203.0.113.0/24/next_ip"),
];

/// Paths of the management API to try, likewise.
const API_CALLS: [(&str, &str); 5] = [
    ("groups, and subnets by group", "/api/v1/groups"),
    ("", "/api/v1/subnets"),
    ("who holds what, and what was written so far", "/api/v1/holds"),
    ("", "/api/v1/ledger"),
    ("how the proxy is", "/api/v1/status"),
];

/// Commands to try, likewise; they work on the same store.
const COMMANDS: [&str; 7] = [
    "subnet list",
    "subnet show 192.0.2.0/24 --group 'Lab & Test'",
    "address add --next --subnet 198.18.0.0/24 --hostname new.example.com",
    "address list --group Production",
    "holds list",
    "token list",
    "export",
];

/// The directory of a demo; its end is the end of the demo's files.
pub(super) struct Demo {
    directory: TempDir,
    /// May do everything through the management API.
    token: SecretString,
}

impl Demo {
    /// Makes settings and store.
    pub(super) fn prepare() -> Result<Self, CommandError> {
        let failed = |error: io::Error| CommandError::failed(format!("the demo cannot be prepared: {error}"));
        let directory = tempfile::Builder::new().prefix("foreman-ipam-proxy-demo-").tempdir().map_err(failed)?;
        let mut demo = Self { directory, token: String::new().into() };
        demo.write_settings().map_err(failed)?;
        demo.token = actix_web::rt::System::new().block_on(demo.make_token())?;
        let mut store = Store::open_or_create(&demo.store())?;
        store.import(SAMPLES.as_bytes())?;
        Ok(demo)
    }

    /// The directory of settings.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn state(&self) -> PathBuf {
        self.directory().join("state")
    }

    fn store(&self) -> PathBuf {
        self.state().join("ipam.sqlite")
    }

    fn write_settings(&self) -> io::Result<()> {
        fs::create_dir(self.directory().join("settings.d"))?;
        fs::create_dir(self.state())?;
        // The proxy trusts this machine in a demo; the list only says that plain HTTP is meant.
        let settings = format!(
            "bind_host: [{hosts}]\nhttp_port: {port}\ntrusted_hosts: [localhost]\nlog_file: STDOUT\n\
             state_directory: {state}\n",
            hosts = hosts(),
            port = port(PORT),
            state = quoted_yaml(&self.state()),
        );
        self.write("settings.yml", &settings)?;
        self.write("settings.d/externalipam.yml", "enabled: true\nuse_provider: internal\n")?;
        let api = format!("enabled: true\nbind_host: [{}]\nport: {}\n", hosts(), port(API_PORT));
        self.write("settings.d/api.yml", &api)
    }

    async fn make_token(&self) -> Result<SecretString, CommandError> {
        let table = Table::open_or_create(Table::place(&self.state(), None)).map_err(CommandError::failed)?;
        table.add("demo", &Grant::everywhere(Role::Admin), None).await.map_err(CommandError::failed)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.directory().join(name);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
    }

    /// Prints where the proxy is, what is in it and what to try.
    pub(super) fn explain(&self, app: &App) {
        let Some(url) = app.bound().urls().next() else { return };
        say(format!(
            "\nWelcome to foreman-ipam-proxy {}. This is a demo: plain HTTP for this machine only, and an IPAM with \
             samples.\nIt ends with Ctrl-C, and everything in it is gone then.\n",
            env!("CARGO_PKG_VERSION")
        ));
        say(format!("Proxy     {url}"));
        let api = app.bound().api_urls().next().unwrap_or_default();
        say(format!("API       {api}/api/v1/docs"));
        say(format!("Token     {}", self.token.expose_secret()));
        say(format!("Settings  {}\n", self.directory().display()));
        self.show_subnets();
        say("\nTry it from another terminal:");
        for (what, method, target) in CALLS {
            if !what.is_empty() {
                say(format!("\n  # {what}"));
            }
            let method = if method == "GET" { String::new() } else { format!("-X {method} ") };
            say(format!("  curl {method}'{url}{target}'"));
        }
        say("\n  # the management API, with the token");
        for (what, target) in API_CALLS {
            if !what.is_empty() {
                say(format!("\n  # {what}"));
            }
            say(format!("  curl -H 'Authorization: Bearer {}' '{api}{target}'", self.token.expose_secret()));
        }
        say("\n  # the command line, on the same store");
        let program = program();
        for command in COMMANDS {
            say(format!("  {program} --config-dir {} {command}", quoted(&self.directory().display().to_string())));
        }
        say("");
    }

    fn show_subnets(&self) {
        let rows = Store::open(&self.store()).and_then(|store| {
            store.read(|reading| {
                let mut rows = Vec::new();
                for subnet in reading.subnets_in(&Scope::Anywhere)? {
                    let usage = reading.usage(&subnet)?;
                    rows.push([
                        subnet.bounds.to_string(),
                        subnet.group.map_or_else(|| "-".to_owned(), |group| group.to_string()),
                        usage.used.to_string(),
                        usage.free.to_string(),
                        subnet.description,
                    ]);
                }
                Ok(rows)
            })
        });
        match rows {
            Ok(rows) => say_table(["SUBNET", "GROUP", "USED", "FREE", "DESCRIPTION"], &rows),
            Err(error) => log::warn!("The samples cannot be shown: {error}"),
        }
    }
}

/// Loopback, by IPv6 too where this machine has it.
fn hosts() -> &'static str {
    let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if has_ipv6 { "127.0.0.1, '::1'" } else { "127.0.0.1" }
}

/// The usual port, or 0 for any when another program has it.
fn port(usual: u16) -> u16 {
    let is_taken = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let taken =
        loopback.iter().any(|address| TcpListener::bind((*address, usual)).is_err_and(|error| is_taken(&error)));
    if taken { 0 } else { usual }
}

/// How this program can be started again: by its name when the shell found it by that, else by its path.
fn program() -> String {
    let name = std::env::args_os().next().map(|name| name.to_string_lossy().into_owned());
    match (name, std::env::current_exe()) {
        (Some(name), _) if !name.contains('/') => quoted(&name),
        (_, Ok(path)) => quoted(&path.display().to_string()),
        (name, Err(_)) => quoted(&name.unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned())),
    }
}

/// Text as one word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A path as text for YAML.
fn quoted_yaml(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use ipam_provider::AddressSet;

    use super::*;
    use crate::registry::PROVIDERS;
    use crate::settings::Settings;

    #[test]
    fn the_settings_of_the_demo_are_without_fault_and_warning() {
        let demo = Demo::prepare().expect("a demo");
        let settings = Settings::load(demo.directory(), PROVIDERS).expect("settings");
        assert_eq!(settings.warnings, []);
        assert_eq!(settings.server.state_directory, demo.state());
        assert_eq!(settings.server.https_port, None);
        let path = demo.directory().to_owned();
        drop(demo);
        assert!(!path.exists(), "the demo leaves files behind");
    }

    #[test]
    fn the_samples_have_one_of_each_case() {
        let demo = Demo::prepare().expect("a demo");
        let store = Store::open(&demo.store()).expect("a store");
        assert_eq!(store.verify().expect("verified"), []);
        let free = |prefix: &str| {
            let prefix: ipam_provider::Prefix = prefix.parse().expect("a prefix");
            let scope = Scope::Group(ipam_provider::GroupName::new("Production").expect("a name"));
            store
                .read(|reading| {
                    reading.free_addresses(reading.one_subnet(prefix, &scope)?.id, 2, &AddressSet::default())
                })
                .expect("addresses")
        };
        let addresses =
            |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|text| text.parse().expect("an address")).collect() };
        assert_eq!(free("192.0.2.0/24"), addresses(&["192.0.2.4", "192.0.2.5"]), "the address in CALLS is the next");
        assert_eq!(free("198.51.100.8/29"), addresses(&["198.51.100.14"]));
        let twice: ipam_provider::Prefix = "192.0.2.0/24".parse().expect("a prefix");
        assert!(store.read(|reading| reading.one_subnet(twice, &Scope::Anywhere)).is_err(), "it is in two groups");
    }

    #[test]
    fn words_for_a_shell_are_quoted_when_they_must_be() {
        assert_eq!(quoted("/tmp/demo-1"), "/tmp/demo-1");
        assert_eq!(quoted("/tmp/my demo"), "'/tmp/my demo'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted_yaml(Path::new("/tmp/it's")), "'/tmp/it''s'");
    }
}
