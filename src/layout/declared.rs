//! Whether changes may alter how one app is declared, for questions that follow a few apps far back: the whole layout takes
//! a thousand times as long as a look at the files that differ.

use std::collections::BTreeSet;

use super::{App, Layout, overrides, own, unaltered};
use crate::git::{ByteSlice, EntryKind, Oid, PathChange, Reader, RepoPath, Result};
use crate::manifest::{Node, Object, ObjectRef};
use crate::render::kustomization::{self, is_kustomization_name};
use crate::render::orders::is_order;
use crate::render::tree::{Tree, file_name, is_within, parent};
use crate::render::{Renderer, Tool, differ_harmlessly};

/// Whether an app of `layout` is sure to be declared as it is on the other side of `changes`; `false` says nothing.
pub fn is_declared_alike(
    reader: &Reader,
    renderer: &Renderer,
    layout: &Layout,
    app: &App,
    changes: &[PathChange],
) -> Result<bool> {
    let concerned: Vec<PathChange> = changes
        .iter()
        .filter(|change| {
            app.recipe.touches(&change.path)
                || app.sources.contains(&change.path)
                || *change.path == overrides::FILE
                || layout.reads.contains(&*change.path)
        })
        .cloned()
        .collect();
    // What a chart or a helmfile says may be in the recipe, and of plain files which there are.
    if !matches!(app.recipe.tool, Tool::Kustomize(_)) || app.version.is_some() {
        return unaltered(reader, renderer, layout, &concerned);
    }
    for change in &concerned {
        if may_declare(reader, renderer, layout, app, change)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Two trees, and what differs between them.
#[derive(Clone, Copy)]
pub struct Between<'a> {
    pub before: Oid,
    pub after: Oid,
    pub changes: &'a [PathChange],
}

/// Whether another kustomization than an app's may have made use of the app, or of `files`, on one side only: then it was
/// no app of its own, or there was another one.
pub fn is_built_otherwise(
    reader: &Reader,
    renderer: &Renderer,
    app: &App,
    row: Between<'_>,
    files: &BTreeSet<RepoPath>,
) -> Result<bool> {
    for change in row.changes {
        if !app.recipe.touches(&change.path)
            && builds_otherwise(reader, renderer, app, row, change, files)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a kustomization file that an app does not read, and that differs, made another use of the app before, or of
/// `files`.
fn builds_otherwise(
    reader: &Reader,
    renderer: &Renderer,
    app: &App,
    row: Between<'_>,
    change: &PathChange,
    files: &BTreeSet<RepoPath>,
) -> Result<bool> {
    let path = change.path.as_bstr();
    if !is_kustomization_name(file_name(path)) {
        return Ok(false);
    }
    if let (Some((_, before)), Some((_, after))) = (change.before, change.after)
        && differ_harmlessly(&reader.blob(before)?, &reader.blob(after)?)
    {
        return Ok(false);
    }
    let used = |tree| -> Result<BTreeSet<RepoPath>> {
        let walk = kustomization::walk(&Tree::at(reader, tree), parent(path), renderer)?;
        let directories = walk.directories.iter();
        let directories = directories.filter(|place| app.recipe.roots.contains(place));
        let read = walk.closure.intersection(files);
        Ok(directories.chain(read).cloned().collect())
    };
    Ok(used(row.before)? != used(row.after)?)
}

/// Whether orders to deployers that differ may have had `files` deployed before, or anything where there are no files.
pub fn ordered_otherwise<'c>(
    reader: &Reader,
    renderer: &Renderer,
    before: Oid,
    changes: impl IntoIterator<Item = &'c PathChange>,
    files: &BTreeSet<RepoPath>,
) -> Result<bool> {
    let file = |side: Option<(EntryKind, _)>| match side {
        Some((EntryKind::Blob | EntryKind::Executable, id)) => Some(id),
        _ => None,
    };
    for change in changes {
        let Some(old) = file(change.before) else {
            continue;
        };
        let outline = renderer.outline(reader, old)?;
        let new = match file(change.after) {
            Some(new) => renderer.outline(reader, new)?.declares,
            None => None,
        };
        if outline.declares.is_none() || outline.declares == new {
            continue;
        }
        let parsed = renderer.parse(reader, old)?;
        for document in &parsed.manifest.documents {
            let object = &document.object;
            if is_order(&object.id) && may_deploy(reader, renderer, before, object, files)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether an order may have `files` deployed.
fn may_deploy(
    reader: &Reader,
    renderer: &Renderer,
    tree: Oid,
    order: &Object,
    files: &BTreeSet<RepoPath>,
) -> Result<bool> {
    let text = |keys: &[&str]| order.at(keys).and_then(Node::as_str);
    let path = match order.id.kind.as_str() {
        "HelmRelease" | "HelmChart" | "HelmRepository" | "OCIRepository" => return Ok(false),
        "Kustomization" => text(&["spec", "path"]),
        "Application" => text(&["spec", "source", "path"]),
        _ => None,
    };
    let Some(path) = path.and_then(own::rooted).filter(|_| !files.is_empty()) else {
        return Ok(true);
    };
    if files.iter().any(|file| is_within(file, &path)) {
        return Ok(true);
    }
    let walk = kustomization::walk(&Tree::at(reader, tree), path.as_bstr(), renderer)?;
    Ok(!walk.closure.is_disjoint(files))
}

/// Whether the change of one file may alter how a kustomization's app is declared: its deployer's object differs, or how that
/// is made does.
fn may_declare(
    reader: &Reader,
    renderer: &Renderer,
    layout: &Layout,
    app: &App,
    change: &PathChange,
) -> Result<bool> {
    let path = change.path.as_bstr();
    let is_read = layout.reads.contains(path);
    let file = |side: Option<(EntryKind, _)>| match side {
        Some((EntryKind::Blob | EntryKind::Executable, id)) => Ok(Some(id)),
        None => Ok(None),
        Some(_) => Err(()),
    };
    let (Ok(before), Ok(after)) = (file(change.before), file(change.after)) else {
        return Ok(true);
    };
    let name = file_name(path);
    if path == overrides::FILE || name == "Chart.yaml" {
        return Ok(true);
    }
    if is_kustomization_name(name) {
        let (Some(before), Some(after)) = (before, after) else {
            let roots = &app.recipe.roots;
            return Ok(is_read || roots.iter().any(|root| root == parent(path)));
        };
        return Ok(is_read && !differ_harmlessly(&reader.blob(before)?, &reader.blob(after)?));
    }
    let mut sides = Vec::new();
    for blob in [before, after].into_iter().flatten() {
        let outline = renderer.outline(reader, blob)?;
        if outline.declares.is_none() {
            if is_read {
                return Ok(true);
            }
            continue;
        }
        // Those about images and notifications say nothing of what is deployed.
        let aside = ["image.toolkit.fluxcd.io", "notification.toolkit.fluxcd.io"];
        let orders = outline.objects.iter();
        let orders =
            orders.filter(|object| is_order(object) && !aside.contains(&object.group.as_str()));
        let concerning: Vec<ObjectRef> = orders
            .filter(|order| match order.kind.as_str() {
                "HelmChart" | "HelmRepository" => false,
                // Those that no other object refers to concern nobody else.
                "Application" | "HelmRelease" => app
                    .declared_by
                    .as_ref()
                    .is_some_and(|own| own.kind == order.kind && own.name == order.name),
                _ => true,
            })
            .cloned()
            .collect();
        if concerning.iter().any(|order| order.kind != "OCIRepository") {
            return Ok(true);
        }
        if !concerning.is_empty() {
            sides.push(places(renderer, reader, blob)?);
        }
    }
    // Which version a source is taken at is not what it is.
    Ok(match sides.as_slice() {
        [] => false,
        [before, after] => before != after,
        _ => true,
    })
}

/// The OCI repositories that a file declares, and where each is.
fn places(
    renderer: &Renderer,
    reader: &Reader,
    blob: Oid,
) -> Result<Vec<(ObjectRef, Option<String>)>> {
    let parsed = renderer.parse(reader, blob)?;
    let objects = parsed.manifest.documents.iter();
    let objects = objects.map(|document| &document.object);
    Ok(objects
        .filter(|object| object.id.kind == "OCIRepository")
        .map(|object| {
            (
                object.id.clone(),
                object
                    .at(&["spec", "url"])
                    .and_then(Node::as_str)
                    .map(str::to_owned),
            )
        })
        .collect())
}
