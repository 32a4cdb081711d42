//! Reading objects, one thread at a time, and making new ones in memory.

use std::cell::RefCell;
use std::sync::Arc;

use gix::bstr::ByteSlice;
use gix::objs::{CommitRefIter, Find, Kind, Write};
use gix::odb::pack::cache::lru::MemoryCappedHashmap;

use super::commit::{self, Commit};
use super::error::{Absence, Error, Result, failed};
use super::merge::{self, Merge};
use super::repo::Shared;
use super::store::Objects;
use super::tree::{self, Entry, EntryKind, PathChange, TreeEdit};
use super::walk::FirstParents;
use super::{BStr, Oid};

/// Trees are read again and again while diffing neighbouring commits; measured, more than this brings nothing.
const CACHE_BYTES: usize = 4 << 20;
/// Of what other objects are packed as the difference from. Found by place, where gix' own looks through a list.
const DELTA_CACHE_BYTES: usize = 4 << 20;
/// The same for who goes through history once: of billimek's and of a generated one, more makes nothing quicker.
const WALK_DELTA_CACHE_BYTES: usize = 1 << 20;

/// Reads objects, from the user's repository and the shadow.
pub struct Reader {
    pub(super) shared: Arc<Shared>,
    pub(super) repo: gix::Repository,
    pub(super) objects: Objects,
    graph: Option<gix::commitgraph::Graph>,
    /// Commits whose parents a shallow clone does not have; sorted.
    boundary: Vec<Oid>,
    absence: Absence,
    /// The tree that attributes were looked up in last, as an index.
    pub(super) attributes: RefCell<Option<(Oid, Arc<gix::index::State>)>>,
    directories: RefCell<tree::Directories>,
}

impl Reader {
    /// Another reader of the same repository, for another thread.
    pub fn another(&self) -> Reader {
        Reader::new(&self.shared)
    }

    pub(super) fn new(shared: &Arc<Shared>) -> Reader {
        Reader::keeping(shared, Some(CACHE_BYTES), DELTA_CACHE_BYTES)
    }

    pub(super) fn walker(shared: &Arc<Shared>) -> Reader {
        Reader::keeping(shared, None, WALK_DELTA_CACHE_BYTES)
    }

    /// `objects`, `deltas`: bytes of each kept in memory.
    fn keeping(shared: &Arc<Shared>, objects: Option<usize>, deltas: usize) -> Reader {
        let mut repo = shared.view().to_thread_local();
        repo.object_cache_size(objects);
        repo.objects
            .set_pack_cache(move || Box::new(MemoryCappedHashmap::new(deltas)));
        let boundary: Vec<Oid> = repo
            .shallow_commits()
            .ok()
            .flatten()
            .map(|commits| commits.iter().copied().collect())
            .unwrap_or_default();
        // As git does: a commit-graph does not know about the boundary.
        let graph = if boundary.is_empty() {
            shared.commit_graph()
        } else {
            None
        };
        Reader {
            shared: Arc::clone(shared),
            objects: Objects {
                disk: repo.objects.clone(),
                made: Arc::clone(&shared.made),
                hash: repo.object_hash(),
            },
            graph,
            absence: match (boundary.is_empty(), shared.partial) {
                (false, _) => Absence::Shallow,
                (true, true) => Absence::Partial,
                (true, false) => Absence::Unknown,
            },
            boundary,
            attributes: RefCell::default(),
            directories: RefCell::default(),
            repo,
        }
    }

    /// Resolves a revision as git would (`abc123`, `main~2`, `v1.0^`) to a commit.
    pub fn resolve(&self, revision: &str) -> Result<Oid> {
        let unknown = || Error::UnknownRevision(revision.to_owned());
        let object = self
            .repo
            .rev_parse_single(revision)
            .and_then(|id| id.object())
            .map_err(|_| unknown())?;
        let commit = object.peel_to_kind(Kind::Commit).map_err(|_| unknown())?;
        Ok(commit.id)
    }

    pub fn commit(&self, id: Oid) -> Result<Commit> {
        commit::parse(id, &self.read(id, Kind::Commit)?)
    }

