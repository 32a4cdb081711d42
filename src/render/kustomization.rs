//! Kustomizations as files that name other files: what a build reads, without building.
//!
//! `kustomize` has no command that tells which files a build reads, and the closure is what makes caching, exporting and
//! "which app does this commit touch" possible. Only references are read here; what they mean is the tool's business.
//! Source of the fields: kustomize `api/types/kustomization.go`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_yaml::Value;

use super::tool::Additions;
use super::tree::{Followed, Node, Tree, file_name, join, parent};
use super::{Renderer, SourceIgnore};
use crate::git::{BStr, BString, ByteSlice, Oid, RepoPath, Result};

/// The names kustomize looks for (`konfig.RecognizedKustomizationFileNames`). More than one in a directory is an error.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Overlays of overlays of overlays: real repositories stay below ten.
const MAX_DEPTH: usize = 64;

/// The largest kustomization seen in public has 700 lines.
const MAX_BYTES: usize = 4 << 20;

/// What one kustomization file names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Kustomization {
    /// `kind: Component`: part of other kustomizations, never built itself.
    pub(crate) component: bool,
    /// A Flux object that happens to be in a file of this name.
    pub(crate) flux: bool,
    pub(crate) namespace: Option<String>,
    /// Files, directories or URLs.
    resources: Vec<String>,
    components: Vec<String>,
    /// Generators, transformers, validators: files, directories, or inline text.
    plugins: Vec<String>,
    /// Patches, generators' inputs, …: files, or inline text.
    files: Vec<String>,
    helm: bool,
    /// Which objects its patches are for.
    pub(crate) patched: Vec<Patched>,
    /// It renames objects, or changes them in ways that only kustomize knows (replacements, transformers).
    pub(crate) rewrites: bool,
    /// It puts what one object says into another (replacements, variables), or has plugins do whatever they do.
    pub(crate) takes_from_others: bool,
    /// Every text in it that goes up (`..`) or is an absolute path, whatever it means.
    reaching: Vec<String>,
    /// Why it cannot be read; never quotes it.
    broken: Option<String>,
}

/// Which objects a patch is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Patched {
    /// A kind, or a regular expression for kinds.
    Kind(String),
    /// What the patch in this file is called like.
    File(String),
    Any,
}

/// A URL that the kustomization in a directory names.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) directory: RepoPath,
    /// As it is written.
    pub(crate) reference: String,
}

/// What a build of one directory reads.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Every path that can change the result: files, links on the way to them, and what is named but not there.
    pub(crate) closure: BTreeSet<RepoPath>,
    /// The files that hold resources (not patches), in the order they are read.
    pub(crate) resources: Vec<(RepoPath, Oid)>,
    /// The kustomization file of the root, unless (`generated`) there is none.
    pub(crate) file: Option<(RepoPath, Oid)>,
    /// The resources of the kustomization file that is to be made, relative to the root.
    pub(crate) generated: Vec<String>,
    /// Something in it might name a file that this walk has not seen, so that only the tool's own restrictions hold it back.
    pub(crate) obscure: bool,
    /// The directories of the kustomizations read, the root first.
    pub(crate) directories: Vec<RepoPath>,
    /// Namespaces that the kustomizations below the root set.
    pub(crate) namespaces: BTreeSet<String>,
    /// The namespace that the outermost kustomization sets which names one, by resource file.
    pub(crate) placed: HashMap<RepoPath, String>,
    /// Why it must not be built at all (links out of the tree).
    pub(crate) refusals: Vec<String>,
    /// What is named by URL.
    pub(crate) remotes: Vec<Remote>,
    /// Why a build is bound to fail, in better words than the tool's.
    pub(crate) problems: Vec<String>,
    /// What `placed` is to say of the files being read.
    namespace: Option<String>,
    seen: HashSet<RepoPath>,
    /// The kustomizations being read, each named by the one before.
    stack: Vec<RepoPath>,
}

pub(crate) fn is_kustomization_name(name: &BStr) -> bool {
    NAMES.iter().any(|known| name == *known)
}

