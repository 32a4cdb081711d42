//! The log of one resource: a commit is in it exactly when, on the first-parent line, the resource's value differs from
//! its value at the first parent. Appearing and vanishing count; changes that are only noise are in, marked routine;
//! changes of bytes without a change of value are not, nor are moves from file to file and app to app, which are followed.
//!
//! Going back row by row, a row is passed over when it cannot have changed the resource: no file it changed declares
//! it (what a file declares is remembered by blob), no kustomization it touched belongs to the environment, and the
//! layout is the same. Every other row is compared like any change, narrowed to the resource.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::apps::name_before;
use super::changes::{Changes, NotRendered, ResourceChange, Scope, Sources};
use super::compare::{Comparison, Only};
use super::index::{End, History, Row, Rows};
use crate::diff::{self, ChangeKind};
use crate::git::{ByteSlice, EntryKind, Oid, PathChange};
use crate::layout::{self, Layout};
use crate::manifest::ObjectRef;
use crate::render::Tool;
use crate::render::tree::is_manifest_name;
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

/// The log of `key`, newest first, while the history grows; ends with it, or when `on_step` breaks. Blocks.
/// The result says why the log ends before the history's root.
pub fn resource_log(
    history: &History,
    sources: Sources<'_>,
    key: &ResourceKey,
    cancel: &Cancel,
    on_step: OnStep<'_>,
) -> super::Result<Option<End>> {
    let mut follower = Follower {
        sources,
        cancel,
        object: key.object.clone(),
        scope: Scope {
            environment: Some(key.environment.clone()),
            app: key.app.clone(),
        },
        layout: None,
        exact: false,
        inherits_namespace: false,
    };
    walk(history, cancel, on_step, &mut |rows, at, row| {
        follower.step(rows, at, row)
    })
}

/// Whether the row at an index is an entry of the log.
type Look<'a> = dyn FnMut(&Rows, usize, &Row) -> super::Result<Option<LogEntry>> + 'a;

/// Looks at each row once, newest first, as they come.
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
        if let Some(why) = &row.problem {
            problem.get_or_insert_with(|| End::Broken(why.to_string()));
        } else if let Some(entry) = look(&rows, at, row)?
            && on_step(LogStep::Entry(Box::new(entry))).is_break()
        {
            return Ok(None);
        }
        at += 1;
        if at.is_multiple_of(REPORT_EVERY) && on_step(LogStep::Looked(at)).is_break() {
            return Ok(None);
        }
    }
    // Whether it breaks no longer matters.
    let _ = on_step(LogStep::Looked(at));
    Ok(rows.end().cloned().or(problem))
}

/// A resource on its way back in time.
struct Follower<'a> {
    sources: Sources<'a>,
    cancel: &'a Cancel,
    /// Its name after the row that is looked at.
    object: ObjectRef,
    /// Its app's name is that of `layout`.
    scope: Scope,
    /// A layout of the rows that were looked at; `None` until the first.
    layout: Option<Arc<Layout>>,
    /// Whether `layout` is that of the row that is looked at: no row since can have altered anything. Otherwise it may differ
    /// in what cannot concern the resource.
    exact: bool,
    /// A document was seen that gets its namespace from its app: what else is in the app may decide which.
    inherits_namespace: bool,
}

