//! Merging by `git merge-tree`, for merges whose outcome depends on which lines and files git takes to be the same.
//!
//! git wants commits, and writes objects: it gets both in a throw-away repository that borrows the real one's objects. What
//! it made is taken into memory, and the directory goes. Nothing of the user's configuration that names a program applies:
//! the throw-away repository has none of its own, and attributes that choose merge drivers are not read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use gix::bstr::ByteSlice;
use gix::objs::{Kind, Write};

use super::error::{Error, Result, failed};
use super::merge::{Conflict, ConflictKind, Merge};
use super::reader::Reader;
use super::{BString, Oid, RepoPath};
use crate::exec::{self, Output};

const MERGING: Duration = Duration::from_secs(120);

/// Settings of the user's that decide how files are matched and merged.
const SETTINGS: [&str; 6] = [
    "merge.renames",
    "merge.renameLimit",
    "merge.directoryRenames",
    "diff.renames",
    "diff.renameLimit",
    "diff.algorithm",
];

/// `None` where there is no git that can: it must be 2.38 or newer.
pub(super) fn merge(reader: &Reader, base: Oid, ours: Oid, theirs: Oid) -> Result<Option<Merge>> {
    let scratch = tempfile::Builder::new()
        .prefix("gitopsy-merge-")
        .tempdir()
        .map_err(unwritable)?;
    let git_dir = scratch.path();
    lay_out(reader, git_dir).map_err(unwritable)?;
    let store = gix::odb::loose::Store::at(git_dir.join("objects"), reader.objects.hash);
    let commit = |tree: Oid, parent: Option<Oid>| -> Result<Oid> {
        reader
            .shared
            .persist(tree, &store)
            .map_err(failed("hash-object"))?;
        let parent = parent.map_or_else(String::new, |id| format!("parent {id}\n"));
        let bytes = format!(
            "tree {tree}\n{parent}author gitopsy <> 0 +0000\ncommitter gitopsy <> 0 +0000\n\nmerge\n"
        );
        store
            .write_buf(Kind::Commit, bytes.as_bytes())
            .map_err(failed("hash-object"))
    };
    let base = commit(base, None)?;
    let (ours, theirs) = (commit(ours, Some(base))?, commit(theirs, Some(base))?);
    // Where git knows how, it reads attributes from this.
    fs::write(git_dir.join("HEAD"), format!("{ours}\n")).map_err(unwritable)?;

    let Ok(output) = exec::run(&command(reader, git_dir, ours, theirs)) else {
        return Ok(None);
    };
    let merge = match output.code {
        Some(0 | 1) => parse(&output)
            .ok_or_else(|| Error::Other("git merge-tree answered no tree".to_owned()))?,
        _ => return Ok(None),
    };
    take_in(reader, &store).map_err(failed("merge-tree"))?;
    Ok(Some(merge))
}

fn unwritable(error: io::Error) -> Error {
    Error::Other(format!(
        "cannot write to the directory for temporary files: {error}"
    ))
}

fn lay_out(reader: &Reader, git_dir: &Path) -> io::Result<()> {
    for directory in ["refs", "objects/info", "objects/pack"] {
        fs::create_dir_all(git_dir.join(directory))?;
    }
    fs::write(
        git_dir.join("config"),
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
    )?;
    let mut alternates = Vec::new();
    for directory in reader.shared.object_directories() {
        alternates.extend_from_slice(directory.canonicalize()?.as_os_str().as_bytes());
        alternates.push(b'\n');
    }
    fs::write(git_dir.join("objects/info/alternates"), alternates)
}

