//! The index: every commit of a tip's first-parent line with the paths it changed, newest first, built in the background
//! and readable while it grows.
//!
//! The walk hands contiguous runs of commits to a few threads, each with its own object caches, so that a commit's tree is
//! decoded once and serves as the parent of the next; finished runs are published in order. A first small run makes the
//! first screen of rows available at once.

use std::sync::Arc;

use jiff::Timestamp;

use super::attribution::Pull;
use crate::git::{BStr, Oid, PathChange, Person, Repo};
use crate::task::Cancel;

/// A growing index of one tip's first-parent line. Cheap to clone; may go to any thread.
#[derive(Clone)]
pub struct History {}

/// A commit of the first-parent line. Text is as in git: [`crate::text::clean`] it before showing.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: Oid,
    pub tree: Oid,
    /// `None` for a root, and where a shallow clone ends.
    pub first_parent: Option<Oid>,
    /// The parents a merge brought in, in the order of the commit. Empty for all other commits.
    pub other_parents: Box<[Oid]>,
    pub author: Arc<Person>,
    pub authored: Timestamp,
    pub committed: Timestamp,
    /// The first line of the message, at most 1 KiB of it. The body is read on demand: [`crate::git::Reader::commit`].
    pub subject: Box<str>,
    /// The pull request the message names.
    pub pull: Option<Box<Pull>>,
    /// The commits the message says it reverts.
    pub reverts: Box<[Oid]>,
    /// Paths that differ from the first parent's tree (a root: from the empty tree), in path order.
    pub changes: Box<[PathChange]>,
    /// Why `changes` is not known: an object is missing or broken. `changes` is empty then.
    pub problem: Option<Box<str>>,
}

/// Where the line ends for us before its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A shallow clone ends here: older commits exist, but not in this clone.
    Shallow,
    /// An object is missing or broken: the error's text.
    Broken(String),
    /// Indexing was cancelled.
    Cancelled,
}

/// The rows known at one moment, newest first. Cheap to clone; does not change when the index grows.
#[derive(Clone)]
pub struct Rows {}

impl History {
    /// Starts to index the first-parent line of `tip` in background threads, until done or cancelled. Never fails: what goes
    /// wrong is in [`Rows::end`] and [`Row::problem`].
    pub fn start(repo: &Repo, tip: Oid, cancel: &Cancel) -> History {
        let _ = (repo, tip, cancel);
        todo!()
    }

    pub fn tip(&self) -> Oid {
        todo!()
    }

    /// What is known by now.
    pub fn snapshot(&self) -> Rows {
        todo!()
    }

    /// Waits until more than `seen` rows are known or the index is complete.
    pub async fn grown(&self, seen: usize) -> Rows {
        let _ = seen;
        todo!()
    }

    /// As [`History::grown`], for threads of their own.
    pub fn wait_grown(&self, seen: usize) -> Rows {
        let _ = seen;
        todo!()
    }
}

impl Rows {
    pub fn len(&self) -> usize {
        todo!()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at `index`, counted from the newest commit (0).
    pub fn get(&self, index: usize) -> Option<&Row> {
        let _ = index;
        todo!()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// No more rows will come.
    pub fn complete(&self) -> bool {
        todo!()
    }

    /// Why the line ends before its root; `None` while it grows and where it does not.
    pub fn end(&self) -> Option<&End> {
        todo!()
    }

    /// Where `commit` is on the line.
    pub fn position(&self, commit: Oid) -> Option<usize> {
        let _ = commit;
        todo!()
    }

    /// The rows whose commit changed `path` (a file, or anything below a directory), newest first.
    pub fn touching(&self, path: &BStr) -> Vec<usize> {
        let _ = path;
        todo!()
    }

    /// The newest row that says it reverts `commit`.
    pub fn reverted_by(&self, commit: Oid) -> Option<usize> {
        let _ = commit;
        todo!()
    }
}
