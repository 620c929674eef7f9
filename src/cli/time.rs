//! Times as people write them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, civil};

/// The time that a text names; of a date its beginning.
pub(super) fn beginning(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let wrong = || {
        "write a date such as 2026-05-03, a local time such as '2026-05-03 09:00', or RFC 3339 such as 2026-05-03T09:00:00Z".to_owned()
    };
    let local = text.parse::<civil::DateTime>().map_err(|_| wrong())?;
    local.to_zoned(TimeZone::system()).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}

/// The time up to which records are meant: of a date, the end of its day.
pub(super) fn end(text: &str) -> Result<Timestamp, String> {
    let is_date = text.len() == "2026-05-03".len();
    match text.parse::<civil::Date>() {
        Ok(date) if is_date => beginning(&date.saturating_add(1.day()).to_string()),
        _ => beginning(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_local_times_or_rfc_3339() {
        let at = |text: &str| beginning(text).expect(text);
        assert_eq!(at("2026-05-03T09:00:00Z"), at("2026-05-03T11:00:00+02:00"));
        assert_eq!(at("2026-05-03"), at("2026-05-03 00:00"));
        assert_eq!(at("2026-05-03T09:00"), at("2026-05-03 09:00:00"));
        for wrong in ["", "yesterday", "2026-13-01", "03.05.2026", "2026-05-03T25:00Z"] {
            assert!(beginning(wrong).is_err_and(|text| text.starts_with("write a date")), "{wrong:?}");
            assert!(end(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_date_ends_with_its_day_and_a_time_at_once() {
        let midnight = |text: &str| beginning(text).expect(text);
        assert_eq!(end("2026-05-03"), Ok(midnight("2026-05-04")));
        assert_eq!(end("2026-12-31"), Ok(midnight("2027-01-01")));
        assert_eq!(end("2026-05-03 09:00"), Ok(midnight("2026-05-03 09:00")));
    }
}
