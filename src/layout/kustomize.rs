//! Kustomize: entry points are the kustomizations that no other one uses; their paths say which environment they are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::draft::{DEFAULT, Draft, FoundApp, ancestor, components};
use super::marks;
use super::names::{self, Place, Siblings};
use super::{LayoutKind, is_ignored};
use crate::git::{ByteSlice, RepoPath, Result};
use crate::render::kustomization::{self, Kustomization, Walk, display, is_kustomization_name};
use crate::render::tree::{Tree, file_name, parent};
use crate::render::{Recipe, Renderer, Tool};

/// Files read for all kustomizations together, each as often as it is named: thousands of kustomizations of the same
/// thousands of files would take minutes and gigabytes.
const MAX_READS: usize = 2_000_000;

/// What belongs to kustomizations, and so is no plain manifest.
#[derive(Default)]
pub(super) struct Owned {
    pub(super) files: BTreeSet<RepoPath>,
    pub(super) directories: BTreeSet<RepoPath>,
}

impl Owned {
    /// Whether a build reads the file, or it lies about below a kustomization that does not name it. (One at the root says
    /// nothing about the rest of the repository.)
    pub(super) fn holds(&self, path: &RepoPath) -> bool {
        if self.files.contains(path) {
            return true;
        }
        let mut directory = parent(path.as_bstr());
        let mut first = true;
        while first || !directory.is_empty() {
            if self.directories.contains(directory) {
                return true;
            }
            directory = parent(directory);
            first = false;
        }
        false
    }
}

/// The kustomizations of a tree, and which of them use which.
pub(super) struct Kustomizations {
    directories: BTreeMap<RepoPath, Arc<Kustomization>>,
    /// Used by another one, and so no entry point.
    reached: BTreeSet<RepoPath>,
    /// What all the others read.
    walks: BTreeMap<RepoPath, Walk>,
    /// Those that were too many to follow.
    left_out: Vec<RepoPath>,
}

impl Kustomizations {
    pub(super) fn of(tree: &Tree, renderer: &Renderer) -> Result<Kustomizations> {
        let directories = directories(tree, renderer)?;
        // Whoever is reached from elsewhere is no entry point, so most need no walk of their own.
        let mut reached: BTreeSet<RepoPath> = BTreeSet::new();
        let mut walks: BTreeMap<RepoPath, Walk> = BTreeMap::new();
        let mut read = 0;
        let mut left_out = Vec::new();
        for directory in directories.keys() {
            if reached.contains(directory) {
                continue;
            }
            if read > MAX_READS {
                left_out.push(directory.clone());
                continue;
            }
            let walk = kustomization::walk(tree, directory.as_bstr(), renderer)?;
            read += walk.closure.len();
            reached.extend(walk.directories.iter().skip(1).cloned());
            walks.insert(directory.clone(), walk);
        }
        Ok(Kustomizations {
            directories,
            reached,
            walks,
            left_out,
        })
    }

    /// What no other kustomization uses, and all that each reads.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&RepoPath, &Walk)> {
        self.walks
            .iter()
            .filter(|(directory, _)| !self.reached.contains(*directory))
    }

    /// Of each of `files`, the entry points that have it among their resources.
    pub(super) fn applying(
        &self,
        files: &HashSet<&RepoPath>,
    ) -> HashMap<&RepoPath, Vec<(&RepoPath, &Walk)>> {
        let mut applying: HashMap<&RepoPath, Vec<(&RepoPath, &Walk)>> = HashMap::new();
        for (directory, walk) in self.entries() {
            let resources: HashSet<&RepoPath> =
                walk.resources.iter().map(|(path, _)| path).collect();
            for path in resources.into_iter().filter(|path| files.contains(path)) {
                applying.entry(path).or_default().push((directory, walk));
            }
        }
        applying
    }
}

