//! Who is behind a commit, as far as git itself tells: the source of a generated commit, the pull request a message
//! names, and what a commit reverts. What a forge knows beyond that is added by others.

use std::sync::Arc;

use super::index::Rows;
use crate::git::{Commit, Oid, Reader};
use crate::layout::Layout;

/// A pull request (merge request) that a commit's message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub number: u64,
    /// Its title, where the message holds it.
    pub title: Option<String>,
}

/// How a commit of the line came about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// A pipeline made it from another commit.
    pub generated: bool,
    /// The row of the commit it was made from: the nearest first parent that is not generated itself. `None` for commits that
    /// are not generated, and while the history has not grown that far.
    pub source: Option<usize>,
    /// For a source: the rows of the generated commits made from it, newest first.
    pub generates: Vec<usize>,
    /// The pull request: its own, else its source's.
    pub pull: Option<Pull>,
}

/// Tells generated commits from others, and remembers.
pub struct Origins {}

impl Origins {
    /// `layout` is the tip's: it says which paths a pipeline writes.
    pub fn new(layout: Arc<Layout>) -> Origins {
        let _ = layout;
        todo!()
    }

    /// Whether the commit at `row` was generated. A commit that cannot be read is not.
    pub fn is_generated(&self, reader: &Reader, rows: &Rows, row: usize) -> bool {
        let _ = (reader, rows, row);
        todo!()
    }

    pub fn of(&self, reader: &Reader, rows: &Rows, row: usize) -> Origin {
        let _ = (reader, rows, row);
        todo!()
    }
}

/// The row that brought `commit` into the line: its own, or that of the merge it came with. `None` where it is no
/// ancestor of any row.
pub fn enclosing(reader: &Reader, rows: &Rows, commit: Oid) -> crate::git::Result<Option<usize>> {
    let _ = (reader, rows, commit);
    todo!()
}

/// The pull request a message names: `Merge pull request #N from …` (GitHub, Gitea), a squash's `… (#N)`, GitLab's
/// `See merge request group/project!N`, Bitbucket's `Merged in … (pull request #N)`.
pub fn pull_of(commit: &Commit) -> Option<Pull> {
    let _ = commit;
    todo!()
}

/// The commits a message says it reverts (`This reverts commit <40 hex digits>`), at most 64.
pub fn reverts_of(commit: &Commit) -> Vec<Oid> {
    let _ = commit;
    todo!()
}
