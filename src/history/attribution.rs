//! Who is behind a commit, as far as git itself tells: the source of a generated commit, what it undoes and what undid it,
//! where it was picked from and to, and the row a commit inside a merge came with. What a forge knows beyond that is added
//! by others.
//!
//! In a Jenkins X repository 99 % of the commits that touch rendered files are a bot's `chore: regenerated`; without
//! their sources a resource's log would say nothing about who and why.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::index::{Row, Rows};
use super::message::{Pull, Undoes, undoes_pull};
use crate::git::{Oid, Reader};
use crate::layout::{self, Layout};

/// A branch that only a pipeline writes has no sources to find: looking further than this would be in vain.
const LONGEST_CHAIN: usize = 500;

/// How a commit of the line came about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// A pipeline made it from another commit, or it merges nothing but what a pipeline made of this very branch: people pull
    /// that when they push.
    pub generated: bool,
    /// The row of the commit it was made from: the nearest first parent that is not generated itself; of a merge, that of
    /// what it merges. `None` for commits that are not generated, and while the history has not grown that far.
    pub source: Option<usize>,
    /// For a source: the rows of the generated commits made from it, newest first; where all of them were merged later, the
    /// merge.
    pub generates: Vec<usize>,
    /// The pull request: its own, else its source's.
    pub pull: Option<Pull>,
}

/// A merge of what was generated from a commit is no further from it than what somebody has not pushed yet.
const FARTHEST_MERGE: usize = 16;

/// What undoes and redoes a commit, by rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Undone {
    /// What this one reverts, where that is on the line.
    pub reverts: Option<usize>,
    /// What reverted it last, unless that was undone too.
    pub reverted_by: Option<usize>,
    /// What this one brings back, as a revert of its revert.
    pub reapplies: Option<usize>,
    /// What brought it back last, if it is in effect again.
    pub reapplied_by: Option<usize>,
}

/// Tells generated commits from others, and what commits say of others; and remembers.
pub struct Origins {
    layout: Arc<Layout>,
    /// What merges bring, as [`Origins::brings`] tells.
    brought: Mutex<HashMap<Oid, Option<Oid>>>,
    pulls: Mutex<Pulls>,
}

/// Rows by the pull requests that they merge or undo, as far as rows were looked at. The newest of each.
#[derive(Default)]
struct Pulls {
    looked: usize,
    merged: HashMap<u64, usize>,
    reverted: HashMap<u64, usize>,
    reapplied: HashMap<u64, usize>,
}

impl Pulls {
    fn look(&mut self, rows: &Rows) {
        for index in self.looked..rows.len() {
            let Some(row) = rows.get(index) else { break };
            let title = row.pull.as_ref().and_then(|pull| pull.title.as_deref());
            if let Some(pull) = &row.pull {
                self.merged.entry(pull.number).or_insert(index);
            }
            match undoes_pull(&row.subject, title) {
                Some(Undoes::Reverts(number)) => {
                    self.reverted.entry(number).or_insert(index);
                }
                Some(Undoes::Reapplies(number)) => {
                    self.reapplied.entry(number).or_insert(index);
                }
                None => {}
            }
        }
        self.looked = self.looked.max(rows.len());
    }
}

impl Origins {
    /// `layout` is the tip's: it says which paths a pipeline writes.
    pub fn new(layout: Arc<Layout>) -> Origins {
        Origins {
            layout,
            brought: Mutex::default(),
            pulls: Mutex::default(),
        }
    }

    fn is_generated(&self, reader: &Reader, row: &Row) -> bool {
        layout::is_generated(&self.layout, &row.subject, &row.author, &row.changes)
            || self.brings(reader, row).is_some()
    }

    /// What a merge that is no pull request's brings in, if that is nothing but what a pipeline made from a commit of this
    /// side: that commit.
    fn brings(&self, reader: &Reader, row: &Row) -> Option<Oid> {
        let [merged] = *row.other_parents else {
            return None;
        };
        if row.pull.is_some() {
            return None;
        }
        if let Some(&known) = lock(&self.brought).get(&row.id) {
            return known;
        }
        let made_from_here = |source: &Oid| {
            let base = reader.merge_base(row.first_parent?, merged).ok()??;
            (*source != merged && base == *source).then_some(())
        };
        let brought = self.not_generated(reader, merged);
        let brought = brought.filter(|source| made_from_here(source).is_some());
        lock(&self.brought).insert(row.id, brought);
        brought
    }

    /// The newest commit of a first-parent line that does not say that a pipeline made it.
    fn not_generated(&self, reader: &Reader, newest: Oid) -> Option<Oid> {
        let mut line = reader.first_parents(newest).take(LONGEST_CHAIN);
        line.find_map(|commit| {
            let (id, _) = commit.ok()?;
            let commit = reader.commit(id).ok()?;
            let generated =
                layout::is_generated(&self.layout, &commit.subject, &commit.author, &[]);
            (!generated).then_some(id)
        })
    }

    /// What a program merged at `row` without a pull request, as pipelines do that push after somebody else: the newest
    /// commit there that is somebody's.
    pub fn merged_by_program(&self, reader: &Reader, row: &Row) -> Option<Oid> {
        let [merged] = *row.other_parents else {
            return None;
        };
        let is_program = layout::is_bot(&row.author.name, &row.author.email);
        (is_program && row.pull.is_none())
            .then(|| self.not_generated(reader, merged))
            .flatten()
    }

