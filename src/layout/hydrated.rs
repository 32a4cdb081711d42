//! Branches that Argo CD's source hydrator writes: rendered manifests, and `hydrator.metadata` beside them, which says of
//! which commit. Source: argo-cd `commitserver/commit/hydratorhelper.go`.

use super::LayoutKind;
use super::draft::Draft;
use crate::git::{ByteSlice, Result};
use crate::render::tree::{Node, Tree, file_name};

const METADATA: &str = "hydrator.metadata";

/// Takes a tree for hydrated if it says so. Which commit it was made of changes with every commit, and the layout does not: so
/// that is for whoever shows a commit.
pub(super) fn detect(tree: &Tree, draft: &mut Draft) -> Result<()> {
    let Some(Node::File(_)) = tree.node(METADATA.into())? else {
        return Ok(());
    };
    draft.kinds.insert(LayoutKind::Hydrated);
    let manifests = tree.listed_below("".into()).iter();
    let manifests = manifests.filter(|(path, ..)| file_name(path.as_bstr()) == "manifest.yaml");
    draft
        .generated
        .extend(manifests.map(|(path, ..)| path.clone()));
    draft.notes.push(format!(
        "rendered by Argo CD: {METADATA} names the commit that it was made of"
    ));
    Ok(())
}
