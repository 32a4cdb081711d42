//! Whether changes may alter how one app is declared, for questions that follow a few apps far back: the whole layout takes
//! a thousand times as long as a look at the files that differ.

use std::collections::{BTreeSet, HashMap};

use super::{App, Layout, orders, overrides, own, unaltered};
use crate::git::{BStr, ByteSlice, EntryKind, Oid, PathChange, Reader, RepoPath, Result};
use crate::manifest::{Node, Object, ObjectRef};
use crate::render::kustomization::{self, is_kustomization_name};
use crate::render::orders::is_order;
use crate::render::tree::{Tree, file_name, is_within, parent};
use crate::render::{Renderer, SourceIgnore, Tool, resource_set};

/// Two trees, and what differs between them.
#[derive(Clone, Copy)]
pub struct Between<'a> {
    pub before: Oid,
    pub after: Oid,
    pub changes: &'a [PathChange],
}

/// Whether an app of `layout` is sure to be declared as it is on both sides of a row; `false` says nothing.
pub fn is_declared_alike(
    reader: &Reader,
    renderer: &Renderer,
    layout: &Layout,
    app: &App,
    row: Between<'_>,
) -> Result<bool> {
    let concerned: Vec<PathChange> = row
        .changes
        .iter()
        .filter(|change| {
            app.recipe.touches(&change.path)
                || app.sources.contains(&change.path)
                || *change.path == overrides::FILE
                || layout.reads.contains(&*change.path)
                || layout.orders_read.contains(&*change.path)
        })
        .cloned()
        .collect();
    // What a chart or a helmfile says may be in the recipe, and of plain files which there are.
    if !matches!(app.recipe.tool, Tool::Kustomize(_)) || app.version.is_some() {
        return unaltered(reader, renderer, layout, &concerned);
    }
    for change in &concerned {
        if may_declare(reader, renderer, layout, app, row, change)? {
            return Ok(false);
        }
    }
    Ok(true)
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
        && renderer
            .kustomization(reader, before)?
            .gathers_like(&*renderer.kustomization(reader, after)?)
    {
        return Ok(false);
    }
    // What no order declares is an app, and in an environment, for what other directories there are.
    let depends = app.declared_by.is_none();
    if depends && (change.before.is_none() || change.after.is_none()) {
        return Ok(true);
    }
    let used = |tree| -> Result<BTreeSet<RepoPath>> {
        let walk = kustomization::walk(&Tree::at(reader, tree), parent(path), renderer)?;
        let directories = walk.directories.iter();
        let directories = directories.filter(|place| depends || app.recipe.roots.contains(place));
        let read = walk.closure.intersection(files);
        Ok(directories.chain(read).cloned().collect())
    };
    Ok(used(row.before)? != used(row.after)?)
}

