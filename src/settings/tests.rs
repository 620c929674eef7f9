//! Whole directories of settings, right and wrong.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::testing::{Directory, provider_named};
use super::{Environment, Settings};

/// In wrong settings every value that could be a secret has this in it.
const SECRET: &str = "geheim";

#[test]
fn a_thoroughly_wrong_configuration_is_told_all_at_once() {
    let directory = Directory::new();
    directory.write(
        "settings.yml",
        "bind_host: [10.0.0.300]\nhttp_port: geheim\nhttps_port: 70000\nssl_certificate: geheim.pem\n\
         ssl_ca_file: /etc/ssl/ca.pem\ntls_disabled_versions: ['1.2', '1.3']\nssl_disabled_ciphers: ['geheim:ALL']\n\
         trusted_hosts: ''\nforward_verify: geheim\nforeman_url: https://admin:geheim@foreman\nforeman_version: 3.10\n\
         state_directory: geheim\ndns_resolv_timeouts: geheim\nworkers: 0\nshutdown_seconds: -1\n\
         log_file: geheim\nlog_level: geheim\nlog_buffer: geheim\nlog_buffer_errors: geheim\ntrusted_host: geheim\n",
    );
    directory.write(
        "settings.d/externalipam.yml",
        "enabled: geheim\nuse_provider: netbox\nerror_style: geheim\nlegacy: geheim\nrequest_budget_seconds: 5\n\
         attempt_seconds: 27\nread_attempts: geheim\nhold_seconds: geheim\nhold_seconds_without_mac: 1\n\
         candidate_seconds: 61\nlookup_seconds: 3601\nholds_at_most: 1\nhold_second: geheim\nwhatever.geheim: 1\n",
    );
    directory.write("settings.d/externalipam_netbox.yml", "token: 123\ntimeout_seconds: geheim\npassword: geheim\n");
    let faults = directory.faults_with(&[
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TIMEOUT_SECONDS", SECRET),
        ("FOREMAN_IPAM_PROXY__HTTP_PROT", SECRET),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM_PHPIPAM__PASSWORD", SECRET),
    ]);
    let values = faults.lines().filter(|line| line.contains(SECRET) && !line.contains("whatever.geheim"));
    assert_eq!(values.count(), 0, "{faults}");
    insta::assert_snapshot!(faults, @r"
    DIR/settings.d/externalipam.yml: attempt_seconds is half of request_budget_seconds or more; set it to 2 or less, or raise request_budget_seconds above twice of it
    DIR/settings.d/externalipam.yml: candidate_seconds has a value that cannot be used; write a whole number from 0 to 60
    DIR/settings.d/externalipam.yml: enabled has a value that cannot be used; write one of: true, false, http, https
    DIR/settings.d/externalipam.yml: error_style has a value that cannot be used; write one of: auto, foreman, http
    DIR/settings.d/externalipam.yml: hold_second is not a setting; did you mean hold_seconds?
    DIR/settings.d/externalipam.yml: hold_seconds has a value that cannot be used; write a whole number from 60 to 86400
    DIR/settings.d/externalipam.yml: hold_seconds_without_mac has a value that cannot be used; write a whole number from 60 to 86400
    DIR/settings.d/externalipam.yml: holds_at_most has a value that cannot be used; write a whole number from 1000 to 10000000
    DIR/settings.d/externalipam.yml: legacy has a value that cannot be used; write one of: foreman-2.1
    DIR/settings.d/externalipam.yml: lookup_seconds has a value that cannot be used; write a whole number from 0 to 3600
    DIR/settings.d/externalipam.yml: read_attempts has a value that cannot be used; write a whole number from 1 to 5
    DIR/settings.d/externalipam.yml: whatever.geheim is not a setting; known are: attempt_seconds, candidate_seconds, enabled, error_style, hold_seconds, hold_seconds_without_mac, holds_at_most, ledger_days, legacy, lookup_seconds, read_attempts, recycle_after_seconds, release_quarantine_seconds, request_budget_seconds, use_provider
    DIR/settings.d/externalipam_netbox.yml: password is not a setting; known are: timeout_seconds, token, url
    DIR/settings.d/externalipam_netbox.yml: token has a value that cannot be used; write text, in quotes if it looks like a number
    DIR/settings.d/externalipam_netbox.yml: url is missing; set the address of the IPAM
    DIR/settings.yml: bind_host has a value that cannot be used; write '*', 'localhost', an IP address or a host name, or a list of these
    DIR/settings.yml: dns_resolv_timeouts has a value that cannot be used; write a list of seconds above 0 and up to 60, such as [5, 8, 13]
    DIR/settings.yml: foreman_url has a value that cannot be used; write http:// or https:// and the host, without user and password
    DIR/settings.yml: foreman_version has a value that cannot be used; write two or three numbers in quotes, such as '3.13' or '3.13.0'
    DIR/settings.yml: forward_verify has a value that cannot be used; write true or false
    DIR/settings.yml: http_port has a value that cannot be used; write a whole number from 0 to 65535
    DIR/settings.yml: https_port has a value that cannot be used; write a whole number from 0 to 65535
    DIR/settings.yml: log_buffer has a value that cannot be used; write a whole number from 1 to 100000
    DIR/settings.yml: log_buffer_errors has a value that cannot be used; write a whole number from 1 to 100000
    DIR/settings.yml: log_file has a value that cannot be used; write an absolute path, STDOUT, SYSLOG or JOURNAL
    DIR/settings.yml: log_level has a value that cannot be used; write one of: DEBUG, INFO, WARN, ERROR, FATAL, UNKNOWN
    DIR/settings.yml: shutdown_seconds has a value that cannot be used; write a whole number from 0 to 300
    DIR/settings.yml: ssl_certificate has a value that cannot be used; write an absolute path, such as /etc/ssl/ca.pem
    DIR/settings.yml: ssl_disabled_ciphers has a name with characters that no cipher's name has; write names as `openssl ciphers` shows them, such as AES256-SHA
    DIR/settings.yml: ssl_private_key is missing; HTTPS needs ssl_certificate, ssl_private_key and ssl_ca_file: set all three
    DIR/settings.yml: state_directory has a value that cannot be used; write an absolute path, such as /etc/ssl/ca.pem
    DIR/settings.yml: tls_disabled_versions leaves no TLS version that could be used; leave out 1.2 or 1.3, or both
    DIR/settings.yml: trusted_hosts is an empty text, which could mean everybody or nobody; list the names in the certificates, such as ['foreman.example.com'], or [] to trust nobody
    DIR/settings.yml: workers has a value that cannot be used; write a whole number from 1 to 512
    environment variable FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TIMEOUT_SECONDS: timeout_seconds has a value that cannot be used; write a whole number from 1 to 60
    environment variable FOREMAN_IPAM_PROXY__EXTERNALIPAM_PHPIPAM__PASSWORD: is for a file that does not exist in this build; between FOREMAN_IPAM_PROXY__ and __ write one of: EXTERNALIPAM, FOREMAN_NAMES, API, EXTERNALIPAM_INTERNAL, EXTERNALIPAM_NETBOX
    environment variable FOREMAN_IPAM_PROXY__HTTP_PROT: http_prot is not a setting; did you mean http_port?
    ");
}

#[test]
fn yaml_faults_say_where_and_show_nothing() {
    let fault = |text: &str| {
        let directory = Directory::that_starts();
        directory.write("settings.d/externalipam_netbox.yml", text);
        directory.write("settings.d/externalipam.yml", "use_provider: netbox");
        let faults = directory.faults();
        assert!(!faults.contains(SECRET), "{faults}");
        faults
    };
    let faults = [
        "url: x\ntoken: 'geheim\n",
        "url: x\ntoken: geheim: geheim\n",
        "url: x\n\ttoken: geheim\n",
        "token: \"geheim\\q\"\n",
        "token: *geheim\n",
        "url: x\ntoken: geheim\nurl: geheim\n",
        "geheim",
        "- geheim\n",
        "3",
        "url: x\n---\ntoken: geheim\n",
        "? [geheim]\n: geheim\n",
        "token: {~: geheim}\n",
        "token: .inf\n",
        "url: x\n:token: geheim\ntoken: geheim\n",
    ]
    .map(fault);
    insta::assert_snapshot!(faults.join("\n"), @r"
    DIR/settings.d/externalipam_netbox.yml: is not YAML at line 2, column 8; write one `key: value` a line, without tabs, and quote text that has a special character in it
    DIR/settings.d/externalipam_netbox.yml: is not YAML at line 2, column 14; write one `key: value` a line, without tabs, and quote text that has a special character in it
    DIR/settings.d/externalipam_netbox.yml: is not YAML at line 1, column 6; write one `key: value` a line, without tabs, and quote text that has a special character in it
    DIR/settings.d/externalipam_netbox.yml: is not YAML at line 1, column 8; write one `key: value` a line, without tabs, and quote text that has a special character in it
    DIR/settings.d/externalipam_netbox.yml: is not YAML at line 1, column 8; write one `key: value` a line, without tabs, and quote text that has a special character in it
    DIR/settings.d/externalipam_netbox.yml: has a key twice, the second time about line 3; keep one of the two
    DIR/settings.d/externalipam_netbox.yml: holds no settings; write one `key: value` a line
    DIR/settings.d/externalipam_netbox.yml: holds no settings; write one `key: value` a line
    DIR/settings.d/externalipam_netbox.yml: holds no settings; write one `key: value` a line
    DIR/settings.d/externalipam_netbox.yml: is not one document of keys and values; write one `key: value` a line, and `---` at most once
    DIR/settings.d/externalipam_netbox.yml: is not one document of keys and values; write one `key: value` a line, and `---` at most once
    DIR/settings.d/externalipam_netbox.yml: is not one document of keys and values; write one `key: value` a line, and `---` at most once
    DIR/settings.d/externalipam_netbox.yml: is not one document of keys and values; write one `key: value` a line, and `---` at most once
    DIR/settings.d/externalipam_netbox.yml: token is there twice, with and without a leading colon; keep one of the two
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_of_that_file_only() {
    let directory = Directory::new();
    fs::create_dir(directory.path().join("settings.yml")).expect("a directory");
    directory.write_bytes("settings.d/externalipam.yml", b"enabled: true\n# \xff\n");
    insta::assert_snapshot!(directory.faults(), @r"
    DIR/settings.d/externalipam.yml: is not UTF-8 in line 2; save the file as UTF-8
    DIR/settings.yml: is a directory; put a YAML file in its place
    ");
}

#[test]
fn a_file_without_permission_is_a_fault() {
    let directory = Directory::that_starts();
    let file = directory.path().join("settings.d/externalipam.yml");
    directory.write("settings.d/externalipam.yml", "enabled: true");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("the file is ours");
    // Root may read everything; a loop of symbolic links nobody can.
    if fs::read(&file).is_ok() {
        fs::remove_file(&file).expect("the file is ours");
        symlink(&file, &file).expect("a link");
    }
    let faults = directory.faults();
    assert!(faults.starts_with("DIR/settings.d/externalipam.yml: "), "{faults}");
    assert!(faults.contains("may not be read") || faults.contains("cannot be read"), "{faults}");
}

#[test]
fn a_link_to_nothing_is_no_missing_file() {
    let directory = Directory::that_starts();
    symlink("/nowhere/externalipam.yml", directory.path().join("settings.d/externalipam.yml")).expect("a link");
    insta::assert_snapshot!(directory.faults(), @"DIR/settings.d/externalipam.yml: is a link to nothing; mend the link, or remove it");
}

#[test]
fn files_may_be_missing_and_empty_but_directories_not() {
    let directory = Directory::that_starts();
    assert_eq!(directory.settings().routes[0].key, "internal");
    for text in ["", "---\n", "--- # all defaults\n# nothing\n", "\u{feff}---\n:enabled: true\n", "# nothing\n"] {
        directory.write("settings.d/externalipam.yml", text);
        assert_eq!(directory.settings().routes[0].key, "internal", "{text:?}");
    }
    directory.write("settings.yml", "http_port: 8000\nsettings_directory: DIR/elsewhere\n");
    insta::assert_snapshot!(directory.faults(), @"DIR/elsewhere: is no directory that can be read; name the directory that has the settings");
    let missing = Settings::load_with(
        &directory.path().join("nowhere"),
        &[provider_named("internal")],
        &Environment::new([("FOREMAN_IPAM_PROXY__HTTP_PORT", "1")]),
    );
    let faults = missing.expect_err("there is no such directory").to_string();
    assert!(faults.contains("nowhere: is no directory"), "{faults}");
}

#[test]
fn settings_d_may_be_elsewhere() {
    let directory = Directory::new();
    fs::create_dir(directory.path().join("elsewhere")).expect("a directory");
    directory.write("settings.yml", ":http_port: 8000\n:settings_directory: DIR/elsewhere\n");
    directory.write("elsewhere/externalipam.yml", ":hold_seconds: 61\n");
    directory.write("settings.d/externalipam.yml", ":hold_seconds: 62\n");
    assert_eq!(directory.settings().holds.with_mac.as_secs(), 61);
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
    let directory = Directory::that_starts();
    directory.write("settings.d/externalipam.yml", ":use_provider: internal\n:hold_seconds: 61\n:lookup_seconds: 62\n");
    directory.write("settings.d/externalipam_netbox.yml", "url: http://file\n");
    let variables = [
        ("FOREMAN_IPAM_PROXY__HTTP_PORT", "8001"),
        ("FOREMAN_IPAM_PROXY__TRUSTED_HOSTS", "a.example.com, b.example.com"),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM__USE_PROVIDER", "netbox"),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM__HOLD_SECONDS", "63"),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM__LOOKUP_SECONDS", ""),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKEN", SECRET),
    ];
    let settings = directory.load(&variables).expect("there are no faults");
    assert_eq!(settings.server.http_port, Some(8001));
    assert_eq!(settings.server.trusted_hosts.as_ref().map(Vec::len), Some(2));
    assert_eq!(settings.routes[0].key, "netbox");
    assert_eq!(settings.holds.with_mac.as_secs(), 63);
    assert_eq!(settings.holds.lookups.as_secs(), 60);
    assert_eq!(settings.holds.without_mac.as_secs(), 300);
    assert!(!format!("{settings:?}").contains(SECRET));
}

#[test]
fn each_file_has_variables_of_its_own() {
    let directory = Directory::new();
    let faults = directory.faults_with(&[
        ("FOREMAN_IPAM_PROXY__HTTP_PORT", "x"),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM__READ_ATTEMPTS", "x"),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM__USE_PROVIDER", "netbox"),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__URL", "http://netbox"),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKEN", "x"),
        ("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKENN", "x"),
        ("FOREMAN_IPAM_PROXY__DAEMON", "x"),
    ]);
    insta::assert_snapshot!(faults, @r"
    environment variable FOREMAN_IPAM_PROXY__DAEMON: daemon is not a setting; known are: bind_host, database_password_file, database_timeout_seconds, database_url, dns_resolv_timeouts, foreman_ssl_ca, foreman_url, foreman_version, forward_verify, http_port, https_port, log_buffer, log_buffer_errors, log_file, log_level, proxy_url, settings_directory, shutdown_seconds, ssl_ca_file, ssl_certificate, ssl_crl_file, ssl_disabled_ciphers, ssl_private_key, state_directory, tls_disabled_versions, trusted_hosts, workers
    environment variable FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKENN: tokenn is not a setting; did you mean token?
    environment variable FOREMAN_IPAM_PROXY__EXTERNALIPAM__READ_ATTEMPTS: read_attempts has a value that cannot be used; write a whole number from 1 to 5
    environment variable FOREMAN_IPAM_PROXY__HTTP_PORT: http_port has a value that cannot be used; write a whole number from 0 to 65535
    ");
}

#[test]
fn only_the_file_of_the_chosen_provider_is_read() {
    let directory = Directory::that_starts();
    directory.write("settings.d/externalipam_netbox.yml", "this: [is not YAML");
    directory.write("settings.d/externalipam_phpipam.yml", ":password: geheim\n");
    directory.write("settings.d/dns.yml", "not: [ours");
    assert_eq!(directory.settings().routes[0].key, "internal");
    directory.write("settings.d/externalipam.yml", "use_provider: externalipam_netbox");
    assert!(directory.faults().contains("externalipam_netbox.yml: is not YAML"));
}

#[test]
fn keys_are_taken_literally() {
    let directory = Directory::that_starts();
    directory.write(
        "settings.d/externalipam.yml",
        "hold_seconds.x: 1\nread_attempts[0]: 2\nENABLED: false\n::legacy: foreman-2.1\n7: 8\n':': 9\nenabled: true\n",
    );
    let faults = directory.faults();
    let keys: Vec<&str> = faults.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(keys, ["", "7", ":legacy", "ENABLED", "hold_seconds.x", "read_attempts[0]"]);
    assert!(faults.lines().all(|line| line.contains(" is not a setting; ")), "{faults}");
}

#[test]
fn scalars_that_yaml_would_change_are_refused_where_text_is_due() {
    for token in ["0123", "3.10", "1e5", "true", "123456789012345678901", "[a]", "{a: b}", "0x1F"] {
        let directory = Directory::that_starts();
        directory.write("settings.d/externalipam.yml", "use_provider: netbox");
        directory.write("settings.d/externalipam_netbox.yml", &format!("url: http://netbox\ntoken: {token}\n"));
        let faults = directory.faults();
        assert!(faults.contains("token has a value that cannot be used; write text, in quotes"), "{token}: {faults}");
        directory.write("settings.d/externalipam_netbox.yml", &format!("url: http://netbox\ntoken: '{token}'\n"));
        assert!(directory.load(&[]).is_ok(), "{token}");
    }
}

#[test]
fn unknown_keys_in_settings_yml_are_warnings_but_those_of_the_ruby_proxy_are_not() {
    let directory = Directory::that_starts();
    directory.write(
        "settings.yml",
        ":http_port: 8000\n:trusted_hosts: []\n:daemon: true\n:foreman_ssl_ca: /x\n:puppet_url: geheim\n:htpp_port: 1\n",
    );
    insta::assert_snapshot!(directory.warnings(), @r"
    DIR/settings.yml: htpp_port is not a setting; did you mean http_port?
    DIR/settings.yml: puppet_url is not a setting; known are: bind_host, database_password_file, database_timeout_seconds, database_url, dns_resolv_timeouts, foreman_ssl_ca, foreman_url, foreman_version, forward_verify, http_port, https_port, log_buffer, log_buffer_errors, log_file, log_level, proxy_url, settings_directory, shutdown_seconds, ssl_ca_file, ssl_certificate, ssl_crl_file, ssl_disabled_ciphers, ssl_private_key, state_directory, tls_disabled_versions, trusted_hosts, workers
    ");
}

#[test]
fn plain_http_without_trusted_hosts_is_a_warning() {
    let directory = Directory::new();
    directory.write("settings.yml", "http_port: 8000\n");
    insta::assert_snapshot!(directory.warnings(), @"DIR/settings.yml: http_port is set without trusted_hosts, so that every call on plain HTTP but /features, /version, /healthz and /readyz is refused; list the hosts that may call in trusted_hosts, or remove http_port");
}

#[test]
fn files_with_secrets_that_everybody_may_read_are_warnings() {
    let directory = Directory::that_starts();
    for name in ["externalipam_netbox.yml", "externalipam_phpipam.yml", "externalipam.yml", "dns.yml"] {
        directory.write(&format!("settings.d/{name}"), "");
        let path = directory.path().join("settings.d").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("the file is ours");
    }
    directory.write("settings.d/externalipam_internal.yml", "");
    insta::assert_snapshot!(directory.warnings(), @r"
    DIR/settings.d/externalipam_netbox.yml: can be read by everybody on this machine and may hold secrets; take that right away with chmod o-r
    DIR/settings.d/externalipam_phpipam.yml: can be read by everybody on this machine and may hold secrets; take that right away with chmod o-r
    ");
}

#[test]
fn a_listener_that_is_asked_for_must_be_there() {
    let directory = Directory::that_starts();
    directory.write("settings.d/externalipam.yml", "enabled: https");
    insta::assert_snapshot!(directory.faults(), @"DIR/settings.d/externalipam.yml: enabled asks for a listener that is not there; set ssl_certificate, ssl_private_key and ssl_ca_file in settings.yml, or write true");
    directory.write("settings.d/externalipam.yml", "enabled: http");
    assert!(directory.settings().ipam.enabled.on_http());
    directory.write("settings.yml", "ssl_certificate: /a\nssl_private_key: /b\nssl_ca_file: /c\n");
    insta::assert_snapshot!(directory.faults(), @"DIR/settings.d/externalipam.yml: enabled asks for a listener that is not there; set http_port in settings.yml, or write true");
}

#[test]
fn the_files_that_were_looked_for_are_named() {
    let directory = Directory::that_starts();
    let files = directory.settings().files;
    let names: Vec<_> = files.iter().map(|file| file.strip_prefix(directory.path()).expect("a file below")).collect();
    let expected = ["settings.yml", "settings.d/externalipam.yml", "settings.d/externalipam_internal.yml"];
    assert_eq!(names, expected.map(std::path::Path::new));
}

/// Two NetBoxes and the embedded IPAM.
const ROUTES: &str = "\
use_provider:
  - { groups: ['Lab*'], provider: netbox, settings: externalipam_netbox_lab.yml }
  - { prefixes: [10.0.0.0/8], provider: externalipam_netbox }
  - { provider: internal }
";

#[test]
fn each_route_has_a_file_of_settings() {
    let directory = Directory::that_starts();
    directory.write("settings.d/externalipam.yml", ROUTES);
    directory.write("settings.d/externalipam_netbox_lab.yml", "url: http://lab\n");
    directory.write("settings.d/externalipam_netbox.yml", "url: http://netbox\ntoken: a\n");
    let variable = "FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX_LAB__TOKEN";
    let settings = directory.load(&[(variable, SECRET)]).expect("there are no faults");
    let keys: Vec<&str> = settings.routes.iter().map(|route| route.key.as_str()).collect();
    assert_eq!(keys, ["netbox_lab", "netbox", "internal"]);
    assert!(settings.routes[2].conditions.is_empty());
    assert_eq!(settings.files.len(), 5);
    let keys = settings.keys();
    let of = |prefix: &str| keys.of_subnet(prefix.parse().expect("a prefix"), None).map(String::as_str);
    assert_eq!((of("10.1.0.0/16"), of("192.0.2.0/24")), (Some("netbox"), Some("internal")));
}

#[test]
fn the_faults_of_all_files_of_routes_are_found_at_once() {
    let directory = Directory::that_starts();
    directory.write("settings.d/externalipam.yml", &format!("hold_seconds: x\n{ROUTES}  - {{ provider: netboks }}\n"));
    directory.write("settings.d/externalipam_netbox_lab.yml", "url: 5\ntoken: a\n");
    directory.write("settings.d/externalipam_netbox.yml", "urll: http://netbox\ntoken: a\n");
    let variables = [("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX_LAP__TOKEN", SECRET)];
    insta::assert_snapshot!(directory.faults_with(&variables), @r"
    DIR/settings.d/externalipam.yml: hold_seconds has a value that cannot be used; write a whole number from 60 to 86400
    DIR/settings.d/externalipam.yml: route 4 of use_provider: provider has a value that cannot be used; this build has: internal, netbox
    DIR/settings.d/externalipam_netbox.yml: url is missing; set the address of the IPAM
    DIR/settings.d/externalipam_netbox.yml: urll is not a setting; did you mean url?
    DIR/settings.d/externalipam_netbox_lab.yml: url has a value that cannot be used; write text, in quotes if it looks like a number
    environment variable FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX_LAP__TOKEN: is for a file that does not exist in this build; between FOREMAN_IPAM_PROXY__ and __ write one of: EXTERNALIPAM, FOREMAN_NAMES, API, EXTERNALIPAM_INTERNAL, EXTERNALIPAM_NETBOX, EXTERNALIPAM_NETBOX_LAB
    ");
}

#[test]
fn the_file_that_a_route_names_is_there_or_in_the_environment() {
    let directory = Directory::that_starts();
    let routes = "use_provider: [{ provider: netbox, settings: externalipam_netbox_lab.yml }]\n";
    directory.write("settings.d/externalipam.yml", routes);
    insta::assert_snapshot!(directory.faults(), @"DIR/settings.d/externalipam_netbox_lab.yml: does not exist, although a route of use_provider names it; write it, or correct settings in the route");
    let of_lab = |key: &str| format!("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX_LAB__{key}");
    let settings = directory.load(&[(&of_lab("URL"), "http://lab"), (&of_lab("TOKEN"), SECRET)]);
    assert_eq!(settings.expect("there are no faults").routes[0].key, "netbox_lab");
}
