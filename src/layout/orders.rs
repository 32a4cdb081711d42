//! Orders to deployers: the objects in a tree that tell Flux and Argo CD what to deploy.
//!
//! They are read as they are written wherever what makes them leaves them alone, which costs nothing; where a patch or
//! another kustomization changes them on their way to the cluster, what makes them is rendered by the real tool.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::git::{ByteSlice, EntryKind, Oid, RepoPath, Result};
use crate::manifest::{Leaf, Node, Object, ObjectRef, is_cluster_scoped};
use crate::render::kustomization::{self, Patched, Walk};
use crate::render::tree::{Tree, file_name, is_manifest_name, parent};
use crate::render::{
    Additions, How, Parsed, Patch, Recipe, Renderer, Substitution, Tool, orders::is_order,
};

use super::is_ignored;

/// Kinds of orders, for patches that say which kinds they are for.
const KINDS: [&str; 13] = [
    "AppProject",
    "Application",
    "ApplicationSet",
    "Bucket",
    "FluxInstance",
    "GitRepository",
    "HelmChart",
    "HelmRelease",
    "HelmRepository",
    "Kustomization",
    "OCIRepository",
    "ResourceSet",
    "ResourceSetInputProvider",
];

/// The fields of an order's `spec` that say nothing about what is deployed, so that a patch of them does not matter here.
pub(super) const MANNERS: [&str; 22] = [
    "decryption",
    "dependsOn",
    "driftDetection",
    "force",
    "healthChecks",
    "ignoreDifferences",
    "install",
    "interval",
    "maxHistory",
    "persistentClient",
    "prune",
    "retryInterval",
    "rollback",
    "secretRef",
    "serviceAccountName",
    "suspend",
    "syncPolicy",
    "test",
    "timeout",
    "uninstall",
    "upgrade",
    "wait",
];

/// Most are read in place: a layout is detected thousands of times, each with the same objects.
#[derive(Debug, Clone)]
enum Body {
    Document(Arc<Parsed>, usize),
    Made(Arc<Object>),
}

/// An object that a deployer reads.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// As it reaches the cluster, as far as that is known.
    id: ObjectRef,
    body: Body,
    /// Its name as `from` gives it.
    pub(super) written: ObjectRef,
    /// What makes it: its file, or the kustomization that changes it on the way.
    pub(super) from: Recipe,
    /// The file it is written in, unless it was rendered.
    pub(super) file: Option<RepoPath>,
}

impl Order {
    /// One that is written nowhere as it is.
    pub(super) fn made(object: Object, from: Recipe, file: Option<RepoPath>) -> Order {
        Order {
            id: object.id.clone(),
            written: object.id.clone(),
            body: Body::Made(Arc::new(object)),
            from,
            file,
        }
    }

    pub(super) fn id(&self) -> &ObjectRef {
        &self.id
    }

    pub(super) fn object(&self) -> Option<&Object> {
        match &self.body {
            Body::Document(parsed, index) => Some(&parsed.manifest.documents.get(*index)?.object),
            Body::Made(object) => Some(object),
        }
    }

    pub(super) fn spec(&self, keys: &[&str]) -> Option<&Node> {
        self.object()?.at(&["spec"])?.at(keys)
    }

    /// A text that is not empty.
    pub(super) fn text(&self, keys: &[&str]) -> Option<&str> {
        self.spec(keys)?.as_str().filter(|text| !text.is_empty())
    }

    /// The directory it is written in; of a rendered one, where it is rendered.
    pub(super) fn directory(&self) -> RepoPath {
        let rendered = || self.from.roots.first().cloned().unwrap_or_default();
        self.file.as_ref().map_or_else(rendered, |file| {
            RepoPath::from(parent(file.as_bstr()).to_vec())
        })
    }
}

/// Every file with orders in it.
pub(super) struct Written {
    pub(super) files: Vec<(RepoPath, Oid)>,
}

impl Written {
    pub(super) fn of(tree: &Tree, renderer: &Renderer) -> Result<Written> {
        let charts = super::chart::directories(tree)?;
        let may_declare = |(path, kind, _): &&(RepoPath, EntryKind, Oid)| {
            matches!(kind, EntryKind::Blob | EntryKind::Executable)
                && is_manifest_name(path.as_bstr())
                && !is_ignored(path)
                && !super::chart::is_below(path, &charts)
        };
        let files = tree.listed_below("".into()).iter().filter(may_declare);
        let (paths, blobs): (Vec<&RepoPath>, Vec<Oid>) =
            files.map(|(path, _, id)| (path, *id)).unzip();
        let outlines = renderer.outline_all(tree.reader, &blobs)?;
        let files = paths.into_iter().zip(blobs).zip(outlines);
        Ok(Written {
            files: files
                .filter(|(_, outline)| outline.declares.is_some())
                .map(|((path, id), _)| (path.clone(), id))
                .collect(),
        })
    }

