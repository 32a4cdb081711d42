//! A resource on its way back in time, row by row: where it is declared, in which app it is, and whether a row changed it.
//!
//! Most rows concern other resources, and that must be told without finding layouts or running tools. As long as one app
//! alone holds the resource and is declared as it is, only that app's files are looked at: see [`Home`]. Whatever cannot be
//! told so is compared like any change, narrowed to the resource.

mod home;
mod made;
mod sight;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::apps::name_before;
use super::changes::{Changes, NotRendered, ResourceChange, Scope, Sources};
use super::compare::Comparison;
use super::declared::{declared_in, is_config, may_be};
use super::index::{Row, Rows};
use super::resource::{LogEntry, ResourceKey};
use crate::diff::ChangeKind;
use crate::git::{ByteSlice, EntryKind, Oid, PathChange, RepoPath};
use crate::layout::{self, App, Layout};
use crate::manifest::ObjectRef;
use crate::render::Tool;
use crate::task::Cancel;
use home::Home;
use sight::Sight;

pub(super) struct Follower<'a> {
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
    /// The files that declare it after the row that is looked at.
    declaring: BTreeSet<RepoPath>,
    /// Some file has declared it, or what may be it.
    is_written: bool,
    /// It may be one that a tool makes without any file that declares it.
    may_be_made: bool,
    /// Rows were passed over because it was not taken for one.
    passed_over: bool,
    /// Whether it exists after the row that is looked at, where that is known.
    exists: Option<bool>,
    /// Where it is not in any environment, nor written in any file: the apps that may make it nevertheless.
    makers: Option<Vec<App>>,
    home: Option<Home>,
    /// The rows that touch what has to do with the resource; that of an earlier step until it is found out.
    sight: Option<Sight>,
    /// The rows that touch what had to do with it so far.
    touching: HashMap<RepoPath, Vec<usize>>,
}

/// What was found to differ.
type Found = (Vec<ResourceChange>, Vec<NotRendered>);

