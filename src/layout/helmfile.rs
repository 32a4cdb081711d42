//! helmfile, where it is not Jenkins X that reads it: `helmfile.yaml`, `helmfile.d/` and what these include, with their
//! environments and releases.
//!
//! A helmfile that is plain YAML is read here, at any number of commits at no cost. Any other is a program: helmfile lists
//! its releases, once for every state of the files that decide them. Where helmfile cannot be asked, a helmfile is read as
//! far as it is YAML (lines with nothing but template logic are left out, so that a loop's releases are seen once), and a
//! note says so. Sources: helmfile `pkg/state/state.go`, `pkg/app/desired_state_file_loader.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_yaml::Value;

use super::LayoutKind;
use super::draft::{DEFAULT, Draft, FoundApp, components};
use super::is_ignored;
use crate::git::{BStr, ByteSlice, EntryKind, Oid, RepoPath, Result};
use crate::render::helmfile::{Sources, without_logic};
use crate::render::kustomization::display;
use crate::render::tree::{Node, Tree, file_name, join, parent};
use crate::render::{Error, Helmfile, Recipe, Renderer, Tool};
use crate::task::Cancel;
use crate::text::clean_line;

/// Helmfiles that include helmfiles that include helmfiles.
const MAX_INCLUDED: usize = 1_000;

pub(super) fn detect(tree: &Tree, renderer: &Renderer, draft: &mut Draft) -> Result<()> {
    let mut found: BTreeMap<RepoPath, Arc<Sources>> = BTreeMap::new();
    for path in entries(tree) {
        let sources = renderer.helmfile_sources(tree, &path, None)?;
        found.insert(path, sources);
    }
    let included = |path: &RepoPath| {
        let mut others = found.iter().filter(|(other, _)| *other != path);
        // Of two that include each other, the first.
        others.any(|(other, sources)| {
            let back = found.get(path).is_some_and(|own| own.includes(other));
            sources.includes(path) && (!back || other < path)
        })
    };
    let mut unread = Unread::default();
    let mut seen = BTreeSet::new();
    for (path, sources) in found.iter().filter(|(path, _)| !included(path)) {
        draft.kinds.insert(LayoutKind::Helmfile);
        draft.reads.extend(sources.state.iter().cloned());
        if sources.is_plain {
            read_all(tree, path, None, &mut seen, &mut unread, draft)?;
        } else if let Some(why) = renderer.why_no_helmfile() {
            unread.why = Some(why.to_owned());
            unread.guessed.push(path.clone());
            read_all(tree, path, None, &mut seen, &mut unread, draft)?;
        } else {
            let failed = listed(tree, path, sources, renderer, draft)?;
            if !failed.is_empty() {
                read_all(tree, path, Some(&failed), &mut seen, &mut unread, draft)?;
            }
        }
    }
    unread.guessed.retain(|path| !unread.broken.contains(path));
    let why = unread
        .why
        .map(|why| format!(", and {why}"))
        .unwrap_or_default();
    for (what, which) in [
        (
            "helmfiles are templates that only helmfile can read",
            &unread.broken,
        ),
        (
            "helmfiles have templates and were read without them",
            &unread.guessed,
        ),
    ] {
        draft.note_some(&format!("{what}{why}"), which, |path| path);
    }
    Ok(())
}

/// What could not be read as helmfile would.
#[derive(Default)]
struct Unread {
    why: Option<String>,
    guessed: Vec<RepoPath>,
    broken: Vec<RepoPath>,
}

/// The files helmfile looks for by itself, in any directory.
fn entries(tree: &Tree) -> Vec<RepoPath> {
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
        .map(|(path, ..)| path.clone())
        .collect()
}

/// The releases that helmfile itself finds. Answers the environments where it finds none because it fails, which a note says.
fn listed(
    tree: &Tree,
    path: &RepoPath,
    sources: &Sources,
    renderer: &Renderer,
    draft: &mut Draft,
) -> Result<Vec<String>> {
    let environments = environments(sources.environments.iter().map(String::as_str));
    // Why → the environments where.
    let mut failed: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for environment in &environments {
        let named = (environment != DEFAULT).then_some(environment.as_str());
        let sources = &renderer.helmfile_sources(tree, path, Some(environment))?;
        let cancel = Cancel::new();
        let releases = match renderer.helmfile_releases(tree, path, sources, named, &cancel) {
            Ok(releases) => releases,
            Err(Error::Git(error)) => return Err(error),
            // Nobody holds the other end.
            Err(Error::Cancelled) => continue,
        };
        match releases.as_ref() {
            Ok(releases) => {
                for release in releases {
                    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
                    let release = Found {
                        name: release.name.clone(),
                        namespace: text(&release.namespace),
                        chart: text(&release.chart),
                        version: text(&release.version),
                    };
                    draft.release(path, sources, environment, named.is_some(), release);
                }
            }
            Err(why) => failed.entry(why.clone()).or_default().push(environment),
        }
    }
    let mut without = Vec::new();
    for (why, environments) in failed {
        let place = display(path.as_bstr());
        let named = clean_line(&environments.join(", "));
        draft
            .notes
            .push(format!("{place}, environment {named}: {why}"));
        without.extend(environments.into_iter().map(str::to_owned));
    }
    Ok(without)
}

