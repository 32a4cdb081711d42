//! Jenkins X 3: one repository per cluster, with what is deployed in `config-root/`, written by a pipeline from
//! `helmfiles/`.
//!
//! The rendered files are what gets applied (`kubectl apply -R -f config-root/…`), so the directories decide which apps
//! there are; helmfiles add versions and say which files a person edits. Sources: jx-gitops `pkg/cmd/helmfile/report`,
//! `split`, `rename` and `move`; jx-api `core/v4beta1` for the requirements.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::draft::{Draft, FoundApp, FoundEnvironment, components};
use super::{Destination, LayoutKind};
use crate::git::{BStr, ByteSlice, RepoPath, Result, parse_url};
use crate::render::kustomization::display;
use crate::render::tree::{Followed, Node, Tree, file_name, is_within, join, parent};
use crate::render::{Recipe, Tool};
use crate::text::clean_line;

pub(super) const REQUIREMENTS: &str = "jx-requirements.yml";
const RELEASES: &str = "docs/releases.yaml";
const ROOT: &str = "config-root";

/// The app that the `Namespace` objects are.
const NAMESPACES: &str = "namespaces";

/// The cluster's own environment: everything that is in none of the others.
const OWN: &str = "dev";

/// Adds what the repository deploys; `false` where it is no Jenkins X repository.
pub(super) fn detect(tree: &Tree, draft: &mut Draft) -> Result<bool> {
    let Some(bytes) = file(tree, REQUIREMENTS)? else {
        return Ok(false);
    };
    let requirements = match serde_yaml::from_slice::<Value>(&bytes) {
        Ok(requirements) if text(&requirements, "kind").as_deref() == Some("Requirements") => {
            requirements
        }
        Ok(_) => return Ok(false),
        Err(error) => {
            if tree.listed_below(ROOT.into()).is_empty() {
                return Ok(false);
            }
            draft.notes.push(broken(REQUIREMENTS.into(), &error));
            Value::Null
        }
    };
    draft.kinds.insert(LayoutKind::JenkinsX);
    draft.generated = ["config-root/", "docs/README.md", RELEASES]
        .map(RepoPath::from)
        .to_vec();
    let helmfiles = Helmfiles::read(tree, draft)?;
    let groups = groups(tree);
    let namespaces: BTreeSet<&str> = groups
        .keys()
        .map(|(namespace, _)| namespace.as_str())
        .chain(
            helmfiles
                .releases
                .iter()
                .map(|release| release.namespace.as_str()),
        )
        .collect();
    let environments = Environments::read(&requirements, &namespaces, draft);
    apps(helmfiles, groups, &environments, draft);
    Ok(true)
}

/// A namespace → the environment it is.
struct Environments {
    by_namespace: BTreeMap<String, String>,
}

impl Environments {
    fn read(requirements: &Value, namespaces: &BTreeSet<&str>, draft: &mut Draft) -> Environments {
        let entries: Vec<&Value> = requirements
            .get("spec")
            .and_then(|spec| spec.get("environments"))
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten()
            .collect();
        let key = |entry: &Value| text(entry, "key").filter(|key| !key.is_empty());
        let own = entries
            .iter()
            .find(|entry| key(entry).as_deref() == Some(OWN));
        let given = |entry: &Value, key| text(entry, key).filter(|text| !text.is_empty());
        let own_repository = own.and_then(|entry| given(entry, "repository"));
        let own_owner = own.and_then(|entry| given(entry, "owner"));
        let url = |entry: &Value| parse_url(&given(entry, "gitUrl")?);
        let own_url = own.and_then(|entry| url(entry));
        let mut by_namespace = BTreeMap::new();
        draft.environments.push(FoundEnvironment {
            name: OWN.to_owned(),
            root: RepoPath::from(ROOT),
            destination: Destination::default(),
            repository: None,
        });
        for entry in &entries {
            let Some(key) = key(entry).filter(|key| key != OWN) else {
                continue;
            };
            let repository = given(entry, "repository");
            let owner = given(entry, "owner").or(own_owner.clone());
            let here = match (url(entry), &repository) {
                (Some(url), _) if own_url.is_some() => Some(url) == own_url,
                (Some(_), None) => false,
                (_, None) => true,
                (_, Some(_)) => repository == own_repository && owner == own_owner,
            };
            let remote = entry.get("remoteCluster").and_then(Value::as_bool) == Some(true);
            if here && !remote {
                let namespace = text(entry, "namespace")
                    .filter(|namespace| !namespace.is_empty())
                    .unwrap_or_else(|| format!("jx-{key}"));
                draft.environments.push(environment(&key, &namespace));
                by_namespace.insert(namespace, key);
            } else {
                let named = match (owner, repository) {
                    (Some(owner), Some(repository)) => Some(format!("{owner}/{repository}")),
                    (None, repository) => repository,
                    (Some(_), None) => None,
                };
                let path = url(entry).map(|url| url.path);
                let cluster = named.or(path).unwrap_or_else(|| key.clone());
                let place = url(entry).map(|url| url.to_string());
                let place = clean_line(&place.unwrap_or_else(|| cluster.clone()));
                draft.notes.push(format!(
                    "{} is in repository {place}, and is reviewed in a clone of that one",
                    clean_line(&key)
                ));
                draft.environments.push(FoundEnvironment {
                    name: key,
                    root: RepoPath::from(REQUIREMENTS),
                    destination: Destination {
                        cluster: Some(cluster),
                        namespace: None,
                    },
                    repository: Some(place),
                });
            }
        }
        if requirements.is_null() {
            // Unreadable for a while: environments do not go away by that.
            for namespace in namespaces {
                if let Some(key) = namespace.strip_prefix("jx-") {
                    draft.environments.push(environment(key, namespace));
                    by_namespace.insert((*namespace).to_owned(), key.to_owned());
                }
            }
        }
        Environments { by_namespace }
    }

