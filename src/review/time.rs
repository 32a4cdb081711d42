//! Dates and ages as people type them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// `2024-05-01` (the end of that day, here), `2024-05-01T12:00:00Z`, or an age: `45m`, `3h`, `2d`, `6w`.
pub fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(date) = text.parse::<Date>() {
        let midnight = date
            .checked_add(1.day())
            .ok()?
            .to_zoned(TimeZone::system())
            .ok()?;
        return Some(midnight.timestamp());
    }
    let unit = text.chars().last()?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        'y' => 365 * 24 * 60 * 60,
        _ => return None,
    };
    Timestamp::from_second(now.as_second().checked_sub(count.checked_mul(seconds)?)?).ok()
}

/// As [`parse`], but a date is the beginning of that day.
pub fn parse_start(text: &str, now: Timestamp) -> Option<Timestamp> {
    match text
        .parse::<Timestamp>()
        .is_err()
        .then(|| text.parse::<Date>())
    {
        Some(Ok(date)) => Some(date.to_zoned(TimeZone::system()).ok()?.timestamp()),
        _ => parse(text, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_ages() {
        let now: Timestamp = "2024-05-10T12:00:00Z".parse().unwrap();
        assert_eq!(
            parse("2024-05-01T00:00:00Z", now).unwrap().to_string(),
            "2024-05-01T00:00:00Z"
        );
        assert_eq!(
            parse("3h", now).unwrap().to_string(),
            "2024-05-10T09:00:00Z"
        );
        assert_eq!(
            parse("2w", now).unwrap().to_string(),
            "2024-04-26T12:00:00Z"
        );
        assert!(parse("2024-05-01", now).unwrap() > "2024-05-01T00:00:00Z".parse().unwrap());
        let (start, end) = (parse_start("2024-05-01", now), parse("2024-05-01", now));
        let day = end.unwrap().as_second() - start.unwrap().as_second();
        assert!((23 * 3600..=25 * 3600).contains(&day));
        assert_eq!(parse_start("3h", now), parse("3h", now));
        for wrong in ["", "soon", "h", "2024-13-01", "999999999999999999w", "é"] {
            assert_eq!(parse(wrong, now), None, "{wrong:?}");
        }
    }
}
