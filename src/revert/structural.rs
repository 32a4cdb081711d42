//! Undoing one document of a file, where the file as a whole would conflict or holds more than was meant.
//!
//! The document is found by what it declares, not by where it stands. Its bytes are replaced, and every other byte of the file
//! stays.

use std::ops::Range;

use super::scope::Document;
use super::{Error, Result, Undo};
use crate::git::{Conflict, ConflictKind, EntryKind, Oid, Reader, TreeEdit};
use crate::manifest::{Language, Masking, Object, parse, parse_items};

/// A document on one side: the file's blob, and where in it the document is.
struct Side {
    kind: EntryKind,
    bytes: Vec<u8>,
    /// `None` where the file does not hold the document (any more).
    found: Option<(Range<usize>, Object)>,
    /// The document is an item of a `kind: List`: the bytes are the whole list's.
    shared: bool,
}

impl Side {
    fn text(&self) -> Option<&[u8]> {
        let (range, _) = self.found.as_ref()?;
        self.bytes.get(range.clone())
    }

    fn value(&self) -> Option<&Object> {
        self.found.as_ref().map(|(_, object)| object)
    }
}

/// Three-way merge of one document: base `base`, ours `onto`, theirs `target` (trees). Where the document at the tip has the value
/// it had after the commit, it becomes what it was before; otherwise its lines are merged.
pub(super) fn undo_document(
    reader: &Reader,
    document: &Document,
    base: Oid,
    onto: Oid,
    target: Oid,
    masking: &Masking,
) -> Result<Undo> {
    let (was, ours, theirs) = (
        side(reader, document, base, masking)?,
        side(reader, document, onto, masking)?,
        side(reader, document, target, masking)?,
    );
    let value = |side: &Option<Side>| side.as_ref().and_then(|side| side.value().cloned());
    let (value_was, value_ours, value_theirs) = (value(&was), value(&ours), value(&theirs));
    if value_ours == value_theirs || value_was == value_theirs {
        return Ok(Undo::clean(onto));
    }
    own_bytes(document, [&was, &ours, &theirs])?;
    if value_ours == value_was {
        return Ok(Undo::clean(splice(reader, document, ours, theirs, onto)?));
    }
    let text = |side: &Option<Side>| side.as_ref().and_then(Side::text).map(<[u8]>::to_vec);
    let kind = match (text(&was), text(&ours), text(&theirs)) {
        (Some(was), Some(ours_text), Some(theirs_text)) => {
            if let Some(merged) = merge_lines(reader, &was, &ours_text, &theirs_text)? {
                let kind = EntryKind::Blob;
                let tree = splice_bytes(reader, document, ours, Some(&merged), kind, onto)?;
                return Ok(Undo::clean(tree));
            }
            ConflictKind::Content
        }
        (None, ..) => ConflictKind::AddAdd,
        _ => ConflictKind::ModifyDelete,
    };
    Ok(Undo {
        tree: None,
        conflicts: vec![Conflict {
            path: document.path.clone(),
            kind,
        }],
    })
}

/// `onto` with the document as it is in `from`.
pub(super) fn put_document(
    reader: &Reader,
    document: &Document,
    from: Oid,
    onto: Oid,
    masking: &Masking,
) -> Result<Oid> {
    let ours = side(reader, document, onto, masking)?;
    let theirs = side(reader, document, from, masking)?;
    let absent = |side: &Option<Side>| side.as_ref().is_none_or(|side| side.found.is_none());
    if absent(&ours) && absent(&theirs) {
        return Err(Error::NoDocument {
            path: document.path.to_string(),
            object: document.object.to_string(),
        });
    }
    own_bytes(document, [&ours, &theirs])?;
    splice(reader, document, ours, theirs, onto)
}

