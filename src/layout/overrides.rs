//! What people say about their environments where detection cannot know: `.gitopsy.toml` at the root of the repository, and
//! the user's own settings, which come last.
//!
//! Declarative only: names, paths, order. Nothing in it can make gitopsy run, fetch or read anything else.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Layout;
use super::draft::FoundApp;
use super::names;
use crate::git::{ByteSlice, RepoPath, Result};
use crate::render::tree::{Node, Tree};

pub(super) const FILE: &str = ".gitopsy.toml";

/// Corrections to what was detected. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// Environments in the order things are promoted; those not named follow in the order detected.
    pub order: Vec<String>,
    /// The name of the environment of everything that is in no other one; `default` where it is not said.
    pub default: Option<String>,
    /// By name: one that was detected, or a new one with `roots`.
    pub environments: BTreeMap<String, EnvironmentOverride>,
    /// Not for people to say: where branches are environments, the names that more than one of them has.
    #[serde(skip)]
    pub shared: Option<Shared>,
}

/// Names of environments that other branches have, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    pub names: BTreeSet<String>,
    /// The branch that a layout is of.
    pub branch: String,
}

impl Shared {
    /// `production@main`; a name that no other branch has stays as it is.
    pub fn told_apart(&self, name: &str) -> String {
        match self.names.contains(name) {
            true => format!("{name}@{}", self.branch),
            false => name.to_owned(),
        }
    }

    pub(super) fn rename(&self, layout: &mut Layout) {
        for environment in &mut layout.environments {
            environment.name = self.told_apart(&environment.name);
        }
        for app in &mut layout.apps {
            app.environment = self.told_apart(&app.environment);
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentOverride {
    /// Directories whose apps are this environment's, whatever their paths say; a component may be `*`. Where roots of two
    /// environments hold an app, the longer one decides.
    pub roots: Vec<String>,
    /// Whether staging a change asks for the environment's name to be typed.
    pub protected: Option<bool>,
    /// The cluster it is on, as the deployer names it.
    pub cluster: Option<String>,
    /// The namespace of what names none.
    pub namespace: Option<String>,
}

impl Overrides {
    /// `.gitopsy.toml` of a tree, or why it cannot be used.
    pub(super) fn of(tree: &Tree) -> Result<std::result::Result<Overrides, String>> {
        let Some(Node::File(id)) = tree.node(FILE.into())? else {
            return Ok(Ok(Overrides::default()));
        };
        let bytes = tree.reader.blob(id)?;
        let Ok(text) = bytes.to_str() else {
            return Ok(Err(format!("{FILE} is not used: it is not UTF-8")));
        };
        Ok(toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                text.as_bytes()[..span.start.min(text.len())]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count()
                    + 1
            });
            let what = crate::text::clean_line(error.message());
            format!("{FILE} is not used: line {line}: {what}")
        }))
    }

    /// These, corrected by `others`.
    pub(super) fn with(mut self, others: &Overrides) -> Overrides {
        if !others.order.is_empty() {
            self.order.clone_from(&others.order);
        }
        self.default = others.default.clone().or(self.default);
        for (name, other) in &others.environments {
            let one = self.environments.entry(name.clone()).or_default();
            if !other.roots.is_empty() {
                one.roots.clone_from(&other.roots);
            }
            one.protected = other.protected.or(one.protected);
            one.cluster = other.cluster.clone().or(one.cluster.take());
            one.namespace = other.namespace.clone().or(one.namespace.take());
        }
        self
    }

    /// Every environment named.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.order.iter().chain(self.environments.keys())
    }

    pub(super) fn environment(&self, name: &str) -> Option<&EnvironmentOverride> {
        self.environments.get(name)
    }

    /// Where an environment stands in the order of promotion: among those that `order` names, else after them, as far as
    /// its name tells.
    pub fn rank(&self, name: &str) -> (usize, usize) {
        let position = self.order.iter().position(|known| known == name);
        (position.unwrap_or(self.order.len()), names::order(name))
    }

    /// Moves an app to the environment whose roots hold all that it reads first.
    pub(super) fn assign(&self, app: &mut FoundApp) {
        let holds = |pattern: &str| {
            let mut lengths = app.recipe.roots.iter().map(|root| within(root, pattern));
            let first = lengths.next().flatten()?;
            lengths.all(|length| length.is_some()).then_some(first)
        };
        let longest = self
            .environments
            .iter()
            .flat_map(|(name, environment)| {
                environment.roots.iter().map(move |pattern| (name, pattern))
            })
            .filter_map(|(name, pattern)| Some((holds(pattern)?, name)))
            .max_by_key(|(root, _)| root.len());
        if let Some((root, name)) = longest {
            app.environment.clone_from(name);
            app.root = root;
        }
    }
}

/// The part of `path` that `pattern` names, if the path is there or below.
fn within(path: &RepoPath, pattern: &str) -> Option<RepoPath> {
    let mut parts = path.split_str("/");
    let mut root: Vec<&[u8]> = Vec::new();
    for wanted in pattern.split('/').filter(|part| !matches!(*part, "" | ".")) {
        let part = parts.next()?;
        if wanted != "*" && wanted.as_bytes() != part {
            return None;
        }
        root.push(part);
    }
    Some(RepoPath::from(root.join(&b'/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_whole_components() {
        let within = |path: &str, pattern: &str| {
            within(&RepoPath::from(path), pattern).map(|root| root.to_string())
        };
        assert_eq!(within("a/b/c", "a/b").as_deref(), Some("a/b"));
        assert_eq!(within("a/b/c", "./a/*/").as_deref(), Some("a/b"));
        assert_eq!(within("a/bc", "a/b"), None);
        assert_eq!(within("a", "a/b"), None);
        assert_eq!(within("a/b", "").as_deref(), Some(""));
    }

    #[test]
    fn the_users_word_comes_last() {
        let read = |text: &str| toml::from_str::<Overrides>(text).unwrap();
        let repository = read(
            "order = ['a', 'b']\n[environments.a]\nprotected = true\ncluster = 'x'\n[environments.b]\nroots = ['b']",
        );
        let user =
            read("[environments.a]\nprotected = false\n[environments.c]\nnamespace = 'shop'");
        let both = repository.with(&user);
        assert_eq!(both.order, ["a", "b"]);
        let a = both.environment("a").unwrap();
        assert_eq!(
            (a.protected, a.cluster.as_deref()),
            (Some(false), Some("x"))
        );
        assert_eq!(both.environment("b").unwrap().roots, ["b"]);
        assert_eq!(both.environments.len(), 3);
    }
}
