//! The index: every commit of a tip's first-parent line with the paths it changed, newest first, readable while it
//! grows.
//!
//! [`History`] is the handle, [`Rows`] what was known at one moment: runs of rows that never change once published, so that
//! a reader holds no lock while it looks. Lookups (by commit, by path) are kept beside the rows as they arrive. How the
//! rows are made is in `build`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::build;
use super::message::Pull;
use super::store::Store;
use crate::git::{BStr, Oid, PathChange, Person, Reader, Repo, RepoPath};
use crate::layout::{self, Between};
use crate::render::Renderer;
use crate::task::Cancel;

/// How often a blocking wait looks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// A growing index of one tip's first-parent line. Cheap to clone; may go to any thread.
#[derive(Clone)]
pub struct History {
    shared: Arc<Shared>,
}

/// A commit of the first-parent line. Text is as in git: [`crate::text::clean`] it before showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: Oid,
    pub tree: Oid,
    /// `None` for a root, and where a shallow clone ends.
    pub first_parent: Option<Oid>,
    /// The parents a merge brought in, in the order of the commit. Empty for all other commits.
    pub other_parents: Box<[Oid]>,
    pub author: Arc<Person>,
    pub authored: Timestamp,
    pub committed: Timestamp,
    /// The first line of the message, at most 4 KiB of it. The body is read on demand: [`crate::git::Reader::commit`].
    pub subject: Box<str>,
    /// The pull request the message names.
    pub pull: Option<Box<Pull>>,
    /// The commits the message says it reverts.
    pub reverts: Box<[Oid]>,
    /// The commit the message says it was picked from.
    pub picked_from: Option<Box<Oid>>,
    /// Paths that differ from the first parent's tree (a root: from the empty tree), in path order.
    pub changes: Box<[PathChange]>,
    /// Why `changes` is not known: an object is missing or broken, or a shallow clone ends here. `changes` is empty then.
    pub problem: Option<Box<str>>,
}

impl Row {
    /// Its tree beside the one before it.
    pub fn between(&self, before: Oid) -> Between<'_> {
        Between {
            before,
            after: self.tree,
            changes: &self.changes,
        }
    }
}

/// Where the line ends for us before its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A shallow clone ends here: older commits exist, but not in this clone.
    Shallow,
    /// An object is missing or broken: the error's text.
    Broken(String),
    /// Indexing was cancelled.
    Cancelled,
}

/// The rows known at one moment, newest first. Cheap to clone; does not change when the index grows.
#[derive(Clone)]
pub struct Rows {
    known: Known,
    shared: Arc<Shared>,
}

#[derive(Clone, Default)]
struct Known {
    runs: Arc<Vec<Run>>,
    len: usize,
    complete: bool,
    end: Option<End>,
}

/// Neighbouring rows, published together.
#[derive(Clone)]
struct Run {
    start: usize,
    rows: Arc<[Row]>,
    /// For every [`BLOCK`] rows, once somebody has asked: which of them are eventful, the first in the lowest bit.
    eventful: Arc<[OnceLock<u64>]>,
}

/// Rows of which it is found out together whether they are eventful.
const BLOCK: usize = 64;

impl Run {
    fn new(start: usize, rows: Vec<Row>) -> Run {
        let blocks = rows.len().div_ceil(BLOCK);
        Run {
            start,
            rows: rows.into(),
            eventful: (0..blocks).map(|_| OnceLock::new()).collect(),
        }
    }

    fn eventful(
        &self,
        block: usize,
        reader: &Reader,
        renderer: &Renderer,
    ) -> crate::git::Result<u64> {
        let (Some(kept), Some(rows)) =
            (self.eventful.get(block), self.rows.chunks(BLOCK).nth(block))
        else {
            return Ok(0);
        };
        if let Some(&known) = kept.get() {
            return Ok(known);
        }
        let mut eventful = 0;
        for (bit, row) in rows.iter().enumerate() {
            if row.problem.is_some() || !layout::keeps_layouts(reader, renderer, &row.changes)? {
                eventful |= 1 << bit;
            }
        }
        Ok(*kept.get_or_init(|| eventful))
    }
}

/// What the builder writes and readers read.
pub(super) struct Shared {
    tip: Oid,
    state: Mutex<State>,
    grown: Condvar,
    /// (rows, complete), for those who wait without a thread.
    progress: watch::Sender<(usize, bool)>,
    lookup: RwLock<Lookup>,
}

