//! The commands of the pages: run on a machine of their own, page by page, as [`not_run`](crate::not_run) says.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::identity::HOST;
use crate::machine::Machine;
use crate::markdown::{Page, pages, root};
use crate::not_run::{COMMANDS, UNFINISHED, Way};

/// The commands of a page; one that goes on in the next line is one, and a line may have several.
fn commands(page: &Page) -> Vec<String> {
    let mut commands = Vec::new();
    for block in page.blocks() {
        match &*block.language {
            "console" => {}
            // Settings are checked elsewhere; the rest is for other programs.
            "yaml" | "ini" | "puppet" | "text" => continue,
            other => panic!("{}: a block of {other:?}; commands are in those of console", page.path.display()),
        }
        let mut command = String::new();
        for line in block.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            // What stands behind the command is for the reader.
            let line = line.split(" #").next().unwrap_or(line).trim_end();
            let line = line.strip_prefix("$ ").unwrap_or(line);
            assert!(
                !line.contains(" | ") && !line.contains("; "),
                "{}: one command a line: {line}",
                page.path.display()
            );
            command.push_str(line.strip_suffix('\\').unwrap_or(line));
            if !line.ends_with('\\') {
                commands.extend(std::mem::take(&mut command).split(" && ").map(str::to_owned));
            }
        }
        assert!(command.is_empty(), "{}: {command} goes on nowhere", page.path.display());
    }
    commands
}

fn entry(command: &str) -> Option<&'static (&'static str, Way, &'static str)> {
    let is_variable = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
    };
    // Variables before the program are not part of its name.
    let mut command = command;
    while let Some((_, rest)) = command.split_once(' ').filter(|(word, _)| is_variable(word)) {
        command = rest;
    }
    let fits = |beginning: &str| {
        let rest = command.strip_prefix(beginning);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ') || beginning.ends_with('/'))
    };
    COMMANDS.iter().filter(|(beginning, ..)| fits(beginning)).max_by_key(|(beginning, ..)| beginning.len())
}

fn with_commands() -> Vec<Page> {
    pages(&["docs", "packaging", "providers", "tests"])
}

/// The machine that commands are about: the service runs, unless they start it before they do anything else with it.
fn machine_for(commands: &[String]) -> Machine {
    let mut machine = Machine::new();
    let ways = commands.iter().filter_map(|command| entry(command)).map(|(_, way, _)| *way);
    let first = ways.into_iter().find(|way| matches!(way, Way::Starts | Way::Reloads | Way::Stops));
    if first != Some(Way::Starts) {
        machine.start();
    }
    machine
}

#[test]
fn every_command_does_what_its_page_says_or_is_listed() {
    for page in with_commands() {
        let commands = commands(&page);
        // The text names these without the program's name.
        let named = page.codes().into_iter().filter(|code| matches!(&**code, "refresh" | "unregister"));
        let named: Vec<String> = named.map(|code| format!("foreman-ipam-proxy {code}")).collect();
        if commands.is_empty() && named.is_empty() {
            continue;
        }
        let mut machine = machine_for(&commands);
        for command in commands.iter().chain(&named) {
            carry_out(&mut machine, command, &format!("{}: {command}", page.path.display()));
        }
    }
}

/// Does with a command what is to be done with it.
fn carry_out(machine: &mut Machine, command: &str, at: &str) {
    let Some((_, way, _)) = entry(command) else {
        panic!("{at}\nhas no entry in tests/docs/not_run.rs, which says whether it is run, and why not");
    };
    match way {
        Way::Runs => {
            succeeds(machine, command, &[], at);
        }
        Way::SetsUp(answers) => {
            machine.lock();
            let out = succeeds(machine, command, answers, at);
            let is_written = out.contains("written       ") && out.contains("IPAM          ok: ");
            assert!(is_written && out.contains("next          foreman-ipam-proxy register"), "{at}\n{out}");
        }
        Way::Serves => {
            let ended = machine.serve(command).terminate();
            assert!(ended.success(), "{at}\n{ended}");
        }
        Way::Registers => {
            succeeds(machine, command, &[], at);
            is_registered(machine, at);
        }
        Way::Refreshes => {
            knows_the_proxy(machine, at);
            let out = succeeds(machine, command, &[], at);
            assert!(out.starts_with(&format!("refreshed     {HOST}-ipam at {}\n", machine.url())), "{at}\n{out}");
            is_registered(machine, at);
        }
        Way::Unregisters => {
            knows_the_proxy(machine, at);
            let out = succeeds(machine, command, &[], at);
            assert!(out.ends_with(&format!("removed       {HOST}-ipam at {}\n", machine.url())), "{at}\n{out}");
            assert_eq!(machine.foreman.records(), [], "{at}");
        }
        Way::Refused(text) => {
            let ran = machine.run(command, &[]);
            assert!(ran.code == 1 && ran.err.contains(text), "{at}\n{ran:?}");
        }
        Way::Starts => machine.start(),
        Way::Reloads => machine.reload(),
        Way::Stops => machine.stop(),
        Way::Script => {
            let script = root().join(command.split(' ').next().expect("a word"));
            let is_there = script.metadata().is_ok_and(|file| file.permissions().mode() & 0o100 != 0);
            assert!(is_there, "{at}\nno such script");
        }
        Way::NotRun => {
            names_are_those_of_the_packages(command, at);
            if let Some(ours) = ours_within(command) {
                carry_out(machine, &ours, at);
            }
        }
    }
}