/// Adds what others do not own; gives all that is owned then.
pub(super) fn detect(
    tree: &Tree,
    renderer: &Renderer,
    kustomizations: Kustomizations,
    mut owned: Owned,
    draft: &mut Draft,
) -> Result<Owned> {
    let Kustomizations {
        directories,
        reached,
        mut walks,
        left_out,
    } = kustomizations;
    draft.note_some(
        "kustomizations are not followed, for together they read too many files",
        &left_out,
        |directory| directory,
    );
    let is_all = owned.directories.is_empty();
    walks.retain(|directory, _| !owned.directories.contains(directory));
    let reached = reached.difference(&owned.directories).cloned().collect();
    owned
        .files
        .extend(walks.values().flat_map(|walk| walk.closure.iter().cloned()));
    owned.directories.extend(directories.keys().cloned());
    let mut roots = Roots {
        tree,
        renderer,
        siblings: Siblings::of(walks.keys().map(|path| components(path))),
        directories,
        overlays: BTreeSet::new(),
        variants: BTreeSet::new(),
    };
    roots.overlays = walks
        .keys()
        .map(|directory| roots.place(directory))
        .filter(|place| place.after.is_empty())
        .filter_map(|place| place.environment)
        .collect();
    let entries = roots.entries(walks, &reached, is_all, draft)?;
    roots.find_variants(&entries);
    for (directory, walk) in &entries {
        draft.apps.push(roots.app(directory, walk)?);
    }
    if !entries.is_empty() {
        draft.kinds.insert(LayoutKind::Kustomize);
    }
    Ok(owned)
}

/// Every directory with a kustomization file in it.
fn directories(tree: &Tree, renderer: &Renderer) -> Result<BTreeMap<RepoPath, Arc<Kustomization>>> {
    let mut directories = BTreeMap::new();
    for (path, ..) in tree.listed_below("".into()) {
        if !is_kustomization_name(file_name(path.as_bstr())) || is_ignored(path) {
            continue;
        }
        let directory = parent(path.as_bstr());
        let kustomization = match kustomization::files_in(tree, directory)?.first() {
            Some((_, id)) => renderer.kustomization(tree.reader, *id)?,
            // One that leads out of the repository is no reason to take its app for deleted.
            None if kustomization::link_out(tree, directory)?.is_some() => Arc::default(),
            None => continue,
        };
        if !kustomization.flux {
            directories.insert(RepoPath::from(directory.to_vec()), kustomization);
        }
    }
    Ok(directories)
}

struct Roots<'a> {
    tree: &'a Tree<'a>,
    renderer: &'a Renderer,
    directories: BTreeMap<RepoPath, Arc<Kustomization>>,
    siblings: Siblings,
    /// Environments that some app has one overlay for: another app's `overlays/dev/argo` is then a part of `dev`.
    overlays: BTreeSet<String>,
    /// Directories that are environments only because they vary one base: `shop/{base,blue,green}`.
    variants: BTreeSet<RepoPath>,
}