#[derive(Default)]
struct State {
    known: Known,
    /// Finished runs that wait for the ones before them, by run number.
    waiting: BTreeMap<usize, Vec<Row>>,
    next: usize,
}

/// Answers without a walk. It may be ahead of a [`Rows`], never behind.
#[derive(Default)]
struct Lookup {
    by_commit: HashMap<Oid, u32>,
    by_path: BTreeMap<Arc<RepoPath>, Vec<u32>>,
    /// Reverted commit → newest row that says so.
    reverted: HashMap<Oid, u32>,
    /// Commit → newest row that says that it was picked from it.
    picked: HashMap<Oid, u32>,
}

impl History {
    /// Starts to index the first-parent line of `tip` in background threads, until done or cancelled. What `store` holds of it
    /// is not read from git, and what it does not hold is put there. Never fails: what goes wrong is in [`Rows::end`] and
    /// [`Row::problem`].
    pub fn start(repo: &Repo, tip: Oid, store: Option<Store>, cancel: &Cancel) -> History {
        let shared = Arc::new(Shared {
            tip,
            state: Mutex::default(),
            grown: Condvar::new(),
            progress: watch::Sender::new((0, false)),
            lookup: RwLock::default(),
        });
        build::start(&shared, repo, tip, store, cancel);
        History { shared }
    }

    pub fn tip(&self) -> Oid {
        self.shared.tip
    }

    /// What is known by now.
    pub fn snapshot(&self) -> Rows {
        self.shared.rows()
    }

    /// Waits until more than `seen` rows are known or the index is complete.
    pub async fn grown(&self, seen: usize) -> Rows {
        let mut progress = self.shared.progress.subscribe();
        // The only error is that the sender is gone, and `self` holds it.
        let _ = progress
            .wait_for(|&(rows, complete)| rows > seen || complete)
            .await;
        self.snapshot()
    }

    /// As [`History::grown`], for threads of their own; returns early when `cancel` is.
    pub fn wait_grown(&self, seen: usize, cancel: &Cancel) -> Rows {
        let mut state = self.shared.state();
        while state.known.len <= seen && !state.known.complete && !cancel.is_cancelled() {
            state = match self.shared.grown.wait_timeout(state, CANCEL_POLL) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        drop(state);
        self.snapshot()
    }

    /// All rows, once they are known; or what is known when `cancel` is.
    pub fn wait_complete(&self, cancel: &Cancel) -> Rows {
        self.wait_grown(usize::MAX, cancel)
    }
}

impl Rows {
    pub fn len(&self) -> usize {
        self.known.len
    }

    pub fn is_empty(&self) -> bool {
        self.known.len == 0
    }

    /// The tree before the row at `index`: its first parent's, the empty tree for a root.
    pub fn tree_before(&self, reader: &Reader, index: usize) -> crate::git::Result<Oid> {
        let parent = self.get(index).and_then(|row| row.first_parent);
        match (parent, self.get(index + 1)) {
            (Some(parent), Some(next)) if next.id == parent => Ok(next.tree),
            (Some(parent), _) => reader.tree_of(parent),
            (None, _) => Ok(reader.empty_tree()),
        }
    }

    /// The row at `index`, counted from the newest commit (0).
    pub fn get(&self, index: usize) -> Option<&Row> {
        let after = self.known.runs.partition_point(|run| run.start <= index);
        let run = self.known.runs.get(after.checked_sub(1)?)?;
        run.rows.get(index - run.start)
    }

    /// The first row from `from` on, and before `till`, that may matter to more than what reads the very files that differ
    /// in it; `till` if there is none.
    pub(super) fn eventful(
        &self,
        from: usize,
        till: usize,
        reader: &Reader,
        renderer: &Renderer,
    ) -> crate::git::Result<usize> {
        let mut at = from;
        while at < till {
            let after = self.known.runs.partition_point(|run| run.start <= at);
            let Some(run) = after
                .checked_sub(1)
                .and_then(|run| self.known.runs.get(run))
            else {
                break;
            };
            let within = at - run.start;
            let mask = run.eventful(within / BLOCK, reader, renderer)? >> (within % BLOCK);
            if mask != 0 {
                return Ok(till.min(at + mask.trailing_zeros() as usize));
            }
            at = run.start + run.rows.len().min((within / BLOCK + 1) * BLOCK);
        }
        Ok(till)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.known.runs.iter().flat_map(|run| run.rows.iter())
    }

