//! Putting things back as they were: no merge, so no conflict, but every later change of the same things goes too.

use super::scope::{Scope, contains};
use super::structural::put_document;
use super::{Result, Undo};
use crate::git::{Oid, Reader, TreeEdit};
use crate::history::Rows;
use crate::manifest::Masking;

/// `onto` (a tree) with what `scope` names as it is in the tree `from`: what was deleted since comes back, what was added since
/// goes.
pub fn restore(
    reader: &Reader,
    from: Oid,
    onto: Oid,
    scope: &Scope,
    masking: &Masking,
) -> Result<Undo> {
    match scope {
        Scope::All => Ok(Undo::clean(from)),
        Scope::Paths(paths) => {
            let edits: Vec<TreeEdit> = reader
                .diff(onto, from)?
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
                tree = put_document(reader, document, from, tree, masking)?;
            }
            Ok(Undo::clean(tree))
        }
    }
}

/// The commits of the line, newest first, that are younger than `from` and changed a path of `scope`: what a restore to `from`
/// undoes as well.
pub fn undone_by(rows: &Rows, from: Oid, scope: &Scope) -> Vec<Oid> {
    let younger = rows.iter().take_while(|row| row.id != from);
    younger
        .filter(|row| {
            row.changes.iter().any(|change| match scope {
                Scope::All => true,
                Scope::Paths(paths) => contains(paths, change.path.as_slice().into()),
                Scope::Documents(documents) => documents
                    .iter()
                    .any(|document| document.path == *change.path),
            })
        })
        .map(|row| row.id)
        .collect()
}
