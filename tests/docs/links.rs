//! Links between pages.

use crate::markdown::{Page, pages, root};

#[test]
fn every_link_between_pages_leads_to_something() {
    let mut broken = Vec::new();
    for page in pages(&["docs", "packaging", "providers", "tests"]) {
        for link in page.links().into_iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let here = page.path.parent().expect("a directory");
            let target = if path.is_empty() { page.path.clone() } else { here.join(path) };
            let is_there = root().join(&target).exists();
            let has_anchor = || anchor.is_empty() || Page::read(&target).anchors().iter().any(|known| known == anchor);
            if !is_there || !has_anchor() {
                broken.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_page_for_administrators_is_in_the_index() {
    let index = Page::read("docs/README.md".as_ref()).links();
    for page in pages(&["docs"]) {
        let name =
            page.path.strip_prefix("docs").ok().and_then(|path| path.to_str()).filter(|name| *name != "README.md");
        if let Some(name) = name {
            assert!(index.iter().any(|link| link == name), "docs/README.md does not link to {name}");
        }
    }
}
