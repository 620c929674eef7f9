//! The example of a balancer, as HAProxy itself reads it.

use std::fs;
use std::io::{self, Write};
use std::process::Command;

use crate::markdown::Page;

/// Not every machine's PATH has it.
const PROGRAMS: [&str; 2] = ["haproxy", "/usr/sbin/haproxy"];

#[test]
fn haproxy_takes_the_example() {
    let page = Page::read("docs/high-availability.md".as_ref());
    let examples: Vec<String> = page
        .blocks()
        .into_iter()
        .filter(|block| block.lines.iter().any(|line| line.starts_with("frontend ")))
        .map(|block| block.lines.join("\n"))
        .collect();
    let [example] = &examples[..] else { panic!("one example, not {}", examples.len()) };
    // It looks names up at once, and these are nobody's.
    let example = ["proxy1.example.com", "proxy2.example.com"].iter().fold(example.clone(), |example, name| {
        assert!(example.contains(&format!(" {name}:8443\n")) || example.ends_with(&format!(" {name}:8443")), "{name}");
        example.replace(name, "127.0.0.1")
    });
    let is_there = |program: &str| Command::new(program).arg("-v").output().is_ok();
    let Some(haproxy) = PROGRAMS.into_iter().find(|program| is_there(program)) else {
        // Past the capture of the test harness, which would hide it: what was not checked must be seen.
        let _ = writeln!(io::stderr(), "SKIPPED: HAProxy is not installed; its example was not checked");
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("haproxy.cfg");
    fs::write(&file, format!("{example}\n")).expect("written");
    let checked = Command::new(haproxy).arg("-c").arg("-f").arg(&file).output().expect("HAProxy runs");
    let said = format!("{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success() && !said.contains("[WARNING]"), "{said}\n{example}");
}
