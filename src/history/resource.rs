//! The log of one resource: a commit is in it exactly when, on the first-parent line, the resource's value differs from
//! its value at the first parent. Appearing and vanishing count; changes that are only noise are in, marked routine;
//! changes of bytes without a change of value are not, nor are moves from file to file, which are followed.

use std::ops::ControlFlow;

use super::changes::{NotRendered, ResourceChange, Sources};
use super::index::{End, History};
use crate::git::{BStr, Oid};
use crate::manifest::ObjectRef;
use crate::task::Cancel;

/// A resource through time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceKey {
    pub environment: String,
    /// Where two apps of the environment declare it: only what this one declares.
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

/// The log of `key`, newest first, while the history grows; ends with it, or when `on_step` breaks. Blocks.
/// The result says why the log ends before the history's root.
pub fn resource_log(
    history: &History,
    sources: Sources<'_>,
    key: &ResourceKey,
    cancel: &Cancel,
    on_step: &mut dyn FnMut(LogStep) -> ControlFlow<()>,
) -> super::Result<Option<End>> {
    let _ = (history, sources, key, cancel, on_step);
    todo!()
}

/// The log of a document in its file, as written there, followed through renames of the file. An object without a
/// namespace in the file is found with or without one in `object`.
pub fn document_log(
    history: &History,
    sources: Sources<'_>,
    path: &BStr,
    object: &ObjectRef,
    cancel: &Cancel,
    on_step: &mut dyn FnMut(LogStep) -> ControlFlow<()>,
) -> super::Result<Option<End>> {
    let _ = (history, sources, path, object, cancel, on_step);
    todo!()
}
