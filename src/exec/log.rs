//! Every git, tool and HTTP call that was made, for the user to look at. Bounded, in memory, without credentials.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::redact::redact;
use crate::text::clean_line;

/// Something that was run or asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub at: Timestamp,
    /// The program's name, or `GET`, `POST`, … of an HTTP call.
    pub program: String,
    /// Cleaned for display, without credentials.
    pub args: Vec<String>,
    pub took: Duration,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A program's exit code, or an HTTP status; `None` where a signal ended the program.
    Ended(Option<i32>),
    TimedOut,
    Cancelled,
    /// It could not be run, or there was no answer: why.
    Failed(String),
}

impl Outcome {
    /// The first line of `why`, fit for display.
    pub fn failed(why: &str) -> Outcome {
        Outcome::Failed(presentable(why.lines().next().unwrap_or_default()))
    }
}

impl Call {
    pub fn new(
        at: Timestamp,
        program: &str,
        args: impl IntoIterator<Item = impl AsRef<str>>,
        took: Duration,
        outcome: Outcome,
    ) -> Call {
        Call {
            at,
            program: presentable(program),
            args: args
                .into_iter()
                .map(|arg| presentable(arg.as_ref()))
                .collect(),
            took,
            outcome,
        }
    }
}

/// `git ls-remote origin (0.2 s)`; how it ended only where it did not end well.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        for arg in &self.args {
            if arg.is_empty() || arg.contains(|c: char| c.is_whitespace() || "\"'$\\".contains(c)) {
                write!(f, " {arg:?}")?;
            } else {
                write!(f, " {arg}")?;
            }
        }
        write!(f, " ({:.1} s)", self.took.as_secs_f64())?;
        match &self.outcome {
            Outcome::Ended(Some(0 | 200..=299)) => Ok(()),
            Outcome::Ended(Some(code)) => write!(f, ": {code}"),
            Outcome::Ended(None) => f.write_str(": killed"),
            Outcome::TimedOut => f.write_str(": timed out"),
            Outcome::Cancelled => f.write_str(": cancelled"),
            Outcome::Failed(why) => write!(f, ": {why}"),
        }
    }
}

/// How many calls are kept.
const KEPT: usize = 1000;
/// How much of one argument is kept.
const MAX_ARG: usize = 400;

static CALLS: Mutex<VecDeque<Call>> = Mutex::new(VecDeque::new());

/// The calls so far, oldest first.
pub fn log() -> Vec<Call> {
    let calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    calls.iter().cloned().collect()
}

/// Adds a call that was not made through [`super::run`].
pub fn record(call: Call) {
    let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    if calls.len() == KEPT {
        calls.pop_front();
    }
    calls.push_back(call);
}

fn presentable(text: &str) -> String {
    let mut text = clean_line(&redact(text));
    if let Some((end, _)) = text.char_indices().nth(MAX_ARG) {
        text.truncate(end);
        text.push('…');
    }
    text
}