impl<'a> Follower<'a> {
    pub(super) fn new(
        sources: Sources<'a>,
        key: &ResourceKey,
        may_be_made: bool,
        cancel: &'a Cancel,
    ) -> Follower<'a> {
        Follower {
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
            declaring: BTreeSet::new(),
            is_written: false,
            may_be_made,
            passed_over: false,
            exists: None,
            makers: None,
            home: None,
            sight: None,
            touching: HashMap::new(),
        }
    }

    /// Whether the resource is called here what `key` calls it.
    pub(super) fn is_at(&self, key: &ResourceKey) -> bool {
        self.object == key.object
            && self.scope.environment.as_ref() == Some(&key.environment)
            && self.scope.app == key.app
    }

    /// Whether it was taken for something that files declare, which it may not be, so that rows were passed over which may
    /// have made it or unmade it. `is_found`: by the row that was just looked at.
    pub(super) fn is_misled(&self, is_found: bool) -> bool {
        self.passed_over && (self.may_be_made || is_found) && self.exists.is_none()
    }

    pub(super) fn step(
        &mut self,
        rows: &Rows,
        at: usize,
        row: &Row,
    ) -> super::Result<Option<LogEntry>> {
        if row.changes.is_empty() {
            return Ok(None);
        }
        let known = match &self.layout {
            Some(layout) => Arc::clone(layout),
            None => self.first_layout(row)?,
        };
        let declared = self.declared(row)?;
        let undeclared = self.declaring.is_empty() && declared.is_empty();
        let may_be_made = match self.exists {
            Some(exists) => exists || !self.is_written,
            None => self.may_be_made,
        };
        if undeclared && !may_be_made {
            self.passed_over |= self.exists.is_none();
            self.exact = false;
            return Ok(None);
        }
        let before = rows.tree_before(self.sources.reader, at)?;
        if let Some(makers) = &self.makers
            && undeclared
            && !self.may_be_unmade((&known, makers), row, before)?
        {
            self.exact = false;
            return Ok(None);
        }
        let entry = self.look(at, row, before, &known, &declared)?;
        // Then what is declared may be another one of its name.
        self.may_be_made |= self.exists.is_none() && self.home.is_none();
        if !declared.is_empty() {
            // Another app may hold it now.
            self.home = None;
        }
        for change in declared {
            match self.declares(change.before)? {
                true => self.declaring.insert(change.path.as_ref().clone()),
                false => self.declaring.remove(change.path.as_ref()),
            };
        }
        if entry.is_some() || self.makers.is_some() {
            let layout = self.layout.clone().filter(|_| !self.is_written);
            self.makers = match layout {
                Some(layout) if Arc::ptr_eq(&layout, &known) && entry.is_none() => {
                    self.makers.take()
                }
                Some(layout) => self.makers(&layout, before)?,
                None => None,
            };
        }
        Ok(entry)
    }

    fn look(
        &mut self,
        at: usize,
        row: &Row,
        before: Oid,
        known: &Arc<Layout>,
        declared: &[&PathChange],
    ) -> super::Result<Option<LogEntry>> {
        if self.home.is_none() {
            self.home = self.find_home(known, row.tree)?;
        }
        if self.is_alike(known, row, before, declared)?
            && let Some(found) = self.at_home(row, before, declared)?
        {
            self.exact = false;
            return Ok(self.follow(at, row, found));
        }
        if self.home.is_some() {
            // It was declared alike until here, so that the layout before tells the rest.
            let Sources {
                reader,
                renderer,
                layouts,
                ..
            } = self.sources;
            let earlier = layouts.at(reader, renderer, before)?;
            if let Some(found) = self.in_both(known, &earlier, row, before, declared)? {
                self.layout = Some(earlier);
                self.exact = true;
                return Ok(self.follow(at, row, found));
            }
        }
        self.home = None;
        self.anywhere(at, row, before, known, declared)
    }

    /// The apps it may be in.
    fn apps<'l>(&self, layout: &'l Layout) -> impl Iterator<Item = &'l App> {
        let Scope { environment, app } = &self.scope;
        layout
            .apps
            .iter()
            .filter(move |one| {
                environment
                    .as_ref()
                    .is_none_or(|name| *name == one.environment)
            })
            .filter(move |one| app.as_ref().is_none_or(|name| *name == one.name))
    }

    /// Compares layouts and all apps that may hold it, unless the row cannot concern it.
    fn anywhere(
        &mut self,
        at: usize,
        row: &Row,
        before: Oid,
        known: &Arc<Layout>,
        declared: &[&PathChange],
    ) -> super::Result<Option<LogEntry>> {
        let Sources {
            reader,
            renderer,
            layouts,
            ..
        } = self.sources;
        let alters = !layout::unaltered(reader, renderer, known, &row.changes)?;
        let concerns = !declared.is_empty()
            || self.makers.is_some()
            || self.builds(row, known)
            || (alters
                && (self.inherits_namespace
                    || self.may_move_environments(known, row, before)?
                    || self.is_ordered_otherwise(row, before)?));
        if !concerns {
            self.exact &= !alters;
            return Ok(None);
        }

        if self.exact {
            layouts.carry(row.tree, known);
        }
        let after = layouts.at(reader, renderer, row.tree)?;
        self.rename_app(&after, known);
        let earlier = layouts.beside(reader, renderer, row.tree, before, &row.changes)?;
        let changes = if let Some(found) = self.in_both(&after, &earlier, row, before, declared)? {
            Some(found)
        } else if !declared.is_empty() || self.builds(row, &after) || !Arc::ptr_eq(&earlier, &after)
        {
            let changes = self.compare(row, before)?;
            Some((changes.resources, changes.not_rendered))
        } else {
            None
        };
        let app = self.scope.app.clone();
        let entry = changes.and_then(|changes| self.follow(at, row, changes));
        if self.scope.app == app {
            self.rename_app(&earlier, &after);
        }
        if entry.is_some() && self.exists == Some(false) {
            // One of several may have come.
            self.exists = Some(self.is_in_any(self.apps(&earlier), before, declared)?);
        }
        self.layout = Some(earlier);
        self.exact = true;
        Ok(entry)
    }

    /// Whether an app has the resource at a tree, before which `declared` differ.
    fn is_in_any<'l>(
        &self,
        apps: impl Iterator<Item = &'l App>,
        tree: Oid,
        declared: &[&PathChange],
    ) -> super::Result<bool> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let is_wanted = |id: &ObjectRef| may_be(&self.object, id);
        let config = is_config(&self.object);
        let came = declared.iter().map(|change| change.path.as_ref());
        let declaring: BTreeSet<&RepoPath> = self.declaring.iter().chain(came).collect();
        for app in apps {
            let recipe = &app.recipe;
            if recipe.tool == Tool::Plain && !declaring.iter().any(|path| home::may_hold(app, path))
            {
                continue;
            }
            if renderer.may_hold(reader, tree, recipe, &is_wanted, config, self.cancel)?
                && self.is_rendered(app, tree)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The newest layout, the files that declare the resource in it, and whether documents get their namespace from their app.
    fn first_layout(&mut self, row: &Row) -> super::Result<Arc<Layout>> {
        let Sources {
            reader,
            renderer,
            layouts,
            ..
        } = self.sources;
        let declaring = layouts.declaring(reader, renderer, row.tree)?;
        let ObjectRef { kind, name, .. } = self.object.clone();
        for (kind, id, path) in declaring.of(&kind, &name) {
            if self.see(Some((*kind, *id)))? {
                self.declaring.insert(path.clone());
            }
        }
        let layout = layouts.at(reader, renderer, row.tree)?;
        if self.may_be_made && !self.is_written {
            self.exists = Some(self.is_in_any(self.apps(&layout), row.tree, &[])?);
            self.makers = self.makers(&layout, row.tree)?;
        }
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

    /// The files that differ and declare the resource on either side, or may.
    fn declared<'r>(&mut self, row: &'r Row) -> crate::git::Result<Vec<&'r PathChange>> {
        let mut declared = Vec::new();
        for change in &row.changes {
            if self.see(change.before)? | self.see(change.after)? {
                declared.push(change);
            }
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
            self.is_written |= id.namespace.is_none() || id.namespace == self.object.namespace;
        }
        Ok(declared)
    }

    /// Whether a file itself declares the resource.
    fn declares(&self, file: Option<(EntryKind, Oid)>) -> crate::git::Result<bool> {
        match file {
            Some((EntryKind::Symlink, _)) => Ok(false),
            file => declared_in(self.sources, file, &self.object),
        }
    }

    /// Whether a kustomization of the environment reads a path that differs.
    fn builds(&self, row: &Row, layout: &Layout) -> bool {
        let mut built = self
            .apps(layout)
            .filter(|app| app.recipe.tool != Tool::Plain);
        built.any(|app| {
            let mut changes = row.changes.iter();
            changes.any(|change| app.recipe.touches(&change.path))
        })
    }

    /// Whether files that do not differ may belong to another environment, or to none: a file that describes a layout differs,
    /// the first orders come, or a directory comes or goes (which directories there are says which environments there are).
    fn may_move_environments(&self, known: &Layout, row: &Row, before: Oid) -> super::Result<bool> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let mut paths = row.changes.iter().map(|change| change.path.as_bstr());
        if paths.any(layout::describes_layout)
            || layout::orders_begin(reader, renderer, known, &row.changes)?
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
            let entry = reader.entry(without, directory.as_bstr())?;
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
        if self.scope.app.is_some()
            && changes.resources.iter().any(appears)
            && self.had_apps(&changes.before)
        {
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

    /// Whether there are apps in the environment.
    fn had_apps(&self, layout: &Layout) -> bool {
        let environment = self.scope.environment.as_ref();
        let mut apps = layout.apps.iter();
        apps.any(|app| environment.is_none_or(|name| *name == app.environment))
    }

    fn compare_in(&self, row: &Row, before: Oid, scope: &Scope) -> super::Result<Changes> {
        self.comparison(row, before, scope).run()
    }

    fn comparison<'c>(&'c self, row: &'c Row, before: Oid, scope: &'c Scope) -> Comparison<'c> {
        Comparison {
            sources: self.sources,
            before,
            after: row.tree,
            paths: &row.changes,
            scope,
            only: Some(&self.object),
            cancel: self.cancel,
        }
    }

    /// What of `changes` concerns the resource; from here on, its name and app are those of before.
    fn follow(&mut self, at: usize, row: &Row, (changes, not_rendered): Found) -> Option<LogEntry> {
        let object = self.object.clone();
        for change in changes.iter().filter(|change| change.object == object) {
            self.exists = Some(change.before.is_some());
            if let Some(before) = change.object_before() {
                self.object.clone_from(&before.id);
                if self.scope.app.is_some() && change.app_before.is_some() {
                    self.scope.app.clone_from(&change.app_before);
                }
            }
        }
        LogEntry::of(
            (at, row),
            &object,
            changes.into_iter(),
            not_rendered.into_iter(),
        )
    }
}
