//! Text from git, clusters and forges is hostile: it may carry control characters, escape sequences and bidi
//! overrides. Everything that reaches a terminal passes through [`clean`] first; widths and ages are here too,
//! because they are what the screens and the plain output share.

use std::borrow::Cow;

use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` with control characters (but tab and newline), bidi overrides and invisible format characters shown as
/// `\u{..}`, so that no byte sequence can move the cursor, change the title or reorder what is read.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hostile(c) {
            out.push_str(&c.escape_unicode().to_string());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// As [`clean`], on one line: newlines and tabs become spaces.
pub fn clean_line(text: &str) -> String {
    clean(text).replace(['\n', '\t'], " ")
}

fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How long ago `then` was, in the two to four characters a column has: `45s`, `12m`, `3h`, `9d`, `7w`, `2y`. Clocks differ: a
/// time up to a minute ahead is `now`, and one further off is that, `+1d`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    match now.as_second().saturating_sub(then.as_second()) {
        past @ 1.. => amount(past),
        ahead if ahead <= -MINUTE => format!("+{}", amount(ahead.saturating_neg())),
        _ => "now".to_owned(),
    }
}

/// The same in words: `3h ago`.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    let age = age(now, then);
    match age.strip_prefix('+') {
        Some(ahead) => format!("{ahead} ahead of this clock"),
        None if age == "now" => "just now".to_owned(),
        None => format!("{age} ago"),
    }
}

const MINUTE: i64 = 60;

/// So many seconds, one at least, in the largest unit that there are some of.
pub fn amount(seconds: i64) -> String {
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match seconds {
        s if s < MINUTE => format!("{s}s"),
        s if s < HOUR => format!("{}m", s / MINUTE),
        s if s < DAY => format!("{}h", s / HOUR),
        s if s < 60 * DAY => format!("{}d", s / DAY),
        s if s < 365 * DAY => format!("{}w", s / (7 * DAY)),
        s => format!("{}y", s / (365 * DAY)),
    }
}

/// `1 resource`, `3 resources`
pub fn count(n: usize, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        _ => format!("{n} {one}s"),
    }
}

/// Columns that `text`, one clean line, takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `columns`: where it is longer, it ends in `…`.
pub fn truncate(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::with_capacity(columns + 2);
    let mut used = 0;
    // Summed by character, which never takes fewer columns than the whole: a cluster (an emoji with its modifiers) may
    // be cut short, never over the edge.
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if used + next + 1 > columns {
            break;
        }
        used += next;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// `text` in exactly `columns`: truncated, or with spaces after it.
pub fn pad(text: &str, columns: usize) -> String {
    let mut out = truncate(text, columns);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn clean_leaves_nothing_that_moves_or_hides() {
        assert_eq!(clean("a\tb\nc"), "a\tb\nc");
        assert!(matches!(clean("plain é 漢"), Cow::Borrowed(_)));
        assert_eq!(clean("\u{1b}]0;title\u{7}"), "\\u{1b}]0;title\\u{7}");
        assert_eq!(
            clean("\u{9b}31m\u{202e}x\u{2066}\u{feff}"),
            "\\u{9b}31m\\u{202e}x\\u{2066}\\u{feff}"
        );
        assert_eq!(clean_line("a\nb\tc\r"), "a b c\\u{d}");
    }

    #[test]
    fn ages_fit_their_column() {
        let then = Timestamp::UNIX_EPOCH;
        let age_of = |seconds: i64| age(Timestamp::from_second(seconds).expect("a time"), then);
        const DAY: i64 = 86_400;
        for (seconds, expected) in [
            (-20 * 365 * DAY, "+20y"),
            (-DAY, "+1d"),
            (-60, "+1m"),
            (-59, "now"),
            (-5, "now"),
            (0, "now"),
            (1, "1s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h"),
            (DAY - 1, "23h"),
            (DAY, "1d"),
            (59 * DAY, "59d"),
            (60 * DAY, "8w"),
            (364 * DAY, "52w"),
            (365 * DAY, "1y"),
            (20 * 365 * DAY, "20y"),
        ] {
            assert_eq!(age_of(seconds), expected);
        }
        let (now, day) = (Timestamp::UNIX_EPOCH, jiff::SignedDuration::from_hours(24));
        assert_eq!(ago(now, now + day), "1d ahead of this clock");
        assert_eq!(ago(now, now), "just now");
        assert_eq!(ago(now, now - day), "1d ago");
        // However absurd, it is told and breaks nothing.
        assert_eq!(age(Timestamp::MIN, Timestamp::MAX), "+20012y");
    }

    #[test]
    fn widths_are_columns() {
        for (text, columns) in [
            ("", 0),
            ("abc", 3),
            ("é", 1),
            ("e\u{301}", 1),
            ("漢字", 4),
            ("🚀", 2),
        ] {
            assert_eq!(width(text), columns, "{text}");
        }
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("漢字漢", 4), "漢…");
        assert_eq!(truncate("abc", 1), "…");
        assert_eq!(truncate("abc", 0), "");
        assert_eq!(pad("ab", 4), "ab  ");
        assert_eq!(pad("漢字", 3), "漢…");
        assert_eq!(pad("漢字漢", 4), "漢… ");
    }

    proptest! {
        #[test]
        fn padded_text_has_its_width(text in "\\PC{0,20}", columns in 0usize..30) {
            prop_assert!(width(&truncate(&text, columns)) <= columns);
            prop_assert_eq!(width(&pad(&text, columns)), columns);
        }

        #[test]
        fn clean_text_has_no_control_characters(text in any::<String>()) {
            prop_assert!(clean(&text).chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            prop_assert!(!clean_line(&text).contains(['\n', '\t']));
        }
    }
}
