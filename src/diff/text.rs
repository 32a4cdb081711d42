//! The text view of a change: unified or side by side, word-level, each hunk with the path of the field it is in.

use std::ops::Range;
use std::time::Duration;

use similar::{ChangeTag, DiffOp, InlineChangeOptions, TextDiff as Diff};

use crate::manifest::{Class, FieldPath, ListKeys, Outline};
use crate::text::clean;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Lines of both texts together up to which changed words are looked for.
const MAX_LINES_FOR_WORDS: usize = 30_000;
/// Bytes of one changed region up to which changed words are looked for: what is wholly rewritten has none to show.
const MAX_REGION_FOR_WORDS: usize = 32 * 1024;
/// A bound for texts made to be slow to compare; beyond it the result is coarser, still right.
const PATIENCE: Duration = Duration::from_millis(500);

/// A line-level diff of two (masked) texts, in hunks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextDiff {
    pub hunks: Vec<Hunk>,
    /// What differs without a line of its own.
    pub notes: Vec<Note>,
}

/// A difference that the hunks, which hold lines without their ends, do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// One text ends its lines with CRLF, the other with LF.
    LineEnds,
    /// The last line's end is only in the text after.
    FinalNewlineAdded,
    FinalNewlineRemoved,
}

/// Neighbouring changed lines with up to three lines around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The field the first changed line belongs to; `None` outside any document.
    pub path: Option<FieldPath>,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub kind: LineKind,
    /// 1-based line number on each side.
    pub before: Option<u32>,
    pub after: Option<u32>,
    /// Without its end, and already [`clean`]: spans hold for it as it is.
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
    /// A number, boolean or null.
    Literal,
    Comment,
}

/// Compares two texts, which must already be masked.
pub fn text(before: &str, after: &str) -> TextDiff {
    let mut notes = Vec::new();
    if before.contains("\r\n") != after.contains("\r\n") && !before.is_empty() && !after.is_empty()
    {
        notes.push(Note::LineEnds);
    }
    match (before.ends_with('\n'), after.ends_with('\n')) {
        (false, true) if !before.is_empty() => notes.push(Note::FinalNewlineAdded),
        (true, false) if !after.is_empty() => notes.push(Note::FinalNewlineRemoved),
        _ => {}
    }
    let (before, after) = (Side::of(before), Side::of(after));
    let (old, new) = (before.lines(), after.lines());
    let diff = Diff::configure().timeout(PATIENCE).diff_slices(&old, &new);
    let groups = diff.grouped_ops(CONTEXT);
    if groups
        .iter()
        .all(|group| group.iter().all(|op| matches!(op, DiffOp::Equal { .. })))
    {
        return TextDiff {
            hunks: Vec::new(),
            notes,
        };
    }
    let words = old.len() + new.len() <= MAX_LINES_FOR_WORDS;
    let sides = [Painted::of(&before.text), Painted::of(&after.text)];
    let hunks = groups
        .iter()
        .map(|ops| hunk(&diff, ops, &sides, words))
        .collect();
    TextDiff { hunks, notes }
}

/// A text as it is compared: clean, with LF ends.
struct Side {
    text: String,
}

impl Side {
    fn of(text: &str) -> Side {
        let text = text
            .strip_prefix('\u{feff}')
            .unwrap_or(text)
            .replace("\r\n", "\n");
        Side {
            text: clean(&text).into_owned(),
        }
    }

    /// As `str::lines`, which takes a lone `\r` at the end of a line for a part of its end: here none is left.
    fn lines(&self) -> Vec<&str> {
        self.text.lines().collect()
    }
}

/// A text's fields and classes.
struct Painted<'a> {
    outline: Outline<'a>,
    classes: Vec<(Range<usize>, Class)>,
    starts: Vec<usize>,
}

