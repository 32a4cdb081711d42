//! helmfile, where it is not Jenkins X that reads it: `helmfile.yaml`, `helmfile.d/` and what these include, with their
//! environments and releases.
//!
//! A helmfile is a Go template that makes YAML. One that is YAML as it is written is read so (lines with nothing but template
//! logic are left out, so that a loop's releases are seen once); of any other it is only known that it is there. Sources:
//! helmfile `pkg/state/state.go`, `pkg/app/desired_state_file_loader.go`.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::LayoutKind;
use super::draft::{DEFAULT, Draft, FoundApp, components};
use super::is_ignored;
use crate::git::{BStr, ByteSlice, EntryKind, Oid, RepoPath, Result};
use crate::render::kustomization::display;
use crate::render::tree::{Node, Tree, file_name, join, parent};
use crate::render::{Helmfile, Recipe, Tool};

/// Helmfiles that include helmfiles that include helmfiles.
const MAX_INCLUDED: usize = 1_000;

pub(super) fn detect(tree: &Tree, draft: &mut Draft) -> Result<()> {
    let mut open = entries(tree);
    let mut seen: BTreeSet<RepoPath> = BTreeSet::new();
    let mut unreadable: Vec<RepoPath> = Vec::new();
    let included: BTreeSet<RepoPath> = {
        let mut included = BTreeSet::new();
        for (path, id) in &open {
            if let Some(helmfile) = read(tree, *id)? {
                included.extend(includes(path, &helmfile));
            }
        }
        included
    };
    open.retain(|(path, _)| !included.contains(path));
    while let Some((path, id)) = open.pop() {
        if !seen.insert(path.clone()) || seen.len() > MAX_INCLUDED {
            continue;
        }
        draft.kinds.insert(LayoutKind::Helmfile);
        draft.reads.insert(path.clone());
        let Some(helmfile) = read(tree, id)? else {
            unreadable.push(path);
            continue;
        };
        for include in includes(&path, &helmfile) {
            if let Some(Node::File(id)) = tree.node(include.as_bstr())? {
                open.push((include, id));
            }
        }
        releases(tree, &path, &helmfile, draft)?;
    }
    unreadable.sort();
    draft.note_some(
        "helmfiles are templates that only helmfile can read",
        &unreadable,
        |path| path,
    );
    Ok(())
}

/// The files helmfile looks for by itself, in any directory.
fn entries(tree: &Tree) -> Vec<(RepoPath, Oid)> {
    let files = tree.listed_below("".into()).iter();
    files
        .filter(|(path, kind, _)| {
            let name = file_name(path.as_bstr());
            let in_directory = file_name(parent(path.as_bstr())) == "helmfile.d"
                && (name.ends_with(b".yaml") || name.ends_with(b".yaml.gotmpl"));
            let named = name == "helmfile.yaml" || name == "helmfile.yaml.gotmpl";
            (named || in_directory)
                && matches!(kind, EntryKind::Blob | EntryKind::Executable)
                && !is_ignored(path)
        })
        .map(|(path, _, id)| (path.clone(), *id))
        .collect()
}

