//! ApplicationSets: generators that can be evaluated with nothing but the repository (list, git directories and files, matrix
//! and merge of them), and why not for the others. Source: argo-cd `applicationset/generators`.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Reader, items, scalar, text};
use super::template::{self, Unknown};
use crate::git::{ByteSlice, EntryKind, RepoPath, Result, glob_matches};
use crate::layout::orders::Order;
use crate::manifest::{Leaf, Map, Node, Object};
use crate::render::tree::{file_name, parent};

/// A set that makes more Applications than this is cut off: a matrix of matrices explodes fast.
const MAX_MADE: usize = 2_000;

/// How much may be tried for all sets of a tree together: matrices of matrices that make nothing take for ever, too.
pub(super) const MAX_STEPS: usize = 2_000_000;
/// So many comparisons take about as long as filling in a template.
const COMPARED_A_STEP: usize = 64;

#[derive(Default)]
pub(super) struct Expanded {
    pub(super) applications: Vec<Order>,
    /// Files whose content became parameters.
    pub(super) reads: BTreeSet<RepoPath>,
    pub(super) notes: BTreeSet<String>,
    /// How many steps are left.
    steps: usize,
}

impl Expanded {
    fn note(&mut self, note: impl Into<String>) {
        self.notes.insert(note.into());
    }

    /// Whether there are so many steps left.
    fn spend(&mut self, steps: usize) -> bool {
        let enough = self.steps >= steps;
        self.steps = self.steps.saturating_sub(steps);
        if !enough {
            self.steps = 0;
            self.note("its generators make too much to be evaluated whole");
        }
        enough
    }
}

/// The URLs and paths that git generators name.
pub(super) fn references(order: &Order) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut open: Vec<&Node> = order.spec(&["generators"]).into_iter().collect();
    while let Some(node) = open.pop() {
        for generator in node.as_list().into_iter().flatten() {
            open.extend(generator.at(&["matrix", "generators"]));
            open.extend(generator.at(&["merge", "generators"]));
            let Some(git) = generator.get("git") else {
                continue;
            };
            let fixed = items(git, &["directories"])
                .chain(items(git, &["files"]))
                .filter_map(|item| text(item, &["path"]))
                .filter_map(|path| path.split(['*', '?', '{']).next())
                .map(|path| path.rsplit_once('/').map_or("", |(directory, _)| directory));
            let url = text(git, &["repoURL"]);
            found.extend(fixed.filter_map(|path| Some((url?, path))));
        }
    }
    found
}

/// The Applications that a set makes, in no more than `steps`, of which those taken are gone afterwards.
pub(super) fn applications(reader: &Reader, order: &Order, steps: &mut usize) -> Result<Expanded> {
    let mut expanded = Expanded {
        steps: *steps,
        ..Expanded::default()
    };
    expand(reader, order, &mut expanded)?;
    *steps = expanded.steps;
    Ok(expanded)
}

fn expand(reader: &Reader, order: &Order, expanded: &mut Expanded) -> Result<()> {
    let template = order.spec(&["template"]);
    if order.spec(&["templatePatch"]).is_some() {
        expanded.note("its templatePatch is not applied");
    }
    let generators = order.spec(&["generators"]).and_then(Node::as_list);
    for generator in generators.into_iter().flatten() {
        let made = parameters(reader, generator, &empty(), expanded)?;
        for parameters in made {
            if expanded.applications.len() >= MAX_MADE {
                expanded.note(format!(
                    "more than its first {MAX_MADE} Applications are left out"
                ));
                return Ok(());
            }
            let application = template
                .ok_or_else(|| Unknown("spec.template".to_owned()))
                .and_then(|template| template::fill(template, &parameters));
            match application {
                Ok(application) => {
                    expanded
                        .applications
                        .extend(as_order(reader, order, &application))
                }
                Err(Unknown(expression)) => {
                    expanded.note(format!(
                        "its template cannot be evaluated here ({})",
                        crate::text::clean_line(&expression)
                    ));
                }
            }
        }
    }
    Ok(())
}

fn as_order(reader: &Reader, set: &Order, template: &Node) -> Option<Order> {
    let name = text(template, &["metadata", "name"])?;
    let namespace = text(template, &["metadata", "namespace"]).or(set.id().namespace.as_deref());
    let object = Object::from_json(
        serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": namespace},
            "spec": template.get("spec")?,
        }),
        reader.renderer.masking(),
    )?;
    Some(Order::made(object, set.from.clone(), set.file.clone()))
}

