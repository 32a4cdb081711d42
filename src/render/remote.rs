//! Bases that a kustomization names by URL: repositories and files elsewhere, fetched once where the user allows it
//! (`--allow-network`), by git and by us, never by kustomize.
//!
//! What was fetched is put beside the repository in the export, and the kustomizations there name it instead of the URL. A
//! repository is kept with the commit that was asked for, a file under the digest of its bytes.
//! Source of how a URL is read: kustomize `api/internal/git/repospec.go`.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::Error;
use super::export::{Export, ExportError};
use super::fetch::Fetches;
use super::kustomization::{self, Remote, Walk, display, files_in, without_credentials};
use super::tool::Additions;
use super::tree::{Tree, join};
use super::{Renderer, secrets};
use crate::git::{BStr, ByteSlice, Oid, Repo, RepoPath};
use crate::task::Cancel;

/// Bases of bases elsewhere.
const MAX_DEPTH: usize = 8;
const MAX_BASES: usize = 100;

/// What a URL in a kustomization stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    File {
        url: String,
    },
    Directory {
        /// As git takes it.
        url: String,
        /// A branch, a tag or a commit.
        revision: String,
        /// In that repository.
        path: String,
    },
}

/// All that the kustomizations of a build name by URL.
#[derive(Default)]
pub(super) struct Bases {
    found: Vec<Base>,
    /// Those that the repository's own kustomizations name.
    links: Vec<Link>,
    /// Why not all of them are here.
    pub(super) refusals: Vec<String>,
}

struct Base {
    content: Content,
    digest: String,
}

enum Content {
    File(Vec<u8>),
    Directory {
        repo: Repo,
        tree: Oid,
        walk: Box<Walk>,
        links: Vec<Link>,
    },
}

/// A URL in the kustomization of a directory, and which of the bases it is.
struct Link {
    directory: RepoPath,
    reference: String,
    base: usize,
}

impl Wanted {
    /// `None`: nothing that kustomize could fetch.
    pub(super) fn parse(reference: &str) -> Option<Wanted> {
        let plain = reference.strip_prefix("git::").unwrap_or(reference);
        let (location, query) = plain.split_once('?').unwrap_or((plain, ""));
        let is_web = ["https://", "http://"]
            .iter()
            .any(|scheme| location.starts_with(scheme));
        let marked = |text: &str| {
            let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
            rest.contains("//")
                || rest.contains(".git/")
                || rest.ends_with(".git")
                || rest.contains("_git/")
        };
        let is_file = [".yaml", ".yml", ".json"]
            .iter()
            .any(|end| location.ends_with(end));
        if is_web && is_file && !marked(location) {
            return Some(Wanted::File {
                url: reference.to_owned(),
            });
        }
        let (host, path) = host(location)?;
        let (repository, path) = split(path)?;
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, value)| *key == name && !value.is_empty())
                .map(|(_, value)| value)
        };
        let revision = value("ref").or_else(|| value("version")).unwrap_or("HEAD");
        Some(Wanted::Directory {
            url: format!("{host}{repository}"),
            revision: revision.to_owned(),
            path: path.trim_matches('/').to_owned(),
        })
    }

    /// `https://github.com/org/repo at v1`
    pub(super) fn describe(&self) -> String {
        match self {
            Wanted::File { url } => without_credentials(url),
            Wanted::Directory { url, revision, .. } => {
                let revision = crate::text::clean_line(revision);
                format!("{} at {revision}", without_credentials(url))
            }
        }
    }

    /// Whether it can only ever mean the same.
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Wanted::File { .. } => false,
            Wanted::Directory { revision, .. } => {
                revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
        }
    }
}

/// What comes before the path, as git takes it, and the path; GitHub's may be named without a scheme.
fn host(location: &str) -> Option<(String, &str)> {
    for scheme in ["https://", "http://", "ssh://"] {
        if let Some(rest) = location.strip_prefix(scheme) {
            let (host, path) = rest.split_once('/')?;
            return Some((format!("{scheme}{host}/"), path));
        }
    }
    if location.contains("://") {
        return None;
    }
    if let Some(path) = location.strip_prefix("github.com/") {
        return Some(("https://github.com/".to_owned(), path));
    }
    // git@host:path
    let (user, rest) = location.split_once('@')?;
    let end = rest.find([':', '/'])?;
    let plain = user.starts_with(|c: char| c.is_ascii_alphabetic())
        && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let host = format!("{user}@{}:", &rest[..end]);
    plain.then(|| (host, &rest[end + 1..]))
}

/// The repository's part of a path, and what is in the repository.
fn split(path: &str) -> Option<(&str, &str)> {
    if let Some(at) = path.find("_git/") {
        let start = at + "_git/".len();
        let end = path[start..]
            .find('/')
            .map_or(path.len(), |slash| start + slash);
        return Some((&path[..end], &path[end..]));
    }
    if let Some((repository, path)) = path.split_once("//") {
        return Some((repository, path));
    }
    if let Some(at) = path.find(".git") {
        return Some(path.split_at(at + ".git".len()));
    }
    let (organisation, rest) = path.split_once('/')?;
    let name = rest.split('/').next()?;
    Some(path.split_at(organisation.len() + 1 + name.len()))
}

