//! What an example settings file says: the form that all files in `settings.d` have.
//!
//! ```text
//! ---
//! # externalipam.yml: which IPAM is behind the proxy. It belongs in settings.d.
//! #
//! # A second paragraph about the file.
//!
//! # ---- Which IPAM ------------------
//! # About the keys that follow. Default: true.
//! #enabled: true
//! ```

use std::iter::Peekable;
use std::str::Lines;

/// An example.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Example {
    /// The file's name once it is in use.
    pub(crate) file: String,
    /// What it is, in a few words.
    pub(crate) subject: String,
    /// The rest of what is said about the file, by paragraphs.
    pub(crate) about: Vec<String>,
    pub(crate) parts: Vec<Part>,
}

/// One thing in a file, in the file's order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Heading(String),
    Paragraph(String),
    /// Settings that are described together.
    Settings {
        /// Each as it would be written, such as `enabled: true`.
        lines: Vec<String>,
        text: String,
    },
}

/// A file that does not have the form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongForm(pub(crate) &'static str);

impl std::fmt::Display for WrongForm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the example {}", self.0)
    }
}

impl std::error::Error for WrongForm {}

/// The setting in a line, whether it is switched on or not. Prose has a blank after its `#`.
pub(crate) fn setting(line: &str) -> Option<&str> {
    let setting = line.strip_prefix('#').unwrap_or(line);
    let (key, _) = setting.split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(&byte));
    is_key.then_some(setting)
}

fn prose(line: &str) -> Option<&str> {
    if line == "#" { Some("") } else { line.strip_prefix("# ") }
}

fn heading(prose: &str) -> Option<&str> {
    Some(prose.strip_prefix("---- ")?.trim_end_matches('-').trim_end())
}

impl Example {
    pub(crate) fn read(text: &str) -> Result<Self, WrongForm> {
        let mut lines = text.lines().peekable();
        if lines.next() != Some("---") {
            return Err(WrongForm("does not begin with ---"));
        }
        let mut about = introduction(&mut lines);
        let (title, rest) = about
            .first()
            .and_then(|first| first.split_once(". "))
            .ok_or(WrongForm("does not begin with a sentence about the file"))?;
        let (file, subject) = title.split_once(": ").ok_or(WrongForm("does not begin with the file's name"))?;
        let (file, subject, rest) = (file.to_owned(), subject.to_owned(), rest.to_owned());
        about[0] = rest;
        Ok(Self { file, subject, about, parts: parts(lines)? })
    }
}

/// The paragraphs before the first empty line.
fn introduction(lines: &mut Peekable<Lines<'_>>) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    while let Some(line) = lines.next_if(|line| !line.is_empty() && setting(line).is_none()) {
        match prose(line).unwrap_or(line) {
            "" => paragraphs.push(String::new()),
            text => append(paragraphs.last_mut().expect("there is always one"), text),
        }
    }
    paragraphs
}

fn parts(mut lines: Peekable<Lines<'_>>) -> Result<Vec<Part>, WrongForm> {
    let mut parts = Vec::new();
    let mut text = String::new();
    while let Some(line) = lines.next() {
        if let Some(first) = setting(line) {
            let mut settings = vec![first.to_owned()];
            while let Some(next) = lines.next_if(|line| setting(line).is_some()) {
                settings.push(setting(next).expect("just seen").to_owned());
            }
            if text.is_empty() {
                return Err(WrongForm("has a setting without a description"));
            }
            parts.push(Part::Settings { lines: settings, text: std::mem::take(&mut text) });
            continue;
        }
        let said = prose(line).unwrap_or(line);
        if let Some(heading) = heading(said) {
            parts.push(Part::Heading(heading.to_owned()));
        } else if said.is_empty() && !text.is_empty() {
            parts.push(Part::Paragraph(std::mem::take(&mut text)));
        } else if !said.is_empty() {
            append(&mut text, said);
        }
    }
    if !text.is_empty() {
        parts.push(Part::Paragraph(text));
    }
    Ok(parts)
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "\
---
# some.yml: what it is about. It belongs
# in settings.d.
#
# More of it.

# ---- First ------
# About the keys: two.
#a: 1
b: '2'
# About c.
#c: [x]

# ---- Second -----
# No key here.

# About d.
#d: 4
";

    #[test]
    fn headings_prose_and_settings_are_told_apart() {
        let settings = |lines: &[&str], text: &str| Part::Settings {
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
            text: text.to_owned(),
        };
        let example = Example::read(EXAMPLE).expect("an example");
        assert_eq!((example.file.as_str(), example.subject.as_str()), ("some.yml", "what it is about"));
        assert_eq!(example.about, ["It belongs in settings.d.", "More of it."]);
        assert_eq!(
            example.parts,
            [
                Part::Heading("First".to_owned()),
                settings(&["a: 1", "b: '2'"], "About the keys: two."),
                settings(&["c: [x]"], "About c."),
                Part::Heading("Second".to_owned()),
                Part::Paragraph("No key here.".to_owned()),
                settings(&["d: 4"], "About d."),
            ]
        );
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        for text in ["", "# a.yml: x. y\n", "---\n# no name here\n", "---\n# a.yml: x. y\n\n#a: 1\n"] {
            assert!(Example::read(text).is_err(), "{text:?}");
        }
    }
}
