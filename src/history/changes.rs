//! The resources that differ between two trees: what is asked, and what is answered. How is in `compare`.

use std::sync::Arc;

use super::compare::Comparison;
use super::layouts::Layouts;
use crate::diff::{ChangeKind, FieldChange};
use crate::git::{Oid, Reader, RepoPath};
use crate::layout::Layout;
use crate::manifest::{ListKeys, Object, ObjectRef};
use crate::render::{How, RenderedObject, Renderer};
use crate::task::{Cancel, Waiting};

/// What reading the past takes.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub reader: &'a Reader,
    pub renderer: &'a Renderer,
    pub layouts: &'a Layouts,
    /// How list items are told apart: built-in kinds and the CRDs that were seen.
    pub lists: &'a ListKeys,
    /// Who waits for it.
    pub waiting: &'a Waiting,
}

/// What to compare; the default is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    pub environment: Option<String>,
    /// As the app is called after the change (removed: before it).
    pub app: Option<String>,
}

/// What differs between two trees.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The layouts of both trees.
    pub before: Arc<Layout>,
    pub after: Arc<Layout>,
    /// In the order of environments, then app, kind, namespace and name.
    pub resources: Vec<ResourceChange>,
    pub not_rendered: Vec<NotRendered>,
    /// Differing files that no app is made of, in path order.
    pub other_files: Vec<RepoPath>,
}

/// How a resource differs. `before` is `None` where it was added, `after` where it was removed.
#[derive(Debug, Clone)]
pub struct ResourceChange {
    pub environment: String,
    /// The app that declares it after the change (removed: before it).
    pub app: String,
    /// The app that declared it before, where that was another one.
    pub app_before: Option<String>,
    /// Its identity after the change (removed: before it). A generated name may differ before.
    pub object: ObjectRef,
    /// The file that declares it; `None` where a tool made it from several.
    pub path: Option<RepoPath>,
    pub kind: ChangeKind,
    /// Noise included: [`FieldChange::noise`] says which.
    pub fields: Vec<FieldChange>,
    /// Modified, and all of it is noise.
    pub routine: bool,
    /// How the objects came about: read, rendered, or (both sides failed to render) as written in the sources.
    pub how: How,
    /// Both sides, with the file, blob and byte range of their document where it is known: for the text view.
    pub before: Option<RenderedObject>,
    pub after: Option<RenderedObject>,
}

impl ResourceChange {
    pub fn object_before(&self) -> Option<&Object> {
        self.before.as_ref().map(|side| &side.object)
    }

    pub fn object_after(&self) -> Option<&Object> {
        self.after.as_ref().map(|side| &side.object)
    }

    /// Whether it is about `object`, under its name on either side.
    pub fn concerns(&self, object: &ObjectRef) -> bool {
        self.object == *object || self.object_before().is_some_and(|side| side.id == *object)
    }
}

/// What could be read on one side only, so that it is not known what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRendered {
    pub environment: String,
    pub app: String,
    /// The file that does not parse; `None` where the whole app does not render.
    pub path: Option<RepoPath>,
    pub why: String,
    /// The side that cannot be read is the one after the change.
    pub after: bool,
    /// Objects that the other side has and that would wrongly read as removed or added.
    pub objects: Vec<ObjectRef>,
}

/// What differs from tree `before` (the empty tree: [`Reader::empty_tree`]) to tree `after`. Blocks while tools run.
/// Cancelling gives [`super::Error::Cancelled`], never half an answer.
pub fn changes_between(
    sources: Sources<'_>,
    before: Oid,
    after: Oid,
    scope: &Scope,
    cancel: &Cancel,
) -> super::Result<Changes> {
    let paths = sources.reader.diff(before, after)?;
    Comparison {
        sources,
        before,
        after,
        paths: &paths,
        scope,
        only: None,
        cancel,
    }
    .run()
}
