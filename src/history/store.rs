//! The index on disk: what a commit changed never changes, so it is read from git once.
//!
//! Neighbouring rows are kept together as a segment, found by its newest commit, and a list says which segments there are.
//! A walk down the line takes whole segments where it meets them and reads git where it does not: commits that came since,
//! history that was rewritten, segments that are gone. So nothing here need be complete or up to date, and two programs may
//! write at once. What is read is checked, for a wrong row would be a wrong answer for as long as it lies there.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::index::{Row, Rows};
use super::message::Pull;
use crate::cache::{self, Cache};
use crate::git::{EntryKind, Oid, PathChange, Person, RepoPath};

/// Raised when the bytes change, or what is read from a commit.
const FORMAT: u32 = 3;
/// Rows in the segments of a line that is kept for the first time, newest first: the first is for the first screen.
const SIZES: [usize; 3] = [128, 1024, 4096];
/// A segment is written anew with newer rows if it has no more than so many times as many.
const GROWTH: usize = 4;
/// Segments in the list; older ones are forgotten.
const MOST_SEGMENTS: usize = 4096;

/// Where a repository's segments are kept.
#[derive(Clone)]
pub struct Store {
    cache: Arc<Cache>,
    /// Stands for the repository, and for how its objects are to be read.
    repository: String,
}

/// Rows of a line that are kept together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) newest: Oid,
    pub(super) rows: usize,
    /// The first parent of the oldest.
    pub(super) next: Option<Oid>,
}

/// As [`Segment`].
#[derive(Serialize, Deserialize)]
struct ListedSegment<'a>(&'a [u8], u32, Option<&'a [u8]>);

/// A segment's bytes: paths and authors are named by their place.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    #[serde(borrow)]
    authors: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    paths: Vec<&'a [u8]>,
    #[serde(borrow)]
    rows: Vec<KeptRow<'a>>,
    next: Option<&'a [u8]>,
}

#[derive(Serialize, Deserialize)]
struct KeptRow<'a> {
    id: &'a [u8],
    tree: &'a [u8],
    #[serde(borrow)]
    other_parents: Vec<&'a [u8]>,
    author: u32,
    authored: i64,
    committed: i64,
    subject: &'a str,
    #[serde(borrow)]
    pull: Option<(u64, Option<&'a str>)>,
    #[serde(borrow)]
    reverts: Vec<&'a [u8]>,
    #[serde(borrow)]
    picked_from: Option<&'a [u8]>,
    #[serde(borrow)]
    changes: Vec<(u32, Option<Side<'a>>, Option<Side<'a>>)>,
}

#[derive(Serialize, Deserialize)]
struct Side<'a>(EntryKind, &'a [u8]);

impl Store {
    /// `repository`: its [`crate::git::Repo::fingerprint`].
    pub fn new(cache: Arc<Cache>, repository: String) -> Store {
        Store { cache, repository }
    }

    /// The segments there should be, by their newest commit.
    pub(super) fn segments(&self) -> HashMap<Oid, Segment> {
        let listed = self.list().into_iter();
        listed.map(|segment| (segment.newest, segment)).collect()
    }

    fn list(&self) -> Vec<Segment> {
        let Some(bytes) = self.cache.get(&self.key("list")) else {
            return Vec::new();
        };
        let segments = || -> Option<Vec<Segment>> {
            let listed: Vec<ListedSegment> = postcard::from_bytes(cache::opened(&bytes)?).ok()?;
            let segment = |ListedSegment(newest, rows, next)| {
                Some(Segment {
                    newest: Oid::try_from(newest).ok()?,
                    rows: usize::try_from(rows).ok()?,
                    next: next.map(Oid::try_from).transpose().ok()?,
                })
            };
            listed.into_iter().map(segment).collect()
        };
        segments().unwrap_or_else(|| {
            cache::report("the list of a history's segments is damaged: it is read from git again");
            Vec::new()
        })
    }

