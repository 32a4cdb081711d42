//! How the index is built: one thread reads the line's commits and hands contiguous runs of them to a few others, each with
//! its own object caches, so that a commit's tree is decoded once and serves as the parent of the next.
//!
//! Runs start small, so that the first screen of rows is there at once, and are published in order whoever finishes first.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::index::{End, Row, Shared};
use super::message::{picked_from, pull_of, reverts_of};
use super::store::{Segment, Store};
use crate::git::{self, Commit, Oid, Person, Reader, Repo};
use crate::task::Cancel;

/// Rows in the first run, and in the largest.
const FIRST_RUN: usize = 32;
const LARGEST_RUN: usize = 512;
/// More threads than this wait for each other's disk rather than for work.
const MOST_THREADS: usize = 8;
/// Subjects of 1,600 bytes exist, and are searched; a row keeps no more than this.
const LONGEST_SUBJECT: usize = 4096;

const SHALLOW: &str = "the shallow clone ends here\nhint: `git fetch --unshallow` brings the rest";

/// A piece of the line, and which.
struct Run {
    number: usize,
    rows: Source,
}

/// Where rows come from.
enum Source {
    /// Neighbouring commits, newest first.
    Commits(Vec<Read>),
    Stored(Segment),
}

/// A commit of the line, as far as it can be read.
struct Read {
    id: Oid,
    first_parent: Option<Oid>,
    commit: git::Result<Commit>,
}

impl Read {
    /// An error where the line ends because of it.
    fn new(reader: &Reader, id: Oid) -> git::Result<Read> {
        let commit = reader.commit(id);
        let first_parent = match &commit {
            Ok(commit) => reader.first_parent_of(commit),
            // Of a commit that makes no sense the parent may be legible.
            Err(_) => reader.first_parent(id)?,
        };
        Ok(Read {
            id,
            first_parent,
            commit,
        })
    }
}

pub(super) fn start(
    shared: &Arc<Shared>,
    repo: &Repo,
    tip: Oid,
    store: Option<Store>,
    cancel: &Cancel,
) {
    let job = {
        let (shared, repo, cancel) = (Arc::clone(shared), repo.clone(), cancel.clone());
        move || {
            let completion = Completion(&shared);
            let end = walk(&shared, &repo, tip, store.as_ref(), &cancel);
            completion.0.finish(end);
        }
    };
    if let Err(error) = thread::Builder::new().name("history".to_owned()).spawn(job) {
        shared.finish(Some(End::Broken(format!(
            "cannot start a thread to read the history: {error}"
        ))));
    }
}

/// Whatever happens to the threads, nobody waits for rows that will not come.
struct Completion<'a>(&'a Shared);

impl Drop for Completion<'_> {
    fn drop(&mut self) {
        self.0.finish(Some(End::Broken(
            "reading the history stopped unexpectedly".to_owned(),
        )));
    }
}

/// Walks the line while other threads compare trees; why it ended before the root.
fn walk(
    shared: &Arc<Shared>,
    repo: &Repo,
    tip: Oid,
    store: Option<&Store>,
    cancel: &Cancel,
) -> Option<End> {
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_THREADS);
    let shallow = Mutex::new(false);
    let lost = Mutex::new(Vec::new());
    let (send, receive) = sync_channel(2 * threads);
    let receive = Mutex::new(receive);
    let end = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut rows = RowReader::new(repo.walker());
                while let Some(run) = next(&receive) {
                    // Draining what was sent keeps the walker from waiting.
                    if cancel.is_cancelled() {
                        continue;
                    }
                    let made = match run.rows {
                        Source::Commits(commits) => rows.read(commits),
                        Source::Stored(segment) => {
                            let stored = store.and_then(|store| store.read(&segment));
                            stored.unwrap_or_else(|| {
                                let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
                                lost.push(segment.newest);
                                drop(lost);
                                rows.read_line(&segment)
                            })
                        }
                    };
                    if rows.shallow {
                        *shallow.lock().unwrap_or_else(PoisonError::into_inner) = true;
                    }
                    shared.publish(run.number, made);
                }
            });
        }
        let segments = store.map(Store::segments).unwrap_or_default();
        send_runs(&repo.walker(), tip, &segments, cancel, send)
    });
    if cancel.is_cancelled() {
        return Some(End::Cancelled);
    }
    // Before anybody is told that it is complete: a command may end then.
    if let (Some(store), None) = (store, &end) {
        let lost = lost.into_inner().unwrap_or_else(PoisonError::into_inner);
        store.keep(&shared.rows(), &lost);
    }
    let shallow = shallow.into_inner().unwrap_or_else(PoisonError::into_inner);
    end.or(shallow.then_some(End::Shallow))
}

