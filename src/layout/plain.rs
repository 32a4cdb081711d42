//! Plain manifests: directories of objects, with environments by convention of naming.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::chart;
use super::draft::{DEFAULT, Draft, FoundApp, Mark, ancestor, components};
use super::kustomize::Owned;
use super::marks;
use super::names::{self, Place, Siblings};
use super::{LayoutKind, is_ignored};
use crate::git::{BStr, ByteSlice, EntryKind, RepoPath, Result};
use crate::render::kustomization::is_kustomization_name;
use crate::render::tree::{Followed, Node, Tree, file_name, is_manifest_name, is_within, parent};
use crate::render::{Outline, Recipe, Renderer, Tool};

/// Apps are directories at most this deep below the environment; what is deeper belongs to them.
const MAX_LEVEL: usize = 2;

/// A file with objects in it.
struct Found {
    path: RepoPath,
    /// Where it leads, if it is a symlink.
    target: Option<RepoPath>,
    outline: Arc<Outline>,
}

/// What counts of it, and where its directory stands.
struct File {
    path: RepoPath,
    target: Option<RepoPath>,
    place: Place,
    namespaces: BTreeSet<String>,
    workloads: BTreeSet<String>,
    marks: BTreeSet<Mark>,
}

pub(super) fn detect(
    tree: &Tree,
    renderer: &Renderer,
    owned: &Owned,
    draft: &mut Draft,
) -> Result<()> {
    let Manifests {
        mut found,
        nameless,
        templates,
    } = manifests(tree, renderer, owned)?;
    let kustomized = [LayoutKind::Kustomize, LayoutKind::Flux, LayoutKind::ArgoCd];
    if kustomized.iter().any(|kind| draft.kinds.contains(kind)) {
        // A manifest beside kustomize bases that no kustomization names is a left-over or a sample.
        let (parts, rest): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|found| names::is_part(&components(parent(found.path.as_bstr()))));
        found = rest;
        draft.note_some(
            "manifests in directories like base/ are named by no kustomization",
            &parts,
            |found| &found.path,
        );
    }
    draft.note_some(
        "files hold objects, but are not named *.yaml, *.yml or *.json and so are not read",
        &nameless,
        |path| path,
    );
    draft.note_some(
        "templates, which are objects only once something renders them, are not read",
        &templates,
        |path| path,
    );
    if found.is_empty() {
        return Ok(());
    }
    draft.kinds.insert(LayoutKind::Plain);
    let directories = found
        .iter()
        .map(|found| components(parent(found.path.as_bstr())));
    let siblings = Siblings::of(directories);
    let (named, unnamed): (Vec<File>, Vec<File>) = found
        .into_iter()
        .map(|found| file(found, &siblings))
        .partition(|file| file.place.environment.is_some());
    // Apps have to line up across environments, so all environments are divided alike.
    for files in [named, unnamed] {
        apps(tree, files, owned, draft);
    }
    Ok(())
}

/// What no other layout claims.
#[derive(Default)]
struct Manifests {
    /// The files with objects in them.
    found: Vec<Found>,
    /// Those that would be, but for their names.
    nameless: Vec<RepoPath>,
    /// Those that would be, were they rendered.
    templates: Vec<RepoPath>,
}

fn manifests(tree: &Tree, renderer: &Renderer, owned: &Owned) -> Result<Manifests> {
    let charts = chart::directories(tree)?;
    let mut manifests = Manifests::default();
    for (path, kind, id) in tree.listed_below("".into()) {
        let manifest = is_manifest_name(path.as_bstr());
        if !(manifest || has_no_extension(path.as_bstr()))
            || is_ignored(path)
            || is_kustomization_name(file_name(path.as_bstr()))
            || owned.holds(path)
            || chart::is_below(path, &charts)
        {
            continue;
        }
        let (blob, target) = match kind {
            EntryKind::Blob | EntryKind::Executable => (*id, None),
            EntryKind::Symlink => match tree.follow(path.as_bstr())? {
                Followed::To {
                    path: target,
                    node: Node::File(id),
                    ..
                } => (id, Some(target)),
                _ => continue,
            },
            EntryKind::Tree | EntryKind::Submodule => continue,
        };
        let outline = renderer.outline(tree.reader, blob)?;
        if !marks::is_deployed(&outline) {
            if manifest && outline.is_template {
                manifests.templates.push(path.clone());
            }
            continue;
        }
        if manifest {
            manifests.found.push(Found {
                path: path.clone(),
                target,
                outline,
            });
        } else {
            manifests.nameless.push(path.clone());
        }
    }
    Ok(manifests)
}

fn file(found: Found, siblings: &Siblings) -> File {
    let Found {
        path,
        target,
        outline,
    } = found;
    let parts = components(parent(path.as_bstr()));
    let objects = outline.objects.iter();
    File {
        place: Place::of(
            &parts,
            |before, name| siblings.accept(before, name),
            |_, _| true,
        ),
        namespaces: objects
            .filter_map(|object| object.namespace.clone())
            .collect(),
        workloads: marks::workloads(&outline).map(str::to_owned).collect(),
        marks: marks::marks(&outline).collect(),
        path,
        target,
    }
}

pub(super) fn has_no_extension(path: &BStr) -> bool {
    let name = file_name(path);
    // Not README, LICENSE, Makefile, Dockerfile, CODEOWNERS, …
    !name.contains(&b'.') && name.first().is_some_and(u8::is_ascii_lowercase)
}

