//! What a recipe reads at one tree, found before anything is run; and what stands for it where results are remembered.

use std::collections::BTreeSet;

use super::kustomization;
use super::program::Program;
use super::tool::{Additions, Helm, Helmfile};
use super::tree::Tree;
use super::{Error, Recipe, Renderer, Tool, helm, helmfile, items, plain, remote};
use crate::git::{ByteSlice, Oid, RepoPath, Result};
use crate::manifest::Language;
use crate::task::Cancel;

/// Everything a result depends on. The tool is not in it: a renderer uses one and the same for as long as it lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) tool: Tool,
    pub(super) roots: Vec<RepoPath>,
    pub(super) namespace: Option<String>,
    /// Values read from objects. The versions of what helmfile runs.
    pub(super) values: Vec<String>,
    /// Digests of charts and bases from elsewhere.
    pub(super) fetched: Vec<String>,
    /// `None`: named, and not there.
    pub(super) inputs: Vec<(RepoPath, Option<Oid>)>,
}

/// What a recipe reads at one tree.
pub(super) enum Job<'a> {
    Plain(Vec<(RepoPath, Oid)>),
    Kustomize(&'a Additions, kustomization::Walk, remote::Bases),
    Items(Language, Vec<items::Part>),
    /// The texts of the values with it.
    Helm(&'a Helm, helm::Charts, Vec<String>),
    Helmfile(&'a Helmfile, Box<helmfile::Inputs>),
}

impl Renderer {
    /// What a recipe reads; or why nothing can be made of it, whatever the tree holds.
    pub(super) fn job<'a>(
        &self,
        tree: &Tree,
        recipe: &'a Recipe,
        cancel: &Cancel,
    ) -> std::result::Result<std::result::Result<Job<'a>, String>, Error> {
        let root = recipe.roots.first();
        Ok(Ok(match (&recipe.tool, root) {
            (Tool::Plain, _) | (Tool::Kustomize(_), None) => {
                Job::Plain(plain::files(tree, &recipe.roots)?)
            }
            (Tool::Kustomize(additions), Some(root)) => {
                let walk = kustomization::walk_with(tree, root.as_bstr(), additions, self)?;
                let bases = remote::Bases::of(&walk, self, cancel)?;
                Job::Kustomize(additions, walk, bases)
            }
            (Tool::Helm(helm), _) => {
                let charts = match helm::find_charts(tree, helm, self, cancel)? {
                    Ok(charts) => charts,
                    Err(why) => return Ok(Err(why)),
                };
                match helm::texts(self, tree, helm, cancel)? {
                    Ok(values) => Job::Helm(helm, charts, values),
                    Err(why) => return Ok(Err(why)),
                }
            }
            (Tool::Items(language), _) => Job::Items(
                *language,
                items::parts(tree, *language, &recipe.roots, self)?,
            ),
            (Tool::Helmfile(helmfile), _) => {
                match helmfile::inputs(tree, recipe, helmfile, self, cancel)? {
                    Ok(inputs) => Job::Helmfile(helmfile, Box::new(inputs)),
                    Err(why) => return Ok(Err(why)),
                }
            }
            (Tool::Unavailable(why), _) => return Ok(Err(why.clone())),
            // Made of another recipe's objects, before it comes to this.
            (Tool::ResourceSet(_), _) => return Ok(Err("it is made of an object".to_owned())),
        }))
    }

    /// What the result of a job depends on.
    pub(super) fn key(&self, tree: &Tree, recipe: &Recipe, job: &Job) -> Result<Key> {
        Ok(Key {
            tool: recipe.tool.clone(),
            roots: recipe.roots.clone(),
            namespace: recipe.namespace.clone(),
            values: match job {
                Job::Helm(.., values) => values.clone(),
                Job::Helmfile(..) => {
                    let helm = self.tools.helm().ok();
                    let builder = self.tools.kustomize().ok();
                    let run = helm
                        .into_iter()
                        .chain(builder.map(|builder| &builder.program));
                    run.map(|program| program.version.clone()).collect()
                }
                Job::Plain(_) | Job::Items(..) | Job::Kustomize(..) => Vec::new(),
            },
            fetched: match job {
                Job::Helm(_, charts, _) => {
                    let fetched = charts.packed.iter().chain(&charts.fetched);
                    fetched.map(|chart| chart.digest.clone()).collect()
                }
                Job::Helmfile(_, inputs) => {
                    let fetched = inputs.fetched.iter();
                    fetched.map(|chart| chart.digest.clone()).collect()
                }
                Job::Kustomize(_, _, bases) => bases.digests(),
                Job::Plain(_) | Job::Items(..) => Vec::new(),
            },
            inputs: match job {
                Job::Plain(files) => files
                    .iter()
                    .map(|(path, blob)| (path.clone(), Some(*blob)))
                    .collect(),
                // What stands before names follows from these files.
                Job::Items(_, parts) => parts
                    .iter()
                    .map(|part| (part.path.clone(), Some(part.blob)))
                    .collect(),
                Job::Kustomize(_, walk, _) => inputs(tree, &walk.closure, &walk.directories)?,
                Job::Helm(_, charts, _) => inputs(tree, &charts.closure, &[])?,
                Job::Helmfile(_, found) => inputs(tree, &found.closure, &[])?,
            },
        })
    }

    /// The program that does a job; `None`: it is read here, or there is no such program.
    pub(super) fn tool(&self, job: &Job) -> Option<&Program> {
        match job {
            Job::Plain(_) | Job::Items(..) => None,
            Job::Kustomize(..) => self.tools.kustomize().ok().map(|builder| &builder.program),
            Job::Helm(..) => self.tools.helm().ok(),
            Job::Helmfile(..) => self.tools.helmfile().ok(),
        }
    }
}

/// What is at each path of a closure. Directories are in it for the files that come and go below them; those that are there
/// are named.
fn inputs(
    tree: &Tree,
    closure: &BTreeSet<RepoPath>,
    directories: &[RepoPath],
) -> Result<Vec<(RepoPath, Option<Oid>)>> {
    let paths = closure.iter().filter(|path| !directories.contains(path));
    paths
        .map(|path| Ok((path.clone(), tree.id(path.as_bstr())?)))
        .collect()
}