/// A list's item shares its bytes with the other items: replacing them would undo more than was meant.
fn own_bytes<const N: usize>(document: &Document, sides: [&Option<Side>; N]) -> Result<()> {
    if sides.iter().copied().flatten().any(|side| side.shared) {
        return Err(Error::InList {
            path: document.path.to_string(),
            object: document.object.to_string(),
        });
    }
    Ok(())
}

fn splice(
    reader: &Reader,
    document: &Document,
    ours: Option<Side>,
    theirs: Option<Side>,
    onto: Oid,
) -> Result<Oid> {
    let kind = theirs.as_ref().map_or(EntryKind::Blob, |side| side.kind);
    let text = theirs.as_ref().and_then(Side::text).map(<[u8]>::to_vec);
    splice_bytes(reader, document, ours, text.as_deref(), kind, onto)
}

/// Replaces, appends or removes the document's bytes in our file. A file left without a document is removed.
fn splice_bytes(
    reader: &Reader,
    document: &Document,
    ours: Option<Side>,
    text: Option<&[u8]>,
    kind: EntryKind,
    onto: Oid,
) -> Result<Oid> {
    let (kind, bytes) = match (ours, text) {
        (None, None) => return Ok(onto),
        (None, Some(text)) => (kind, text.to_vec()),
        (Some(ours), Some(text)) => {
            let mut bytes = ours.bytes;
            match ours.found {
                Some((range, _)) => {
                    let mut text = text.to_vec();
                    // It may have been the last of its file, without a line break, and another follows now.
                    if range.end < bytes.len() && !text.ends_with(b"\n") {
                        text.push(b'\n');
                    }
                    bytes.splice(range, text);
                }
                None if Language::of(&document.object).is_some() => {
                    append_item(&mut bytes, text, document)?;
                }
                None => append(&mut bytes, text),
            }
            (ours.kind, bytes)
        }
        (Some(ours), None) => {
            let Some((range, _)) = ours.found else {
                return Ok(onto);
            };
            let without = match Language::of(&document.object) {
                Some(_) => without_item,
                None => without,
            };
            (ours.kind, without(&ours.bytes, range))
        }
    };
    let to = if bytes.trim_ascii().is_empty() {
        None
    } else {
        Some((kind, reader.write_blob(&bytes)?))
    };
    Ok(reader.edit_tree(
        onto,
        &[TreeEdit {
            path: document.path.clone(),
            to,
        }],
    )?)
}

fn append(bytes: &mut Vec<u8>, text: &[u8]) {
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    if !bytes.trim_ascii().is_empty() {
        bytes.extend_from_slice(b"---\n");
    }
    bytes.extend_from_slice(text);
}

/// Items need nothing between them but lines. Where it was inside something else, a local value finds a place of its own,
/// and no other does.
fn append_item(bytes: &mut Vec<u8>, text: &[u8], document: &Document) -> Result<()> {
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    let inside = text.starts_with(b" ") || text.starts_with(b"\t");
    match document.object.kind.as_str() {
        "local" => bytes.extend_from_slice(&[b"\nlocals {\n", text, b"}\n"].concat()),
        _ if inside => {
            return Err(Error::InList {
                path: document.path.to_string(),
                object: document.object.to_string(),
            });
        }
        _ => bytes.extend_from_slice(&[b"\n", text].concat()),
    }
    Ok(())
}

/// The file without an item, and without one of two empty lines that would meet where it was.
fn without_item(bytes: &[u8], range: Range<usize>) -> Vec<u8> {
    let (before, after) = (
        &bytes[..range.start.min(bytes.len())],
        &bytes[range.end.min(bytes.len())..],
    );
    let apart = before.ends_with(b"\n\n") && (after.is_empty() || after.starts_with(b"\n"));
    [&before[..before.len() - usize::from(apart)], after].concat()
}

