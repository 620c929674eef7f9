//! Changing single keys in a settings file that a person wrote: all other lines stay as they are.
//!
//! The file is changed line by line, and then read again: when anything else than the wanted keys has changed, as with
//! notations that this module does not know, the change is refused.

use serde_json::Value;

/// The text with the key set to this value, or commented out.
pub(super) fn with(text: &str, key: &str, value: Option<&Value>) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut result: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let found = lines.iter().position(|line| is_of(line, key));
    match (found, value) {
        (Some(start), Some(value)) => {
            // Foreman's own spelling stays.
            let colon = if lines[start].starts_with(':') { ":" } else { "" };
            let entry = format!("{colon}{key}: {}", inline(value));
            result.splice(start..end_of(&lines, start), [entry]);
        }
        (Some(start), None) => {
            for line in &mut result[start..end_of(&lines, start)] {
                *line = format!("#{line}");
            }
        }
        (None, Some(value)) => {
            // Beside its description, where the file has one.
            let commented = lines.iter().rposition(|line| line.strip_prefix('#').is_some_and(|line| is_of(line, key)));
            result.insert(commented.map_or(lines.len(), |index| index + 1), format!("{key}: {}", inline(value)));
        }
        (None, None) => {}
    }
    result.iter().map(|line| format!("{line}\n")).collect()
}

/// Does the line begin the entry of this key, with or without Foreman's colon?
fn is_of(line: &str, key: &str) -> bool {
    let rest = line.strip_prefix(':').unwrap_or(line).strip_prefix(key);
    let value = rest.and_then(|rest| rest.trim_start().strip_prefix(':'));
    value.is_some_and(|value| value.is_empty() || value.starts_with(char::is_whitespace))
}

/// The line behind the entry that begins at `start`: lines that are indented, or items of a list, belong to it.
fn end_of(lines: &[&str], start: usize) -> usize {
    let belongs = |line: &str| {
        let is_item = line == "-" || line.starts_with("- ");
        !line.trim().is_empty() && (line.starts_with([' ', '\t']) || is_item)
    };
    let mut end = start + 1;
    for (index, line) in lines.iter().enumerate().skip(start + 1) {
        if belongs(line) {
            end = index + 1;
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            break;
        }
    }
    end
}

/// A value on one line.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), inline(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// In quotes always, so that nothing is taken for a number.
fn quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        // JSON's escapes are YAML's.
        return Value::from(text).to_string();
    }
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::settings::keys_of;

    #[test]
    fn a_key_is_changed_where_it_stands_and_all_else_stays() {
        let text = "# mine\n:https_port: 8443 # why\n\nhttps_ports: 1\nlog_level: INFO\n";
        let changed = with(text, "https_port", Some(&json!(8009)));
        assert_eq!(changed, "# mine\n:https_port: 8009\n\nhttps_ports: 1\nlog_level: INFO\n");
    }

    #[test]
    fn all_lines_of_a_value_are_replaced() {
        let text = "trusted_hosts:\n  - a\n# old\n  - b\n\n# next\nlog_level: INFO\n";
        assert_eq!(
            with(text, "trusted_hosts", Some(&json!(["c"]))),
            "trusted_hosts: ['c']\n\n# next\nlog_level: INFO\n"
        );
        let unindented = "trusted_hosts:\n- a\n- b\n---\n";
        assert_eq!(with(unindented, "trusted_hosts", Some(&json!([]))), "trusted_hosts: []\n---\n");
    }

    #[test]
    fn a_new_key_goes_beside_its_description_or_to_the_end() {
        let text = "# The port. Default: 8443.\n#https_port: 8443\n\nlog_level: INFO";
        assert_eq!(
            with(text, "https_port", Some(&json!(8009))),
            "# The port. Default: 8443.\n#https_port: 8443\nhttps_port: 8009\n\nlog_level: INFO\n"
        );
        assert_eq!(with("a: 1\n", "b", Some(&json!(true))), "a: 1\nb: true\n");
        assert_eq!(with("", "b", Some(&json!("x"))), "b: 'x'\n");
    }

    #[test]
    fn a_key_that_is_taken_away_stays_as_a_comment() {
        assert_eq!(with("a: 1\nb:\n  - 2\nc: 3\n", "b", None), "a: 1\n#b:\n#  - 2\nc: 3\n");
        assert_eq!(with("a: 1\n", "b", None), "a: 1\n");
    }

    #[test]
    fn values_are_written_so_that_they_are_read_again() {
        assert_eq!(inline(&json!("it's")), "'it''s'");
        assert_eq!(inline(&json!("0123")), "'0123'");
        assert_eq!(inline(&json!({"a b": [1, true, null]})), "{'a b': [1, true, null]}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_it_was_written(value in "\\PC{0,30}|[a-z:#'\"{}\\[\\]*&!|>%@,?~ \\n\\t-]{0,30}") {
            let text = with("before: 1\n", "key", Some(&json!(value)));
            let keys = keys_of("file", &text).expect("YAML");
            prop_assert_eq!(&keys["key"], &json!(value));
            prop_assert_eq!(keys.len(), 2);
        }
    }
}
