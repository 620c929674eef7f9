//! The part of SOLIDserver's `WHERE` that clients are seen to use: comparisons of a field with a text or a number, joined
//! by `and` and `or`.
//!
//! How the appliance reads a backslash inside of quotes, and whether it compares texts without regard to case, is not
//! recorded anywhere, so that both are a matter of the [`Dialect`].

use std::iter::Peekable;
use std::str::Chars;

/// How a `WHERE` is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialect {
    /// Does a backslash inside of quotes take the character after it as it is, as older PostgreSQL has it?
    pub backslash_escapes: bool,
    /// Does `=` ignore the case of letters?
    pub ignores_case: bool,
}

/// A `WHERE` that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `field operator value`.
    Compare {
        /// The field's name.
        field: String,
        /// `=`, `!=`, `<`, `<=`, `>`, `>=` or `like`.
        operator: String,
        /// What it is compared with.
        value: String,
    },
    /// Both hold.
    And(Box<Condition>, Box<Condition>),
    /// One of them holds.
    Or(Box<Condition>, Box<Condition>),
}

/// The condition that a text says.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str, dialect: Dialect) -> Result<Condition, String> {
    let tokens = tokens(text, dialect)?;
    let mut rest = tokens.as_slice();
    let condition = any_of(&mut rest)?;
    if rest.is_empty() { Ok(condition) } else { Err(format!("unexpected {:?}", rest[0])) }
}

impl Condition {
    /// Does it hold for a record with these fields?
    ///
    /// # Errors
    /// When there is no such field.
    pub fn holds(&self, dialect: Dialect, field: &dyn Fn(&str) -> Option<String>) -> Result<bool, String> {
        match self {
            Self::And(one, other) => Ok(one.holds(dialect, field)? && other.holds(dialect, field)?),
            Self::Or(one, other) => Ok(one.holds(dialect, field)? || other.holds(dialect, field)?),
            Self::Compare { field: name, operator, value } => {
                let found = field(name).ok_or_else(|| format!("no field {name}"))?;
                Ok(compare(&found, operator, value, dialect))
            }
        }
    }
}

fn compare(found: &str, operator: &str, value: &str, dialect: Dialect) -> bool {
    let folded = |text: &str| if dialect.ignores_case { text.to_lowercase() } else { text.to_owned() };
    let (found, value) = (folded(found), folded(value));
    let order = match (found.parse::<u128>(), value.parse::<u128>()) {
        (Ok(found), Ok(value)) => found.cmp(&value),
        _ => found.cmp(&value),
    };
    match operator {
        "=" => found == value,
        "!=" => found != value,
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => is_like(&found.chars().collect::<Vec<_>>(), &value.chars().collect::<Vec<_>>()),
    }
}

/// `%` is any text, `_` is any character.
fn is_like(text: &[char], pattern: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, _) => text.is_empty(),
        (Some(('%', rest)), _) => (0..=text.len()).any(|skipped| is_like(&text[skipped..], rest)),
        (Some(('_', rest)), Some((_, text))) => is_like(text, rest),
        (Some((wanted, rest)), Some((found, text))) => wanted == found && is_like(text, rest),
        (Some(_), None) => false,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Operator(String),
    /// A text in quotes, or a number.
    Value(String),
    Open,
    Close,
}

fn tokens(text: &str, dialect: Dialect) -> Result<Vec<Token>, String> {
    let mut rest = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(&next) = rest.peek() {
        let token = match next {
            blank if blank.is_whitespace() => {
                rest.next();
                continue;
            }
            '\'' => Token::Value(quoted(&mut rest, dialect)?),
            '(' | ')' => {
                rest.next();
                if next == '(' { Token::Open } else { Token::Close }
            }
            '=' | '!' | '<' | '>' => Token::Operator(run(&mut rest, |next| "=!<>".contains(next))),
            digit if digit.is_ascii_digit() => Token::Value(run(&mut rest, |next| next.is_ascii_digit())),
            letter if letter.is_ascii_alphabetic() => {
                Token::Word(run(&mut rest, |next| next.is_ascii_alphanumeric() || next == '_'))
            }
            other => return Err(format!("unexpected character {other:?}")),
        };
        tokens.push(token);
    }
    Ok(tokens)
}

