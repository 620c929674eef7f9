//! SWQL, as far as queries of IPAM gateways use it: one entity, conditions, order, a number of rows. What is not known here
//! is refused, as the server refuses what it cannot parse.

/// A query.
#[derive(Debug)]
pub(super) struct Select {
    pub(super) top: Option<usize>,
    pub(super) columns: Vec<Column>,
    pub(super) entity: String,
    pub(super) filter: Option<Condition>,
    /// Columns, each with whether the highest comes first.
    pub(super) order: Vec<(Vec<String>, bool)>,
    /// `WITH ROWS first TO last`, counted from 1.
    pub(super) rows: Option<(usize, usize)>,
    pub(super) with_total: bool,
}

/// A column of the answer.
#[derive(Debug)]
pub(super) struct Column {
    /// Without the entity's alias, in lower case: `["subnet", "friendlyname"]`.
    pub(super) path: Vec<String>,
    /// As the query spells it.
    pub(super) name: String,
}

#[derive(Debug)]
pub(super) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Vec<String>, Comparison, Operand),
    In(Vec<String>, Vec<Operand>),
    Between(Vec<String>, Operand, Operand),
    IsNull(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
pub(super) enum Operand {
    Number(i64),
    Text(String),
    /// Without the `@`.
    Parameter(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A keyword, or names with dots between them.
    Word(String),
    Number(i64),
    Text(String),
    Parameter(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 11] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", "*"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let name_end = |text: &str| {
            text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(text.len())
        };
        let length = if let Some(parameter) = rest.strip_prefix('@') {
            let end = name_end(parameter);
            tokens.push(Token::Parameter(parameter[..end].to_owned()));
            end + 1
        } else if first == '\'' {
            let (value, length) = quoted(rest)?;
            tokens.push(Token::Text(value));
            length
        } else if first.is_ascii_digit() || first == '-' {
            let end = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
            tokens.push(Token::Number(rest[..end].parse().map_err(|_| format!("no number: {rest}"))?));
            end
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = name_end(rest);
            tokens.push(Token::Word(rest[..end].to_owned()));
            end
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            tokens.push(Token::Symbol(symbol));
            symbol.len()
        } else {
            return Err(format!("no viable alternative at character '{first}'"));
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// A text in quotes, in which a quote is doubled, and how long it is with them.
fn quoted(text: &str) -> Result<(String, usize), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match (character, characters.peek()) {
            ('\'', Some((_, '\''))) => {
                characters.next();
                value.push('\'');
            }
            ('\'', _) => return Ok((value, at + 1)),
            _ => value.push(character),
        }
    }
    Err("a text has no end".to_owned())
}

/// Reads a query.
///
/// # Errors
/// What the server's parser could say of it.
pub(super) fn parse(text: &str) -> Result<Select, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, alias: None };
    let select = parser.select()?;
    match parser.tokens.get(parser.at) {
        None => Ok(select),
        Some(token) => Err(format!("extraneous input {token:?}")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    alias: Option<String>,
}

impl Parser {
    fn is_word(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.accept(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self, wanted: &str) -> String {
        format!("mismatched input {:?} expecting {wanted}", self.tokens.get(self.at))
    }

    fn number(&mut self) -> Result<usize, String> {
        let Some(Token::Number(number)) = self.tokens.get(self.at) else { return Err(self.unexpected("a number")) };
        self.at += 1;
        usize::try_from(*number).map_err(|_| "a negative number".to_owned())
    }

    fn name(&mut self) -> Result<String, String> {
        let Some(Token::Word(name)) = self.tokens.get(self.at) else { return Err(self.unexpected("a name")) };
        self.at += 1;
        Ok(name.clone())
    }

    fn select(&mut self) -> Result<Select, String> {
        self.expect("SELECT")?;
        let top = if self.accept("TOP") { Some(self.number()?) } else { None };
        // The alias is known only when the columns have been passed.
        let mut named = Vec::new();
        loop {
            let path = self.name()?;
            let name = if self.accept("AS") { self.name()? } else { last(&path).to_owned() };
            named.push((path, name));
            if !self.symbol(",") {
                break;
            }
        }
        self.expect("FROM")?;
        let entity = self.name()?;
        let is_keyword = ["WHERE", "ORDER", "WITH"].iter().any(|word| self.is_word(word));
        if !is_keyword && matches!(self.tokens.get(self.at), Some(Token::Word(_))) {
            self.accept("AS");
            self.alias = Some(self.name()?);
        }
        let columns = named.into_iter().map(|(path, name)| Column { path: self.path(&path), name }).collect();
        let filter = if self.accept("WHERE") { Some(self.any()?) } else { None };
        let order = if self.accept("ORDER") { self.order()? } else { Vec::new() };
        let (mut rows, mut with_total) = (None, false);
        while self.accept("WITH") {
            if self.accept("TOTALROWS") {
                with_total = true;
                continue;
            }
            self.expect("ROWS")?;
            let first = self.number()?;
            self.expect("TO")?;
            rows = Some((first, self.number()?));
        }
        Ok(Select { top, columns, entity, filter, order, rows, with_total })
    }

    /// The steps from a row to a value.
    fn path(&self, text: &str) -> Vec<String> {
        let mut steps: Vec<String> = text.split('.').map(str::to_ascii_lowercase).collect();
        let is_alias = self.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(&steps[0]));
        if is_alias && steps.len() > 1 {
            steps.remove(0);
        }
        steps
    }

    fn order(&mut self) -> Result<Vec<(Vec<String>, bool)>, String> {
        self.expect("BY")?;
        let mut order = Vec::new();
        loop {
            let path = self.name()?;
            let path = self.path(&path);
            let descending = self.accept("DESC");
            if !descending {
                self.accept("ASC");
            }
            order.push((path, descending));
            if !self.symbol(",") {
                return Ok(order);
            }
        }
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut condition = self.all()?;
        while self.accept("OR") {
            condition = Condition::Or(Box::new(condition), Box::new(self.all()?));
        }
        Ok(condition)
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut condition = self.one()?;
        while self.accept("AND") {
            condition = Condition::And(Box::new(condition), Box::new(self.one()?));
        }
        Ok(condition)
    }

    fn one(&mut self) -> Result<Condition, String> {
        if self.accept("NOT") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self.symbol("(") {
            let condition = self.any()?;
            return if self.symbol(")") { Ok(condition) } else { Err(self.unexpected(")")) };
        }
        let path = self.name()?;
        let path = self.path(&path);
        if self.accept("IS") {
            let is_not = self.accept("NOT");
            self.expect("NULL")?;
            let condition = Condition::IsNull(path);
            return Ok(if is_not { Condition::Not(Box::new(condition)) } else { condition });
        }
        if self.accept("BETWEEN") {
            let low = self.operand()?;
            self.expect("AND")?;
            return Ok(Condition::Between(path, low, self.operand()?));
        }
        let is_not = self.accept("NOT");
        if self.accept("IN") {
            let condition = Condition::In(path, self.operands()?);
            return Ok(if is_not { Condition::Not(Box::new(condition)) } else { condition });
        }
        let known = [
            ("=", Comparison::Equal),
            ("<>", Comparison::NotEqual),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (symbol, comparison) in known {
            if self.symbol(symbol) {
                return Ok(Condition::Compare(path, comparison, self.operand()?));
            }
        }
        Err(self.unexpected("a comparison"))
    }

    fn operands(&mut self) -> Result<Vec<Operand>, String> {
        if !self.symbol("(") {
            return Err(self.unexpected("("));
        }
        let mut operands = vec![self.operand()?];
        while self.symbol(",") {
            operands.push(self.operand()?);
        }
        if self.symbol(")") { Ok(operands) } else { Err(self.unexpected(")")) }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let operand = match self.tokens.get(self.at) {
            Some(Token::Number(number)) => Operand::Number(*number),
            Some(Token::Text(text)) => Operand::Text(text.clone()),
            Some(Token::Parameter(name)) => Operand::Parameter(name.clone()),
            _ => return Err(self.unexpected("a value")),
        };
        self.at += 1;
        Ok(operand)
    }
}

/// The last name of a path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_it_is_meant() {
        let text = "SELECT TOP 3 N.IPAddress, N.Subnet.FriendlyName AS Place FROM IPAM.IPNode N WHERE (N.Status <> 2 OR \
                    Alias = 'it''s') AND SubnetId = @sid AND IPOrdinal BETWEEN 1 AND 9 AND NOT MAC IS NULL \
                    ORDER BY IPOrdinal DESC WITH ROWS 1 TO 5 WITH TOTALROWS";
        let select = parse(text).expect("a query");
        assert_eq!((select.top, select.rows, select.with_total), (Some(3), Some((1, 5)), true));
        assert_eq!(select.entity, "IPAM.IPNode");
        let names: Vec<_> = select.columns.iter().map(|column| (column.path.join("."), &*column.name)).collect();
        assert_eq!(names, [("ipaddress".to_owned(), "IPAddress"), ("subnet.friendlyname".to_owned(), "Place")]);
        assert_eq!(select.order, [(vec!["ipordinal".to_owned()], true)]);
        assert!(format!("{:?}", select.filter).contains(r#"Text("it's")"#), "{:?}", select.filter);
    }

    #[test]
    fn what_cannot_be_parsed_is_refused() {
        for text in [
            "",
            "DELETE FROM IPAM.IPNode",
            "SELECT * FROM IPAM.IPNode",
            "SELECT x FROM IPAM.IPNode WHERE a LIKE 'b%'",
            "SELECT x FROM IPAM.IPNode WHERE a = 'b",
            "SELECT x FROM IPAM.IPNode WHERE a = 'b' OR 'x' = 'x'",
            "SELECT x FROM IPAM.IPNode; DROP",
            "SELECT x FROM IPAM.IPNode WHERE a = \"b\"",
            "SELECT x FROM IPAM.IPNode ORDER IPAddress",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
