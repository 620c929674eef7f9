//! What one log line looks like: one record, one line, whatever the message holds.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::level::Level;

/// Longer messages are cut here, which bounds the memory of the log buffer and the size of a syslog datagram.
pub(crate) const CHARACTERS_AT_MOST: usize = 4_000;

/// Most messages are shorter.
const USUAL_LENGTH: usize = 128;

/// Stands in place of the id outside of requests, so that a line always has the same columns.
const NO_REQUEST: &str = "--------";

/// The name under which syslog files our lines.
const PROGRAM: &str = "foreman-ipam-proxy";

/// How the destination wants its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `2026-11-20T17:49:08 0a1b2c3d [I] message`, local time: files and standard output.
    Full,
    /// `<6>0a1b2c3d message`: the journal adds time and name, and reads the level from the prefix of sd-daemon(3).
    Journal,
    /// `<30>Nov 20 17:49:08 foreman-ipam-proxy[7]: 0a1b2c3d message`: the local form of RFC 3164, without host name and
    /// line break.
    Syslog,
}

impl Shape {
    /// Writes the line of now for a message that has been through [`one_line`].
    pub(super) fn write(
        self,
        to: &mut impl io::Write,
        level: Level,
        request: Option<&str>,
        message: impl fmt::Display,
    ) -> io::Result<()> {
        let now = Timestamp::now();
        LAST_TIME.with_borrow_mut(|last| {
            if last.shape != Some(self) || last.second != now.as_second() {
                let text = self.time(&now.to_zoned(TimeZone::system()));
                *last = Time { shape: Some(self), second: now.as_second(), text };
            }
            self.write_at(to, &last.text, level, request, message)
        })
    }

    /// The time as the line shows it.
    fn time(self, time: &Zoned) -> String {
        match self {
            Self::Full => time.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            Self::Journal => String::new(),
            Self::Syslog => time.strftime("%b %e %H:%M:%S").to_string(),
        }
    }

    fn write_at(
        self,
        to: &mut impl io::Write,
        time: &str,
        level: Level,
        request: Option<&str>,
        message: impl fmt::Display,
    ) -> io::Result<()> {
        let severity = level.severity();
        let (id, blank) = request.map_or(("", ""), |id| (id, " "));
        match self {
            Self::Full => {
                let id = request.unwrap_or(NO_REQUEST);
                writeln!(to, "{time} {id} [{}] {message}", level.letter())
            }
            Self::Journal => writeln!(to, "<{severity}>{id}{blank}{message}"),
            Self::Syslog => {
                let priority = syslog::Facility::LOG_DAEMON as u8 | severity;
                write!(to, "<{priority}>{time} {PROGRAM}[{}]: {id}{blank}{message}", std::process::id())
            }
        }
    }
}

/// A second, as the lines of one shape show it.
struct Time {
    shape: Option<Shape>,
    second: i64,
    text: String,
}

thread_local! {
    /// The second that this thread wrote last: many lines share it, and to find local time and format it costs more than
    /// the rest of the line.
    static LAST_TIME: RefCell<Time> = const { RefCell::new(Time { shape: None, second: 0, text: String::new() }) };
}

/// The message on one line and of bounded length.
///
/// Line breaks and other control characters are written as `\n` or `\u{1b}`, so that nothing that a caller or an IPAM
/// sent can look like a line of ours or steer a terminal. What is longer than [`CHARACTERS_AT_MOST`] ends in `… (cut)`.
pub(super) fn one_line(message: impl fmt::Display) -> String {
    let mut line = OneLine { text: String::with_capacity(USUAL_LENGTH), left: CHARACTERS_AT_MOST };
    // The only error is our own, to stop a message that is too long from being formatted further.
    if write!(line, "{message}").is_err() {
        line.text.push_str("… (cut)");
    }
    line.text
}

struct OneLine {
    text: String,
    left: usize,
}

impl fmt::Write for OneLine {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        // Nearly every part: taken as a whole.
        if part.len() <= self.left && is_plain(part) {
            self.left -= part.len();
            self.text.push_str(part);
            return Ok(());
        }
        for character in part.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            if may_mislead(character) {
                self.text.extend(character.escape_default());
            } else {
                self.text.push(character);
            }
        }
        Ok(())
    }
}

/// Only printable ASCII? Looks at all bytes, whatever the first says, which a processor does to many at once.
fn is_plain(part: &str) -> bool {
    part.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, b' '..=b'~'))
}

/// Control characters, the line breaks of Unicode, and the marks that change the direction of text.
fn may_mislead(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evening() -> Zoned {
        "2026-11-20T17:49:08.692+01:00[+01:00]".parse().expect("a time")
    }

    fn line(shape: Shape, level: Level, request: Option<&str>, message: &str) -> String {
        let mut line = Vec::new();
        shape.write_at(&mut line, &shape.time(&evening()), level, request, message).expect("written");
        String::from_utf8(line).expect("text")
    }

    #[test]
    fn a_line_is_what_ruby_writes() {
        let line = |level, request| line(Shape::Full, level, request, "Started GET /version");
        assert_eq!(line(Level::Info, Some("0a1b2c3d")), "2026-11-20T17:49:08 0a1b2c3d [I] Started GET /version\n");
        assert_eq!(line(Level::Fatal, None), "2026-11-20T17:49:08 -------- [F] Started GET /version\n");
    }

    #[test]
    fn the_journal_gets_the_level_and_the_message() {
        let line = |level, request| line(Shape::Journal, level, request, "Ready");
        assert_eq!(line(Level::Warn, None), "<4>Ready\n");
        assert_eq!(line(Level::Error, Some("0a1b2c3d")), "<3>0a1b2c3d Ready\n");
    }

    #[test]
    fn syslog_gets_facility_time_and_name() {
        let line = line(Shape::Syslog, Level::Info, Some("0a1b2c3d"), "Ready");
        let process = std::process::id();
        assert_eq!(line, format!("<30>Nov 20 17:49:08 foreman-ipam-proxy[{process}]: 0a1b2c3d Ready"));
    }

    #[test]
    fn each_line_has_the_time_of_its_shape() {
        for (shape, is_timed) in [(Shape::Full, true), (Shape::Journal, false), (Shape::Full, true)] {
            let before = shape.time(&Zoned::now());
            let mut line = Vec::new();
            shape.write(&mut line, Level::Info, None, "Ready").expect("written");
            let line = String::from_utf8(line).expect("text");
            let after = shape.time(&Zoned::now());
            assert!(line.contains(&before) || line.contains(&after), "{line}");
            assert_eq!(line.starts_with(char::is_numeric), is_timed, "{line}");
        }
    }

    #[test]
    fn a_line_break_forges_no_line() {
        let forged = "mac\r\n2026-11-20T17:49:08 0a1b2c3d [I] all is well\u{2028}\u{1b}[2J\0\t\u{202e}";
        let line = one_line(forged);
        assert_eq!(line, r"mac\r\n2026-11-20T17:49:08 0a1b2c3d [I] all is well\u{2028}\u{1b}[2J\u{0}\t\u{202e}");
        assert_eq!(one_line("Zürich 'R&D'"), "Zürich 'R&D'");
    }

    #[test]
    fn a_long_message_is_cut() {
        let whole = "ä".repeat(CHARACTERS_AT_MOST);
        assert_eq!(one_line(&whole), whole);
        assert_eq!(one_line(format!("{whole}x")), format!("{whole}… (cut)"));
    }

    proptest! {
        #[test]
        fn no_message_makes_two_lines(message in any::<String>()) {
            let line = one_line(&message);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
