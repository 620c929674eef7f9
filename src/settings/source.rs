//! Reads one file of settings, and what the environment overrides in it, into a [`Section`].
//!
//! The `config` crate parses the YAML and lays the environment over the file. Defaults are not a layer there: they
//! belong to the typed structs, because an empty value in a file means "the default" too.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as StdError;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use config::{Config, ConfigError, FileFormat, Format, Map, Value, ValueKind};
use ipam_provider::settings::{Problem, Section, Setting};
use serde_json::Value as Json;
use yaml_rust2::parser::{Event, Parser};

use super::environment::{Environment, Override};

/// Far more than any site needs.
const BYTES_AT_MOST: u64 = 1 << 20;

/// Lists in lists and mappings; settings have three.
const DEPTH_AT_MOST: usize = 32;

/// The name under which a layer keeps its keys; see [`Layer`].
const ROOT: &str = "section";

/// The keys of `file`, with what the environment overrides in them. A file that does not exist is empty.
///
/// # Errors
/// The faults of the file itself: it cannot be read, is not UTF-8, is not YAML, or says a thing twice.
pub(super) fn read(file: &Path, environment: &Environment, stem: Option<&str>) -> Result<Section, Vec<Problem>> {
    let name = file.display().to_string();
    let written = match text(file)? {
        Some(text) => parse(&name, &text)?,
        None => Map::new(),
    };
    Ok(Section::new(name, layered(written, environment.overrides(stem))))
}

/// As [`read`] of `settings.yml`, but a file that is at fault says nothing, and only the environment counts.
pub(super) fn read_what_can_be(file: &Path, environment: &Environment) -> Section {
    let name = file.display().to_string();
    let written = text(file).and_then(|text| parse(&name, &text.unwrap_or_default())).unwrap_or_default();
    Section::new(name, layered(written, environment.overrides(None)))
}

/// The keys and values of a settings file's text, without the colons of Foreman's files. `name` is for faults.
///
/// # Errors
/// As [`read`].
pub(super) fn keys(name: &str, text: &str) -> Result<BTreeMap<String, Json>, Vec<Problem>> {
    Ok(parse(name, text)?.into_iter().map(|(key, value)| (key, json(value))).collect())
}

/// Settings files in `directory` that everybody on the machine may read, although they hold passwords.
pub(super) fn readable_by_others(directory: &Path) -> Vec<Problem> {
    // A directory that cannot be listed has no file that could be read, and reading says so.
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let provider_files = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name == "foreman_names.yml" || name.starts_with("externalipam_") && name.ends_with(".yml")
    });
    let exposed = provider_files.filter(|entry| {
        // Through symbolic links, unlike the entry's own metadata.
        fs::metadata(entry.path()).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o004 != 0)
    });
    let warning = |entry: fs::DirEntry| Problem {
        file: entry.path().display().to_string(),
        key: None,
        what: "can be read by everybody on this machine and may hold secrets".to_owned(),
        right: "take that right away with chmod o-r".to_owned(),
    };
    exposed.map(warning).collect()
}

/// The text of a file, `None` when there is no such file.
fn text(file: &Path) -> Result<Option<String>, Vec<Problem>> {
    let fault = |what: String, right: &str| {
        vec![Problem { file: file.display().to_string(), key: None, what, right: right.to_owned() }]
    };
    let bytes = match read_at_most(file, BYTES_AT_MOST) {
        Ok(None) => return Err(vec![too_large(&file.display().to_string())]),
        Ok(Some(bytes)) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // A link to nothing was meant to be a file: to go on with defaults would be a surprise.
            if fs::symlink_metadata(file).is_ok() {
                return Err(fault("is a link to nothing".to_owned(), "mend the link, or remove it"));
            }
            return Ok(None);
        }
        Err(error) if error.kind() == ErrorKind::IsADirectory => {
            return Err(fault("is a directory".to_owned(), "put a YAML file in its place"));
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(fault("may not be read".to_owned(), "let the user that the service runs as read it"));
        }
        Err(error) => return Err(fault(format!("cannot be read ({})", error.kind()), "put a YAML file in its place")),
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(fault(format!("is not UTF-8 in line {line}"), "save the file as UTF-8"))
        }
    }
}

/// The content of a file, `None` when it is longer than that.
fn read_at_most(file: &Path, bytes_at_most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let length = File::open(file)?.take(bytes_at_most + 1).read_to_end(&mut bytes)?;
    Ok((length as u64 <= bytes_at_most).then_some(bytes))
}

