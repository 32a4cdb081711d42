//! Which rows have to be looked at: with an index of paths, most of the others need not even be passed one by one.

use super::Follower;
use crate::git::{ByteSlice, RepoPath};
use crate::history::index::Rows;
use crate::history::{Error, Result, Sources};
use crate::layout::App;
use crate::render::Gathering;

/// Paths that are looked up one by one in the index; looking at the rows is quicker beyond.
const SIGHT: usize = 1024;
/// Rows passed over between two looks at whether somebody has cancelled it.
const STRIDE: usize = 1024;

impl Follower<'_> {
    /// The next row to look at from `at` on: those between are sure to leave the resource alone, for they change no more than
    /// what files say that nothing reads which has to do with it. Most rows do, and none of them is looked into.
    pub(in crate::history) fn next(&mut self, rows: &Rows, at: usize) -> Result<usize> {
        if self.layout.is_none() || !rows.complete() {
            return Ok(at);
        }
        if self.in_sight.is_none_or(|seen| seen < at) {
            let mut touching = std::mem::take(&mut self.touching);
            let seen = self.read().map(|read| {
                let next = read.into_iter().filter_map(|path| {
                    if !touching.contains_key(path) {
                        touching.insert(path.clone(), rows.touching(path.as_bstr()));
                    }
                    let touching = touching.get(path)?;
                    let next = touching.partition_point(|row| *row < at);
                    touching.get(next).copied()
                });
                next.min().unwrap_or(rows.len())
            });
            self.touching = touching;
            self.in_sight = seen;
        }
        let Some(till) = self.in_sight else {
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

    /// All that is read by what has to do with the resource, some of it more than once; `None` where that is too much to look
    /// up.
    fn read(&self) -> Option<Vec<&RepoPath>> {
        let known = self.layout.as_deref()?;
        let of_layout = known.reads.iter().chain(&known.orders_read);
        let read: Vec<&RepoPath> = match &self.home {
            Some(home) => {
                let gathered = home.gathering.iter().flat_map(Gathering::closure);
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
