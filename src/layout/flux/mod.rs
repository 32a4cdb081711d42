//! Flux: Kustomizations that apply directories, in which there are more Kustomizations, and HelmReleases.
//!
//! A cluster is where that begins: what `flux bootstrap` wrote (`gotk-sync.yaml`), a FluxInstance, or a Kustomization that
//! no other one makes. From there every Kustomization is followed as the controllers would follow it. Each is an app, as
//! is each HelmRelease. Sources: fluxcd/kustomize-controller, helm-controller, flux2 `pkg/manifestgen/sync`,
//! controlplaneio-fluxcd/flux-operator `api/v1`.

mod kustomization;
mod release;
mod set;
mod sources;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::draft::{DEFAULT, Draft, FoundApp, Mark, ancestor, components};
use super::kustomize::{Kustomizations, Owned};
use super::names::{self, Place, Siblings};
use super::orders::{self, Order};
use super::own::{self, Own};
use super::{Deployer, LayoutKind};
use crate::git::{ByteSlice, RepoPath, Result};
use crate::manifest::{Node, Object, ObjectRef};
use crate::render::kustomization::{Walk, display, walk_with};
use crate::render::tree::{Tree, is_manifest_name};
use crate::render::{Additions, Recipe, Renderer, Substitution, Tool};
use sources::{Name, Sources};

/// Files read for all Kustomizations together: thousands of them over the same thousands of files would take minutes.
const MAX_READS: usize = 2_000_000;
/// Notes of one kind.
const MAX_NOTES: usize = 8;

pub(super) fn detect(
    tree: &Tree,
    renderer: &Renderer,
    written: &[Order],
    own: &Own,
    kustomizations: &Kustomizations,
    draft: &mut Draft,
) -> Result<Owned> {
    let mut all = written.to_vec();
    all.extend(
        written
            .iter()
            .flat_map(|order| set::made_by(order, renderer)),
    );
    let written = all.as_slice();
    let mut flux = Flux {
        tree,
        renderer,
        sources: Sources {
            tree,
            renderer,
            orders: written,
        },
        own,
        siblings: Siblings::of(written.iter().map(|order| components(&order.directory()))),
        clusters: BTreeSet::new(),
        walks: HashMap::new(),
        seen: HashMap::new(),
        read: HashSet::new(),
        reads: 0,
        owned: Owned::default(),
        notes: BTreeMap::new(),
        draft,
    };
    flux.bootstrapped()?;
    flux.others(kustomizations)?;
    flux.releases_of_nobody()?;
    let notes = std::mem::take(&mut flux.notes);
    let owned = std::mem::take(&mut flux.owned);
    for (what, which) in notes {
        let more = which.len().saturating_sub(MAX_NOTES);
        let mut list = which[..which.len().min(MAX_NOTES)].join(", ");
        if more > 0 {
            list.push_str(&format!(", and {more} more"));
        }
        draft.notes.push(format!("{what}: {list}"));
    }
    Ok(owned)
}

/// The URLs and paths that Flux' objects name, for [`Own::of`].
pub(super) fn references(written: &[Order]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for order in written {
        let (reference, path) = match order.id().kind.as_str() {
            "Kustomization" => (order.spec(&["sourceRef"]), order.text(&["path"])),
            "HelmRelease" => (
                order.spec(&["chart", "spec", "sourceRef"]),
                order.text(&["chart", "spec", "chart"]),
            ),
            "FluxInstance" => {
                found.extend(
                    order
                        .text(&["sync", "url"])
                        .zip(order.text(&["sync", "path"])),
                );
                continue;
            }
            _ => continue,
        };
        let text = |key: &str| reference?.get(key)?.as_str();
        if text("kind") != Some("GitRepository") {
            continue;
        }
        // Whichever of that name: they are told apart by the paths later.
        let repositories = written.iter().filter(|other| {
            other.id().kind == "GitRepository" && Some(other.id().name.as_str()) == text("name")
        });
        let urls = repositories.filter_map(|repository| repository.text(&["url"]));
        found.extend(urls.flat_map(|url| path.map(|path| (url, path))));
    }
    found
}

