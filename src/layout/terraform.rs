//! Terraform, OpenTofu and Terragrunt: every directory that they are run in is an app; modules in the repository are part
//! of those that call them.
//!
//! Which environment a directory is for follows from its path, as everywhere; where one directory serves several, each has
//! a file of values (`prod.tfvars`, `environments/prod.tfvars`).

use std::collections::{BTreeMap, BTreeSet};

use super::beside;
use super::draft::{DEFAULT, Draft, FoundApp, ancestor, components};
use super::names::{self, Place, Siblings};
use super::own::rooted;
use super::{Deployer, LayoutKind, is_ignored};
use crate::git::{BStr, ByteSlice, EntryKind, Oid, Reader, RepoPath, Result};
use crate::manifest::{Document, Language, Node, ObjectRef};
use crate::render::items::{Call, call, is_module_file};
use crate::render::tree::{self, Tree, file_name, is_manifest_name, parent};
use crate::render::{Recipe, Renderer, Tool};

/// Directories of values, beside or below the module that takes them.
const VALUES: [&str; 8] = [
    "config",
    "env",
    "environments",
    "envs",
    "tfvars",
    "values",
    "var",
    "vars",
];

/// Directories that say what is in them, and not whose it is.
const GROUPS: [&str; 6] = ["iac", "live", "root", "stacks", "terraform", "terragrunt"];

/// How a local value of Terragrunt's begins that is what another file says.
const READS: &str = "read_terragrunt_config(";

/// What a directory that Terraform may run in holds.
#[derive(Default)]
struct Module {
    terragrunt: bool,
    /// Directories and files of the repository that it brings in.
    calls: BTreeSet<RepoPath>,
    /// Directories of what others run in, for what is in them is taken in there.
    not_run: BTreeSet<RepoPath>,
    /// Modules from elsewhere, with their version.
    sources: Vec<Source>,
}

struct Source {
    name: String,
    version: Option<String>,
}

/// Whether a file is Terraform's or Terragrunt's.
pub(super) fn is_read(path: &BStr) -> bool {
    is_module_file(path)
        || path.ends_with(b".hcl")
        || path.ends_with(b".tfvars")
        || path.ends_with(b".tfvars.json")
}

/// Whether two versions of a file say the same about modules.
pub(super) fn is_same(
    reader: &Reader,
    renderer: &Renderer,
    before: Oid,
    after: Oid,
) -> Result<bool> {
    let calls = |documents: &[Document]| -> Vec<(String, Option<String>, Option<Node>)> {
        let calls = documents.iter().filter_map(|document| {
            let object = &document.object;
            let text = |key: &str| object.at(&[key]).and_then(Node::as_str);
            let named = match object.id.kind.as_str() {
                "module" | "terraform" | "include" => text("source").or_else(|| text("path")),
                "local" => Some(text("value").filter(|value| value.contains(READS))?),
                _ => return None,
            };
            let named = named.map(|named| with_locals(named, documents));
            let version = object.at(&["version"]).cloned();
            Some((object.id.to_string(), named, version))
        });
        calls.collect()
    };
    beside::is_same(
        reader,
        renderer,
        Language::Terraform,
        (before, after),
        calls,
    )
}

pub(super) fn detect(tree: &Tree, renderer: &Renderer, draft: &mut Draft) -> Result<()> {
    let modules = modules(tree, renderer)?;
    let called: BTreeSet<&RepoPath> = modules
        .iter()
        .flat_map(|(directory, module)| {
            let calls = module.calls.iter().chain(&module.not_run);
            calls.filter(move |call| *call != directory)
        })
        .collect();
    let roots: Vec<(&RepoPath, &Module)> = modules
        .iter()
        .filter(|(directory, _)| !called.contains(directory))
        .collect();
    if roots.is_empty() {
        return Ok(());
    }
    draft.kinds.insert(LayoutKind::Terraform);
    let controlled = controlled(tree, renderer, draft)?;
    let siblings = Siblings::of(roots.iter().map(|(directory, _)| components(directory)));
    for (directory, module) in roots {
        let mut closure: BTreeSet<RepoPath> = [directory.clone()].into();
        reach(directory, &modules, &mut closure);
        let parts = components(directory);
        let place = Place::of(
            &parts,
            |before, name| siblings.accept(before, name),
            |_, _| true,
        );
        let values = match &place.environment {
            Some(_) => BTreeMap::new(),
            None => values(tree, directory.as_bstr()),
        };
        let mut add = |environment: String, roots: Vec<RepoPath>| {
            draft.apps.push(FoundApp {
                root: match place.root {
                    0 => directory.clone(),
                    root => ancestor(directory, root),
                },
                environment,
                name: name(&place, module),
                qualifier: parts.clone(),
                recipe: Recipe {
                    tool: Tool::Items(Language::Terraform),
                    closure: closure.iter().chain(&roots[1..]).cloned().collect(),
                    roots,
                    namespace: None,
                },
                cluster: None,
                deployer: Some(match controlled.get(directory) {
                    Some(_) => Deployer::Flux,
                    None => Deployer::Terraform,
                }),
                declared_by: controlled.get(directory).cloned(),
                chart: only(&module.sources).map(|source| source.name.clone()),
                version: only(&module.sources).and_then(|source| source.version.clone()),
                sources: Vec::new(),
                marks: BTreeSet::new(),
            });
        };
        if values.is_empty() {
            let environment = place.environment.clone();
            add(
                environment.unwrap_or_else(|| DEFAULT.to_owned()),
                vec![directory.clone()],
            );
        }
        for (environment, files) in values {
            add(
                environment,
                [directory.clone()].into_iter().chain(files).collect(),
            );
        }
    }
    Ok(())
}

