//! Objects that other objects name: where sources come from, and the values and variables in ConfigMaps.
//!
//! One repository often declares several clusters, each with its own `flux-system` and `cluster-settings`. Of objects with
//! the same name the nearest is meant, by their paths: that of the cluster's own directory.

use crate::git::{ByteSlice, EntryKind, Oid, RepoPath, Result};
use crate::layout::is_ignored;
use crate::layout::orders::Order;
use crate::manifest::{Object, ObjectRef};
use crate::render::Renderer;
use crate::render::tree::{Tree, is_manifest_name};

pub(super) struct Sources<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) renderer: &'a Renderer,
    /// As written.
    pub(super) orders: &'a [Order],
}

/// What an object names another one by.
#[derive(Clone, Copy)]
pub(super) struct Name<'n> {
    pub(super) kind: &'n str,
    pub(super) namespace: Option<&'n str>,
    pub(super) name: &'n str,
}

impl Name<'_> {
    /// How well an object fits; `None`: not at all. What is written without a namespace may get any.
    fn fits(&self, object: &ObjectRef) -> Option<u8> {
        if object.kind != self.kind || object.name != self.name {
            return None;
        }
        match (self.namespace, object.namespace.as_deref()) {
            (Some(wanted), Some(namespace)) => (wanted == namespace).then_some(2),
            _ => Some(1),
        }
    }
}

impl Sources<'_> {
    /// The order with this name that is nearest to `near`.
    pub(super) fn find(&self, name: Name, near: &RepoPath) -> Option<&Order> {
        let fits = self.orders.iter().filter_map(|order| {
            let fits = name.fits(order.id())?;
            Some((fits, shared(&order.directory(), near), order))
        });
        // The first of equals.
        fits.rev()
            .max_by_key(|(fits, shared, _)| (*fits, *shared))
            .map(|(.., order)| order)
    }

    /// The ConfigMap with this name that is nearest to `near`, and its file.
    pub(super) fn config_map(
        &self,
        namespace: Option<&str>,
        name: &str,
        near: &RepoPath,
    ) -> Result<Option<(RepoPath, Object)>> {
        let name = Name {
            kind: "ConfigMap",
            namespace,
            name,
        };
        let mut best: Option<((u8, usize), &RepoPath, Oid)> = None;
        for (path, kind, id) in self.tree.listed_below("".into()) {
            if !matches!(kind, EntryKind::Blob | EntryKind::Executable)
                || !is_manifest_name(path.as_bstr())
                || is_ignored(path)
            {
                continue;
            }
            let outline = self.renderer.outline(self.tree.reader, *id)?;
            let objects = outline.objects.iter().filter(|id| id.group.is_empty());
            if let Some(fits) = objects.filter_map(|id| name.fits(id)).max() {
                let rank = (fits, shared(path, near));
                if best.as_ref().is_none_or(|(known, ..)| *known < rank) {
                    best = Some((rank, path, *id));
                }
            }
        }
        let Some((_, path, id)) = best else {
            return Ok(None);
        };
        let parsed = self.renderer.parse(self.tree.reader, id)?;
        let documents = parsed.manifest.documents.iter();
        let object = documents
            .map(|document| &document.object)
            .filter(|object| name.fits(&object.id).is_some())
            .max_by_key(|object| name.fits(&object.id));
        Ok(object.map(|object| (path.clone(), object.clone())))
    }
}

/// How many leading components two paths share.
fn shared(a: &RepoPath, b: &RepoPath) -> usize {
    a.split_str("/")
        .zip(b.split_str("/"))
        .take_while(|(a, b)| a == b)
        .count()
}
