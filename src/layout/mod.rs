//! A tree → environments and apps. Detection reads git trees, not a checkout, so that time travel works.
//!
//! It is a pure function of a tree's paths and of what little it reads of some files ([`unaltered`] says which), so that
//! a layout can be carried from commit to commit.

mod ansible;
mod argo;
mod attribution;
mod beside;
mod branches;
mod chart;
mod declared;
mod draft;
mod flux;
mod helmfile;
mod hydrated;
mod jenkins;
mod jenkins_x;
mod kargo;
mod kustomize;
mod made;
mod marks;
mod names;
mod orders;
mod overrides;
mod own;
mod pipeline;
mod plain;
mod terraform;

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use crate::git::{BStr, ByteSlice, EntryKind, Oid, PathChange, Reader, RepoPath, Result};
use crate::manifest::ObjectRef;
use crate::render::kustomization::is_kustomization_name;
use crate::render::tree::{Followed, Tree, file_name, is_manifest_name, parent};
use crate::render::{Recipe, Renderer, Tool};

use argo::Applications;
pub use attribution::{is_bot, is_generated};
pub use branches::{
    EnvironmentBranch, environment_branches, environment_of_branch, in_order, stage_branches,
};
pub use declared::{
    Between, is_built_otherwise, is_declared_alike, ordered_otherwise, orders_begin,
};
use draft::Draft;
pub use hydrated::dry_commit;
pub use kargo::Promoter;
use kustomize::Kustomizations;
pub use made::{Unwritten, makers, may_be_unmade};
use orders::Written;
pub use overrides::{EnvironmentOverride, Overrides, Shared};
use own::Own;
pub use pipeline::Pipeline;

/// What a repository deploys, at one tree.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    pub kinds: Vec<LayoutKind>,
    /// In the order things are promoted, as far as names tell (dev, test, staging, production, …).
    pub environments: Vec<Environment>,
    /// Sorted by environment order, then name.
    pub apps: Vec<App>,
    /// Paths a pipeline writes (`config-root/` in Jenkins X): prefixes.
    pub generated: Vec<RepoPath>,
    /// Files that detection read whole, besides those that [`unaltered`] knows by their names and outlines: values files,
    /// patches, what declares deployers' objects. A change of one may change the layout.
    pub reads: BTreeSet<RepoPath>,
    /// The same, for what it takes to know the orders to Flux and Argo CD.
    pub orders_read: BTreeSet<RepoPath>,
    /// What was seen and cannot be evaluated, in words.
    pub notes: Vec<String>,
    /// Stages of Kargo's, each with a branch of this repository that its promotions write to.
    pub stage_branches: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutKind {
    JenkinsX,
    /// Rendered from another branch, by Argo CD or Kargo.
    Hydrated,
    Flux,
    ArgoCd,
    Helmfile,
    Kustomize,
    Helm,
    Plain,
    Terraform,
    Ansible,
    /// Jenkins' own configuration, and its jobs, as code.
    Jenkins,
}

/// A place things are deployed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub name: String,
    pub root: RepoPath,
    pub destination: Destination,
    /// Where it is described, if that is another repository: as the one here names it, without credentials.
    pub repository: Option<String>,
    pub deployer: Deployer,
    /// The parts of build files that apply it, or ask its deployer to, where no object tells who deploys.
    pub pipelines: Vec<Pipeline>,
    /// Kargo's Stages that write to it, in the order of their files.
    pub promoters: Vec<Promoter>,
    /// Staging a change asks for the environment's name to be typed.
    pub protected: bool,
}

/// Where an environment's objects go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Destination {
    /// As the deployer names it: a server, a name; `None` for "here", the cluster the deployer runs in.
    pub cluster: Option<String>,
    pub namespace: Option<String>,
}

/// Who applies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deployer {
    Flux,
    ArgoCd,
    JenkinsX,
    Helm,
    Pipeline,
    Terraform,
    Ansible,
    Jenkins,
    Unknown,
}

