//! Argo CD: Applications, each of which deploys one or more sources, and ApplicationSets, which make Applications.
//!
//! Where an Application deploys a directory that is an app already, by its overlay, it says who deploys that, and to where;
//! else it is an app of its own. Its environment is what the directory says it is, else that of the apps which go to the
//! same cluster, else what the Application's own file or its destination are called like.

mod set;
mod source;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{DEFAULT, Draft, FoundApp, Mark, ancestor, components};
use super::kustomize::{Kustomizations, Owned};
use super::names::{self, Certainty, Place, Siblings};
use super::orders::{self, Order};
use super::own::Own;
use super::{Deployer, LayoutKind};
use crate::git::{RepoPath, Result};
use crate::manifest::{Node, ObjectRef};
use crate::render::tree::Tree;
use crate::render::{Recipe, Renderer, Tool};
use source::{Application, Read, Reader, text};

/// Notes of one kind name this many.
const MAX_NAMED: usize = 8;

/// The name by which Argo CD calls the cluster it runs in, and the server it is there.
const HERE: [&str; 2] = ["in-cluster", "https://kubernetes.default.svc"];

/// What the Applications in a tree say.
#[derive(Default)]
pub(super) struct Applications {
    found: Vec<Found>,
    notes: BTreeMap<String, Vec<String>>,
}

struct Found {
    id: ObjectRef,
    name: String,
    /// Where the Application itself is written.
    directory: RepoPath,
    cluster: Option<String>,
    namespace: Option<String>,
    read: Read,
}

/// The URLs and paths that Applications name, for [`Own::of`].
pub(super) fn references(written: &[Order]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for order in written
        .iter()
        .filter(|order| order.id().group == "argoproj.io")
    {
        let spec = match order.id().kind.as_str() {
            "Application" => order.spec(&[]),
            "ApplicationSet" => {
                found.extend(set::references(order));
                order.spec(&["template", "spec"])
            }
            _ => None,
        };
        for source in spec.into_iter().flat_map(sources) {
            let path = text(source, &["path"]).filter(|path| !path.contains("{{"));
            found.extend(text(source, &["repoURL"]).zip(path));
        }
    }
    found
}

/// `sources`, where there are any; else `source`.
fn sources(spec: &Node) -> Vec<&Node> {
    match spec.get("sources").and_then(Node::as_list) {
        Some(sources) if !sources.is_empty() => sources.iter().collect(),
        _ => spec.get("source").into_iter().collect(),
    }
}

impl Applications {
    /// Reads all Applications. What they deploy as plain directories is theirs (`owned`).
    pub(super) fn read(
        tree: &Tree,
        renderer: &Renderer,
        written: &[Order],
        own: &Own,
        kustomizations: &Kustomizations,
        owned: &mut Owned,
        draft: &mut Draft,
    ) -> Result<Applications> {
        let mut applications = Applications::default();
        let reader = Reader {
            tree,
            renderer,
            own,
        };
        let mut seen: BTreeMap<ObjectRef, Node> = BTreeMap::new();
        let mut steps = set::MAX_STEPS;
        for order in all(tree, renderer, written, kustomizations, draft)? {
            let made = match order.id().kind.as_str() {
                "Application" => vec![order],
                "ApplicationSet" => {
                    let expanded = set::applications(&reader, &order, &mut steps)?;
                    draft.orders_read.extend(expanded.reads);
                    for note in expanded.notes {
                        applications.note(note, order.id());
                    }
                    expanded.applications
                }
                _ => continue,
            };
            for order in made {
                let Some(spec) = order.spec(&[]) else {
                    continue;
                };
                match seen.get(order.id()) {
                    Some(known) if known == spec => continue,
                    _ => seen.insert(order.id().clone(), spec.clone()),
                };
                applications.application(&reader, &order, spec, owned)?;
            }
        }
        Ok(applications)
    }

    fn application(
        &mut self,
        reader: &Reader,
        order: &Order,
        spec: &Node,
        owned: &mut Owned,
    ) -> Result<()> {
        let sources = sources(spec);
        let cluster = text(spec, &["destination", "name"])
            .or(text(spec, &["destination", "server"]))
            .filter(|name| !HERE.contains(name));
        let application = Application {
            name: &order.id().name,
            namespace: text(spec, &["destination", "namespace"]),
            sources: &sources,
        };
        let mut number = 0;
        for source in &sources {
            let only_referenced = text(source, &["ref"]).is_some()
                && text(source, &["path"]).is_none()
                && text(source, &["chart"]).is_none();
            if only_referenced {
                continue;
            }
            let mut read = reader.read(source, &application)?;
            read.recipe
                .closure
                .extend(order.from.closure.iter().cloned());
            read.recipe.closure.sort();
            read.recipe.closure.dedup();
            owned.files.extend(read.files.iter().cloned());
            for note in &read.notes {
                self.note(note.clone(), order.id());
            }
            number += 1;
            self.found.push(Found {
                name: match number {
                    1 => order.id().name.clone(),
                    _ => format!("{} ({number})", order.id().name),
                },
                id: order.id().clone(),
                directory: order.directory(),
                cluster: cluster.map(str::to_owned),
                namespace: application.namespace.map(str::to_owned),
                read,
            });
        }
        Ok(())
    }

    fn note(&mut self, what: String, of: &ObjectRef) {
        let which = crate::text::clean_line(&of.name);
        self.notes.entry(what).or_default().push(which);
    }

