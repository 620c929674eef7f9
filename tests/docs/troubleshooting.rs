//! `docs/troubleshoot.md` has an entry for every error text, and no entry for a text that is none any more.

use std::collections::BTreeSet;

use crate::markdown::Page;
use crate::no_trouble::{FILES, NO_TROUBLE};
use crate::source::{plain, texts};

fn entries() -> Vec<String> {
    let page = Page::read("docs/troubleshoot.md".as_ref());
    page.first_cells().flatten().map(|code| plain(&code)).collect()
}

fn no_trouble() -> impl Iterator<Item = String> {
    NO_TROUBLE.iter().flat_map(|(_, texts)| *texts).map(|text| plain(text))
}

#[test]
fn every_error_text_has_an_entry() {
    let known: BTreeSet<String> = entries().into_iter().chain(no_trouble()).collect();
    let texts = texts();
    let is_of_no_trouble = |file: &String| FILES.iter().any(|(name, _)| name == file);
    let missing: Vec<String> = texts
        .iter()
        .filter(|(text, is)| is.is_message && !known.contains(*text) && !is.files.iter().all(is_of_no_trouble))
        .map(|(text, is)| format!("{:?}: {text}", is.files))
        .collect();
    assert!(
        missing.is_empty(),
        "explain these in docs/troubleshoot.md (`…` for what is filled in), or list them in tests/docs/no_trouble.rs when \
         they are no trouble:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_entry_is_of_a_text_that_the_program_has() {
    let texts = texts();
    let gone: Vec<String> =
        entries().into_iter().chain(no_trouble()).filter(|entry| !texts.contains_key(entry)).collect();
    assert!(
        gone.is_empty(),
        "no source has these texts of docs/troubleshoot.md or tests/docs/no_trouble.rs:\n{}",
        gone.join("\n")
    );
}

#[test]
fn no_text_has_two_entries() {
    let mut seen = BTreeSet::new();
    let twice: Vec<String> =
        entries().into_iter().chain(no_trouble()).filter(|text| !seen.insert(text.clone())).collect();
    assert!(twice.is_empty(), "these are there twice:\n{}", twice.join("\n"));
}