fn empty() -> Node {
    Node::Map(Map::new())
}

fn string(text: impl Into<String>) -> Node {
    Node::Leaf(Leaf::String(text.into()))
}

/// The parameters that a generator makes, each a mapping. `outer`: those of the generator before it in a matrix.
fn parameters(
    reader: &Reader,
    generator: &Node,
    outer: &Node,
    expanded: &mut Expanded,
) -> Result<Vec<Node>> {
    let Some(map) = generator.as_map() else {
        return Ok(Vec::new());
    };
    if map.contains_key("selector") {
        expanded.note("its selector is not applied");
    }
    let mut made = Vec::new();
    if !expanded.spend(1) {
        return Ok(made);
    }
    for (kind, node) in map {
        match kind.as_str() {
            "selector" => {}
            "list" => {
                for item in items(node, &["elements"]) {
                    if !expanded.spend(1) {
                        break;
                    }
                    made.extend(template::fill(item, outer).ok());
                }
            }
            "git" => made.extend(git(reader, node, outer, expanded)?),
            "matrix" => {
                let mut product = vec![empty()];
                for generator in items(node, &["generators"]) {
                    let mut next = Vec::new();
                    for before in &product {
                        for after in parameters(reader, generator, before, expanded)? {
                            next.push(merged(before, &after));
                            if next.len() > MAX_MADE {
                                break;
                            }
                        }
                        if next.len() > MAX_MADE {
                            break;
                        }
                    }
                    product = next;
                }
                made.extend(product);
            }
            "merge" => {
                let keys: Vec<&str> = items(node, &["mergeKeys"])
                    .filter_map(Node::as_str)
                    .collect();
                let key = |parameters: &Node| -> Vec<Option<String>> {
                    let value = |key: &&str| {
                        key.split('.')
                            .try_fold(parameters, |node, name| node.get(name))
                            .and_then(scalar)
                    };
                    keys.iter().map(value).collect()
                };
                let mut base: Option<Vec<Node>> = None;
                for generator in items(node, &["generators"]) {
                    let next = parameters(reader, generator, outer, expanded)?;
                    match &mut base {
                        None => base = Some(next),
                        Some(base) => {
                            if !expanded.spend(base.len() * next.len() / COMPARED_A_STEP) {
                                break;
                            }
                            for known in base {
                                let same = next.iter().find(|other| key(other) == key(known));
                                if let Some(same) = same {
                                    *known = merged(known, same);
                                }
                            }
                        }
                    }
                }
                made.extend(base.into_iter().flatten());
            }
            other => expanded.note(format!(
                "its generator {} needs the cluster or the network",
                crate::text::clean_line(other)
            )),
        }
    }
    Ok(made)
}

/// The directories and files of this repository that a git generator names.
fn git(
    reader: &Reader,
    generator: &Node,
    outer: &Node,
    expanded: &mut Expanded,
) -> Result<Vec<Node>> {
    let Ok(generator) = template::fill(generator, outer) else {
        return Ok(Vec::new());
    };
    let url = text(&generator, &["repoURL"]).unwrap_or_default();
    if reader.own.is_known() && !reader.own.is(url) {
        let place = crate::layout::own::display(url);
        expanded.note(format!("its generator reads another repository, {place}"));
        return Ok(Vec::new());
    }
    let files = reader.tree.listed_below("".into());
    if !expanded.spend(files.len() / COMPARED_A_STEP) {
        return Ok(Vec::new());
    }
    let mut found: BTreeMap<RepoPath, Node> = BTreeMap::new();
    let directories: BTreeSet<RepoPath> = match generator.get("directories") {
        Some(_) => files
            .iter()
            .flat_map(|(path, ..)| above(path))
            .filter(|path| !path.split_str("/").any(|part| part.starts_with(b".")))
            .collect(),
        None => BTreeSet::new(),
    };
    for path in chosen(directories.iter(), &generator, "directories") {
        found.insert(path.clone(), empty());
    }
    let blobs: BTreeMap<&RepoPath, _> = files
        .iter()
        .filter(|(_, kind, _)| matches!(kind, EntryKind::Blob | EntryKind::Executable))
        .map(|(path, _, id)| (path, *id))
        .collect();
    for path in chosen(blobs.keys().copied(), &generator, "files") {
        expanded.reads.insert(path.clone());
        let Some(id) = blobs.get(path) else { continue };
        let bytes = reader.tree.reader.blob(*id)?;
        match serde_yaml::from_slice::<serde_json::Value>(&bytes).map(node) {
            Ok(Node::List(items)) => {
                for (number, item) in items.into_iter().enumerate() {
                    found.insert(format!("{path}\0{number}").into(), item);
                }
            }
            Ok(content) => {
                found.insert(path.clone(), content);
            }
            Err(_) => expanded.note(format!(
                "its file {} is not valid YAML",
                crate::text::clean_line(&path.to_str_lossy())
            )),
        }
    }
    let is_file = generator.get("directories").is_none();
    Ok(found
        .into_iter()
        .map(|(path, content)| {
            let end = path.find_byte(0).unwrap_or(path.len());
            let path = RepoPath::from(&path[..end]);
            let mut parameters = merged(&content, &place(&path, is_file));
            if let Some(values) = generator.get("values")
                && let Ok(values) = template::fill(values, &parameters)
            {
                let values = Node::Map(Map::from([("values".to_owned(), values)]));
                parameters = merged(&parameters, &values);
            }
            parameters
        })
        .collect())
}

