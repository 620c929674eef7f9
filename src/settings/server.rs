//! Where the proxy listens, and whom it trusts.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use ipam_provider::settings::Section;
use reqwest::Url;
use serde_json::Value;

use super::environment::Environment;
use super::is_given;

/// What the proxy says it is compatible with, unless told: Foreman compares the first two numbers with its own.
const FOREMAN_VERSION: &str = "3.13.0";

/// Where state is kept when neither the settings nor systemd say so.
pub(crate) const STATE_DIRECTORY: &str = "/var/lib/foreman-ipam-proxy";

/// How long each try to resolve a name takes, in seconds, as the Ruby proxy has it.
const DNS_TIMEOUTS: [u64; 3] = [5, 8, 13];

/// More threads than this help nobody.
const WORKERS_AT_MOST: usize = 512;

/// Settings of the server, in `settings.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// `bind_host`: where to listen, never empty.
    pub bind: Vec<BindHost>,
    /// `http_port`: the port for plain HTTP, `None` for no plain HTTP; 0 is any free port.
    pub http_port: Option<u16>,
    /// `https_port`: the port for HTTPS, `None` when the files for TLS are not set; 0 is any free port.
    pub https_port: Option<u16>,
    /// `trusted_hosts`: names in lower case. `None` trusts every verified caller, an empty list nobody.
    pub trusted_hosts: Option<Vec<String>>,
    /// `forward_verify`: a name that reverse DNS gave must lead back to the address.
    pub forward_verify: bool,
    /// `foreman_url`: where Foreman is, `http` or `https`, without user and password.
    pub foreman_url: Option<String>,
    /// `proxy_url`: where Foreman reaches this proxy, for the commands that register it.
    pub proxy_url: Option<String>,
    /// `foreman_ssl_ca`: PEM certificates that Foreman's own may be signed by, besides those of the system and of
    /// `ssl_ca_file`.
    pub foreman_ssl_ca: Option<PathBuf>,
    /// `foreman_version`: the version of the Smart Proxy that Foreman is told; three numbers.
    pub foreman_version: String,
    /// `state_directory`: where files may be kept that must survive a restart; absolute.
    pub state_directory: PathBuf,
    /// `dns_resolv_timeouts`: how long each try to resolve a name takes; never empty.
    pub dns_timeouts: Vec<Duration>,
    /// `workers`: how many threads answer requests.
    pub workers: NonZeroUsize,
    /// `shutdown_seconds`: how long running requests may take to end.
    pub shutdown: Duration,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BindHost {
    /// `*`: all IPv4 and all IPv6 addresses of this machine.
    All,
    /// One address, which may be 0.0.0.0 or ::.
    Address(IpAddr),
    /// All addresses that a name such as `localhost` has.
    Name(String),
}

/// However many tries there may be, a caller does not wait longer for its name to be found.
const DNS_AT_MOST: Duration = Duration::from_secs(10);

impl Server {
    /// How long a caller may wait until its name is found: all tries together, within reason.
    pub(crate) fn dns_limit(&self) -> Duration {
        self.dns_timeouts.iter().sum::<Duration>().min(DNS_AT_MOST)
    }

    /// What `settings.yml` says, else systemd, else the usual place.
    pub(super) fn read_state_directory(section: &mut Section, environment: &Environment) -> PathBuf {
        let given = section.path("state_directory").or_else(|| environment.state_directory());
        given.unwrap_or_else(|| PathBuf::from(STATE_DIRECTORY))
    }

