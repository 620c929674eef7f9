//! The `settings.yml` of a fresh installation: the example, with a few settings switched on that lock the proxy.

use crate::example::{WrongForm, setting};

/// It listens on this machine only and answers nobody, until somebody says who may call.
const LOCKED: [(&str, &str); 4] =
    [("trusted_hosts", "[]"), ("bind_host", "localhost"), ("http_port", "8000"), ("log_file", "JOURNAL")];

/// What is said about that, at the end of the file's introduction.
const NOTE: &str = "\
#
# As installed, the proxy listens on this machine only and answers nobody. The settings without a \"#\" do that; change
# them when you have set the certificates and know who may call.
";

/// The example with the settings of a fresh installation.
pub(crate) fn of(example: &str) -> Result<String, WrongForm> {
    let mut settings = String::new();
    let mut to_do = LOCKED.to_vec();
    let mut is_introduction = true;
    for line in example.lines() {
        if is_introduction && line.is_empty() {
            settings.push_str(NOTE);
            is_introduction = false;
        }
        let key = setting(line).and_then(|setting| setting.split(':').next());
        match key.and_then(|key| to_do.iter().position(|(locked, _)| *locked == key)) {
            Some(index) => {
                let (key, value) = to_do.remove(index);
                settings.push_str(&format!("{key}: {value}\n"));
            }
            None => settings.push_str(&format!("{line}\n")),
        }
    }
    if to_do.is_empty() { Ok(settings) } else { Err(WrongForm("lacks a setting that a fresh installation needs")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_installation_listens_on_this_machine_only_and_trusts_nobody() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../settings.d/settings.yml.example");
        let example = std::fs::read_to_string(path).expect("the example");
        let settings = of(&example).expect("settings");
        let switched_on: Vec<&str> = settings.lines().filter(|line| setting(line) == Some(line)).collect();
        assert_eq!(switched_on, ["trusted_hosts: []", "bind_host: localhost", "http_port: 8000", "log_file: JOURNAL"]);
        let plain = settings.replacen(NOTE, "", 1);
        let changed = plain.lines().zip(example.lines()).filter(|(ours, theirs)| ours != theirs).count();
        assert_eq!(
            (plain.lines().count(), changed),
            (example.lines().count(), LOCKED.len()),
            "nothing else is changed"
        );
    }

    #[test]
    fn an_example_without_such_a_setting_is_refused() {
        assert!(of("#bind_host: '*'\n").is_err());
    }
}
