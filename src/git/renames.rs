//! Whether a merge depends on renames.
//!
//! Which file became which is a guess, and environment repositories are full of files that look alike: two programs guess
//! differently. Most merges do not depend on it, since a move matters only where the other side changed what was moved, or
//! added to a directory that was. (Which sources are relevant: collect_rename_info in git's merge-ort.c.)

use std::collections::{BTreeMap, BTreeSet};

use gix::bstr::ByteSlice;

use super::error::Result;
use super::store::Objects;
use super::tree::{self, EntryKind, PathChange};
use super::{BStr, Oid};

type Side = Option<(EntryKind, Oid)>;

/// What one side did to each path.
type Changes<'a> = BTreeMap<&'a BStr, (Side, Side)>;

/// Whether detecting renames could change the outcome. Says yes where it is not sure.
pub(super) fn matter(objects: &Objects, base: Oid, ours: Oid, theirs: Oid) -> Result<bool> {
    let (our_changes, their_changes) = (
        tree::diff(objects, base, ours)?,
        tree::diff(objects, base, theirs)?,
    );
    let (by_us, by_them) = (by_path(&our_changes), by_path(&their_changes));
    let added_twice = by_them.iter().any(|(path, (before, after))| {
        before.is_none() && by_us.get(path).is_some_and(|(_, ours)| ours != after)
    });
    Ok(added_twice
        || moved_under(objects, base, ours, &by_us, &by_them)?
        || moved_under(objects, base, theirs, &by_them, &by_us)?)
}

fn by_path(changes: &[PathChange]) -> Changes<'_> {
    changes
        .iter()
        .map(|change| (change.path.as_bstr(), (change.before, change.after)))
        .collect()
}

/// Whether `side` may have moved something that `other` changed, or a directory that `other` added to.
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
    let entry = tree::entry(objects, tree, path).map_err(super::error::failed("ls-tree"))?;
    Ok(entry.is_some_and(|entry| entry.kind == EntryKind::Tree))
}