    /// `https`: are the files for TLS set?
    pub(super) fn read(section: &mut Section, https: bool, environment: &Environment) -> Self {
        let http_port = port(section, "http_port");
        let https_port = port(section, "https_port").unwrap_or(8443);
        if https && http_port == Some(https_port) && https_port != 0 {
            section.problem("http_port", "is the port of HTTPS too", "choose another port, or remove http_port");
        }
        if !https && !is_given(section, "http_port") {
            section.problem(
                "http_port",
                "is not set, nor are the files for HTTPS, so that nobody could call",
                "set ssl_certificate, ssl_private_key and ssl_ca_file for HTTPS, or http_port for plain HTTP",
            );
        }
        let right = "write '*', 'localhost', an IP address or a host name, or a list of these";
        let bind = section.read("bind_host", right, bind_hosts);
        if section.has("bind_host") && !is_given(section, "bind_host") {
            // It would mean "not set", and so every address.
            section.problem("bind_host", "is an empty text, which could mean every address or none", right);
        }
        let right = "write http:// or https:// and the host, without user and password";
        let foreman_url = section.read("foreman_url", right, |value| value.as_str().and_then(web_url));
        let proxy_url = section.read("proxy_url", right, |value| value.as_str().and_then(web_url));
        let foreman_ssl_ca = section.path("foreman_ssl_ca");
        let right = "write two or three numbers in quotes, such as '3.13' or '3.13.0'";
        let foreman_version = section.read("foreman_version", right, |value| value.as_str().and_then(version));
        let right = "write a list of seconds above 0 and up to 60, such as [5, 8, 13]";
        let dns_timeouts = section.read("dns_resolv_timeouts", right, timeouts);
        let workers = section.number("workers", 1..=WORKERS_AT_MOST as u64);
        let workers = workers.and_then(|workers| NonZeroUsize::new(usize::try_from(workers).ok()?));
        Self {
            bind: bind.unwrap_or_else(|| vec![BindHost::All]),
            http_port,
            https_port: https.then_some(https_port),
            trusted_hosts: trusted_hosts(section),
            forward_verify: section.flag("forward_verify").unwrap_or(true),
            foreman_url,
            proxy_url,
            foreman_ssl_ca,
            foreman_version: foreman_version.unwrap_or_else(|| FOREMAN_VERSION.to_owned()),
            state_directory: Self::read_state_directory(section, environment),
            dns_timeouts: dns_timeouts.unwrap_or_else(|| DNS_TIMEOUTS.map(Duration::from_secs).to_vec()),
            workers: workers.unwrap_or_else(default_workers),
            shutdown: section.seconds("shutdown_seconds", 0..=300).unwrap_or(Duration::from_secs(30)),
        }
    }
}

fn default_workers() -> NonZeroUsize {
    let at_most = NonZeroUsize::new(WORKERS_AT_MOST).expect("the limit is above 0");
    available_parallelism().map_or(NonZeroUsize::MIN, |threads| threads.min(at_most))
}

/// 0 lets the system choose, which tests need.
pub(super) fn port(section: &mut Section, key: &'static str) -> Option<u16> {
    section.number(key, 0..=65_535).and_then(|port| u16::try_from(port).ok())
}

fn trusted_hosts(section: &mut Section) -> Option<Vec<String>> {
    const RIGHT: &str = "list the names in the certificates, such as ['foreman.example.com'], or [] to trust nobody";
    let hosts = section.list("trusted_hosts");
    if section.has("trusted_hosts") && !is_given(section, "trusted_hosts") {
        // An empty text would mean "not set", and so trust every verified caller.
        section.problem("trusted_hosts", "is an empty text, which could mean everybody or nobody", RIGHT);
    }
    let hosts: Vec<String> = hosts?.iter().map(|host| host.trim().to_ascii_lowercase()).collect();
    let can_match =
        |host: &String| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/' || c == ',');
    if !hosts.iter().all(can_match) {
        section.problem("trusted_hosts", "has a name that no certificate can have", RIGHT);
    }
    Some(hosts)
}

pub(super) fn bind_hosts(value: &Value) -> Option<Vec<BindHost>> {
    let hosts: Vec<BindHost> = match value {
        Value::Array(items) => items.iter().map(|item| bind_host(item.as_str()?)).collect::<Option<_>>()?,
        Value::String(text) => text.split(',').map(|item| bind_host(item.trim())).collect::<Option<_>>()?,
        _ => return None,
    };
    (!hosts.is_empty()).then_some(hosts)
}

