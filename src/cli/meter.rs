//! How far the renderings are, on standard error, where a person looks and has waited for more than a second.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::review::{Rendered, Sink};

/// Before this nothing is said: most answers are there.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two lines.
const PACE: Duration = Duration::from_millis(100);
/// To the line's beginning, and nothing on it.
const CLEAR: &str = "\r\x1b[K";

/// A sink for the final answer only, that says meanwhile how far it is.
pub(super) fn sink<A>() -> Sink<A> {
    beside(Sink::last_only())
}

/// Says how far it is, too.
pub(super) fn beside<A>(sink: Sink<A>) -> Sink<A> {
    if !std::io::stderr().is_terminal() {
        return sink;
    }
    let meter = Meter {
        start: Instant::now(),
        line: Mutex::default(),
    };
    sink.telling(move |rendered| meter.tell(rendered))
}

/// Makes room for what is printed meanwhile.
pub(super) fn clear() {
    if std::io::stderr().is_terminal() {
        // Nothing depends on it.
        let _ = std::io::stderr().write_all(CLEAR.as_bytes());
    }
}

struct Meter {
    start: Instant,
    line: Mutex<Line>,
}

impl Meter {
    fn tell(&self, rendered: Rendered) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = line.next(self.start.elapsed(), rendered) {
            // Nothing depends on it.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }
}

/// What was left unfinished gives its line back.
impl Drop for Meter {
    fn drop(&mut self) {
        let line = self.line.get_mut().unwrap_or_else(PoisonError::into_inner);
        if line.shown.is_some() {
            let _ = std::io::stderr().write_all(CLEAR.as_bytes());
        }
    }
}

#[derive(Default)]
struct Line {
    /// When, after the start, the line that is there now was written.
    shown: Option<Duration>,
}

impl Line {
    /// What to write so long after the start, if anything; at the end, the line goes.
    fn next(&mut self, after: Duration, rendered: Rendered) -> Option<String> {
        if rendered.done >= rendered.total {
            return self.shown.take().map(|_| CLEAR.to_owned());
        }
        let due = self.shown.map_or(PATIENCE, |shown| shown + PACE);
        (after >= due).then(|| {
            self.shown = Some(after);
            format!("{CLEAR}{rendered}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_and_leaves_nothing() {
        let mut line = Line::default();
        let mut at = |millis, done| {
            let rendered = Rendered { done, total: 57 };
            line.next(Duration::from_millis(millis), rendered)
        };
        assert_eq!(at(900, 11), None, "too early");
        assert_eq!(at(1000, 12).as_deref(), Some("\r\x1b[Krendering 12 of 57"));
        assert_eq!(at(1050, 13), None, "too soon after the last");
        assert_eq!(at(1100, 14).as_deref(), Some("\r\x1b[Krendering 14 of 57"));
        assert_eq!(at(1101, 57).as_deref(), Some(CLEAR));
        assert_eq!(at(1102, 57), None, "there is nothing to clear");
    }
}