/// What an environment deploys as a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub name: String,
    pub environment: String,
    pub recipe: Recipe,
    pub destination: Destination,
    pub deployer: Deployer,
    /// The object that declares it to its deployer: a Flux Kustomization or HelmRelease, an Argo CD Application.
    pub declared_by: Option<ObjectRef>,
    /// Chart and version, where the layout declares them (helmfile release, docs/releases.yaml).
    pub chart: Option<String>,
    pub version: Option<String>,
    /// The files a person edits to change this app, where the recipe reads generated ones (`helmfiles/…`).
    pub sources: Vec<RepoPath>,
}

impl Layout {
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.name == name)
    }

    /// Whether nothing of an environment is in any cluster.
    pub fn is_elsewhere(&self, environment: &str) -> bool {
        let mut apps = self
            .apps
            .iter()
            .filter(|app| app.environment == environment)
            .peekable();
        apps.peek().is_some() && apps.all(|app| matches!(app.recipe.tool, Tool::Items(_)))
    }

    /// The apps that a change of any of these paths may change, by their recipe or by the files they are made from: indices
    /// into [`Layout::apps`], ascending.
    pub fn apps_touched<P: AsRef<[u8]>>(&self, paths: &[P]) -> Vec<usize> {
        // A path, and every directory above it.
        let mut reached: HashSet<&[u8]> = HashSet::new();
        for path in paths {
            let mut path = BStr::new(path.as_ref());
            while !path.is_empty() && reached.insert(path) {
                path = parent(path);
            }
            reached.insert(b"");
        }
        let touched = |app: &App| {
            let mut paths = app.recipe.closure.iter().chain(&app.sources);
            paths.any(|path| reached.contains(path.strip_suffix(b"/").unwrap_or(path)))
        };
        let apps = self.apps.iter().enumerate();
        apps.filter(|(_, app)| touched(app))
            .map(|(index, _)| index)
            .collect()
    }
}

/// What `.gitopsy.toml` of a tree says and then the user; nothing of the former where it cannot be used.
pub fn overrides(reader: &Reader, tree: Oid, user: &Overrides) -> Result<Overrides> {
    let own = Overrides::of(&Tree::at(reader, tree))?;
    Ok(own.unwrap_or_default().with(user))
}

/// Finds the layouts of a tree, as `.gitopsy.toml` in it and then the user correct them. Bad input (cycles, broken YAML,
/// symlinks) ends in notes, not in an error.
pub fn detect(reader: &Reader, tree: Oid, renderer: &Renderer, user: &Overrides) -> Result<Layout> {
    let tree = Tree::listed(reader, tree)?;
    let mut draft = Draft::default();
    let own = Overrides::of(&tree)?.unwrap_or_else(|why| {
        draft.notes.push(why);
        Overrides::default()
    });
    draft.overrides = own.clone().with(user);
    let mut repository = Own::default();
    let otherwise = if jenkins_x::detect(&tree, &mut draft)? {
        Deployer::JenkinsX
    } else {
        hydrated::detect(&tree, &mut draft)?;
        let written = Written::of(&tree, renderer)?.orders(&tree, renderer)?;
        let mut references = flux::references(&written);
        references.extend(argo::references(&written));
        repository = Own::of(&tree, references.into_iter(), flux::bootstrapped(&written))?;
        let own = &repository;
        let kustomizations = Kustomizations::of(&tree, renderer)?;
        let mut owned = flux::detect(&tree, renderer, &written, own, &kustomizations, &mut draft)?;
        let applications = Applications::read(
            &tree,
            renderer,
            &written,
            own,
            &kustomizations,
            &mut owned,
            &mut draft,
        )?;
        let owned = kustomize::detect(&tree, renderer, kustomizations, owned, &mut draft)?;
        applications.add(&mut draft);
        helmfile::detect(&tree, renderer, &mut draft)?;
        chart::detect(&tree, &mut draft)?;
        plain::detect(&tree, renderer, &owned, &mut draft)?;
        // Which one, and whether any, is told below.
        Deployer::Pipeline
    };
    note_links_out(&tree, &mut draft)?;
    let mut beside = Draft {
        overrides: draft.overrides.clone(),
        ..Draft::default()
    };
    let overrides = draft.overrides.clone();
    let mut layout = draft.finish(otherwise);
    terraform::detect(&tree, renderer, &mut beside)?;
    ansible::detect(&tree, renderer, &mut beside)?;
    jenkins::detect(&tree, renderer, &mut beside)?;
    beside::add(beside, &overrides, &mut layout);
    pipeline::assign(&tree, &mut layout)?;
    kargo::assign(&tree, renderer, &repository, &mut layout)?;
    let unknown: Vec<String> = own
        .names()
        .filter(|name| layout.environment(name).is_none())
        .map(|name| {
            format!(
                "{}: there is no environment {}",
                overrides::FILE,
                crate::text::clean_line(name)
            )
        })
        .collect();
    layout.notes.extend(unknown);
    if let Some(shared) = &user.shared {
        shared.rename(&mut layout);
    }
    Ok(layout)
}

