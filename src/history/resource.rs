//! The log of one resource: a commit is in it exactly when, on the first-parent line, the resource's value differs from
//! its value at the first parent. Appearing and vanishing count; changes that are only noise are in, marked routine;
//! changes of bytes without a change of value are not, nor are moves from file to file and app to app, which are followed.
//!
//! Rows are looked at one by one, going back; what each did to the resource is found out in `follow`.

use std::ops::ControlFlow;

use super::changes::{NotRendered, ResourceChange, Sources};
use super::follow::Follower;
use super::index::{End, History, Row, Rows};
use crate::diff::ChangeKind;
use crate::git::Oid;
use crate::manifest::ObjectRef;
use crate::task::Cancel;

/// Rows between two reports of how far a log has looked.
const REPORT_EVERY: usize = 64;

/// A resource through time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceKey {
    pub environment: String,
    /// Only what this app declares, where several apps of the environment declare it; and quicker where many apps could.
    pub app: Option<String>,
    pub object: ObjectRef,
}

/// A commit that changed the resource.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its row in the history.
    pub row: usize,
    pub commit: Oid,
    /// How the resource changed. More than one only where it is declared more than once; empty where `unreadable` says why.
    pub changes: Vec<ResourceChange>,
    /// From or to here the resource cannot be read (its file does not parse, its app does not render): what the commit did
    /// to it is not known.
    pub unreadable: Vec<NotRendered>,
}

impl LogEntry {
    /// What of a row's changes concerns the resource that is called `object` after it; `None` where nothing does.
    pub(super) fn of(
        (at, row): (usize, &Row),
        object: &ObjectRef,
        changes: impl Iterator<Item = ResourceChange>,
        not_rendered: impl Iterator<Item = NotRendered>,
    ) -> Option<LogEntry> {
        let concerns =
            |change: &ResourceChange| change.kind != ChangeKind::Moved && change.concerns(object);
        let entry = LogEntry {
            row: at,
            commit: row.id,
            changes: changes.filter(concerns).collect(),
            unreadable: not_rendered
                .filter(|failed| failed.objects.contains(object))
                .collect(),
        };
        (!entry.changes.is_empty() || !entry.unreadable.is_empty()).then_some(entry)
    }

    /// Nothing but noise changed.
    pub fn routine(&self) -> bool {
        self.unreadable.is_empty() && self.changes.iter().all(|change| change.routine)
    }
}

/// What a log reports while it grows, newest first.
#[derive(Debug, Clone)]
pub enum LogStep {
    Entry(Box<LogEntry>),
    /// So many rows have been looked at.
    Looked(usize),
}

/// Takes a log's steps; breaking ends the log.
pub type OnStep<'a> = &'a mut dyn FnMut(LogStep) -> ControlFlow<()>;

/// How a walk along a log ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Why it ended before the history's root, where it is the history that ends.
    pub end: Option<End>,
    /// It ended where the rest is known.
    pub is_known: bool,
}

/// The log of `key`, newest first, while the history grows; ends with it, or when `on_step` breaks. Blocks.
/// The result says why the log ends before the history's root.
pub fn resource_log(
    history: &History,
    sources: Sources<'_>,
    key: &ResourceKey,
    cancel: &Cancel,
    on_step: OnStep<'_>,
) -> super::Result<Option<End>> {
    Ok(resource_log_until(history, sources, key, None, cancel, on_step)?.end)
}

/// The same to where the log of `key` at `known`, an older commit of the line, goes on: if the resource is called there what
/// it is called in `key`.
pub fn resource_log_until(
    history: &History,
    sources: Sources<'_>,
    key: &ResourceKey,
    known: Option<Oid>,
    cancel: &Cancel,
    on_step: OnStep<'_>,
) -> super::Result<Walked> {
    // Almost everything is declared by some file. What is not, or has but its name in common with what is, costs a second
    // walk, which asks the tools at every row.
    let mut told = None;
    for may_be_made in [false, true] {
        let mut follower = Follower::new(sources, key, may_be_made, cancel);
        let (mut is_misled, mut is_known) = (false, false);
        let end = walk(history, cancel, on_step, &mut |rows, at, row| {
            let known = known.and_then(|known| rows.position(known));
            is_known = known.is_some_and(|known| known <= at) && follower.is_at(key);
            if is_known {
                return Ok(None);
            }
            let entry = follower.step(rows, at, row)?;
            is_misled = follower.is_misled(entry.is_some());
            if is_misled {
                return Ok(None);
            }
            let entry = entry.filter(|_| told.is_none_or(|told| told < at));
            told = entry.as_ref().map(|entry| entry.row).or(told);
            Ok(Some((entry, follower.next(rows, at + 1)?)))
        })?;
        if (told.is_some() && !is_misled) || (may_be_made && is_known) {
            return Ok(Walked { end, is_known });
        }
    }
    Ok(Walked {
        end: history.snapshot().end().cloned(),
        is_known: false,
    })
}

/// What the row at an index is in the log, if anything, and the next row to look at; `None`: none further is.
type Look<'a> =
    dyn FnMut(&Rows, usize, &Row) -> super::Result<Option<(Option<LogEntry>, usize)>> + 'a;

/// Looks at the rows in turn, newest first, as they come.
pub(super) fn walk(
    history: &History,
    cancel: &Cancel,
    on_step: OnStep<'_>,
    look: &mut Look<'_>,
) -> super::Result<Option<End>> {
    let mut rows = history.snapshot();
    let mut problem = None;
    let mut at = 0;
    loop {
        if cancel.is_cancelled() {
            return Err(super::Error::Cancelled);
        }
        let Some(row) = rows.get(at) else {
            if rows.complete() {
                break;
            }
            rows = history.wait_grown(at, cancel);
            continue;
        };
        let mut next = at + 1;
        if let Some(why) = &row.problem {
            problem.get_or_insert_with(|| End::Broken(why.to_string()));
        } else {
            let Some((entry, further)) = look(&rows, at, row)? else {
                return Ok(problem);
            };
            if let Some(entry) = entry
                && on_step(LogStep::Entry(Box::new(entry))).is_break()
            {
                return Ok(None);
            }
            next = further;
        }
        if next / REPORT_EVERY > at / REPORT_EVERY && on_step(LogStep::Looked(next)).is_break() {
            return Ok(None);
        }
        at = next;
    }
    // Whether it breaks no longer matters.
    let _ = on_step(LogStep::Looked(at));
    Ok(rows.end().cloned().or(problem))
}
