//! The first-parent line: what a branch was, commit by commit. That line, not the whole graph, is what gets deployed.

use std::marker::PhantomData;

use super::Oid;
use super::error::Result;

/// Iterates (commit, its first parent), newest first. Ends with an error where an object is missing (shallow clones end
/// without one: their boundary has no parents).
pub struct FirstParents<'r> {
    reader: PhantomData<&'r ()>,
}

impl Iterator for FirstParents<'_> {
    type Item = Result<(Oid, Option<Oid>)>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}
