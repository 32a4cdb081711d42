//! What files declare, as far as a look at their documents' names tells: remembered by blob, and mostly enough to pass over
//! what does not concern a resource.

use super::changes::Sources;
use crate::diff;
use crate::git::{EntryKind, Oid, PathChange};
use crate::manifest::ObjectRef;

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