/// The URLs that Flux was bootstrapped with.
pub(super) fn bootstrapped(written: &[Order]) -> impl Iterator<Item = &str> {
    written
        .iter()
        .filter_map(|order| match order.id().kind.as_str() {
            "GitRepository" if order.file.as_ref().is_some_and(orders::is_sync) => {
                order.text(&["url"])
            }
            "FluxInstance" => order.text(&["sync", "url"]),
            _ => None,
        })
}

fn is_kustomization(order: &Order) -> bool {
    order.id().kind == "Kustomization" && order.id().group == "kustomize.toolkit.fluxcd.io"
}

fn is_release(order: &Order) -> bool {
    order.id().kind == "HelmRelease"
}

struct Flux<'a> {
    tree: &'a Tree<'a>,
    renderer: &'a Renderer,
    sources: Sources<'a>,
    own: &'a Own,
    siblings: Siblings,
    clusters: BTreeSet<String>,
    walks: HashMap<(RepoPath, Vec<String>), Rc<Walk>>,
    /// By cluster: what was followed, and its recipe.
    seen: HashMap<(String, ObjectRef), Tool>,
    /// Files that some Kustomization applies.
    read: HashSet<RepoPath>,
    reads: usize,
    owned: Owned,
    /// What is to be said → of which objects.
    notes: BTreeMap<String, Vec<String>>,
    draft: &'a mut Draft,
}

/// Where an order is found on the way from a cluster's root.
#[derive(Clone)]
struct Context {
    cluster: String,
    environment: String,
    root: RepoPath,
    /// The Secret that names another cluster (`spec.kubeConfig`).
    remote: Option<String>,
}

