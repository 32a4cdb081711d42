//! What is deployed beside Kubernetes objects ([`Language`]): read like plain manifests, and, where the language knows
//! modules, put together from those in the repository, each under the address that its caller gives it.

mod terragrunt;

use std::collections::BTreeSet;

use super::tree::{Node, Tree, file_name, is_manifest_name, join, parent};
use super::{How, Place, Recipe, RenderedObject, Renderer, Rendering, Source};
use crate::git::{BStr, ByteSlice, Oid, RepoPath, Result};
use crate::manifest::{Document, Language, Node as Value};

/// What Terragrunt runs in the directory of.
const TERRAGRUNT: &str = "terragrunt.hcl";

/// Modules within modules deeper than this are a circle, and more calls than this an explosion.
const MOST_CALLS: usize = 1000;
const MAX_DEPTH: usize = 16;

/// A file, and what stands before its items' names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) path: RepoPath,
    pub(crate) blob: Oid,
    pub(crate) prefix: String,
}

/// Whether a file's name says that it belongs to a Terraform module, and not only to the root of one.
pub(crate) fn is_module_file(path: &BStr) -> bool {
    const ENDINGS: [&[u8]; 4] = [b".tf", b".tf.json", b".tofu", b".tofu.json"];
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// Whether Terraform or Terragrunt read a file in the directory they run in.
pub(crate) fn is_root_file(path: &BStr) -> bool {
    let name = file_name(path);
    is_module_file(path)
        || name == TERRAGRUNT
        || name == ".terraform.lock.hcl"
        || name == "terraform.tfvars"
        || name == "terraform.tfvars.json"
        || name.ends_with(b".auto.tfvars")
        || name.ends_with(b".auto.tfvars.json")
}

/// The files that `roots` stand for, and those of the modules they call.
pub(super) fn parts(
    tree: &Tree,
    language: Language,
    roots: &[RepoPath],
    renderer: &Renderer,
) -> Result<Vec<Part>> {
    let mut walk = Walk {
        tree,
        renderer,
        parts: BTreeSet::new(),
        calls: 0,
    };
    for root in roots {
        match (tree.node(root.as_bstr())?, language) {
            (Some(Node::File(_)), Language::Ansible) => walk.playbook(root.clone(), 0)?,
            (Some(Node::File(blob)), _) => {
                walk.parts.insert(Part {
                    path: root.clone(),
                    blob,
                    prefix: String::new(),
                });
            }
            (Some(Node::Directory), Language::Terraform) => {
                walk.module(root.as_bstr(), "", true, 0)?
            }
            _ => {}
        }
    }
    Ok(walk.parts.into_iter().collect())
}

pub(super) fn render(
    tree: &Tree,
    recipe: &Recipe,
    language: Language,
    parts: &[Part],
    renderer: &Renderer,
) -> Result<Rendering> {
    let mut objects = Vec::new();
    let mut broken = BTreeSet::new();
    for part in parts {
        let parsed = renderer.items(tree.reader, part.blob, language)?;
        for document in &parsed.manifest.documents {
            let mut object = super::placed(document.object.clone(), recipe.namespace.as_deref());
            object.id.name.insert_str(0, &part.prefix);
            objects.push(RenderedObject {
                object,
                source: Some(Source {
                    path: part.path.clone(),
                    blob: part.blob,
                    document: Some(Place {
                        bytes: document.bytes.clone(),
                        line: document.line,
                    }),
                }),
            });
        }
        let unread = parsed.manifest.broken.iter();
        broken.extend(unread.map(|broken| (part.path.clone(), broken.to_string())));
    }
    Ok(Rendering {
        objects,
        how: How::Read,
        broken: broken.into_iter().collect(),
    })
}

struct Walk<'a, 't> {
    tree: &'a Tree<'t>,
    renderer: &'a Renderer,
    parts: BTreeSet<Part>,
    calls: usize,
}

impl Walk<'_, '_> {
    fn module(&mut self, directory: &BStr, prefix: &str, root: bool, depth: usize) -> Result<()> {
        self.calls += 1;
        if depth > MAX_DEPTH || self.calls > MOST_CALLS {
            return Ok(());
        }
        let read = if root { is_root_file } else { is_module_file };
        for (path, blob) in self.tree.files_in(directory)? {
            if !read(path.as_bstr()) {
                continue;
            }
            let part = Part {
                path,
                blob,
                prefix: prefix.to_owned(),
            };
            let parsed = self
                .renderer
                .items(self.tree.reader, blob, Language::Terraform)?;
            if !self.parts.insert(part.clone()) {
                continue;
            }
            for document in &parsed.manifest.documents {
                match call(self.tree, part.path.as_bstr(), document)? {
                    Some(Call::Module(directory)) => {
                        let prefix = format!("{prefix}module.{}.", document.object.id.name);
                        self.module(directory.as_bstr(), &prefix, false, depth + 1)?;
                    }
                    Some(Call::Source(directory)) => {
                        self.module(directory.as_bstr(), prefix, false, depth + 1)?;
                    }
                    Some(Call::Include(path)) => {
                        let name = &document.object.id.name;
                        let own = format!("{prefix}include.{name}.");
                        self.included(path, (prefix, &own), part.path.as_bstr(), depth)?;
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// A file that `by` takes in, with what it brings in itself: its functions start from where it is taken to. What it says is
    /// called by its `own` prefix; a module that it names is run by whoever takes it in.
    fn included(
        &mut self,
        path: RepoPath,
        (prefix, own): (&str, &str),
        by: &BStr,
        depth: usize,
    ) -> Result<()> {
        self.calls += 1;
        let Some(Node::File(blob)) = self.tree.node(path.as_bstr())? else {
            return Ok(());
        };
        if depth > MAX_DEPTH || self.calls > MOST_CALLS {
            return Ok(());
        }
        let new = self.parts.insert(Part {
            path,
            blob,
            prefix: own.to_owned(),
        });
        let parsed = self
            .renderer
            .items(self.tree.reader, blob, Language::Terraform)?;
        for document in parsed.manifest.documents.iter().filter(|_| new) {
            match call(self.tree, by, document)? {
                Some(Call::Source(directory)) => {
                    self.module(directory.as_bstr(), prefix, false, depth + 1)?;
                }
                Some(Call::Include(path)) => {
                    let name = &document.object.id.name;
                    let own = format!("{own}include.{name}.");
                    self.included(path, (prefix, &own), by, depth + 1)?;
                }
                Some(Call::Module(_)) | None => {}
            }
        }
        Ok(())
    }
}

impl Walk<'_, '_> {
    /// A playbook, those it takes over, and the roles of their plays; or a file of variables.
    fn playbook(&mut self, path: RepoPath, depth: usize) -> Result<()> {
        self.calls += 1;
        let Some(Node::File(blob)) = self.tree.node(path.as_bstr())? else {
            return Ok(());
        };
        if depth > MAX_DEPTH || self.calls > MOST_CALLS {
            return Ok(());
        }
        let new = self.parts.insert(Part {
            prefix: whose_variables(path.as_bstr()),
            path: path.clone(),
            blob,
        });
        if !new {
            return Ok(());
        }
        let parsed = self
            .renderer
            .items(self.tree.reader, blob, Language::Ansible)?;
        for document in &parsed.manifest.documents {
            for called in ansible_calls(self.tree, path.as_bstr(), document)? {
                match called {
                    AnsibleCall::Playbook(path) => self.playbook(path, depth + 1)?,
                    AnsibleCall::Role(name, directory) => self.role(&name, &directory)?,
                }
            }
        }
        Ok(())
    }

    fn role(&mut self, name: &str, directory: &RepoPath) -> Result<()> {
        for (below, whose) in [
            ("tasks", format!("role {name}: ")),
            ("handlers", format!("role {name} handlers: ")),
            ("defaults", format!("role {name} defaults: ")),
            ("vars", format!("role {name} vars: ")),
        ] {
            let Some(directory) = join(directory.as_bstr(), below.into()) else {
                continue;
            };
            for (path, blob) in self.tree.files_in(directory.as_bstr())? {
                if is_manifest_name(path.as_bstr()) {
                    let prefix = whose.clone();
                    self.parts.insert(Part { path, blob, prefix });
                }
            }
        }
        Ok(())
    }
}

/// `group_vars/web.yml` and `group_vars/web/main.yml` are variables of a group.
fn whose_variables(path: &BStr) -> String {
    let parts: Vec<&[u8]> = path.split_str("/").collect();
    let found = [("group_vars", "group"), ("host_vars", "host")]
        .into_iter()
        .find_map(|(directory, what)| {
            let at = parts
                .iter()
                .rposition(|part| *part == directory.as_bytes())?;
            let name = parts.get(at + 1)?.to_str_lossy();
            let name = name.split('.').next().unwrap_or_default().to_owned();
            Some(format!("{what} {name}: "))
        });
    found.unwrap_or_default()
}

/// What a play brings in.
pub(crate) enum AnsibleCall {
    Playbook(RepoPath),
    /// A role's name and directory.
    Role(String, RepoPath),
}

/// What `document`, an item of the playbook at `path`, brings in from this repository.
pub(crate) fn ansible_calls(
    tree: &Tree,
    path: &BStr,
    document: &Document,
) -> Result<Vec<AnsibleCall>> {
    let object = &document.object;
    let directory = parent(path);
    if object.id.kind == "import_playbook" {
        let imported = join(directory, object.id.name.as_str().into());
        return Ok(imported.map(AnsibleCall::Playbook).into_iter().collect());
    }
    let mut calls = Vec::new();
    for name in role_names(&object.root) {
        let relative = format!("roles/{name}");
        for base in [directory, parent(directory), BStr::new("")] {
            if let Some(found) = join(base, relative.as_str().into())
                && let Some(Node::Directory) = tree.node(found.as_bstr())?
            {
                calls.push(AnsibleCall::Role(name, found));
                break;
            }
        }
    }
    Ok(calls)
}

/// The roles that a play names.
pub(crate) fn role_names(play: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    roles(play, &mut names);
    names
}

/// Those named by `roles`, and by tasks that include one.
fn roles(node: &Value, names: &mut BTreeSet<String>) {
    match node {
        Value::Map(map) => {
            for (key, value) in map {
                match key.rsplit('.').next().unwrap_or_default() {
                    "roles" => {
                        let items = value.as_list().unwrap_or_default();
                        names.extend(items.iter().filter_map(|item| {
                            let named = item.get("role").or_else(|| item.get("name"));
                            named.unwrap_or(item).as_str().map(str::to_owned)
                        }));
                    }
                    "import_role" | "include_role" => {
                        let name = value.get("name").and_then(Value::as_str);
                        names.extend(name.map(str::to_owned));
                    }
                    _ => roles(value, names),
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| roles(item, names)),
        Value::Leaf(_) => {}
    }
}

/// What of the repository an item brings in.
pub(crate) enum Call {
    /// A module's directory, by `module`.
    Module(RepoPath),
    /// The module that Terragrunt runs.
    Source(RepoPath),
    /// A file that Terragrunt merges, or reads.
    Include(RepoPath),
}

/// What `document`, an item of the file at `path`, brings in from this repository.
pub(crate) fn call(tree: &Tree, path: &BStr, document: &Document) -> Result<Option<Call>> {
    let object = &document.object;
    let text = |key: &str| object.at(&[key]).and_then(|node| node.as_str());
    let directory = parent(path);
    Ok(match object.id.kind.as_str() {
        "module" => text("source")
            .filter(|source| source.starts_with("./") || source.starts_with("../"))
            .and_then(|source| join(directory, source.into()))
            .map(Call::Module),
        "terraform" if file_name(path) == TERRAGRUNT => {
            terragrunt::place(tree, directory, text("source").unwrap_or_default())?
                .map(Call::Source)
        }
        "include" => {
            terragrunt::place(tree, directory, text("path").unwrap_or_default())?.map(Call::Include)
        }
        // What is read is put into what a local value says.
        "local" if file_name(path) == TERRAGRUNT => match text("value") {
            Some(value) if value.starts_with("${read_terragrunt_config(") => {
                terragrunt::place(tree, directory, value)?.map(Call::Include)
            }
            _ => None,
        },
        _ => None,
    })
}