    /// Adds them to what was found of kustomizations.
    pub(super) fn add(self, draft: &mut Draft) {
        for (what, which) in self.notes {
            let more = which.len().saturating_sub(MAX_NAMED);
            let mut list = which[..which.len().min(MAX_NAMED)].join(", ");
            if more > 0 {
                list.push_str(&format!(", and {more} more"));
            }
            draft.notes.push(format!("{what}: Application {list}"));
        }
        if self.found.is_empty() {
            return;
        }
        draft.kinds.insert(LayoutKind::ArgoCd);
        let directories = self.found.iter().map(|found| components(&found.directory));
        let paths = self
            .found
            .iter()
            .filter_map(|found| found.read.path.as_ref());
        let paths = paths.map(|path| components(path));
        let siblings = Siblings::of(directories.chain(paths));
        let place = |path: &RepoPath| {
            Place::of(
                &components(path),
                |before, name| siblings.accept(before, name),
                |_, _| true,
            )
        };
        let mut taken: BTreeSet<usize> = BTreeSet::new();
        let mut others = Vec::new();
        let mut clusters: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for found in self.found {
            let overlay = draft.apps.iter().position(|app| {
                app.declared_by.is_none()
                    && matches!(app.recipe.tool, Tool::Kustomize(_))
                    && app.recipe.roots.first() == found.read.path.as_ref()
            });
            match overlay.filter(|index| taken.insert(*index)) {
                Some(index) => {
                    let app = &mut draft.apps[index];
                    if let Some(cluster) = &found.cluster {
                        let votes = clusters.entry(cluster.clone()).or_default();
                        *votes.entry(app.environment.clone()).or_default() += 1;
                    }
                    // What the kustomization sets itself stays.
                    let namespace = app.recipe.namespace.take();
                    app.recipe = found.read.recipe;
                    app.recipe.namespace = namespace.or(app.recipe.namespace.take());
                    app.declared_by = Some(found.id);
                    app.deployer = Some(Deployer::ArgoCd);
                    app.cluster = found.cluster;
                    app.marks.insert(Mark::ArgoCd);
                }
                None => others.push(found),
            }
        }
        for found in others {
            let by_path = |path: &RepoPath| {
                let place = place(path);
                let root = ancestor(path, place.root);
                place.environment.map(|environment| (environment, root))
            };
            let by_cluster = || {
                let votes = clusters.get(found.cluster.as_ref()?)?;
                let most = votes.iter().max_by_key(|(_, count)| **count)?;
                Some((most.0.clone(), found.directory.clone()))
            };
            let names = [&found.cluster, &found.namespace];
            let by_name = || {
                let name = names.iter().find_map(|name| environment(name.as_ref()?))?;
                Some((name, found.directory.clone()))
            };
            let (environment, root) = found
                .read
                .path
                .as_ref()
                .and_then(by_path)
                .or_else(by_cluster)
                .or_else(|| by_path(&found.directory))
                .or_else(by_name)
                .unwrap_or_else(|| (DEFAULT.to_owned(), found.directory.clone()));
            let id = &found.id;
            draft.apps.push(FoundApp {
                environment,
                root,
                qualifier: [id.namespace.clone(), Some(found.name.clone())]
                    .into_iter()
                    .flatten()
                    .collect(),
                name: found.name,
                recipe: found.read.recipe,
                cluster: found.cluster,
                deployer: Some(Deployer::ArgoCd),
                declared_by: Some(found.id),
                chart: found.read.chart,
                version: found.read.version,
                sources: Vec::new(),
                marks: BTreeSet::from([Mark::ArgoCd]),
            });
        }
    }
}

/// The environment that a cluster or namespace is called after: `prod` of `prod`, `prod-eu` and `shop-prod`.
fn environment(name: &str) -> Option<String> {
    let last = name.rsplit(['-', '_', '.']).next().unwrap_or(name);
    [name, last]
        .into_iter()
        .find(|name| names::environment(name) == Some(Certainty::Certain))
        .map(str::to_owned)
}

/// Every Application and ApplicationSet, as it reaches the cluster: by an overlay that applies it, or from its file.
fn all(
    tree: &Tree,
    renderer: &Renderer,
    written: &[Order],
    kustomizations: &Kustomizations,
    draft: &mut Draft,
) -> Result<Vec<Order>> {
    let is_ours = |order: &&Order| {
        order.id().group == "argoproj.io"
            && matches!(order.id().kind.as_str(), "Application" | "ApplicationSet")
    };
    let files: BTreeSet<&RepoPath> = written
        .iter()
        .filter(is_ours)
        .filter_map(|order| order.file.as_ref())
        .collect();
    let mut found = Vec::new();
    let mut applied: BTreeSet<RepoPath> = BTreeSet::new();
    for (directory, walk) in kustomizations.entries() {
        let ours: Vec<&RepoPath> = walk
            .resources
            .iter()
            .map(|(path, _)| path)
            .filter(|path| files.contains(path))
            .collect();
        if ours.is_empty() {
            continue;
        }
        applied.extend(ours.into_iter().cloned());
        let recipe = Recipe {
            tool: Tool::kustomize(),
            roots: vec![directory.clone()],
            closure: walk.closure.iter().cloned().collect(),
            namespace: None,
        };
        let (orders, problem) = orders::made_by(tree, renderer, &recipe, walk)?;
        if problem.is_some() || orders.iter().any(|order| order.file.is_none()) {
            draft
                .orders_read
                .extend(orders::deciding(tree, renderer, walk)?);
        }
        found.extend(orders.into_iter().filter(|order| is_ours(&order)));
    }
    let rest = written.iter().filter(is_ours);
    let rest = rest.filter(|order| {
        order
            .file
            .as_ref()
            .is_some_and(|file| !applied.contains(file))
    });
    found.extend(rest.cloned());
    Ok(found)
}