/// Directories that the Terraform controller of Flux runs, and the objects that say so (flux-iac/tofu-controller
/// `api/v1alpha2/terraform_types.go`).
fn controlled(
    tree: &Tree,
    renderer: &Renderer,
    draft: &mut Draft,
) -> Result<BTreeMap<RepoPath, ObjectRef>> {
    let is_order = |object: &ObjectRef| {
        object.kind == "Terraform" && object.group == "infra.contrib.fluxcd.io"
    };
    let mut found = BTreeMap::new();
    for (path, kind, blob) in tree.listed_below("".into()) {
        if !matches!(kind, EntryKind::Blob | EntryKind::Executable)
            || !is_manifest_name(path.as_bstr())
            || is_ignored(path)
            || !renderer
                .outline(tree.reader, *blob)?
                .objects
                .iter()
                .any(is_order)
        {
            continue;
        }
        draft.reads.insert(path.clone());
        let parsed = renderer.parse(tree.reader, *blob)?;
        let documents = parsed.manifest.documents.iter();
        for object in documents.map(|found| &found.object) {
            let directory = object.at(&["spec", "path"]).and_then(Node::as_str);
            if let Some(directory) = rooted(directory.unwrap_or_default())
                && is_order(&object.id)
            {
                found.insert(directory, object.id.clone());
            }
        }
    }
    Ok(found)
}

fn only<T>(all: &[T]) -> Option<&T> {
    match all {
        [only] => Some(only),
        _ => None,
    }
}

/// Every directory with files of Terraform or Terragrunt right in it.
fn modules(tree: &Tree, renderer: &Renderer) -> Result<BTreeMap<RepoPath, Module>> {
    let mut modules: BTreeMap<RepoPath, Module> = BTreeMap::new();
    for (path, kind, blob) in tree.listed_below("".into()) {
        let path = path.as_bstr();
        let terragrunt = file_name(path) == "terragrunt.hcl";
        let file = matches!(
            kind,
            EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink
        );
        if !file || is_ignored(path) || !(terragrunt || is_module_file(path)) {
            continue;
        }
        let module = modules
            .entry(RepoPath::from(parent(path).to_vec()))
            .or_default();
        module.terragrunt |= terragrunt;
        if *kind == EntryKind::Symlink {
            continue;
        }
        let parsed = renderer.items(tree.reader, *blob, Language::Terraform)?;
        module.read(tree, renderer, path, &parsed.manifest.documents)?;
    }
    Ok(modules)
}

impl Module {
    /// Adds what the items of the file at `path` bring in, and those that files do which are taken in there.
    fn read(
        &mut self,
        tree: &Tree,
        renderer: &Renderer,
        path: &BStr,
        documents: &[Document],
    ) -> Result<()> {
        for document in documents {
            match call(tree, path, document)? {
                Some(Call::Module(found) | Call::Source(found)) => {
                    self.calls.insert(found);
                }
                Some(Call::Include(found)) => {
                    // What only others include is no place to run in.
                    if file_name(found.as_bstr()) == "terragrunt.hcl" {
                        let directory = parent(found.as_bstr()).to_vec();
                        self.not_run.insert(RepoPath::from(directory));
                    }
                    if let Some(tree::Node::File(blob)) = tree.node(found.as_bstr())?
                        && self.calls.insert(found)
                    {
                        let included = renderer.items(tree.reader, blob, Language::Terraform)?;
                        self.read(tree, renderer, path, &included.manifest.documents)?;
                    }
                }
                None => self.sources.extend(source(document, documents)),
            }
        }
        Ok(())
    }
}