impl Flux<'_> {
    /// The clusters that say so themselves.
    fn bootstrapped(&mut self) -> Result<()> {
        let mut roots: Vec<(RepoPath, Order)> = Vec::new();
        for order in self.sources.orders {
            let root = match order.id().kind.as_str() {
                "Kustomization"
                    if is_kustomization(order)
                        && order.file.as_ref().is_some_and(orders::is_sync) =>
                {
                    order.clone()
                }
                "FluxInstance" if order.spec(&["sync", "path"]).is_some() => {
                    match self.synchronised(order) {
                        Some(order) => order,
                        None => continue,
                    }
                }
                _ => continue,
            };
            let directory = match kustomization::path(&root) {
                Some(path) if !path.is_empty() => path,
                _ => root.directory(),
            };
            roots.push((directory, root));
        }
        let directories: BTreeSet<RepoPath> = roots
            .iter()
            .map(|(directory, _)| directory.clone())
            .collect();
        for (directory, order) in roots {
            let cluster = self
                .place(&directory)
                .environment
                .or_else(|| differing(&directory, &directories))
                .unwrap_or_else(|| DEFAULT.to_owned());
            self.cluster(cluster, &directory, vec![order])?;
        }
        Ok(())
    }

    /// The Kustomization that the operator makes of a FluxInstance.
    fn synchronised(&self, instance: &Order) -> Option<Order> {
        let sync = |key: &str| instance.text(&["sync", key]);
        let name = sync("name").unwrap_or("flux-system");
        let object = Object::from_json(
            serde_json::json!({
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                "kind": "Kustomization",
                "metadata": {"name": name, "namespace": instance.id().namespace},
                "spec": {
                    "path": sync("path"),
                    "sourceRef": {"kind": sync("kind"), "name": name, "url": sync("url")},
                },
            }),
            self.renderer.masking(),
        )?;
        Some(Order::made(
            object,
            instance.from.clone(),
            instance.file.clone(),
        ))
    }

    /// The Kustomizations that nothing so far applies: by hand, by a pipeline, or by an overlay that is applied so.
    fn others(&mut self, kustomizations: &Kustomizations) -> Result<()> {
        loop {
            let left: Vec<Order> = self
                .sources
                .orders
                .iter()
                .filter(|order| is_kustomization(order) && order.spec(&["sourceRef"]).is_some())
                .filter(|order| {
                    order
                        .file
                        .as_ref()
                        .is_some_and(|file| !self.read.contains(file))
                })
                .cloned()
                .collect();
            if left.is_empty() {
                return Ok(());
            }
            // Whoever is made by one of the others is none that things begin with; unless they make each other.
            let mut made: HashSet<RepoPath> = HashSet::new();
            for order in &left {
                if let Some(walk) = self.walk_of(order)? {
                    let others = walk.resources.iter().map(|(path, _)| path);
                    made.extend(
                        others
                            .filter(|path| order.file.as_ref() != Some(*path))
                            .cloned(),
                    );
                }
            }
            let mut roots: Vec<&Order> = left
                .iter()
                .filter(|order| order.file.as_ref().is_some_and(|file| !made.contains(file)))
                .collect();
            if roots.is_empty() {
                roots.extend(left.first());
            }
            let mut by_cluster: BTreeMap<(String, RepoPath), Vec<Order>> = BTreeMap::new();
            for order in roots {
                let overlays = kustomizations.applying(order.file.as_ref());
                for (directory, walk) in &overlays {
                    let recipe = Recipe {
                        tool: Tool::kustomize(),
                        roots: vec![(*directory).clone()],
                        closure: walk.closure.iter().cloned().collect(),
                        namespace: None,
                    };
                    let found = self.made_by(&recipe, walk)?;
                    let key = (self.unnamed(directory), (*directory).clone());
                    by_cluster.entry(key).or_default().extend(found);
                }
                if overlays.is_empty() {
                    let directory = order.directory();
                    let key = (self.unnamed(&directory), directory);
                    by_cluster.entry(key).or_default().push(order.clone());
                }
                self.read.extend(order.file.clone());
            }
            for ((cluster, directory), orders) in by_cluster {
                self.cluster(cluster, &directory, orders)?;
            }
        }
    }

    /// The cluster of a directory that does not say that it is one.
    fn unnamed(&self, directory: &RepoPath) -> String {
        let place = self.place(directory).environment;
        place.unwrap_or_else(|| match (self.clusters.len(), self.clusters.first()) {
            (1, Some(only)) => only.clone(),
            _ => DEFAULT.to_owned(),
        })
    }

    fn place(&self, directory: &RepoPath) -> Place {
        Place::of(
            &components(directory),
            |before, name| self.siblings.accept(before, name),
            |_, _| true,
        )
    }

    /// Follows everything that begins with these orders.
    fn cluster(&mut self, name: String, directory: &RepoPath, roots: Vec<Order>) -> Result<()> {
        self.clusters.insert(name.clone());
        self.read
            .extend(roots.iter().filter_map(|order| order.file.clone()));
        let place = self.place(directory);
        let context = Context {
            environment: name.clone(),
            root: match place.environment {
                Some(_) => ancestor(directory, place.root),
                None => directory.clone(),
            },
            cluster: name,
            remote: None,
        };
        let mut open: VecDeque<(Order, Context)> = roots
            .into_iter()
            .map(|order| (order, context.clone()))
            .collect();
        while let Some((order, context)) = open.pop_front() {
            if is_kustomization(&order) {
                let context = self.inside(&order, context);
                let made = self.kustomization(&order, &context)?;
                open.extend(made.into_iter().map(|order| (order, context.clone())));
            } else if is_release(&order) {
                self.release(&order, &context)?;
            } else if order.id().kind == "ResourceSet" {
                let made = self.resource_set(&order, &context);
                open.extend(made.into_iter().map(|order| (order, context.clone())));
            }
        }
        Ok(())
    }

    /// What a Kustomization applies may be another environment's than itself.
    fn inside(&self, order: &Order, mut context: Context) -> Context {
        let path = kustomization::path(order).unwrap_or_default();
        let place = self.place(&path);
        if let Some(secret) = order.text(&["kubeConfig", "secretRef", "name"]) {
            context.remote = Some(secret.to_owned());
            if let Some(environment) = &place.environment {
                context.environment.clone_from(environment);
                context.root = ancestor(&path, place.root);
            }
        } else if let Some(environment) = place.environment
            // Where there are several clusters they are the environments; in one, directories may be.
            && self.clusters.len() == 1
            && (context.cluster == DEFAULT || names::environment(&environment).is_some())
        {
            context.root = ancestor(&path, place.root);
            context.environment = environment;
        }
        context
    }

    /// Adds the app that a Kustomization is; gives the orders it makes.
    fn kustomization(&mut self, order: &Order, context: &Context) -> Result<Vec<Order>> {
        let elsewhere = self.elsewhere(order);
        let additions = match elsewhere {
            Some(_) => Additions::default(),
            None => self.additions(order)?,
        };
        let path = kustomization::path(order);
        let tool = match &elsewhere {
            Some(why) => Tool::Unavailable(why.clone()),
            None => Tool::Kustomize(Box::new(additions.clone())),
        };
        let key = (context.cluster.clone(), order.id().clone());
        match self.seen.get(&key) {
            None => {
                self.seen.insert(key, tool.clone());
            }
            Some(known) => {
                if *known != tool {
                    self.note("declared more than once, each time otherwise", order);
                }
                return Ok(Vec::new());
            }
        }
        let mut recipe = Recipe {
            tool,
            roots: Vec::new(),
            closure: order.from.closure.clone(),
            namespace: additions.namespace.clone(),
        };
        let mut made = Vec::new();
        match (elsewhere, path) {
            (Some(why), _) => self.note(&why, order),
            (None, None) => {
                let why = "its path leads out of the repository".to_owned();
                self.note(&why, order);
                recipe.tool = Tool::Unavailable(why);
            }
            (None, Some(path)) => {
                let walk = self.walk(&path, &additions)?;
                recipe.closure.extend(walk.closure.iter().cloned());
                recipe.namespace = recipe.namespace.or_else(|| walk.placed_alike());
                recipe.roots = vec![path.clone()];
                if walk.directories.is_empty() {
                    self.note("its path is not in the repository", order);
                }
                if is_read(self.tree, &path, &walk, &additions) {
                    recipe.tool = Tool::Plain;
                }
                self.reads += walk.resources.len();
                if self.reads > MAX_READS {
                    self.note("not followed, for there are too many", order);
                } else {
                    self.own(&walk);
                    made = self.made_by(&recipe, &walk)?;
                }
            }
        }
        recipe.closure.sort();
        recipe.closure.dedup();
        self.app(order, context, recipe, None, None);
        Ok(made)
    }

    fn made_by(&mut self, recipe: &Recipe, walk: &Walk) -> Result<Vec<Order>> {
        let (orders, problem) = orders::made_by(self.tree, self.renderer, recipe, walk)?;
        if orders.iter().any(|order| order.file.is_none()) || problem.is_some() {
            self.draft.reads.extend(walk.closure.iter().cloned());
        }
        if let Some(why) = problem {
            let place = recipe.roots.first().cloned().unwrap_or_default();
            self.draft.notes.push(format!(
                "{}: its objects for Flux are taken as they are written, for it cannot be rendered: {why}",
                display(place.as_bstr())
            ));
        }
        Ok(orders)
    }

    /// What a Kustomization applies is its own, and no plain manifest or overlay of somebody else's.
    fn own(&mut self, walk: &Walk) {
        for (path, _) in &walk.resources {
            self.read.insert(path.clone());
        }
        self.owned.files.extend(walk.closure.iter().cloned());
        self.owned
            .directories
            .extend(walk.directories.iter().cloned());
    }

    fn walk_of(&mut self, order: &Order) -> Result<Option<Rc<Walk>>> {
        match (self.elsewhere(order), kustomization::path(order)) {
            (None, Some(path)) => {
                let additions = kustomization::additions(order);
                self.walk(&path, &additions).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn walk(&mut self, path: &RepoPath, additions: &Additions) -> Result<Rc<Walk>> {
        let key = (path.clone(), additions.components.clone());
        if let Some(known) = self.walks.get(&key) {
            return Ok(Rc::clone(known));
        }
        let walk = Rc::new(walk_with(
            self.tree,
            path.as_bstr(),
            additions,
            self.renderer,
        )?);
        self.walks.insert(key, Rc::clone(&walk));
        Ok(walk)
    }

    /// Why a Kustomization's sources are not in this repository, if they are not.
    fn elsewhere(&self, order: &Order) -> Option<String> {
        let text = |key: &str| order.text(&["sourceRef", key]);
        let name = text("name").unwrap_or_default();
        let source = self.sources.find(
            Name {
                kind: text("kind").unwrap_or("GitRepository"),
                namespace: text("namespace").or(order.id().namespace.as_deref()),
                name,
            },
            &order.directory(),
        );
        let url = text("url").or_else(|| source?.text(&["url"]));
        let path = kustomization::path(order);
        let there = path.is_none_or(|path| {
            !path.is_empty() && matches!(self.tree.node(path.as_bstr()), Ok(Some(_)))
        });
        match (text("kind"), url) {
            (Some("GitRepository"), Some(url)) => (self.own.is_known() && !self.own.is(url))
                .then(|| format!("its sources are in {}", own::display(url))),
            // Not declared here: made by whoever installed Flux, from this repository as a rule.
            (Some("GitRepository"), None) => None,
            // An artifact, which is often made of this very repository.
            (_, _) if there => None,
            (kind, url) => Some(format!(
                "its sources are in {}",
                url.map_or_else(
                    || format!("{} {name}", kind.unwrap_or("a source")),
                    own::display
                )
            )),
        }
    }

    /// With the variables, as far as they are known.
    fn additions(&mut self, order: &Order) -> Result<Additions> {
        let mut additions = kustomization::additions(order);
        let Some(post_build) = order.spec(&["postBuild"]) else {
            return Ok(additions);
        };
        let mut substitution = Substitution {
            always: post_build.get("substituteStrategy").and_then(Node::as_str) == Some("Always"),
            ..Substitution::default()
        };
        let from = post_build.get("substituteFrom").and_then(Node::as_list);
        for item in from.into_iter().flatten() {
            let text = |key: &str| item.get(key).and_then(Node::as_str);
            let name = text("name").unwrap_or_default();
            let found = match text("kind") {
                Some("ConfigMap") => self.sources.config_map(
                    order.id().namespace.as_deref(),
                    name,
                    &order.directory(),
                )?,
                _ => None,
            };
            match found {
                Some((path, object)) => {
                    let data = kustomization::texts(object.at(&["data"]));
                    substitution.variables.extend(data);
                    self.draft.reads.insert(path);
                }
                None => substitution.incomplete = true,
            }
        }
        let inline = kustomization::texts(post_build.get("substitute"));
        substitution.variables.extend(inline);
        additions.substitute = Some(substitution);
        Ok(additions)
    }

    fn release(&mut self, order: &Order, context: &Context) -> Result<()> {
        let key = (context.cluster.clone(), order.id().clone());
        if self.seen.contains_key(&key) {
            self.note("declared more than once", order);
            return Ok(());
        }
        let release = release::read(order, &self.sources, self.own)?;
        self.seen.insert(key, release.recipe.tool.clone());
        for note in &release.notes {
            self.note(note, order);
        }
        let mut context = context.clone();
        if let Some(secret) = order.text(&["kubeConfig", "secretRef", "name"]) {
            context.remote = Some(secret.to_owned());
        }
        self.app(
            order,
            &context,
            release.recipe,
            release.chart,
            release.version,
        );
        Ok(())
    }

    /// Adds the app that a ResourceSet is; gives the orders it makes.
    fn resource_set(&mut self, order: &Order, context: &Context) -> Vec<Order> {
        let key = (context.cluster.clone(), order.id().clone());
        let recipe = set::recipe(order, self.renderer);
        if self.seen.insert(key, recipe.tool.clone()).is_some() {
            return Vec::new();
        }
        if let Tool::Unavailable(why) = &recipe.tool {
            let why = why.clone();
            self.note(&why, order);
        }
        self.app(order, context, recipe, None, None);
        set::made_by(order, self.renderer)
    }

    /// HelmReleases and ResourceSets that no Kustomization applies: by hand, by Flux 1, by Argo CD.
    fn releases_of_nobody(&mut self) -> Result<()> {
        for order in self.sources.orders {
            let read = order
                .file
                .as_ref()
                .is_some_and(|file| self.read.contains(file));
            let is_set = order.id().kind == "ResourceSet";
            if read || !(is_release(order) || is_set) {
                continue;
            }
            let directory = order.directory();
            let place = self.place(&directory);
            let cluster = self.unnamed(&directory);
            let context = Context {
                environment: cluster.clone(),
                cluster,
                root: ancestor(&directory, place.root),
                remote: None,
            };
            match is_set {
                // What it makes is in the same file.
                true => drop(self.resource_set(order, &context)),
                false => self.release(order, &context)?,
            }
        }
        Ok(())
    }

    fn app(
        &mut self,
        order: &Order,
        context: &Context,
        recipe: Recipe,
        chart: Option<String>,
        version: Option<String>,
    ) {
        let id = order.id();
        let namespace = id.namespace.clone().unwrap_or_default();
        self.draft.kinds.insert(LayoutKind::Flux);
        self.draft.apps.push(FoundApp {
            environment: context.environment.clone(),
            root: context.root.clone(),
            name: id.name.clone(),
            qualifier: vec![id.kind.to_lowercase(), namespace, id.name.clone()],
            recipe,
            cluster: context.remote.clone(),
            deployer: Some(Deployer::Flux),
            declared_by: Some(id.clone()),
            chart,
            version,
            sources: Vec::new(),
            marks: BTreeSet::from([Mark::Flux]),
        });
    }

    fn note(&mut self, what: &str, order: &Order) {
        let which = format!("{} {}", order.id().kind, order.id().name);
        let noted = self.notes.entry(what.to_owned()).or_default();
        noted.push(crate::text::clean_line(&which));
    }
}

/// Whether a Kustomization applies exactly the manifests below its path, as they are: then they are read, which needs no
/// tool.
fn is_read(tree: &Tree, path: &RepoPath, walk: &Walk, additions: &Additions) -> bool {
    let plain = Additions {
        rules: additions.rules,
        generate: true,
        ..Additions::default()
    };
    let adds = *additions != plain
        && additions
            .substitute
            .as_ref()
            .is_none_or(Substitution::applies);
    let read: HashSet<&RepoPath> = walk.resources.iter().map(|(path, _)| path).collect();
    !adds
        && walk.file.is_none()
        && walk.directories.len() == 1
        && tree
            .listed_below(path.as_bstr())
            .iter()
            .all(|(path, ..)| !is_manifest_name(path.as_bstr()) || read.contains(path))
}

/// The component that tells the directories of clusters apart: `main` of `kubernetes/main/flux`, beside
/// `kubernetes/test/flux`.
fn differing(directory: &RepoPath, all: &BTreeSet<RepoPath>) -> Option<String> {
    let parts = components(directory);
    let shared = all
        .iter()
        .map(|other| {
            let other = components(other);
            parts.iter().zip(&other).take_while(|(a, b)| a == b).count()
        })
        .min()?;
    (all.len() > 1)
        .then(|| parts.get(shared).cloned())
        .flatten()
}