fn command(reader: &Reader, git_dir: &Path, ours: Oid, theirs: Oid) -> exec::Command {
    let config = reader.repo.config_snapshot();
    let chosen = SETTINGS.iter().filter_map(|key| {
        let value = config.string(key)?;
        Some(format!("{key}={}", value.to_str_lossy()))
    });
    let settings = chosen.chain([
        "merge.default=text".to_owned(),
        "merge.renormalize=false".to_owned(),
        "core.attributesFile=/dev/null".to_owned(),
    ]);
    let args = settings.flat_map(|setting| ["-c".to_owned(), setting]);
    let args = args.chain(["merge-tree", "--write-tree", "-z"].map(str::to_owned));
    super::command::elsewhere(git_dir)
        .args(args.chain([ours.to_string(), theirs.to_string()]))
        .env("GIT_ATTR_NOSYSTEM", "1")
        .timeout(MERGING)
}

/// `<tree>`, the conflicting entries `<mode> <id> <stage><TAB><path>`, an empty part, then for each message the number of
/// paths, the paths, its kind and its text; each part ends in NUL (OUTPUT in git-merge-tree(1)).
fn parse(output: &Output) -> Option<Merge> {
    let mut parts = output.stdout.split(|byte| *byte == 0);
    let tree = Oid::from_hex(parts.next()?).ok()?;
    if output.success() {
        return Some(Merge {
            tree,
            conflicts: Vec::new(),
        });
    }
    let mut stages: BTreeMap<RepoPath, Vec<u8>> = BTreeMap::new();
    for part in parts.by_ref().take_while(|part| !part.is_empty()) {
        let (entry, path) = part.split_once_str("\t")?;
        let stage = entry.last()?;
        stages.entry(path.into()).or_default().push(*stage);
    }
    let mut named: BTreeMap<RepoPath, ConflictKind> = BTreeMap::new();
    while let Some(count) = parts.next().filter(|count| !count.is_empty()) {
        let count: usize = count.to_str().ok()?.parse().ok()?;
        let paths: Vec<BString> = parts.by_ref().take(count).map(BString::from).collect();
        let kind = parts.next()?;
        parts.next()?;
        if let Some(kind) = kind.strip_prefix(b"CONFLICT") {
            for path in paths {
                named.entry(path).or_insert(named_kind(kind));
            }
        }
    }
    let mut kinds: BTreeMap<RepoPath, ConflictKind> = stages
        .into_iter()
        .map(|(path, stages)| {
            let kind = match (named.get(&path), stages.as_slice()) {
                (Some(ConflictKind::Content), b"23") => ConflictKind::AddAdd,
                (Some(kind), _) => *kind,
                (None, b"123") => ConflictKind::Content,
                (None, b"23") => ConflictKind::AddAdd,
                (None, b"12" | b"13") => ConflictKind::ModifyDelete,
                (None, _) => ConflictKind::Other,
            };
            (path, kind)
        })
        .collect();
    if kinds.is_empty() {
        // A conflict about where things go leaves no entries.
        kinds = named;
    }
    let conflicts = kinds
        .into_iter()
        .map(|(path, kind)| Conflict { path, kind })
        .collect();
    Some(Merge { tree, conflicts })
}

/// The kinds that git names: `CONFLICT (rename/delete)`, … (type_short_descriptions in git's merge-ort.c).
fn named_kind(kind: &[u8]) -> ConflictKind {
    if kind.contains_str("rename") {
        ConflictKind::Rename
    } else if kind.contains_str("modify/delete") {
        ConflictKind::ModifyDelete
    } else if kind.contains_str("contents") || kind.contains_str("binary") {
        ConflictKind::Content
    } else {
        ConflictKind::Other
    }
}

/// Takes the blobs and trees that git wrote into memory.
fn take_in(reader: &Reader, store: &gix::odb::loose::Store) -> gix::Result<()> {
    let mut buffer = Vec::new();
    for id in store.iter() {
        let id = id.map_err(gix::Error::from_error)?;
        if let Some(data) = store.try_find(&id, &mut buffer)?
            && matches!(data.kind, Kind::Blob | Kind::Tree)
        {
            reader
                .objects
                .write_buf_with_known_id(data.kind, data.data, id)?;
        }
    }
    Ok(())
}
