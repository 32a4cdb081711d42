//! Layouts of the past: environments and apps at any tree, each detected once.
//!
//! Most commits change what files say, not how the repository is laid out; a layout is carried over from a neighbouring
//! commit where the paths that changed cannot alter it, and kept once where detection finds the same again. What the files of a
//! tree declare is kept beside them, for logs ask both of the same tree.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::declared::Declaring;
use crate::git::{Oid, PathChange, Reader, RepoPath};
use crate::layout::{self, Layout, Overrides};
use crate::render::Renderer;

/// Different layouts kept: a layout of a thousand apps takes about a megabyte.
const LAYOUTS_KEPT: usize = 64;
/// Trees whose layout is remembered, in each of two generations.
const TREES_KEPT: usize = 1 << 15;

/// Remembers layouts by tree. May be shared between threads.
#[derive(Default)]
pub struct Layouts {
    kept: Mutex<Kept>,
    /// Of the tree that was asked for last: logs begin at the same one.
    declaring: Mutex<Option<(Oid, Arc<Declaring>)>>,
    user: Overrides,
}

/// Two generations: what was not asked for while the younger one filled up is forgotten.
#[derive(Default)]
struct Kept {
    young: HashMap<Oid, Arc<Layout>>,
    /// How many layouts the younger generation holds, at most.
    distinct: usize,
    old: HashMap<Oid, Arc<Layout>>,
}

impl Layouts {
    /// Layouts as these settings of the user correct them.
    pub fn corrected_by(user: Overrides) -> Layouts {
        Layouts {
            user,
            ..Layouts::default()
        }
    }

    /// Stands for the user's settings: with the same one, layouts are the same.
    pub fn fingerprint(&self) -> String {
        format!("{:?}", self.user)
    }

    /// The layout of `tree`.
    pub fn at(
        &self,
        reader: &Reader,
        renderer: &Renderer,
        tree: Oid,
    ) -> crate::git::Result<Arc<Layout>> {
        if let Some(known) = self.get(tree) {
            return Ok(known);
        }
        let layout = Arc::new(layout::detect(reader, tree, renderer, &self.user)?);
        self.put(tree, &layout, true);
        Ok(layout)
    }

    /// The layout of `tree`, which differs from `neighbour` in `changes` only (in either direction).
    pub fn beside(
        &self,
        reader: &Reader,
        renderer: &Renderer,
        neighbour: Oid,
        tree: Oid,
        changes: &[PathChange],
    ) -> crate::git::Result<Arc<Layout>> {
        if let Some(known) = self.get(tree) {
            return Ok(known);
        }
        let known = self.at(reader, renderer, neighbour)?;
        if layout::unaltered(reader, renderer, &known, changes)? {
            self.put(tree, &known, false);
            return Ok(known);
        }
        let layout = layout::detect(reader, tree, renderer, &self.user)?;
        if same(&layout, &known) {
            self.put(tree, &known, false);
            return Ok(known);
        }
        let layout = Arc::new(layout);
        self.put(tree, &layout, true);
        Ok(layout)
    }

    /// Which files of `tree` declare what.
    pub(super) fn declaring(
        &self,
        reader: &Reader,
        renderer: &Renderer,
        tree: Oid,
    ) -> crate::git::Result<Arc<Declaring>> {
        let kept = || {
            self.declaring
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some((of, known)) = &*kept()
            && *of == tree
        {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(Declaring::at(reader, renderer, tree)?);
        *kept() = Some((tree, Arc::clone(&found)));
        Ok(found)
    }

    /// The files of `tree` that may declare an object of a kind, in whatever case, and a name; `None` where no log of it has asked
    /// for that, and looking would take longer than where one means to look.
    pub fn known_to_declare(&self, tree: Oid, kind: &str, name: &str) -> Option<Vec<RepoPath>> {
        let kept = self.declaring.lock();
        let kept = kept.unwrap_or_else(PoisonError::into_inner);
        let (_, declaring) = kept.as_ref().filter(|(of, _)| *of == tree)?;
        let files = declaring.of(kind, name);
        Some(files.map(|(.., path)| path.clone()).collect())
    }

    /// Remembers that `tree` is laid out like this.
    pub(super) fn carry(&self, tree: Oid, layout: &Arc<Layout>) {
        self.put(tree, layout, false);
    }

    fn get(&self, tree: Oid) -> Option<Arc<Layout>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = kept.young.get(&tree) {
            return Some(Arc::clone(layout));
        }
        let layout = kept.old.remove(&tree)?;
        kept.put(tree, &layout, true);
        Some(layout)
    }

    fn put(&self, tree: Oid, layout: &Arc<Layout>, new: bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put(tree, layout, new);
    }
}

impl Kept {
    fn put(&mut self, tree: Oid, layout: &Arc<Layout>, new: bool) {
        self.distinct += usize::from(new);
        if self.distinct > LAYOUTS_KEPT || self.young.len() >= TREES_KEPT {
            self.old = std::mem::take(&mut self.young);
            self.distinct = 1;
        }
        self.young.insert(tree, Arc::clone(layout));
    }
}

fn same(a: &Layout, b: &Layout) -> bool {
    a.apps == b.apps
        && a.environments == b.environments
        && (&a.kinds, &a.generated, &a.notes) == (&b.kinds, &b.generated, &b.notes)
        && (&a.reads, &a.orders_read) == (&b.reads, &b.orders_read)
}
