//! Who is behind a commit, as far as git itself tells: the source of a generated commit, and the row a commit inside a
//! merge came with. What a forge knows beyond that is added by others.
//!
//! In a Jenkins X repository 99 % of the commits that touch rendered files are a bot's `chore: regenerated`; without
//! their sources a resource's log would say nothing about who and why.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::index::Rows;
use super::message::Pull;
use crate::git::{Oid, Reader};
use crate::layout::{self, Layout};

/// A branch that only a pipeline writes has no sources to find: looking further than this would be in vain.
const LONGEST_CHAIN: usize = 500;

/// How a commit of the line came about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// A pipeline made it from another commit.
    pub generated: bool,
    /// The row of the commit it was made from: the nearest first parent that is not generated itself. `None` for commits that
    /// are not generated, and while the history has not grown that far.
    pub source: Option<usize>,
    /// For a source: the rows of the generated commits made from it, newest first.
    pub generates: Vec<usize>,
    /// The pull request: its own, else its source's.
    pub pull: Option<Pull>,
}

/// Tells generated commits from others, and remembers.
pub struct Origins {
    layout: Arc<Layout>,
    generated: Mutex<HashMap<Oid, bool>>,
}

impl Origins {
    /// `layout` is the tip's: it says which paths a pipeline writes.
    pub fn new(layout: Arc<Layout>) -> Origins {
        Origins {
            layout,
            generated: Mutex::default(),
        }
    }

    /// Whether the commit at `row` was generated. A commit that cannot be read is not.
    pub fn is_generated(&self, reader: &Reader, rows: &Rows, row: usize) -> bool {
        let Some(row) = rows.get(row) else {
            return false;
        };
        let known = || {
            self.generated
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(&generated) = known().get(&row.id) {
            return generated;
        }
        let generated = reader
            .commit(row.id)
            .is_ok_and(|commit| layout::is_generated(&self.layout, &commit, &row.changes));
        known().insert(row.id, generated);
        generated
    }

    pub fn of(&self, reader: &Reader, rows: &Rows, row: usize) -> Origin {
        let generated = |&row: &usize| self.is_generated(reader, rows, row);
        let own = rows.get(row).and_then(|row| row.pull.as_deref().cloned());
        if generated(&row) {
            let source = (row + 1..rows.len())
                .take(LONGEST_CHAIN)
                .find(|row| !generated(row));
            let pull = own.or_else(|| rows.get(source?)?.pull.as_deref().cloned());
            Origin {
                generated: true,
                source,
                generates: Vec::new(),
                pull,
            }
        } else {
            let mut generates: Vec<usize> = (0..row)
                .rev()
                .take(LONGEST_CHAIN)
                .take_while(generated)
                .collect();
            generates.reverse();
            Origin {
                generated: false,
                source: None,
                generates,
                pull: own,
            }
        }
    }
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
