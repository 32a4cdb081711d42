//! A resource on its way back in time, row by row: where it is declared, in which app it is, and whether a row changed it.
//!
//! Most rows concern other resources, and that must be told without finding layouts or running tools. As long as one app
//! alone holds the resource and is declared as it is, only that app's files are looked at: see [`Home`]. Whatever cannot be
//! told so is compared like any change, narrowed to the resource.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::apps::{name_before, same_sources};
use super::changes::{Changes, NotRendered, ResourceChange, Scope, Sources};
use super::compare::{Comparison, is_beside, reads};
use super::declared::{declared_in, may_be};
use super::index::{Row, Rows};
use super::resource::{LogEntry, ResourceKey};
use crate::diff::ChangeKind;
use crate::git::{ByteSlice, EntryKind, Oid, PathChange, RepoPath};
use crate::layout::{self, App, Between, Layout};
use crate::manifest::ObjectRef;
use crate::render::tree::{is_manifest_name, is_within};
use crate::render::{Gathering, Stays, Tool, placed_id};
use crate::task::Cancel;

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
    /// Some file has declared it.
    is_written: bool,
    /// It may be one that a tool makes without any file that declares it.
    may_be_made: bool,
    /// Whether it exists after the row that is looked at, where that is known.
    exists: Option<bool>,
    home: Option<Home>,
}