impl Roots<'_> {
    /// What is built: by nobody else used, and no part meant for others, unless there are only parts. `is_all`: no deployer was
    /// told to build something else.
    fn entries(
        &self,
        walks: BTreeMap<RepoPath, Walk>,
        reached: &BTreeSet<RepoPath>,
        is_all: bool,
        draft: &mut Draft,
    ) -> Result<BTreeMap<RepoPath, Walk>> {
        let mut overlays = Vec::new();
        for directory in reached {
            if self.is_overlay_of_its_own(directory, &walks) {
                let walk = kustomization::walk(self.tree, directory.as_bstr(), self.renderer)?;
                overlays.push((directory.clone(), walk));
            }
        }
        let built = walks.into_iter().filter(|(directory, _)| {
            let kustomization = self.directories.get(directory);
            !reached.contains(directory) && kustomization.is_some_and(|found| !found.component)
        });
        let (parts, mut entries): (BTreeMap<_, _>, BTreeMap<_, _>) = built
            .chain(overlays)
            .partition(|(directory, _)| names::is_part(&components(directory)));
        if entries.is_empty() && is_all {
            entries = parts;
        } else {
            let parts: Vec<_> = parts.into_keys().collect();
            draft.note_some(
                "kustomizations in directories like base/ or components/ that no other one uses are taken as not deployed",
                &parts,
                |directory| directory,
            );
        }
        for (directory, walk) in &entries {
            if let Some(circle) = walk.problems.iter().find(|problem| problem.contains(" → ")) {
                draft
                    .notes
                    .push(format!("{}: {circle}", display(directory.as_bstr())));
            }
        }
        Ok(entries)
    }

    /// An environment's overlay that another environment builds on (`overlays/prod` on `overlays/staging`) is deployed too.
    fn is_overlay_of_its_own(
        &self,
        directory: &RepoPath,
        walks: &BTreeMap<RepoPath, Walk>,
    ) -> bool {
        let parts = components(directory);
        let Some(name) = parts.last() else {
            return false;
        };
        let place = self.place(directory);
        let component = self
            .directories
            .get(directory)
            .is_some_and(|found| found.component);
        !component
            && names::environment(name).is_some()
            && place.root == parts.len()
            && walks
                .iter()
                .filter(|(_, walk)| walk.directories.contains(directory))
                .all(|(user, _)| self.place(user).environment != place.environment)
    }

    fn place(&self, directory: &RepoPath) -> Place {
        let parts = components(directory);
        Place::of(
            &parts,
            |before, name| self.siblings.accept(before, name),
            |end, name| {
                self.overlays.contains(name)
                    || self.directories.contains_key(&ancestor(directory, end))
            },
        )
    }

    /// Siblings without an environment's name that build on the same base beside them.
    fn find_variants(&mut self, entries: &BTreeMap<RepoPath, Walk>) {
        let mut by_parent: BTreeMap<RepoPath, Vec<(&RepoPath, &Walk)>> = BTreeMap::new();
        for (directory, walk) in entries {
            let above = RepoPath::from(parent(directory.as_bstr()).to_vec());
            let name = components(&above).pop().unwrap_or_default();
            if !above.is_empty()
                && !names::is_group(&name)
                && self.place(directory).environment.is_none()
            {
                by_parent.entry(above).or_default().push((directory, walk));
            }
        }
        for (above, siblings) in by_parent {
            let shared = siblings.first().is_some_and(|(_, first)| {
                first.directories.iter().skip(1).any(|base| {
                    let beside = parent(base.as_bstr()) == above.as_bstr();
                    let name = file_name(base.as_bstr()).to_str_lossy();
                    beside
                        && names::is_library(&name)
                        && siblings
                            .iter()
                            .all(|(_, walk)| walk.directories.contains(base))
                })
            });
            if shared && siblings.len() > 1 {
                self.variants
                    .extend(siblings.iter().map(|(directory, _)| (*directory).clone()));
            }
        }
    }

    fn app(&self, directory: &RepoPath, walk: &Walk) -> Result<FoundApp> {
        let mut place = self.place(directory);
        if self.variants.contains(directory) {
            let mut before = components(directory);
            place = Place {
                root: before.len(),
                environment: before.pop(),
                before,
                after: Vec::new(),
            };
        }
        let mut namespaces = walk.namespaces.clone();
        let mut workloads = BTreeSet::new();
        let mut found_marks = BTreeSet::new();
        for (path, blob) in &walk.resources {
            if !crate::render::tree::is_manifest_name(path.as_bstr()) {
                continue;
            }
            let outline = self.renderer.outline(self.tree.reader, *blob)?;
            namespaces.extend(
                outline
                    .objects
                    .iter()
                    .filter_map(|object| object.namespace.clone()),
            );
            workloads.extend(marks::workloads(&outline).map(str::to_owned));
            found_marks.extend(marks::marks(&outline));
        }
        let namespace = self
            .directories
            .get(directory)
            .and_then(|kustomization| kustomization.namespace.clone())
            .or_else(|| match (namespaces.len(), namespaces.pop_first()) {
                (1, only) => only,
                _ => None,
            });
        Ok(FoundApp {
            name: place
                .app()
                .or_else(|| group(&place))
                .or_else(|| above_base(walk))
                .or_else(|| marks::only_workload(&workloads).cloned())
                .unwrap_or_else(|| "app".to_owned()),
            root: ancestor(directory, place.root),
            environment: place.environment.unwrap_or_else(|| DEFAULT.to_owned()),
            qualifier: components(directory),
            recipe: Recipe {
                tool: Tool::kustomize(),
                roots: vec![directory.clone()],
                closure: walk.closure.iter().cloned().collect(),
                namespace,
            },
            cluster: None,
            deployer: None,
            declared_by: None,
            chart: None,
            version: None,
            sources: Vec::new(),
            marks: found_marks,
        })
    }
}

/// `infrastructure` of `infrastructure/production`: better than nothing.
fn group(place: &Place) -> Option<String> {
    place.before.last().cloned()
}

/// `shop` of `shop/base`, which the overlay builds on.
fn above_base(walk: &Walk) -> Option<String> {
    walk.directories.iter().skip(1).find_map(|directory| {
        let mut parts = components(directory);
        let is_base = parts.pop().is_some_and(|name| names::is_library(&name));
        parts.pop().filter(|name| is_base && !names::is_group(name))
    })
}