    /// A commit's tree, through the commit-graph where there is one.
    pub fn tree_of(&self, commit: Oid) -> Result<Oid> {
        if let Some(commit) = self
            .graph
            .as_ref()
            .and_then(|graph| graph.commit_by_id(commit))
        {
            return Ok(commit.root_tree_id().to_owned());
        }
        let bytes = self.read(commit, Kind::Commit)?;
        CommitRefIter::from_bytes(&bytes, self.objects.hash)
            .tree_id()
            .map_err(failed("cat-file"))
    }

    /// The empty tree's id; reading it works although it may not be stored.
    pub fn empty_tree(&self) -> Oid {
        Oid::empty_tree(self.objects.hash)
    }

    /// Whether a shallow clone ends here: the commit has parents, but not in this clone.
    pub fn is_shallow_boundary(&self, commit: Oid) -> bool {
        self.boundary.binary_search(&commit).is_ok()
    }

    /// A blob's bytes.
    pub fn blob(&self, id: Oid) -> Result<Vec<u8>> {
        self.read(id, Kind::Blob)
    }

    /// What is at `path`; `None` where there is nothing. `""` is the tree itself.
    pub fn entry(&self, tree: Oid, path: &BStr) -> Result<Option<Entry>> {
        self.require_tree(tree)?;
        tree::entry(&self.objects, tree, path).map_err(failed("ls-tree"))
    }

