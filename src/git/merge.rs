//! Merging trees in memory, and naming what conflicts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use gix::attrs::StateRef;
use gix::bstr::ByteSlice;
use gix::diff::blob::pipeline::{Mode as DiffMode, WorktreeRoots as DiffRoots};
use gix::index::entry::Stage;
use gix::merge::blob::builtin_driver::text::Labels;
use gix::merge::blob::pipeline::{Mode, WorktreeRoots};
use gix::merge::plumbing::tree::apply_index_entries::RemovalMode;
use gix::merge::plumbing::tree::{Conflict as Found, Resolution, ResolutionFailure};
use gix::merge::tree::TreatAsUnresolved;
use gix::objs::{Find, Kind, Write};
use gix::worktree::stack::state::attributes::Source;
use serde::Serialize;

use super::error::{Result, failed};
use super::reader::Reader;
use super::{BString, Oid, RepoPath, apart, merge_tree};

/// The outcome of a merge: clean (a tree) or the conflicts, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The merged tree; where there are conflicts it holds git's conflict markers and must not be committed.
    pub tree: Oid,
    /// In path order, one per path.
    pub conflicts: Vec<Conflict>,
}

impl Merge {
    pub fn is_clean(&self) -> bool {
        self.conflicts.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub path: RepoPath,
    pub kind: ConflictKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictKind {
    /// Both sides changed the same lines.
    Content,
    /// Both sides added the path, differently.
    AddAdd,
    /// One side changed what the other removed.
    ModifyDelete,
    /// The sides disagree on where something moved.
    Rename,
    /// Submodules, a file against a directory, and paths that a merge driver of the user's would decide.
    Other,
}

/// git's own limit for rename detection while merging, where none is configured (merge.renameLimit in git-config(1)).
const RENAME_LIMIT: usize = 7000;

/// Sides that keep apart have one possible outcome. For others git's guesses are the ones to match, so git merges; where
/// there is no git that can, or the tip's attributes choose how files are merged (a program may do it), the library does.
pub(super) fn merge(reader: &Reader, base: Oid, ours: Oid, theirs: Oid) -> Result<Merge> {
    if let Some(tree) = apart::merge(&reader.objects, base, ours, theirs)? {
        return Ok(Merge {
            tree,
            conflicts: Vec::new(),
        });
    }
    if !chooses_drivers(reader, ours).map_err(failed("check-attr"))?
        && let Some(merge) = merge_tree::merge(reader, base, ours, theirs)?
    {
        return Ok(merge);
    }
    in_process(reader, base, ours, theirs).map_err(failed("merge-tree"))
}

/// Whether a `.gitattributes` of the tree, or a file of attributes of the user's, says how files are merged (`merge`, and
/// `binary`, which implies it).
fn chooses_drivers(reader: &Reader, tree: Oid) -> gix::Result<bool> {
    let chooses =
        |attributes: &[u8]| attributes.contains_str("merge") || attributes.contains_str("binary");
    let mut files = reader.repo.attribute_global_paths()?;
    files.push(reader.repo.common_dir().join("info/attributes"));
    if files
        .iter()
        .any(|file| std::fs::read(file).is_ok_and(|attributes| chooses(&attributes)))
    {
        return Ok(true);
    }
    let index = reader.attributes_at(tree)?;
    let mut buffer = Vec::new();
    for entry in index.entries() {
        let path = entry.path(&index);
        if path != ".gitattributes" && !path.ends_with(b"/.gitattributes") {
            continue;
        }
        if let Some(data) = reader.objects.try_find(&entry.id, &mut buffer)?
            && chooses(data.data)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn in_process(reader: &Reader, base: Oid, ours: Oid, theirs: Oid) -> gix::Result<Merge> {
    let repo = &reader.repo;
    let index = reader.attributes_at(ours)?;
    let attributes = || -> gix::Result<_> {
        let stack = repo.attributes_only(&index, Source::IdMapping)?;
        Ok(stack.detach())
    };
    let mut similarity =
        gix::diff::resource_cache(repo, DiffMode::ToGit, attributes()?, DiffRoots::default())?;
    let mut content = content_merge(repo, attributes()?)?;
    let mut options = gix::merge::plumbing::tree::Options::from(repo.tree_merge_options()?);
    if repo.config_snapshot().string("diff.algorithm").is_none() {
        // Not git's default for diffs, but for merges (merge_start in merge-ort.c).
        options.blob_merge.text.diff_algorithm = gix::diff::blob::Algorithm::Histogram;
    }
    let rewrites = options.rewrites.map(|rewrites| gix::diff::Rewrites {
        limit: if has_rename_limit(repo) {
            rewrites.limit
        } else {
            RENAME_LIMIT
        },
        ..rewrites
    });
    let mut outcome = gix::merge::plumbing::tree(
        &base,
        &ours,
        &theirs,
        Labels {
            ancestor: Some("base".into()),
            current: Some("tip".into()),
            other: Some("revert".into()),
        },
        &reader.objects,
        |blob| reader.objects.write_buf(Kind::Blob, blob),
        &mut gix::diff::tree::State::default(),
        &mut similarity,
        &mut content,
        gix::merge::plumbing::tree::Options {
            rewrites,
            ..options
        },
    )?;
    let tree = outcome.tree.write(|tree| reader.objects.write(tree))?;
    let mut kinds = unresolved(reader, tree, &outcome.conflicts)?;
    for path in driven(reader, &outcome.conflicts, &mut attributes()?)? {
        kinds.entry(path).or_insert(ConflictKind::Other);
    }
    let conflicts = kinds
        .into_iter()
        .map(|(path, kind)| Conflict { path, kind })
        .collect();
    Ok(Merge { tree, conflicts })
}

/// Merges contents without running anything of the user's: no merge drivers, no filters. (Renormalizing line endings is
/// built in, and done where configured.)
fn content_merge(
    repo: &gix::Repository,
    attributes: gix::worktree::Stack,
) -> gix::Result<gix::merge::blob::Platform> {
    let mut options = gix::filter::Pipeline::options(repo)?;
    options.drivers.clear();
    let filter =
        gix::filter::plumbing::Pipeline::new(repo.command_context()?, repo.object_hash(), options);
    let config = repo.config_snapshot();
    let mode = match config.boolean("merge.renormalize") {
        Some(true) => Mode::Renormalize,
        _ => Mode::ToGit,
    };
    let pipeline = gix::merge::blob::Pipeline::new(
        WorktreeRoots::default(),
        filter,
        gix::merge::blob::pipeline::Options {
            large_file_threshold_bytes: repo.big_file_threshold()?,
        },
    );
    let options = gix::merge::blob::platform::Options {
        default_driver: config.string("merge.default"),
    };
    Ok(gix::merge::blob::Platform::new(
        pipeline,
        mode,
        attributes,
        Vec::new(),
        options,
    ))
}

fn has_rename_limit(repo: &gix::Repository) -> bool {
    let config = repo.config_snapshot();
    config.integer("merge.renameLimit").is_some() || config.integer("diff.renameLimit").is_some()
}

/// The conflicting paths as git's index would have them after this merge, and what is wrong with each.
fn unresolved(
    reader: &Reader,
    tree: Oid,
    found: &[Found],
) -> gix::Result<BTreeMap<RepoPath, ConflictKind>> {
    let how = TreatAsUnresolved::git();
    let mut paths = BTreeMap::new();
    let mut named = BTreeMap::new();
    for conflict in found.iter().filter(|conflict| conflict.is_unresolved(how)) {
        let kind = kind(conflict);
        for change in [&conflict.ours, &conflict.theirs] {
            for location in [change.location(), change.source_location()] {
                named.entry(location.to_owned()).or_insert(kind);
            }
        }
    }
    if named.is_empty() {
        return Ok(paths);
    }
    let mut index = reader.index_of(tree)?;
    gix::merge::plumbing::tree::apply_index_entries(found, how, &mut index, RemovalMode::Prune);
    for entry in index.entries() {
        if entry.stage() != Stage::Unconflicted {
            let path = entry.path(&index).to_owned();
            let kind = named.get(&path).copied().unwrap_or(ConflictKind::Other);
            paths.insert(path, kind);
        }
    }
    // What left no trace in the index is still a conflict.
    for conflict in found.iter().filter(|conflict| conflict.is_unresolved(how)) {
        let locations = [conflict.ours.location(), conflict.theirs.location()];
        if !locations.iter().any(|path| paths.contains_key(*path)) {
            paths.insert(conflict.ours.location().to_owned(), kind(conflict));
        }
    }
    Ok(paths)
}

fn kind(conflict: &Found) -> ConflictKind {
    use ResolutionFailure::*;
    let has_base = conflict.entries()[0].is_some();
    match &conflict.resolution {
        Ok(Resolution::OursModifiedTheirsRenamedAndChangedThenRename {
            final_location: Some(_),
            ..
        }) => ConflictKind::Rename,
        Ok(_) if has_base => ConflictKind::Content,
        Ok(_) => ConflictKind::AddAdd,
        Err(OursModifiedTheirsDeleted) => ConflictKind::ModifyDelete,
        Err(
            OursRenamedTheirsRenamedToSameLocation
            | OursRenamedTheirsRenamedDifferently { .. }
            | OursModifiedTheirsRenamedTypeMismatch
            | OursDeletedTheirsRenamed,
        ) => ConflictKind::Rename,
        Err(_) => ConflictKind::Other,
    }
}

/// Paths whose contents were merged as text though a merge driver is configured for them (`merge=NAME` in the tip's
/// .gitattributes, `merge.NAME.driver` in the configuration). Running it would run a program; its outcome is not known.
fn driven(
    reader: &Reader,
    found: &[Found],
    attributes: &mut gix::worktree::Stack,
) -> gix::Result<Vec<RepoPath>> {
    let drivers = drivers(&reader.repo);
    if drivers.is_empty() {
        return Ok(Vec::new());
    }
    let mut matches = gix::attrs::search::Outcome::default();
    matches.initialize_with_selection(&Default::default(), ["merge"]);
    let default = reader.repo.config_snapshot().string("merge.default");
    let mut paths = Vec::new();
    for conflict in found.iter().filter(|found| found.content_merge().is_some()) {
        let path = conflict.ours.location();
        let at = attributes
            .at_path(
                Path::new(&*gix::path::from_bstr(path)?),
                None,
                &reader.objects,
            )
            .map_err(gix::Error::from_error)?;
        matches.reset();
        at.matching_attributes(&mut matches);
        let driver =
            matches
                .iter_selected()
                .next()
                .and_then(|found| match found.assignment.state {
                    StateRef::Value(name) => Some(name.as_bstr().to_owned()),
                    StateRef::Unspecified => default.clone(),
                    StateRef::Set | StateRef::Unset => None,
                });
        if driver.is_some_and(|name| drivers.contains(&name)) {
            paths.push(path.to_owned());
        }
    }
    Ok(paths)
}

fn drivers(repo: &gix::Repository) -> BTreeSet<BString> {
    let config = repo.config_snapshot();
    let sections = config.plumbing().sections_by_name("merge");
    sections
        .into_iter()
        .flatten()
        .filter(|section| section.value("driver").is_some())
        .filter_map(|section| section.header().subsection_name().map(ToOwned::to_owned))
        .collect()
}

impl Reader {
    fn index_of(&self, tree: Oid) -> gix::Result<gix::index::State> {
        // Names that other systems cannot check out are no concern of a merge in memory.
        let any_name = gix::validate::path::component::Options {
            protect_windows: false,
            protect_hfs: false,
            protect_ntfs: false,
        };
        gix::index::State::from_tree(&tree, &self.objects, any_name)
    }

    /// The index of `tree`, to look up attributes in. Many merges in a row are onto the same tip.
    fn attributes_at(&self, tree: Oid) -> gix::Result<Arc<gix::index::State>> {
        if let Some((cached, index)) = &*self.attributes.borrow()
            && *cached == tree
        {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(self.index_of(tree)?);
        self.attributes.replace(Some((tree, Arc::clone(&index))));
        Ok(index)
    }
}