impl Bases {
    /// Fetches what a walk found named by URL, and what that names in turn.
    pub(super) fn of(walk: &Walk, renderer: &Renderer, cancel: &Cancel) -> Result<Bases, Error> {
        let mut bases = Bases::default();
        bases.links = bases.gather(walk, renderer, cancel, &mut HashMap::new(), 0)?;
        Ok(bases)
    }

    fn gather(
        &mut self,
        walk: &Walk,
        renderer: &Renderer,
        cancel: &Cancel,
        known: &mut HashMap<Wanted, usize>,
        depth: usize,
    ) -> Result<Vec<Link>, Error> {
        let mut links = Vec::new();
        for Remote {
            directory,
            reference,
        } in &walk.remotes
        {
            let Some(wanted) = Wanted::parse(reference) else {
                self.refusals.push(format!(
                    "{}: {} is not fetched: only https, http and ssh are fetched from",
                    display(directory.as_bstr()),
                    without_credentials(reference)
                ));
                continue;
            };
            let base = match known.get(&wanted) {
                Some(base) => *base,
                None => match self.fetch(&wanted, renderer, cancel, known, depth)? {
                    Ok(base) => base,
                    Err(why) => {
                        let place = display(directory.as_bstr());
                        self.refusals.push(format!("{place}: it needs {why}"));
                        continue;
                    }
                },
            };
            links.push(Link {
                directory: directory.clone(),
                reference: reference.clone(),
                base,
            });
        }
        Ok(links)
    }

    fn fetch(
        &mut self,
        wanted: &Wanted,
        renderer: &Renderer,
        cancel: &Cancel,
        known: &mut HashMap<Wanted, usize>,
        depth: usize,
    ) -> Result<Result<usize, String>, Error> {
        let Some(fetches) = &renderer.fetches else {
            return Ok(Err(Fetches::refusal(wanted)));
        };
        if depth >= MAX_DEPTH || self.found.len() >= MAX_BASES {
            let why = format!("{}: bases in bases in bases", wanted.describe());
            return Ok(Err(why));
        }
        let (content, digest) = match wanted {
            Wanted::File { .. } => match fetches.file(wanted, cancel)? {
                Ok(bytes) => {
                    let digest = super::fetch::hex(&bytes);
                    (Content::File(bytes), digest)
                }
                Err(why) => return Ok(Err(why)),
            },
            Wanted::Directory { path, .. } => {
                let (repo, commit) = match fetches.repository(wanted, cancel)? {
                    Ok(fetched) => fetched,
                    Err(why) => return Ok(Err(why)),
                };
                let reader = repo.reader();
                let tree = reader.tree_of(commit)?;
                let walk = kustomization::walk_with(
                    &Tree::at(&reader, tree),
                    BStr::new(path),
                    &Additions::default(),
                    renderer,
                )?;
                let inside = |why: &String| format!("{}: {why}", wanted.describe());
                self.refusals.extend(walk.refusals.iter().map(inside));
                let links = self.gather(&walk, renderer, cancel, known, depth + 1)?;
                let content = Content::Directory {
                    walk: Box::new(walk),
                    repo,
                    tree,
                    links,
                };
                (content, format!("{commit} {path}"))
            }
        };
        self.found.push(Base { content, digest });
        known.insert(wanted.clone(), self.found.len() - 1);
        Ok(Ok(self.found.len() - 1))
    }

    /// What was asked for, and what it is.
    pub(super) fn digests(&self) -> Vec<String> {
        let named = |link: &Link| {
            let base = self.found.get(link.base)?;
            Some(format!("{} {}", link.reference, base.digest))
        };
        let own = self.links.iter().filter_map(named);
        own.chain(self.found.iter().map(|base| base.digest.clone()))
            .collect()
    }

    /// Whether something in a base might name a file that was not seen.
    pub(super) fn are_obscure(&self) -> bool {
        let mut walks = self.walks();
        walks.any(|(_, _, walk)| walk.obscure)
    }

