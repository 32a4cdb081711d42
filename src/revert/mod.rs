//! What to undo → a new tree, or the conflicts, before anything is written.
//!
//! Two verbs, kept apart: *revert* applies the inverse of a commit on the tip and may conflict; *restore* puts things back as they
//! were at a commit, never conflicts, and undoes every later change of the same things as well. Either may be limited to
//! some paths or to single documents, for a conflict in one file need not stop the undoing of another.

mod inverse;
mod restore;
mod scope;
mod structural;

pub use inverse::inverse;
pub use restore::{restore, undone_by};
pub use scope::{Document, Scope};

use crate::git::{Conflict, Oid};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Git(#[from] crate::git::Error),
    #[error("{path} holds no {object}, neither now nor then")]
    NoDocument { path: String, object: String },
    #[error(
        "{object} is an item of a list in {path}, which it shares with others\nhint: choose the file instead"
    )]
    InList { path: String, object: String },
}

/// The outcome of undoing something on a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// The resulting tree; `None` where there are conflicts.
    pub tree: Option<Oid>,
    pub conflicts: Vec<Conflict>,
}

impl Undo {
    fn clean(tree: Oid) -> Undo {
        Undo {
            tree: Some(tree),
            conflicts: Vec::new(),
        }
    }

    pub fn is_clean(&self) -> bool {
        self.tree.is_some()
    }

    /// Clean, and the tree is what it was: everything is undone already.
    pub fn changes_nothing(&self, tip_tree: Oid) -> bool {
        self.tree == Some(tip_tree)
    }
}
