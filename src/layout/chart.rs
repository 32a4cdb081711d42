//! Helm charts in the repository: with values per environment beside them, they are deployed to these; without, they are for
//! others to use.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::draft::{Draft, FoundApp, components};
use super::names;
use super::{LayoutKind, is_ignored};
use crate::git::{ByteSlice, RepoPath, Result};
use crate::render::is_chart;
use crate::render::tree::{Node, Tree, file_name, join, parent};
use crate::render::{Chart, Helm, Recipe, Tool};

/// Adds an app for each environment that a chart has values for, unless a deployer's own objects use the chart.
pub(super) fn detect(tree: &Tree, draft: &mut Draft) -> Result<()> {
    let charts = directories(tree)?;
    let used: BTreeSet<RepoPath> = draft
        .apps
        .iter()
        .filter_map(|app| match &app.recipe.tool {
            Tool::Helm(helm) => match &helm.chart {
                Chart::Local(path) => Some(path.clone()),
                Chart::Remote { .. } | Chart::Unknown(_) => None,
            },
            Tool::Helmfile(_) => app
                .recipe
                .closure
                .iter()
                .find(|path| charts.contains(*path))
                .cloned(),
            Tool::Plain
            | Tool::Items(_)
            | Tool::Kustomize(_)
            | Tool::ResourceSet(_)
            | Tool::Unavailable(_) => None,
        })
        .collect();
    for directory in &charts {
        let of_another = is_below(directory, &charts) && !directory.is_empty();
        let file = join(directory.as_bstr(), "Chart.yaml".into());
        if of_another
            || used.contains(directory)
            || file.as_ref().is_none_or(|file| is_ignored(file))
        {
            continue;
        }
        let environments = environments(tree, directory);
        if environments.is_empty() {
            continue;
        }
        let metadata = file.as_ref().map(|file| tree.node(file.as_bstr()));
        let chart = match metadata.transpose()?.flatten() {
            Some(Node::File(id)) => serde_yaml::from_slice(&tree.reader.blob(id)?).ok(),
            _ => None,
        };
        let chart: Value = chart.unwrap_or_default();
        let text = |key: &str| chart.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("name")
            .or_else(|| components(directory).pop())
            .unwrap_or_else(|| "chart".to_owned());
        draft.kinds.insert(LayoutKind::Helm);
        draft.reads.extend(file);
        // Charts that it names by `file://` are part of it.
        let neighbours = dependencies(&chart, directory);
        for (environment, values) in environments {
            let mut helm = Helm::new(name.clone(), Chart::Local(directory.clone()));
            helm.value_files.clone_from(&values);
            let roots: Vec<RepoPath> = [directory.clone()].into_iter().chain(values).collect();
            let mut closure: Vec<RepoPath> = roots.iter().chain(&neighbours).cloned().collect();
            closure.sort();
            closure.dedup();
            draft.apps.push(FoundApp {
                root: directory.clone(),
                environment,
                name: name.clone(),
                qualifier: components(directory),
                recipe: Recipe {
                    tool: Tool::Helm(Box::new(helm)),
                    roots,
                    closure,
                    namespace: None,
                },
                cluster: None,
                deployer: None,
                declared_by: None,
                chart: Some(name.clone()),
                version: text("appVersion").or_else(|| text("version")),
                sources: Vec::new(),
                marks: BTreeSet::new(),
            });
        }
    }
    Ok(())
}

/// The values files for each environment: `values-prod.yaml`, `values.prod.yaml`, `prod.yaml` or `prod/values.yaml`, in the chart's
/// directory or in `env`, `envs`, `environments` or `values` below it. (`values.yaml` is the chart's own, and always applies.)
fn environments(tree: &Tree, chart: &RepoPath) -> BTreeMap<String, Vec<RepoPath>> {
    let mut found: BTreeMap<String, Vec<RepoPath>> = BTreeMap::new();
    for (path, ..) in tree.listed_below(chart.as_bstr()) {
        let relative = match chart.is_empty() {
            true => path.as_bstr(),
            false => path[chart.len() + 1..].as_bstr(),
        };
        let name = file_name(relative).to_str_lossy();
        let Some(stem) = name.strip_suffix(".yaml").or(name.strip_suffix(".yml")) else {
            continue;
        };
        let suffix = stem
            .strip_prefix("values-")
            .or(stem.strip_prefix("values."))
            .or(stem.strip_prefix("values_"));
        let mut above = components(parent(relative));
        let environment = match (suffix, stem) {
            (Some(suffix), _) => Some(suffix.to_owned()),
            (None, "values") => above.pop(),
            (None, stem) => (!above.is_empty()).then(|| stem.to_owned()),
        };
        let in_place = match above.as_slice() {
            [] => true,
            [only] => matches!(only.as_str(), "env" | "envs" | "environments" | "values"),
            _ => false,
        };
        if let Some(environment) = environment.filter(|name| {
            in_place
                && (names::environment(name).is_some() || (suffix.is_none() && !above.is_empty()))
        }) {
            found.entry(environment).or_default().push(path.clone());
        }
    }
    found
}

/// The directories of the charts that a chart depends on by path.
fn dependencies(chart: &Value, directory: &RepoPath) -> Vec<RepoPath> {
    let list = chart.get("dependencies").and_then(Value::as_sequence);
    list.into_iter()
        .flatten()
        .filter_map(|dependency| {
            dependency
                .get("repository")?
                .as_str()?
                .strip_prefix("file://")
        })
        .filter_map(|path| join(directory.as_bstr(), path.into()))
        .collect()
}

/// Directories of Helm charts: what is in them becomes manifests only when rendered.
pub(super) fn directories(tree: &Tree) -> Result<BTreeSet<RepoPath>> {
    let mut found = BTreeSet::new();
    for (path, ..) in tree.listed_below("".into()) {
        let directory = parent(path.as_bstr());
        let name = file_name(path.as_bstr());
        if name == "Chart.yaml" || (name == "values.yaml" && is_chart(tree, directory)?) {
            found.insert(RepoPath::from(directory.to_vec()));
        }
    }
    Ok(found)
}

pub(super) fn is_below(path: &RepoPath, directories: &BTreeSet<RepoPath>) -> bool {
    let mut directory = path.as_bstr();
    while !directory.is_empty() {
        directory = parent(directory);
        if directories.contains(directory) {
            return true;
        }
    }
    false
}