/// What of `paths` the entries of a generator's `field` name; an exclusion beats any inclusion.
fn chosen<'p>(
    paths: impl Iterator<Item = &'p RepoPath>,
    generator: &Node,
    field: &str,
) -> Vec<&'p RepoPath> {
    let entries: Vec<(&str, bool)> = items(generator, &[field])
        .filter_map(|item| {
            let excluded = item.get("exclude").and_then(Node::as_bool) == Some(true);
            Some((text(item, &["path"])?, excluded))
        })
        .collect();
    let named = |path: &RepoPath, exclusions: bool| {
        entries.iter().any(|(pattern, excluded)| {
            *excluded == exclusions && glob_matches(pattern.as_bytes(), path.as_bstr())
        })
    };
    paths
        .filter(|path| named(path, false) && !named(path, true))
        .collect()
}

/// `path` as templates know it: of a file, its directory.
fn place(path: &RepoPath, is_file: bool) -> Node {
    let directory = match is_file {
        true => parent(path.as_bstr()),
        false => path.as_bstr(),
    };
    let basename = file_name(directory).to_str_lossy().into_owned();
    let normalised = normalised(&basename);
    let segments = directory.split_str("/");
    let mut fields = Map::from([
        ("path".to_owned(), string(directory.to_str_lossy())),
        ("basename".to_owned(), string(basename)),
        ("basenameNormalized".to_owned(), string(normalised)),
        (
            "segments".to_owned(),
            Node::List(segments.map(|part| string(part.to_str_lossy())).collect()),
        ),
    ]);
    if is_file {
        let name = file_name(path.as_bstr()).to_str_lossy().into_owned();
        fields.insert(
            "filenameNormalized".to_owned(),
            string(self::normalised(&name)),
        );
        fields.insert("filename".to_owned(), string(name));
    }
    Node::Map(Map::from([("path".to_owned(), Node::Map(fields))]))
}

/// A name that Kubernetes takes.
fn normalised(name: &str) -> String {
    let lower = name.to_lowercase();
    let legal = lower.chars().map(|c| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    });
    let legal: String = legal.collect();
    legal.trim_matches(['-', '.']).to_owned()
}

/// The directories that a file is in, the root left out.
fn above(path: &RepoPath) -> impl Iterator<Item = RepoPath> {
    path.find_iter("/")
        .map(|slash| RepoPath::from(&path[..slash]))
        .collect::<Vec<_>>()
        .into_iter()
}

/// Both, with what the second says where both say something.
fn merged(a: &Node, b: &Node) -> Node {
    match (a, b) {
        (Node::Map(a), Node::Map(b)) => {
            let mut map = a.clone();
            for (key, value) in b {
                let value = match map.get(key) {
                    Some(known) => merged(known, value),
                    None => value.clone(),
                };
                map.insert(key.clone(), value);
            }
            Node::Map(map)
        }
        (_, b) => b.clone(),
    }
}

/// A value of a parameters file.
fn node(value: serde_json::Value) -> Node {
    use serde_json::Value;
    match value {
        Value::Null => Node::Leaf(Leaf::Null),
        Value::Bool(value) => Node::Leaf(Leaf::Bool(value)),
        Value::Number(number) => Node::Leaf(Leaf::Number(number)),
        Value::String(text) => string(text),
        Value::Array(items) => Node::List(items.into_iter().map(node).collect()),
        Value::Object(map) => Node::Map(
            map.into_iter()
                .map(|(key, value)| (key, node(value)))
                .collect(),
        ),
    }
}