impl<'a> Painted<'a> {
    fn of(text: &'a str) -> Painted<'a> {
        let outline = Outline::of(text, &ListKeys::builtin());
        let classes = outline.classes();
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Painted {
            outline,
            classes,
            starts,
        }
    }

    /// The classes on one line (0-based) of this length.
    fn spans(&self, line: usize, length: usize) -> Vec<(Range<usize>, Span)> {
        let Some(&start) = self.starts.get(line) else {
            return Vec::new();
        };
        let end = start + length;
        let first = self
            .classes
            .partition_point(|(bytes, _)| bytes.end <= start);
        self.classes[first..]
            .iter()
            .take_while(|(bytes, _)| bytes.start < end)
            .map(|(bytes, class)| {
                let span = match class {
                    Class::Key => Span::Key,
                    Class::String => Span::String,
                    Class::Literal => Span::Literal,
                    Class::Comment => Span::Comment,
                };
                (
                    bytes.start.max(start) - start..bytes.end.min(end) - start,
                    span,
                )
            })
            .collect()
    }
}

type Compared<'a> = Diff<'a, 'a, str>;

fn hunk(
    diff: &Compared<'_>,
    ops: &[DiffOp],
    [before, after]: &[Painted<'_>; 2],
    words: bool,
) -> Hunk {
    let mut lines = Vec::new();
    let mut path = None;
    let mut first = true;
    for op in ops {
        for (change, changed) in changes(diff, op, words) {
            let number = |index: Option<usize>| index.and_then(|i| u32::try_from(i + 1).ok());
            let (kind, side, index) = match change.tag {
                ChangeTag::Equal => (LineKind::Context, after, change.after),
                ChangeTag::Delete => (LineKind::Removed, before, change.before),
                ChangeTag::Insert => (LineKind::Added, after, change.after),
            };
            if first && kind != LineKind::Context {
                first = false;
                path = number(index).and_then(|line| side.outline.field_at(line));
            }
            let mut spans: Vec<(Range<usize>, Span)> = changed
                .into_iter()
                .map(|bytes| (bytes, Span::Changed))
                .collect();
            spans.extend(
                index
                    .map(|line| side.spans(line, change.text.len()))
                    .unwrap_or_default(),
            );
            lines.push(Line {
                kind,
                before: number(change.before),
                after: number(change.after),
                text: change.text.to_owned(),
                spans,
            });
        }
    }
    Hunk { path, lines }
}

struct Change<'a> {
    tag: ChangeTag,
    before: Option<usize>,
    after: Option<usize>,
    text: &'a str,
}

/// The lines of one operation with their changed words.
fn changes<'a>(
    diff: &'a Compared<'_>,
    op: &DiffOp,
    words: bool,
) -> Vec<(Change<'a>, Vec<Range<usize>>)> {
    let plain = |change: similar::Change<&'a str>| Change {
        tag: change.tag(),
        before: change.old_index(),
        after: change.new_index(),
        text: change.value(),
    };
    let all: Vec<Change<'a>> = diff.iter_changes(op).map(plain).collect();
    let size: usize = all.iter().map(|change| change.text.len()).sum();
    if !words || !matches!(op, DiffOp::Replace { .. }) || size > MAX_REGION_FOR_WORDS {
        return all.into_iter().map(|change| (change, Vec::new())).collect();
    }
    let mut options = InlineChangeOptions::new();
    options.semantic_cleanup(true);
    let changed: Vec<Vec<Range<usize>>> = diff
        .iter_inline_changes_with_options(op, options)
        .map(|line| {
            let mut at = 0;
            let mut ranges = Vec::new();
            for (emphasized, piece) in line.values() {
                if *emphasized && !piece.is_empty() {
                    ranges.push(at..at + piece.len());
                }
                at += piece.len();
            }
            ranges
        })
        .collect();
    // Without one entry for each line there is nothing to trust.
    if changed.len() != all.len() {
        return all.into_iter().map(|change| (change, Vec::new())).collect();
    }
    all.into_iter().zip(changed).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `-`, `+` or a space before each line, changed words in brackets, a header with the field of each hunk.
    fn shown(before: &str, after: &str) -> String {
        let mut out = String::new();
        for hunk in text(before, after).hunks {
            let path = hunk.path.map_or("-".to_owned(), |path| path.to_string());
            out.push_str(&format!("@@ {path}\n"));
            for line in hunk.lines {
                let mark = match line.kind {
                    LineKind::Context => ' ',
                    LineKind::Removed => '-',
                    LineKind::Added => '+',
                };
                let mut text = line.text.clone();
                let mut changed: Vec<_> = line
                    .spans
                    .iter()
                    .filter(|(_, span)| *span == Span::Changed)
                    .collect();
                changed.sort_by_key(|(bytes, _)| std::cmp::Reverse(bytes.start));
                for (bytes, _) in changed {
                    text.replace_range(bytes.clone(), &format!("[{}]", &line.text[bytes.clone()]));
                }
                out.push_str(&format!("{mark}{text}\n"));
            }
        }
        out
    }

    fn deployment(image: &str, replicas: u32) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: {replicas}\n  template:\n    \
             spec:\n      containers:\n      - name: web\n        image: {image}\n        args: []\n        tty: true\n"
        )
    }

    #[test]
    fn hunks_have_their_field_and_changed_words() {
        assert_eq!(
            shown(
                &deployment("ghcr.io/acme/web:1.2.3", 1),
                &deployment("ghcr.io/acme/web:1.2.4", 1)
            ),
            "\
@@ spec.template.spec.containers[name=web].image
     spec:
       containers:
       - name: web
-        image: ghcr.io/acme/web:[1.2.3]
+        image: ghcr.io/acme/web:[1.2.4]
         args: []
         tty: true
"
        );
        let both = shown(&deployment("a:1", 1), &deployment("a:2", 2));
        assert_eq!(
            both.lines()
                .filter(|line| line.starts_with("@@"))
                .collect::<Vec<_>>(),
            ["@@ spec.replicas"],
            "{both}"
        );
    }

    #[test]
    fn lines_have_numbers_and_classes() {
        let diff = text("a: 1\nb: 'x'\n", "a: 2\nc: 3 # new\nb: 'x'\n");
        let lines: Vec<_> = diff.hunks[0]
            .lines
            .iter()
            .map(|line| {
                let classes: Vec<_> = line
                    .spans
                    .iter()
                    .filter(|(_, span)| *span != Span::Changed)
                    .map(|(bytes, span)| (&line.text[bytes.clone()], *span))
                    .collect();
                (line.kind, line.before, line.after, classes)
            })
            .collect();
        assert_eq!(
            lines,
            [
                (
                    LineKind::Removed,
                    Some(1),
                    None,
                    vec![("a", Span::Key), ("1", Span::Literal)]
                ),
                (
                    LineKind::Added,
                    None,
                    Some(1),
                    vec![("a", Span::Key), ("2", Span::Literal)]
                ),
                (
                    LineKind::Added,
                    None,
                    Some(2),
                    vec![
                        ("c", Span::Key),
                        ("3", Span::Literal),
                        ("# new", Span::Comment)
                    ]
                ),
                (
                    LineKind::Context,
                    Some(2),
                    Some(3),
                    vec![("b", Span::Key), ("'x'", Span::String)]
                ),
            ]
        );
    }

    #[test]
    fn line_ends_are_told_not_shown() {
        assert_eq!(
            text("a\r\nb\r\n", "a\nb\n"),
            TextDiff {
                hunks: vec![],
                notes: vec![Note::LineEnds]
            }
        );
        assert_eq!(
            text("a\nb", "a\nb\n"),
            TextDiff {
                hunks: vec![],
                notes: vec![Note::FinalNewlineAdded]
            }
        );
        assert_eq!(
            text("a\nb\n", "a\nb"),
            TextDiff {
                hunks: vec![],
                notes: vec![Note::FinalNewlineRemoved]
            }
        );
        assert_eq!(text("a\n", "a\n"), TextDiff::default());
        assert_eq!(text("", ""), TextDiff::default());
        assert_eq!(shown("a: 1\r\n", "a: 2\r\n"), "@@ a\n-a: [1]\n+a: [2]\n");
        assert_eq!(shown("", "a: 1\n"), "@@ a\n+a: 1\n");
    }

    #[test]
    fn hostile_text_is_clean() {
        let diff = text("a: x\n", "a: \u{1b}[31mx\u{202e}\n");
        let added = &diff.hunks[0].lines[1];
        assert_eq!(added.text, "a: \\u{1b}[31mx\\u{202e}");
        assert!(
            added
                .spans
                .iter()
                .all(|(bytes, _)| added.text.get(bytes.clone()).is_some())
        );
    }

    #[test]
    fn huge_texts_are_compared_by_line() {
        let before: String = (0..40_000).map(|i| format!("k{i}: value {i}\n")).collect();
        let after = before.replace("value 20000\n", "other 20000\n");
        let diff = text(&before, &after);
        assert_eq!(diff.hunks.len(), 1);
        assert_eq!(
            diff.hunks[0]
                .path
                .as_ref()
                .map(ToString::to_string)
                .as_deref(),
            Some("k20000")
        );
        assert!(
            diff.hunks[0]
                .lines
                .iter()
                .all(|line| line.spans.iter().all(|(_, span)| *span != Span::Changed))
        );
    }

    proptest! {
        /// The hunks turn one text into the other: every line is in its place, and what no hunk shows is equal.
        #[test]
        fn hunks_are_a_patch(
            before in prop::collection::vec("[ab]: [xy]|- [a-c]|", 0..40),
            after in prop::collection::vec("[ab]: [xy]|- [a-c]|", 0..40),
        ) {
            let joined = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let diff = text(&joined(&before), &joined(&after));
            let mut rebuilt = Vec::new();
            let mut taken = 0;
            for line in diff.hunks.iter().flat_map(|hunk| &hunk.lines) {
                let at = |number: Option<u32>| number.map(|n| n as usize - 1);
                if let Some(i) = at(line.before) {
                    while taken < i {
                        rebuilt.push(before[taken].clone());
                        taken += 1;
                    }
                    prop_assert_eq!(&before[i], &line.text);
                    taken += 1;
                } else if let Some(i) = at(line.after) {
                    // Lines that no hunk shows come before an addition too.
                    while rebuilt.len() < i {
                        rebuilt.push(before[taken].clone());
                        taken += 1;
                    }
                }
                prop_assert_eq!(line.kind == LineKind::Removed, line.after.is_none());
                prop_assert_eq!(line.kind == LineKind::Added, line.before.is_none());
                if line.kind != LineKind::Removed {
                    rebuilt.push(line.text.clone());
                }
                for (bytes, _) in &line.spans {
                    prop_assert!(line.text.get(bytes.clone()).is_some_and(|piece| !piece.is_empty()));
                }
            }
            rebuilt.extend_from_slice(&before[taken..]);
            prop_assert_eq!(rebuilt, after);
        }
    }
}
