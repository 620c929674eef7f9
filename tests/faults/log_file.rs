//! Links and devices in place of the log file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::settings::{check, refused_by_both};
use crate::support::{Manager, Place, SUBNET, Seed, Spawn};

fn place() -> Place {
    Place::new(Seed::new().subnet(SUBNET))
}

#[test]
fn a_link_that_another_user_could_have_made_is_not_followed() {
    let place = place();
    let [logs, log, target] = ["logs", "logs/proxy.log", "shadow"].map(|name| place.path(name));
    fs::create_dir(&logs).expect("a directory");
    fs::set_permissions(&logs, PermissionsExt::from_mode(0o777)).expect("permissions");
    place.global(&format!("log_file: {}", log.display()));
    symlink(&target, &log).expect("a link");
    let complaint =
        format!("the log cannot be written to {}: it is a symbolic link, which is not followed", log.display());
    refused_by_both(&place, 1, &complaint);
    assert!(!target.exists());
    place.write("shadow", "of root");
    let before = fs::metadata(&target).expect("a file");
    refused_by_both(&place, 1, &complaint);
    let after = fs::metadata(&target).expect("a file");
    assert_eq!(fs::read_to_string(&target).expect("a file"), "of root");
    assert_eq!([after.uid(), after.mode()], [before.uid(), before.mode()]);
}

#[test]
fn the_links_of_a_system_are_followed() {
    let place = place();
    for device in ["/dev/stdout", "/dev/stderr"] {
        place.global(&format!("log_file: {device}"));
        let (code, said) = check(&place, &["--settings-only"]);
        assert_eq!(code, Some(0), "{said}");
        // Says there that it is ready.
        place.start().end_well("TERM");
    }
    fs::create_dir(place.path("disk")).expect("a directory");
    symlink(place.path("disk"), place.path("logs")).expect("a link");
    place.global(&format!("log_file: {}", place.path("logs/proxy.log").display()));
    let (code, said) = check(&place, &["--settings-only"]);
    assert_eq!(code, Some(0), "{said}");
    let manager = Manager::new(&place);
    let server = Spawn::of(manager.employ(place.command(&["serve"]))).unready();
    while !manager.heard().contains("READY=1") {}
    server.end_well("TERM");
    let text = fs::read_to_string(place.path("disk/proxy.log")).expect("a log");
    assert!(text.contains("Ready"), "{text}");
}
