//! As much of Markdown as our pages use.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page.
pub(crate) struct Page {
    /// From the root of the repository.
    pub(crate) path: PathBuf,
    text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// What stands behind the opening fence.
    pub(crate) language: String,
    pub(crate) lines: Vec<String>,
}

/// Every page of the repository below these directories, and those in its root.
pub(crate) fn pages(directories: &[&str]) -> Vec<Page> {
    let mut paths = Vec::new();
    let in_root = fs::read_dir(root()).expect("the root").map(|entry| entry.expect("an entry").path());
    paths.extend(in_root.filter(|path| is_page(path)));
    for directory in directories {
        collect(&root().join(directory), &mut paths);
    }
    paths.sort();
    paths.iter().map(|path| Page::read(path.strip_prefix(root()).expect("below the root"))).collect()
}

fn is_page(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension == "md")
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if is_page(&path) {
            paths.push(path);
        }
    }
}

impl Page {
    /// The page at a path from the root.
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path: path.to_owned(), text }
    }

    /// The fenced blocks, in order.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        // A block in a list is indented with it.
        let mut indent = 0;
        for line in self.text.lines() {
            let trimmed = line.trim_start();
            match (trimmed.strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    indent = line.len() - trimmed.len();
                    open = Some(Block { language: language.to_owned(), lines: Vec::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => block.lines.push(line.get(indent..).unwrap_or_default().to_owned()),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.path.display());
        blocks
    }

    /// The lines outside of blocks.
    pub(crate) fn prose(&self) -> impl Iterator<Item = &str> {
        let mut is_block = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            is_block ^= is_fence;
            !is_block && !is_fence
        })
    }

    /// The code in the first cell of each row of each table, a row at a time.
    pub(crate) fn first_cells(&self) -> impl Iterator<Item = Vec<String>> {
        let rows = self.prose().filter_map(|line| line.strip_prefix("| "));
        rows.filter(|row| !row.starts_with("--")).map(|row| {
            let mut rest = row;
            let mut codes = Vec::new();
            // The cell ends at the first bar outside of code.
            while let Some(start) = rest.find(['`', '|']).filter(|start| rest[*start..].starts_with('`')) {
                let (code, behind) = code_at(&rest[start..]).unwrap_or_else(|| panic!("code without an end: {row}"));
                codes.push(code.to_owned());
                rest = behind;
            }
            codes
        })
    }

    /// All code between backquotes in the prose.
    pub(crate) fn codes(&self) -> Vec<String> {
        let mut codes = Vec::new();
        for line in self.prose() {
            let mut rest = line;
            while let Some(start) = rest.find('`') {
                let Some((code, behind)) = code_at(&rest[start..]) else { break };
                codes.push(code.to_owned());
                rest = behind;
            }
        }
        codes
    }

    /// What the links and pictures lead to.
    pub(crate) fn links(&self) -> Vec<String> {
        let targets = |line: &str| -> Vec<String> {
            let parts = line.split("](").skip(1);
            parts.filter_map(|part| part.split_once(')')).map(|(target, _)| target.to_owned()).collect()
        };
        self.prose().flat_map(targets).collect()
    }

    /// What links can name: the headings, and anchors in HTML as puppet-strings writes them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        let headings = headings.map(|line| anchor(line.trim_start_matches('#').trim()));
        let named = self.prose().filter_map(|line| line.split_once("<a name=\""));
        let named = named.filter_map(|(_, rest)| rest.split_once('"')).map(|(name, _)| name.to_owned());
        headings.chain(named).collect()
    }
}

/// The code that a text of backquotes begins with, and what is behind it.
fn code_at(text: &str) -> Option<(&str, &str)> {
    let fence = &text[..text.len() - text.trim_start_matches('`').len()];
    let (code, behind) = text[fence.len()..].split_once(fence)?;
    let is_padded = fence.len() > 1 && code.starts_with(' ') && code.ends_with(' ');
    Some((if is_padded { &code[1..code.len() - 1] } else { code }, behind))
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}
