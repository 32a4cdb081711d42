//! Text from git, clusters and forges is hostile: it may carry control characters, escape sequences and bidi
//! overrides. Everything that reaches a terminal passes through [`clean`] first; widths and ages are here too,
//! because they are what the screens and the plain output share.

use std::borrow::Cow;

use jiff::Timestamp;

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

/// How long ago `then` was, in the two or three characters a column has: `45s`, `12m`, `3h`, `9d`, `7w`, `2y`.
/// A time in the future (clocks differ) is `now`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second());
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match seconds {
        i64::MIN..=0 => "now".to_owned(),
        s if s < MINUTE => format!("{s}s"),
        s if s < HOUR => format!("{}m", s / MINUTE),
        s if s < DAY => format!("{}h", s / HOUR),
        s if s < 60 * DAY => format!("{}d", s / DAY),
        s if s < 365 * DAY => format!("{}w", s / (7 * DAY)),
        s => format!("{}y", s / (365 * DAY)),
    }
}
