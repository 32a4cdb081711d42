//! Helmfiles from before helmfile 1.0, where every helmfile was a template.
//!
//! Since 1.0 only those called `….gotmpl` are. So an old one is exported under such a name, and those that name it say so.
//! Source: helmfile `docs/proposals/towards-1.0.md`.

use std::collections::BTreeSet;

use super::sources::Sources;
use crate::git::{ByteSlice, RepoPath};
use crate::render::export::{Export, ExportError};
use crate::render::helm::is_chart;
use crate::render::tree::{Node, Tree, file_name};

const SUFFIX: &str = ".gotmpl";

impl Sources {
    /// What a helmfile is called where helmfile reads it.
    pub(super) fn named(&self, file: &RepoPath) -> RepoPath {
        let mut name = file.clone();
        if self.old.contains(file) {
            name.extend_from_slice(SUFFIX.as_bytes());
        }
        name
    }

    /// A helmfile's text with the new names of those it reads.
    fn renamed(&self, text: &str) -> String {
        let names: Vec<&str> = self
            .old
            .iter()
            .filter_map(|path| file_name(path.as_bstr()).to_str().ok())
            .collect();
        let rename = |line: &str| {
            let bare = line.trim_end();
            let word = bare.trim_end_matches(['"', '\'']);
            let is_item = bare.trim_start().starts_with('-') || bare.contains("path:");
            let is_old = names.iter().any(|name| {
                let rest = word.strip_suffix(name);
                rest.is_some_and(|rest| rest.ends_with(['/', ' ', '"', '\'']))
            });
            match is_item && is_old {
                true => format!("{word}{SUFFIX}{}", &bare[word.len()..]),
                false => line.to_owned(),
            }
        };
        let lines: Vec<String> = text.split('\n').map(rename).collect();
        lines.join("\n")
    }
}

/// The files of a closure on disk, directories with all below them, old helmfiles under their new names.
pub(super) fn export(
    tree: &Tree,
    closure: &BTreeSet<RepoPath>,
    sources: &Sources,
) -> Result<Export, ExportError> {
    let mut files = BTreeSet::new();
    for path in closure {
        let is_directory = matches!(tree.node(path.as_bstr())?, Some(Node::Directory));
        // The root of the repository has no entry of its own.
        if is_directory || (path.is_empty() && is_chart(tree, path.as_bstr())?) {
            files.extend(
                tree.below(path.as_bstr())?
                    .into_iter()
                    .map(|(file, ..)| file),
            );
        } else {
            files.insert(path.clone());
        }
    }
    if sources.old.is_empty() {
        return Export::of(tree, &files);
    }
    let texts: Vec<&RepoPath> = sources
        .helmfiles
        .iter()
        .filter(|file| files.contains(*file))
        .collect();
    let unchanged = files
        .iter()
        .filter(|file| !sources.helmfiles.contains(*file));
    let export = Export::of(tree, &unchanged.cloned().collect())?;
    for path in texts {
        if let Some(Node::File(id)) = tree.node(path.as_bstr())? {
            let text = tree.reader.blob(id)?;
            let text = sources.renamed(&text.to_str_lossy());
            export.write(sources.named(path).as_bstr(), text.as_bytes())?;
        }
    }
    Ok(export)
}