fn too_large(name: &str) -> Problem {
    Problem {
        file: name.to_owned(),
        key: None,
        what: "is too large for settings, or nested too deeply".to_owned(),
        right: format!(
            "keep it below {} MiB and {DEPTH_AT_MOST} levels, with each alias (*name) replaced by what it stands for",
            BYTES_AT_MOST >> 20
        ),
    }
}

/// Would the text be too large once its aliases are replaced by what they stand for? A few lines of aliases of aliases
/// stand for more than any machine can hold.
///
/// Text that is not YAML is not too large; the parser finds out.
fn is_too_large(text: &str) -> bool {
    let mut parser = Parser::new_from_str(text);
    let mut sizes: HashMap<usize, u64> = HashMap::new();
    // The collections that are open, each with its anchor (0 for none) and its size so far; first the whole text.
    let mut open = vec![(0, 0_u64)];
    while let Ok((event, _)) = parser.next_token() {
        let (anchor, size) = match event {
            Event::StreamEnd => return false,
            Event::Scalar(text, _, anchor, _) => (anchor, text.len() as u64 + 1),
            Event::Alias(anchor) => (0, sizes.get(&anchor).copied().unwrap_or(1)),
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, 1));
                if open.len() > DEPTH_AT_MOST {
                    return true;
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().unwrap_or_default(),
            Event::Nothing | Event::StreamStart | Event::DocumentStart | Event::DocumentEnd => continue,
        };
        if anchor > 0 {
            sizes.insert(anchor, size);
        }
        let Some((_, whole)) = open.last_mut() else { return false };
        *whole = whole.saturating_add(size);
        if *whole > BYTES_AT_MOST {
            return true;
        }
    }
    false
}

/// The keys of a YAML text, without the colon that Foreman's files have before each key.
fn parse(name: &str, text: &str) -> Result<Map<String, Value>, Vec<Problem>> {
    // Some editors put a byte order mark at the beginning.
    let text = text.trim_start_matches('\u{feff}');
    if is_too_large(text) {
        return Err(vec![too_large(name)]);
    }
    let written = match Format::parse(&FileFormat::Yaml, None, text) {
        Ok(written) => written,
        Err(error) if is_empty_document(&*error) => Map::new(),
        Err(error) => return Err(vec![fault_of(name, &*error)]),
    };
    let mut keys = Map::new();
    let mut problems = Vec::new();
    for (key, value) in written {
        let key = key.strip_prefix(':').map(str::to_owned).unwrap_or(key);
        if keys.insert(key.clone(), value).is_some() {
            problems.push(Problem {
                file: name.to_owned(),
                key: Some(key),
                what: "is there twice, with and without a leading colon".to_owned(),
                right: "keep one of the two".to_owned(),
            });
        }
    }
    if problems.is_empty() { Ok(keys) } else { Err(problems) }
}

