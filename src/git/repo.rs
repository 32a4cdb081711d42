//! Opening a repository as it is (work tree, bare, linked work tree, from a subdirectory) and reading from it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::commit::Commit;
use super::error::Result;
use super::merge::Merge;
use super::remote::Remote;
use super::tree::{Entry, PathChange, TreeEdit};
use super::walk::FirstParents;
use super::{BStr, NewCommit, Oid};

/// A repository, with our shadow object directory beside it. Cheap to clone; may go to any thread.
#[derive(Clone)]
pub struct Repo {}

/// What is under review: a branch of a repository, as last fetched by git or by us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tip {
    /// The remote's URL without credentials, else the repository's path.
    pub repository: String,
    /// The branch's short name; `None` for a detached HEAD.
    pub branch: Option<String>,
    #[serde(serialize_with = "super::commit::hex")]
    pub commit: Oid,
    /// When it was fetched last, by git or by us; `None` where there is no remote.
    pub fetched: Option<Timestamp>,
    #[serde(skip)]
    pub remote: Option<String>,
}

/// What kind of clone this is: each limits what can be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub bare: bool,
    pub shallow: bool,
    /// A partial clone: objects may have to come from its promisor remote.
    pub partial: bool,
    pub git_dir: PathBuf,
    pub work_dir: Option<PathBuf>,
}

impl Repo {
    /// Opens the repository around `path`. `state` is our state directory; the shadow lives below it, created at the first
    /// write.
    pub fn open(path: &Path, state: &Path) -> Result<Repo> {
        let _ = (path, state);
        todo!()
    }

    /// The tip as DESIGN defines it: the remote of the current branch's upstream, else `origin`, else the only one; its default
    /// branch as last fetched by git or by us, else HEAD. `branch` overrides the branch.
    pub fn tip(&self, branch: Option<&str>) -> Result<Tip> {
        let _ = branch;
        todo!()
    }

    /// A handle for one thread. Make one per job, not one per object: it holds the object caches.
    pub fn reader(&self) -> Reader {
        todo!()
    }

    pub fn facts(&self) -> Facts {
        todo!()
    }

    pub fn remotes(&self) -> Result<Vec<Remote>> {
        todo!()
    }

    /// Fetches `tip`'s branch into the shadow, by running git in the user's repository, without moving any ref or touching
    /// any file of it; the new tip is remembered by us. Blocks.
    pub fn fetch(&self, tip: &Tip) -> Result<Tip> {
        let _ = tip;
        todo!()
    }

    /// Writes a commit into the shadow, signed as git is configured. The same plan gives the same id. Blocks.
    pub fn commit(&self, new: &NewCommit) -> Result<Oid> {
        let _ = new;
        todo!()
    }

    /// Pushes `commit` as the new branch `branch` of `remote`, only if no such branch exists (or it is at `commit` already).
    /// Moves no local ref. Blocks.
    pub fn push(&self, remote: &str, commit: Oid, branch: &str) -> Result<()> {
        let _ = (remote, commit, branch);
        todo!()
    }
}

/// Reads objects, from the user's repository and the shadow.
pub struct Reader {}

impl Reader {
    /// Resolves a revision as git would (`abc123`, `main~2`, `v1.0^`) to a commit.
    pub fn resolve(&self, revision: &str) -> Result<Oid> {
        let _ = revision;
        todo!()
    }

    pub fn commit(&self, id: Oid) -> Result<Commit> {
        let _ = id;
        todo!()
    }

    /// A commit's tree, through the commit-graph where there is one.
    pub fn tree_of(&self, commit: Oid) -> Result<Oid> {
        let _ = commit;
        todo!()
    }

    /// The empty tree's id; reading it works although it may not be stored.
    pub fn empty_tree(&self) -> Oid {
        todo!()
    }

    /// A blob's bytes.
    pub fn blob(&self, id: Oid) -> Result<Vec<u8>> {
        let _ = id;
        todo!()
    }

    /// What is at `path`; `None` where there is nothing. `""` is the tree itself.
    pub fn entry(&self, tree: Oid, path: &BStr) -> Result<Option<Entry>> {
        let _ = (tree, path);
        todo!()
    }

    /// Every blob (and symlink and submodule) below `path`, in path order, with full paths.
    pub fn files(&self, tree: Oid, path: &BStr) -> Result<Vec<Entry>> {
        let _ = (tree, path);
        todo!()
    }

    /// Paths whose entry differs between two trees, in path order, without rename detection.
    pub fn diff(&self, before: Oid, after: Oid) -> Result<Vec<PathChange>> {
        let _ = (before, after);
        todo!()
    }

    /// The tip's first-parent line, newest first.
    pub fn first_parents(&self, tip: Oid) -> FirstParents<'_> {
        let _ = tip;
        todo!()
    }

    /// The commits that a merge brought in: reachable from its other parents, not from its first.
    pub fn merged_commits(&self, merge: Oid, limit: usize) -> Result<Vec<Commit>> {
        let _ = (merge, limit);
        todo!()
    }

    pub fn merge_base(&self, a: Oid, b: Oid) -> Result<Option<Oid>> {
        let _ = (a, b);
        todo!()
    }

    /// Three-way merge of trees in memory, as `git merge-tree` does it (renames followed as git is configured). Nothing is
    /// written but the result's objects, to the shadow.
    pub fn merge(&self, base: Oid, ours: Oid, theirs: Oid) -> Result<Merge> {
        let _ = (base, ours, theirs);
        todo!()
    }

    /// `tree` with `edits` applied; the new objects are written to the shadow.
    pub fn edit_tree(&self, tree: Oid, edits: &[TreeEdit]) -> Result<Oid> {
        let _ = (tree, edits);
        todo!()
    }

    /// Stores a blob in the shadow.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<Oid> {
        let _ = bytes;
        todo!()
    }
}
