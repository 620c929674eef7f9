//! The YAML of the pages, checked by the real binary as the service would read it.

use crate::markdown::{pages, root};
use crate::place::Place;

/// The settings files that routes name, each with its provider.
fn files_of_routes(lines: &[String]) -> Vec<(&str, &str)> {
    fn word<'a>(line: &'a str, key: &str) -> Option<&'a str> {
        line.split_once(key)?.1.split([',', ' ', '}']).next()
    }
    lines.iter().filter_map(|line| Some((word(line, "settings: ")?, word(line, "provider: ")?))).collect()
}

#[test]
fn every_yaml_block_is_settings_that_the_program_takes() {
    for page in pages(&["docs", "packaging", "providers", "tests"]) {
        for block in page.blocks().into_iter().filter(|block| block.language == "yaml") {
            let page = page.path.display();
            let first = block.lines.first().expect("a line");
            if first.starts_with("foreman_ipam_proxy::") {
                // Hiera's.
                continue;
            }
            let name = first.strip_prefix("# ").and_then(|path| path.rsplit('/').next()).filter(|name| {
                ["settings.yml", "foreman_names.yml", "api.yml"].contains(name)
                    || (name.starts_with("externalipam") && name.ends_with(".yml"))
            });
            let name = name.unwrap_or_else(|| panic!("{page}: the first line names no file of settings: {first}"));
            let place = Place::new();
            place.settings(name, &format!("{}\n", block.lines.join("\n")));
            if name == "foreman_names.yml" {
                // Which the pages name beside it.
                let url = "foreman_url: https://foreman.example.com\n";
                place.settings("settings.yml", &format!("{}{url}", place.tls()));
            }
            // Besides those of the package, a route's own file is there.
            for (own, provider) in files_of_routes(&block.lines) {
                let example = root().join(format!("settings.d/externalipam_{provider}.yml.example"));
                place.settings(own, &std::fs::read_to_string(example).expect("an example"));
            }
            if let Some(provider) = name.strip_prefix("externalipam_").and_then(|name| name.strip_suffix(".yml")) {
                place.settings("externalipam.yml", &format!("use_provider: {provider}\n"));
            }
            let ended = place.shell("foreman-ipam-proxy check --settings-only");
            assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{page}: {}\n{}", block.lines.join("\n"), ended.out);
        }
    }
}

#[test]
fn every_example_is_right_as_it_is() {
    let place = Place::new();
    let examples = std::fs::read_dir(root().join("settings.d")).expect("examples");
    for example in examples.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")) {
        let name = example.strip_suffix(".example").expect("an example");
        let line = if name == "settings.yml" {
            // Alone it would listen nowhere.
            let text = std::fs::read_to_string(root().join("settings.d").join(&example)).expect("an example");
            place.settings(name, &format!("{text}{}", place.tls()));
            format!("foreman-ipam-proxy check-file --as {name} \"$CONFIG/{name}\"")
        } else {
            format!("foreman-ipam-proxy check-file --as {name} \"$CONFIG/settings.d/{name}\"")
        };
        let ended = place.shell(&line);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{name}");
    }
}
