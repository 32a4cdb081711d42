//! Branches that a promoter writes rendered manifests to, and a file beside them that says of which commit: Argo CD's source
//! hydrator (`hydrator.metadata`) and Kargo Render (`.kargo-render/metadata.yaml`).
//!
//! Sources: argo-cd `commitserver/commit/hydratorhelper.go`, kargo-render `branches.go`. Kargo's own promotion steps commit
//! with whatever message they are given (kargo `runner/builtin/git_commiter.go`): if that names a commit, it is of that.

use serde_yaml::Value;

use super::LayoutKind;
use super::draft::Draft;
use crate::git::{BStr, ByteSlice, EntryKind, Oid, PathChange, Person, Reader, Result};
use crate::render::kustomization::display;
use crate::render::tree::{Node, Tree, file_name, is_manifest_name};

/// A file that says of which commit a branch was made, the field that names it, and who writes it.
struct Metadata {
    path: &'static str,
    field: &'static str,
    by: &'static str,
}

const METADATA: [Metadata; 2] = [
    Metadata {
        path: "hydrator.metadata",
        field: "drySha",
        by: "Argo CD",
    },
    Metadata {
        path: ".kargo-render/metadata.yaml",
        field: "sourceCommit",
        by: "Kargo",
    },
];
/// Characters of a commit's whole id.
const FULL_ID: usize = 40;
/// A larger file is something else.
const MAX_BYTES: usize = 1 << 20;

/// Takes a tree for hydrated if it says so. Which commit it was made of changes with every commit, and the layout does not: so
/// that is for whoever shows a commit ([`dry_commit`]).
pub(super) fn detect(tree: &Tree, draft: &mut Draft) -> Result<()> {
    for metadata in &METADATA {
        let Some(Node::File(_)) = tree.node(metadata.path.into())? else {
            continue;
        };
        draft.kinds.insert(LayoutKind::Hydrated);
        let files = tree.listed_below("".into()).iter();
        let is_written = |path: &BStr| match metadata.by {
            "Argo CD" => file_name(path) == "manifest.yaml",
            _ => is_manifest_name(path),
        };
        let written = files.filter(|(path, ..)| is_written(path.as_bstr()));
        draft
            .generated
            .extend(written.map(|(path, ..)| path.clone()));
        draft.notes.push(format!(
            "rendered by {}: {} names the commit that it was made of",
            metadata.by,
            display(metadata.path.into())
        ));
    }
    Ok(())
}

/// The commit that a promoter made the commit `id` from, if it says so: it writes that anew with what it writes.
pub fn dry_commit(
    reader: &Reader,
    id: Oid,
    author: &Person,
    changes: &[PathChange],
) -> Option<Oid> {
    let written = METADATA.iter().find_map(|metadata| {
        let change = changes
            .iter()
            .find(|change| *change.path == metadata.path)?;
        let (EntryKind::Blob | EntryKind::Executable, blob) = change.after? else {
            return None;
        };
        let bytes = reader.blob(blob).ok()?;
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let said: Value = serde_yaml::from_slice(&bytes).ok()?;
        Oid::from_hex(said.get(metadata.field)?.as_str()?.as_bytes()).ok()
    });
    written.or_else(|| named_by_kargo(reader, id, author))
}

/// The one commit of this repository that a message of Kargo's names.
fn named_by_kargo(reader: &Reader, id: Oid, author: &Person) -> Option<Oid> {
    if author.name != "Kargo" && author.email != "no-reply@kargo.io" {
        return None;
    }
    let commit = reader.commit(id).ok()?;
    let words = [commit.subject.as_str(), commit.body.as_str()];
    let mut named: Vec<Oid> = words
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| word.len() == FULL_ID)
        .filter_map(|word| Oid::from_hex(word.as_bytes()).ok())
        .filter(|named| *named != id && reader.commit(*named).is_ok())
        .collect();
    named.dedup();
    match named.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}