impl Layout {
    /// Whether detection read a file whole, or may have: a change of it may alter the layout.
    pub fn has_read(&self, path: &RepoPath) -> bool {
        self.reads.contains(path) || self.orders_read.contains(path)
    }
}

/// Whether two trees that differ in `changes` only, one of them laid out as `layout`, are sure to have the same layout. Much
/// cheaper than [`detect`], and true for most commits.
pub fn unaltered(
    reader: &Reader,
    renderer: &Renderer,
    layout: &Layout,
    changes: &[PathChange],
) -> Result<bool> {
    Ok(!changes.iter().any(|change| layout.has_read(&change.path))
        && keeps_layouts(reader, renderer, changes)?)
}

/// Whether `changes` are sure to leave every layout as it is that has not read their files whole: no file came or went, and none
/// changed in what detection reads of all (the names, kinds and namespaces of objects; what a kustomization names).
pub fn keeps_layouts(reader: &Reader, renderer: &Renderer, changes: &[PathChange]) -> Result<bool> {
    for change in changes {
        let (Some((before_kind, before)), Some((after_kind, after))) =
            (change.before, change.after)
        else {
            return Ok(false);
        };
        let file = |kind| matches!(kind, EntryKind::Blob | EntryKind::Executable);
        let path = change.path.as_bstr();
        let same = if !file(before_kind) || !file(after_kind) {
            false
        } else if before == after {
            true
        } else if pipeline::is_pipeline(path) || jenkins_x::is_read(path) || path == overrides::FILE
        {
            false
        } else if is_kustomization_name(file_name(path)) {
            renderer.kustomization(reader, before)? == renderer.kustomization(reader, after)?
        } else if terraform::is_read(path) {
            terraform::is_same(reader, renderer, before, after)?
        } else if jenkins::is_named(path) {
            jenkins::is_same(reader, renderer, path, before, after)?
        } else if is_manifest_name(path) || plain::has_no_extension(path) {
            let (old, new) = (
                renderer.outline(reader, before)?,
                renderer.outline(reader, after)?,
            );
            old == new && (!old.plays || ansible::is_same(reader, renderer, before, after)?)
        } else {
            true
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What lies behind a link out of the repository is not there for whoever reads it.
fn note_links_out(tree: &Tree, draft: &mut Draft) -> Result<()> {
    let mut links = Vec::new();
    for (path, kind, _) in tree.listed_below("".into()) {
        if *kind == EntryKind::Symlink
            && !is_ignored(path)
            && let Followed::Escapes(link) = tree.follow(path.as_bstr())?
        {
            links.push(link);
        }
    }
    draft.note_some(
        "symlinks lead out of the repository, and are not followed",
        &links,
        |link| link,
    );
    Ok(())
}

/// Whether a file says by its name that it describes environments and what belongs to them. Of other files it depends on
/// what is in them: [`unaltered`] tells.
pub fn describes_layout(path: &BStr) -> bool {
    let name = file_name(path);
    is_kustomization_name(name)
        || path == overrides::FILE
        || [
            jenkins_x::REQUIREMENTS,
            "Chart.yaml",
            "helmfile.yaml",
            "helmfile.yaml.gotmpl",
        ]
        .iter()
        .any(|known| name == *known)
}

/// Directories whose manifests are not deployed: they belong to tools, or show how something is done.
fn is_ignored(path: &[u8]) -> bool {
    const IGNORED: [&[u8]; 6] = [
        b"docs",
        b"example",
        b"examples",
        b"node_modules",
        b"testdata",
        b"vendor",
    ];
    parent(BStr::new(path))
        .split_str("/")
        .any(|part| part.starts_with(b".") || IGNORED.contains(&part))
}
