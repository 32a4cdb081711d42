//! Helm charts in the repository.

use std::collections::BTreeSet;

use crate::git::{ByteSlice, RepoPath};
use crate::render::tree::{Tree, file_name, parent};

/// Directories of Helm charts: what is in them becomes manifests only when rendered.
pub(super) fn directories(tree: &Tree) -> BTreeSet<RepoPath> {
    tree.listed_below("".into())
        .iter()
        .filter(|(path, ..)| file_name(path.as_bstr()) == "Chart.yaml")
        .map(|(path, ..)| RepoPath::from(parent(path.as_bstr()).to_vec()))
        .collect()
}

pub(super) fn is_below(path: &RepoPath, directories: &BTreeSet<RepoPath>) -> bool {
    let mut directory = path.as_bstr();
    while !directory.is_empty() {
        directory = parent(directory);
        if directories.contains(directory) {
            return true;
        }
    }
    false
}
