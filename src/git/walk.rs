//! The first-parent line: what a branch was, commit by commit. That line, not the whole graph, is what gets deployed.

use super::Oid;
use super::error::Result;
use super::reader::Reader;

/// Iterates (commit, its first parent), newest first. Ends with an error where an object is missing (shallow clones end
/// without one: their boundary has no parents).
pub struct FirstParents<'r> {
    reader: &'r Reader,
    next: Option<Oid>,
}

impl<'r> FirstParents<'r> {
    pub(super) fn new(reader: &'r Reader, tip: Oid) -> Self {
        FirstParents {
            reader,
            next: Some(tip),
        }
    }
}

impl Iterator for FirstParents<'_> {
    type Item = Result<(Oid, Option<Oid>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let commit = self.next.take()?;
        Some(self.reader.first_parent(commit).map(|parent| {
            self.next = parent;
            (commit, parent)
        }))
    }
}
