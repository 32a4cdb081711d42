//! A tree → environments and apps. Detection reads git trees, not a checkout, so that time travel works.

use serde::Serialize;

use crate::git::{Commit, Oid, PathChange, Reader, RepoPath};
use crate::render::{Recipe, Renderer};

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
    /// What was seen and cannot be evaluated, in words.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutKind {
    JenkinsX,
    Kustomize,
    Plain,
}

/// A place things are deployed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub name: String,
    pub root: RepoPath,
    pub destination: Destination,
    pub deployer: Deployer,
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
    /// Chart and version, where the layout declares them (helmfile release, docs/releases.yaml).
    pub chart: Option<String>,
    pub version: Option<String>,
    /// The files a person edits to change this app, where the recipe reads generated ones (`helmfiles/…`).
    pub sources: Vec<RepoPath>,
}

impl Layout {
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.name == name)
    }
}

/// Finds the layouts of a tree. Bad input (cycles, broken YAML, symlinks) ends in notes, not in an error.
pub fn detect(reader: &Reader, tree: Oid, renderer: &Renderer) -> crate::git::Result<Layout> {
    let _ = (reader, tree, renderer);
    todo!()
}

/// Whether a pipeline made this commit from the one before it: Jenkins X' `chore: regenerated`, or a bot's commit that
/// touches only generated paths (notes: attribution rule).
pub fn is_generated(layout: &Layout, commit: &Commit, changes: &[PathChange]) -> bool {
    let _ = (layout, commit, changes);
    todo!()
}

/// Whether an author is a bot (renovate, dependabot, jenkins-x-bot, image automation, …).
pub fn is_bot(name: &str, email: &str) -> bool {
    let _ = (name, email);
    todo!()
}