    /// What undoes and redoes the commit at `row`, told by commit or, where a forge rewrote the commit, by pull request.
    pub fn undone(&self, reader: &Reader, rows: &Rows, row: usize) -> Undone {
        let mut pulls = lock(&self.pulls);
        pulls.look(rows);
        let reverts = reverted_row(&pulls, rows, row);
        let mut undone = Undone {
            reverts,
            reapplies: reverts
                .and_then(|row| reverted_row(&pulls, rows, row))
                .or_else(|| reapplied_row(&pulls, rows, row)),
            ..Undone::default()
        };
        // Each was undone by a newer one, so this ends.
        let mut at = row;
        while let Some(by) = reverting_row(&pulls, reader, rows, at) {
            undone.reapplied_by = undone.reverted_by.take().map(|_| by);
            if undone.reapplied_by.is_none() {
                undone.reverted_by = Some(by);
            }
            at = by;
        }
        if let Some(by) = number_of(rows, row).and_then(|pull| pulls.reapplied.get(&pull))
            && *by < undone.reverted_by.or(undone.reapplied_by).unwrap_or(row)
        {
            undone.reapplied_by = Some(*by);
            undone.reverted_by = None;
        }
        undone
    }

    pub fn of(&self, reader: &Reader, rows: &Rows, row: usize) -> Origin {
        let generated = |&row: &usize| {
            rows.get(row)
                .is_some_and(|row| self.is_generated(reader, row))
        };
        let brings = |row: usize| self.brings(reader, rows.get(row)?);
        let source = |row: usize| {
            let made_from = brings(row).and_then(|commit| rows.position(commit));
            (made_from.unwrap_or(row + 1)..rows.len())
                .take(LONGEST_CHAIN)
                .find(|row| !generated(row))
        };
        let own = rows.get(row).and_then(|row| row.pull.as_deref().cloned());
        if generated(&row) {
            let source = source(row);
            let pull = own.or_else(|| rows.get(source?)?.pull.as_deref().cloned());
            return Origin {
                generated: true,
                source,
                generates: Vec::new(),
                pull,
            };
        }
        let mut generates: Vec<usize> = (0..row)
            .rev()
            .take(LONGEST_CHAIN)
            .take_while(generated)
            .filter(|row| brings(*row).is_none())
            .collect();
        generates.reverse();
        if generates.is_empty() {
            let mut near = (row.saturating_sub(FARTHEST_MERGE)..row).rev();
            generates.extend(near.find(|at| brings(*at).is_some() && source(*at) == Some(row)));
        }
        Origin {
            generated: false,
            source: None,
            generates,
            pull: own,
        }
    }
}

/// The row that the one at `row` says it reverts: an older one.
fn reverted_row(pulls: &Pulls, rows: &Rows, row: usize) -> Option<usize> {
    let this = rows.get(row)?;
    let named = this.reverts.iter().find_map(|id| rows.position(*id));
    let title = this.pull.as_ref().and_then(|pull| pull.title.as_deref());
    named
        .or_else(|| match undoes_pull(&this.subject, title) {
            Some(Undoes::Reverts(number)) => pulls.merged.get(&number).copied(),
            _ => None,
        })
        .filter(|reverted| *reverted > row)
}

fn reapplied_row(pulls: &Pulls, rows: &Rows, row: usize) -> Option<usize> {
    let this = rows.get(row)?;
    let title = this.pull.as_ref().and_then(|pull| pull.title.as_deref());
    match undoes_pull(&this.subject, title)? {
        Undoes::Reapplies(number) => pulls.merged.get(&number).copied(),
        Undoes::Reverts(_) => None,
    }
    .filter(|reapplied| *reapplied > row)
}

/// The newest row that says it reverts the one at `row`, or the one commit that this merged.
fn reverting_row(pulls: &Pulls, reader: &Reader, rows: &Rows, row: usize) -> Option<usize> {
    let this = rows.get(row)?;
    let of_the_one_merged = || {
        let [merged] = *this.other_parents else {
            return None;
        };
        let by = rows.reverted_by(merged)?;
        let all = reader.merged_commits(this.id, 2).ok()?;
        (all.len() == 1).then_some(by)
    };
    let by_pull = || pulls.reverted.get(&number_of(rows, row)?).copied();
    rows.reverted_by(this.id)
        .or_else(of_the_one_merged)
        .or_else(by_pull)
        .filter(|by| *by < row)
}

/// The pull request that a row merges.
fn number_of(rows: &Rows, row: usize) -> Option<u64> {
    Some(rows.get(row)?.pull.as_ref()?.number)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The row that brought `commit` into the line: its own, or that of the merge it came with. `None` where it is no
/// ancestor of any row.
///
/// Every row below that one lacks the commit and every row above has it, so halving finds it.
pub fn enclosing(reader: &Reader, rows: &Rows, commit: Oid) -> crate::git::Result<Option<usize>> {
    if let Some(row) = rows.position(commit) {
        return Ok(Some(row));
    }
    let (mut has, mut lacks) = (None, rows.len());
    loop {
        let low = has.map_or(0, |row| row + 1);
        if low >= lacks {
            return Ok(has);
        }
        let middle = low + (lacks - low) / 2;
        let Some(row) = rows.get(middle) else {
            return Ok(has);
        };
        if reader.merge_base(row.id, commit)? == Some(commit) {
            has = Some(middle);
        } else {
            lacks = middle;
        }
    }
}
