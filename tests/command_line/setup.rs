//! `setup`: with options, with questions over a pipe, from the Ruby plugin, and once more.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use foreman_ipam_proxy::registry::PROVIDERS;
use serde_json::json;

use ipam_simulators::Server;
use ipam_simulators::foreman::{CONSUMER_KEY, CONSUMER_SECRET};
use ipam_simulators::netbox::{Netbox, TOKEN, Version};

use crate::foreman::{HOST, Place};
use crate::site::{Ran, run};

impl Place {
    /// The options that a script must give at least.
    fn answers(&self) -> Vec<String> {
        let pairs = [
            ("--foreman-url", self.foreman.url()),
            ("--ssl-certificate", self.text("proxy.pem")),
            ("--ssl-private-key", self.text("proxy.key")),
            ("--ssl-ca-file", self.text("ca.pem")),
            ("--https-port", self.port.to_string()),
        ];
        pairs.into_iter().flat_map(|(option, value)| [option.to_owned(), value]).collect()
    }

    /// Runs `setup` without questions.
    fn set_up(&self, more: &[&str]) -> Ran {
        let answers = self.answers();
        let mut arguments = vec!["setup", "--non-interactive"];
        arguments.extend(answers.iter().map(String::as_str));
        arguments.extend(more);
        self.run(&arguments)
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).expect("a file").permissions().mode() & 0o777
    }
}

fn netbox() -> Server {
    Server::start(Arc::new(Netbox::new(Version::V4_6)))
}

