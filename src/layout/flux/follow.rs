//! From where a cluster begins to everything that is applied in it, as the controllers would get there.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::{Context, Flux, MAX_READS, is_kustomization, is_release, kustomization, release, set};
use crate::git::{ByteSlice, RepoPath, Result};
use crate::layout::draft::{DEFAULT, FoundApp, Mark, ancestor};
use crate::layout::orders::{self, Order};
use crate::layout::{Deployer, LayoutKind, names};
use crate::render::kustomization::{Walk, display};
use crate::render::tree::{Tree, is_manifest_name};
use crate::render::{Additions, Recipe, Substitution, Tool};

impl Flux<'_> {
    /// Follows everything that begins with these orders.
    pub(super) fn cluster(
        &mut self,
        name: String,
        directory: &RepoPath,
        roots: Vec<Order>,
    ) -> Result<()> {
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

    pub(super) fn made_by(&mut self, recipe: &Recipe, walk: &Walk) -> Result<Vec<Order>> {
        let (orders, problem) = orders::made_by(self.tree, self.renderer, recipe, walk)?;
        if orders.iter().any(|order| order.file.is_none()) || problem.is_some() {
            let deciding = orders::deciding(self.tree, self.renderer, walk)?;
            self.draft.orders_read.extend(deciding);
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
    pub(super) fn releases_of_nobody(&mut self) -> Result<()> {
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
