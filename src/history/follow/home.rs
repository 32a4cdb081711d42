//! A resource in the one app that holds it: as long as that is declared as it is, only its files are looked at.

use std::sync::Arc;

use super::{Follower, Found};
use crate::diff::ChangeKind;
use crate::git::{ByteSlice, EntryKind, Oid, PathChange, RepoPath};
use crate::history::apps::same_sources;
use crate::history::compare::{Compared, is_beside, reads};
use crate::history::declared::may_be;
use crate::history::index::Row;
use crate::history::{ResourceChange, Sources};
use crate::layout::{self, App, Layout};
use crate::manifest::ObjectRef;
use crate::render::tree::is_within;
use crate::render::{Differing, Gathering, Stays, Tool, placed_id};

/// The one app that holds the resource after the row that is looked at.
pub(super) struct Home {
    pub(super) app: Arc<App>,
    /// `None`: its files are read as they are.
    pub(super) gathering: Option<Arc<Gathering>>,
}

impl Follower<'_> {
    /// Whether the resource is in the same app on both sides of these changes: what comes or goes may be elsewhere.
    fn stayed(&self, changes: &[ResourceChange]) -> bool {
        changes
            .iter()
            .filter(|change| change.concerns(&self.object))
            .all(|change| !matches!(change.kind, ChangeKind::Added | ChangeKind::Removed))
    }

    /// Whether the resource's home is sure to be declared as it is on both sides of a row, and no other app to hold it.
    pub(super) fn is_alike(
        &self,
        known: &Layout,
        row: &Row,
        before: Oid,
        declared: &[&PathChange],
    ) -> crate::history::Result<bool> {
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
                || self.may_move_environments(known, row, before)?
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
        let both = row.between(before);
        let app = &home.app;
        Ok(
            layout::is_declared_alike(reader, renderer, known, app, both)?
                && !layout::is_built_otherwise(reader, renderer, app, both, &self.declaring)?
                && !self.is_ordered_otherwise(row, before)?
                && !layout::orders_begin(reader, renderer, known, both.changes)?,
        )
    }

    /// Whether deployers may have been told before to deploy the resource otherwise.
    pub(super) fn is_ordered_otherwise(
        &self,
        row: &Row,
        before: Oid,
    ) -> crate::history::Result<bool> {
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
            &|id| may_be(&self.object, id),
        )?)
    }

    /// Whether files that differ and declare the resource may belong to other apps than its home; or to none, for now.
    fn is_declared_beside(&self, home: &Home, layout: &Layout, declared: &[&PathChange]) -> bool {
        let is_home =
            |app: &App| app.environment == home.app.environment && app.name == home.app.name;
        declared.iter().any(|change| {
            let holds = |app: &App| may_hold(app, &change.path);
            let mut beside = self
                .apps(layout)
                .filter(|app| !is_home(app) && may_be_home(app));
            beside.any(holds) || !layout.apps.iter().any(holds)
        })
    }

    /// What a row did to the resource in its home, which it leaves declared as it is; `None` where that cannot be told from
    /// its home alone.
    pub(super) fn at_home(
        &mut self,
        row: &Row,
        before: Oid,
        declared: &[&PathChange],
    ) -> crate::history::Result<Option<Found>> {
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
                    home.gathering = earlier.map(Arc::new);
                }
                stays
            }
        };
        let Some(home) = &self.home else {
            return Ok(None);
        };
        let comparison = self.comparison(row, before, &self.scope);
        let compared = match (stays, &home.gathering) {
            (Stays::Same, _) => return Ok(Some(Found::default())),
            (Stays::Otherwise, _) => return Ok(None),
            (Stays::Unknown, _) => Compared::Whole,
            (Stays::Written, Some(gathering)) if !gathering.is_refused() => {
                let files = differing(gathering, declared);
                comparison.told(&home.app.recipe, gathering, &files)?
            }
            (Stays::Written, _) => Compared::Files,
        };
        let found = comparison.of_app(&home.app, compared)?;
        Ok(self.stayed(&found.0).then_some(found))
    }

    /// The app that holds the resource at a tree; `None` where that cannot be told from what its files declare.
    pub(super) fn find_home(
        &self,
        layout: &Layout,
        tree: Oid,
    ) -> crate::history::Result<Option<Home>> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let mut found = None;
        for app in self.apps(layout) {
            // What it makes is told without a tool.
            if matches!(app.recipe.tool, Tool::ResourceSet(_)) && self.is_rendered(app, tree)? {
                return Ok(None);
            }
            let holds = |path| may_hold(app, path);
            if !may_be_home(app) || !self.declaring.iter().any(holds) {
                continue;
            }
            let gathering = match app.recipe.tool {
                Tool::Plain => None,
                _ => match renderer.gathering(reader, tree, &app.recipe, self.cancel)? {
                    Some(gathering) if self.declaring.iter().any(|path| gathering.holds(path)) => {
                        Some(Arc::new(gathering))
                    }
                    // It reads the file for something else.
                    _ => continue,
                },
            };
            let home = Home {
                app: Arc::new(app.clone()),
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
    fn is_in(&self, home: &Home, tree: Oid) -> crate::history::Result<bool> {
        if self.exists == Some(false) {
            // What only has its name is not where it comes from.
            return Ok(self.is_written);
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
            return self.is_rendered(app, tree);
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

    /// Whether the resource is among what an app is at a tree.
    pub(super) fn is_rendered(&self, app: &App, tree: Oid) -> crate::history::Result<bool> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let rendering = renderer.render_until(reader, tree, &app.recipe, self.cancel)?;
        let mut objects = rendering.objects.iter();
        Ok(objects.any(|rendered| rendered.object.id == self.object))
    }

    /// What a row did to the resource where its home is the same in the layouts of both sides.
    pub(super) fn in_both(
        &mut self,
        after: &Layout,
        earlier: &Layout,
        row: &Row,
        before: Oid,
        declared: &[&PathChange],
    ) -> crate::history::Result<Option<Found>> {
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
}

/// The files that are gathered on both sides, and differ.
fn differing(gathering: &Gathering, changes: &[&PathChange]) -> Vec<Differing> {
    let gathered = changes
        .iter()
        .filter(|change| gathering.holds(&change.path));
    let blob = |side: Option<(EntryKind, Oid)>| side.map(|(_, blob)| blob);
    gathered
        .map(|change| Differing {
            path: change.path.as_ref().clone(),
            before: blob(change.before),
            after: blob(change.after),
        })
        .collect()
}

/// Whether documents in a file may become objects of an app.
pub(super) fn may_hold(app: &App, path: &RepoPath) -> bool {
    match app.recipe.tool {
        Tool::Plain => reads(&app.recipe, path) || is_beside(&app.recipe, path),
        _ => app.recipe.touches(path),
    }
}

/// Whether documents may become objects of an app as they are written, give or take what kustomize adds.
fn may_be_home(app: &App) -> bool {
    matches!(app.recipe.tool, Tool::Plain | Tool::Kustomize(_))
}
