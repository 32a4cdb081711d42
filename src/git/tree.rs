//! Trees: what is in one, what differs between two, and making a changed one.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use gix::bstr::{BString, ByteSlice};
use gix::diff::tree::visit::{Action, Change};
use gix::objs::FindExt;
use gix::objs::tree::{EntryKind as GitKind, EntryMode};

use super::error::{Result, failed};
use super::store::Objects;
use super::{BStr, Oid, RepoPath};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum EntryKind {
    Blob,
    Executable,
    Symlink,
    Tree,
    Submodule,
}

impl EntryKind {
    pub(super) fn of(mode: EntryMode) -> EntryKind {
        match mode.kind() {
            GitKind::Blob => EntryKind::Blob,
            GitKind::BlobExecutable => EntryKind::Executable,
            GitKind::Link => EntryKind::Symlink,
            GitKind::Tree => EntryKind::Tree,
            GitKind::Commit => EntryKind::Submodule,
        }
    }

    fn mode(self) -> GitKind {
        match self {
            EntryKind::Blob => GitKind::Blob,
            EntryKind::Executable => GitKind::BlobExecutable,
            EntryKind::Symlink => GitKind::Link,
            EntryKind::Tree => GitKind::Tree,
            EntryKind::Submodule => GitKind::Commit,
        }
    }
}

/// Something in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: RepoPath,
    pub kind: EntryKind,
    pub id: Oid,
}

/// A path that differs between two trees; `None` where it does not exist on that side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathChange {
    /// Shared, for histories repeat few paths many times.
    pub path: Arc<RepoPath>,
    pub before: Option<(EntryKind, Oid)>,
    pub after: Option<(EntryKind, Oid)>,
}

/// One path to set or to remove. Setting [`EntryKind::Tree`] replaces the whole subtree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEdit {
    pub path: RepoPath,
    pub to: Option<(EntryKind, Oid)>,
}

/// What is in one directory, by name.
pub(super) type Directory = HashMap<BString, (EntryKind, Oid)>;

/// How many entries of directories are remembered.
const MAX_ENTRIES: usize = 200_000;

/// Directories read, by their trees: a build looks up hundreds of paths, and most directories stay as they are from commit to
/// commit.
#[derive(Default)]
pub(super) struct Directories {
    known: HashMap<Oid, Arc<Directory>>,
    entries: usize,
}

impl Directories {
    pub(super) fn knows(&self, tree: Oid) -> bool {
        self.known.contains_key(&tree)
    }

    pub(super) fn get(&mut self, objects: &Objects, tree: Oid) -> gix::Result<Arc<Directory>> {
        if let Some(known) = self.known.get(&tree) {
            return Ok(Arc::clone(known));
        }
        let mut directory = Directory::new();
        for entry in objects.find_tree_iter(&tree, &mut Vec::new())? {
            let entry = entry?;
            let found = (EntryKind::of(entry.mode), entry.oid.to_owned());
            directory.insert(entry.filename.to_owned(), found);
        }
        if self.entries + directory.len() > MAX_ENTRIES {
            *self = Directories::default();
        }
        self.entries += directory.len();
        let directory = Arc::new(directory);
        self.known.insert(tree, Arc::clone(&directory));
        Ok(directory)
    }
}

/// What is at `path`; one tree is read per component.
pub(super) fn entry(objects: &Objects, tree: Oid, path: &BStr) -> gix::Result<Option<Entry>> {
    let mut found = (EntryKind::Tree, tree);
    let mut buffer = Vec::new();
    for name in path.split_str("/").filter(|name| !name.is_empty()) {
        if found.0 != EntryKind::Tree {
            return Ok(None);
        }
        let mut next = None;
        for entry in objects.find_tree_iter(&found.1, &mut buffer)? {
            let entry = entry?;
            if entry.filename == name.as_bstr() {
                next = Some((EntryKind::of(entry.mode), entry.oid.to_owned()));
                break;
            }
        }
        match next {
            Some(next) => found = next,
            None => return Ok(None),
        }
    }
    Ok(Some(Entry {
        path: path.to_owned(),
        kind: found.0,
        id: found.1,
    }))
}

/// Everything but trees below `root`, in path order. Not recursive: how deep a tree goes is not ours to choose.
pub(super) fn files(objects: &Objects, root: Entry) -> gix::Result<Vec<Entry>> {
    let mut out = Vec::new();
    let mut pending = vec![root];
    let mut buffer = Vec::new();
    while let Some(entry) = pending.pop() {
        if entry.kind != EntryKind::Tree {
            out.push(entry);
            continue;
        }
        let first = pending.len();
        add_children(objects, &entry, &mut buffer, &mut pending)?;
        pending[first..].reverse();
    }
    Ok(out)
}

