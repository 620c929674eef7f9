//! The filters of v2: `name:'x'`, `address:ge('192.0.2.1')`, `state:in('A', 'B')`, joined with `and` and `or`.
//!
//! Texts stand in single or double quotes. The guide knows no way to write the quote itself within them, nor a backslash.

use std::net::IpAddr;

use serde_json::Value;

use super::net::Net;

/// A filter: one of these lists of predicates must hold as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter(Vec<Vec<Predicate>>);

#[derive(Debug, Clone)]
struct Predicate {
    field: String,
    operator: String,
    values: Vec<String>,
}

impl Filter {
    /// Reads a filter whose fields are among these; the error says what is wrong.
    pub(super) fn parse(text: &str, fields: &[&str]) -> Result<Self, String> {
        let mut rest = text.trim_start();
        let mut all = vec![Vec::new()];
        loop {
            let (predicate, after) = predicate(rest)?;
            if !fields.contains(&predicate.field.as_str()) {
                return Err(format!("unsupported field {}; supported are {}", predicate.field, fields.join(", ")));
            }
            all.last_mut().expect("there is one").push(predicate);
            rest = after.trim_start();
            if rest.is_empty() {
                return Ok(Self(all));
            }
            match (rest.strip_prefix("and "), rest.strip_prefix("or ")) {
                (Some(after), _) => rest = after.trim_start(),
                (_, Some(after)) => {
                    all.push(Vec::new());
                    rest = after.trim_start();
                }
                _ => return Err(format!("'and' or 'or' expected at: {rest}")),
            }
        }
    }

    /// Does the row pass?
    pub(super) fn passes(&self, row: &Value, compares_text: bool) -> bool {
        let holds = |predicate: &Predicate| predicate.holds(row, compares_text);
        self.0.is_empty() || self.0.iter().any(|all| all.iter().all(holds))
    }

    /// Is this asked for in every case?
    pub(super) fn demands(&self, field: &str, value: &str) -> bool {
        let is_it = |known: &Predicate| {
            known.field == field && known.operator == "eq" && known.values.first().is_some_and(|known| known == value)
        };
        !self.0.is_empty() && self.0.iter().all(|all| all.iter().any(is_it))
    }

    /// The address below which none passes, where there is one alternative and it says so.
    pub(super) fn lowest_address(&self) -> Option<IpAddr> {
        let [all] = &self.0[..] else { return None };
        let bounds = all
            .iter()
            .filter(|known| known.field == "address" && matches!(known.operator.as_str(), "ge" | "gt" | "eq"));
        bounds.filter_map(|known| known.values.first()?.parse().ok()).max()
    }
}

impl Predicate {
    fn holds(&self, row: &Value, compares_text: bool) -> bool {
        let Some(found) = self.field.split('.').try_fold(row, |at, key| at.get(key)) else { return false };
        let found = match found {
            Value::String(text) => text.clone(),
            Value::Null => return false,
            other => other.to_string(),
        };
        if matches!(self.field.as_str(), "address" | "range") && !compares_text {
            return self.holds_for_numbers(&found);
        }
        let is = |value: &String| match self.field.as_str() {
            "address" | "range" => found == *value,
            _ => found.to_lowercase() == value.to_lowercase(),
        };
        if self.field == "id" {
            let bound = self.values.first().and_then(|value| value.parse::<u64>().ok());
            let (Ok(found), Some(bound)) = (found.parse::<u64>(), bound) else { return false };
            match self.operator.as_str() {
                "gt" => return found > bound,
                "ge" => return found >= bound,
                _ => {}
            }
        }
        match self.operator.as_str() {
            "eq" | "in" => self.values.iter().any(is),
            "ne" => !self.values.iter().any(is),
            "contains" => self.values.iter().all(|value| found.contains(value.as_str())),
            "startsWith" => self.values.iter().all(|value| found.starts_with(value.as_str())),
            "endsWith" => self.values.iter().all(|value| found.ends_with(value.as_str())),
            _ => self.holds_for_numbers(&found),
        }
    }