    fn of(&self, namespace: &str) -> &str {
        self.by_namespace.get(namespace).map_or(OWN, String::as_str)
    }
}

fn environment(key: &str, namespace: &str) -> FoundEnvironment {
    FoundEnvironment {
        name: key.to_owned(),
        root: RepoPath::from(format!("{ROOT}/namespaces/{namespace}")),
        destination: Destination {
            cluster: None,
            namespace: Some(namespace.to_owned()),
        },
        repository: None,
    }
}

/// A release of a helmfile.
struct Release {
    namespace: String,
    name: String,
    chart: Option<String>,
    version: Option<String>,
    /// The helmfile, the values files it names, and a chart in the repository.
    sources: Vec<RepoPath>,
}

impl Release {
    /// The chart without its repository: `lighthouse` of `jxgh/lighthouse`.
    fn chart_name(&self) -> &str {
        let chart = self.chart.as_deref().unwrap_or_default();
        chart.rsplit('/').next().unwrap_or(chart)
    }
}

struct Helmfiles {
    releases: Vec<Release>,
    index: Index,
}

impl Helmfiles {
    fn read(tree: &Tree, draft: &mut Draft) -> Result<Helmfiles> {
        let mut releases = Vec::new();
        let mut listed = None;
        for name in ["helmfile.yaml", "helmfile.yaml.gotmpl"] {
            if let Some(root) = helmfile(tree, name.into(), draft)? {
                let paths = items(&root, "helmfiles").filter_map(|item| {
                    let path = item
                        .as_str()
                        .map(str::to_owned)
                        .or_else(|| text(item, "path"))?;
                    join("".into(), path.as_str().into())
                });
                listed = Some(paths.collect::<BTreeSet<_>>());
                releases.extend(of_helmfile(tree, name.into(), &root)?);
            }
        }
        for (path, ..) in tree.listed_below("helmfiles".into()) {
            let name = file_name(path.as_bstr());
            if name != "helmfile.yaml" && name != "helmfile.yaml.gotmpl" {
                continue;
            }
            if listed
                .as_ref()
                .is_some_and(|listed| !listed.is_empty() && !listed.contains(path))
            {
                draft.notes.push(format!(
                    "{} is not named in helmfile.yaml: its releases are not deployed",
                    display(path.as_bstr())
                ));
                continue;
            }
            if let Some(helmfile) = helmfile(tree, path.as_bstr(), draft)? {
                releases.extend(of_helmfile(tree, path.as_bstr(), &helmfile)?);
            }
        }
        Ok(Helmfiles {
            releases,
            index: index(tree)?,
        })
    }
}