#[test]
fn options_make_a_proxy_that_starts() {
    let place = Place::new();
    let ran = place.set_up(&[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    for expected in [
        "+ https_port: ",
        "+ trusted_hosts: ['localhost']",
        "written       ",
        "IPAM          ok: ",
        "next          systemctl enable --now foreman-ipam-proxy\nnext          foreman-ipam-proxy register\n",
    ] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
    }
    assert_eq!((place.mode("etc/settings.yml"), place.mode("etc/settings.d")), (0o640, 0o750));
    let _proxy = place.start();
    let mut arguments = vec!["setup", "--non-interactive", "--register"];
    let answers = place.answers();
    arguments.extend(answers.iter().map(String::as_str));
    let again = place.as_admin(&arguments);
    assert_eq!((again.code, again.err.as_str()), (0, ""), "{again:?}");
    assert!(again.out.starts_with("unchanged     the settings are as answered already\n"), "{}", again.out);
    assert!(again.out.contains(&format!("registered    {HOST}-ipam at {}\n", place.proxy_url())), "{}", again.out);
    assert_eq!(fs::read_dir(place.path("etc")).expect("a directory").count(), 2, "no copies are left");
}

#[test]
fn a_shared_database_is_written_and_asked() {
    let Some(server) = ipam_simulators::postgres::Server::start() else { return };
    let place = Place::new();
    let ran = place.set_up(&["--database-url", &server.url()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.contains("+ database_url: 'postgresql://ipam@"), "{}", ran.out);
    assert!(ran.out.contains("database      ok: its version is "), "{}", ran.out);
    assert!(ran.out.contains("+ store: 'database'"), "{}", ran.out);
    let refused = place.set_up(&["--database-url", "postgresql://ipam:geheim@db/ipam"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("database_password_file") && !refused.err.contains("geheim"), "{}", refused.err);
}

#[test]
fn a_store_that_is_there_stays_when_the_proxies_share_a_database() {
    let Some(server) = ipam_simulators::postgres::Server::start() else { return };
    let place = Place::new();
    assert_eq!(place.set_up(&[]).code, 0);
    let ran = place.run(&["group", "add", "A"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = place.set_up(&["--database-url", &server.url()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.out.contains("store:"), "{}", ran.out);
    let ran = place.set_up(&["--database-url", &server.url(), "--ipam", "store=database"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("+ store: 'database'"), "{}", ran.out);
}

#[test]
fn the_address_for_foreman_is_kept_for_later_commands() {
    let place = Place::new();
    let ran = place.set_up(&["--proxy-url", "https://ipam.example.com:9443/"]);
    assert!(ran.out.contains("+ proxy_url: 'https://ipam.example.com:9443'"), "{ran:?}");
    let wrong = place.set_up(&["--proxy-url", "ipam.example.com"]);
    assert!(wrong.err.contains("--proxy-url URL: Write https:// and the host"), "{wrong:?}");
    let unknown = place.as_admin(&["refresh"]);
    assert!(unknown.err.contains("or the address https://ipam.example.com:9443; register it first"), "{unknown:?}");
}

#[test]
fn questions_for_files_show_how_such_a_path_looks() {
    let place = Place::new();
    let ran = run(place.command(&["setup"]), &format!("{}\n", place.foreman.url()));
    for path in ["certs/proxy.example.com.pem", "private_keys/proxy.example.com.pem", "certs/ca.pem"] {
        assert!(ran.err.contains(&format!(", such as /etc/puppetlabs/puppet/ssl/{path}")), "{path}: {ran:?}");
    }
}

#[test]
fn variables_that_are_no_text_are_passed_over() {
    let place = Place::new();
    let mut command = place.command(&["setup", "--non-interactive"]);
    command.args(place.answers()).env("LATIN", OsStr::from_bytes(b"\xfcber")).env(OsStr::from_bytes(b"\xfcber"), "1");
    let ran = run(command, "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
}

#[test]
fn all_that_is_missing_is_listed_with_the_option_that_gives_it() {
    let place = Place::new();
    let ran = place.run(&["setup", "--non-interactive", "--provider", "netbox"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    for option in [
        "--foreman-url URL: ",
        "--ssl-certificate FILE: ",
        "--ssl-private-key FILE: ",
        "--ssl-ca-file FILE: ",
        "--trusted-hosts NAME,…: ",
        "--ipam url=VALUE: ",
        "--ipam-file token=FILE, or FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKEN: ",
    ] {
        assert!(ran.err.contains(&format!("\n  {option}")), "{option}: {}", ran.err);
    }
    assert!(!place.path("etc").exists(), "something is written");
}

#[test]
fn answers_that_cannot_be_are_refused_before_anything_is_written() {
    let place = Place::new();
    let refused = |more: &[&str], code: i32, expected: &str| {
        let ran = place.set_up(more);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.contains(expected) && !ran.err.contains("geheim"), "{expected}: {ran:?}");
        assert!(!place.path("etc").exists(), "{ran:?}");
    };
    refused(&["--provider", "netboks"], 2, "--provider NAME: Write one of: ");
    refused(&["--trusted-hosts", "https://x"], 2, "--trusted-hosts NAME,…: Write names of hosts");
    refused(&["--provider", "netbox", "--ipam", "token=geheim"], 2, "--ipam-file token=FILE");
    refused(&["--provider", "netbox", "--ipam", "ulr=https://x"], 2, "ulr is not a setting; did you mean url?");
    refused(&["--provider", "netbox", "--ipam-file", "token=/nonexistent"], 1, "/nonexistent cannot be read");
    refused(&["--foreman-version", "three"], 78, "foreman_version has a value that cannot be used");
    let pair = format!("token={}", place.write("empty", "\n"));
    refused(&["--provider", "netbox", "--ipam-file", &pair], 1, "has nothing in its first line");
}

#[test]
fn questions_are_asked_until_the_answer_is_right() {
    let place = Place::new();
    let (netbox, token) = (netbox(), TOKEN);
    let answers = [
        "foreman",
        &place.foreman.url(),
        "/nonexistent.pem",
        &place.text("proxy.pem"),
        &place.text("proxy.key"),
        &place.text("ca.pem"),
        "many",
        &place.port.to_string(),
        "", // trusted_hosts, as proposed
        "netboks",
        "netbox",
        "", // needs a url
        "netbox.example.com",
        &netbox.url(),
        token,
        "maybe",
        "yes",
        "no",
    ];
    let ran = run(place.command(&["setup"]), &format!("{}\n", answers.join("\n")));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    for expected in [
        "Write https:// and the host",
        "There is no file /nonexistent.pem",
        "Write a number from 1 to 65535",
        "by the names in their certificates [localhost]: ",
        "IPAM (internal, ",
        "Write one of: internal, ",
        "An answer is needed.",
        "url has a value that cannot be used; write http:// or https://",
        "+ token: (a secret)",
        "Write this? [yes]: Write yes or no.",
        "Does it run, and shall it be registered in Foreman now? [no]: ",
    ] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
    }
    assert!(!ran.out.contains(token), "{}", ran.out);
    let written = place.read("etc/settings.d/externalipam_netbox.yml");
    assert!(
        written.contains(&format!("token: '{token}'")) && place.mode("etc/settings.d/externalipam_netbox.yml") == 0o640
    );
    // All as proposed: nothing differs, so nothing is written.
    let again = run(place.command(&["setup"]), &"\n".repeat(20));
    assert_eq!((again.code, again.err.as_str()), (0, ""), "{again:?}");
    assert!(again.out.contains("[unchanged]") && again.out.contains("unchanged     the settings"), "{}", again.out);
}

#[test]
fn nothing_is_written_unless_somebody_says_yes() {
    let place = Place::new();
    let answers = place.answers();
    let mut arguments = vec!["setup"];
    arguments.extend(answers.iter().map(String::as_str));
    // The questions that options do not answer: trusted_hosts and the IPAM.
    for (input, expected) in [("\n\nno\n", "nobody said yes"), ("", "nobody said yes")] {
        let ran = run(place.command(&arguments), input);
        assert!(ran.code == 1 && ran.err.contains(expected), "{ran:?}");
        assert!(!place.path("etc").exists());
    }
    let ran = run(place.command(&["setup"]), "");
    assert!(ran.code == 2 && ran.err.contains("--ssl-ca-file FILE"), "{ran:?}");
}

#[test]
fn what_an_administrator_wrote_stays() {
    let place = Place::new();
    let mine = "---\n# Mine, do not touch\n:log_level: DEBUG   # for now\n:https_port: 1\npuppet_url: https://puppet.example.com\n\n\
                # Hosts that may call\n:trusted_hosts:\n  - other.example.com\n  - localhost\n:workers: 1\n";
    place.write("etc/settings.yml", mine);
    fs::set_permissions(place.path("etc/settings.yml"), PermissionsExt::from_mode(0o644)).expect("permissions");
    let ran = place.set_up(&[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("  - https_port: 1\n  + https_port: "), "{}", ran.out);
    assert!(!ran.out.contains("trusted_hosts:"), "{}", ran.out);
    let written = place.read("etc/settings.yml");
    for line in mine.lines().filter(|line| !line.contains("https_port")) {
        assert!(written.lines().any(|found| found == line), "{line}: {written}");
    }
    assert!(written.contains(&format!("\n:https_port: {}\n", place.port)), "{written}");
    assert_eq!((place.read("etc/settings.yml.bak"), place.mode("etc/settings.yml")), (mine.to_owned(), 0o644));

    let strange = format!("{{foreman_url: '{}', https_port: 1}}\n", place.foreman.url());
    place.write("etc/settings.yml", &strange);
    let refused = place.set_up(&[]);
    assert!(
        refused.code == 78 && refused.err.contains("cannot be changed safely; change there by hand: https_port"),
        "{refused:?}"
    );
    assert_eq!(place.read("etc/settings.yml"), strange);
}

#[test]
fn a_package_that_is_locked_is_opened_for_foreman_only() {
    let place = Place::new();
    let installed = "trusted_hosts: []\nbind_host: localhost\nhttp_port: 8000\nlog_file: JOURNAL\n";
    place.write("etc/settings.yml", installed);
    let ran = place.set_up(&[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let written = place.read("etc/settings.yml");
    for line in ["trusted_hosts: ['localhost']", "#bind_host: localhost", "#http_port: 8000", "log_file: JOURNAL"] {
        assert!(written.lines().any(|found| found == line), "{line}: {written}");
    }
}

#[test]
fn settings_of_the_ruby_plugin_are_taken_over() {
    let place = Place::new();
    let (netbox, token) = (netbox(), TOKEN);
    let settings = format!(
        ":settings_directory: /nonexistent\n:foreman_url: {}\n:foreman_ssl_ca: {ca}\n:ssl_ca_file: {ca}\n:ssl_certificate: {}\n\
         :ssl_private_key: {}\n:trusted_hosts:\n  - localhost\n:https_port: {}\n:daemon: true\n:log_file: /var/log/x.log\n\
         :log_level: DEBUG\n:http_port: 8000\n",
        place.foreman.url(),
        place.text("proxy.pem"),
        place.text("proxy.key"),
        place.port,
        ca = place.text("ca.pem"),
    );
    place.write("ruby/settings.yml", &settings);
    place.write("ruby/settings.d/externalipam.yml", ":enabled: https\n:use_provider: externalipam_netbox\n");
    place.write("ruby/settings.d/externalipam_netbox.yml", &format!(":url: '{}'\n:token: '{token}'\n", netbox.url()));
    let ruby = place.text("ruby");
    let ran = place.run(&["setup", "--from-ruby", &ruby, "--non-interactive"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.contains("left out      daemon, http_port, log_file, settings_directory"), "{}", ran.out);
    assert!(ran.out.contains("IPAM          ok: ") && !ran.out.contains(token), "{}", ran.out);
    let written = place.read("etc/settings.yml");
    assert!(written.contains("log_level: 'DEBUG'\n") && !written.contains("log_file"), "{written}");
    let again = place.run(&["setup", "--from-ruby", &ruby, "--non-interactive"]);
    assert!(again.code == 0 && again.out.contains("unchanged     the settings"), "{again:?}");
    let yaml = format!(":oauth_consumer_key: '{CONSUMER_KEY}'\n:oauth_consumer_secret: '{CONSUMER_SECRET}'\n");
    let oauth = place.write("settings.yaml", &yaml);
    let _proxy = place.start();
    let registered = place.run(&["register", "--oauth-file", &oauth, "--non-interactive"]);
    assert_eq!((registered.code, registered.err.as_str()), (0, ""), "{registered:?}");
    assert_eq!(json!(place.foreman.records()[0].features), json!(["External IPAM", "Logs"]));

    let nowhere = place.run(&["setup", "--from-ruby", &place.text("state"), "--non-interactive"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("name the directory of the Ruby Smart Proxy"), "{nowhere:?}");
}

#[test]
fn a_dhcp_plugin_for_an_ipam_is_taken_over() {
    let place = Place::new();
    let settings = format!(
        ":foreman_url: {}\n:foreman_ssl_ca: {ca}\n:ssl_ca_file: {ca}\n:ssl_certificate: {}\n:ssl_private_key: {}\n\
         :trusted_hosts:\n  - localhost\n:https_port: {}\n",
        place.foreman.url(),
        place.text("proxy.pem"),
        place.text("proxy.key"),
        place.port,
        ca = place.text("ca.pem"),
    );
    for (plugin, own, taken) in [
        (
            "infoblox",
            ":username: admin\n:password: geheim\n:record_type: host\n:dns_view: default.lab\n:wait_after_restart: 5\n",
            ["url: 'https://127.0.0.1:1'", "user: 'admin'", "password: 'geheim'", "record_type: 'host'"],
        ),
        (
            "bluecat",
            ":scheme: https\n:host: 127.0.0.1:1\n:verify: false\n:config_name: Lab\n:view_name: internal\n:username: api\n\
             :password: geheim\n:server_id: 5\n",
            ["url: 'https://127.0.0.1:1'", "configuration: 'Lab'", "view: 'internal'", "verify_tls: false"],
        ),
    ] {
        let ruby = format!("ruby-{plugin}");
        place.write(&format!("{ruby}/settings.yml"), &settings);
        let dhcp = format!(":enabled: https\n:use_provider: dhcp_{plugin}\n:server: 127.0.0.1:1\n");
        place.write(&format!("{ruby}/settings.d/dhcp.yml"), &dhcp);
        place.write(&format!("{ruby}/settings.d/dhcp_{plugin}.yml"), own);
        let mut arguments = vec!["setup", "--from-ruby", "--non-interactive"];
        let directory = place.text(&ruby);
        arguments.insert(2, &directory);
        if plugin == "bluecat" {
            arguments.extend(["--ipam", "zone=example.com"]);
        }
        let ran = place.run(&arguments);
        assert!(!format!("{ran:?}").contains("geheim") && ran.out.contains("docs/migrate.md"), "{ran:?}");
        if !PROVIDERS.iter().any(|provider| provider.name == plugin) {
            assert!(
                ran.err.contains(&format!("this build has no provider {plugin}; choose one with --provider")),
                "{ran:?}"
            );
            continue;
        }
        assert!(ran.code == 1 && ran.out.contains("IPAM          fault: "), "no IPAM is there: {ran:?}");
        let written = place.read(&format!("etc/settings.d/externalipam_{plugin}.yml"));
        assert!(taken.iter().all(|line| written.contains(line)), "{written}");
    }
}

#[test]
fn an_ipam_that_does_not_answer_is_told_and_nothing_is_registered() {
    let place = Place::new();
    let secret = place.write("token", "0123456789abcdef0123456789abcdef01234567\n");
    let pair = format!("token={secret}");
    let mut arguments = vec!["--provider", "netbox", "--ipam", "url=http://127.0.0.1:1", "--ipam-file", &pair];
    arguments.push("--register");
    let ran = place.set_up(&arguments);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("written       ") && ran.out.contains("IPAM          fault: "), "{ran:?}");
    assert!(ran.out.contains("next          mend what is at fault above"), "{ran:?}");
    assert_eq!(place.foreman.take_requests(), [""; 0]);
    // A secret may come from its variable too, and the provider may be changed back.
    let mut command = place.command(&["setup", "--non-interactive"]);
    command.args(place.answers()).env("FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKEN", "f".repeat(40));
    let ran = run(command, "");
    assert!(ran.out.contains("  + token: (a secret)"), "{ran:?}");
    assert!(place.read("etc/settings.d/externalipam_netbox.yml").contains(&format!("token: '{}'", "f".repeat(40))));
    let back = place.set_up(&["--provider", "internal"]);
    assert_eq!(back.code, 0, "{back:?}");
}

#[test]
fn help_shows_how_without_secrets_on_the_command_line() {
    let place = Place::new();
    for command in ["setup", "register", "refresh", "unregister"] {
        let ran = place.run(&[command, "--help"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("--password-file") && !ran.out.contains("--password <"), "{}", ran.out);
    }
}

#[test]
fn routes_are_left_as_they_are() {
    let netbox = netbox();
    let place = Place::new();
    assert_eq!(place.set_up(&[]).code, 0);
    let file = place.path("etc/settings.d/externalipam.yml");
    let routes = "use_provider:\n  - {groups: ['Lab*'], provider: netbox, settings: externalipam_netbox_lab.yml}\n  - {provider: internal}\n";
    fs::write(&file, routes).expect("written");
    let of_lab = place.path("etc/settings.d/externalipam_netbox_lab.yml");
    fs::write(&of_lab, format!("url: {}\n", netbox.url())).expect("written");
    let incomplete = place.set_up(&[]);
    assert_eq!(incomplete.code, 78, "{incomplete:?}");
    assert!(incomplete.err.contains("externalipam_netbox_lab.yml: token is missing"), "{incomplete:?}");
    fs::write(&of_lab, format!("url: {}\ntoken: {TOKEN}\n", netbox.url())).expect("written");
    let ran = place.set_up(&["--foreman-version", "3.12"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.starts_with("IPAM          by the routes in "), "{ran:?}");
    assert!(
        ran.out.contains("+ foreman_version: '3.12'") && ran.out.contains("IPAM          ok: netbox_lab: "),
        "{ran:?}"
    );
    assert_eq!(fs::read_to_string(&file).expect("a file"), routes);
    let ruby = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/settings/ruby");
    for option in [["--provider", "internal"], ["--ipam", "url=http://localhost"], ["--from-ruby", ruby]] {
        let refused = place.set_up(&option);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains("is a list of routes, which setup does not change"), "{refused:?}");
    }
}