    /// The rows of a segment; `None` where they are not there any more, or damaged.
    pub(super) fn read(&self, segment: &Segment) -> Option<Vec<Row>> {
        let bytes = self.cache.get(&self.segment_key(segment))?;
        let rows = cache::opened(&bytes)
            .and_then(|bytes| restored(&postcard::from_bytes(bytes).ok()?))
            .filter(|rows| {
                rows.len() == segment.rows
                    && rows.first().is_some_and(|row| row.id == segment.newest)
                    && rows
                        .last()
                        .is_some_and(|row| row.first_parent == segment.next)
            });
        if rows.is_none() {
            cache::report("a segment of a history is damaged: it is read from git again");
        }
        rows
    }

    /// Keeps what of a whole line is not kept yet, or (`lost`: by the newest commit of its segment) no longer.
    pub(super) fn keep(&self, rows: &Rows, lost: &[Oid]) {
        let mut listed = self.list();
        listed.retain(|segment| !lost.contains(&segment.newest));
        let known: HashMap<Oid, Segment> = listed
            .iter()
            .map(|segment| (segment.newest, *segment))
            .collect();
        let mut written = Vec::new();
        let mut absorbed = Vec::new();
        let mut at = 0;
        while let Some(row) = rows.get(at) {
            if let Some(segment) = known.get(&row.id) {
                at += segment.rows;
                continue;
            }
            let start = at;
            // What could not be read may be there the next time.
            while rows
                .get(at)
                .is_some_and(|row| row.problem.is_none() && !known.contains_key(&row.id))
            {
                at += 1;
            }
            while let Some(next) = rows.get(at).and_then(|row| known.get(&row.id))
                && next.rows <= GROWTH * (at - start)
                && next.rows < SIZES[SIZES.len() - 1]
            {
                absorbed.push(next.newest);
                at += next.rows;
            }
            written.extend(self.write(rows, start, at));
            if rows.get(at).is_some_and(|row| row.problem.is_some()) {
                at += 1;
            }
        }
        if written.is_empty() {
            return;
        }
        written.extend(
            listed
                .into_iter()
                .filter(|segment| !absorbed.contains(&segment.newest)),
        );
        written.truncate(MOST_SEGMENTS);
        let list: Vec<ListedSegment> = written
            .iter()
            .map(|segment| {
                let next = segment.next.as_ref().map(Oid::as_slice);
                ListedSegment(segment.newest.as_slice(), segment.rows as u32, next)
            })
            .collect();
        if let Ok(bytes) = postcard::to_allocvec(&list) {
            self.cache.put(&self.key("list"), &cache::sealed(&bytes));
        }
    }

    /// Writes the rows of a range as segments.
    fn write(&self, rows: &Rows, start: usize, end: usize) -> Vec<Segment> {
        let mut written = Vec::new();
        let mut from = start;
        while from < end {
            let size = SIZES[written.len().min(SIZES.len() - 1)];
            let to = end.min(from + size);
            let part: Vec<&Row> = (from..to).filter_map(|at| rows.get(at)).collect();
            let (Some(first), Some(last)) = (part.first(), part.last()) else {
                break;
            };
            let segment = Segment {
                newest: first.id,
                rows: part.len(),
                next: last.first_parent,
            };
            if let Ok(bytes) = postcard::to_allocvec(&kept(&part)) {
                self.cache
                    .put(&self.segment_key(&segment), &cache::sealed(&bytes));
                written.push(segment);
            }
            from = to;
        }
        written
    }

    fn segment_key(&self, segment: &Segment) -> cache::Key {
        self.key(&format!("{} {}", segment.newest, segment.rows))
    }

    fn key(&self, what: &str) -> cache::Key {
        cache::key(&format!("history {FORMAT} {} {what}", self.repository))
    }
}

