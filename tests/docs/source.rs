//! The texts that the program can say, read from its source.
//!
//! A message is what an `#[error("…")]` or a warning or error of the log has, and every other literal of three words or more
//! outside of tests, but for SQL and whole pages of text. What of these is not shown to people is listed in
//! [`no_trouble`](crate::no_trouble).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::markdown::root;

/// What is known of a text.
#[derive(Default)]
pub(crate) struct Known {
    /// The files that have it.
    pub(crate) files: BTreeSet<String>,
    /// Is it surely, or most probably, a message?
    pub(crate) is_message: bool,
}

/// The texts, in the form of [`plain`].
pub(crate) fn texts() -> BTreeMap<String, Known> {
    let mut texts = BTreeMap::<_, Known>::new();
    for source in sources() {
        let mut files = Vec::new();
        collect(&source, &mut files);
        let trees: Vec<(PathBuf, TokenStream)> = files.into_iter().map(|path| (path.clone(), parse(&path))).collect();
        let mut found = Found::default();
        for (path, tree) in &trees {
            found.file = path.clone();
            found.constants(tree.clone());
            found.walk(tree.clone());
        }
        for (file, literal) in &found.literals {
            if found.of_tests.iter().any(|module| file.starts_with(module)) {
                continue;
            }
            let text = plain(&with_constants(&literal.text, &found.constants));
            let is_message = literal.is_message(&text);
            let file = file.strip_prefix(root()).expect("below the root").display().to_string();
            let known = texts.entry(text).or_default();
            known.files.insert(file);
            known.is_message |= is_message;
        }
    }
    texts
}

/// The directories with the source of the program: the proxy's own, that of each provider, and that of the store.
fn sources() -> Vec<PathBuf> {
    let providers = fs::read_dir(root().join("providers")).expect("the providers");
    let providers = providers.map(|entry| entry.expect("an entry").path().join("src")).filter(|path| path.is_dir());
    let mut sources: Vec<PathBuf> =
        providers.chain(["src", "providers/internal/store/src"].map(|source| root().join(source))).collect();
    sources.sort();
    sources
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn parse(path: &Path) -> TokenStream {
    let text = fs::read_to_string(path).expect("source");
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A text as pages quote it: `…` for every place that is filled in, and blanks for line ends.
pub(crate) fn plain(text: &str) -> String {
    let doubled = text.replace("{{", "{").replace("}}", "}");
    let mut plain = String::new();
    let mut rest = doubled.as_str();
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((_, behind)) = behind.split_once('}') else { break };
        plain.push_str(before);
        plain.push('…');
        rest = behind;
    }
    plain.push_str(rest);
    let mut plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    // What fills two neighbouring places looks like one.
    for twice in ["……", "… …"] {
        while plain.contains(twice) {
            plain = plain.replace(twice, "…");
        }
    }
    plain
}

/// Words of two letters or more, with blanks between them.
fn words(text: &str) -> usize {
    let is_word = |word: &&str| word.split(|c: char| !c.is_ascii_alphabetic()).any(|letters| letters.len() >= 2);
    text.split_whitespace().filter(is_word).count()
}

fn is_sql(text: &str) -> bool {
    const BEGINNINGS: [&str; 14] = [
        "SELECT", "INSERT", "UPDATE", "DELETE", "FROM", "WHERE", "VALUES", "ON", "ORDER", "CREATE", "PRAGMA",
        "ROLLBACK", "RELEASE", "LOCK",
    ];
    let first = text.split(|c: char| !c.is_ascii_alphabetic()).find(|word| word.len() >= 2);
    first.is_some_and(|first| BEGINNINGS.contains(&first)) || text.contains(" WHERE ")
}

fn with_constants(text: &str, constants: &BTreeMap<String, String>) -> String {
    constants.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[derive(Default)]
struct Found {
    file: PathBuf,
    literals: Vec<(PathBuf, Literal)>,
    /// Constants of text, by name.
    constants: BTreeMap<String, String>,
    /// Where modules are that are for tests only: a file's path without `.rs`, or a directory, as a beginning.
    of_tests: Vec<PathBuf>,
}

struct Literal {
    text: String,
    words_at_least: usize,
}

/// Help pages, samples and schemas have so many lines.
const LINES_OF_A_PAGE: usize = 4;

impl Literal {
    fn is_message(&self, plain: &str) -> bool {
        words(plain) >= self.words_at_least && !is_sql(plain) && self.text.lines().count() < LINES_OF_A_PAGE
    }
}

/// Of an error or a log line, which is surely for people.
const OF_A_MESSAGE: usize = 2;

/// Of what may be anything else.
const OF_A_SENTENCE: usize = 3;

impl Found {
    fn walk(&mut self, tree: TokenStream) {
        let mut tokens = tree.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => self.attribute(&mut tokens),
                TokenTree::Ident(ident) => self.call(&ident.to_string(), &mut tokens),
                TokenTree::Group(group) => self.walk(group.stream()),
                TokenTree::Literal(literal) => self.keep(&literal.to_string(), OF_A_SENTENCE),
                TokenTree::Punct(_) => {}
            }
        }
    }

    /// Attributes and documentation have no texts, but for `error`; and what is for tests only is passed over.
    fn attribute(&mut self, tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) {
        let is_inner = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '!');
        tokens.next_if(is_inner);
        let Some(TokenTree::Group(group)) = tokens.next() else { return };
        let text = group.stream().to_string();
        if text.starts_with("error") {
            self.keep_all(group.stream(), OF_A_MESSAGE);
        }
        if text.replace(' ', "") == "cfg(test)" {
            self.item_of_tests(tokens);
        }
    }

    /// Passes over an item that is for tests only. Of a module in a file of its own it notes where that is.
    fn item_of_tests(&mut self, tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) {
        let mut idents = Vec::new();
        for token in tokens.by_ref() {
            match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
                TokenTree::Ident(ident) => idents.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                _ => {}
            }
        }
        let [.., keyword, name] = &idents[..] else { return };
        if keyword == "mod" {
            let of_directory = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| self.file.ends_with(name));
            let here = if of_directory { self.file.with_file_name("") } else { self.file.with_extension("") };
            let module = here.join(name);
            self.of_tests.extend([module.with_extension("rs"), module]);
        }
    }

    /// What calls and macros of this name are given may be for nobody, or for people for sure.
    fn call(&mut self, name: &str, tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) {
        let is_macro = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '!');
        let is_group = |token: &TokenTree| matches!(token, TokenTree::Group(_));
        let of_macro = tokens.peek().is_some_and(is_macro);
        let for_nobody = match name {
            "expect" => true,
            "debug" | "trace" | "info" | "panic" | "unreachable" | "assert" | "assert_eq" => of_macro,
            _ => false,
        };
        if for_nobody {
            tokens.next_if(is_macro);
            tokens.next_if(is_group);
        } else if of_macro && matches!(name, "warn" | "error") {
            tokens.next_if(is_macro);
            if let Some(TokenTree::Group(group)) = tokens.next_if(is_group) {
                self.keep_all(group.stream(), OF_A_MESSAGE);
            }
        }
    }

    fn keep_all(&mut self, tree: TokenStream, words_at_least: usize) {
        for token in tree {
            match token {
                TokenTree::Group(group) => self.keep_all(group.stream(), words_at_least),
                TokenTree::Literal(literal) => self.keep(&literal.to_string(), words_at_least),
                _ => {}
            }
        }
    }

    fn keep(&mut self, literal: &str, words_at_least: usize) {
        self.literals.extend(value(literal).map(|text| (self.file.clone(), Literal { text, words_at_least })));
    }

    /// Notes `const NAME: &str = "…";`, for texts that are written with its name.
    fn constants(&mut self, tree: TokenStream) {
        let tokens: Vec<TokenTree> = tree.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.constants(group.stream()),
                TokenTree::Ident(ident) if *ident == "const" => {
                    let end = tokens[at..].iter().position(|token| token.to_string() == ";");
                    let constant = &tokens[at..at + end.unwrap_or_default()];
                    if let [_, TokenTree::Ident(name), .., equals, TokenTree::Literal(literal)] = constant
                        && equals.to_string() == "="
                    {
                        self.constants.extend(value(&literal.to_string()).map(|text| (name.to_string(), text)));
                    }
                }
                _ => {}
            }
        }
    }
}

