//! What spreadsheets make of a CSV file: a byte order mark, semicolons or tabs between the cells, blanks behind them.

use std::fmt;
use std::io::{self, Chain, Cursor, Read};

/// The first line is looked for in so many bytes.
const HEAD: usize = 4096;

/// What a text begins with that says that it is UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The same of UTF-16, which cannot be read here.
const OF_UTF16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// What stands between the cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delimiter {
    Comma,
    Semicolon,
    Tab,
}

impl Delimiter {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }

    /// The one that the first line has most often outside of quotation marks.
    fn of(line: &[u8]) -> Self {
        let count = |delimiter: &Self| {
            let mut is_quoted = false;
            let is_one = |byte: &&u8| {
                is_quoted ^= **byte == b'"';
                !is_quoted && **byte == delimiter.byte()
            };
            line.iter().filter(is_one).count()
        };
        let (comma, others) = (Self::Comma, [Self::Semicolon, Self::Tab]);
        others.into_iter().fold(comma, |best, other| if count(&other) > count(&best) { other } else { best })
    }
}

/// As messages name it.
impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comma => "commas",
            Self::Semicolon => "semicolons",
            Self::Tab => "tabs",
        })
    }
}

/// The text of a file without byte order mark and without the blanks that begin a cell outside of quotation marks.
#[derive(Debug)]
pub(super) struct Text<R> {
    from: Chain<Cursor<Vec<u8>>, R>,
    delimiter: u8,
    at: At,
}

/// Where in a cell the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nothing of the cell was there yet but blanks.
    Beginning,
    /// In a cell without quotation marks, or behind the second one.
    Bare,
    Quoted,
    /// Behind a quotation mark in a quoted cell: the end, or one half of a doubled one.
    Quote,
}

/// Looks at the beginning of a file: its delimiter, and the text from there on; `None` for UTF-16.
pub(super) fn open<R: Read>(mut from: R) -> io::Result<Option<(Delimiter, Text<R>)>> {
    let mut head = Vec::new();
    from.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    if OF_UTF16.iter().any(|mark| head.starts_with(mark)) {
        return Ok(None);
    }
    if head.starts_with(BYTE_ORDER_MARK) {
        head.drain(..BYTE_ORDER_MARK.len());
    }
    let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let delimiter = Delimiter::of(line);
    let from = Cursor::new(head).chain(from);
    Ok(Some((delimiter, Text { from, delimiter: delimiter.byte(), at: At::Beginning })))
}

impl<R> Text<R> {
    /// Is this byte a part of the text?
    fn takes(&mut self, byte: u8) -> bool {
        if self.at == At::Beginning && byte == b' ' {
            return false;
        }
        self.at = match (self.at, byte) {
            (At::Beginning | At::Quote, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) => At::Quoted,
            (_, b'\n' | b'\r') => At::Beginning,
            (_, byte) if byte == self.delimiter => At::Beginning,
            _ => At::Bare,
        };
        true
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.from.read(buffer)?;
            let mut kept = 0;
            for position in 0..length {
                let byte = buffer[position];
                if self.takes(byte) {
                    buffer[kept] = byte;
                    kept += 1;
                }
            }
            // Nothing but blanks is not the end.
            if kept > 0 || length == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Delimiter, String) {
        let (delimiter, mut from) = open(text.as_bytes()).expect("readable").expect("UTF-8");
        let mut read = String::new();
        from.read_to_string(&mut read).expect("text");
        (delimiter, read)
    }

    #[test]
    fn the_first_line_shows_the_delimiter() {
        for (text, delimiter) in [
            ("", Delimiter::Comma),
            ("kind\ngroup;a\n", Delimiter::Comma),
            ("kind,group\n;;;;;\n", Delimiter::Comma),
            ("kind;group\n", Delimiter::Semicolon),
            ("\"a,b,c\";kind;group\n", Delimiter::Semicolon),
            ("kind\tgroup\r\n", Delimiter::Tab),
        ] {
            assert_eq!(read(text).0, delimiter, "{text:?}");
        }
    }

    #[test]
    fn marks_and_blanks_at_the_beginning_of_cells_are_left_out() {
        for (text, right) in [
            ("\u{feff}kind, group\n", "kind,group\n"),
            ("  a,  b\n  c", "a,b\nc"),
            ("a,\" b \"\" , c\", d e", "a,\" b \"\" , c\",d e"),
            ("a, \"b, c\"\n", "a,\"b, c\"\n"),
            ("a\"b, c\n", "a\"b,c\n"),
            ("\"\", \"\"\"\", a\n", "\"\",\"\"\"\",a\n"),
            ("\"two\n lines\", a\n", "\"two\n lines\",a\n"),
            ("    ", ""),
        ] {
            assert_eq!(read(text).1, right, "{text:?}");
        }
        let long = format!("{}\n{}", "a".repeat(HEAD + 10), " b, ".repeat(5000));
        assert_eq!(read(&long).1, format!("{}\n{}", "a".repeat(HEAD + 10), "b,".repeat(5000)));
    }

    #[test]
    fn utf16_is_noticed() {
        assert!(open(&b"\xff\xfek\0i\0"[..]).expect("readable").is_none());
        assert!(open(&b"\xfe\xff\0k\0i"[..]).expect("readable").is_none());
    }
}