/// The file without a document and without the `---` line that began it (for the first one: that begins the next).
fn without(bytes: &[u8], range: Range<usize>) -> Vec<u8> {
    let (before, after) = (
        &bytes[..range.start.min(bytes.len())],
        &bytes[range.end.min(bytes.len())..],
    );
    let marker = before.trim_ascii_end();
    let mut out = Vec::with_capacity(bytes.len());
    match marker
        .strip_suffix(b"---")
        .filter(|rest| rest.is_empty() || rest.ends_with(b"\n"))
    {
        Some(rest) => {
            out.extend_from_slice(rest);
            out.extend_from_slice(after);
        }
        None => {
            out.extend_from_slice(before);
            let rest = after.trim_ascii_start();
            let next = rest
                .strip_prefix(b"---\n")
                .or_else(|| rest.strip_prefix(b"---\r\n"));
            out.extend_from_slice(next.unwrap_or(after));
        }
    }
    out
}

fn side(
    reader: &Reader,
    document: &Document,
    tree: Oid,
    masking: &Masking,
) -> Result<Option<Side>> {
    let Some(entry) = reader.entry(tree, document.path.as_ref())? else {
        return Ok(None);
    };
    if !matches!(entry.kind, EntryKind::Blob | EntryKind::Executable) {
        return Ok(None);
    }
    let bytes = reader.blob(entry.id)?;
    let manifest = match Language::of(&document.object) {
        Some(language) => parse_items(language, &bytes, masking),
        None => parse(&bytes, masking),
    };
    let found = manifest
        .documents
        .iter()
        .find(|declared| document.is(&declared.object.id));
    // Commas stand between items in JSON, and belong to none of them.
    let in_json = Language::of(&document.object).is_some() && document.path.ends_with(b".json");
    let shared = found.is_some_and(|found| {
        let same = manifest.documents.iter();
        same.filter(|other| other.bytes == found.bytes).count() > 1 || in_json
    });
    let found = found.map(|found| (found.bytes.clone(), found.object.clone()));
    Ok(Some(Side {
        kind: entry.kind,
        bytes,
        found,
        shared,
    }))
}

/// Merges lines as git merges a file, by merging three trees that hold one file each. `None` where they conflict.
fn merge_lines(
    reader: &Reader,
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
) -> Result<Option<Vec<u8>>> {
    let tree = |bytes: &[u8]| -> Result<Oid> {
        let blob = reader.write_blob(bytes)?;
        let edit = TreeEdit {
            path: "document".into(),
            to: Some((EntryKind::Blob, blob)),
        };
        Ok(reader.edit_tree(reader.empty_tree(), &[edit])?)
    };
    let merge = reader.merge(tree(base)?, tree(ours)?, tree(theirs)?)?;
    if !merge.is_clean() {
        return Ok(None);
    }
    match reader.entry(merge.tree, "document".into())? {
        Some(entry) => Ok(Some(reader.blob(entry.id)?)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, part: &str) -> String {
        let start = text.find(part).unwrap();
        String::from_utf8(without(text.as_bytes(), start..start + part.len())).unwrap()
    }

    #[test]
    fn a_removed_document_takes_one_marker_with_it() {
        assert_eq!(
            cut("a: 1\n---\nb: 2\n---\nc: 3\n", "a: 1\n"),
            "b: 2\n---\nc: 3\n"
        );
        assert_eq!(
            cut("a: 1\n---\nb: 2\n---\nc: 3\n", "b: 2\n"),
            "a: 1\n---\nc: 3\n"
        );
        assert_eq!(cut("a: 1\n---\nb: 2\n", "b: 2\n"), "a: 1\n");
        assert_eq!(cut("---\na: 1\n---\nb: 2\n", "a: 1\n"), "---\nb: 2\n");
        assert_eq!(cut("a: 1\n", "a: 1\n"), "");
    }

    #[test]
    fn an_appended_document_gets_a_marker() {
        let mut file = b"a: 1".to_vec();
        append(&mut file, b"b: 2\n");
        assert_eq!(file, b"a: 1\n---\nb: 2\n");
        let mut empty = Vec::new();
        append(&mut empty, b"b: 2\n");
        assert_eq!(empty, b"b: 2\n");
    }
}