    pub(super) fn may_hold_secrets(&self, renderer: &Renderer) -> Result<bool, Error> {
        for (repo, tree, walk) in self.walks() {
            let reader = repo.reader();
            if secrets::may_hold(&Tree::at(&reader, tree), &walk.closure, renderer)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn walks(&self) -> impl Iterator<Item = (&Repo, Oid, &Walk)> {
        self.found.iter().filter_map(|base| match &base.content {
            Content::Directory {
                repo, tree, walk, ..
            } => Some((repo, *tree, walk.as_ref())),
            Content::File(_) => None,
        })
    }

    /// Puts the bases beside the repository in `export`, and their names into the kustomizations.
    pub(super) fn write(&self, tree: &Tree, export: &Export) -> Result<(), ExportError> {
        for (number, base) in self.found.iter().enumerate() {
            if let Content::Directory {
                repo,
                tree,
                walk,
                links,
            } = &base.content
            {
                let reader = repo.reader();
                let tree = Tree::at(&reader, *tree);
                let place = export.beside(&name(number), &tree, &walk.closure)?;
                self.link(&tree, export, &place, links)?;
            }
        }
        self.link(tree, export, export.root(), &self.links)
    }

    /// The text of the kustomization in a directory of the repository, with the bases named in it.
    pub(super) fn named(&self, directory: &BStr, text: &[u8]) -> Vec<u8> {
        renamed(text, &self.names(directory, &self.links))
    }

    fn link(
        &self,
        tree: &Tree,
        export: &Export,
        root: &Path,
        links: &[Link],
    ) -> Result<(), ExportError> {
        let directories: BTreeSet<&RepoPath> = links.iter().map(|link| &link.directory).collect();
        for directory in directories {
            let names = self.names(directory.as_bstr(), links);
            for (path, id) in files_in(tree, directory.as_bstr())? {
                let text = renamed(&tree.reader.blob(id)?, &names);
                export.write_below(root, path.as_bstr(), &text)?;
            }
            for link in links.iter().filter(|link| link.directory == *directory) {
                if let Some(Content::File(bytes)) =
                    self.found.get(link.base).map(|base| &base.content)
                {
                    // A kustomization may not read files that are elsewhere.
                    let file = format!("{}.yaml", name(link.base));
                    let file = join(directory.as_bstr(), BStr::new(&file)).unwrap_or_default();
                    export.write_below(root, file.as_bstr(), bytes)?;
                }
            }
        }
        Ok(())
    }

    /// URL → what it is called from a directory; longer ones first, as one may begin with another.
    fn names(&self, directory: &BStr, links: &[Link]) -> Vec<(String, String)> {
        let depth = directory
            .split_str("/")
            .filter(|part| !part.is_empty())
            .count();
        let name_of = |link: &Link| match &self.found.get(link.base)?.content {
            Content::File(_) => Some(format!("{}.yaml", name(link.base))),
            Content::Directory { walk, .. } => {
                let inside = walk.directories.first()?;
                let up = "../".repeat(depth + 1);
                Some(format!("{up}{}/{}", name(link.base), inside.to_str().ok()?))
            }
        };
        let here = links.iter().filter(|link| link.directory == directory);
        let mut names: Vec<(String, String)> = here
            .filter_map(|link| Some((link.reference.clone(), name_of(link)?)))
            .collect();
        names.sort_by_key(|(reference, _)| std::cmp::Reverse(reference.len()));
        names
    }
}

/// What a base is called in the export.
fn name(number: usize) -> String {
    format!("gitopsy-fetched-{number}")
}

/// A kustomization with other names for what it lists: its other texts stay, whatever they hold.
fn renamed(text: &[u8], names: &[(String, String)]) -> Vec<u8> {
    let mut lines = Vec::new();
    for line in text.split_str("\n") {
        let trimmed = line.trim_start();
        let is_list = [
            &b"-"[..],
            b"resources:",
            b"bases:",
            b"components:",
            b"'",
            b"\"",
            b"http",
            b"git",
        ]
        .iter()
        .any(|start| trimmed.starts_with(start));
        let mut line = line.to_vec();
        for (reference, name) in names.iter().filter(|_| is_list) {
            line = line.replace(reference, name);
        }
        lines.push(line);
    }
    lines.join(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kustomize makes of these (`repospec_test.go`).
    #[test]
    fn a_url_is_taken_apart_as_kustomize_does() {
        for (reference, url, revision, path) in [
            (
                "https://github.com/org/repo//a/b?ref=v1",
                "https://github.com/org/repo",
                "v1",
                "a/b",
            ),
            (
                "github.com/org/repo/a/b?ref=v1&timeout=90s",
                "https://github.com/org/repo",
                "v1",
                "a/b",
            ),
            (
                "https://github.com/org/repo",
                "https://github.com/org/repo",
                "HEAD",
                "",
            ),
            (
                "git@github.com:org/repo.git//a?version=main",
                "git@github.com:org/repo.git",
                "main",
                "a",
            ),
            (
                "git::https://host/a/b/c.git/d/e",
                "https://host/a/b/c.git",
                "HEAD",
                "d/e",
            ),
            (
                "ssh://git@host:22/org/repo//x",
                "ssh://git@host:22/org/repo",
                "HEAD",
                "x",
            ),
            (
                "https://user@dev.azure.com/org/project/_git/repo/path?ref=a",
                "https://user@dev.azure.com/org/project/_git/repo",
                "a",
                "path",
            ),
        ] {
            let expected = Wanted::Directory {
                url: url.to_owned(),
                revision: revision.to_owned(),
                path: path.to_owned(),
            };
            assert_eq!(Wanted::parse(reference), Some(expected), "{reference}");
        }
        let file = "https://example.com/a/b.yaml?x=1";
        let expected = Wanted::File {
            url: file.to_owned(),
        };
        assert_eq!(Wanted::parse(file), Some(expected));
        for none in [
            "file:///etc//x",
            "ext::sh -c id",
            "https://host",
            "-u@host:a/b",
        ] {
            assert_eq!(Wanted::parse(none), None, "{none}");
        }
    }
}
