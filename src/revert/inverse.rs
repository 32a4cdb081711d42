//! The inverse of a commit, applied to a tree: the three-way merge that `git revert` makes (base: the commit, theirs: its parent).

use super::scope::{Scope, contains};
use super::structural::undo_document;
use super::{Result, Undo};
use crate::git::{Commit, Oid, Reader, TreeEdit};
use crate::manifest::Masking;

/// Undoes `commit` on `onto` (a tree). A merge is undone towards its first parent, a root commit towards the empty tree. With a
/// scope, everything outside it stays as it is in `onto`, and conflicts outside it do not matter.
pub fn inverse(
    reader: &Reader,
    commit: &Commit,
    onto: Oid,
    scope: &Scope,
    masking: &Masking,
) -> Result<Undo> {
    let parent = match commit.parents.first() {
        Some(parent) => reader.tree_of(*parent)?,
        None => reader.empty_tree(),
    };
    match scope {
        Scope::All => {
            let merge = reader.merge(commit.tree, onto, parent)?;
            Ok(Undo {
                tree: merge.is_clean().then_some(merge.tree),
                conflicts: merge.conflicts,
            })
        }
        Scope::Paths(paths) => {
            let merge = reader.merge(commit.tree, onto, parent)?;
            let conflicts: Vec<_> = merge
                .conflicts
                .into_iter()
                .filter(|conflict| contains(paths, conflict.path.as_ref()))
                .collect();
            if !conflicts.is_empty() {
                return Ok(Undo {
                    tree: None,
                    conflicts,
                });
            }
            let edits: Vec<TreeEdit> = reader
                .diff(onto, merge.tree)?
                .into_iter()
                .filter(|change| contains(paths, change.path.as_slice().into()))
                .map(|change| TreeEdit {
                    path: change.path.as_ref().clone(),
                    to: change.after,
                })
                .collect();
            Ok(Undo::clean(reader.edit_tree(onto, &edits)?))
        }
        Scope::Documents(documents) => {
            let mut tree = onto;
            for document in documents {
                let undone = undo_document(reader, document, commit.tree, tree, parent, masking)?;
                match undone.tree {
                    Some(next) => tree = next,
                    None => return Ok(undone),
                }
            }
            Ok(Undo::clean(tree))
        }
    }
}
