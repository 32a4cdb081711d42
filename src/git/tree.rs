//! Trees: what is in one, what differs between two, and making a changed one.

use super::{Oid, RepoPath};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    Blob,
    Executable,
    Symlink,
    Tree,
    Submodule,
}

/// Something in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: RepoPath,
    pub kind: EntryKind,
    pub id: Oid,
}

/// A path that differs between two trees; `None` where it does not exist on that side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathChange {
    pub path: RepoPath,
    pub before: Option<(EntryKind, Oid)>,
    pub after: Option<(EntryKind, Oid)>,
}

/// One path to set or to remove. Setting [`EntryKind::Tree`] replaces the whole subtree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEdit {
    pub path: RepoPath,
    pub to: Option<(EntryKind, Oid)>,
}
