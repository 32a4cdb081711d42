//! Whether sources hold secrets: a tool that fails quotes them (kustomize prints the patch or the literal that it cannot
//! apply), and then its message is not for showing.

use std::collections::BTreeSet;

use super::Renderer;
use super::tree::{self, Tree};
use crate::git::{ByteSlice, RepoPath, Result};
use crate::manifest::{Leaf, Node};

/// Whether a tool's message about these files might quote a secret value.
pub(super) fn may_hold(
    tree: &Tree,
    closure: &BTreeSet<RepoPath>,
    renderer: &Renderer,
) -> Result<bool> {
    for path in closure {
        let Some(tree::Node::File(id)) = tree.node(path.as_bstr())? else {
            continue;
        };
        if speaks_of_secrets(&tree.reader.blob(id)?) {
            return Ok(true);
        }
        let parsed = renderer.parse(tree.reader, id)?;
        let mut documents = parsed.manifest.documents.iter();
        if documents.any(|document| has_masked(&document.object.root)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a text may hold a Secret, be it a patch, broken, or a generator's: not `ExternalSecret` or `secretName`.
fn speaks_of_secrets(text: &[u8]) -> bool {
    let is_word = |at: usize| {
        let before = at.checked_sub(1).and_then(|index| text.get(index));
        let after = text.get(at + b"Secret".len());
        let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        !letter(before) && !letter(after)
    };
    text.find_iter("Secret").any(is_word)
        || text.contains_str("secretGenerator")
        || text.contains_str("stringData")
}

fn has_masked(node: &Node) -> bool {
    match node {
        Node::Leaf(leaf) => matches!(leaf, Leaf::Masked(_) | Leaf::Encrypted(_)),
        Node::List(items) => items.iter().any(has_masked),
        Node::Map(map) => map.values().any(has_masked),
    }
}
