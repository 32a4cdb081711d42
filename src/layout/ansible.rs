//! Ansible: every playbook that no other takes over is an app, with its roles.
//!
//! Which environment it is for follows from its path or its name (`playbooks/prod.yml`); where it serves several, each has an
//! inventory (`inventories/prod`), whose variables are part of the app there.

use std::collections::{BTreeMap, BTreeSet};

use super::beside;
use super::draft::{DEFAULT, Draft, components};
use super::names::{self, Place, Siblings};
use super::{Deployer, LayoutKind, chart, is_ignored};
use crate::git::{BStr, ByteSlice, EntryKind, Oid, Reader, RepoPath, Result};
use crate::manifest::{Document, Language};
use crate::render::Renderer;
use crate::render::items::{AnsibleCall, ansible_calls};
use crate::render::tree::{Tree, file_name, is_manifest_name, parent};

const INVENTORIES: [&str; 3] = ["inventories", "inventory", "environments"];

/// Directories of what playbooks are made of.
const PARTS: [&str; 6] = [
    "group_vars",
    "host_vars",
    "handlers",
    "roles",
    "tasks",
    "vars",
];

struct Playbook {
    path: RepoPath,
    imports: BTreeSet<RepoPath>,
    roles: BTreeSet<RepoPath>,
}

/// Whether two versions of a playbook bring in the same.
pub(super) fn is_same(
    reader: &Reader,
    renderer: &Renderer,
    before: Oid,
    after: Oid,
) -> Result<bool> {
    // Without the tree, what they name is compared: all of it but tasks' own parameters.
    let names = |documents: &[Document]| -> Vec<String> {
        documents
            .iter()
            .filter(|document| {
                matches!(document.object.id.kind.as_str(), "play" | "import_playbook")
            })
            .map(|document| {
                let object = &document.object;
                let roles = crate::render::items::role_names(&object.root);
                let imported = match object.id.kind.as_str() {
                    "play" => "",
                    _ => object.id.name.as_str(),
                };
                format!("{imported} {roles:?}")
            })
            .collect()
    };
    beside::is_same(reader, renderer, Language::Ansible, (before, after), names)
}

pub(super) fn detect(tree: &Tree, renderer: &Renderer, draft: &mut Draft) -> Result<()> {
    let playbooks = playbooks(tree, renderer)?;
    let imported: BTreeSet<&RepoPath> = playbooks
        .iter()
        .flat_map(|playbook| {
            playbook
                .imports
                .iter()
                .filter(|path| **path != playbook.path)
        })
        .collect();
    let own: Vec<&Playbook> = playbooks
        .iter()
        .filter(|playbook| !imported.contains(&playbook.path))
        .collect();
    if own.is_empty() {
        return Ok(());
    }
    draft.kinds.insert(LayoutKind::Ansible);
    let siblings = Siblings::of(
        own.iter()
            .map(|playbook| components(parent(playbook.path.as_bstr()))),
    );
    let inventories = inventories(tree);
    for playbook in own {
        let mut closure: BTreeSet<RepoPath> = BTreeSet::new();
        let mut pending = vec![playbook];
        while let Some(next) = pending.pop() {
            if closure.insert(next.path.clone()) {
                closure.extend(next.roles.iter().cloned());
                let imports = next.imports.iter();
                pending.extend(
                    imports.filter_map(|path| playbooks.iter().find(|other| other.path == *path)),
                );
            }
        }
        let path = playbook.path.as_bstr();
        let name = file_name(path).to_str_lossy();
        let name = name.split('.').next().unwrap_or_default().to_owned();
        let place = Place::of(
            &components(parent(path)),
            |before, name| siblings.accept(before, name),
            |_, _| true,
        );
        let named = names::environment(&name).map(|_| name.clone());
        let environments: Vec<(String, Vec<RepoPath>)> = match place.environment.or(named) {
            Some(one) => vec![(
                one.clone(),
                inventories.get(&one).cloned().unwrap_or_default(),
            )],
            None if inventories.is_empty() => {
                vec![(DEFAULT.to_owned(), variables_beside(tree, path))]
            }
            None => inventories.clone().into_iter().collect(),
        };
        for (environment, variables) in environments {
            let roots = [playbook.path.clone()]
                .into_iter()
                .chain(variables.clone())
                .collect();
            let closure = closure.iter().cloned().chain(variables).collect();
            let name = (environment, name.clone());
            draft.apps.push(beside::app(
                Language::Ansible,
                Deployer::Ansible,
                name,
                roots,
                closure,
            ));
        }
    }
    Ok(())
}

fn playbooks(tree: &Tree, renderer: &Renderer) -> Result<Vec<Playbook>> {
    let charts = chart::directories(tree)?;
    let mut playbooks = Vec::new();
    for (path, kind, blob) in tree.listed_below("".into()) {
        let bytes = path.as_bstr();
        let part = components(parent(bytes))
            .iter()
            .any(|part| PARTS.contains(&part.as_str()));
        if !matches!(kind, EntryKind::Blob | EntryKind::Executable)
            || !is_manifest_name(bytes)
            || part
            || is_ignored(path)
            || chart::is_below(path, &charts)
            || !renderer.outline(tree.reader, *blob)?.plays
        {
            continue;
        }
        let parsed = renderer.items(tree.reader, *blob, Language::Ansible)?;
        let documents = &parsed.manifest.documents;
        let is_play = |kind: &str| matches!(kind, "play" | "import_playbook");
        if documents.is_empty() || !documents.iter().all(|found| is_play(&found.object.id.kind)) {
            continue;
        }
        let mut playbook = Playbook {
            path: path.clone(),
            imports: BTreeSet::new(),
            roles: BTreeSet::new(),
        };
        for document in documents {
            for called in ansible_calls(tree, bytes, document)? {
                match called {
                    AnsibleCall::Playbook(path) => playbook.imports.insert(path),
                    AnsibleCall::Role(_, directory) => playbook.roles.insert(directory),
                };
            }
        }
        playbooks.push(playbook);
    }
    Ok(playbooks)
}

/// The files of variables of each inventory that is named like a directory of environments.
fn inventories(tree: &Tree) -> BTreeMap<String, Vec<RepoPath>> {
    let mut found: BTreeMap<String, Vec<RepoPath>> = BTreeMap::new();
    for (path, ..) in tree.listed_below("".into()) {
        let parts = components(path);
        let at = parts
            .iter()
            .position(|part| INVENTORIES.contains(&part.as_str()));
        let Some([environment, rest @ ..]) = at.map(|at| &parts[at + 1..]) else {
            continue;
        };
        let [inner, ..] = rest else { continue };
        let variables = matches!(inner.as_str(), "group_vars" | "host_vars");
        let hosts =
            rest.len() == 1 && (inner.starts_with("hosts") || inner.starts_with("inventory"));
        if is_ignored(path) || !(variables || hosts) {
            continue;
        }
        let files = found.entry(environment.clone()).or_default();
        if variables && is_manifest_name(path.as_bstr()) {
            files.push(path.clone());
        }
    }
    found
}

/// `group_vars` and `host_vars` beside a playbook.
fn variables_beside(tree: &Tree, playbook: &BStr) -> Vec<RepoPath> {
    let directory = parent(playbook);
    let depth = components(directory).len();
    let files = tree.listed_below(directory).iter();
    files
        .filter(|(path, ..)| {
            let parts = components(path);
            let here = parts.get(depth).map(String::as_str);
            matches!(here, Some("group_vars" | "host_vars")) && is_manifest_name(path.as_bstr())
        })
        .map(|(path, ..)| path.clone())
        .collect()
}