fn run(rest: &mut Peekable<Chars<'_>>, belongs: impl Fn(char) -> bool) -> String {
    let mut run = String::new();
    while let Some(next) = rest.next_if(|next| belongs(*next)) {
        run.push(next);
    }
    run
}

/// A text in quotes; two quotes in it are one.
fn quoted(rest: &mut Peekable<Chars<'_>>, dialect: Dialect) -> Result<String, String> {
    rest.next();
    let mut text = String::new();
    loop {
        match rest.next().ok_or("a text without an end")? {
            '\'' if rest.next_if_eq(&'\'').is_some() => text.push('\''),
            '\'' => return Ok(text),
            '\\' if dialect.backslash_escapes => text.push(rest.next().ok_or("a text without an end")?),
            other => text.push(other),
        }
    }
}

fn any_of(rest: &mut &[Token]) -> Result<Condition, String> {
    let mut condition = all_of(rest)?;
    while is_word(rest, "or") {
        condition = Condition::Or(Box::new(condition), Box::new(all_of(rest)?));
    }
    Ok(condition)
}

fn all_of(rest: &mut &[Token]) -> Result<Condition, String> {
    let mut condition = one(rest)?;
    while is_word(rest, "and") {
        condition = Condition::And(Box::new(condition), Box::new(one(rest)?));
    }
    Ok(condition)
}

/// Is this word next? Then it is taken.
fn is_word(rest: &mut &[Token], word: &str) -> bool {
    match rest.split_first() {
        Some((Token::Word(next), after)) if next.eq_ignore_ascii_case(word) => {
            *rest = after;
            true
        }
        _ => false,
    }
}

fn one(rest: &mut &[Token]) -> Result<Condition, String> {
    if let [Token::Open, after @ ..] = rest {
        *rest = after;
        let condition = any_of(rest)?;
        let [Token::Close, after @ ..] = rest else { return Err("a bracket without an end".to_owned()) };
        *rest = after;
        return Ok(condition);
    }
    let (field, operator, value, after) = match rest {
        [Token::Word(field), Token::Operator(operator), Token::Value(value), after @ ..] => {
            (field, operator.clone(), value, after)
        }
        [Token::Word(field), Token::Word(like), Token::Value(value), after @ ..]
            if like.eq_ignore_ascii_case("like") =>
        {
            (field, "like".to_owned(), value, after)
        }
        _ => return Err(format!("no comparison: {:?}", rest.first())),
    };
    if !["=", "!=", "<", "<=", ">", ">=", "like"].contains(&operator.as_str()) {
        return Err(format!("no operator: {operator}"));
    }
    *rest = after;
    Ok(Condition::Compare { field: field.clone(), operator, value: value.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, dialect: Dialect) -> Result<bool, String> {
        let fields = |name: &str| match name {
            "site_name" => Some("R&D 'a'\\b".to_owned()),
            "site_id" => Some("12".to_owned()),
            _ => None,
        };
        parse(text, dialect)?.holds(dialect, &fields)
    }

    #[test]
    fn what_clients_send_is_understood() {
        let plain = Dialect::default();
        for (text, expected) in [
            ("site_id=12", true),
            ("site_id='12' and site_name='x'", false),
            ("site_name='R&D ''a''\\b' AND site_id = 12", true),
            ("site_name LIKE 'r%'", false),
            ("site_name like 'R_D%'", true),
            ("site_id != 12 or (site_id > 2 and site_id <= 12)", true),
        ] {
            assert_eq!(holds(text, plain), Ok(expected), "{text}");
        }
        for text in ["", "site_id", "site_id=", "site_id='12", "site_id=12 or", "nope=1", "site_id=12;", "(site_id=1"] {
            assert!(holds(text, plain).is_err(), "{text}");
        }
    }

    #[test]
    fn the_dialects_differ_in_backslashes_and_case() {
        let old = Dialect { backslash_escapes: true, ignores_case: true };
        assert_eq!(holds(r"site_name='r&d ''A''\\b'", old), Ok(true));
        assert_eq!(holds(r"site_name='R&D \'a\'\\b'", old), Ok(true));
        assert!(holds(r"site_name='x\'", old).is_err());
        assert_eq!(holds(r"site_name='x\'", Dialect::default()), Ok(false));
    }
}
