//! Where log lines go, and which: the keys `log_file`, `log_level`, `log_buffer` and `log_buffer_errors`.

use ipam_provider::settings::Section;

use crate::telemetry::{Destination, Level, Options};

/// Reads the settings of logging in `settings.yml`.
pub(super) fn read(section: &mut Section) -> Options {
    let right = "write an absolute path, STDOUT, SYSLOG or JOURNAL";
    let destination = section.read("log_file", right, |value| value.as_str()?.parse().ok());
    let right = "write one of: DEBUG, INFO, WARN, ERROR, FATAL, UNKNOWN";
    let level = section.read("log_level", right, |value| value.as_str()?.parse().ok());
    Options {
        destination: destination.unwrap_or(Destination::Stdout),
        level: level.unwrap_or(Level::Info),
        buffer: lines(section, "log_buffer").unwrap_or(2000),
        error_buffer: lines(section, "log_buffer_errors").unwrap_or(1000),
    }
}

fn lines(section: &mut Section, key: &'static str) -> Option<usize> {
    section.number(key, 1..=100_000).and_then(|lines| usize::try_from(lines).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::testing::{faults, section};

    #[test]
    fn an_empty_file_logs_to_standard_output() {
        let log = read(&mut section(serde_json::json!({})));
        assert_eq!(
            log,
            Options { destination: Destination::Stdout, level: Level::Info, buffer: 2000, error_buffer: 1000 }
        );
    }

    #[test]
    fn every_place_and_level_is_read_in_any_case() {
        let places = |file: &str, level: &str| {
            let mut section = section(serde_json::json!({"log_file": file, "log_level": level}));
            let log = read(&mut section);
            assert!(section.finish().problems.is_empty(), "{file} {level}");
            (log.destination, log.level)
        };
        assert_eq!(places("STDOUT", "debug"), (Destination::Stdout, Level::Debug));
        assert_eq!(places("Syslog", "INFO"), (Destination::Syslog, Level::Info));
        assert_eq!(places("JOURNAL", "Warn"), (Destination::Journal, Level::Warn));
        assert_eq!(places("journald", "ERROR"), (Destination::Journal, Level::Error));
        assert_eq!(places("/var/log/proxy.log", "FATAL").0, Destination::File("/var/log/proxy.log".into()));
        assert_eq!(places("STDOUT", "FATAL").1, Level::Fatal);
        assert_eq!(places("STDOUT", "unknown").1, Level::Unknown);
    }

    #[test]
    fn other_places_levels_and_sizes_are_faults() {
        let mut section = section(serde_json::json!({
            "log_file": "proxy.log", "log_level": "TRACE", "log_buffer": 0, "log_buffer_errors": 100_001,
        }));
        read(&mut section);
        insta::assert_snapshot!(faults(section), @r"
        test.yml: log_file has a value that cannot be used; write an absolute path, STDOUT, SYSLOG or JOURNAL
        test.yml: log_level has a value that cannot be used; write one of: DEBUG, INFO, WARN, ERROR, FATAL, UNKNOWN
        test.yml: log_buffer has a value that cannot be used; write a whole number from 1 to 100000
        test.yml: log_buffer_errors has a value that cannot be used; write a whole number from 1 to 100000
        ");
    }
}