/// The one app that holds the resource after the row that is looked at.
struct Home {
    app: App,
    /// `None`: its files are read as they are.
    gathering: Option<Gathering>,
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
            exists: None,
            home: None,
        }
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
            self.exact = false;
            return Ok(None);
        }
        let before = rows.tree_before(self.sources.reader, at)?;
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
        self.is_written |= !self.declaring.is_empty();
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

    /// Whether the resource is in the same app on both sides of these changes: what comes or goes may be elsewhere.
    fn stayed(&self, changes: &[ResourceChange]) -> bool {
        changes
            .iter()
            .filter(|change| change.concerns(&self.object))
            .all(|change| !matches!(change.kind, ChangeKind::Added | ChangeKind::Removed))
    }

    /// Whether the resource's home is sure to be declared as it is on both sides of a row, and no other app to hold it.
    fn is_alike(
        &self,
        known: &Layout,
        row: &Row,
        before: Oid,
        declared: &[&PathChange],
    ) -> super::Result<bool> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let Some(home) = &self.home else {
            return Ok(false);
        };
        if self.is_declared_beside(home, known, declared) {
            return Ok(false);
        }
        if home.gathering.is_none() {
            let may_move = self.inherits_namespace
                || self.may_move_environments(row, before)?
                || self.is_ordered_otherwise(row, before)?;
            return Ok(!may_move || layout::unaltered(reader, renderer, known, &row.changes)?);
        }
        for root in &home.app.recipe.roots {
            let came =
                |change: &PathChange| change.before.is_none() && is_within(&change.path, root);
            if row.changes.iter().any(came)
                && !root.is_empty()
                && reader.entry_of_many(before, root.as_bstr())?.is_none()
            {
                return Ok(false);
            }
        }
        let both = Between {
            before,
            after: row.tree,
            changes: &row.changes,
        };
        let app = &home.app;
        Ok(
            layout::is_declared_alike(reader, renderer, known, app, &row.changes)?
                && !layout::is_built_otherwise(reader, renderer, app, both, &self.declaring)?
                && !self.is_ordered_otherwise(row, before)?,
        )
    }

    /// Whether deployers may have been told before to deploy the resource otherwise.
    fn is_ordered_otherwise(&self, row: &Row, before: Oid) -> super::Result<bool> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let changes = &row.changes;
        Ok(layout::ordered_otherwise(
            reader,
            renderer,
            before,
            changes,
            &self.declaring,
        )?)
    }

    /// Whether files that differ and declare the resource may belong to other apps than its home.
    fn is_declared_beside(&self, home: &Home, layout: &Layout, declared: &[&PathChange]) -> bool {
        if declared.is_empty() {
            return false;
        }
        self.apps(layout)
            .filter(|app| app.name != home.app.name && may_be_home(app))
            .any(|app| declared.iter().any(|change| may_hold(app, &change.path)))
    }

    /// What a row did to the resource in its home, which it leaves declared as it is; `None` where that cannot be told from
    /// its home alone.
    fn at_home(
        &mut self,
        row: &Row,
        before: Oid,
        declared: &[&PathChange],
    ) -> super::Result<Option<Found>> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let Some(home) = &mut self.home else {
            return Ok(None);
        };
        let recipe = &home.app.recipe;
        let stays = match &home.gathering {
            None => match declared.iter().any(|change| recipe.touches(&change.path))
                || row
                    .changes
                    .iter()
                    .any(|change| is_beside(recipe, &change.path))
            {
                true => Stays::Written,
                false => Stays::Same,
            },
            Some(gathering) => {
                let its = |id: &ObjectRef| may_be(&self.object, id);
                let step = (before, &*row.changes);
                let (stays, earlier) =
                    renderer.stays(reader, recipe, step, gathering, &its, self.cancel)?;
                if earlier.is_some() {
                    home.gathering = earlier;
                }
                stays
            }
        };
        let whole = match stays {
            Stays::Same => return Ok(Some(Found::default())),
            Stays::Written => false,
            Stays::Unknown => true,
            Stays::Otherwise => return Ok(None),
        };
        let Some(home) = &self.home else {
            return Ok(None);
        };
        let comparison = self.comparison(row, before, &self.scope);
        let found = comparison.of_app(&home.app, whole)?;
        Ok(self.stayed(&found.0).then_some(found))
    }

    /// The app that holds the resource at a tree; `None` where that cannot be told from what its files declare.
    fn find_home(&self, layout: &Layout, tree: Oid) -> super::Result<Option<Home>> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let mut found = None;
        for app in self.apps(layout) {
            let holds = |path| may_hold(app, path);
            if !may_be_home(app) || !self.declaring.iter().any(holds) {
                continue;
            }
            let gathering = match app.recipe.tool {
                Tool::Plain => None,
                _ => match renderer.gathering(reader, tree, &app.recipe, self.cancel)? {
                    Some(gathering) if self.declaring.iter().any(|path| gathering.holds(path)) => {
                        Some(gathering)
                    }
                    // It reads the file for something else.
                    _ => continue,
                },
            };
            let home = Home {
                app: app.clone(),
                gathering,
            };
            if found.replace(home).is_some() {
                return Ok(None);
            }
        }
        match found {
            Some(home) if self.is_in(&home, tree)? => Ok(Some(home)),
            _ => Ok(None),
        }
    }

    /// Whether the resource, if it is anywhere, is in an app: what has its name may be in another namespace, and the resource
    /// be made without any file.
    fn is_in(&self, home: &Home, tree: Oid) -> super::Result<bool> {
        if self.exists == Some(false) {
            return Ok(true);
        }
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let Home { app, gathering } = home;
        let namespace = app.recipe.namespace.as_deref();
        let mut declaring = self.declaring.iter();
        // Otherwise objects are called as they are written.
        let is_renamed = match gathering {
            Some(gathering) => !gathering.keeps_names(),
            None => declaring.any(|path| is_beside(&app.recipe, path)),
        };
        if is_renamed {
            let rendering = renderer.render_until(reader, tree, &app.recipe, self.cancel)?;
            let mut objects = rendering.objects.iter();
            return Ok(objects.any(|rendered| rendered.object.id == self.object));
        }
        for path in &self.declaring {
            let is_its = match gathering {
                Some(gathering) => gathering.holds(path),
                None => reads(&app.recipe, path),
            };
            let entry = match is_its {
                true => reader.entry_of_many(tree, path.as_bstr())?,
                false => None,
            };
            // A directory may be where the file was.
            let Some((EntryKind::Blob | EntryKind::Executable, blob)) = entry else {
                continue;
            };
            let outline = renderer.outline(reader, blob)?;
            let mut objects = outline.objects.iter();
            if objects.any(|id| placed_id(id.clone(), namespace) == self.object) {
                return Ok(true);
            }
        }
        Ok(false)
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
            || self.builds(row, known)
            || (alters
                && (self.inherits_namespace
                    || self.may_move_environments(row, before)?
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
        self.layout = Some(earlier);
        self.exact = true;
        Ok(entry)
    }

    /// What a row did to the resource where its home is the same in the layouts of both sides.
    fn in_both(
        &mut self,
        after: &Layout,
        earlier: &Layout,
        row: &Row,
        before: Oid,
        declared: &[&PathChange],
    ) -> super::Result<Option<Found>> {
        self.home = self.find_home(after, row.tree)?;
        let Some(home) = &self.home else {
            return Ok(None);
        };
        // Files that differ are looked at apart.
        let same = match self.find_home(earlier, before)? {
            Some(other) => {
                home.app.name == other.app.name && same_sources(&home.app.recipe, &other.app.recipe)
            }
            None => false,
        } && ![after, earlier]
            .iter()
            .any(|layout| self.is_declared_beside(home, layout, declared));
        let found = match same {
            true => self.at_home(row, before, declared)?,
            false => None,
        };
        if found.is_none() {
            self.home = None;
        }
        Ok(found)
    }

    /// The newest layout, the files that declare the resource in it, and whether documents get their namespace from their app.
    fn first_layout(&mut self, row: &Row) -> super::Result<Arc<Layout>> {
        let Sources {
            reader,
            renderer,
            layouts,
            ..
        } = self.sources;
        for file in reader.files(row.tree, "".into())? {
            if is_manifest_name(file.path.as_ref()) && self.see(Some((file.kind, file.id)))? {
                self.declaring.insert(file.path);
            }
        }
        self.is_written = !self.declaring.is_empty();
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
        let mut entry = LogEntry {
            row: at,
            commit: row.id,
            changes: Vec::new(),
            unreadable: Vec::new(),
        };
        let object = self.object.clone();
        for change in changes {
            if !change.concerns(&object) {
                continue;
            }
            if change.object == object {
                self.exists = Some(change.before.is_some());
                if let Some(before) = change.object_before() {
                    self.object.clone_from(&before.id);
                    if self.scope.app.is_some() && change.app_before.is_some() {
                        self.scope.app.clone_from(&change.app_before);
                    }
                }
            }
            if change.kind != ChangeKind::Moved {
                entry.changes.push(change);
            }
        }
        for failed in not_rendered {
            if failed.objects.contains(&object) {
                entry.unreadable.push(failed);
            }
        }
        (!entry.changes.is_empty() || !entry.unreadable.is_empty()).then_some(entry)
    }
}

/// Whether documents in a file may become objects of an app.
fn may_hold(app: &App, path: &RepoPath) -> bool {
    match app.recipe.tool {
        Tool::Plain => reads(&app.recipe, path) || is_beside(&app.recipe, path),
        _ => app.recipe.touches(path),
    }
}

/// Whether documents may become objects of an app as they are written, give or take what kustomize adds.
fn may_be_home(app: &App) -> bool {
    matches!(app.recipe.tool, Tool::Plain | Tool::Kustomize(_))
}
