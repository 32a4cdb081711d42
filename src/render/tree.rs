//! A git tree as the tools would see it checked out: paths with `..`, symlinks inside the tree, directories.
//!
//! Layout detection looks up thousands of paths and lists the tree once; a render looks up a few and asks git for each.

use std::collections::HashMap;

use crate::git::{BStr, BString, ByteSlice, EntryKind, Oid, Reader, RepoPath, Result};

/// A symlink chain longer than this is a loop (Linux' own limit).
const MAX_LINKS: usize = 40;

pub(crate) struct Tree<'a> {
    pub(crate) reader: &'a Reader,
    root: Oid,
    listing: Option<Listing>,
}

struct Listing {
    /// Every file, in path order.
    files: Vec<(RepoPath, EntryKind, Oid)>,
    /// The same by path, and the directories.
    nodes: HashMap<RepoPath, Node>,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    File(Oid),
    Link(Oid),
    Directory,
    Submodule,
}

/// Where a path leads when symlinks are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The path without links in it, and the links on the way.
    To {
        path: RepoPath,
        node: Node,
        links: Vec<RepoPath>,
    },
    /// Nothing there; what would have to exist.
    Missing(RepoPath),
    /// This link leads out of the tree, or in circles.
    Escapes(RepoPath),
}

impl<'a> Tree<'a> {
    pub(crate) fn at(reader: &'a Reader, root: Oid) -> Tree<'a> {
        Tree {
            reader,
            root,
            listing: None,
        }
    }

    pub(crate) fn root(&self) -> Oid {
        self.root
    }

    /// Lists the whole tree now, to answer from memory.
    pub(crate) fn listed(reader: &'a Reader, root: Oid) -> Result<Tree<'a>> {
        let mut files = Vec::new();
        let mut nodes = HashMap::new();
        for entry in reader.files(root, BStr::new(""))? {
            nodes.insert(entry.path.clone(), node(entry.kind, entry.id));
            let mut above = parent(entry.path.as_bstr());
            while !above.is_empty() && !nodes.contains_key(above) {
                nodes.insert(RepoPath::from(above.to_vec()), Node::Directory);
                above = parent(above);
            }
            files.push((entry.path, entry.kind, entry.id));
        }
        Ok(Tree {
            reader,
            root,
            listing: Some(Listing { files, nodes }),
        })
    }

    /// What is at `path`, without following links.
    pub(crate) fn node(&self, path: &BStr) -> Result<Option<Node>> {
        if let Some(listing) = &self.listing {
            return Ok(match path.is_empty() {
                true => Some(Node::Directory),
                false => listing.nodes.get(path).copied(),
            });
        }
        let entry = self.reader.entry_of_many(self.root, path)?;
        Ok(entry.map(|(kind, id)| node(kind, id)))
    }

    /// The object at `path`, without following links.
    pub(crate) fn id(&self, path: &BStr) -> Result<Option<Oid>> {
        Ok(self
            .reader
            .entry_of_many(self.root, path)?
            .map(|(_, id)| id))
    }

    /// Files, links and submodules below `directory`, in path order.
    pub(crate) fn below(&self, directory: &BStr) -> Result<Vec<(RepoPath, EntryKind, Oid)>> {
        if self.listing.is_some() {
            return Ok(self.listed_below(directory).to_vec());
        }
        let files = self.reader.files(self.root, directory)?;
        Ok(files
            .into_iter()
            .map(|entry| (entry.path, entry.kind, entry.id))
            .collect())
    }

    /// The files right in `directory`, by path; links to files are followed.
    pub(crate) fn files_in(&self, directory: &BStr) -> Result<Vec<(RepoPath, Oid)>> {
        let mut files = Vec::new();
        for entry in self.reader.children(self.root, directory)? {
            match entry.kind {
                EntryKind::Blob | EntryKind::Executable => files.push((entry.path, entry.id)),
                EntryKind::Symlink => {
                    if let Followed::To {
                        node: Node::File(id),
                        ..
                    } = self.follow(entry.path.as_bstr())?
                    {
                        files.push((entry.path, id));
                    }
                }
                EntryKind::Tree | EntryKind::Submodule => {}
            }
        }
        Ok(files)
    }

    /// As [`Tree::below`], for a tree that was listed; else empty.
    pub(crate) fn listed_below(&self, directory: &BStr) -> &[(RepoPath, EntryKind, Oid)] {
        let listing = self
            .listing
            .as_ref()
            .map_or(&[][..], |listing| &listing.files);
        if directory.is_empty() {
            return listing;
        }
        let mut first = BString::from(directory.to_vec());
        first.push(b'/');
        let start = listing.partition_point(|(file, ..)| *file < first);
        let length = listing[start..].partition_point(|(file, ..)| file.starts_with(&first));
        &listing[start..start + length]
    }

    /// The file that a kustomization in `directory` refers to; `None` where there is none.
    pub(crate) fn file_at(&self, directory: &BStr, reference: &BStr) -> Result<Option<Oid>> {
        let Some(path) = join(directory, reference) else {
            return Ok(None);
        };
        Ok(match self.follow(path.as_bstr())? {
            Followed::To {
                node: Node::File(id),
                ..
            } => Some(id),
            _ => None,
        })
    }

    /// Follows `path` through symlinks, staying inside the tree.
    pub(crate) fn follow(&self, path: &BStr) -> Result<Followed> {
        let mut path = BString::from(path.to_vec());
        let mut links = Vec::new();
        loop {
            match self.node(path.as_bstr())? {
                Some(Node::Link(_)) => {}
                Some(node) => return Ok(Followed::To { path, node, links }),
                // Mostly in a directory that is there.
                None if self.node(parent(path.as_bstr()))? == Some(Node::Directory) => {
                    return Ok(Followed::Missing(path));
                }
                None => {}
            }
            let Some((end, target)) = self.first_link(path.as_bstr())? else {
                return Ok(Followed::Missing(path));
            };
            let link = BString::from(path[..end].to_vec());
            let target = self.reader.blob(target)?;
            let Some(mut target) = join(parent(link.as_bstr()), target.as_bstr()) else {
                return Ok(Followed::Escapes(link));
            };
            // The rest of the path hangs below the target.
            if !target.is_empty() && end < path.len() {
                target.push(b'/');
            }
            target.extend_from_slice(path.get(end + 1..).unwrap_or_default());
            links.push(link.clone());
            if links.len() > MAX_LINKS {
                return Ok(Followed::Escapes(link));
            }
            path = target;
        }
    }

    /// The first symlink on the way to `path`, itself included: where its path ends, and its blob.
    fn first_link(&self, path: &BStr) -> Result<Option<(usize, Oid)>> {
        for end in ends(path) {
            match self.node(path[..end].as_bstr())? {
                Some(Node::Link(target)) => return Ok(Some((end, target))),
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }
}

fn node(kind: EntryKind, id: Oid) -> Node {
    match kind {
        EntryKind::Blob | EntryKind::Executable => Node::File(id),
        EntryKind::Symlink => Node::Link(id),
        EntryKind::Tree => Node::Directory,
        EntryKind::Submodule => Node::Submodule,
    }
}

/// Where each component of a path ends.
fn ends(path: &BStr) -> impl Iterator<Item = usize> {
    path.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(index, _)| index)
        .chain(Some(path.len()))
}

/// `reference`, as written in a file of `directory`; `None` where it is absolute or leaves the tree.
pub(crate) fn join(directory: &BStr, reference: &BStr) -> Option<RepoPath> {
    if reference.starts_with(b"/") {
        return None;
    }
    let mut parts: Vec<&[u8]> = directory
        .split_str("/")
        .filter(|part| !part.is_empty())
        .collect();
    for part in reference.split_str("/") {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(BString::from(parts.join(&b'/')))
}

/// The path of what a directory holds by this name.
pub(crate) fn child(directory: &BStr, name: &str) -> RepoPath {
    match directory.is_empty() {
        true => RepoPath::from(name),
        false => BString::from([directory.as_bytes(), b"/", name.as_bytes()].concat()),
    }
}

/// The directory a path is in; `""` for the root.
pub(crate) fn parent(path: &BStr) -> &BStr {
    match path.rfind_byte(b'/') {
        Some(slash) => path[..slash].as_bstr(),
        None => BStr::new(""),
    }
}

/// The last component of a path.
pub(crate) fn file_name(path: &BStr) -> &BStr {
    match path.rfind_byte(b'/') {
        Some(slash) => path[slash + 1..].as_bstr(),
        None => path,
    }
}

/// Whether `path` is `prefix` or something below it; everything is below `""`.
pub(crate) fn is_within(path: &[u8], prefix: &[u8]) -> bool {
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    match path.strip_prefix(prefix) {
        Some(rest) => prefix.is_empty() || rest.is_empty() || rest.starts_with(b"/"),
        None => false,
    }
}

/// Whether a file's name says that it may hold manifests.
pub(crate) fn is_manifest_name(path: &BStr) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|suffix| name.ends_with(suffix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_inside_the_tree() {
        let join = |directory: &str, reference: &str| {
            join(BStr::new(directory), BStr::new(reference)).map(|path| path.to_string())
        };
        assert_eq!(join("envs/prod", "../../base").as_deref(), Some("base"));
        assert_eq!(
            join("envs/prod", "./a//b/").as_deref(),
            Some("envs/prod/a/b")
        );
        assert_eq!(join("", "a").as_deref(), Some("a"));
        assert_eq!(join("a", "..").as_deref(), Some(""));
        assert_eq!(join("a", "../.."), None);
        assert_eq!(join("a", "/etc/passwd"), None);
    }

    #[test]
    fn a_prefix_ends_at_a_component() {
        assert!(is_within(b"a/b/c", b"a/b"));
        assert!(is_within(b"a/b", b"a/b"));
        assert!(is_within(b"a/b", b"a/"));
        assert!(is_within(b"a", b""));
        assert!(!is_within(b"a/bc", b"a/b"));
        assert!(!is_within(b"a", b"a/b"));
    }
}