fn bind_host(text: &str) -> Option<BindHost> {
    if text == "*" {
        return Some(BindHost::All);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse() {
        return Some(BindHost::Address(address));
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // A last label of digits only would be a mistyped IPv4 address.
    let is_name = text.split('.').all(is_label)
        && text.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
    is_name.then(|| BindHost::Name(text.to_owned()))
}

/// The address of Foreman or of a proxy, as it was written: `http` or `https`, a host, no user and password.
pub(crate) fn web_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_right = ["http", "https"].contains(&url.scheme())
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    is_right.then(|| text.to_owned())
}

/// Two or three numbers, given back as three.
fn version(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&str| (1..=5).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().all(is_number) {
        return None;
    }
    match parts[..] {
        [major, minor] => Some(format!("{major}.{minor}.0")),
        [_, _, _] => Some(text.to_owned()),
        _ => None,
    }
}

/// One number, or a list of them, or the same as text; fractions of a second too.
fn timeouts(value: &Value) -> Option<Vec<Duration>> {
    let timeout = |seconds: f64| {
        let is_right = seconds > 0.0 && seconds <= 60.0;
        is_right.then(|| Duration::from_secs_f64(seconds))
    };
    let timeouts: Vec<Duration> = match value {
        Value::Number(number) => vec![timeout(number.as_f64()?)?],
        Value::Array(items) => items.iter().map(|item| timeout(item.as_f64()?)).collect::<Option<_>>()?,
        Value::String(text) => text.split(',').map(|item| timeout(item.trim().parse().ok()?)).collect::<Option<_>>()?,
        _ => return None,
    };
    (!timeouts.is_empty()).then_some(timeouts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::testing::{faults, section};

    fn read(settings: Value) -> (Server, String) {
        let mut section = section(settings);
        let server = Server::read(&mut section, true, &Environment::default());
        (server, faults(section))
    }

    /// The server of settings without faults.
    fn right(settings: Value) -> Server {
        let (server, faults) = read(settings);
        assert_eq!(faults, "");
        server
    }

    /// The faults of settings that have some.
    fn wrong(settings: Value) -> String {
        let (_, faults) = read(settings);
        assert_ne!(faults, "");
        faults
    }

    #[test]
    fn with_the_files_for_tls_nothing_else_is_needed() {
        let server = right(json!({}));
        assert_eq!(server.bind, [BindHost::All]);
        assert_eq!((server.http_port, server.https_port), (None, Some(8443)));
        assert_eq!(server.trusted_hosts, None);
        assert!(server.forward_verify);
        assert_eq!((server.foreman_url, server.proxy_url, server.foreman_ssl_ca), (None, None, None));
        assert_eq!(server.foreman_version, "3.13.0");
        assert_eq!(server.state_directory, PathBuf::from("/var/lib/foreman-ipam-proxy"));
        assert_eq!(server.dns_timeouts, [5, 8, 13].map(Duration::from_secs));
        assert_eq!(server.workers, default_workers());
        assert_eq!(server.shutdown, Duration::from_secs(30));
    }

    #[test]
    fn without_https_and_http_nobody_could_call() {
        let mut section = section(json!({"https_port": 8443}));
        Server::read(&mut section, false, &Environment::default());
        insta::assert_snapshot!(faults(section), @"test.yml: http_port is not set, nor are the files for HTTPS, so that nobody could call; set ssl_certificate, ssl_private_key and ssl_ca_file for HTTPS, or http_port for plain HTTP");
    }

    #[test]
    fn without_the_files_for_tls_there_is_no_https_port() {
        let mut section = section(json!({"https_port": 8443, "http_port": 8000}));
        let server = Server::read(&mut section, false, &Environment::default());
        assert_eq!((server.http_port, server.https_port), (Some(8000), None));
        assert_eq!(faults(section), "");
    }

    #[test]
    fn one_port_cannot_be_both() {
        insta::assert_snapshot!(wrong(json!({"http_port": 8443})), @"test.yml: http_port is the port of HTTPS too; choose another port, or remove http_port");
        let any = right(json!({"http_port": 0, "https_port": "0"}));
        assert_eq!((any.http_port, any.https_port), (Some(0), Some(0)));
    }

    #[test]
    fn places_to_listen_are_read_as_text_or_list() {
        let bind = |value: Value| right(json!({"bind_host": value})).bind;
        assert_eq!(bind(json!("*")), [BindHost::All]);
        assert_eq!(bind(json!(["*"])), [BindHost::All]);
        assert_eq!(
            bind(json!(["localhost", "10.1.2.3", "::1", "[2001:db8::1]"])),
            [
                BindHost::Name("localhost".to_owned()),
                BindHost::Address("10.1.2.3".parse().expect("an address")),
                BindHost::Address("::1".parse().expect("an address")),
                BindHost::Address("2001:db8::1".parse().expect("an address")),
            ]
        );
        assert_eq!(bind(json!("localhost, proxy.example.com")).len(), 2);
        for value in [json!([]), json!(["a b"]), json!("10.1.2.300"), json!("a..b"), json!(["*", ""]), json!({"a": 1})]
        {
            let faults = wrong(json!({"bind_host": value}));
            assert!(faults.contains("bind_host has a value that cannot be used"), "{value}: {faults}");
        }
    }

    #[test]
    fn an_empty_place_to_listen_is_a_fault() {
        insta::assert_snapshot!(wrong(json!({"bind_host": ""})), @"test.yml: bind_host is an empty text, which could mean every address or none; write '*', 'localhost', an IP address or a host name, or a list of these");
        assert_eq!(right(json!({"bind_host": null})).bind, [BindHost::All]);
    }

    #[test]
    fn trusted_hosts_tell_everybody_nobody_and_some_apart() {
        let trusted = |value: Value| right(json!({"trusted_hosts": value})).trusted_hosts;
        assert_eq!(trusted(Value::Null), None);
        assert_eq!(trusted(json!([])), Some(vec![]));
        assert_eq!(trusted(json!(["Foreman.Example.COM"])), Some(vec!["foreman.example.com".to_owned()]));
        assert_eq!(trusted(json!("a.example.com, B")), Some(vec!["a.example.com".to_owned(), "b".to_owned()]));
        insta::assert_snapshot!(wrong(json!({"trusted_hosts": ""})), @"test.yml: trusted_hosts is an empty text, which could mean everybody or nobody; list the names in the certificates, such as ['foreman.example.com'], or [] to trust nobody");
        insta::assert_snapshot!(wrong(json!({"trusted_hosts": ["CN=foreman /x"]})), @"test.yml: trusted_hosts has a name that no certificate can have; list the names in the certificates, such as ['foreman.example.com'], or [] to trust nobody");
    }

    #[test]
    fn the_address_of_foreman_is_a_web_address_without_secrets() {
        let url = |text: &str| right(json!({"foreman_url": text})).foreman_url;
        assert_eq!(url("https://foreman.example.com"), Some("https://foreman.example.com".to_owned()));
        assert_eq!(url("http://[2001:db8::1]:3000/foreman/"), Some("http://[2001:db8::1]:3000/foreman/".to_owned()));
        for text in
            ["foreman.example.com", "ftp://foreman.example.com", "https://", "https://a:geheim@foreman", "https://a@b"]
        {
            let faults = wrong(json!({"foreman_url": text}));
            assert!(
                faults.contains("foreman_url has a value that cannot be used") && !faults.contains("geheim"),
                "{faults}"
            );
        }
    }

    #[test]
    fn the_version_has_two_or_three_numbers() {
        let version = |text: &str| right(json!({"foreman_version": text})).foreman_version;
        assert_eq!(version("3.10"), "3.10.0");
        assert_eq!(version("3.13.1"), "3.13.1");
        for value in [json!("3"), json!("3.13.0.1"), json!("3.13-develop"), json!("3..1"), json!(3.13), json!("+3.1")] {
            let faults = wrong(json!({"foreman_version": value}));
            assert!(faults.contains("foreman_version has a value that cannot be used"), "{value}: {faults}");
        }
    }

    #[test]
    fn times_of_dns_are_numbers_above_zero() {
        let timeouts = |value: Value| right(json!({"dns_resolv_timeouts": value})).dns_timeouts;
        assert_eq!(timeouts(json!([5, 8, 13])), [5, 8, 13].map(Duration::from_secs));
        assert_eq!(timeouts(json!(2)), [Duration::from_secs(2)]);
        assert_eq!(timeouts(json!("1, 0.5")), [Duration::from_secs(1), Duration::from_millis(500)]);
        for value in
            [json!([]), json!([0]), json!([-1]), json!([61]), json!(["a"]), json!("1,,2"), json!("NaN"), json!(true)]
        {
            let faults = wrong(json!({"dns_resolv_timeouts": value}));
            assert!(faults.contains("dns_resolv_timeouts has a value that cannot be used"), "{value}: {faults}");
        }
    }

    #[test]
    fn the_state_directory_is_ours_or_systemds() {
        let systemd = Environment::new([("STATE_DIRECTORY", "/var/lib/systemd-made")]);
        let state = |settings: Value| Server::read(&mut section(settings), true, &systemd).state_directory;
        assert_eq!(state(json!({})), PathBuf::from("/var/lib/systemd-made"));
        assert_eq!(state(json!({"state_directory": "/srv/state"})), PathBuf::from("/srv/state"));
        insta::assert_snapshot!(wrong(json!({"state_directory": "state"})), @"test.yml: state_directory has a value that cannot be used; write an absolute path, such as /etc/ssl/ca.pem");
    }

    #[test]
    fn threads_and_time_to_end_have_limits() {
        assert_eq!(right(json!({"workers": 512, "shutdown_seconds": 0})).workers.get(), 512);
        insta::assert_snapshot!(wrong(json!({"workers": 0, "shutdown_seconds": 301, "forward_verify": "never"})), @r"
        test.yml: workers has a value that cannot be used; write a whole number from 1 to 512
        test.yml: forward_verify has a value that cannot be used; write true or false
        test.yml: shutdown_seconds has a value that cannot be used; write a whole number from 0 to 300
        ");
    }
}
