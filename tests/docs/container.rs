//! The container's files: that they agree with the program. packaging/container/check looks at the rest.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::markdown::root;
use crate::place::Place;

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
    place.settings("settings.yml", &file_in(&map, "settings.yml"));
    place.settings("externalipam.yml", &file_in(&map, "externalipam.yml"));
    place.settings("externalipam_netbox.yml", &file_in(&secret, "externalipam_netbox.yml"));
    let ended = place.shell("foreman-ipam-proxy check --settings-only");
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
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

/// A proxy that is ended with its value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(place: &Place) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_foreman-ipam-proxy"))
            .env_clear()
            .arg("--config-dir")
            .arg(place.settings_directory())
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the proxy starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let running = Self(child);
        let mut said = lines.map_while(Result::ok);
        assert!(said.any(|line| line.contains("Ready")), "the proxy ended");
        // Reads on, so that the proxy never waits for us.
        std::thread::spawn(move || said.for_each(drop));
        running
    }
}

#[test]
fn the_health_check_tells_a_proxy_that_runs_from_one_that_does_not() {
    let file = read("Containerfile");
    let check = file.lines().find(|line| line.contains("control.sock")).expect("a health check");
    let words: Vec<String> =
        serde_json::from_str(check.trim_start().strip_prefix("CMD ").expect("a command")).expect("a list of words");
    assert_eq!(words[..2], ["/bin/sh", "-c"]);
    let place = Place::new();
    place.settings("settings.yml", &format!("{}bind_host: 127.0.0.1\nhttps_port: 0\nworkers: 1\n", place.tls()));
    assert_ne!(place.shell(&words[2]).code, 0, "nothing runs yet");
    let running = Running::start(&place);
    let ended = place.shell(&words[2]);
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{}", ended.err);
    drop(running);
}
