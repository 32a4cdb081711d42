//! What is deployed beside Kubernetes objects ([`Language`]): read like plain manifests, and, where the language knows
//! modules, put together from those in the repository, each under the address that its caller gives it.

use std::collections::BTreeSet;

use super::tree::{Node, Tree, file_name, join, parent};
use super::{How, Place, Recipe, RenderedObject, Renderer, Rendering, Source};
use crate::git::{BStr, ByteSlice, Oid, RepoPath, Result};
use crate::manifest::{Document, Language};

/// Modules within modules deeper than this are a circle, and more calls than this an explosion.
const MOST_CALLS: usize = 1000;
const MAX_DEPTH: usize = 16;

/// A file, and what stands before its items' names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) path: RepoPath,
    pub(crate) blob: Oid,
    pub(crate) prefix: String,
}

/// Whether a file's name says that it belongs to a Terraform module, and not only to the root of one.
pub(crate) fn is_module_file(path: &BStr) -> bool {
    path.ends_with(b".tf") || path.ends_with(b".tofu")
}

/// Whether Terraform or Terragrunt read a file in the directory they run in.
pub(crate) fn is_root_file(path: &BStr) -> bool {
    let name = file_name(path);
    is_module_file(path)
        || name == "terragrunt.hcl"
        || name == ".terraform.lock.hcl"
        || name == "terraform.tfvars"
        || name.ends_with(b".auto.tfvars")
}

/// The files that `roots` stand for, and those of the modules they call.
pub(super) fn parts(
    tree: &Tree,
    language: Language,
    roots: &[RepoPath],
    renderer: &Renderer,
) -> Result<Vec<Part>> {
    let mut walk = Walk {
        tree,
        renderer,
        parts: BTreeSet::new(),
        calls: 0,
    };
    for root in roots {
        match (tree.node(root.as_bstr())?, language) {
            (Some(Node::File(blob)), _) => {
                walk.parts.insert(Part {
                    path: root.clone(),
                    blob,
                    prefix: String::new(),
                });
            }
            (Some(Node::Directory), Language::Terraform) => {
                walk.module(root.as_bstr(), "", true, 0)?
            }
            _ => {}
        }
    }
    Ok(walk.parts.into_iter().collect())
}

pub(super) fn render(
    tree: &Tree,
    recipe: &Recipe,
    language: Language,
    parts: &[Part],
    renderer: &Renderer,
) -> Result<Rendering> {
    let mut objects = Vec::new();
    let mut broken = BTreeSet::new();
    for part in parts {
        let parsed = renderer.items(tree.reader, part.blob, language)?;
        for document in &parsed.manifest.documents {
            let mut object = super::placed(document.object.clone(), recipe.namespace.as_deref());
            object.id.name.insert_str(0, &part.prefix);
            objects.push(RenderedObject {
                object,
                source: Some(Source {
                    path: part.path.clone(),
                    blob: part.blob,
                    document: Some(Place {
                        bytes: document.bytes.clone(),
                        line: document.line,
                    }),
                }),
            });
        }
        let unread = parsed.manifest.broken.iter();
        broken.extend(unread.map(|broken| (part.path.clone(), broken.to_string())));
    }
    Ok(Rendering {
        objects,
        how: How::Read,
        broken: broken.into_iter().collect(),
    })
}

struct Walk<'a, 't> {
    tree: &'a Tree<'t>,
    renderer: &'a Renderer,
    parts: BTreeSet<Part>,
    calls: usize,
}

impl Walk<'_, '_> {
    fn module(&mut self, directory: &BStr, prefix: &str, root: bool, depth: usize) -> Result<()> {
        self.calls += 1;
        if depth > MAX_DEPTH || self.calls > MOST_CALLS {
            return Ok(());
        }
        let read = if root { is_root_file } else { is_module_file };
        for (path, blob) in self.tree.files_in(directory)? {
            if !read(path.as_bstr()) {
                continue;
            }
            let part = Part {
                path,
                blob,
                prefix: prefix.to_owned(),
            };
            let parsed = self
                .renderer
                .items(self.tree.reader, blob, Language::Terraform)?;
            if !self.parts.insert(part.clone()) {
                continue;
            }
            for document in &parsed.manifest.documents {
                match call(self.tree, part.path.as_bstr(), document)? {
                    Some(Call::Module(directory)) => {
                        let prefix = format!("{prefix}module.{}.", document.object.id.name);
                        self.module(directory.as_bstr(), &prefix, false, depth + 1)?;
                    }
                    Some(Call::Source(directory)) => {
                        self.module(directory.as_bstr(), prefix, false, depth + 1)?;
                    }
                    Some(Call::Include(path)) => {
                        if let Some(Node::File(blob)) = self.tree.node(path.as_bstr())? {
                            let name = &document.object.id.name;
                            self.parts.insert(Part {
                                path,
                                blob,
                                prefix: format!("{prefix}include.{name}."),
                            });
                        }
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// What of the repository an item brings in.
pub(crate) enum Call {
    /// A module's directory, by `module`.
    Module(RepoPath),
    /// The module that Terragrunt runs.
    Source(RepoPath),
    /// A file that Terragrunt merges.
    Include(RepoPath),
}

/// What `document`, an item of the file at `path`, brings in from this repository.
pub(crate) fn call(tree: &Tree, path: &BStr, document: &Document) -> Result<Option<Call>> {
    let object = &document.object;
    let text = |key: &str| object.at(&[key]).and_then(|node| node.as_str());
    let directory = parent(path);
    Ok(match object.id.kind.as_str() {
        "module" => text("source")
            .filter(|source| source.starts_with("./") || source.starts_with("../"))
            .and_then(|source| join(directory, source.into()))
            .map(Call::Module),
        "terraform" if file_name(path) == "terragrunt.hcl" => {
            let source = text("source").unwrap_or_default();
            let found = match source.strip_prefix("${get_repo_root()}/") {
                Some(below) => join(BStr::new(""), below.into()),
                None if source.starts_with('.') => join(directory, source.into()),
                None => None,
            };
            found.map(Call::Source)
        }
        "include" => {
            let named = text("path")
                .and_then(|path| path.strip_prefix("${find_in_parent_folders("))
                .and_then(|rest| rest.strip_suffix(")}"));
            match named.map(|name| name.trim_matches('"')) {
                Some(name) if !name.contains(['"', '/', ',']) => {
                    let name = if name.is_empty() {
                        "terragrunt.hcl"
                    } else {
                        name
                    };
                    in_parents(tree, directory, name)?.map(Call::Include)
                }
                _ => None,
            }
        }
        _ => None,
    })
}

/// The nearest file of this name in a directory above.
fn in_parents(tree: &Tree, directory: &BStr, name: &str) -> Result<Option<RepoPath>> {
    let mut directory = directory;
    while !directory.is_empty() {
        directory = parent(directory);
        if let Some(path) = join(directory, name.into())
            && let Some(Node::File(_)) = tree.node(path.as_bstr())?
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