    /// All orders as they are written.
    pub(super) fn orders(&self, tree: &Tree, renderer: &Renderer) -> Result<Vec<Order>> {
        let mut orders = Vec::new();
        for (path, id) in &self.files {
            let parsed = renderer.parse(tree.reader, *id)?;
            orders.extend(in_file(path, &parsed));
        }
        Ok(orders)
    }
}

pub(super) fn in_file<'a>(
    path: &'a RepoPath,
    parsed: &'a Arc<Parsed>,
) -> impl Iterator<Item = Order> + 'a {
    let documents = parsed.manifest.documents.iter().enumerate();
    documents
        .filter(|(_, document)| is_order(&document.object.id))
        .map(move |(index, document)| Order {
            id: document.object.id.clone(),
            written: document.object.id.clone(),
            body: Body::Document(Arc::clone(parsed), index),
            from: read(path),
            file: Some(path.clone()),
        })
}

/// The recipe of a file that is applied as it is.
pub(super) fn read(path: &RepoPath) -> Recipe {
    Recipe {
        tool: Tool::Plain,
        roots: vec![path.clone()],
        closure: vec![path.clone()],
        namespace: None,
    }
}

/// The orders that a recipe makes, and why they had to be taken as they are written although something changes them.
pub(super) fn made_by(
    tree: &Tree,
    renderer: &Renderer,
    recipe: &Recipe,
    walk: &Walk,
) -> Result<(Vec<Order>, Option<String>)> {
    let mut orders = Vec::new();
    for (path, id) in &walk.resources {
        if is_manifest_name(path.as_bstr())
            && renderer.outline(tree.reader, *id)?.declares.is_some()
        {
            let parsed = renderer.parse(tree.reader, *id)?;
            orders.extend(in_file(path, &parsed));
        }
    }
    let plain = Additions::default();
    let additions = match &recipe.tool {
        Tool::Kustomize(additions) => additions,
        _ => &plain,
    };
    if orders.is_empty() {
        return Ok((orders, None));
    }
    let mut why = None;
    if changes(tree, renderer, walk, additions)? {
        let rendering = renderer.render(tree.reader, tree.root(), recipe)?;
        match &rendering.how {
            How::Sources { why: failed } => why = Some(failed.clone()),
            How::Read | How::Tool { .. } => {
                let made = rendering.objects.iter().map(|made| &made.object);
                let orders = made.filter(|object| is_order(&object.id));
                let orders = orders.map(|object| Order::made(object.clone(), recipe.clone(), None));
                return Ok((orders.collect(), None));
            }
        }
    }
    for order in &mut orders {
        let placed = order.file.as_ref().and_then(|file| walk.placed.get(file));
        let namespace = additions.namespace.as_ref().or(placed);
        if let Some(namespace) = namespace
            && !is_cluster_scoped(&order.id.group, &order.id.kind)
        {
            order.id.namespace = Some(namespace.clone());
        }
        if let Some(substitution) = &additions.substitute
            && substitution.applies()
        {
            if let Some(mut object) = order.object().cloned() {
                object.id = order.id.clone();
                substitute(&mut object, substitution);
                order.id = object.id.clone();
                order.body = Body::Made(Arc::new(object));
            }
            order.from = recipe.clone();
        }
    }
    Ok((orders, why))
}

