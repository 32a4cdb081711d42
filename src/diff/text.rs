//! The text view of a change: unified or side by side, word-level, each hunk with the path of the field it is in.

use std::ops::Range;

use crate::manifest::FieldPath;

/// A line-level diff of two (masked) texts, in hunks.
#[derive(Debug, Clone, Default)]
pub struct TextDiff {
    pub hunks: Vec<Hunk>,
}

/// Neighbouring changed lines with up to three lines around them.
#[derive(Debug, Clone)]
pub struct Hunk {
    /// The field the first changed line belongs to; `None` outside any document.
    pub path: Option<FieldPath>,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub kind: LineKind,
    /// 1-based line number on each side.
    pub before: Option<u32>,
    pub after: Option<u32>,
    pub text: String,
    /// The changed words of a changed line, and syntax classes; ranges are byte ranges of `text`.
    pub spans: Vec<(Range<usize>, Span)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    Context,
    Removed,
    Added,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Differs from the line on the other side.
    Changed,
    Key,
    String,
    Comment,
}

/// Compares two texts, which must already be masked.
pub fn text(before: &str, after: &str) -> TextDiff {
    let _ = (before, after);
    todo!()
}
