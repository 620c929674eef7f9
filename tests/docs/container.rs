//! The container's files: that they agree with the program. packaging/container/check looks at the rest.

use std::fs;

use crate::markdown::root;
use crate::place::Place;
use crate::process::Proxy;

fn read(name: &str) -> String {
    fs::read_to_string(root().join("packaging/container").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A file within a manifest: the lines below `name: |`, without their indent.
fn file_in(manifest: &str, name: &str) -> String {
    let start = format!("  {name}: |");
    let lines = manifest.lines().skip_while(|line| *line != start).skip(1);
    let lines: Vec<&str> = lines.map_while(|line| line.strip_prefix("    ")).collect();
    assert!(!lines.is_empty(), "no {name} in the manifest");
    lines.join("\n") + "\n"
}

#[test]
fn the_settings_in_the_manifests_are_right() {
    let place = Place::new();
    let (map, secret) = (read("kubernetes/configmap.yaml"), read("kubernetes/secret.yaml"));
    place.settings("externalipam.yml", &file_in(&map, "externalipam.yml"));
    place.settings("externalipam_netbox.yml", &file_in(&secret, "externalipam_netbox.yml"));
    let shared = read("kubernetes-two-replicas/configmap.yaml");
    for settings in [&map, &shared] {
        place.settings("settings.yml", &file_in(settings, "settings.yml"));
        let ended = place.shell("foreman-ipam-proxy check --settings-only");
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    }
}

#[test]
fn the_image_names_paths_and_variables_of_the_program() {
    let file = read("Containerfile");
    for path in ["/etc/foreman-ipam-proxy", "/var/lib/foreman-ipam-proxy"] {
        assert!(file.lines().any(|line| line.starts_with("VOLUME") && line.contains(path)), "no volume {path}");
    }
    let variables = file.lines().map(|line| line.trim_start().trim_start_matches("ENV ").trim_end_matches(" \\"));
    let variables: Vec<&str> = variables.filter(|line| line.starts_with("FOREMAN_IPAM_PROXY__")).collect();
    assert_eq!(variables.len(), 2, "{variables:?}");
    let place = Place::new();
    // Its directory exists in the image only.
    let known = format!("{} foreman-ipam-proxy check --settings-only", variables.join(" "));
    let ended = place.shell(&known);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    let unknown = place.shell("FOREMAN_IPAM_PROXY__LOG_FIEL=STDOUT foreman-ipam-proxy check --settings-only");
    assert_eq!(unknown.code, 78, "a wrong variable is a fault: {}", unknown.err);
}

#[test]
fn the_health_check_tells_a_proxy_that_runs_from_one_that_does_not() {
    let file = read("Containerfile");
    let mut lines = file.lines().skip_while(|line| !line.starts_with("HEALTHCHECK")).skip(1);
    let check = lines.next().and_then(|line| line.trim_start().strip_prefix("CMD ")).expect("a health check");
    let words: Vec<String> = serde_json::from_str(check).expect("a list of words");
    let check = words.join(" ");
    let place = Place::new();
    place.settings("settings.yml", &format!("{}bind_host: 127.0.0.1\nhttps_port: 0\nworkers: 1\n", place.tls()));
    assert_eq!(place.shell(&check).code, 1, "nothing runs yet");
    let running = Proxy::start(place.command("exec foreman-ipam-proxy serve"));
    let ended = place.shell(&check);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    drop(running);
}