/// A helmfile is a Go template that is often plain YAML.
fn helmfile(tree: &Tree, path: &BStr, draft: &mut Draft) -> Result<Option<Value>> {
    let Some(Node::File(id)) = tree.node(path)? else {
        return Ok(None);
    };
    match serde_yaml::from_slice::<Value>(&tree.reader.blob(id)?) {
        Ok(helmfile) => Ok(Some(helmfile)),
        Err(error) => {
            draft.notes.push(broken(path, &error));
            Ok(None)
        }
    }
}

fn of_helmfile(tree: &Tree, path: &BStr, helmfile: &Value) -> Result<Vec<Release>> {
    let directory = parent(path);
    let default_namespace = text(helmfile, "namespace")
        .or_else(|| components(directory).pop())
        .unwrap_or_default();
    let environments = helmfile.get("environments").and_then(Value::as_mapping);
    let shared: Vec<&Value> = environments
        .into_iter()
        .flat_map(|environments| environments.values())
        .flat_map(|environment| items(environment, "values"))
        .collect();
    let mut releases = Vec::new();
    for release in items(helmfile, "releases") {
        let Some(name) = text(release, "name") else {
            continue;
        };
        let chart = text(release, "chart");
        let mut sources = vec![RepoPath::from(path.to_vec())];
        let values = items(release, "values").chain(items(release, "secrets"));
        let values = values
            .chain(shared.iter().copied())
            .filter_map(Value::as_str);
        let local_chart = chart.as_deref().filter(|chart| chart.starts_with('.'));
        for reference in values.chain(local_chart) {
            let Some(path) = join(directory, reference.into()) else {
                continue;
            };
            if let Followed::To { path, .. } = tree.follow(path.as_bstr())?
                && !sources.contains(&path)
            {
                sources.push(path);
            }
        }
        releases.push(Release {
            namespace: text(release, "namespace").unwrap_or_else(|| default_namespace.clone()),
            version: text(release, "version"),
            name,
            chart,
            sources,
        });
    }
    Ok(releases)
}

/// (namespace, release) → version, and directory below the namespace's.
type Index = BTreeMap<(String, String), (Option<String>, Option<String>)>;

/// The report that regeneration writes. It is behind the helmfiles until then, so it only fills gaps.
fn index(tree: &Tree) -> Result<Index> {
    let mut index = BTreeMap::new();
    let Some(bytes) = file(tree, RELEASES)? else {
        return Ok(index);
    };
    let Ok(report) = serde_yaml::from_slice::<Value>(&bytes) else {
        return Ok(index);
    };
    for entry in report.as_sequence().into_iter().flatten() {
        let namespace = text(entry, "namespace").unwrap_or_default();
        for release in items(entry, "releases") {
            if let Some(name) = text(release, "name") {
                let directory = text(release, "resourcePath").and_then(|path| {
                    let below = path.strip_prefix(&format!("{ROOT}/namespaces/{namespace}/"))?;
                    Some(below.to_owned())
                });
                index.insert(
                    (namespace.clone(), name),
                    (text(release, "version"), directory),
                );
            }
        }
    }
    Ok(index)
}

/// (namespace, name) → what of `config-root/` belongs to it: directories, or files that are in no app's directory.
type Groups = BTreeMap<(String, String), BTreeSet<RepoPath>>;

/// Takes `config-root/` apart as `jx gitops helmfile move` lays it out.
fn groups(tree: &Tree) -> Groups {
    let mut groups = Groups::new();
    for (path, ..) in tree.listed_below(ROOT.into()) {
        let parts = components(path);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        // (namespace, name, how many components lead to the app's directory; all of them: the file itself)
        let (namespace, name, depth) = match parts.as_slice() {
            [_, "cluster", "namespaces", file] => (file.trim_end_matches(".yaml"), NAMESPACES, 4),
            [_, "cluster", "resources", namespace, app, _, ..] => (*namespace, *app, 5),
            [_, "cluster", "resources", app, _] => ("", *app, 5),
            [
                _,
                "namespaces" | "customresourcedefinitions" | "cluster",
                namespace,
                app,
                _,
                ..,
            ] => (*namespace, *app, 4),
            [_, "namespaces", namespace, _] => (*namespace, *namespace, 4),
            [_, part, name, _] => ("", if *name == "resources" { *part } else { *name }, 4),
            [_, part, ..] => ("", *part, parts.len()),
            _ => continue,
        };
        let root = super::draft::ancestor(path, depth);
        let key = (namespace.to_owned(), name.to_owned());
        groups.entry(key).or_default().insert(root);
    }
    groups
}