fn next(runs: &Mutex<Receiver<Run>>) -> Option<Run> {
    runs.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

fn send_runs(
    reader: &Reader,
    tip: Oid,
    segments: &HashMap<Oid, Segment>,
    cancel: &Cancel,
    send: SyncSender<Run>,
) -> Option<End> {
    let mut numbers = 0..;
    let mut hand_out = |rows: Source| {
        let number = numbers.next().unwrap_or_default();
        // Fails only when every receiver is gone, that is, has panicked.
        send.send(Run { number, rows })
            .map_err(|_| End::Broken("reading the history stopped unexpectedly".to_owned()))
    };
    let mut size = FIRST_RUN;
    let mut commits = Vec::new();
    let mut next = Some(tip);
    let mut broken = None;
    while let Some(commit) = next {
        if cancel.is_cancelled() {
            return Some(End::Cancelled);
        }
        let stored = segments.get(&commit);
        if commits.len() == size || (stored.is_some() && !commits.is_empty()) {
            if let Err(end) = hand_out(Source::Commits(std::mem::take(&mut commits))) {
                return Some(end);
            }
            size = (size * 2).min(LARGEST_RUN);
        }
        if let Some(segment) = stored {
            if let Err(end) = hand_out(Source::Stored(*segment)) {
                return Some(end);
            }
            next = segment.next;
            continue;
        }
        next = None;
        match Read::new(reader, commit) {
            Ok(read) => {
                next = read.first_parent;
                commits.push(read);
            }
            Err(error) => broken = Some(End::Broken(error.to_string())),
        }
    }
    if !commits.is_empty()
        && let Err(end) = hand_out(Source::Commits(commits))
    {
        return Some(end);
    }
    broken
}

/// Makes rows, on one thread.
struct RowReader {
    reader: Reader,
    /// A repository has few authors and many commits.
    authors: HashMap<Person, Arc<Person>>,
    /// A commit was seen whose parents are not in this clone.
    shallow: bool,
    pace: Pace,
}

/// Which way through a run is quicker. Of a tree's versions, most are packed as what differs from another one: the newer for
/// `git repack`, the older for `git fast-import`; and only what was read just now is known whole.
#[derive(Default)]
struct Pace {
    runs: usize,
    /// Time per row, newest first and oldest first, when that was last tried.
    took: [Duration; 2],
}

impl Pace {
    /// Runs until the slower way is tried again: packs differ.
    const AGAIN: usize = 24;

    /// Whether the next run is better read oldest first.
    fn oldest_first(&self) -> bool {
        match self.runs % Self::AGAIN {
            0 => false,
            1 => true,
            _ => self.took[1] < self.took[0],
        }
    }

    fn add(&mut self, oldest_first: bool, rows: usize, took: Duration) {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX).max(1);
        self.took[usize::from(oldest_first)] = took / rows;
        self.runs += 1;
    }
}

impl RowReader {
    fn new(reader: Reader) -> RowReader {
        RowReader {
            reader,
            authors: HashMap::new(),
            shallow: false,
            pace: Pace::default(),
        }
    }

