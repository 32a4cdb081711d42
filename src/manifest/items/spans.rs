//! Where items stand in their text: which lines are whose, and where comments are. The languages here share how comments
//! are written.

use std::ops::Range;

use super::super::tree::Value;
use super::Items;

/// Where each line of a part of a text starts, and which number it has.
pub(super) struct Lines {
    starts: Vec<usize>,
    first: u32,
}

impl Lines {
    pub(super) fn of(text: &str, bytes: &Range<usize>, first: u32) -> Lines {
        let ends = text[bytes.clone()].match_indices('\n');
        let starts = std::iter::once(bytes.start).chain(ends.map(|(at, _)| bytes.start + at + 1));
        Lines {
            starts: starts.collect(),
            first,
        }
    }

    pub(super) fn number(&self, at: usize) -> u32 {
        let before = self.starts.partition_point(|start| *start <= at);
        self.first + u32::try_from(before.saturating_sub(1)).unwrap_or(u32::MAX - self.first)
    }
}

/// Lets items reach from the comments right above them to the end of their last line: what stands apart by an empty line
/// is about the file.
pub(super) fn reach(text: &str, items: &mut Items<'_>, line: impl Fn(usize) -> u32) {
    items.items.sort_by_key(|item| item.bytes.start);
    let mut free = items.bytes.start;
    for item in &mut items.items {
        let own = text[..item.bytes.start].rfind('\n').map_or(0, |at| at + 1);
        let from = free.min(item.bytes.start);
        let mut start = own.max(from);
        let above = text[from..start].split_inclusive('\n').rev();
        for above in above.take_while(|above| is_comment(above)) {
            start -= above.len();
        }
        let end = text[item.bytes.end..].find('\n');
        let end = end.map_or(text.len(), |at| item.bytes.end + at + 1);
        item.bytes = start..end.min(items.bytes.end).max(item.bytes.end);
        item.line = line(start);
        free = item.bytes.end;
    }
    // Several on one line: the line's end is the last one's.
    let mut next = usize::MAX;
    for item in items.items.iter_mut().rev() {
        item.bytes.end = item.bytes.end.min(next).max(item.bytes.start);
        next = item.bytes.start;
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#') || line.starts_with("//")
}

/// What stands between values and starts with `#`, `//` or `/*`.
pub(super) fn comments(text: &str, items: &Items<'_>) -> Vec<Range<usize>> {
    let nodes = items.tree.nodes.iter();
    let scalars = nodes.filter(|node| matches!(node.value, Value::Scalar(_)));
    let mut taken: Vec<Range<usize>> = scalars.map(|node| node.bytes.clone()).collect();
    taken.sort_by_key(|bytes| bytes.start);
    let mut taken = taken.into_iter().peekable();
    let mut comments = Vec::new();
    let mut at = items.bytes.start;
    while let Some(rest) = text
        .get(at..items.bytes.end)
        .filter(|rest| !rest.is_empty())
    {
        while taken.next_if(|bytes| bytes.end <= at).is_some() {}
        if let Some(bytes) = taken.next_if(|bytes| bytes.start <= at) {
            at = bytes.end.max(at + 1);
            continue;
        }
        let length = if rest.starts_with('#') || rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            let mut characters = rest.char_indices();
            at += characters.nth(1).map_or(rest.len(), |(next, _)| next);
            continue;
        };
        comments.push(at..at + length);
        at += length;
    }
    comments
}