    /// As [`Reader::entry`], for many paths of few trees: the directories on the way are remembered.
    pub fn entry_of_many(&self, tree: Oid, path: &BStr) -> Result<Option<(EntryKind, Oid)>> {
        let mut directories = self.directories.borrow_mut();
        if !directories.knows(tree) {
            self.require_tree(tree)?;
        }
        let mut found = (EntryKind::Tree, tree);
        for name in path.split_str("/").filter(|name| !name.is_empty()) {
            if found.0 != EntryKind::Tree {
                return Ok(None);
            }
            let directory = directories
                .get(&self.objects, found.1)
                .map_err(failed("ls-tree"))?;
            match directory.get(name.as_bstr()) {
                Some(next) => found = *next,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Every blob (and symlink and submodule) below `path`, in path order, with full paths. Of a blob: itself.
    pub fn files(&self, tree: Oid, path: &BStr) -> Result<Vec<Entry>> {
        match self.entry(tree, path)? {
            Some(root) => tree::files(&self.objects, root).map_err(failed("ls-tree")),
            None => Ok(Vec::new()),
        }
    }

    /// What is right in the directory at `path`, with full paths, in the order of its tree. Of anything else: nothing.
    pub fn children(&self, tree: Oid, path: &BStr) -> Result<Vec<Entry>> {
        match self.entry(tree, path)? {
            Some(root) => tree::children(&self.objects, &root).map_err(failed("ls-tree")),
            None => Ok(Vec::new()),
        }
    }

    /// Paths whose entry differs between two trees, in path order, without rename detection.
    pub fn diff(&self, before: Oid, after: Oid) -> Result<Vec<PathChange>> {
        tree::diff(&self.objects, before, after).map_err(|error| {
            let missing = self.require_tree(before).and(self.require_tree(after));
            missing.err().unwrap_or(error)
        })
    }

    /// The tip's first-parent line, newest first.
    pub fn first_parents(&self, tip: Oid) -> FirstParents<'_> {
        FirstParents::new(self, tip)
    }

    /// The first parent of a commit that was read; `None` for a root, and where a shallow clone ends.
    pub fn first_parent_of(&self, commit: &Commit) -> Option<Oid> {
        let ends = self.is_shallow_boundary(commit.id);
        commit.parents.first().filter(|_| !ends).copied()
    }

    /// The same of any commit. A commit-graph knows it without the commit.
    pub fn first_parent(&self, commit: Oid) -> Result<Option<Oid>> {
        if self.is_shallow_boundary(commit) {
            return Ok(None);
        }
        if let Some(graph) = &self.graph
            && let Some(known) = graph.commit_by_id(commit)
        {
            let parent = known.parent1().map_err(failed("commit-graph"))?;
            return Ok(parent.map(|position| graph.id_at(position).to_owned()));
        }
        let bytes = self.read(commit, Kind::Commit)?;
        Ok(CommitRefIter::from_bytes(&bytes, self.objects.hash)
            .parent_ids()
            .next())
    }

    /// The commits that a merge brought in, newest first: reachable from its other parents, not from its first.
    pub fn merged_commits(&self, merge: Oid, limit: usize) -> Result<Vec<Commit>> {
        let parents = self.commit(merge)?.parents;
        let Some((mainline, others)) = parents.split_first() else {
            return Ok(Vec::new());
        };
        let walk = self
            .repo
            .rev_walk(others.iter().copied())
            .with_hidden([*mainline])
            .sorting(gix::revision::walk::Sorting::ByCommitTime(
                gix::traverse::commit::simple::CommitTimeOrder::NewestFirst,
            ))
            .all()
            .map_err(failed("log"))?;
        walk.take(limit)
            .map(|info| self.commit(info.map_err(failed("log"))?.id))
            .collect()
    }

    pub fn merge_base(&self, a: Oid, b: Oid) -> Result<Option<Oid>> {
        let bases = self
            .repo
            .merge_bases_many(a, &[b])
            .map_err(failed("merge-base"))?;
        Ok(bases.first().map(|id| id.detach()))
    }

    /// Three-way merge of trees in memory, as `git merge-tree` does it (renames followed as git is configured). Nothing is
    /// kept on disk, and no configured merge driver or filter is run: a path that one would decide is a conflict.
    /// Where both sides changed the same, it is git's own work, in a throw-away directory.
    pub fn merge(&self, base: Oid, ours: Oid, theirs: Oid) -> Result<Merge> {
        for tree in [base, ours, theirs] {
            self.require_tree(tree)?;
        }
        merge::merge(self, base, ours, theirs)
    }

    /// `tree` with `edits` applied, removals first. Directories left empty are gone. The new trees stay in memory until they are committed.
    pub fn edit_tree(&self, tree: Oid, edits: &[TreeEdit]) -> Result<Oid> {
        self.require_tree(tree)?;
        tree::edit(&self.objects, tree, edits).map_err(failed("mktree"))
    }

    /// Makes a blob. It stays in memory until it is committed.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<Oid> {
        self.objects
            .write_buf(Kind::Blob, bytes)
            .map_err(failed("hash-object"))
    }

    /// Whether the object is here, without looking at a remote.
    pub(super) fn has(&self, id: Oid) -> bool {
        use gix::objs::Exists;
        self.objects.exists(&id)
    }

    pub(super) fn require_tree(&self, id: Oid) -> Result<()> {
        if self.has(id) {
            Ok(())
        } else {
            Err(self.missing(id))
        }
    }

    fn missing(&self, oid: Oid) -> Error {
        Error::Missing {
            oid,
            why: self.absence,
        }
    }

    fn read(&self, id: Oid, wanted: Kind) -> Result<Vec<u8>> {
        let mut buffer = Vec::new();
        let found = self
            .objects
            .try_find(&id, &mut buffer)
            .map_err(failed("cat-file"))?
            .map(|data| data.kind);
        match found {
            Some(kind) if kind == wanted => Ok(buffer),
            Some(kind) => Err(Error::Other(format!("{id} is a {kind}, not a {wanted}"))),
            None => Err(self.missing(id)),
        }
    }
}

impl Entry {
    /// Whether it has bytes of its own to read: a file or a symlink, not a directory or a submodule.
    pub fn is_blob(&self) -> bool {
        matches!(
            self.kind,
            EntryKind::Blob | EntryKind::Executable | EntryKind::Symlink
        )
    }

    /// The last component of the path.
    pub fn name(&self) -> &BStr {
        let start = self.path.rfind_byte(b'/').map_or(0, |slash| slash + 1);
        self.path[start..].as_bstr()
    }
}