fn kept<'a>(rows: &[&'a Row]) -> Kept<'a> {
    let mut authors = Places::default();
    let mut paths = Places::default();
    let side = |side: &'a Option<(EntryKind, Oid)>| {
        side.as_ref().map(|(kind, id)| Side(*kind, id.as_slice()))
    };
    let rows_kept = rows
        .iter()
        .map(|row| KeptRow {
            id: row.id.as_slice(),
            tree: row.tree.as_slice(),
            other_parents: row.other_parents.iter().map(Oid::as_slice).collect(),
            author: authors.place((row.author.name.as_str(), row.author.email.as_str())),
            authored: row.authored.as_second(),
            committed: row.committed.as_second(),
            subject: &row.subject,
            pull: row
                .pull
                .as_ref()
                .map(|pull| (pull.number, pull.title.as_deref())),
            reverts: row.reverts.iter().map(Oid::as_slice).collect(),
            picked_from: row.picked_from.as_deref().map(Oid::as_slice),
            changes: row
                .changes
                .iter()
                .map(|change| {
                    let path = paths.place(change.path.as_slice());
                    (path, side(&change.before), side(&change.after))
                })
                .collect(),
        })
        .collect();
    Kept {
        authors: authors.all,
        paths: paths.all,
        rows: rows_kept,
        next: rows
            .last()
            .and_then(|row| row.first_parent.as_ref())
            .map(Oid::as_slice),
    }
}

fn restored(kept: &Kept) -> Option<Vec<Row>> {
    let authors: Vec<Arc<Person>> = kept
        .authors
        .iter()
        .map(|(name, email)| {
            Arc::new(Person {
                name: (*name).to_owned(),
                email: (*email).to_owned(),
            })
        })
        .collect();
    let paths: Vec<Arc<RepoPath>> = kept
        .paths
        .iter()
        .map(|path| Arc::new(RepoPath::from(*path)))
        .collect();
    let ids = |ids: &[&[u8]]| -> Option<Box<[Oid]>> {
        ids.iter().map(|id| Oid::try_from(*id).ok()).collect()
    };
    let side = |side: &Option<Side>| -> Option<Option<(EntryKind, Oid)>> {
        match side {
            None => Some(None),
            Some(Side(kind, id)) => Some(Some((*kind, Oid::try_from(*id).ok()?))),
        }
    };
    let parents = kept.rows.iter().skip(1).map(|row| Some(row.id));
    let rows = kept.rows.iter().zip(parents.chain([kept.next]));
    rows.map(|(row, first_parent)| {
        let changes = row.changes.iter().map(|(path, before, after)| {
            Some(PathChange {
                path: Arc::clone(paths.get(*path as usize)?),
                before: side(before)?,
                after: side(after)?,
            })
        });
        Some(Row {
            id: Oid::try_from(row.id).ok()?,
            tree: Oid::try_from(row.tree).ok()?,
            first_parent: first_parent.map(Oid::try_from).transpose().ok()?,
            other_parents: ids(&row.other_parents)?,
            author: Arc::clone(authors.get(row.author as usize)?),
            authored: Timestamp::from_second(row.authored).ok()?,
            committed: Timestamp::from_second(row.committed).ok()?,
            subject: row.subject.into(),
            pull: row.pull.map(|(number, title)| {
                Box::new(Pull {
                    number,
                    title: title.map(str::to_owned),
                })
            }),
            reverts: ids(&row.reverts)?,
            picked_from: match row.picked_from {
                Some(id) => Some(Box::new(Oid::try_from(id).ok()?)),
                None => None,
            },
            changes: changes.collect::<Option<_>>()?,
            problem: None,
        })
    })
    .collect()
}

/// Each value once, by its place.
struct Places<T> {
    all: Vec<T>,
    places: HashMap<T, u32>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Places {
            all: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Places<T> {
    fn place(&mut self, value: T) -> u32 {
        let next = self.all.len() as u32;
        let place = *self.places.entry(value).or_insert(next);
        if place == next {
            self.all.push(value);
        }
        place
    }
}
