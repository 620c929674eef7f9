//! The commands of the pages: run in a root of their own, page by page, or listed in [`not_run`](crate::not_run).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::markdown::{Page, pages, root};
use crate::not_run::{COMMANDS, Way};
use crate::place::Place;

/// The commands of a page; one that goes on in the next line is one.
fn commands(page: &Page) -> Vec<String> {
    let blocks = page.blocks().into_iter().filter(|block| matches!(&*block.language, "console" | "sh"));
    let mut commands = Vec::new();
    for block in blocks {
        let mut command = String::new();
        for line in block.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            // What stands behind the command is for the reader.
            let line = line.split(" #").next().unwrap_or(line).trim_end();
            command.push_str(line.strip_suffix('\\').unwrap_or(line));
            if !line.ends_with('\\') {
                commands.push(std::mem::take(&mut command));
            }
        }
        assert!(command.is_empty(), "{}: {command} goes on nowhere", page.path.display());
    }
    commands
}

fn entry(command: &str) -> Option<&'static (&'static str, Way, &'static str)> {
    let fits = |beginning: &str| {
        let rest = command.strip_prefix(beginning);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ') || beginning.ends_with('/'))
    };
    COMMANDS.iter().filter(|(beginning, ..)| fits(beginning)).max_by_key(|(beginning, ..)| beginning.len())
}

fn of_administrators() -> Vec<Page> {
    pages(&["docs", "packaging"])
}

#[test]
fn every_command_does_what_its_page_says_or_is_listed() {
    for page in of_administrators() {
        let place = Place::new().with_store();
        for command in commands(&page) {
            let at = format!("{}: {command}", page.path.display());
            let Some((_, way, _)) = entry(&command) else {
                panic!("{at}\nis neither run nor listed in tests/docs/not_run.rs");
            };
            match way {
                Way::Runs => {
                    let ended = place.shell(&command);
                    assert_eq!(ended.code, 0, "{at}\n{}{}", ended.out, ended.err);
                }
                Way::Refused(text) => {
                    let ended = place.shell(&command);
                    assert!(ended.code == 1 && ended.err.contains(text), "{at}\n{} {}", ended.code, ended.err);
                }
                Way::Parsed => parses(&place, &command, &at),
                Way::Script => {
                    let script = root().join(command.split(' ').next().expect("a word"));
                    let is_there = script.metadata().is_ok_and(|file| file.permissions().mode() & 0o100 != 0);
                    assert!(is_there, "{at}\nno such script");
                }
                Way::NotRun => {
                    names_are_those_of_the_packages(&command, &at);
                    if let Some(ours) = ours_within(&command) {
                        parses(&place, &ours, &at);
                    }
                }
            }
        }
    }
}

/// The command of ours that another one runs.
fn ours_within(command: &str) -> Option<String> {
    let (outer, inner) = command.split_once(" -- ")?;
    match outer.starts_with("cargo run") {
        true => Some(format!("foreman-ipam-proxy {inner}")),
        false => inner.starts_with("foreman-ipam-proxy ").then(|| inner.to_owned()),
    }
}

/// Are all options known, and their values right? The parser stops at `--help` after it has read them.
fn parses(place: &Place, command: &str, at: &str) {
    let ended = place.shell(&format!("{command} --help"));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{at}");
}

/// Everything that is called like the product is a unit, a user, a package or a path that the packages have.
fn names_are_those_of_the_packages(command: &str, at: &str) {
    let name = "foreman-ipam-proxy";
    for path in ["packaging/systemd/foreman-ipam-proxy.service", "packaging/systemd/sysusers.d/foreman-ipam-proxy.conf"]
    {
        assert!(root().join(path).is_file(), "{path}");
    }
    for word in command.split([' ', '"', '=']).filter(|word| word.contains(name) && !word.contains("://")) {
        let file = word.strip_prefix("./").unwrap_or(word);
        let is_package = [("_", "-1_amd64.deb"), ("-", "-1.x86_64.rpm")].iter().any(|(before, behind)| {
            let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix(before)?.strip_suffix(behind));
            version.is_some_and(|version| version.split('.').count() == 3)
        });
        let is_in_container = command.starts_with("podman") || command.starts_with("kubectl");
        assert!(word == name || is_package || is_known_path(word) || is_in_container, "{at}\nno package has {word}");
    }
}

fn is_known_path(path: &str) -> bool {
    let tmpfiles = root().join("packaging/systemd/tmpfiles.d/foreman-ipam-proxy.conf");
    let tmpfiles = fs::read_to_string(tmpfiles).expect("tmpfiles");
    let mut directories =
        tmpfiles.lines().filter_map(|line| line.split_whitespace().nth(1)).filter(|path| path.starts_with('/'));
    directories.any(|directory| path.starts_with(directory))
}

#[test]
fn every_path_of_the_product_in_a_command_is_one_of_the_packages() {
    for page in of_administrators() {
        for command in commands(&page) {
            let words = command.split([' ', '"', '=']).filter(|word| word.starts_with('/'));
            for path in words.filter(|path| path.contains("foreman-ipam-proxy")) {
                assert!(is_known_path(path), "{}: {path}", page.path.display());
            }
        }
    }
}

#[test]
fn nothing_is_listed_that_no_page_has() {
    let used: Vec<&str> = of_administrators()
        .iter()
        .flat_map(commands)
        .filter_map(|command| entry(&command).map(|(beginning, ..)| *beginning))
        .collect();
    for (beginning, way, reason) in COMMANDS {
        assert!(used.contains(beginning), "no page has {beginning}");
        assert_eq!(reason.is_empty(), *way == Way::Runs, "{beginning} needs a reason when it is not run as it is");
    }
}

#[test]
fn every_command_that_the_text_names_exists() {
    let place = Place::new();
    for page in of_administrators() {
        for code in page.codes() {
            let Some(rest) = code.strip_prefix("foreman-ipam-proxy ") else { continue };
            let is_part = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
            let known: Vec<&str> = rest.split(' ').take_while(|word| is_part(word)).collect();
            let options = rest.split(' ').filter(|word| word.starts_with("--"));
            let options: Vec<&str> =
                options.filter(|option| ["--json", "--repair", "--settings-only"].contains(option)).collect();
            let line = format!("{} {}", known.join(" "), options.join(" "));
            parses(&place, &format!("foreman-ipam-proxy {line}"), &format!("{}: {code}", page.path.display()));
        }
    }
}
