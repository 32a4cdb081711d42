//! A resource that no file declares, before it was made: only what may have made it is looked at.

use super::Follower;
use crate::git::Oid;
use crate::history::Sources;
use crate::history::declared::{is_config, may_be};
use crate::history::index::Row;
use crate::layout::{self, App, Layout, Unwritten};
use crate::manifest::ObjectRef;

impl Follower<'_> {
    /// The apps that may make the resource at a tree, if it is known to be in none.
    pub(super) fn makers(
        &self,
        layout: &Layout,
        tree: Oid,
    ) -> crate::history::Result<Option<Vec<App>>> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        if self.exists != Some(false)
            || !self.declaring.is_empty()
            || self.is_in_any(layout.apps.iter(), tree, &[])?
        {
            return Ok(None);
        }
        let is_it = |id: &ObjectRef| may_be(&self.object, id);
        let object = self.unwritten(&is_it);
        let makers = layout::makers(reader, renderer, layout, tree, &object, self.cancel)?;
        Ok(Some(makers))
    }

    /// Whether an app that may make the resource may have made it before a row.
    pub(super) fn may_be_unmade(
        &self,
        known: (&Layout, &[App]),
        row: &Row,
        before: Oid,
    ) -> crate::history::Result<bool> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let both = row.between(before);
        let is_it = |id: &ObjectRef| may_be(&self.object, id);
        let object = self.unwritten(&is_it);
        Ok(layout::may_be_unmade(
            reader,
            renderer,
            known,
            both,
            &object,
            self.cancel,
        )?)
    }

    fn unwritten<'u>(&self, is_it: &'u dyn Fn(&ObjectRef) -> bool) -> Unwritten<'u> {
        Unwritten {
            is_it,
            config: is_config(&self.object),
        }
    }
}