/// What a command writes that succeeds.
fn succeeds(machine: &Machine, command: &str, answers: &[&str], at: &str) -> String {
    let ran = machine.run(command, answers);
    assert_eq!(ran.code, 0, "{at}\n{}{}", ran.out, ran.err);
    ran.out
}

fn knows_the_proxy(machine: &Machine, at: &str) {
    if machine.foreman.records().is_empty() {
        succeeds(machine, "foreman-ipam-proxy register", &[], at);
    }
}

fn is_registered(machine: &Machine, at: &str) {
    let records = machine.foreman.records();
    let [record] = &records[..] else { panic!("{at}\n{records:?}") };
    assert_eq!((&record.name, &record.url), (&format!("{HOST}-ipam"), &machine.url()), "{at}");
    assert_eq!(record.features, ["External IPAM", "Logs"], "{at}");
}

/// The command of ours that another one runs: behind `--`, in a container that runs, or as the image's own program.
fn ours_within(command: &str) -> Option<String> {
    let ours = |inner: &str| inner.starts_with("foreman-ipam-proxy ").then(|| inner.to_owned());
    if let Some(inner) = command.strip_prefix("podman exec foreman-ipam-proxy ") {
        return ours(inner);
    }
    if let Some((_, inner)) = command.strip_prefix("podman run ").and_then(|rest| rest.split_once(IMAGE)) {
        return Some(format!("foreman-ipam-proxy {inner}"));
    }
    let (outer, inner) = command.split_once(" -- ")?;
    if outer == "cargo run --release" { Some(format!("foreman-ipam-proxy {inner}")) } else { ours(inner) }
}

/// The image that the container's page builds.
const IMAGE: &str = " foreman-ipam-proxy:0.1.0 ";

/// Are all options known, and their values right? The parser stops at `--help` after it has read them.
fn parses(machine: &Machine, command: &str, at: &str) {
    let ran = machine.run(&format!("{command} --help"), &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{at}");
}

/// Everything that is called like the product is a unit, a user, a package or a path that the packages have.
fn names_are_those_of_the_packages(command: &str, at: &str) {
    let name = "foreman-ipam-proxy";
    for path in [
        "packaging/systemd/foreman-ipam-proxy.service",
        "packaging/systemd/foreman-ipam-proxy.socket",
        "packaging/systemd/sysusers.d/foreman-ipam-proxy.conf",
    ] {
        assert!(root().join(path).is_file(), "{path}");
    }
    for word in command.split([' ', '"', '=']).filter(|word| word.contains(name) && !word.contains("://")) {
        let file = word.strip_prefix("./").unwrap_or(word);
        let is_package = [("_", "-1_amd64.deb"), ("-", "-1.x86_64.rpm")].iter().any(|(before, behind)| {
            let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix(before)?.strip_suffix(behind));
            version.is_some_and(|version| version.split('.').count() == 3)
        });
        let is_in_container = command.starts_with("podman") || command.starts_with("kubectl");
        assert!(
            word == name || file == "foreman-ipam-proxy.socket" || is_package || is_known_path(word) || is_in_container,
            "{at}\nno package has {word}"
        );
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
    for page in with_commands() {
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
    let mut used = BTreeSet::new();
    for page in with_commands() {
        let named = page.codes().into_iter().map(|code| format!("foreman-ipam-proxy {code}"));
        for command in commands(&page).into_iter().chain(named) {
            let inner = ours_within(&command);
            let entries = [Some(&command), inner.as_ref()].into_iter().flatten().filter_map(|command| entry(command));
            used.extend(entries.map(|(beginning, ..)| *beginning));
        }
    }
    for (beginning, way, reason) in COMMANDS {
        assert!(used.contains(beginning), "no page has {beginning}");
        assert_eq!(reason.is_empty(), way.is_as_written(), "{beginning} needs a reason when it is not run as it is");
    }
    let named: Vec<String> = with_commands().iter().flat_map(Page::codes).collect();
    for command in UNFINISHED {
        assert!(named.iter().any(|code| code == command), "no page has {command}");
    }
}

#[test]
fn every_command_that_the_text_names_works() {
    for page in with_commands() {
        let codes = page.codes().into_iter().filter(|code| code.starts_with("foreman-ipam-proxy "));
        let codes: BTreeSet<String> = codes.collect();
        if codes.is_empty() {
            continue;
        }
        let mut machine = Machine::new();
        machine.start();
        for code in codes {
            let at = format!("{}: {code}", page.path.display());
            if UNFINISHED.contains(&&*code) {
                parses(&machine, &code, &at);
            } else {
                carry_out(&mut machine, &code, &at);
            }
        }
    }
}