/// Divides the files of environments (or those of none) into apps.
fn apps(tree: &Tree, files: Vec<File>, owned: &Owned, draft: &mut Draft) {
    let level = Level::of(&files);
    // (environment, the app's directory) → its files
    let mut groups: BTreeMap<(Option<String>, RepoPath), Vec<File>> = BTreeMap::new();
    for file in files {
        let depth = file.place.root + file.place.after.len().min(level.app + 1);
        let directory = ancestor(parent(file.path.as_bstr()), depth);
        let key = (file.place.environment.clone(), directory);
        groups.entry(key).or_default().push(file);
    }
    let directories: BTreeSet<RepoPath> = groups
        .keys()
        .map(|(_, directory)| directory.clone())
        .collect();
    for ((environment, directory), files) in groups {
        let Some(place) = files.first().map(|file| file.place.clone()) else {
            continue;
        };
        let parts = components(&directory);
        let below = &parts[place.root.min(parts.len())..];
        let union = |of: fn(&File) -> &BTreeSet<String>| -> BTreeSet<String> {
            files.iter().flat_map(of).cloned().collect()
        };
        let mut namespaces = union(|file| &file.namespaces);
        let namespace = match namespaces.len() {
            0 => level.namespace.and_then(|index| below.get(index).cloned()),
            1 => namespaces.pop_first(),
            _ => None,
        };
        let named = Place {
            after: below.last().cloned().into_iter().collect(),
            ..place.clone()
        };
        let name = named.app().unwrap_or_else(|| {
            // The files right in an environment's directory.
            marks::only_workload(&union(|file| &file.workloads))
                .cloned()
                .unwrap_or_else(|| "common".to_owned())
        });
        let roots: Vec<RepoPath> = if owns(tree, &directory, owned, &directories) {
            vec![directory.clone()]
        } else {
            files.iter().map(|file| file.path.clone()).collect()
        };
        let targets = files.iter().filter_map(|file| file.target.clone());
        draft.apps.push(FoundApp {
            environment: environment.unwrap_or_else(|| DEFAULT.to_owned()),
            root: ancestor(&directory, place.root),
            name,
            qualifier: parts,
            recipe: Recipe {
                tool: Tool::Plain,
                closure: roots.iter().cloned().chain(targets).collect(),
                roots,
                namespace,
            },
            cluster: None,
            deployer: None,
            declared_by: None,
            chart: None,
            version: None,
            sources: Vec::new(),
            marks: files
                .iter()
                .flat_map(|file| file.marks.iter().copied())
                .collect(),
        });
    }
}

/// Whether reading the whole directory reads these files and no object that belongs elsewhere (to a kustomization, a
/// chart, another app): then the directory is the app's root, and files added to it are part of the app at once.
fn owns(tree: &Tree, directory: &RepoPath, owned: &Owned, others: &BTreeSet<RepoPath>) -> bool {
    let inside = others
        .range(directory.clone()..)
        .take_while(|other| is_within(other, directory));
    !directory.is_empty()
        && inside.count() == 1
        && tree
            .listed_below(directory.as_bstr())
            .iter()
            .all(|(path, kind, _)| {
                let name = file_name(path.as_bstr());
                let elsewhere = is_kustomization_name(name)
                || name == "Chart.yaml"
                || is_ignored(path)
                || owned.holds(path)
                // Named one by one, a link's target is part of the closure.
                || *kind == EntryKind::Symlink;
                !(elsewhere && (is_manifest_name(path.as_bstr()) || is_kustomization_name(name)))
            })
}

/// At which level below an environment its apps are.
struct Level {
    /// The component that names the app, from 0.
    app: usize,
    /// The component that names the namespace, where one does.
    namespace: Option<usize>,
}

impl Level {
    /// Where objects name their namespace and a directory above them is called the same, that directory is the namespace's,
    /// and apps are the directories in it (unless all its files are right in it). Elsewhere apps are at the first level that
    /// has at least half of the files in it or above it.
    fn of(files: &[File]) -> Level {
        let mut votes = [0_usize; MAX_LEVEL + 1];
        let mut voters = 0;
        for file in files {
            if let (1, Some(namespace)) = (file.namespaces.len(), file.namespaces.first()) {
                voters += 1;
                let named = file.place.after.iter().position(|part| part == namespace);
                if let Some(vote) = named.and_then(|index| votes.get_mut(index)) {
                    *vote += 1;
                }
            }
        }
        let most = votes
            .iter()
            .copied()
            .enumerate()
            .max_by_key(|(index, count)| (*count, MAX_LEVEL - index));
        if let Some((index, count)) = most
            && count > 0
            && count * 2 >= voters
        {
            let depth = |file: &&File| file.place.after.len();
            let direct = files.iter().filter(|file| depth(file) == index + 1).count();
            let deeper = files.iter().filter(|file| depth(file) > index + 1).count();
            return Level {
                app: if deeper > direct { index + 1 } else { index },
                namespace: Some(index),
            };
        }
        let app = (0..MAX_LEVEL).find(|level| {
            let inside = files
                .iter()
                .filter(|file| file.place.after.len() <= level + 1);
            inside.count() * 2 >= files.len()
        });
        Level {
            app: app.unwrap_or(MAX_LEVEL),
            namespace: None,
        }
    }
}