fn apps(helmfiles: Helmfiles, mut groups: Groups, environments: &Environments, draft: &mut Draft) {
    let Helmfiles { releases, index } = helmfiles;
    // The sure names first: two releases may be of one chart, and a release may be called as another's chart.
    let mut directories: Vec<Option<String>> = vec![None; releases.len()];
    let mut taken = BTreeSet::new();
    for round in 0..3 {
        for (release, directory) in releases.iter().zip(&mut directories) {
            if directory.is_some() {
                continue;
            }
            let (chart, name) = (release.chart_name(), release.name.as_str());
            let key = (release.namespace.clone(), release.name.clone());
            let candidates = match round {
                0 => vec![
                    index.get(&key).and_then(|(_, directory)| directory.clone()),
                    Some(format!("{chart}-{name}")),
                    (chart == name).then(|| name.to_owned()),
                ],
                1 => vec![Some(name.to_owned())],
                _ => vec![Some(chart.to_owned())],
            };
            *directory = candidates.into_iter().flatten().find(|candidate| {
                let key = (release.namespace.clone(), candidate.clone());
                groups.contains_key(&key) && taken.insert(key)
            });
        }
    }
    for (release, directory) in releases.into_iter().zip(directories) {
        let roots = directory
            .and_then(|directory| groups.remove(&(release.namespace.clone(), directory)))
            // Not regenerated yet.
            .unwrap_or_else(|| {
                let name = &release.name;
                BTreeSet::from([RepoPath::from(format!(
                    "{ROOT}/namespaces/{}/{name}",
                    release.namespace
                ))])
            });
        let key = (release.namespace.clone(), release.name.clone());
        let reported = index.get(&key).and_then(|(version, _)| version.clone());
        let mut app = app(environments, &release.namespace, release.name, roots);
        app.chart = release.chart;
        app.version = release.version.or(reported);
        app.sources = release.sources;
        draft.apps.push(app);
    }
    let mut own_namespaces = BTreeSet::new();
    for ((namespace, name), roots) in groups {
        if name == NAMESPACES && environments.of(&namespace) == OWN {
            own_namespaces.extend(roots);
            continue;
        }
        let mut app = app(environments, &namespace, name, roots);
        app.version = index
            .get(&(namespace, app.name.clone()))
            .and_then(|(version, _)| version.clone());
        draft.apps.push(app);
    }
    if !own_namespaces.is_empty() {
        draft
            .apps
            .push(app(environments, "", NAMESPACES.to_owned(), own_namespaces));
    }
}

fn app(
    environments: &Environments,
    namespace: &str,
    name: String,
    roots: BTreeSet<RepoPath>,
) -> FoundApp {
    let roots: Vec<RepoPath> = roots.into_iter().collect();
    let environment = environments.of(namespace);
    FoundApp {
        environment: environment.to_owned(),
        root: match environment {
            OWN => RepoPath::from(ROOT),
            _ => RepoPath::from(format!("{ROOT}/namespaces/{namespace}")),
        },
        qualifier: vec![namespace.to_owned(), name.clone()],
        name,
        recipe: Recipe {
            tool: Tool::Plain,
            closure: roots.clone(),
            roots,
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        },
        cluster: None,
        deployer: None,
        declared_by: None,
        chart: None,
        version: None,
        sources: Vec::new(),
        marks: BTreeSet::new(),
    }
}

/// Whether a change of this file's text can change what is found (besides files that come and go).
pub(super) fn is_read(path: &[u8]) -> bool {
    path == REQUIREMENTS.as_bytes()
        || path == RELEASES.as_bytes()
        || (file_name(path.as_bstr()).starts_with(b"helmfile.yaml")
            && (is_within(path, b"helmfiles") || !path.contains(&b'/')))
}

fn file(tree: &Tree, path: &str) -> Result<Option<Vec<u8>>> {
    match tree.node(path.into())? {
        Some(Node::File(id)) => tree.reader.blob(id).map(Some),
        _ => Ok(None),
    }
}

/// A note that says where, and quotes nothing.
fn broken(path: &BStr, error: &serde_yaml::Error) -> String {
    let line = error
        .location()
        .map_or(String::new(), |at| format!(" (line {})", at.line()));
    format!(
        "{} is not valid YAML{line}; the directories tell what there is",
        display(path)
    )
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_sequence)
        .into_iter()
        .flatten()
}

/// A scalar as it is written: versions are often numbers to YAML.
fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