/// Those that are named, else the one that helmfile takes where none is.
fn environments<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let named = names.filter(|name| *name != DEFAULT && !name.contains("{{"));
    let mut environments: Vec<String> = named.map(str::to_owned).collect();
    environments.dedup();
    if environments.is_empty() {
        environments.push(DEFAULT.to_owned());
    }
    environments
}

/// The releases in the YAML of a helmfile and of those it includes, in all environments or in some.
fn read_all(
    tree: &Tree,
    path: &RepoPath,
    only: Option<&[String]>,
    seen: &mut BTreeSet<RepoPath>,
    unread: &mut Unread,
    draft: &mut Draft,
) -> Result<()> {
    // What names no environments has those of the helmfile that includes it.
    let mut open = vec![(path.clone(), only.map(<[String]>::to_vec))];
    while let Some((path, around)) = open.pop() {
        let Some(Node::File(id)) = tree.node(path.as_bstr())? else {
            continue;
        };
        if !seen.insert(path.clone()) || seen.len() > MAX_INCLUDED {
            continue;
        }
        draft.reads.insert(path.clone());
        let Some(helmfile) = read(tree, id)? else {
            unread.broken.push(path);
            continue;
        };
        let environments = match around {
            // Environments may be named in another file.
            Some(around) if only.is_some() || environment_names(&helmfile).next().is_none() => {
                around
            }
            _ => environments(environment_names(&helmfile)),
        };
        let included = includes(&path, &helmfile).into_iter();
        open.extend(included.map(|path| (path, Some(environments.clone()))));
        releases(tree, &path, &helmfile, environments, draft)?;
    }
    Ok(())
}

/// Several documents are merged, as far as lists of releases and environments go.
fn read(tree: &Tree, id: Oid) -> Result<Option<Vec<Value>>> {
    let bytes = tree.reader.blob(id)?;
    Ok(without_logic(&bytes.to_str_lossy()))
}

fn environment_names(helmfile: &[Value]) -> impl Iterator<Item = &str> {
    helmfile
        .iter()
        .filter_map(|document| document.get("environments").and_then(Value::as_mapping))
        .flat_map(|environments| environments.keys())
        .filter_map(Value::as_str)
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

fn releases(
    tree: &Tree,
    path: &RepoPath,
    helmfile: &[Value],
    environments: Vec<String>,
    draft: &mut Draft,
) -> Result<()> {
    let environments: Vec<(String, Sources)> = environments
        .into_iter()
        .map(|name| {
            let sources = Sources::of(tree, path, Some(&name))?;
            Ok((name, sources))
        })
        .collect::<Result<_>>()?;
    // Helmfile overrides those of the releases with it.
    let shared = helmfile
        .iter()
        .find_map(|document| text(document, "namespace"));
    for release in items(helmfile, "releases") {
        let Some(name) = text(release, "name") else {
            continue;
        };
        let found = Found {
            name,
            namespace: shared.clone().or_else(|| text(release, "namespace")),
            chart: text(release, "chart"),
            version: text(release, "version"),
        };
        for (environment, sources) in &environments {
            let named = environment != DEFAULT;
            draft.release(path, sources, environment, named, found.clone());
        }
    }
    if list_is_empty(helmfile) {
        let place = display(path.as_bstr());
        draft.notes.push(format!("{place}: it has no releases"));
    }
    Ok(())
}

/// A release of a helmfile.
#[derive(Clone)]
struct Found {
    name: String,
    namespace: Option<String>,
    chart: Option<String>,
    version: Option<String>,
}

impl Draft {
    fn release(
        &mut self,
        path: &RepoPath,
        sources: &Sources,
        environment: &str,
        is_named: bool,
        release: Found,
    ) {
        // A cluster's first releases are often installed by hand, for the deployer to take over what it finds.
        let taken_over = self.apps.iter().any(|app| {
            app.declared_by.is_some()
                && app.name == release.name
                && app.recipe.namespace == release.namespace
        });
        if taken_over {
            return;
        }
        let directory = parent(path.as_bstr());
        let mut closure = sources.of_release(&release.name);
        closure.insert(path.clone());
        self.apps.push(FoundApp {
            environment: environment.to_owned(),
            root: RepoPath::from(directory.to_vec()),
            name: release.name.clone(),
            qualifier: components(directory)
                .into_iter()
                .chain(release.namespace.clone())
                .chain(Some(release.name.clone()))
                .collect(),
            recipe: Recipe {
                tool: Tool::Helmfile(Box::new(Helmfile {
                    environment: is_named.then(|| environment.to_owned()),
                    release: release.name,
                    namespace: release.namespace.clone(),
                })),
                roots: vec![path.clone()],
                closure: closure.into_iter().collect(),
                namespace: release.namespace,
            },
            cluster: None,
            deployer: None,
            declared_by: None,
            chart: release.chart,
            version: release.version,
            sources: Vec::new(),
            marks: BTreeSet::new(),
        });
    }
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
