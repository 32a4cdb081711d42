//! Branch per environment: which branches of a repository are places that things are deployed to.
//!
//! Nothing in a repository says so; names and likeness do. Ahead and behind mislead: such branches are merged into each
//! other, or are orphans that a pipeline writes, so trees are compared and not histories.

use std::collections::{BTreeMap, BTreeSet};

use super::Layout;
use super::names::{self, Certainty};
use crate::git::{BStr, ByteSlice, Oid, Reader, Result};

/// Directories of branches that are environments whatever they are called: Argo CD's source hydrator (`environments/dev`),
/// Kargo (`stage/dev`), and what people use.
const PARENTS: [&str; 6] = [
    "env",
    "envs",
    "environment",
    "environments",
    "stage",
    "stages",
];

/// A branch, and the environment it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentBranch {
    pub branch: String,
    pub environment: String,
}

/// The environment that a branch's name alone may stand for: worth looking at its tree.
pub fn environment_of_branch(name: &str) -> Option<&str> {
    below_parent(name).or_else(|| names::environment(name).map(|_| name))
}

fn below_parent(name: &str) -> Option<&str> {
    let (parent, rest) = name.split_once('/')?;
    (PARENTS.contains(&parent) && !rest.is_empty()).then_some(rest)
}

/// The environments among `branches` (short name, tree), `default` being the default branch; none where the repository does
/// not keep its environments in branches. In the order of promotion.
///
/// Branches below `env/` and the like are environments, and what they are made from is not. Others have to be at least two
/// that are called like environments and hold much the same at the top; the default branch is then one of them, whatever it
/// is called.
pub fn environment_branches(
    reader: &Reader,
    branches: &[(String, Oid)],
    default: &str,
) -> Result<Vec<EnvironmentBranch>> {
    let mut found: Vec<EnvironmentBranch> = branches
        .iter()
        .filter_map(|(name, _)| {
            Some(EnvironmentBranch {
                environment: below_parent(name)?.to_owned(),
                branch: name.clone(),
            })
        })
        .collect();
    if found.len() < 2 {
        found = alike(reader, branches, default)?;
    }
    in_order(&mut found);
    Ok(found)
}

/// In the order of promotion.
pub fn in_order(branches: &mut [EnvironmentBranch]) {
    branches.sort_by(|a, b| {
        let order = |branch: &EnvironmentBranch| names::order(&branch.environment);
        order(a)
            .cmp(&order(b))
            .then_with(|| a.environment.cmp(&b.environment))
    });
}

/// Those among `branches` that Kargo's Stages write to, as `layout` has them, whatever they are called: each is its Stage's
/// environment, or one of its own name where several Stages write to it.
pub fn stage_branches(layout: &Layout, branches: &[String]) -> Vec<EnvironmentBranch> {
    let mut found: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (stage, branch) in &layout.stage_branches {
        if branches.contains(branch) {
            found.entry(branch).or_default().insert(stage);
        }
    }
    let environment = |branch: &String, stages: BTreeSet<&String>| match stages.first() {
        Some(stage) if stages.len() == 1 => (*stage).clone(),
        _ => below_parent(branch).unwrap_or(branch).to_owned(),
    };
    found
        .into_iter()
        .map(|(branch, stages)| EnvironmentBranch {
            branch: branch.clone(),
            environment: environment(branch, stages),
        })
        .collect()
}

fn alike(
    reader: &Reader,
    branches: &[(String, Oid)],
    default: &str,
) -> Result<Vec<EnvironmentBranch>> {
    let mut candidates = Vec::new();
    for (name, tree) in branches {
        let certain = names::environment(name) == Some(Certainty::Certain);
        if certain || name == default {
            candidates.push((name, certain, top_level(reader, *tree)?));
        }
    }
    let like = |a: &BTreeSet<Vec<u8>>, b: &BTreeSet<Vec<u8>>| {
        !a.is_empty() && a.intersection(b).count() * 2 >= a.len().max(b.len())
    };
    let alike: Vec<_> = candidates
        .iter()
        .enumerate()
        .filter(|(at, (_, _, entries))| {
            candidates
                .iter()
                .enumerate()
                .any(|(other, (_, _, others))| other != *at && like(entries, others))
        })
        .map(|(_, candidate)| candidate)
        .collect();
    if alike.iter().filter(|(_, certain, _)| *certain).count() < 2 {
        return Ok(Vec::new());
    }
    Ok(alike
        .into_iter()
        .map(|(name, ..)| EnvironmentBranch {
            branch: (*name).clone(),
            environment: (*name).clone(),
        })
        .collect())
}

/// The names at the top of a tree, but for what every repository has.
fn top_level(reader: &Reader, tree: Oid) -> Result<BTreeSet<Vec<u8>>> {
    let files = reader.files(tree, BStr::new(""))?;
    Ok(files
        .iter()
        .filter_map(|file| file.path.split_str("/").next())
        .filter(|name| !name.starts_with(b".") && !name.to_ascii_lowercase().starts_with(b"readme"))
        .map(<[u8]>::to_vec)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_branches_that_may_be_environments() {
        assert_eq!(environment_of_branch("env/dev"), Some("dev"));
        assert_eq!(environment_of_branch("stage/eu/prod"), Some("eu/prod"));
        assert_eq!(environment_of_branch("production"), Some("production"));
        assert_eq!(environment_of_branch("env/"), None);
        assert_eq!(environment_of_branch("feature/dev"), None);
        assert_eq!(environment_of_branch("main"), None);
    }
}
