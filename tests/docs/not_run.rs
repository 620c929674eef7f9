//! Commands of the pages that the tests do not run as they are, each with the reason.

/// What is done with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It runs, and succeeds.
    Runs,
    /// It runs, and is refused with this text.
    Refused(&'static str),
    /// Only its options are looked at.
    Parsed,
    /// Only the names in it are looked at.
    NotRun,
    /// A script of this repository, which must be there.
    Script,
}

/// Beginnings of commands, in whole words, or with a slash at the end: of those that fit the longest counts. What begins with
/// none of them does not belong on a page.
pub(crate) const COMMANDS: &[(&str, Way, &str)] = &[
    ("foreman-ipam-proxy", Way::Runs, ""),
    ("mv", Way::Runs, ""),
    ("foreman-ipam-proxy serve", Way::Parsed, "it runs until it is ended; tests/contract starts it"),
    ("foreman-ipam-proxy setup", Way::Parsed, "it asks, or calls the IPAM; tests/command_line answers"),
    ("foreman-ipam-proxy register", Way::Parsed, "it calls Foreman; tests/command_line has one"),
    ("foreman-ipam-proxy unregister", Way::Parsed, "it calls Foreman; tests/command_line has one"),
    ("foreman-ipam-proxy holds release", Way::Refused("the address is not held"), "nothing is held in the test"),
    ("runuser", Way::NotRun, "needs root and the user"),
    ("usermod", Way::NotRun, "needs root and the user"),
    ("systemctl", Way::NotRun, "needs systemd"),
    ("systemd-analyze", Way::NotRun, "needs systemd; packaging/test-install runs it"),
    ("journalctl", Way::NotRun, "needs systemd"),
    ("apt-get", Way::NotRun, "needs root; packaging/test-install installs, upgrades and removes the package"),
    ("dnf", Way::NotRun, "needs root and an RPM system; packaging/test-install installs with rpm"),
    ("firewall-cmd", Way::NotRun, "needs root and firewalld"),
    ("semanage", Way::NotRun, "needs root and SELinux"),
    ("ausearch", Way::NotRun, "needs root and SELinux"),
    ("hammer", Way::NotRun, "needs Foreman"),
    ("curl", Way::NotRun, "is not everywhere; tests/contract calls /version without a client certificate"),
    ("cargo", Way::NotRun, "builds, or runs these very tests"),
    ("packaging/", Way::Script, "they install programs, or need root and a network; packaging/README.md says which"),
    ("mkdir", Way::NotRun, "needs built packages"),
    ("apt-ftparchive", Way::NotRun, "is not everywhere, and needs built packages"),
    ("gpg", Way::NotRun, "needs the key of whoever signs"),
    ("podman", Way::NotRun, "needs a container engine"),
    ("kubectl", Way::NotRun, "needs a cluster; packaging/container/check validates the manifests"),
];
