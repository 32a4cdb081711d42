//! Manifests that are objects already: read, not rendered.

use super::kustomization::is_kustomization_name;
use super::tree::{Followed, Node, Tree, file_name, is_manifest_name};
use super::{How, Place, Recipe, RenderedObject, Renderer, Rendering, Source};
use crate::git::{BStr, ByteSlice, EntryKind, Oid, RepoPath, Result};
use crate::manifest::Manifest;

/// The files that `roots` stand for, in path order.
pub(super) fn files(tree: &Tree, roots: &[RepoPath]) -> Result<Vec<(RepoPath, Oid)>> {
    let mut files = Vec::new();
    for root in roots {
        collect(tree, root.as_bstr(), &mut files)?;
    }
    files.sort();
    files.dedup();
    Ok(files)
}

pub(super) fn render(
    tree: &Tree,
    recipe: &Recipe,
    files: &[(RepoPath, Oid)],
    renderer: &Renderer,
) -> Result<Rendering> {
    let (objects, broken) = read(tree, files, recipe.namespace.as_deref(), renderer)?;
    Ok(Rendering {
        objects,
        how: How::Read,
        broken,
    })
}

/// The files a root stands for: itself, or every file below it that is named like a manifest. Links to files are
/// followed, as `kubectl apply -R -f` does; links to directories are not.
fn collect(tree: &Tree, root: &BStr, files: &mut Vec<(RepoPath, Oid)>) -> Result<()> {
    let directory = match tree.follow(root)? {
        Followed::To { path, node, .. } => match node {
            Node::File(id) => {
                files.push((path, id));
                return Ok(());
            }
            Node::Directory => path,
            Node::Link(_) | Node::Submodule => return Ok(()),
        },
        Followed::Missing(_) | Followed::Escapes(_) => return Ok(()),
    };
    for (path, kind, id) in tree.below(directory.as_bstr())? {
        if !is_manifest_name(path.as_bstr()) || is_kustomization_name(file_name(path.as_bstr())) {
            continue;
        }
        match kind {
            EntryKind::Blob | EntryKind::Executable => files.push((path, id)),
            EntryKind::Symlink => {
                if let Followed::To {
                    path,
                    node: Node::File(id),
                    ..
                } = tree.follow(path.as_bstr())?
                {
                    files.push((path, id));
                }
            }
            EntryKind::Tree | EntryKind::Submodule => {}
        }
    }
    Ok(())
}

type Objects = (Vec<RenderedObject>, Vec<(RepoPath, String)>);

/// The objects in `files`, and the files that could not be read whole.
pub(super) fn read(
    tree: &Tree,
    files: &[(RepoPath, Oid)],
    namespace: Option<&str>,
    renderer: &Renderer,
) -> Result<Objects> {
    let mut objects = Vec::new();
    let mut broken = Vec::new();
    for (path, blob) in files {
        let parsed = renderer.parse(tree.reader, *blob)?;
        objects.extend(from_manifest(path, *blob, &parsed.manifest, namespace));
        if parsed.claims_objects {
            broken.extend(
                parsed
                    .manifest
                    .broken
                    .iter()
                    .map(|part| (path.clone(), part.to_string())),
            );
        }
    }
    Ok((objects, broken))
}

pub(super) fn from_manifest<'a>(
    path: &'a RepoPath,
    blob: Oid,
    manifest: &'a Manifest,
    namespace: Option<&'a str>,
) -> impl Iterator<Item = RenderedObject> + 'a {
    manifest
        .documents
        .iter()
        .map(move |document| RenderedObject {
            object: super::placed(document.object.clone(), namespace),
            source: Some(Source {
                path: path.clone(),
                blob,
                document: Some(Place {
                    bytes: document.bytes.clone(),
                    line: document.line,
                }),
            }),
        })
}