    /// The rows of neighbouring commits: each is the first parent of the one before it.
    fn read(&mut self, commits: Vec<Read>) -> Vec<Row> {
        let begin = Instant::now();
        let oldest_first = self.pace.oldest_first();
        let trees: Vec<Option<Oid>> = commits
            .iter()
            .map(|read| read.commit.as_ref().ok().map(|commit| commit.tree))
            .collect();
        let next = trees.into_iter().skip(1).chain([None]);
        let wanted = commits.into_iter().zip(next);
        let mut row = |(read, before): (Read, _)| match read.commit {
            Ok(commit) => self.row(commit, read.first_parent, before),
            Err(error) => self.unreadable(read.id, read.first_parent, &error),
        };
        let rows: Vec<Row> = match oldest_first {
            false => wanted.map(&mut row).collect(),
            true => {
                let wanted: Vec<_> = wanted.collect();
                let mut rows: Vec<Row> = wanted.into_iter().rev().map(&mut row).collect();
                rows.reverse();
                rows
            }
        };
        self.pace.add(oldest_first, rows.len(), begin.elapsed());
        rows
    }

    /// The rows that a segment should have held.
    fn read_line(&mut self, segment: &Segment) -> Vec<Row> {
        let mut line = Vec::new();
        let mut next = Some(segment.newest);
        while line.len() < segment.rows
            && let Some(Ok(read)) = next.map(|id| Read::new(&self.reader, id))
        {
            next = read.first_parent;
            line.push(read);
        }
        self.read(line)
    }

    /// `before`: the first parent's tree, where that is known.
    fn row(&mut self, commit: Commit, first_parent: Option<Oid>, before: Option<Oid>) -> Row {
        let before = match (before, first_parent) {
            (Some(before), Some(_)) => Ok(before),
            (_, Some(parent)) => self.reader.tree_of(parent),
            (_, None) => Ok(self.reader.empty_tree()),
        };
        let cut = first_parent.is_none() && !commit.parents.is_empty();
        self.shallow |= cut;
        let (changes, problem) = if cut {
            (Vec::new(), Some(SHALLOW.into()))
        } else {
            match before.and_then(|before| self.reader.diff(before, commit.tree)) {
                Ok(changes) => (changes, None),
                Err(error) => (Vec::new(), Some(error.to_string().into())),
            }
        };
        Row {
            id: commit.id,
            tree: commit.tree,
            first_parent,
            other_parents: commit.parents.iter().skip(1).copied().collect(),
            pull: pull_of(&commit).map(Box::new),
            reverts: reverts_of(&commit).into(),
            picked_from: picked_from(&commit).map(Box::new),
            authored: commit.authored,
            committed: commit.committed,
            subject: shortened(&commit.subject).into(),
            author: self.author(commit.author),
            changes: changes.into(),
            problem,
        }
    }

    fn unreadable(&mut self, id: Oid, first_parent: Option<Oid>, error: &git::Error) -> Row {
        Row {
            id,
            tree: self.reader.empty_tree(),
            first_parent,
            other_parents: Box::default(),
            author: self.author(Person {
                name: String::new(),
                email: String::new(),
            }),
            authored: Timestamp::UNIX_EPOCH,
            committed: Timestamp::UNIX_EPOCH,
            subject: "(this commit cannot be read)".into(),
            pull: None,
            reverts: Box::default(),
            picked_from: None,
            changes: Box::default(),
            problem: Some(error.to_string().into()),
        }
    }

    fn author(&mut self, author: Person) -> Arc<Person> {
        match self.authors.get(&author) {
            Some(known) => Arc::clone(known),
            None => {
                let new = Arc::new(author.clone());
                self.authors.insert(author, Arc::clone(&new));
                new
            }
        }
    }
}

fn shortened(subject: &str) -> &str {
    let mut end = subject.len().min(LONGEST_SUBJECT);
    while !subject.is_char_boundary(end) {
        end -= 1;
    }
    &subject[..end]
}
