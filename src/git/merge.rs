//! Merging trees in memory, and naming what conflicts.

use serde::Serialize;

use super::error::Result;
use super::reader::Reader;
use super::{Oid, RepoPath};

/// The outcome of a merge: clean (a tree) or the conflicts, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The merged tree; where there are conflicts it holds git's conflict markers and must not be committed.
    pub tree: Oid,
    pub conflicts: Vec<Conflict>,
}

impl Merge {
    pub fn is_clean(&self) -> bool {
        self.conflicts.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub path: RepoPath,
    pub kind: ConflictKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictKind {
    Content,
    AddAdd,
    ModifyDelete,
    Rename,
    Other,
}

pub(super) fn merge(_reader: &Reader, _base: Oid, _ours: Oid, _theirs: Oid) -> Result<Merge> {
    todo!()
}
