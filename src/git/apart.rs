//! Merging two sides that keep apart: no path, no directory and no move of one touches what the other changed.
//!
//! Such a merge has one possible outcome, and most merges are of this kind. Everything else takes guesses: which file became
//! which, which of several equal lines was removed. Environment repositories are full of files and lines that look alike, and
//! two programs guess differently.

use std::collections::{BTreeMap, BTreeSet};

use gix::bstr::ByteSlice;

use super::error::{Result, failed};
use super::store::Objects;
use super::tree::{self, EntryKind, PathChange, TreeEdit};
use super::{BStr, Oid};

type Side = Option<(EntryKind, Oid)>;

/// What one side did to each path.
type Changes<'a> = BTreeMap<&'a BStr, (Side, Side)>;

/// The merged tree; `None` where the sides may not keep apart. Says so where it is not sure.
pub(super) fn merge(objects: &Objects, base: Oid, ours: Oid, theirs: Oid) -> Result<Option<Oid>> {
    let (our_changes, their_changes) = (
        tree::diff(objects, base, ours)?,
        tree::diff(objects, base, theirs)?,
    );
    let (by_us, by_them) = (by_path(&our_changes), by_path(&their_changes));
    let disagree = |(path, theirs): (&&BStr, &(Side, Side))| {
        by_us.get(path).is_some_and(|ours| ours != theirs)
    };
    if by_them.iter().any(disagree)
        || moved_under(objects, base, ours, &by_us, &by_them)?
        || moved_under(objects, base, theirs, &by_them, &by_us)?
    {
        return Ok(None);
    }
    let mut edits = Vec::new();
    for change in &their_changes {
        if by_us.contains_key(change.path.as_bstr()) {
            continue;
        }
        if change.after.is_some() && is_in_the_way(objects, ours, change.path.as_bstr(), &by_them)?
        {
            return Ok(None);
        }
        edits.push(TreeEdit {
            path: change.path.to_vec().into(),
            to: change.after,
        });
    }
    tree::edit(objects, ours, &edits)
        .map(Some)
        .map_err(failed("merge-tree"))
}

/// Whether we have a directory at `path`, or something else where it needs a directory, that they do not remove.
fn is_in_the_way(objects: &Objects, ours: Oid, path: &BStr, by_them: &Changes<'_>) -> Result<bool> {
    let kind = |path| -> Result<Option<EntryKind>> {
        let entry = tree::entry(objects, ours, path).map_err(failed("ls-tree"))?;
        Ok(entry.map(|entry| entry.kind))
    };
    if kind(path)? == Some(EntryKind::Tree) {
        return Ok(true);
    }
    for parent in parents(&path) {
        if kind(parent)?.is_some_and(|kind| kind != EntryKind::Tree)
            && !by_them.contains_key(parent)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn by_path(changes: &[PathChange]) -> Changes<'_> {
    changes
        .iter()
        .map(|change| (change.path.as_bstr(), (change.before, change.after)))
        .collect()
}

/// Whether `side` may have moved something that `other` changed, or a directory that `other` added to. (Which moves are
/// relevant: collect_rename_info in git's merge-ort.c.)
fn moved_under(
    objects: &Objects,
    base: Oid,
    tree: Oid,
    side: &Changes<'_>,
    other: &Changes<'_>,
) -> Result<bool> {
    let adds = side.values().any(|(before, _)| before.is_none());
    if !adds {
        return Ok(false);
    }
    let removes_what_other_changed = side
        .iter()
        .any(|(path, (_, after))| after.is_none() && other.contains_key(path));
    if removes_what_other_changed {
        return Ok(true);
    }
    let additions = other.iter().filter(|(_, (before, _))| before.is_none());
    let directories: BTreeSet<&BStr> = additions.flat_map(|(path, _)| parents(path)).collect();
    for directory in directories {
        if is_directory(objects, base, directory)? && !is_directory(objects, tree, directory)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `a/b/c` → `a/b`, `a`.
fn parents<'a>(path: &&'a BStr) -> impl Iterator<Item = &'a BStr> + use<'a> {
    let up = |path: &&'a BStr| path.rfind_byte(b'/').map(|slash| path[..slash].as_bstr());
    std::iter::successors(up(path), up)
}

fn is_directory(objects: &Objects, tree: Oid, path: &BStr) -> Result<bool> {
    let entry = tree::entry(objects, tree, path).map_err(failed("ls-tree"))?;
    Ok(entry.is_some_and(|entry| entry.kind == EntryKind::Tree))
}