    fn holds_for_numbers(&self, found: &str) -> bool {
        if self.field == "range" {
            let Some(found) = Net::parse(found) else { return false };
            return self.values.iter().any(|value| match (self.operator.as_str(), value.parse::<IpAddr>()) {
                ("contains", Ok(address)) => found.contains(address),
                _ => Net::parse(value) == Some(found),
            });
        }
        let Ok(found) = found.parse::<IpAddr>() else { return false };
        let values: Vec<IpAddr> = self.values.iter().filter_map(|value| value.parse().ok()).collect();
        let Some(first) = values.first().copied() else { return false };
        match self.operator.as_str() {
            "eq" | "in" => values.contains(&found),
            "ne" => !values.contains(&found),
            "gt" => found > first,
            "ge" => found >= first,
            "lt" => found < first,
            "le" => found <= first,
            _ => false,
        }
    }
}

/// A predicate at the beginning of a text, and what follows it.
fn predicate(text: &str) -> Result<(Predicate, &str), String> {
    let (field, rest) = text.split_once(':').ok_or_else(|| format!("a field expected at: {text}"))?;
    let field = field.trim().to_owned();
    if field.is_empty() || !field.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') {
        return Err(format!("{field} is no field"));
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    const OPERATORS: [&str; 10] = ["eq", "ne", "ge", "gt", "le", "lt", "contains", "startsWith", "endsWith", "in"];
    let Some(mut after) = after.strip_prefix('(').filter(|_| OPERATORS.contains(&word)) else {
        let (value, after) = value(rest)?;
        return Ok((Predicate { field, operator: "eq".to_owned(), values: vec![value] }, after));
    };
    let mut values = Vec::new();
    loop {
        let (read, rest) = value(after.trim_start())?;
        values.push(read);
        let rest = rest.trim_start();
        match (rest.strip_prefix(','), rest.strip_prefix(')')) {
            (Some(rest), _) => after = rest,
            (_, Some(rest)) => return Ok((Predicate { field, operator: word.to_owned(), values }, rest)),
            _ => return Err(format!("')' expected at: {rest}")),
        }
    }
}

fn value(text: &str) -> Result<(String, &str), String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    if let Some(quote) = quote {
        let (value, after) = text[1..].split_once(quote).ok_or("a text does not end")?;
        if value.contains('\\') {
            return Err("a backslash in a text".to_owned());
        }
        return Ok((value.to_owned(), after));
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    if end == 0 {
        return Err(format!("a value expected at: {text}"));
    }
    Ok((text[..end].to_owned(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_guides_examples_are_read() {
        let row = json!({
            "name": "O'Brien", "state": "RESERVED", "address": "192.168.0.10", "range": "10.0.0.0/24",
            "configuration": {"id": 5, "name": "config-2"},
        });
        let fields = ["name", "state", "address", "range", "configuration.id", "configuration.name"];
        for (text, passes) in [
            (r#"name:"O'Brien""#, true),
            ("name:'O' or name:'B'", false),
            ("address:ge('192.168.0.0') and address:le('192.168.0.255')", true),
            (r#"address:gt("192.168.0.10")"#, false),
            ("configuration.name:in('config-2', 'config-3')", true),
            ("configuration.id:eq(5) and state:'RESERVED'", true),
            ("configuration.id:6", false),
            ("range:contains(\"10.0.0.5\")", true),
            ("range:'10.0.0.0/24'", true),
            ("range:'10.0.0.0/25'", false),
        ] {
            let filter = Filter::parse(text, &fields).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.passes(&row, false), passes, "{text}");
        }
        for wrong in ["name", "name:'x", "name:'a' xor name:'b'", "vlan:'1'", "name:'a\\'b'", "name:eq('a'"] {
            assert!(Filter::parse(wrong, &fields).is_err(), "{wrong}");
        }
    }
}