/// What is right in `directory`, in the order of its tree; nothing where it is none.
pub(super) fn children(objects: &Objects, directory: &Entry) -> gix::Result<Vec<Entry>> {
    let mut out = Vec::new();
    if directory.kind == EntryKind::Tree {
        add_children(objects, directory, &mut Vec::new(), &mut out)?;
    }
    Ok(out)
}

fn add_children(
    objects: &Objects,
    directory: &Entry,
    buffer: &mut Vec<u8>,
    out: &mut Vec<Entry>,
) -> gix::Result<()> {
    for child in objects.find_tree_iter(&directory.id, buffer)? {
        let child = child?;
        out.push(Entry {
            path: join(directory.path.as_bstr(), child.filename),
            kind: EntryKind::of(child.mode),
            id: child.oid.to_owned(),
        });
    }
    Ok(())
}

fn join(parent: &BStr, name: &BStr) -> RepoPath {
    let mut path = RepoPath::from(Vec::with_capacity(parent.len() + 1 + name.len()));
    path.extend_from_slice(parent);
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Paths that differ, in path order. Equal subtrees are skipped by id; renames are not looked for.
pub(super) fn diff(objects: &Objects, before: Oid, after: Oid) -> Result<Vec<PathChange>> {
    if before == after {
        return Ok(Vec::new());
    }
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let mut changes = Changes::default();
    gix::diff::tree(
        objects
            .find_tree_iter(&before, &mut old)
            .map_err(failed("diff"))?,
        objects
            .find_tree_iter(&after, &mut new)
            .map_err(failed("diff"))?,
        gix::diff::tree::State::default(),
        objects,
        &mut changes,
    )
    .map_err(|error| failed("diff")(gix::Error::from_error(error)))?;
    let mut found = changes.found;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    // A path that changes between a file and something else may come as a removal and an addition.
    found.dedup_by(|later, earlier| {
        let same = later.path == earlier.path;
        if same {
            earlier.before = earlier.before.or(later.before);
            earlier.after = earlier.after.or(later.after);
        }
        same
    });
    Ok(found)
}

/// Collects what the diff visits, with full paths. Trees themselves are left out.
#[derive(Default)]
struct Changes {
    path: RepoPath,
    waiting: VecDeque<RepoPath>,
    found: Vec<PathChange>,
}

impl gix::diff::tree::Visit for Changes {
    fn pop_front_tracked_path_and_set_current(&mut self) {
        self.path = self.waiting.pop_front().unwrap_or_default();
    }

    fn push_back_tracked_path_component(&mut self, component: &BStr) {
        self.push_path_component(component);
        self.waiting.push_back(self.path.clone());
    }

    fn push_path_component(&mut self, component: &BStr) {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(component);
    }

    fn pop_path_component(&mut self) {
        let parent = self.path.rfind_byte(b'/').unwrap_or(0);
        self.path.truncate(parent);
    }

    fn visit(&mut self, change: Change) -> Action {
        let side =
            |mode: EntryMode, id: Oid| (!mode.is_tree()).then_some((EntryKind::of(mode), id));
        let (before, after) = match change {
            Change::Addition {
                entry_mode, oid, ..
            } => (None, side(entry_mode, oid)),
            Change::Deletion {
                entry_mode, oid, ..
            } => (side(entry_mode, oid), None),
            Change::Modification {
                previous_entry_mode,
                previous_oid,
                entry_mode,
                oid,
            } => (
                side(previous_entry_mode, previous_oid),
                side(entry_mode, oid),
            ),
        };
        if before.is_some() || after.is_some() {
            self.found.push(PathChange {
                path: Arc::new(self.path.clone()),
                before,
                after,
            });
        }
        ControlFlow::Continue(())
    }
}

/// `tree` with `edits` applied: removals first, so that a file can take the place of a directory and the other way round.
pub(super) fn edit(objects: &Objects, tree: Oid, edits: &[TreeEdit]) -> gix::Result<Oid> {
    use gix::objs::Write;

    let mut buffer = Vec::new();
    let root = objects.find_tree(&tree, &mut buffer)?.to_owned();
    let mut editor = gix::objs::tree::Editor::new(root, objects, objects.hash);
    let (sets, removals): (Vec<_>, Vec<_>) = edits.iter().partition(|edit| edit.to.is_some());
    for edit in removals.into_iter().chain(sets) {
        let components = edit.path.split_str("/").map(ByteSlice::as_bstr);
        match edit.to {
            Some((kind, id)) => editor.upsert(components, kind.mode(), id)?,
            None => editor.remove(components)?,
        };
    }
    editor.write(|tree| objects.write(tree))
}
