//! Whether changes may alter how one app is declared, for questions that follow a few apps far back: the whole layout takes
//! a thousand times as long as a look at the files that differ.

use super::{App, Layout, overrides, unaltered};
use crate::git::{ByteSlice, EntryKind, Oid, PathChange, Reader, Result};
use crate::manifest::{Node, ObjectRef};
use crate::render::kustomization::is_kustomization_name;
use crate::render::orders::is_order;
use crate::render::tree::{file_name, parent};
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
        let orders = outline.objects.iter().filter(|object| is_order(object));
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
