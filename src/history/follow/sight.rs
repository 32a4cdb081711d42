//! Which rows have to be looked at: with an index of paths, most of the others need not even be passed one by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Follower;
use crate::git::{ByteSlice, RepoPath};
use crate::history::index::Rows;
use crate::history::{Error, Result, Sources};
use crate::layout::{App, Layout};
use crate::render::Gathering;

/// Paths that are looked up one by one in the index; looking at the rows is quicker beyond.
const SIGHT: usize = 1024;
/// Rows passed over between two looks at whether somebody has cancelled it.
const STRIDE: usize = 1024;

/// What has to do with the resource, and which rows touch it.
pub(super) struct Sight {
    layout: Arc<Layout>,
    app: Arc<App>,
    gathering: Option<Arc<Gathering>>,
    declaring: BTreeSet<RepoPath>,
    /// By row. `None`: it is too much to look up.
    touched: Option<Vec<bool>>,
}

impl Follower<'_> {
    /// The next row to look at from `at` on: those between are sure to leave the resource alone, for they change no more than
    /// what files say that nothing reads which has to do with it. Most rows do, and none of them is looked into.
    pub(in crate::history) fn next(&mut self, rows: &Rows, at: usize) -> Result<usize> {
        let Some(layout) = self.layout.clone().filter(|_| rows.complete()) else {
            return Ok(at);
        };
        let next = |touched: &[bool]| {
            let next = touched[at..].iter().position(|touched| *touched);
            next.map_or(rows.len(), |next| at + next)
        };
        let till = if self.is_sighted(&layout) {
            let sight = self.sight.as_ref();
            sight.and_then(|sight| sight.touched.as_deref()).map(next)
        } else {
            let touched = self.touched(&layout, rows);
            let till = touched.as_deref().map(next);
            self.sight = self.home.as_ref().map(|home| Sight {
                layout,
                app: Arc::clone(&home.app),
                gathering: home.gathering.clone(),
                declaring: self.declaring.clone(),
                touched,
            });
            till
        };
        let Some(till) = till else {
            return Ok(at);
        };
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let mut at = at;
        while at < till {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let stop = till.min(at + STRIDE);
            let eventful = rows.eventful(at, stop, reader, renderer)?;
            if eventful < stop {
                return Ok(eventful);
            }
            at = stop;
        }
        Ok(till)
    }

    /// Whether `sight` is of what has to do with the resource now.
    fn is_sighted(&self, layout: &Arc<Layout>) -> bool {
        let (Some(sight), Some(home)) = (&self.sight, &self.home) else {
            return false;
        };
        Arc::ptr_eq(layout, &sight.layout)
            && Arc::ptr_eq(&home.app, &sight.app)
            && match (&home.gathering, &sight.gathering) {
                (None, None) => true,
                (Some(now), Some(seen)) => Arc::ptr_eq(now, seen),
                _ => false,
            }
            && self.declaring == sight.declaring
    }

    /// Which rows touch what has to do with the resource; `None` where that is too much to look up.
    fn touched(&mut self, layout: &Layout, rows: &Rows) -> Option<Vec<bool>> {
        let mut touching = std::mem::take(&mut self.touching);
        let touched = self.read(layout).map(|read| {
            let mut touched = vec![false; rows.len()];
            for path in read {
                if !touching.contains_key(path) {
                    touching.insert(path.clone(), rows.touching(path.as_bstr()));
                }
                for row in touching.get(path).into_iter().flatten() {
                    touched[*row] = true;
                }
            }
            touched
        });
        self.touching = touching;
        touched
    }

    /// All that is read by what has to do with the resource, some of it more than once; `None` where that is too much to look
    /// up.
    fn read<'r>(&'r self, layout: &'r Layout) -> Option<Vec<&'r RepoPath>> {
        let of_layout = layout.reads.iter().chain(&layout.orders_read);
        let read: Vec<&RepoPath> = match &self.home {
            Some(home) => {
                let gathering = home.gathering.as_deref();
                let gathered = gathering.into_iter().flat_map(Gathering::closure);
                let declaring = self.declaring.iter();
                let of_home = of_app(&home.app).chain(gathered).chain(declaring);
                of_layout.chain(of_home).collect()
            }
            None if self.declaring.is_empty() => {
                let makers = self.makers.as_ref()?.iter();
                of_layout.chain(makers.flat_map(of_app)).collect()
            }
            None => return None,
        };
        (read.len() <= SIGHT).then_some(read)
    }
}

fn of_app(app: &App) -> impl Iterator<Item = &RepoPath> {
    app.recipe.closure.iter().chain(&app.sources)
}
