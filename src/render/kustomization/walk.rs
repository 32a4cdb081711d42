//! What a build reads: everything that a kustomization names, and what that names in turn, without building.
//!
//! Paths are followed as kustomize would on a checkout, but inside the tree: what leads out of it is refused here, before any
//! tool sees it. What is named and not there is part of the answer, too: once it is there, the result is another.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Kustomization, NAMES, display, is_kustomization_name};
use crate::git::{BStr, BString, ByteSlice, EntryKind, Oid, RepoPath, Result};
use crate::render::tool::Additions;
use crate::render::tree::{Followed, Node, Tree, child, file_name, join, parent};
use crate::render::{Renderer, SourceIgnore};

/// Overlays of overlays of overlays: real repositories stay below ten.
const MAX_DEPTH: usize = 64;

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

/// The kustomization files of a directory: none, one, or (an error in kustomize) more.
pub(crate) fn files_in(tree: &Tree, directory: &BStr) -> Result<Vec<(RepoPath, Oid)>> {
    let found = find(tree, directory)?.files;
    Ok(found.into_iter().map(|(path, id, _)| (path, id)).collect())
}

/// A link in the place of a directory's kustomization file that leads out of the tree.
pub(crate) fn link_out(tree: &Tree, directory: &BStr) -> Result<Option<RepoPath>> {
    Ok(find(tree, directory)?.link_out)
}

/// What is at the names that a directory's kustomization file may have.
#[derive(Default)]
struct Found {
    /// Files, with the links on the way to each.
    files: Vec<(RepoPath, Oid, Vec<RepoPath>)>,
    link_out: Option<RepoPath>,
}

fn find(tree: &Tree, directory: &BStr) -> Result<Found> {
    let mut found = Found::default();
    for name in NAMES {
        match tree.follow(child(directory, name).as_bstr())? {
            Followed::To {
                path,
                node: Node::File(id),
                links,
            } => found.files.push((path, id, links)),
            Followed::Escapes(link) => {
                found.link_out.get_or_insert(link);
            }
            Followed::To { .. } | Followed::Missing(_) => {}
        }
    }
    Ok(found)
}

fn refused(link: &RepoPath) -> String {
    format!(
        "{}: this symlink leads out of the repository",
        display(link.as_bstr())
    )
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
    match tree.follow(directory.as_bstr())? {
        Followed::To { path, links, .. } => {
            walk.closure.extend(links);
            directory = path;
        }
        Followed::Escapes(link) => walk.refusals.push(refused(&link)),
        Followed::Missing(_) => {}
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
        below.retain(|(path, ..)| {
            let path = path.as_bstr();
            (is_gathered(path) || is_kustomization_name(file_name(path))) && !is_left_out(path)
        });
        let built: HashSet<&BStr> = below
            .iter()
            .filter(|(path, ..)| is_kustomization_name(file_name(path.as_bstr())))
            .map(|(path, ..)| parent(path.as_bstr()))
            .collect();
        let mut found = BTreeMap::new();
        for (path, kind, id) in &below {
            let relative = match root.is_empty() {
                true => path.as_bstr(),
                false => path[root.len() + 1..].as_bstr(),
            };
            let start = path.len() - relative.len();
            let kustomization = relative
                .find_iter("/")
                .map(|slash| path[..start + slash].as_bstr())
                .find(|directory| built.contains(directory));
            let is_file = matches!(kind, EntryKind::Blob | EntryKind::Executable);
            let (resource, file) = match kustomization {
                Some(directory) => (directory, None),
                None if is_gathered(relative) => (path.as_bstr(), is_file.then_some(*id)),
                None => continue,
            };
            // What cannot be written in a kustomization is not found by it.
            match resource[start..].to_str() {
                Ok(name) => found.insert(format!("./{name}"), file),
                Err(_) => found.insert(format!("./{}", resource[start..].to_str_lossy()), None),
            };
        }
        self.stack.push(root.clone());
        for (resource, file) in found {
            match file {
                Some(id) => self.resource(child(root.as_bstr(), &resource[2..]), id),
                None => {
                    self.reference(tree, root.as_bstr(), &resource, Role::Resource, renderer)?;
                }
            }
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
        let Found {
            files,
            link_out: link,
        } = find(tree, directory.as_bstr())?;
        self.refusals.extend(link.as_ref().map(refused));
        match files.as_slice() {
            [] if link.is_some() => {}
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
        // There must be exactly one: the others are read by not being there.
        let names = NAMES.iter();
        self.closure
            .extend(names.map(|name| child(directory.as_bstr(), name)));
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
                        if role == Role::Plugin {
                            self.plugin(tree, path.as_bstr(), id, renderer)?;
                        }
                        match role {
                            Role::Resource => self.resource(path, id),
                            Role::Component | Role::Plugin | Role::File => {
                                self.closure.insert(path);
                            }
                        }
                    }
                    Node::Submodule => self.problems.push(format!(
                        "{}: it is in a submodule, whose files are in another repository",
                        display(path.as_bstr())
                    )),
                    Node::Link(_) => {}
                }
            }
            Followed::Escapes(link) => self.refusals.push(refused(&link)),
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

    fn resource(&mut self, path: RepoPath, id: Oid) {
        if !self.closure.contains(&path) {
            self.resources.push((path.clone(), id));
            if let Some(namespace) = &self.namespace {
                self.placed.insert(path.clone(), namespace.clone());
            }
        }
        self.closure.insert(path);
    }

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

/// Whether Flux takes a file for a manifest.
fn is_gathered(path: &BStr) -> bool {
    let name = file_name(path);
    name.ends_with(b".yaml") || name.ends_with(b".yml")
}

#[cfg(test)]
mod tests {
    use super::is_remote;

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
}
