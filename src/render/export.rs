//! A throw-away directory with exactly the files a build may read.
//!
//! Never the user's work tree: it may be at another commit, and tools write into it (`kustomize` inflates charts beside the
//! sources). Everything in the tree is somebody else's text, so nothing is written through a symlink, and no symlink that
//! leads out of the tree is made at all.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::By;
use super::kustomization::display;
use super::scratch;
use super::tree::{Followed, Node, Tree};
use crate::git::{self, BStr, ByteSlice, RepoPath};

/// More than this is no build's input, but a way to fill the disk.
const MAX_BYTES: usize = 256 << 20;

/// Removed when dropped.
pub(crate) struct Export {
    directory: TempDir,
    root: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error("{0}")]
    Refused(String),
    #[error("its files could not be written to a temporary directory: {0}")]
    Io(#[from] io::Error),
}

impl ExportError {
    pub(super) fn by(&self) -> By {
        match self {
            ExportError::Refused(_) => By::Files,
            ExportError::Git(_) | ExportError::Io(_) => By::Machine,
        }
    }
}

impl Export {
    /// Writes the files and links among `paths`; a path that does not exist, or is a submodule, is left out.
    pub(crate) fn of(tree: &Tree, paths: &BTreeSet<RepoPath>) -> Result<Export, ExportError> {
        let directory = scratch::directory("gitopsy-render-")?;
        let root = directory.path().join("repository");
        fs::create_dir(&root)?;
        fill(&root, tree, paths)?;
        Ok(Export { directory, root })
    }

    /// Writes files and links of another tree to a directory beside the repository's, and answers which.
    pub(crate) fn beside(
        &self,
        name: &str,
        tree: &Tree,
        paths: &BTreeSet<RepoPath>,
    ) -> Result<PathBuf, ExportError> {
        let root = self.directory.path().join(name);
        fs::create_dir(&root)?;
        fill(&root, tree, paths)?;
        Ok(root)
    }

    /// Writes a file of ours beside the repository's: no path in there leads to it. Answers where it is.
    pub(crate) fn aside(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.directory.path().join(name);
        fs::write(&path, content)?;
        Ok(path)
    }

    /// Puts a file of ours in, or in the place of one of the repository's.
    pub(crate) fn write(&self, path: &BStr, content: &[u8]) -> Result<(), ExportError> {
        self.write_below(&self.root, path, content)
    }

    /// The same, in the repository or in what is beside it.
    pub(crate) fn write_below(
        &self,
        root: &Path,
        path: &BStr,
        content: &[u8],
    ) -> Result<(), ExportError> {
        let place = place(root, path)?;
        // Never through a link, wherever it leads.
        match fs::remove_file(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(fs::write(&place, content)?),
        }
    }

    /// All that is here: the repository's files, and ours beside them.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A directory of the repository, in here.
    pub(crate) fn path(&self, path: &BStr) -> Result<PathBuf, ExportError> {
        inside(&self.root, path)
    }
}

/// Writes what is at `paths` below `root`.
fn fill(root: &Path, tree: &Tree, paths: &BTreeSet<RepoPath>) -> Result<(), ExportError> {
    let mut bytes = 0;
    // Neighbours in the list are mostly neighbours in a directory, which is made once.
    let mut made = None;
    let mut links = Vec::new();
    for path in paths {
        match tree.node(path.as_bstr())? {
            Some(Node::File(id)) => {
                let content = tree.reader.blob(id)?;
                bytes += content.len();
                if bytes > MAX_BYTES {
                    return Err(ExportError::Refused(format!(
                        "its files are more than {} MiB",
                        MAX_BYTES >> 20
                    )));
                }
                let file = inside(root, path.as_bstr())?;
                let directory = file.parent().map(Path::to_owned);
                if made != directory {
                    fs::create_dir_all(directory.as_deref().unwrap_or(root))?;
                    made = directory;
                }
                fs::write(file, content)?;
            }
            Some(Node::Link(id)) => links.push((path, id)),
            Some(Node::Directory | Node::Submodule) | None => {}
        }
    }
    // Links last: nothing can be written through them.
    for (path, id) in links {
        if let Followed::Escapes(link) = tree.follow(path.as_bstr())? {
            return Err(ExportError::Refused(format!(
                "{}: this symlink leads out of the repository",
                display(link.as_bstr())
            )));
        }
        let target = tree.reader.blob(id)?;
        let target = target
            .to_path()
            .map_err(|_| ExportError::Refused(format!("{}: no path", display(path.as_bstr()))))?;
        std::os::unix::fs::symlink(target, place(root, path.as_bstr())?)?;
    }
    Ok(())
}

/// A path of a repository below `root`.
fn inside(root: &Path, path: &BStr) -> Result<PathBuf, ExportError> {
    // Git refuses to store such names; a crafted object may hold them all the same.
    let strange = path
        .split_str("/")
        .any(|part| matches!(part, b"." | b"..") || part.contains(&0));
    match path.to_path() {
        Ok(path) if !strange && path.is_relative() => Ok(root.join(path)),
        _ => Err(ExportError::Refused(format!(
            "{}: not a path that can be written to disk",
            display(path)
        ))),
    }
}

/// The same, with the directories on the way made.
fn place(root: &Path, path: &BStr) -> Result<PathBuf, ExportError> {
    let place = inside(root, path)?;
    if let Some(directory) = place.parent() {
        fs::create_dir_all(directory)?;
    }
    Ok(place)
}
