//! Layouts of the past: environments and apps at any tree, each detected once.
//!
//! Most commits change what files say, not how the repository is laid out; a layout is carried over from a neighbouring
//! commit where the paths that changed cannot alter it.

use std::sync::Arc;

use crate::git::{Oid, PathChange, Reader};
use crate::layout::Layout;
use crate::render::Renderer;

/// Remembers layouts by tree. May be shared between threads.
#[derive(Default)]
pub struct Layouts {}

impl Layouts {
    /// The layout of `tree`.
    pub fn at(
        &self,
        reader: &Reader,
        renderer: &Renderer,
        tree: Oid,
    ) -> crate::git::Result<Arc<Layout>> {
        let _ = (reader, renderer, tree);
        todo!()
    }

    /// The layout of `tree`, which differs from `known` in `changes` only (in either direction).
    pub fn beside(
        &self,
        reader: &Reader,
        renderer: &Renderer,
        known: Oid,
        tree: Oid,
        changes: &[PathChange],
    ) -> crate::git::Result<Arc<Layout>> {
        let _ = (reader, renderer, known, tree, changes);
        todo!()
    }
}