/// Everything that is reached from a directory by calls.
fn reach(
    directory: &RepoPath,
    modules: &BTreeMap<RepoPath, Module>,
    reached: &mut BTreeSet<RepoPath>,
) {
    let mut pending = vec![directory];
    while let Some(next) = pending.pop() {
        for call in modules
            .get(next)
            .into_iter()
            .flat_map(|module| &module.calls)
        {
            if reached.insert(call.clone()) {
                pending.push(call);
            }
        }
    }
}

/// A module from elsewhere, which `document` names; `beside` may say what is put into the name.
fn source(document: &Document, beside: &[Document]) -> Option<Source> {
    let object = &document.object;
    if !matches!(object.id.kind.as_str(), "module" | "terraform") {
        return None;
    }
    let source = with_locals(object.at(&["source"])?.as_str()?, beside);
    if source.starts_with('.') || source.contains("${") {
        return None;
    }
    let version = object.at(&["version"]).and_then(Node::as_str);
    let asked = source
        .split_once('?')
        .map_or("", |(_, query)| query)
        .split('&')
        .find_map(|pair| pair.strip_prefix("ref=").or(pair.strip_prefix("version=")));
    let path = source.split('?').next().unwrap_or_default();
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    // A registry's: namespace, module, provider.
    let registry = path.strip_prefix("tfr:///").unwrap_or(path);
    let parts: Vec<&str> = registry.split('/').collect();
    let name = match parts.as_slice() {
        [_, module, _] if !registry.contains(':') => module,
        [.., last] => last,
        [] => return None,
    };
    Some(Source {
        name: (*name).to_owned(),
        version: version.or(asked).map(str::to_owned),
    })
}

/// A text with the local values in it that are texts themselves.
fn with_locals(text: &str, beside: &[Document]) -> String {
    let mut text = text.to_owned();
    for document in beside
        .iter()
        .filter(|found| found.object.id.kind == "local")
    {
        let named = format!("${{local.{}}}", document.object.id.name);
        let value = document.object.at(&["value"]).and_then(Node::as_str);
        if let Some(value) = value.filter(|_| text.contains(&named)) {
            text = text.replace(&named, value);
        }
    }
    text
}

/// The files of values for each environment, where a directory that names none has any.
fn values(tree: &Tree, directory: &BStr) -> BTreeMap<String, Vec<RepoPath>> {
    let mut found: BTreeMap<String, Vec<RepoPath>> = BTreeMap::new();
    for (path, ..) in tree.listed_below(directory) {
        let relative = match directory.is_empty() {
            true => path.as_bstr(),
            false => path[directory.len() + 1..].as_bstr(),
        };
        let name = file_name(relative).to_str_lossy();
        let values = name.strip_suffix(".json").unwrap_or(&name);
        let Some(stem) = values.strip_suffix(".tfvars") else {
            continue;
        };
        let above = components(parent(relative));
        let certain = |name: &str| names::environment(name).is_some();
        let environment = match above.as_slice() {
            [] => certain(stem).then(|| stem.to_owned()),
            [one] if VALUES.contains(&one.as_str()) => {
                (!stem.ends_with(".auto") && stem != "terraform").then(|| stem.to_owned())
            }
            [one] => certain(one).then(|| one.clone()),
            [one, two] => VALUES.contains(&one.as_str()).then(|| two.clone()),
            _ => None,
        };
        // What a module below has right in it is its own.
        let own = above.is_empty()
            || tree
                .listed_below(parent(path.as_bstr()))
                .iter()
                .all(|(other, ..)| !is_module_file(other.as_bstr()));
        if let Some(environment) = environment.filter(|_| own) {
            found.entry(environment).or_default().push(path.clone());
        }
    }
    found
}

/// What the path calls it: `eks` of `terraform/prod/eks`.
fn name(place: &Place, module: &Module) -> String {
    let own = Place {
        before: place
            .before
            .iter()
            .filter(|part| !GROUPS.contains(&part.as_str()))
            .cloned()
            .collect(),
        ..place.clone()
    };
    own.app().unwrap_or_else(|| {
        let tool = if module.terragrunt {
            "terragrunt"
        } else {
            "terraform"
        };
        tool.to_owned()
    })
}
