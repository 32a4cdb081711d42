//! How the index is built: one thread walks the line and hands contiguous runs of commits to a few others, each with its
//! own object caches, so that a commit's tree is decoded once and serves as the parent of the next.
//!
//! Runs start small, so that the first screen of rows is there at once, and are published in order whoever finishes first.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;

use super::index::{End, Row, Shared};
use super::message::{pull_of, reverts_of};
use crate::git::{Commit, Oid, Person, Reader, Repo};
use crate::task::Cancel;

/// Rows in the first run, and in the largest.
const FIRST_RUN: usize = 32;
const LARGEST_RUN: usize = 256;
/// More threads than this wait for each other's disk rather than for work.
const MOST_THREADS: usize = 8;
/// Subjects of 1,600 bytes exist; no row shows more than this.
const LONGEST_SUBJECT: usize = 1024;

const SHALLOW: &str = "the shallow clone ends here: what this commit changed is not known\nhint: `git fetch --unshallow` brings the rest";

/// Neighbouring commits with their first parents, newest first, and where in the line they belong.
struct Run {
    number: usize,
    commits: Vec<(Oid, Option<Oid>)>,
}

pub(super) fn start(shared: &Arc<Shared>, repo: &Repo, tip: Oid, cancel: &Cancel) {
    let job = {
        let (shared, repo, cancel) = (Arc::clone(shared), repo.clone(), cancel.clone());
        move || {
            let completion = Completion(&shared);
            let end = walk(&shared, &repo, tip, &cancel);
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
fn walk(shared: &Shared, repo: &Repo, tip: Oid, cancel: &Cancel) -> Option<End> {
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_THREADS);
    let shallow = Mutex::new(false);
    let (send, receive) = sync_channel(2 * threads);
    let receive = Mutex::new(receive);
    let end = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut rows = RowReader::new(repo.reader());
                while let Some(run) = next(&receive) {
                    // Draining what was sent keeps the walker from waiting.
                    if cancel.is_cancelled() {
                        continue;
                    }
                    let made: Vec<Row> = rows.read(&run.commits);
                    if rows.shallow {
                        *shallow.lock().unwrap_or_else(PoisonError::into_inner) = true;
                    }
                    shared.publish(run.number, made);
                }
            });
        }
        send_runs(&repo.reader(), tip, cancel, send)
    });
    if cancel.is_cancelled() {
        return Some(End::Cancelled);
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

fn send_runs(reader: &Reader, tip: Oid, cancel: &Cancel, send: SyncSender<Run>) -> Option<End> {
    let mut line = reader.first_parents(tip);
    let mut size = FIRST_RUN;
    for number in 0.. {
        if cancel.is_cancelled() {
            return Some(End::Cancelled);
        }
        let mut commits = Vec::with_capacity(size);
        let mut broken = None;
        for step in line.by_ref().take(size) {
            match step {
                Ok(commit) => commits.push(commit),
                Err(error) => {
                    broken = Some(End::Broken(error.to_string()));
                    break;
                }
            }
        }
        let last = commits.len() < size;
        // Sending fails only when every receiver is gone, that is, has panicked.
        if !commits.is_empty() && send.send(Run { number, commits }).is_err() {
            return Some(End::Broken(
                "reading the history stopped unexpectedly".to_owned(),
            ));
        }
        if last {
            return broken;
        }
        size = (size * 2).min(LARGEST_RUN);
    }
    None
}

/// Makes rows, on one thread.
struct RowReader {
    reader: Reader,
    /// A repository has few authors and many commits.
    authors: HashMap<Person, Arc<Person>>,
    /// A commit was seen whose parents are not in this clone.
    shallow: bool,
}

impl RowReader {
    fn new(reader: Reader) -> RowReader {
        RowReader {
            reader,
            authors: HashMap::new(),
            shallow: false,
        }
    }

    fn read(&mut self, commits: &[(Oid, Option<Oid>)]) -> Vec<Row> {
        commits
            .iter()
            .map(|&(id, first_parent)| match self.reader.commit(id) {
                Ok(commit) => self.row(commit, first_parent),
                Err(error) => self.unreadable(id, first_parent, &error),
            })
            .collect()
    }

    fn row(&mut self, commit: Commit, first_parent: Option<Oid>) -> Row {
        let before = match first_parent {
            Some(parent) => self.reader.tree_of(parent),
            None => Ok(self.reader.empty_tree()),
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
            authored: commit.authored,
            committed: commit.committed,
            subject: shortened(&commit.subject).into(),
            author: self.author(commit.author),
            changes: changes.into(),
            problem,
        }
    }

    fn unreadable(&mut self, id: Oid, first_parent: Option<Oid>, error: &crate::git::Error) -> Row {
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