/// Whether orders to deployers that differ may have had `files` deployed before, or anything where there are no files; or
/// may themselves have made an object that `is_wanted`.
pub fn ordered_otherwise(
    reader: &Reader,
    renderer: &Renderer,
    before: Oid,
    changes: &[PathChange],
    files: &BTreeSet<RepoPath>,
    is_wanted: &dyn Fn(&ObjectRef) -> bool,
) -> Result<bool> {
    for change in changes {
        for order in unsaid(reader, renderer, change)? {
            if is_wanted(&order.id)
                || (order.is_order() && may_deploy(reader, renderer, before, &order, files)?)
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether deployers may be told for the first time what to deploy: what they are not told of may have been deployed before
/// without an order. `layout`: that after the changes.
pub fn orders_begin(
    reader: &Reader,
    renderer: &Renderer,
    layout: &Layout,
    changes: &[PathChange],
) -> Result<bool> {
    let mut come = Vec::new();
    for change in changes {
        let orders = |side: Option<(EntryKind, Oid)>| -> Result<Vec<ObjectRef>> {
            let Some((EntryKind::Blob | EntryKind::Executable, blob)) = side else {
                return Ok(Vec::new());
            };
            let outline = renderer.outline(reader, blob)?;
            let orders = outline.objects.iter().filter(|id| is_order(id));
            Ok(orders.cloned().collect())
        };
        let after = orders(change.after)?;
        if !after.is_empty() {
            let before = orders(change.before)?;
            come.extend(after.into_iter().filter(|order| !before.contains(order)));
        }
    }
    let came = |order: &ObjectRef| come.iter().any(|new| is_called(order, new));
    let begins =
        |order: &ObjectRef| matches!(order.kind.as_str(), "FluxInstance" | "GitRepository");
    let mut declared = layout
        .apps
        .iter()
        .filter_map(|app| app.declared_by.as_ref());
    Ok(!come.is_empty() && (come.iter().any(begins) || declared.all(came)))
}

/// What a file's orders say before a change, and not any more after it.
pub(super) fn unsaid(
    reader: &Reader,
    renderer: &Renderer,
    change: &PathChange,
) -> Result<Vec<Said>> {
    let file = |side: Option<(EntryKind, _)>| match side {
        Some((EntryKind::Blob | EntryKind::Executable, id)) => Some(id),
        _ => None,
    };
    let Some(old) = file(change.before) else {
        return Ok(Vec::new());
    };
    let outline = renderer.outline(reader, old)?;
    let new = file(change.after);
    let declares = match new {
        Some(new) => renderer.outline(reader, new)?.declares,
        None => None,
    };
    // The digest tells of most files that nothing in them need be compared.
    if outline.declares == declares || !outline.objects.iter().any(|id| speaks(id, None)) {
        return Ok(Vec::new());
    }
    let after = said(reader, renderer, new, None)?;
    let mut before = said(reader, renderer, Some(old), None)?;
    before.retain(|order| !after.contains(order));
    Ok(before)
}

/// Whether an order may have `files` deployed.
fn may_deploy(
    reader: &Reader,
    renderer: &Renderer,
    tree: Oid,
    order: &Said,
    files: &BTreeSet<RepoPath>,
) -> Result<bool> {
    let path = match order.id.kind.as_str() {
        "GitRepository" | "OCIRepository" | "Bucket" => return Ok(false),
        "Kustomization" => order.text(&["path"]),
        "FluxInstance" => order.text(&["sync", "path"]),
        "Application" => order.text(&["source", "path"]),
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
    row: Between<'_>,
    change: &PathChange,
) -> Result<bool> {
    let path = change.path.as_bstr();
    let is_read = layout.orders_read.contains(path);
    let file = |side: Option<(EntryKind, _)>| match side {
        Some((EntryKind::Blob | EntryKind::Executable, id)) => Ok(Some(id)),
        None => Ok(None),
        Some(_) => Err(()),
    };
    let (Ok(before), Ok(after)) = (file(change.before), file(change.after)) else {
        return Ok(true);
    };
    let name = file_name(path);
    if path == overrides::FILE || name == "Chart.yaml" || name == SourceIgnore::FILE {
        return Ok(true);
    }
    if is_kustomization_name(name) {
        let (Some(before), Some(after)) = (before, after) else {
            let roots = &app.recipe.roots;
            return Ok(is_read || roots.iter().any(|root| root == parent(path)));
        };
        return Ok(is_read && gathers_otherwise(reader, renderer, app, row, path, (before, after))?);
    }
    let mut declares = false;
    for blob in [before, after].into_iter().flatten() {
        declares |= renderer.outline(reader, blob)?.declares.is_some();
    }
    if !declares {
        return Ok(is_read);
    }
    let old = said(reader, renderer, before, Some(app))?;
    let new = said(reader, renderer, after, Some(app))?;
    let mut differ = false;
    for (orders, others, tree) in [(&old, &new, row.before), (&new, &old, row.after)] {
        for order in orders.iter().filter(|order| !others.contains(order)) {
            differ = true;
            if may_decide(reader, renderer, app, tree, order)? {
                return Ok(true);
            }
        }
    }
    // Of orders that are given twice, the first counts.
    Ok(!differ && old != new)
}

/// Whether an order may decide how an app is declared: it is the app's own, or what is applied with it is, or it is of another
/// kind than those that are about what they apply alone.
fn may_decide(
    reader: &Reader,
    renderer: &Renderer,
    app: &App,
    tree: Oid,
    order: &Said,
) -> Result<bool> {
    let is_own = app
        .declared_by
        .as_ref()
        .is_none_or(|own| is_called(own, &order.id));
    let path = match order.id.kind.as_str() {
        "Kustomization" if !is_own => order.text(&["path"]).and_then(own::rooted),
        _ => None,
    };
    let Some(path) = path else {
        return Ok(true);
    };
    let walk = kustomization::walk(&Tree::at(reader, tree), path.as_bstr(), renderer)?;
    let mut read = app.recipe.closure.iter().chain(&app.sources);
    Ok(read.any(|file| is_within(file, &path) || walk.closure.contains(file)))
}

fn is_called(order: &ObjectRef, other: &ObjectRef) -> bool {
    order.kind == other.kind && order.name == other.name
}

/// Whether a kustomization of orders that differs may have had others that decide about `app`, or the same with other values.
fn gathers_otherwise(
    reader: &Reader,
    renderer: &Renderer,
    app: &App,
    row: Between<'_>,
    path: &BStr,
    (before, after): (Oid, Oid),
) -> Result<bool> {
    const LISTS: &[&str] = &["apiVersion", "kind", "resources", "bases"];
    const GENERATORS: &[&str] = &["configMapGenerator", "generatorOptions", "secretGenerator"];
    let is_its = app.recipe.touches(path) || app.sources.iter().any(|source| source == path);
    let fields = match is_its {
        true => LISTS.to_vec(),
        false => [LISTS, GENERATORS].concat(),
    };
    if !kustomization::differ_only_in(&fields, &reader.blob(before)?, &reader.blob(after)?) {
        return Ok(true);
    }
    let (old, new) = (
        renderer.kustomization(reader, before)?,
        renderer.kustomization(reader, after)?,
    );
    if old.gathers_like(&new) {
        return Ok(false);
    }
    let resources = |tree| -> Result<HashMap<RepoPath, Oid>> {
        let walk = kustomization::walk(&Tree::at(reader, tree), parent(path), renderer)?;
        Ok(walk.resources.into_iter().collect())
    };
    let (before, after) = (resources(row.before)?, resources(row.after)?);
    for (one, other) in [(&before, &after), (&after, &before)] {
        for (path, blob) in one {
            if !other.contains_key(path) {
                let outline = renderer.outline(reader, *blob)?;
                if outline.objects.iter().any(|id| speaks(id, Some(app))) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// What an order says that may decide about others than the app it declares; or an object that one makes.
#[derive(PartialEq, Eq)]
pub(super) struct Said {
    pub(super) id: ObjectRef,
    api_version: String,
    spec: Vec<(String, Node)>,
}

impl Said {
    pub(super) fn is_order(&self) -> bool {
        is_order(&self.id)
    }

    pub(super) fn says(&self, field: &str) -> bool {
        self.spec.iter().any(|(key, _)| key == field)
    }

    pub(super) fn text(&self, keys: &[&str]) -> Option<&str> {
        let (first, rest) = keys.split_first()?;
        let (_, value) = self.spec.iter().find(|(key, _)| key == first)?;
        value.at(rest)?.as_str()
    }
}

/// What the orders in a file say that may decide about `app`, or (`None`) about anything.
fn said(
    reader: &Reader,
    renderer: &Renderer,
    file: Option<Oid>,
    app: Option<&App>,
) -> Result<Vec<Said>> {
    let mut found = Vec::new();
    if let Some(blob) = file {
        let outline = renderer.outline(reader, blob)?;
        // Most orders are about themselves, and need not be read.
        if outline.objects.iter().any(|id| speaks(id, app)) {
            for document in &renderer.parse(reader, blob)?.manifest.documents {
                say(&document.object, false, renderer, app, &mut found);
            }
        }
    }
    Ok(found)
}

/// Whether an object is an order that may decide about others than the app it declares.
fn speaks(order: &ObjectRef, app: Option<&App>) -> bool {
    let is_about = |app: &App| {
        let own = app.declared_by.as_ref();
        own.is_some_and(|own| is_called(own, order))
    };
    is_order(order)
        && match order.kind.as_str() {
            "HelmChart" | "HelmRepository" | "ResourceSetInputProvider" => false,
            // No other object refers to them.
            "Application" => app.is_none_or(is_about),
            "HelmRelease" => app.is_some_and(is_about),
            _ => true,
        }
}

/// `made`: by another order.
fn say(order: &Object, made: bool, renderer: &Renderer, app: Option<&App>, found: &mut Vec<Said>) {
    let is_made = made && app.is_none();
    if !is_made && !speaks(&order.id, app) {
        return;
    }
    let matters: fn(&str) -> bool = match order.id.kind.as_str() {
        // Which version a source is taken at is not what it is.
        "OCIRepository" => |field| field == "url",
        "FluxInstance" => |field| field == "sync",
        "ResourceSet" => {
            for made in resource_set::objects(order, renderer.masking()).unwrap_or_default() {
                say(&made, true, renderer, app, found);
            }
            return;
        }
        _ => |field| !orders::MANNERS.contains(&field),
    };
    let spec = order.at(&["spec"]).and_then(Node::as_map);
    let spec = spec.into_iter().flatten();
    let spec = spec.filter(|(field, _)| matters(field));
    found.push(Said {
        id: order.id.clone(),
        api_version: order.api_version.clone(),
        spec: spec
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect(),
    });
}
