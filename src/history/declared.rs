//! What files declare, as far as a look at their documents' names tells: remembered by blob, and mostly enough to pass over
//! what does not concern a resource.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::changes::Sources;
use crate::diff;
use crate::git::{EntryKind, Oid, PathChange, Reader, RepoPath};
use crate::manifest::ObjectRef;
use crate::render::Renderer;
use crate::render::kustomization::GENERATED;
use crate::render::tree::is_manifest_name;

/// Which files of a tree declare what: what each is and holds, and its path, by what names that may be one another's have in
/// common. One digest may stand for two names.
pub(super) struct Declaring(HashMap<u64, Vec<(EntryKind, Oid, RepoPath)>>);

impl Declaring {
    pub(super) fn at(
        reader: &Reader,
        renderer: &Renderer,
        tree: Oid,
    ) -> crate::git::Result<Declaring> {
        let mut found: HashMap<u64, Vec<_>> = HashMap::new();
        for file in reader.files(tree, "".into())? {
            if !is_manifest_name(file.path.as_ref()) {
                continue;
            }
            let mut names = match file.kind {
                EntryKind::Blob | EntryKind::Executable => {
                    let outline = renderer.outline(reader, file.id)?;
                    let names = outline.objects.iter();
                    names.map(|id| likeness(&id.kind, &id.name)).collect()
                }
                // It stands for what may declare anything.
                EntryKind::Symlink => vec![LINKS],
                EntryKind::Tree | EntryKind::Submodule => continue,
            };
            names.sort_unstable();
            names.dedup();
            for name in names {
                let files = found.entry(name).or_default();
                files.push((file.kind, file.id, file.path.clone()));
            }
        }
        Ok(Declaring(found))
    }

    /// The files that may declare an object of a kind, however that is spelt, and a name.
    pub(super) fn of(
        &self,
        kind: &str,
        name: &str,
    ) -> impl Iterator<Item = &(EntryKind, Oid, RepoPath)> {
        let wanted = [likeness(kind, name), LINKS];
        wanted
            .into_iter()
            .filter_map(|name| self.0.get(&name))
            .flatten()
    }
}

const LINKS: u64 = 0;

/// The same for all that [`may_be`] one another.
fn likeness(kind: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind.to_lowercase(), diff::stem(kind, name)).hash(&mut hasher);
    hasher.finish().max(LINKS + 1)
}

/// Whether a file that differs declares the object on either side, or stands for one that may.
pub(super) fn declares(
    sources: Sources<'_>,
    change: &PathChange,
    object: &ObjectRef,
) -> crate::git::Result<bool> {
    Ok(declared_in(sources, change.before, object)? || declared_in(sources, change.after, object)?)
}

/// Whether a file declares the object, or what may be another generated name of it. Links do not declare, but stand for
/// what may.
pub(super) fn declared_in(
    sources: Sources<'_>,
    file: Option<(EntryKind, Oid)>,
    object: &ObjectRef,
) -> crate::git::Result<bool> {
    match file {
        Some((EntryKind::Blob | EntryKind::Executable, blob)) => {
            let outline = sources.renderer.outline(sources.reader, blob)?;
            Ok(outline.objects.iter().any(|id| may_be(object, id)))
        }
        Some((EntryKind::Symlink, _)) => Ok(true),
        Some((EntryKind::Tree | EntryKind::Submodule, _)) | None => Ok(false),
    }
}

/// Whether `id` may name `object`, under another generated name perhaps, before it is known which namespace it is put in.
pub(super) fn may_be(object: &ObjectRef, id: &ObjectRef) -> bool {
    id.kind == object.kind
        && id.group == object.group
        && (id.name == object.name || diff::same_but_generated(&id.kind, &id.name, &object.name))
}

/// Whether an object is of a kind that kustomizations make.
pub(super) fn is_config(object: &ObjectRef) -> bool {
    GENERATED.contains(&object.kind.as_str())
}