/// Several documents are merged, as far as lists of releases and environments go.
fn read(tree: &Tree, id: Oid) -> Result<Option<Vec<Value>>> {
    let bytes = tree.reader.blob(id)?;
    let text = bytes.to_str_lossy();
    let is_logic = |line: &&str| {
        let line = line.trim();
        line.starts_with("{{") && line.ends_with("}}") && !line.contains("toYaml")
    };
    let plain: Vec<&str> = text.lines().filter(|line| !is_logic(line)).collect();
    let mut documents = Vec::new();
    for part in plain.join("\n").split("\n---") {
        match serde_yaml::from_str::<Value>(part) {
            Ok(Value::Null) => {}
            Ok(document) => documents.push(document),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(documents))
}

fn includes(path: &RepoPath, helmfile: &[Value]) -> Vec<RepoPath> {
    let items = items(helmfile, "helmfiles");
    items
        .filter_map(|item| {
            item.as_str()
                .or_else(|| item.get("path").and_then(Value::as_str))
        })
        .filter_map(|include| join(parent(path.as_bstr()), BStr::new(include)))
        .collect()
}

fn releases(tree: &Tree, path: &RepoPath, helmfile: &[Value], draft: &mut Draft) -> Result<()> {
    let mut environments: Vec<String> = helmfile
        .iter()
        .filter_map(|document| document.get("environments").and_then(Value::as_mapping))
        .flat_map(|environments| environments.keys())
        .filter_map(Value::as_str)
        .filter(|name| *name != DEFAULT && !name.contains("{{"))
        .map(str::to_owned)
        .collect();
    environments.dedup();
    let named = !environments.is_empty();
    if !named {
        environments.push(DEFAULT.to_owned());
    }
    let directory = parent(path.as_bstr());
    let shared = helmfile
        .iter()
        .find_map(|document| text(document, "namespace"));
    for release in items(helmfile, "releases") {
        let Some(name) = text(release, "name") else {
            continue;
        };
        let chart = text(release, "chart");
        let namespace = text(release, "namespace").or_else(|| shared.clone());
        // A cluster's first releases are often installed by hand, for the deployer to take over what it finds.
        let taken_over = draft.apps.iter().any(|app| {
            app.declared_by.is_some() && app.name == name && app.recipe.namespace == namespace
        });
        if taken_over {
            continue;
        }
        for environment in &environments {
            let mut closure = vec![path.clone()];
            let values = ["values", "secrets"].into_iter();
            let values = values.flat_map(|key| list(release, key)).chain(
                helmfile
                    .iter()
                    .filter_map(|document| document.get("environments")?.get(environment))
                    .flat_map(|environment| list(environment, "values")),
            );
            let local = chart.as_deref().filter(|chart| chart.starts_with('.'));
            for reference in values.filter_map(Value::as_str).chain(local) {
                let reference = reference
                    .replace("{{ .Environment.Name }}", environment)
                    .replace("{{.Environment.Name}}", environment);
                let place = join(directory, BStr::new(reference.as_str()));
                if let Some(place) = place
                    && tree.node(place.as_bstr())?.is_some()
                {
                    closure.push(place);
                }
            }
            closure.sort();
            closure.dedup();
            draft.apps.push(FoundApp {
                environment: environment.clone(),
                root: RepoPath::from(directory.to_vec()),
                name: name.clone(),
                qualifier: components(directory)
                    .into_iter()
                    .chain(namespace.clone())
                    .chain(Some(name.clone()))
                    .collect(),
                recipe: Recipe {
                    tool: Tool::Helmfile(Box::new(Helmfile {
                        environment: named.then(|| environment.clone()),
                        release: name.clone(),
                        namespace: namespace.clone(),
                    })),
                    roots: vec![path.clone()],
                    closure,
                    namespace: namespace.clone(),
                },
                cluster: None,
                deployer: None,
                declared_by: None,
                chart: chart.clone(),
                version: text(release, "version"),
                sources: Vec::new(),
                marks: BTreeSet::new(),
            });
        }
    }
    if list_is_empty(helmfile) {
        let place = display(path.as_bstr());
        draft.notes.push(format!("{place}: it has no releases"));
    }
    Ok(())
}

/// Neither releases nor other helmfiles: all of it is made by templates.
fn list_is_empty(helmfile: &[Value]) -> bool {
    items(helmfile, "releases").next().is_none() && items(helmfile, "helmfiles").next().is_none()
}

fn items<'v>(helmfile: &'v [Value], key: &str) -> impl Iterator<Item = &'v Value> {
    helmfile
        .iter()
        .flat_map(move |document| list(document, key))
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value
        .get(key)
        .and_then(Value::as_sequence)
        .into_iter()
        .flatten()
}

/// A scalar as text; not one that a template makes.
fn text(value: &Value, key: &str) -> Option<String> {
    let text = match value.get(key)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && !text.contains("{{")).then_some(text)
}