/// The kustomization files of a directory: none, one, or (an error in kustomize) more.
pub(crate) fn files_in(tree: &Tree, directory: &BStr) -> Result<Vec<(RepoPath, Oid)>> {
    let found = find(tree, directory)?;
    Ok(found.into_iter().map(|(path, id, _)| (path, id)).collect())
}

/// The same, with the links on the way to each.
fn find(tree: &Tree, directory: &BStr) -> Result<Vec<(RepoPath, Oid, Vec<RepoPath>)>> {
    let mut found = Vec::new();
    for name in NAMES {
        let Some(path) = join(directory, BStr::new(name)) else {
            continue;
        };
        if let Followed::To {
            path,
            node: Node::File(id),
            links,
        } = tree.follow(path.as_bstr())?
        {
            found.push((path, id, links));
        }
    }
    Ok(found)
}

/// Follows everything that the kustomization in `directory` names.
pub(crate) fn walk(tree: &Tree, directory: &BStr, renderer: &Renderer) -> Result<Walk> {
    walk_with(tree, directory, &Additions::default(), renderer)
}

/// Follows everything that the kustomization in `directory` names, and what its deployer adds.
pub(crate) fn walk_with(
    tree: &Tree,
    directory: &BStr,
    additions: &Additions,
    renderer: &Renderer,
) -> Result<Walk> {
    let mut walk = Walk::default();
    let mut directory = BString::from(directory.to_vec());
    if let Followed::To { path, links, .. } = tree.follow(directory.as_bstr())? {
        walk.closure.extend(links);
        directory = path;
    }
    let directory = directory.as_bstr();
    walk.file = files_in(tree, directory)?.into_iter().next();
    match &walk.file {
        None if additions.generate => {
            walk.generate(tree, directory, &additions.ignore, renderer)?;
        }
        _ => walk.directory(tree, directory, renderer)?,
    }
    for component in &additions.components {
        let place = join(directory, BStr::new(component));
        let missing = match &place {
            Some(path) => matches!(tree.follow(path.as_bstr())?, Followed::Missing(_)),
            None => false,
        };
        if !(missing && additions.ignore_missing_components) {
            walk.reference(tree, directory, component, Role::Component, renderer)?;
        }
    }
    for path in additions
        .patches
        .iter()
        .filter_map(|patch| patch.path.as_ref())
    {
        walk.reference(tree, directory, path, Role::File, renderer)?;
    }
    Ok(walk)
}

impl Walk {
    /// The namespace that kustomizations set on every resource, if it is one and the same.
    pub(crate) fn placed_alike(&self) -> Option<String> {
        let mut namespaces = self.resources.iter().map(|(path, _)| self.placed.get(path));
        let first = namespaces.next()??;
        namespaces
            .all(|other| other == Some(first))
            .then(|| first.clone())
    }

    /// Every manifest below `directory`, and every kustomization, as Flux gathers them (`scanManifests`).
    fn generate(
        &mut self,
        tree: &Tree,
        directory: &BStr,
        ignore: &SourceIgnore,
        renderer: &Renderer,
    ) -> Result<()> {
        let root = BString::from(directory.to_vec());
        if !root.is_empty() && tree.node(directory)? != Some(Node::Directory) {
            let why = format!("{}: there is no such directory", display(directory));
            self.problems.push(why);
            return Ok(());
        }
        self.directories.push(root.clone());
        // Files there may come and go.
        self.closure.insert(root.clone());
        let mut below = tree.below(root.as_bstr())?;
        let is_left_out = ignore.leaves_out();
        below.retain(|(path, ..)| !is_left_out(path.as_bstr()));
        let built: HashSet<&BStr> = below
            .iter()
            .filter(|(path, ..)| is_kustomization_name(file_name(path.as_bstr())))
            .map(|(path, ..)| parent(path.as_bstr()))
            .collect();
        let mut found = BTreeSet::new();
        for (path, ..) in &below {
            let relative = match root.is_empty() {
                true => path.as_bstr(),
                false => path[root.len() + 1..].as_bstr(),
            };
            let start = path.len() - relative.len();
            let kustomization = relative
                .find_iter("/")
                .map(|slash| path[..start + slash].as_bstr())
                .find(|directory| built.contains(directory));
            let resource = match kustomization {
                Some(directory) => directory,
                None if is_gathered(relative) => path.as_bstr(),
                None => continue,
            };
            found.insert(resource[start..].to_str_lossy().into_owned());
        }
        self.stack.push(root.clone());
        for resource in found {
            let resource = format!("./{resource}");
            self.reference(tree, root.as_bstr(), &resource, Role::Resource, renderer)?;
            self.generated.push(resource);
        }
        self.stack.pop();
        Ok(())
    }