/// The value of a literal that is a text.
fn value(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let text = raw.trim_matches('#');
        return text.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
    }
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        let mut characters = behind.chars();
        match characters.next()? {
            'n' => text.push('\n'),
            // The line goes on in the next one.
            '\n' => {
                rest = characters.as_str().trim_start();
                continue;
            }
            other => text.push(other),
        }
        rest = characters.as_str();
    }
    text.push_str(rest);
    Some(text)
}

#[test]
fn a_text_is_read_as_people_see_it() {
    let read = |source: &str| {
        let mut found = Found { file: "src/a.rs".into(), ..Found::default() };
        let tree: TokenStream = source.parse().expect("source");
        found.constants(tree.clone());
        found.walk(tree);
        let texts = found.literals.iter();
        let texts = texts.map(|(_, literal)| (literal, plain(&with_constants(&literal.text, &found.constants))));
        texts.filter(|(literal, text)| literal.is_message(text)).map(|(_, text)| text).collect::<Vec<_>>()
    };
    assert_eq!(read(r#"#[error("no {0}{1} here")] struct A;"#), ["no … here"]);
    assert_eq!(read("fn a() { b(\"one two \\\n      three\") }"), ["one two three"]);
    assert_eq!(
        read(r#"const WHAT: &str = "The IPAM"; fn a() { format!("{WHAT} is not there") }"#),
        ["The IPAM is not there"]
    );
    assert_eq!(read(r#"fn a() { log::warn!("gone: {why}"); log::warn!("it is gone"); }"#), ["it is gone"]);
    assert!(
        read(
            r#"/// A long line.
        #[cfg(test)] mod tests { fn a() { "one two three" } }
        fn b() { c.expect("one two three"); log::info!("one two three"); "SELECT" }"#
        )
        .is_empty()
    );
}