/// Is it the error for a document in which everything is commented out? A file with `---` and comments is one.
fn is_empty_document(error: &(dyn StdError + Send + Sync + 'static)) -> bool {
    root_error(error).is_some_and(|found| found == "unit value")
}

/// What stands at the top level, when the error is that it is no mapping. Never shown: it repeats the value.
fn root_error(error: &(dyn StdError + Send + Sync + 'static)) -> Option<String> {
    match error.downcast_ref::<Box<ConfigError>>().map(Box::as_ref) {
        // The type of `unexpected` cannot be named outside of its crate.
        Some(ConfigError::Type { unexpected, .. }) => Some(unexpected.to_string()),
        _ => None,
    }
}

/// The fault that a parser's error stands for. Its message may repeat values, so only the position is taken from it.
fn fault_of(name: &str, error: &(dyn StdError + Send + Sync + 'static)) -> Problem {
    let message = error.to_string();
    let (what, right) = if let Some((what, line, column)) = position(&message) {
        if what.ends_with("duplicated key in mapping") {
            (format!("has a key twice, the second time about line {line}"), "keep one of the two")
        } else {
            (
                format!("is not YAML at line {line}, column {column}"),
                "write one `key: value` a line, without tabs, and quote text that has a special character in it",
            )
        }
    } else if root_error(error).is_some() {
        ("holds no settings".to_owned(), "write one `key: value` a line")
    } else {
        ("is not one document of keys and values".to_owned(), "write one `key: value` a line, and `---` at most once")
    };
    Problem { file: name.to_owned(), key: None, what, right: right.to_owned() }
}

/// Takes apart the message of a YAML error: `<what> at byte 7 line 2 column 3`.
fn position(message: &str) -> Option<(&str, u64, u64)> {
    let (what, position) = message.rsplit_once(" at byte ")?;
    let words: Vec<&str> = position.split(' ').collect();
    match words[..] {
        [_, "line", line, "column", column] => Some((what, line.parse().ok()?, column.parse().ok()?)),
        _ => None,
    }
}

/// Lays the environment over the file.
fn layered<'a>(
    written: Map<String, Value>,
    overrides: impl Iterator<Item = &'a Override>,
) -> BTreeMap<String, Setting> {
    let from_environment =
        |found: &Override| (found.key.clone(), Value::new(Some(&found.origin), ValueKind::String(found.value.clone())));
    let layers =
        Config::builder().add_source(Layer(written)).add_source(Layer(overrides.map(from_environment).collect()));
    let root = layers.build().expect("both layers are in memory and have no paths").cache.into_table();
    let root = root.expect("a configuration is a table").remove(ROOT);
    let keys = root.map(Value::into_table).transpose().expect("each layer has a table as its root").unwrap_or_default();
    keys.into_iter().map(|(key, value)| (key, setting(value))).collect()
}

/// The keys of one layer.
///
/// `config` takes the keys at the top as paths, so that `a.b` is `b` in `a`, but takes the keys below as they are.
/// Hence everything is put one level down.
#[derive(Clone)]
struct Layer(Map<String, Value>);

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(Map::from([(ROOT.to_owned(), self.0.clone().into())]))
    }
}

/// Without the values, which may be secrets.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layer").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}

fn setting(value: Value) -> Setting {
    let origin = value.origin().map(str::to_owned);
    Setting { value: json(value), origin }
}

fn json(value: Value) -> Json {
    match value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(flag) => flag.into(),
        ValueKind::I64(number) => number.into(),
        ValueKind::U64(number) => number.into(),
        // YAML gives neither; as text they are refused wherever a number is not.
        ValueKind::I128(number) => number.to_string().into(),
        ValueKind::U128(number) => number.to_string().into(),
        ValueKind::Float(number) => number.into(),
        ValueKind::String(text) => text.into(),
        ValueKind::Array(items) => items.into_iter().map(json).collect(),
        ValueKind::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_position_is_found_in_the_message_of_the_parser() {
        assert_eq!(position("it says 'a at byte 1' at byte 7 line 2 column 3"), Some(("it says 'a at byte 1'", 2, 3)));
        assert_eq!(position("something else"), None);
        assert_eq!(position("cut off at byte 7 line 2"), None);
    }

    #[test]
    fn aliases_of_aliases_are_not_replaced_and_depth_has_an_end() {
        let bomb = |levels: usize| {
            let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
            for level in 1..levels {
                let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
                text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
            }
            text
        };
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), ["*a"; 20].join(", "));
        let deep = format!("a: {}{}\n", "[".repeat(100), "]".repeat(100));
        let deep_blocks = format!("{}a\n", "- ".repeat(100_000));
        for text in [bomb(9), bomb(400), long, deep, deep_blocks] {
            let problems = parse("file", &text).expect_err("too large");
            assert!(problems[0].what.starts_with("is too large"), "{problems:?}");
        }
        assert!(parse("file", &bomb(3)).is_ok());
        assert!(parse("file", "a: &a {b: *a}\n").is_ok(), "a circle has an end for this parser");
        assert!(parse("file", &"[".repeat(100_000)).is_err());
        let endless = read_at_most(Path::new("/dev/zero"), BYTES_AT_MOST).expect("readable");
        assert_eq!(endless, None);
    }

    #[test]
    fn a_layer_does_not_show_its_values() {
        let layer = Layer(Map::from([("token".to_owned(), Value::from("geheim"))]));
        assert_eq!(format!("{layer:?}"), r#"Layer(["token"])"#);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_fault_shows_it(text in "[a-z:#'\"{}\\[\\]*&!|>%@,?~0-9. \\n\\t-]{0,80}") {
            let geheim = text.replace(|c: char| c.is_ascii_lowercase(), "Q");
            if let Err(problems) = parse("file", &geheim) {
                for problem in problems {
                    // Keys may be shown, as long as they are keys.
                    prop_assert!(problem.key.is_some() || !problem.to_string().contains('Q'), "{problem}");
                }
            }
        }
    }
}
