//! The log of a document in its file: as written there, followed through renames of the file and moves between files.

use super::changes::Sources;
use super::declared::{declared_in, may_be};
use super::difference::difference;
use super::index::{End, History, Row, Rows};
use super::pairing::{self, Item};
use super::resource::{LogEntry, OnStep, walk};
use crate::diff::ChangeKind;
use crate::git::{BStr, ByteSlice, Oid, PathChange, RepoPath};
use crate::layout::{App, Deployer, Destination};
use crate::manifest::{Language, ObjectRef};
use crate::render::{Recipe, Tool};
use crate::task::Cancel;

/// The log of a document in its file, as written there, followed through renames of the file. An object without a
/// namespace in the file is found with or without one in `object`. The changes' environment and app are empty.
pub fn document_log(
    history: &History,
    sources: Sources<'_>,
    path: &BStr,
    object: &ObjectRef,
    cancel: &Cancel,
    on_step: OnStep<'_>,
) -> super::Result<Option<End>> {
    let mut document = Document {
        sources,
        path: path.to_owned(),
        touching: None,
        object: ObjectRef {
            name: Language::declared_name(object).to_owned(),
            ..object.clone()
        },
    };
    walk(history, cancel, on_step, &mut |rows, at, row| {
        let entry = document.step(rows, at, row)?;
        Ok(Some((entry, document.next(rows, at + 1))))
    })
}

/// A document on its way back in time: where and what it is after the row that is looked at.
struct Document<'a> {
    sources: Sources<'a>,
    path: RepoPath,
    /// All rows that touch `path`, once all rows are known.
    touching: Option<Vec<usize>>,
    object: ObjectRef,
}

impl Document<'_> {
    /// The first row from `at` on that touches the file.
    fn next(&mut self, rows: &Rows, at: usize) -> usize {
        if !rows.complete() {
            return at;
        }
        let touching = self
            .touching
            .get_or_insert_with(|| rows.touching(self.path.as_bstr()));
        let next = touching.partition_point(|row| *row < at);
        touching.get(next).copied().unwrap_or(rows.len())
    }

    fn step(&mut self, rows: &Rows, at: usize, row: &Row) -> super::Result<Option<LogEntry>> {
        let path = self.path.clone();
        let Some(here) = row.changes.iter().find(|change| *change.path == path) else {
            return Ok(None);
        };
        let before = rows.tree_before(self.sources.reader, at)?;
        let app = as_written(path);
        let new = self.documents(&app, row.tree, &here.path)?;
        let mut old = self.documents(&app, before, &here.path)?;
        if old.is_empty()
            && !new.is_empty()
            && let Some(from) = self.came_from(row, here)?
        {
            old = self.documents(&app, before, &from)?;
            self.path = from;
            self.touching = None;
        }
        let mut entry = LogEntry {
            row: at,
            commit: row.id,
            changes: Vec::new(),
            unreadable: Vec::new(),
        };
        let name = self.object.name.clone();
        for (old, new) in pairing::differing(&old, &new)
            .into_iter()
            .map(|(a, b)| (a.map(|at| &old[at]), b.map(|at| &new[at])))
        {
            let before = old.map(|item| &item.object().id.name);
            if new.is_some_and(|item| item.object().id.name == name) {
                if let Some(before) = before {
                    self.object.name.clone_from(before);
                }
            } else if before != Some(&name) {
                continue;
            }
            entry.changes.extend(
                difference("", old, new, self.sources.lists)
                    .filter(|change| change.kind != ChangeKind::Moved),
            );
        }
        Ok((!entry.changes.is_empty()).then_some(entry))
    }

    /// What the file at `path` holds under the document's name, or what may be another generated name of it.
    fn documents<'l>(
        &self,
        app: &'l App,
        tree: Oid,
        path: &RepoPath,
    ) -> super::Result<Vec<Item<'l>>> {
        let recipe = Recipe {
            tool: Language::of(&self.object).map_or(Tool::Plain, Tool::Items),
            roots: vec![path.clone()],
            closure: vec![path.clone()],
            namespace: None,
        };
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let rendering = renderer.render(reader, tree, &recipe)?;
        let wanted = |id: &ObjectRef| {
            may_be(&self.object, id)
                && (id.namespace.is_none()
                    || self.object.namespace.is_none()
                    || id.namespace == self.object.namespace)
        };
        Ok((0..rendering.objects.len())
            .map(|index| Item {
                place: 0,
                app,
                rendering: rendering.clone(),
                index,
                is_unsure: false,
            })
            .filter(|item| wanted(&item.object().id))
            .collect())
    }

    /// Another file of the same commit that held the document before and does not after: the one with the same content,
    /// else the first.
    fn came_from(&self, row: &Row, here: &PathChange) -> super::Result<Option<RepoPath>> {
        let mut from = None;
        for change in &row.changes {
            if change.path == here.path
                || !declared_in(self.sources, change.before, &self.object)?
                || declared_in(self.sources, change.after, &self.object)?
            {
                continue;
            }
            if change.before == here.after {
                return Ok(Some(change.path.as_ref().clone()));
            }
            from.get_or_insert_with(|| change.path.as_ref().clone());
        }
        Ok(from)
    }
}

/// Stands for the app that documents as written do not have.
fn as_written(path: RepoPath) -> App {
    App {
        name: String::new(),
        environment: String::new(),
        recipe: Recipe {
            tool: Tool::Plain,
            roots: vec![path.clone()],
            closure: vec![path],
            namespace: None,
        },
        destination: Destination::default(),
        deployer: Deployer::Unknown,
        declared_by: None,
        chart: None,
        version: None,
        sources: Vec::new(),
    }
}
