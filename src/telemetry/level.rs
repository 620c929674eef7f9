//! How grave a log record is, in the words of Ruby's logger, which Foreman shows and the settings use.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::FATAL;

/// A level of Ruby's logger, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What was asked and answered.
    Info,
    /// Works, but somebody should look.
    Warn,
    /// A request failed.
    Error,
    /// The process cannot go on; written with the target [`FATAL`].
    Fatal,
    /// Above everything: as the least level to log it means "log nothing".
    Unknown,
}

const NAMES: [(Level, &str); 6] = [
    (Level::Debug, "DEBUG"),
    (Level::Info, "INFO"),
    (Level::Warn, "WARN"),
    (Level::Error, "ERROR"),
    (Level::Fatal, "FATAL"),
    (Level::Unknown, "UNKNOWN"),
];

/// The text is no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write one of: DEBUG, INFO, WARN, ERROR, FATAL, UNKNOWN")]
pub(crate) struct LevelError;

impl Level {
    /// The level of a record; `trace` counts as debug.
    pub(super) fn of(metadata: &log::Metadata<'_>) -> Self {
        match metadata.level() {
            log::Level::Error if metadata.target() == FATAL => Self::Fatal,
            log::Level::Error => Self::Error,
            log::Level::Warn => Self::Warn,
            log::Level::Info => Self::Info,
            log::Level::Debug | log::Level::Trace => Self::Debug,
        }
    }

    /// The name as Foreman knows it, such as `WARN`.
    pub(crate) fn name(self) -> &'static str {
        NAMES[self.number() as usize].1
    }

    /// The first letter of the name, which a log line carries.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Debug => 'D',
            Self::Info => 'I',
            Self::Warn => 'W',
            Self::Error => 'E',
            Self::Fatal => 'F',
            Self::Unknown => 'U',
        }
    }

    /// The number of Ruby's `Logger::Severity`: 0 for debug to 5 for unknown.
    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    /// The severity of syslog (RFC 5424, section 6.2.1) and of sd-daemon(3): 7 for debug to 2 for critical.
    pub(super) fn severity(self) -> u8 {
        match self {
            Self::Debug => 7,
            Self::Info => 6,
            Self::Warn => 4,
            Self::Error => 3,
            Self::Fatal | Self::Unknown => 2,
        }
    }

    /// The least level that `log` must let through.
    pub(super) fn filter(self) -> log::LevelFilter {
        match self {
            Self::Debug => log::LevelFilter::Debug,
            Self::Info => log::LevelFilter::Info,
            Self::Warn => log::LevelFilter::Warn,
            Self::Error | Self::Fatal => log::LevelFilter::Error,
            Self::Unknown => log::LevelFilter::Off,
        }
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        let named = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        named.map(|(level, _)| *level).ok_or(LevelError)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_letters_and_numbers_belong_together() {
        for (number, (level, name)) in NAMES.iter().enumerate() {
            assert_eq!(level.name(), *name);
            assert_eq!(usize::from(level.number()), number);
            assert_eq!(name.chars().next(), Some(level.letter()));
            assert_eq!(name.to_lowercase().parse(), Ok(*level));
        }
        assert_eq!("LOUD".parse::<Level>(), Err(LevelError));
    }
}