/// Whether orders reach the cluster otherwise than they are written (in another way than by namespaces and variables).
fn changes(tree: &Tree, renderer: &Renderer, walk: &Walk, additions: &Additions) -> Result<bool> {
    if additions.name_prefix.is_some()
        || additions.name_suffix.is_some()
        || additions.patches.iter().any(patches_orders)
    {
        return Ok(true);
    }
    for directory in &walk.directories {
        for (path, id) in kustomization::files_in(tree, directory.as_bstr())? {
            let kustomization = renderer.kustomization(tree.reader, id)?;
            if kustomization.rewrites {
                return Ok(true);
            }
            for patched in &kustomization.patched {
                let matters = match patched {
                    Patched::Any => true,
                    Patched::Kind(kind) => may_be_order(kind),
                    Patched::File(file) => is_order_file(tree, renderer, &path, file)?,
                };
                if matters {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// The files that decide which orders a kustomization makes where they are changed on their way: all but those whose objects
/// can do nothing to others.
pub(super) fn deciding(tree: &Tree, renderer: &Renderer, walk: &Walk) -> Result<Vec<RepoPath>> {
    let mut idle = BTreeSet::new();
    for (path, id) in &walk.resources {
        let outline = renderer.outline(tree.reader, *id)?;
        if outline.declares.is_none()
            && !outline.broken
            && !outline.is_template
            && !outline.objects.is_empty()
        {
            idle.insert(path);
        }
    }
    for directory in &walk.directories {
        for (_, id) in kustomization::files_in(tree, directory.as_bstr())? {
            if renderer.kustomization(tree.reader, id)?.takes_from_others {
                idle.clear();
            }
        }
    }
    let closure = walk.closure.iter();
    Ok(closure
        .filter(|path| !idle.contains(path))
        .cloned()
        .collect())
}

/// Whether a patch in a file is one of an order.
fn is_order_file(
    tree: &Tree,
    renderer: &Renderer,
    kustomization: &RepoPath,
    file: &str,
) -> Result<bool> {
    match tree.file_at(parent(kustomization.as_bstr()), file.into())? {
        Some(id) => Ok(renderer.outline(tree.reader, id)?.declares.is_some()),
        None => Ok(false),
    }
}

/// Whether a kind, or a regular expression for kinds, may be one of an order's.
fn may_be_order(kind: &str) -> bool {
    KINDS.iter().any(|order| kind.contains(order)) || kind.contains(['.', '*', '[', '(', '?', '+'])
}

/// Whether a deployer's patch changes more of an order than its manners.
fn patches_orders(patch: &Patch) -> bool {
    let target = patch.target.as_deref().map(kustomization::kind_of);
    let kind = match target {
        Some(target) => target,
        None if patch.patch.is_empty() => Patched::Any,
        None => kustomization::kind_of(&patch.patch),
    };
    let for_orders = match &kind {
        Patched::Kind(kind) => may_be_order(kind),
        Patched::File(_) | Patched::Any => true,
    };
    for_orders && !is_about_manners(&patch.patch)
}

fn is_about_manners(patch: &str) -> bool {
    use serde_yaml::Value;
    let key = |key: &Value| {
        key.as_str()
            .is_some_and(|key| MANNERS.contains(&key) || key == "$patch")
    };
    match serde_yaml::from_str::<Value>(patch) {
        Ok(Value::Mapping(patch)) => patch.iter().all(|(name, value)| match name.as_str() {
            Some("apiVersion" | "kind" | "metadata") => true,
            Some("spec") => value
                .as_mapping()
                .is_some_and(|spec| spec.keys().all(key) && !spec.contains_key("$patch")),
            _ => false,
        }),
        Ok(Value::Sequence(operations)) => operations.iter().all(|operation| {
            let path = operation.get("path").and_then(Value::as_str);
            let mut steps = path.unwrap_or_default().split('/').skip(1);
            match (steps.next(), steps.next()) {
                (Some("metadata"), Some("labels" | "annotations")) => true,
                (Some("spec"), Some(field)) => MANNERS.contains(&field),
                _ => false,
            }
        }),
        _ => false,
    }
}

/// Replaces variables in every text of an object. (Flux does so in the text of the whole object.)
fn substitute(object: &mut Object, substitution: &Substitution) {
    fn replace(node: &mut Node, substitution: &Substitution) {
        match node {
            Node::Leaf(Leaf::String(text)) => {
                if text.contains("${")
                    && let Ok(replaced) = substitution.apply(text.as_bytes())
                {
                    *text = replaced.to_str_lossy().into_owned();
                }
            }
            Node::Leaf(_) => {}
            Node::List(items) => items
                .iter_mut()
                .for_each(|item| replace(item, substitution)),
            Node::Map(map) => map
                .values_mut()
                .for_each(|item| replace(item, substitution)),
        }
    }
    replace(&mut object.root, substitution);
    let name = object.at(&["metadata", "name"]).and_then(Node::as_str);
    if let Some(name) = name {
        object.id.name = name.to_owned();
    }
    if let Some(Node::Leaf(Leaf::String(namespace))) = object.at(&["metadata", "namespace"])
        && object
            .id
            .namespace
            .as_deref()
            .is_some_and(|namespace| namespace.contains("${"))
    {
        object.id.namespace = Some(namespace.clone());
    }
}

/// A file's name says that it is what `flux bootstrap` writes.
pub(super) fn is_sync(path: &RepoPath) -> bool {
    file_name(path.as_bstr()) == "gotk-sync.yaml"
}