    /// No more rows will come.
    pub fn complete(&self) -> bool {
        self.known.complete
    }

    /// Why the line ends before its root; `None` while it grows and where it does not.
    pub fn end(&self) -> Option<&End> {
        self.known.end.as_ref()
    }

    /// Where `commit` is on the line.
    pub fn position(&self, commit: Oid) -> Option<usize> {
        let row = self.lookup(|lookup| lookup.by_commit.get(&commit).copied())?;
        self.within(row)
    }

    /// The rows whose commit changed `path` (a file, or anything below a directory; `""`: anything), newest first.
    pub fn touching(&self, path: &BStr) -> Vec<usize> {
        if path.is_empty() {
            return (0..self.len())
                .filter(|&index| self.get(index).is_some_and(|row| !row.changes.is_empty()))
                .collect();
        }
        let mut rows: Vec<usize> = self.lookup(|lookup| {
            let path = RepoPath::from(path);
            let mut below = path.clone();
            below.push(b'/');
            let files = lookup
                .by_path
                .range::<RepoPath, _>(&below..)
                .take_while(|(file, _)| file.starts_with(&below));
            lookup
                .by_path
                .get(&path)
                .into_iter()
                .chain(files.map(|(_, rows)| rows))
                .flatten()
                .filter_map(|&row| self.within(row))
                .collect()
        });
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// The newest row that says it reverts `commit`.
    pub fn reverted_by(&self, commit: Oid) -> Option<usize> {
        let row = self.lookup(|lookup| lookup.reverted.get(&commit).copied())?;
        self.within(row)
    }

    /// The newest row that says it was picked from `commit`.
    pub fn picked_to(&self, commit: Oid) -> Option<usize> {
        let row = self.lookup(|lookup| lookup.picked.get(&commit).copied())?;
        self.within(row)
    }

    fn lookup<T>(&self, ask: impl FnOnce(&Lookup) -> T) -> T {
        ask(&self
            .shared
            .lookup
            .read()
            .unwrap_or_else(PoisonError::into_inner))
    }

    fn within(&self, row: u32) -> Option<usize> {
        let row = row as usize;
        (row < self.len()).then_some(row)
    }
}

impl Shared {
    /// What is known by now.
    pub(super) fn rows(self: &Arc<Self>) -> Rows {
        Rows {
            known: self.state().known.clone(),
            shared: Arc::clone(self),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a finished run; it becomes visible when all runs before it are.
    pub(super) fn publish(&self, number: usize, rows: Vec<Row>) {
        let mut state = self.state();
        state.waiting.insert(number, rows);
        while let Some(rows) = {
            let next = state.next;
            state.waiting.remove(&next)
        } {
            state.next += 1;
            let start = state.known.len;
            self.remember(start, &rows);
            state.known.len += rows.len();
            Arc::make_mut(&mut state.known.runs).push(Run::new(start, rows));
        }
        self.announce(&state);
    }

    /// No more runs will come. The first call decides why.
    pub(super) fn finish(&self, end: Option<End>) {
        let mut state = self.state();
        if !state.known.complete {
            state.known.complete = true;
            state.known.end = end;
            state.waiting.clear();
            self.announce(&state);
        }
    }

    fn announce(&self, state: &State) {
        self.progress
            .send_replace((state.known.len, state.known.complete));
        self.grown.notify_all();
    }

    fn remember(&self, start: usize, rows: &[Row]) {
        let mut lookup = self.lookup.write().unwrap_or_else(PoisonError::into_inner);
        for (row, number) in rows.iter().zip(start as u32..) {
            lookup.by_commit.insert(row.id, number);
            for &reverted in &row.reverts {
                lookup.reverted.entry(reverted).or_insert(number);
            }
            if let Some(source) = &row.picked_from {
                lookup.picked.entry(**source).or_insert(number);
            }
            for change in &row.changes {
                match lookup.by_path.get_mut(change.path.as_ref()) {
                    Some(rows) => rows.push(number),
                    None => {
                        lookup.by_path.insert(change.path.clone(), vec![number]);
                    }
                }
            }
        }
    }
}
