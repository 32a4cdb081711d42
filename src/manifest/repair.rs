//! What Kubernetes reads and the parser does not: YAML 1.1's parsers take continuation lines of quoted text at any
//! indentation, and a comment right behind a bracket. Real manifests have both. Such a part is read again with blanks
//! put in where they change no value, and its byte spans are moved back to the text as it is.

use std::ops::Range;

use super::tree::{Blanks, Origin, Reading, Tree, Value, scan};

/// Readings a part may take, and bytes they may take together: a part that needs more is no accident.
const MAX_READINGS: usize = 64;
const MAX_BYTES: usize = 4 << 20;

/// Reads a part whose first reading failed for want of `blanks`; `None` where blanks do not help.
pub(super) fn read(
    text: &str,
    origin: Origin,
    comments: bool,
    mut blanks: Blanks,
) -> Option<Reading<'static>> {
    let mut repaired = text.to_owned();
    // Where blanks were put in, in the repaired text, in order.
    let mut inserted: Vec<Range<usize>> = Vec::new();
    for _ in 0..MAX_READINGS.min(1 + MAX_BYTES / text.len().max(1)) {
        let at = blanks.at;
        if inserted
            .iter()
            .any(|known| known.start <= at && at <= known.end)
            || !repaired.is_char_boundary(at)
        {
            return None;
        }
        repaired.insert_str(at, &" ".repeat(blanks.count));
        for later in inserted.iter_mut().filter(|later| later.start > at) {
            *later = later.start + blanks.count..later.end + blanks.count;
        }
        inserted.push(at..at + blanks.count);
        inserted.sort_by_key(|range| range.start);
        let reading = scan(
            &repaired,
            Origin {
                byte: 0,
                line: origin.line,
            },
            comments,
        );
        match reading.fault.as_ref().and_then(|fault| fault.blanks) {
            Some(next) => blanks = next,
            None if reading.fault.is_some() => return None,
            None => return Some(moved(reading, &inserted, origin.byte)),
        }
    }
    None
}

fn moved(reading: Reading<'_>, inserted: &[Range<usize>], base: usize) -> Reading<'static> {
    let back = |at: usize| {
        let before: usize = inserted
            .iter()
            .map(|blanks| at.clamp(blanks.start, blanks.end) - blanks.start)
            .sum();
        at - before + base
    };
    let range = |bytes: Range<usize>| back(bytes.start)..back(bytes.end);
    Reading {
        trees: reading
            .trees
            .into_iter()
            .map(|tree| tree_moved(tree, &back))
            .collect(),
        fault: None,
        comments: reading.comments.into_iter().map(range).collect(),
    }
}

fn tree_moved(tree: Tree<'_>, back: &impl Fn(usize) -> usize) -> Tree<'static> {
    let mut tree = tree.into_owned();
    tree.end = back(tree.end.start)..back(tree.end.end);
    for node in &mut tree.nodes {
        node.bytes = back(node.bytes.start)..back(node.bytes.end);
        if let Value::Map(entries) = &mut node.value {
            for entry in entries {
                entry.key_bytes = back(entry.key_bytes.start)..back(entry.key_bytes.end);
            }
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::super::{Masking, masked_text, parse};

    const TEXT: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    note: \"one\n\ntwo\n\tthree\"\n    list: [a]# why\nstringData:\n  key: 'hunter2\nhunter3'\n  other: plain\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

    #[test]
    fn quoted_text_at_any_indentation_is_read() {
        let manifest = parse(TEXT.as_bytes(), &Masking::new([1; 32]));
        assert_eq!(manifest.broken, []);
        assert_eq!(manifest.documents.len(), 2);
        assert_eq!(
            manifest.documents[0].object.annotation("note"),
            Some("one\ntwo three")
        );
        assert_eq!(manifest.documents[1].line, 16);
        assert!(TEXT[manifest.documents[0].bytes.clone()].ends_with("other: plain\n"));
    }

    #[test]
    fn its_spans_are_those_of_the_text_as_it_is() {
        let out = masked_text(TEXT.as_bytes(), &Masking::new([1; 32]));
        let data = out.split("stringData:\n").nth(1).expect("the data");
        let lines: Vec<&str> = data.lines().collect();
        assert!(
            lines[0].starts_with("  key: <masked#") && lines[1].starts_with("  other: <masked#"),
            "{out}"
        );
        assert_eq!(
            &lines[2..],
            [
                "---",
                "apiVersion: v1",
                "kind: ConfigMap",
                "metadata: {name: c}"
            ]
        );
        assert!(out.starts_with(&TEXT[..TEXT.find("stringData").expect("it")]));
    }

    #[test]
    fn what_blanks_do_not_help_stays_broken() {
        for text in ["a: \"b\nc", "a: [b]#c\nd: \"e\nf\" g\n"] {
            assert_eq!(
                parse(text.as_bytes(), &Masking::new([1; 32])).broken.len(),
                1,
                "{text}"
            );
        }
        // Never a second reading for each of a million lines.
        let long = format!("a: \"{}\"", "b\n".repeat(100_000));
        assert_eq!(
            parse(long.as_bytes(), &Masking::new([1; 32])).broken.len(),
            1
        );
    }
}