    fn directory(&mut self, tree: &Tree, directory: &BStr, renderer: &Renderer) -> Result<()> {
        let directory = BString::from(directory.to_vec());
        if let Some(first) = self.stack.iter().position(|open| *open == directory) {
            let circle = self.stack[first..]
                .iter()
                .chain(Some(&directory))
                .map(|path| display(path.as_bstr()))
                .collect::<Vec<_>>();
            self.problems.push(format!(
                "kustomizations in a circle: {}",
                circle.join(" → ")
            ));
            return Ok(());
        }
        if self.seen.contains(&directory) {
            return Ok(());
        }
        if self.stack.len() >= MAX_DEPTH {
            self.problems.push(format!(
                "{}: nested more than {MAX_DEPTH} deep",
                display(directory.as_bstr())
            ));
            return Ok(());
        }
        let files = find(tree, directory.as_bstr())?;
        match files.as_slice() {
            [] => self.problems.push(format!(
                "{}: no kustomization file in it",
                display(directory.as_bstr())
            )),
            [_] => {}
            _ => self.problems.push(format!(
                "{}: more than one kustomization file in it",
                display(directory.as_bstr())
            )),
        }
        self.seen.insert(directory.clone());
        self.directories.push(directory.clone());
        self.stack.push(directory.clone());
        for (path, id, links) in files {
            self.closure.insert(path.clone());
            self.closure.extend(links);
            let kustomization = renderer.kustomization(tree.reader, id)?;
            self.kustomization(
                tree,
                directory.as_bstr(),
                path.as_bstr(),
                &kustomization,
                renderer,
            )?;
        }
        self.stack.pop();
        Ok(())
    }

    fn kustomization(
        &mut self,
        tree: &Tree,
        directory: &BStr,
        path: &BStr,
        kustomization: &Kustomization,
        renderer: &Renderer,
    ) -> Result<()> {
        if let Some(why) = &kustomization.broken {
            self.problems.push(format!("{}: {why}", display(path)));
        }
        if kustomization.helm {
            self.problems.push(format!(
                "{}: it inflates Helm charts, which needs helm and the network",
                display(path)
            ));
        }
        self.obscure |= kustomization.broken.is_some()
            || !kustomization.plugins.is_empty()
            || kustomization
                .reaching
                .iter()
                .any(|text| join(directory, BStr::new(text)).is_none());
        if self.stack.len() > 1 {
            self.namespaces.extend(kustomization.namespace.clone());
        }
        let outermost = self.namespace.is_none();
        if outermost {
            self.namespace.clone_from(&kustomization.namespace);
        }
        for reference in &kustomization.resources {
            self.reference(tree, directory, reference, Role::Resource, renderer)?;
        }
        for reference in &kustomization.components {
            self.reference(tree, directory, reference, Role::Component, renderer)?;
        }
        if outermost {
            self.namespace = None;
        }
        for reference in &kustomization.plugins {
            self.reference(tree, directory, reference, Role::Plugin, renderer)?;
        }
        for reference in &kustomization.files {
            self.reference(tree, directory, reference, Role::File, renderer)?;
        }
        Ok(())
    }