impl Follower<'_> {
    fn step(&mut self, rows: &Rows, at: usize, row: &Row) -> super::Result<Option<LogEntry>> {
        let Sources {
            reader,
            renderer,
            layouts,
            ..
        } = self.sources;
        if row.changes.is_empty() {
            return Ok(None);
        }
        let known = match &self.layout {
            Some(layout) => Arc::clone(layout),
            None => self.first_layout(row)?,
        };
        let before = rows.tree_before(reader, at)?;
        let declared = self.declared(row)?;
        let alters = !layout::unaltered(reader, renderer, &known, &row.changes)?;
        let concerns = declared
            || self.builds(row, &known)
            || (alters && (self.inherits_namespace || self.may_move_environments(row, before)?));
        if !concerns {
            self.exact &= !alters;
            return Ok(None);
        }

        if self.exact {
            layouts.carry(row.tree, &known);
        }
        let after = layouts.at(reader, renderer, row.tree)?;
        self.rename_app(&after, &known);
        let earlier = layouts.beside(reader, renderer, row.tree, before, &row.changes)?;
        let changes = if declared || self.builds(row, &after) || !Arc::ptr_eq(&earlier, &after) {
            Some(self.compare(row, before)?)
        } else {
            None
        };
        let app = self.scope.app.clone();
        let entry = changes.and_then(|changes| self.follow(at, row, changes));
        if self.scope.app == app {
            self.rename_app(&earlier, &after);
        }
        self.layout = Some(earlier);
        self.exact = true;
        Ok(entry)
    }

    /// The newest layout, and whether documents get their namespace from their app in it.
    fn first_layout(&mut self, row: &Row) -> super::Result<Arc<Layout>> {
        let Sources {
            reader,
            renderer,
            layouts,
            ..
        } = self.sources;
        for file in reader.files(row.tree, "".into())? {
            if is_manifest_name(file.path.as_ref()) {
                self.see(Some((file.kind, file.id)))?;
            }
        }
        let layout = layouts.at(reader, renderer, row.tree)?;
        self.layout = Some(Arc::clone(&layout));
        self.exact = true;
        Ok(layout)
    }

    /// The scope's app is called as in `known`; finds what it is called in `layout`.
    fn rename_app(&mut self, layout: &Layout, known: &Layout) {
        if let (Some(environment), Some(app)) = (&self.scope.environment, &self.scope.app)
            && let Some(name) = name_before(layout, known, environment, app)
        {
            self.scope.app = Some(name);
        }
    }

    /// Whether a file that differs declares the resource on either side.
    fn declared(&mut self, row: &Row) -> crate::git::Result<bool> {
        let mut declared = false;
        for change in &row.changes {
            declared |= self.see(change.before)? | self.see(change.after)?;
        }
        Ok(declared)
    }

    fn see(&mut self, file: Option<(EntryKind, Oid)>) -> crate::git::Result<bool> {
        let Some((EntryKind::Blob | EntryKind::Executable, blob)) = file else {
            return declared_in(self.sources, file, &self.object);
        };
        let outline = self.sources.renderer.outline(self.sources.reader, blob)?;
        let mut declared = false;
        for id in outline.objects.iter().filter(|id| may_be(&self.object, id)) {
            declared = true;
            self.inherits_namespace |= id.namespace.is_none();
        }
        Ok(declared)
    }

    /// Whether a kustomization of the environment reads a path that differs.
    fn builds(&self, row: &Row, layout: &Layout) -> bool {
        layout
            .apps
            .iter()
            .filter(|app| app.recipe.tool != Tool::Plain)
            .filter(|app| Some(&app.environment) == self.scope.environment.as_ref())
            .filter(|app| self.scope.app.as_ref().is_none_or(|name| *name == app.name))
            .any(|app| {
                row.changes
                    .iter()
                    .any(|change| app.recipe.touches(&change.path))
            })
    }

    /// Whether files that do not differ may belong to another environment, or to none: a file that describes a layout differs,
    /// or a directory comes or goes (which directories there are says which environments there are).
    fn may_move_environments(&self, row: &Row, before: Oid) -> super::Result<bool> {
        if row
            .changes
            .iter()
            .any(|change| layout::describes_layout(change.path.as_bstr()))
        {
            return Ok(true);
        }
        let mut looked_at: Option<&[u8]> = None;
        for change in &row.changes {
            let without = match (change.before, change.after) {
                (None, Some(_)) => before,
                (Some(_), None) => row.tree,
                _ => continue,
            };
            let directory = match change.path.rfind_byte(b'/') {
                Some(slash) => &change.path[..slash],
                None => continue,
            };
            if looked_at.replace(directory) == Some(directory) {
                continue;
            }
            let entry = self.sources.reader.entry(without, directory.as_bstr())?;
            if entry.is_none_or(|entry| entry.kind != EntryKind::Tree) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn compare(&self, row: &Row, before: Oid) -> super::Result<Changes> {
        let mut changes = self.compare_in(row, before, &self.scope)?;
        let appears = |change: &ResourceChange| {
            change.kind == ChangeKind::Added && change.object == self.object
        };
        if self.scope.app.is_some() && changes.resources.iter().any(appears) {
            // It may come from another app.
            let everywhere = Scope {
                environment: self.scope.environment.clone(),
                app: None,
            };
            changes = self.compare_in(row, before, &everywhere)?;
            changes
                .resources
                .retain(|change| Some(&change.app) == self.scope.app.as_ref());
        }
        Ok(changes)
    }

    fn compare_in(&self, row: &Row, before: Oid, scope: &Scope) -> super::Result<Changes> {
        Comparison {
            sources: self.sources,
            before,
            after: row.tree,
            paths: &row.changes,
            scope,
            only: Some(Only {
                object: &|id| may_be(&self.object, id),
                file: &|change| declares(self.sources, change, &self.object),
            }),
            cancel: self.cancel,
        }
        .run()
    }

    /// What of `changes` concerns the resource; from here on, its name and app are those of before.
    fn follow(&mut self, at: usize, row: &Row, changes: Changes) -> Option<LogEntry> {
        let mut entry = LogEntry {
            row: at,
            commit: row.id,
            changes: Vec::new(),
            unreadable: Vec::new(),
        };
        let object = self.object.clone();
        for change in changes.resources {
            if !change.concerns(&object) {
                continue;
            }
            if change.object == object
                && let Some(before) = change.object_before()
            {
                self.object.clone_from(&before.id);
                if self.scope.app.is_some() && change.app_before.is_some() {
                    self.scope.app.clone_from(&change.app_before);
                }
            }
            if change.kind != ChangeKind::Moved {
                entry.changes.push(change);
            }
        }
        for failed in changes.not_rendered {
            if failed.objects.contains(&object) {
                entry.unreadable.push(failed);
            }
        }
        (!entry.changes.is_empty() || !entry.unreadable.is_empty()).then_some(entry)
    }
}

/// Whether a file that differs declares the object on either side.
fn declares(
    sources: Sources<'_>,
    change: &PathChange,
    object: &ObjectRef,
) -> crate::git::Result<bool> {
    Ok(declared_in(sources, change.before, object)? || declared_in(sources, change.after, object)?)
}

/// Whether a file declares the object, or what may be another generated name of it. Links do not declare, but stand for
/// what may.
pub(super) fn declared_in(
    sources: Sources<'_>,
    file: Option<(EntryKind, Oid)>,
    object: &ObjectRef,
) -> crate::git::Result<bool> {
    match file {
        Some((EntryKind::Blob | EntryKind::Executable, blob)) => {
            let outline = sources.renderer.outline(sources.reader, blob)?;
            Ok(outline.objects.iter().any(|id| may_be(object, id)))
        }
        Some((EntryKind::Symlink, _)) => Ok(true),
        Some((EntryKind::Tree | EntryKind::Submodule, _)) | None => Ok(false),
    }
}

/// Whether `id` may name `object`, under another generated name perhaps, before it is known which namespace it is put in.
pub(super) fn may_be(object: &ObjectRef, id: &ObjectRef) -> bool {
    id.kind == object.kind
        && id.group == object.group
        && (id.name == object.name || diff::same_but_generated(&id.kind, &id.name, &object.name))
}
