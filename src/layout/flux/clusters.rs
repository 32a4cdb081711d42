//! Where clusters begin: what says so itself, and what nothing else applies.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Flux, is_kustomization, kustomization};
use crate::git::{RepoPath, Result};
use crate::layout::draft::{DEFAULT, components};
use crate::layout::kustomize::Kustomizations;
use crate::layout::names::Place;
use crate::layout::orders::{self, Order};
use crate::manifest::Object;
use crate::render::kustomization::Walk;
use crate::render::{Recipe, Tool};

/// The overlays that apply a file.
type Applying<'k> = HashMap<&'k RepoPath, Vec<(&'k RepoPath, &'k Walk)>>;

impl Flux<'_> {
    /// The clusters that say so themselves.
    pub(super) fn bootstrapped(&mut self) -> Result<()> {
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
    pub(super) fn others(&mut self, kustomizations: &Kustomizations) -> Result<()> {
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
            let files: HashSet<&RepoPath> = left
                .iter()
                .filter_map(|order| order.file.as_ref())
                .collect();
            let applying = kustomizations.applying(&files);
            let is_root =
                |order: &&Order| order.file.as_ref().is_some_and(|file| !made.contains(file));
            let roots: Vec<&Order> = left.iter().filter(is_root).collect();
            if !roots.is_empty() {
                self.begin(&roots, &applying)?;
                continue;
            }
            // All that is left is in circles: of each the first begins it, and the rest is followed from there.
            for order in &left {
                if order
                    .file
                    .as_ref()
                    .is_some_and(|file| !self.read.contains(file))
                {
                    self.begin(&[order], &applying)?;
                }
            }
        }
    }

    /// Follows what begins with `roots`, by the overlays that apply them, where there are any.
    fn begin(&mut self, roots: &[&Order], applying: &Applying<'_>) -> Result<()> {
        let mut by_cluster: BTreeMap<(String, RepoPath), Vec<Order>> = BTreeMap::new();
        for order in roots {
            let overlays = order.file.as_ref().and_then(|file| applying.get(file));
            for (directory, walk) in overlays.into_iter().flatten() {
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
            if overlays.is_none() {
                let directory = order.directory();
                let key = (self.unnamed(&directory), directory);
                by_cluster.entry(key).or_default().push((*order).clone());
            }
            self.read.extend(order.file.clone());
        }
        for ((cluster, directory), orders) in by_cluster {
            self.cluster(cluster, &directory, orders)?;
        }
        Ok(())
    }

    /// The cluster of a directory that does not say that it is one.
    pub(super) fn unnamed(&self, directory: &RepoPath) -> String {
        let place = self.place(directory).environment;
        place.unwrap_or_else(|| match (self.clusters.len(), self.clusters.first()) {
            (1, Some(only)) => only.clone(),
            _ => DEFAULT.to_owned(),
        })
    }

    pub(super) fn place(&self, directory: &RepoPath) -> Place {
        Place::of(
            &components(directory),
            |before, name| self.siblings.accept(before, name),
            |_, _| true,
        )
    }
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
