//! What is done with each command of the pages, with the reason where that is not to run it as it is.

/// What is done with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It runs, and succeeds.
    Runs,
    /// It runs on a fresh installation, is given these answers, and writes settings.
    SetsUp(&'static [&'static str]),
    /// It runs until it is ended, and ends well.
    Serves,
    /// It runs, and Foreman knows the proxy then.
    Registers,
    /// It runs while Foreman knows the proxy, and makes Foreman look again.
    Refreshes,
    /// It runs while Foreman knows the proxy, and Foreman forgets it.
    Unregisters,
    /// It runs, and is refused with this text.
    Refused(&'static str),
    /// The service is started as the unit says.
    Starts,
    /// The service is told to reload, as the unit says.
    Reloads,
    /// The service is ended, as systemd ends it.
    Stops,
    /// Only the names in it are looked at, and a command of ours within it is taken as one.
    NotRun,
    /// A script of this repository, which must be there.
    Script,
}

impl Way {
    /// Is a command run as the page says, so that nobody need say why not?
    pub(crate) fn is_as_written(self) -> bool {
        match self {
            Self::Runs | Self::SetsUp(_) | Self::Serves | Self::Registers | Self::Refreshes | Self::Unregisters => true,
            Self::Refused(_) | Self::Starts | Self::Reloads | Self::Stops | Self::NotRun | Self::Script => false,
        }
    }
}

/// Foreman, certificate, key and CA; then who may call and the IPAM, as proposed; then whether to write it, and to register.
const ANSWERS: &[&str] = &[
    "https://foreman.example.com",
    "/etc/puppetlabs/puppet/ssl/certs/proxy.example.com.pem",
    "/etc/puppetlabs/puppet/ssl/private_keys/proxy.example.com.pem",
    "/etc/puppetlabs/puppet/ssl/certs/ca.pem",
    "",
    "",
    "yes",
    "no",
];

/// Commands that the text names without the arguments that they need.
pub(crate) const UNFINISHED: &[&str] = &["foreman-ipam-proxy holds release", "foreman-ipam-proxy subnet edit"];

/// Beginnings of commands, in whole words, or with a slash at the end: of those that fit the longest counts. What begins with
/// none of them does not belong on a page.
pub(crate) const COMMANDS: &[(&str, Way, &str)] = &[
    ("foreman-ipam-proxy", Way::Runs, ""),
    ("mv", Way::Runs, ""),
    ("foreman-ipam-proxy serve", Way::Serves, ""),
    ("foreman-ipam-proxy setup", Way::SetsUp(ANSWERS), ""),
    ("foreman-ipam-proxy setup --non-interactive", Way::SetsUp(&[]), ""),
    ("foreman-ipam-proxy setup --from-ruby", Way::SetsUp(&["yes", "no"]), ""),
    ("foreman-ipam-proxy setup --sweep", Way::NotRun, "the tests of names run it against a simulated Foreman"),
    ("foreman-ipam-proxy setup --webhooks", Way::NotRun, "the tests of names run it against a Foreman with the plugin"),
    ("foreman-ipam-proxy orphans", Way::NotRun, "the tests of orphans run it against a Foreman"),
    ("foreman-ipam-proxy reconcile", Way::NotRun, "the tests of orphans run it against a Foreman"),
    ("foreman-ipam-proxy register", Way::Registers, ""),
    ("foreman-ipam-proxy refresh", Way::Refreshes, ""),
    ("foreman-ipam-proxy unregister", Way::Unregisters, ""),
    ("foreman-ipam-proxy holds release", Way::Refused("address is not held"), "nothing is held in the test"),
    ("foreman-ipam-proxy store copy --to database", Way::NotRun, "needs a PostgreSQL"),
    ("systemctl enable --now foreman-ipam-proxy", Way::Starts, "needs systemd"),
    ("systemctl enable --now foreman-ipam-proxy.socket", Way::NotRun, "needs systemd"),
    ("systemctl start foreman-ipam-proxy", Way::Starts, "needs systemd"),
    ("systemctl reload foreman-ipam-proxy", Way::Reloads, "needs systemd"),
    ("systemctl stop foreman-ipam-proxy", Way::Stops, "needs systemd"),
    ("systemctl status", Way::NotRun, "needs systemd, and changes nothing"),
    ("runuser", Way::NotRun, "needs root and the user"),
    ("usermod", Way::NotRun, "needs root and the user"),
    ("systemd-analyze", Way::NotRun, "needs systemd; packaging/test-install runs it"),
    ("journalctl", Way::NotRun, "needs systemd"),
    ("apt-get", Way::NotRun, "needs root; packaging/test-install installs, upgrades and removes the package"),
    ("dnf", Way::NotRun, "needs root and an RPM system; packaging/test-install installs with rpm"),
    ("firewall-cmd", Way::NotRun, "needs root and firewalld"),
    ("semanage", Way::NotRun, "needs root and SELinux"),
    ("ausearch", Way::NotRun, "needs root and SELinux"),
    ("hammer", Way::NotRun, "needs Foreman"),
    (
        "curl",
        Way::NotRun,
        "is not everywhere; tests/contract calls /version and /readyz without a client certificate, and /metrics",
    ),
    ("cargo", Way::NotRun, "builds, or runs these very tests"),
    (
        "cargo run --release -p ipam-load",
        Way::NotRun,
        "needs a proxy and certificates; tests/load has tests of its own",
    ),
    ("python3", Way::NotRun, "needs PyPI; .ci/run does it"),
    ("target/python-clients/bin/pip", Way::NotRun, "needs PyPI; .ci/run does it"),
    ("packaging/", Way::Script, "they install programs, or need root and a network; packaging/README.md says which"),
    ("mkdir", Way::NotRun, "needs built packages"),
    ("cp", Way::NotRun, "needs built packages"),
    ("cd", Way::NotRun, "needs built packages"),
    ("apt-ftparchive", Way::NotRun, "is not everywhere, and needs built packages"),
    ("gpg", Way::NotRun, "needs the key of whoever signs"),
    ("podman", Way::NotRun, "needs a container engine"),
    ("podman run --detach", Way::Starts, "needs a container engine; the image serves as the unit does"),
    ("podman kill --signal HUP", Way::Reloads, "needs a container engine"),
    ("kubectl", Way::NotRun, "needs a cluster; packaging/container/check validates the manifests"),
];
