//! What the machine of a page has around it: a Foreman, a NetBox, a Ruby Smart Proxy, and the service.
//!
//! A line is run as it is written, but for what cannot be the same on every machine: paths are below the root of the
//! [`Place`], Foreman and NetBox are the simulated ones, and the proxy listens on a free port of the loopback.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use ipam_simulators::Server;
use ipam_simulators::foreman::{CONSUMER_KEY, CONSUMER_SECRET, Foreman, Subnet};
use ipam_simulators::netbox::{Netbox, TOKEN, Version};

use crate::identity::{FOREMAN, HOST};
use crate::markdown::root;
use crate::place::Place;
use crate::process::{Proxy, free_port};
use crate::run::{Ran, run};

/// What `setup --from-ruby` reads when no directory is named.
const RUBY: &str = "/etc/foreman-proxy";

/// The machine.
pub(crate) struct Machine {
    pub(crate) place: Place,
    pub(crate) foreman: Foreman,
    netbox: Server,
    port: u16,
    /// What systemd would run.
    service: Option<Proxy>,
}

impl Machine {
    /// A machine on which the package is installed and configured, with a store; nothing runs.
    pub(crate) fn new() -> Self {
        let place = Place::new().with_store();
        let foreman = Foreman::start(&place.foreman());
        let ipam = Netbox::new(Version::V4_6);
        // A subnet that Foreman and NetBox have.
        ipam.add_prefix("192.0.2.0/24", None);
        foreman.add_subnet(Subnet {
            name: "Servers".to_owned(),
            network: "192.0.2.0".to_owned(),
            cidr: 24,
            ..Subnet::default()
        });
        let netbox = Server::start(Arc::new(ipam));
        let machine = Self { place, foreman, netbox, port: free_port(), service: None };
        let foreman = "foreman_url: https://foreman.example.com\ntrusted_hosts: [foreman.example.com]\n";
        machine.place.settings("settings.yml", &format!("{}{}", machine.place.tls(), machine.with_hosts(foreman)));
        machine.place.write("root/netbox-token", &format!("{TOKEN}\n"));
        for name in ["settings.yml", "settings.d/externalipam.yml", "settings.d/externalipam_netbox.yml"] {
            let fixture = root().join("tests/fixtures/settings/ruby").join(name);
            let text = fs::read_to_string(&fixture).expect("settings of the Ruby Smart Proxy");
            machine.place.write(&format!("{}/{name}", &RUBY[1..]), &machine.place.below(&machine.with_hosts(&text)));
        }
        machine
    }

    /// Makes the settings those of a fresh installation, which answers nobody.
    pub(crate) fn lock(&self) {
        let installed = "trusted_hosts: []\nbind_host: localhost\nhttp_port: 8000\nlog_file: JOURNAL\n";
        self.place.settings("settings.yml", installed);
    }

    /// Where Foreman reaches the proxy.
    pub(crate) fn url(&self) -> String {
        format!("https://{HOST}:{}", self.port)
    }

    /// A text of a page with the hosts that are here in place of those that it names.
    fn with_hosts(&self, text: &str) -> String {
        text.replace("https://foreman.example.com", &self.foreman.url())
            .replace("foreman.example.com", FOREMAN)
            .replace("https://netbox.example.com", &self.netbox.url())
    }

    fn command(&self, line: &str) -> Command {
        // The default is a path of the machine that the test runs on.
        let named = line.strip_suffix("--from-ruby").map(|line| format!("{line}--from-ruby={RUBY}"));
        let mut command = self.place.command(&self.with_hosts(named.as_deref().unwrap_or(line)));
        let settings = [
            ("BIND_HOST", "127.0.0.1"),
            ("HTTPS_PORT", &self.port.to_string()),
            ("LOG_FILE", "STDOUT"),
            ("WORKERS", "1"),
        ];
        command.envs(settings.map(|(key, value)| (format!("FOREMAN_IPAM_PROXY__{key}"), value)));
        // Foreman's own host has these in /etc/foreman/settings.yaml.
        let consumer = [("KEY", CONSUMER_KEY), ("SECRET", CONSUMER_SECRET)];
        command.envs(consumer.map(|(key, value)| (format!("FOREMAN_OAUTH_CONSUMER_{key}"), value)));
        command
    }

    /// Runs a line of a page; each answer is a line of its own on standard input.
    pub(crate) fn run(&self, line: &str, answers: &[&str]) -> Ran {
        let input: String =
            answers.iter().map(|answer| format!("{}\n", self.place.below(&self.with_hosts(answer)))).collect();
        run(self.command(line), &input)
    }

    /// Starts what a line of a page starts, and waits until it serves.
    pub(crate) fn serve(&self, line: &str) -> Proxy {
        // The shell gives way to the program, so that signals reach it.
        Proxy::start(self.command(&format!("exec {line}")))
    }

    /// Starts the service as the unit says, unless it runs.
    pub(crate) fn start(&mut self) {
        if self.service.is_none() {
            let before = self.run(&of_unit("ExecStartPre"), &[]);
            assert_eq!(before.code, 0, "{}{}", before.out, before.err);
            self.service = Some(self.serve(&of_unit("ExecStart")));
        }
    }

    /// Lets the service read its settings again.
    pub(crate) fn reload(&mut self) {
        let service = self.service.as_mut().expect("the service runs");
        service.signal("HUP");
        service.wait_for("Settings and certificates are reloaded");
    }

    /// Stops the service.
    pub(crate) fn stop(&mut self) {
        let mut service = self.service.take().expect("the service runs");
        let ended = service.terminate();
        assert!(ended.success(), "{ended}: {:#?}", service.said);
    }
}

/// A command of the unit, by the name of the program.
fn of_unit(key: &str) -> String {
    let unit = root().join("packaging/systemd/foreman-ipam-proxy.service");
    let unit = fs::read_to_string(unit).expect("the unit");
    let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix("=/usr/bin/"));
    line.unwrap_or_else(|| panic!("the unit has no {key}")).to_owned()
}