    fn reference(
        &mut self,
        tree: &Tree,
        directory: &BStr,
        reference: &str,
        role: Role,
        renderer: &Renderer,
    ) -> Result<()> {
        let inline = reference.contains('\n') || reference.trim_start().starts_with(['{', '[']);
        if inline && matches!(role, Role::Plugin | Role::File) {
            return Ok(());
        }
        let local = join(directory, BStr::new(reference));
        let found = match &local {
            Some(path) => tree.follow(path.as_bstr())?,
            None => Followed::Missing(RepoPath::default()),
        };
        match found {
            Followed::To { path, node, links } => {
                self.closure.extend(links);
                match node {
                    Node::Directory if role == Role::File => {}
                    Node::Directory => {
                        let before = self.resources.len();
                        self.directory(tree, path.as_bstr(), renderer)?;
                        if role == Role::Plugin {
                            // They configure the build, and are not applied.
                            self.resources.truncate(before);
                        }
                    }
                    Node::File(id) => {
                        if role == Role::Resource && !self.closure.contains(&path) {
                            self.resources.push((path.clone(), id));
                            if let Some(namespace) = &self.namespace {
                                self.placed.insert(path.clone(), namespace.clone());
                            }
                        }
                        if role == Role::Plugin {
                            self.plugin(tree, path.as_bstr(), id, renderer)?;
                        }
                        self.closure.insert(path);
                    }
                    Node::Submodule => self.problems.push(format!(
                        "{}: it is in a submodule, whose files are in another repository",
                        display(path.as_bstr())
                    )),
                    Node::Link(_) => {}
                }
            }
            Followed::Escapes(link) => self.refusals.push(format!(
                "{}: this symlink leads out of the repository",
                display(link.as_bstr())
            )),
            Followed::Missing(_) if is_remote(reference) && role != Role::File => {
                self.remotes.push(Remote {
                    directory: directory.into(),
                    reference: reference.to_owned(),
                });
            }
            Followed::Missing(path) => {
                if local.is_none() {
                    self.refusals.push(format!(
                        "{}: it names {reference}, which is outside of the repository",
                        display(directory)
                    ));
                } else {
                    if matches!(role, Role::Resource | Role::Component) {
                        self.problems.push(format!(
                            "{}: it names {}, which does not exist",
                            display(directory),
                            display(path.as_bstr())
                        ));
                    }
                    self.closure.insert(path);
                }
            }
        }
        Ok(())
    }
}

