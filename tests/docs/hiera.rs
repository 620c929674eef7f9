//! The Hiera of the Puppet module's page: parameters that the module has, with values that the program takes.

use std::collections::BTreeMap;
use std::fs;

use crate::markdown::{Page, root};
use crate::place::Place;

const MODULE: &str = "packaging/puppet/foreman_ipam_proxy";

const PREFIX: &str = "foreman_ipam_proxy::";

/// Parameters that are no settings of the program: whom the service's user is with, and how Foreman is told.
const NOT_SETTINGS: [&str; 4] = ["groups", "oauth_consumer_key", "oauth_consumer_secret", "register_in_foreman"];

/// Each parameter of a block with what stands behind it: its value, or the lines below it.
fn parameters(lines: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut parameters = BTreeMap::<&str, Vec<&str>>::new();
    let mut last = None;
    for line in lines {
        if let Some(line) = line.strip_prefix(PREFIX) {
            let (name, value) = line.split_once(':').expect("a parameter");
            parameters.entry(name).or_default().extend(Some(value.trim()).filter(|value| !value.is_empty()));
            last = Some(name);
        } else {
            parameters.entry(last.expect("a parameter")).or_default().push(line.trim());
        }
    }
    parameters
}

#[test]
fn the_hiera_of_the_module_is_settings_that_the_program_takes() {
    let class = fs::read_to_string(root().join(MODULE).join("manifests/init.pp")).expect("the class");
    let page = Page::read(format!("{MODULE}/README.md").as_ref());
    let blocks: Vec<_> = page.blocks().into_iter().filter(|block| block.language == "yaml").collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let place = Place::new();
        let mut files =
            BTreeMap::from([("settings.yml".to_owned(), place.tls()), ("externalipam.yml".to_owned(), String::new())]);
        for (name, values) in parameters(&block.lines) {
            let is_parameter = class
                .lines()
                .any(|line| line.split_once('$').is_some_and(|(_, rest)| rest.starts_with(&format!("{name} = "))));
            assert!(is_parameter, "the class has no {name}");
            if NOT_SETTINGS.contains(&name) {
                continue;
            }
            if let [value] = values[..]
                && !value.contains(": ")
            {
                let file = if name == "use_provider" { "externalipam.yml" } else { "settings.yml" };
                let line = format!("{name}: {}", value.replace("%{trusted.certname}", "proxy.example.com"));
                let lines = files.get_mut(file).expect("a file");
                // The certificates are those of the place already, until the page says otherwise.
                let others = lines.lines().filter(|line| !line.starts_with(&format!("{name}:")));
                *lines = others.chain([&*line]).map(|line| format!("{line}\n")).collect();
            } else {
                // What eyaml has encrypted is a text.
                let lines =
                    values.iter().map(|line| format!("{}\n", line.replace("ENC[PKCS7,...]", "'0123456789abcdef'")));
                files.insert(format!("externalipam_{name}.yml"), lines.collect());
            }
        }
        for (name, text) in &files {
            place.settings(name, text);
        }
        let ran = place.shell("foreman-ipam-proxy check --settings-only");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}\n{}", block.lines.join("\n"), ran.out);
    }
}