impl Walk {
    /// The generators and transformers inside kustomize are `apiVersion: builtin`; others are programs.
    fn plugin(&mut self, tree: &Tree, path: &BStr, id: Oid, renderer: &Renderer) -> Result<()> {
        let outline = renderer.outline(tree.reader, id)?;
        if let Some(plugin) = outline
            .objects
            .iter()
            .find(|object| !object.group.is_empty())
        {
            self.refusals.push(format!(
                "{}: it needs the plugin {}, and plugins are not run",
                display(path),
                crate::text::clean_line(&plugin.kind)
            ));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Resource,
    Component,
    Plugin,
    File,
}

/// A path in a sentence.
pub(crate) fn display(path: &BStr) -> String {
    if path.is_empty() {
        "the repository's root".to_owned()
    } else {
        crate::text::clean_line(&path.to_str_lossy())
    }
}

/// Whether kustomize would clone or download `reference` (`git.NewRepoSpecFromURL`): asked only where no such path exists.
fn is_remote(reference: &str) -> bool {
    let lower = reference.to_ascii_lowercase();
    lower.contains("://")
        || lower.contains("?ref=")
        || lower.contains(".git/")
        || lower.ends_with(".git")
        || [
            "git@",
            "git::",
            "gh:",
            "github.com/",
            "github.com:",
            "bitbucket.org/",
            "gitlab.com/",
        ]
        .iter()
        .any(|prefix| lower.starts_with(prefix))
}

/// A URL without user, password and query.
pub(crate) fn without_credentials(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = &url[..end];
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(scheme, rest)| (scheme, rest));
    let host_end = rest.find('/').unwrap_or(rest.len());
    let rest = rest[..host_end]
        .rfind('@')
        .map_or(rest, |at| &rest[at + 1..]);
    let separator = if scheme.is_empty() { "" } else { "://" };
    crate::text::clean_line(&format!("{scheme}{separator}{rest}"))
}

/// Reads a kustomization file.
pub(crate) fn parse(bytes: &[u8]) -> Arc<Kustomization> {
    if bytes.len() > MAX_BYTES {
        return Arc::new(Kustomization {
            broken: Some(format!("it is larger than {} MiB", MAX_BYTES >> 20)),
            ..Kustomization::default()
        });
    }
    let mut value = match serde_yaml::from_slice::<Value>(bytes) {
        Ok(value) => value,
        Err(error) => {
            let at = error
                .location()
                .map_or(String::new(), |at| format!(" (line {})", at.line()));
            return Arc::new(Kustomization {
                broken: Some(format!("it is not valid YAML{at}")),
                ..Kustomization::default()
            });
        }
    };
    // As Go's reader does: what is merged in names files too.
    if value.apply_merge().is_err() {
        return Arc::new(Kustomization {
            broken: Some("it merges what cannot be merged".to_owned()),
            ..Kustomization::default()
        });
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let mut kustomization = Kustomization {
        component: text("kind") == Some("Component"),
        flux: text("apiVersion").is_some_and(|version| version.contains(".toolkit.fluxcd.io/")),
        namespace: text("namespace")
            .filter(|namespace| !namespace.is_empty())
            .map(str::to_owned),
        components: strings(&value, "components"),
        ..Kustomization::default()
    };
    for key in ["resources", "bases"] {
        kustomization.resources.extend(strings(&value, key));
    }
    for key in ["generators", "transformers", "validators"] {
        kustomization.plugins.extend(strings(&value, key));
    }
    let files = &mut kustomization.files;
    for key in ["patchesStrategicMerge", "crds", "configurations"] {
        files.extend(strings(&value, key));
    }
    // `patches` was once a list of paths.
    files.extend(strings(&value, "patches"));
    for key in ["patches", "patchesJson6902", "replacements"] {
        for item in items(&value, key) {
            files.extend(string(item, "path"));
        }
    }
    for key in ["configMapGenerator", "secretGenerator"] {
        for generator in items(&value, key) {
            for file in strings(generator, "files") {
                // `key=path`
                let path = file.split_once('=').map_or(file.as_str(), |(_, path)| path);
                files.push(path.to_owned());
            }
            files.extend(strings(generator, "envs"));
            files.extend(string(generator, "env"));
        }
    }
    if let Some(openapi) = value.get("openapi") {
        files.extend(string(openapi, "path"));
    }
    for key in ["helmCharts", "helmChartInflationGenerator"] {
        for chart in items(&value, key) {
            kustomization.helm = true;
            files.extend(string(chart, "valuesFile"));
            files.extend(string(chart, "values"));
            files.extend(strings(chart, "additionalValuesFiles"));
        }
    }
    reaching(&value, &mut kustomization.reaching);
    kustomization.patched = patched(&value);
    let says = |key: &&str| value.get(*key).is_some_and(|value| !value.is_null());
    kustomization.takes_from_others = ["generators", "replacements", "transformers", "vars"]
        .iter()
        .any(&says);
    kustomization.rewrites = [
        "namePrefix",
        "nameSuffix",
        "replacements",
        "transformers",
        "vars",
    ]
    .iter()
    .any(says);
    Arc::new(kustomization)
}

/// Which objects a kustomization's patches are for.
fn patched(kustomization: &Value) -> Vec<Patched> {
    let merged = |patch: &str| match patch.contains('\n') || patch.trim_start().starts_with('{') {
        true => kind_of(patch),
        false => Patched::File(patch.to_owned()),
    };
    let mut found: Vec<Patched> = ["patchesStrategicMerge", "patches"]
        .iter()
        .flat_map(|key| strings(kustomization, key))
        .map(|patch| merged(&patch))
        .collect();
    for key in ["patches", "patchesJson6902"] {
        for item in items(kustomization, key).filter(|item| item.is_mapping()) {
            found.push(match item.get("target") {
                Some(target) => string(target, "kind").map_or(Patched::Any, Patched::Kind),
                None => match (string(item, "path"), string(item, "patch")) {
                    (Some(path), _) => Patched::File(path),
                    (None, Some(patch)) => kind_of(&patch),
                    (None, None) => Patched::Any,
                },
            });
        }
    }
    found
}

/// The kind that a strategic merge patch names.
pub(crate) fn kind_of(patch: &str) -> Patched {
    serde_yaml::from_str::<Value>(patch)
        .ok()
        .and_then(|patch| string(&patch, "kind"))
        .map_or(Patched::Any, Patched::Kind)
}

/// Gathers every text that, taken for a path (or `key=path`), goes up or is absolute: field names are not looked at, for
/// Go's reader takes them in any case.
fn reaching(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let path = text
                .rsplit_once('=')
                .map_or(text.as_str(), |(_, path)| path);
            let out =
                |text: &str| text.starts_with('/') || text.split('/').any(|part| part == "..");
            found.extend(
                [text.as_str(), path]
                    .into_iter()
                    .find(|text| out(text))
                    .map(str::to_owned),
            );
        }
        Value::Sequence(items) => items.iter().for_each(|item| reaching(item, found)),
        Value::Mapping(map) => map.values().for_each(|item| reaching(item, found)),
        Value::Tagged(tagged) => reaching(&tagged.value, found),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether Flux takes a file for a manifest.
fn is_gathered(path: &BStr) -> bool {
    let name = file_name(path);
    name.ends_with(b".yaml") || name.ends_with(b".yml")
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_sequence)
        .into_iter()
        .flatten()
}

/// The strings of a list; items of another shape are left out.
fn strings(value: &Value, key: &str) -> Vec<String> {
    items(value, key)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn string(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_names_a_file_is_read() {
        let parsed = parse(
            br#"
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: shop
resources: [a.yaml, ../base]
bases: [../old]
components: [../parts]
generators: [gen.yaml]
transformers: [trans]
validators: ["apiVersion: v1\nkind: Check\n"]
patches:
- path: p1.yaml
- patch: |-
    - op: remove
- p0.yaml
patchesStrategicMerge: [p2.yaml]
patchesJson6902:
- path: p3.json
  target: {kind: Deployment}
replacements:
- path: r.yaml
- source: {kind: ConfigMap}
crds: [crd.json]
configurations: [c.yaml]
openapi: {path: schema.json}
configMapGenerator:
- name: a
  files: [one.conf, two=files/2.conf]
  envs: [e1.env]
  env: e2.env
secretGenerator:
- name: s
  files: [tls.key]
  literals: [a=b]
helmCharts:
- name: x
  valuesFile: values.yaml
  additionalValuesFiles: [more.yaml]
"#,
        );
        assert_eq!(parsed.namespace.as_deref(), Some("shop"));
        assert_eq!(parsed.resources, ["a.yaml", "../base", "../old"]);
        assert_eq!(parsed.components, ["../parts"]);
        assert_eq!(parsed.plugins.len(), 3);
        assert_eq!(
            parsed.files,
            [
                "p2.yaml",
                "crd.json",
                "c.yaml",
                "p0.yaml",
                "p1.yaml",
                "p3.json",
                "r.yaml",
                "one.conf",
                "files/2.conf",
                "e1.env",
                "e2.env",
                "tls.key",
                "schema.json",
                "values.yaml",
                "more.yaml"
            ]
        );
        assert!(parsed.helm && !parsed.component && parsed.broken.is_none());
    }

    #[test]
    fn a_broken_one_says_where_without_quoting_it() {
        let parsed = parse(b"resources:\n- a\n  hunter2: [\n");
        let why = parsed.broken.clone().unwrap_or_default();
        assert!(why.contains("line"), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    }

    #[test]
    fn remote_references_are_told_from_paths() {
        for remote in [
            "https://github.com/argoproj/argo-cd//manifests?ref=v2.1.3",
            "github.com/argoproj/argo-cd/manifests/base?ref=v2.1.3",
            "git@github.com:a/b.git",
            "ssh://git@host/a/b",
            "git::https://host/x",
            "https://raw.githubusercontent.com/a/b/c.yaml",
        ] {
            assert!(is_remote(remote), "{remote}");
        }
        for local in [
            "../base",
            "a.yaml",
            "github-runner",
            "deploy/git",
            "v1.git-sync",
        ] {
            assert!(!is_remote(local), "{local}");
        }
    }

    #[test]
    fn a_remote_is_named_without_its_credentials() {
        assert_eq!(
            without_credentials("https://user:hunter2@host/a/b?token=x"),
            "https://host/a/b"
        );
        assert_eq!(
            without_credentials("github.com/a/b?ref=v1"),
            "github.com/a/b"
        );
        assert_eq!(without_credentials("git@github.com:a/b"), "github.com:a/b");
    }
}
