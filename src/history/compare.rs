//! Compares two trees, resource by resource.
//!
//! Apps whose sources the differing paths touch are found in the layouts of both trees; of plain manifests only the
//! differing files are read, everything else is rendered on both sides. Objects are paired per environment, so that a
//! document that moved to another file or app reads as moved, not as removed and added. A side that cannot be read never
//! reads as a deletion: it is in [`Changes::not_rendered`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::vec::IntoIter;

use super::apps::{apps, pair_apps, same_sources};
use super::changes::{Changes, NotRendered, ResourceChange, Scope, Sources};
use super::declared::{declares, is_config, may_be};
use super::difference::difference;
use super::pairing::{self, Item};
use crate::git::{EntryKind, Oid, PathChange, RepoPath};
use crate::layout::{App, Layout};
use crate::manifest::ObjectRef;
use crate::render::kustomization::{display, is_kustomization_name};
use crate::render::tree::{Followed, Node, Tree, file_name, is_manifest_name, is_within, parent};
use crate::render::{Differing, Gathering, How, Recipe, Rendering, Tool};
use crate::task::{Cancel, Rendered};

/// Two trees, and the paths that differ between them.
pub(super) struct Comparison<'a> {
    pub(super) sources: Sources<'a>,
    pub(super) before: Oid,
    pub(super) after: Oid,
    pub(super) paths: &'a [PathChange],
    pub(super) scope: &'a Scope,
    /// Looks for one resource only: everything that can be told from it without reading it whole is passed over.
    pub(super) only: Option<&'a ObjectRef>,
    pub(super) cancel: &'a Cancel,
}

/// An environment's objects on both sides, as far as they may differ, and what could not be read.
#[derive(Default)]
struct Gathered<'a> {
    /// Which pair of apps is being read.
    place: usize,
    before: Vec<Item<'a>>,
    after: Vec<Item<'a>>,
    not_rendered: Vec<NotRendered>,
    /// Parts of plain files that do not parse.
    broken: HashMap<RepoPath, BrokenFile<'a>>,
    /// The pairs of which one side is not there.
    alone: HashSet<usize>,
}

/// An app on both sides, or on the one where it is.
struct Pair<'a> {
    before: Option<&'a App>,
    after: Option<&'a App>,
    compared: Compared,
}

/// What of an app is compared.
pub(super) enum Compared {
    /// All its objects.
    Whole,
    /// Those in the differing files, as they are written.
    Files,
    /// Those in the differing files, as a build would make them: before and after.
    Told([Vec<Arc<Rendering>>; 2]),
}

struct BrokenFile<'a> {
    app: &'a App,
    before: Vec<String>,
    after: Vec<String>,
    /// Objects that are on one side only, and may well be in the broken parts of the other.
    objects: Vec<ObjectRef>,
}

impl Comparison<'_> {
    pub(super) fn run(&self) -> super::Result<Changes> {
        let Sources {
            reader,
            renderer,
            layouts,
            ..
        } = self.sources;
        let after = layouts.at(reader, renderer, self.after)?;
        let before = layouts.beside(reader, renderer, self.after, self.before, self.paths)?;
        let mut names: Vec<&str> = Vec::new();
        for environment in after.environments.iter().chain(&before.environments) {
            let wanted = self.scope.environment.as_ref();
            if wanted.is_none_or(|wanted| *wanted == environment.name)
                && !names.contains(&environment.name.as_str())
            {
                names.push(&environment.name);
            }
        }
        let mut places = Vec::new();
        for name in &names {
            places.push(self.pairs(&apps(&before, name), &apps(&after, name))?);
        }
        let mut rendered = self.render_whole(&places)?;
        let mut resources = Vec::new();
        let mut not_rendered = Vec::new();
        for (name, pairs) in names.into_iter().zip(places) {
            let mut gathered = self.gather(pairs, &mut rendered)?;
            let first = resources.len();
            self.judge(name, &mut gathered, &mut resources)?;
            resources[first..].sort_by(|a, b| order(a).cmp(&order(b)));
            not_rendered.append(&mut gathered.not_rendered);
        }
        let other_files = match self.only {
            Some(_) => Vec::new(),
            None => self.other_files(&before, &after),
        };
        Ok(Changes {
            before,
            after,
            resources,
            not_rendered,
            other_files,
        })
    }

    /// The paths that no app reads.
    fn other_files(&self, before: &Layout, after: &Layout) -> Vec<RepoPath> {
        let read: HashSet<&[u8]> = [before, after]
            .into_iter()
            .flat_map(|layout| &layout.apps)
            .flat_map(|app| app.recipe.closure.iter().chain(&app.sources))
            .map(|path| path.as_ref())
            .collect();
        self.paths
            .iter()
            .map(|change| change.path.as_ref())
            .filter(|path| !is_or_is_below(path, &read))
            .cloned()
            .collect()
    }

    /// The changes of one app that is declared alike on both sides.
    pub(super) fn of_app(
        &self,
        app: &App,
        compared: Compared,
    ) -> super::Result<(Vec<ResourceChange>, Vec<NotRendered>)> {
        let place = vec![Pair {
            before: Some(app),
            after: Some(app),
            compared: match compared {
                Compared::Files if self.is_linked(app) => Compared::Whole,
                compared => compared,
            },
        }];
        let mut rendered = self.render_whole(std::slice::from_ref(&place))?;
        let mut gathered = self.gather(place, &mut rendered)?;
        let mut resources = Vec::new();
        self.judge(&app.environment, &mut gathered, &mut resources)?;
        Ok((resources, gathered.not_rendered))
    }

    /// The apps of one environment that may differ.
    fn pairs<'l>(&self, before: &[&'l App], after: &[&'l App]) -> super::Result<Vec<Pair<'l>>> {
        let mut pairs = Vec::new();
        for (before, after) in pair_apps(before, after) {
            let wanted = self.scope.app.as_ref();
            if wanted.is_some() && wanted != after.or(before).map(|app| &app.name) {
                continue;
            }
            let compared = match (before, after) {
                (Some(before), Some(after)) if same_sources(&before.recipe, &after.recipe) => {
                    let is_touched = || {
                        let mut paths = self.paths.iter().map(|change| &change.path);
                        paths.any(|path| before.recipe.touches(path) || after.recipe.touches(path))
                    };
                    match &after.recipe.tool {
                        Tool::Plain if self.is_linked(after) => Compared::Whole,
                        Tool::Plain => Compared::Files,
                        Tool::Unavailable(_) => continue,
                        _ if !is_touched() => continue,
                        Tool::Kustomize(_) => self.told_apart(before, after)?,
                        Tool::Items(_)
                        | Tool::Helm(_)
                        | Tool::Helmfile(_)
                        | Tool::ResourceSet(_) => Compared::Whole,
                    }
                }
                _ => Compared::Whole,
            };
            if let (Compared::Whole, Some(only)) = (&compared, self.only)
                && !self.may_hold(before, self.before, only)?
                && !self.may_hold(after, self.after, only)?
            {
                continue;
            }
            pairs.push(Pair {
                before,
                after,
                compared,
            });
        }
        Ok(pairs)
    }

    /// What of a kustomization is compared that is declared alike on both sides: most changes are of documents that can be
    /// told from a few files.
    fn told_apart(&self, before: &App, after: &App) -> super::Result<Compared> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let gathering =
            |tree, app: &App| renderer.gathering(reader, tree, &app.recipe, self.cancel);
        let (Some(old), Some(new)) = (
            gathering(self.before, before)?,
            gathering(self.after, after)?,
        ) else {
            return Ok(Compared::Whole);
        };
        match renderer.told_apart(&old, &new) {
            Some(files) => self.told(&after.recipe, &new, &files),
            None => Ok(Compared::Whole),
        }
    }

    /// What to compare where all that differs are these files, of what is gathered alike otherwise.
    pub(super) fn told(
        &self,
        recipe: &Recipe,
        gathering: &Gathering,
        files: &[Differing],
    ) -> super::Result<Compared> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let mut sides = [Vec::new(), Vec::new()];
        for file in files {
            for (side, blob) in sides.iter_mut().zip([file.before, file.after]) {
                let Some(blob) = blob else {
                    continue;
                };
                match renderer.told(reader, recipe, gathering, (&file.path, blob))? {
                    Some(told) => side.push(Arc::new(told)),
                    None => return Ok(Compared::Whole),
                }
            }
        }
        Ok(Compared::Told(sides))
    }

    /// Whether an app may have the resource at a tree.
    fn may_hold(&self, app: Option<&App>, tree: Oid, only: &ObjectRef) -> super::Result<bool> {
        let Some(app) = app else {
            return Ok(false);
        };
        let Sources {
            reader, renderer, ..
        } = self.sources;
        let is_it = |id: &ObjectRef| may_be(only, id);
        let config = is_config(only);
        Ok(renderer.may_hold(reader, tree, &app.recipe, &is_it, config, self.cancel)?)
    }

    /// Whether a plain app must be read whole: a differing file of it is a link, which stands for another file, perhaps a
    /// differing one, or is not below its roots: what a link in them leads to, or what declares the app.
    fn is_linked(&self, app: &App) -> bool {
        let link = |side: &Option<(EntryKind, Oid)>| {
            side.is_some_and(|(kind, _)| kind == EntryKind::Symlink)
        };
        self.paths.iter().any(|change| {
            is_beside(&app.recipe, &change.path)
                || ((link(&change.before) || link(&change.after))
                    && reads(&app.recipe, &change.path))
        })
    }

    /// The renderings of all apps that are rendered whole, in order, the side before first: many at once.
    fn render_whole(&self, places: &[Vec<Pair<'_>>]) -> super::Result<IntoIter<Arc<Rendering>>> {
        let mut wanted = Vec::new();
        let whole = |pair: &&Pair<'_>| matches!(pair.compared, Compared::Whole);
        for pair in places.iter().flatten().filter(whole) {
            wanted.extend(pair.before.map(|app| (self.before, &app.recipe)));
            wanted.extend(pair.after.map(|app| (self.after, &app.recipe)));
        }
        let Sources {
            reader,
            renderer,
            waiting,
            ..
        } = self.sources;
        let total = wanted.len();
        let tell = |done| waiting.tell(Rendered { done, total });
        let rendered = renderer.render_all(reader, &wanted, self.cancel, &tell)?;
        Ok(rendered.into_iter())
    }

    fn gather<'l>(
        &self,
        pairs: Vec<Pair<'l>>,
        rendered: &mut IntoIter<Arc<Rendering>>,
    ) -> super::Result<Gathered<'l>> {
        let mut gathered = Gathered::default();
        for (place, pair) in pairs.into_iter().enumerate() {
            gathered.place = place;
            if pair.before.is_none() || pair.after.is_none() {
                gathered.alone.insert(place);
            }
            match (pair.before, pair.after, pair.compared) {
                (Some(before), Some(after), Compared::Files) => {
                    self.gather_files(before, after, &mut gathered)?;
                }
                (Some(before), Some(after), Compared::Told([old, new])) => {
                    for rendering in &old {
                        gathered.add(false, before, rendering, false, self.only);
                    }
                    for rendering in &new {
                        gathered.add(true, after, rendering, false, self.only);
                    }
                }
                (before, after, _) => {
                    let old = before.and_then(|app| Some((app, rendered.next()?)));
                    let new = after.and_then(|app| Some((app, rendered.next()?)));
                    self.gather_whole(old, new, &mut gathered);
                }
            }
        }
        Ok(gathered)
    }

    /// The objects in the differing files of a plain app: all others are the same on both sides.
    fn gather_files<'l>(
        &self,
        before: &'l App,
        after: &'l App,
        gathered: &mut Gathered<'l>,
    ) -> super::Result<()> {
        let touched: Vec<&PathChange> = self
            .paths
            .iter()
            .filter(|change| reads(&after.recipe, &change.path))
            .collect();
        for change in touched {
            if let Some(only) = self.only
                && !declares(self.sources, change, only)?
            {
                continue;
            }
            let recipe = Recipe {
                tool: Tool::Plain,
                roots: vec![change.path.as_ref().clone()],
                closure: vec![change.path.as_ref().clone()],
                namespace: after.recipe.namespace.clone(),
            };
            if change.before.is_some() {
                let rendering = self.render(self.before, &recipe)?;
                gathered.add(false, before, &rendering, false, self.only);
            }
            if change.after.is_some() {
                let rendering = self.render(self.after, &recipe)?;
                gathered.add(true, after, &rendering, false, self.only);
            }
        }
        Ok(())
    }

    /// All objects of an app, on the sides where it exists.
    fn gather_whole<'l>(
        &self,
        old: Option<(&'l App, Arc<Rendering>)>,
        new: Option<(&'l App, Arc<Rendering>)>,
        gathered: &mut Gathered<'l>,
    ) {
        if let (Some((app_before, old)), Some((app, new))) = (&old, &new) {
            if Arc::ptr_eq(old, new) {
                return;
            }
            let one_sided = match (&old.how, &new.how) {
                // A chart has no sources that could be shown instead.
                (How::Sources { .. }, How::Sources { why })
                    if old.objects.is_empty() && new.objects.is_empty() =>
                {
                    Some((why, true, old))
                }
                (How::Sources { .. }, How::Sources { .. }) => None,
                (_, How::Sources { why }) => Some((why, true, old)),
                (How::Sources { why }, _) => Some((why, false, new)),
                _ => None,
            };
            if let Some((why, after, known)) = one_sided {
                gathered.not_rendered.push(NotRendered {
                    environment: app.environment.clone(),
                    app: app.name.clone(),
                    path: None,
                    why: why.clone(),
                    after,
                    objects: known
                        .objects
                        .iter()
                        .map(|rendered| rendered.object.id.clone())
                        .filter(|id| self.only.is_none_or(|only| may_be(only, id)))
                        .collect(),
                });
                let known_in = if after { app_before } else { app };
                gathered.add(!after, known_in, known, true, self.only);
                return;
            }
        }
        if let Some((app, rendering)) = &old {
            gathered.add(false, app, rendering, false, self.only);
        }
        if let Some((app, rendering)) = &new {
            gathered.add(true, app, rendering, false, self.only);
        }
    }

    fn render(&self, tree: Oid, recipe: &Recipe) -> super::Result<Arc<Rendering>> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        Ok(renderer.render_until(reader, tree, recipe, self.cancel)?)
    }

    /// Pairs what was gathered and says what became of each.
    fn judge(
        &self,
        environment: &str,
        gathered: &mut Gathered<'_>,
        out: &mut Vec<ResourceChange>,
    ) -> super::Result<()> {
        let Gathered {
            before,
            after,
            broken,
            alone,
            not_rendered,
            ..
        } = gathered;
        for (old, new) in pairing::differing(before, after) {
            let (old, new) = (old.map(|at| &before[at]), new.map(|at| &after[at]));
            if let (Some(item), None) | (None, Some(item)) = (old, new) {
                if item.is_unsure {
                    continue;
                }
                // What a tool rendered on both sides is gone where it is gone.
                if alone.contains(&item.place) || item.rendering.how == How::Read {
                    self.look_behind(item, broken)?;
                }
            }
            if let Some(file) = lost_in(old, new, broken) {
                file.objects
                    .extend(old.or(new).map(|item| item.object().id.clone()));
                continue;
            }
            out.extend(difference(environment, old, new, self.sources.lists));
        }
        for (path, file) in broken.drain() {
            let differs = self
                .paths
                .binary_search_by(|change| change.path.as_ref().cmp(&path))
                .is_ok();
            let after = file.after.len() >= file.before.len();
            let parts = if after { file.after } else { file.before };
            if let Some(why) = parts.into_iter().next()
                && differs
            {
                not_rendered.push(NotRendered {
                    environment: environment.to_owned(),
                    app: file.app.name.clone(),
                    path: Some(path),
                    why,
                    after,
                    objects: file.objects,
                });
            }
        }
        not_rendered.sort_by(|a, b| (&a.app, &a.path).cmp(&(&b.app, &b.path)));
        Ok(())
    }

    /// Finds out what the file of an object is on both sides where no app reads it: one that cannot be read may be why
    /// the app is not there.
    fn look_behind<'a>(
        &self,
        item: &Item<'a>,
        broken: &mut HashMap<RepoPath, BrokenFile<'a>>,
    ) -> super::Result<()> {
        let source = item.rendered().source.as_ref();
        let Some(source) = source.filter(|source| source.document.is_some()) else {
            return Ok(());
        };
        if !broken.contains_key(&source.path) {
            let file = BrokenFile {
                app: item.app,
                before: self.unreadable(self.before, &source.path)?,
                after: self.unreadable(self.after, &source.path)?,
                objects: Vec::new(),
            };
            broken.insert(source.path.clone(), file);
        }
        Ok(())
    }

    /// The parts of a file that cannot be read, as reasons.
    fn unreadable(&self, tree: Oid, path: &RepoPath) -> super::Result<Vec<String>> {
        let Sources {
            reader, renderer, ..
        } = self.sources;
        Ok(match Tree::at(reader, tree).follow(path.as_ref())? {
            Followed::Escapes(link) => vec![format!(
                "{}: this symlink leads out of the repository",
                display(link.as_ref())
            )],
            Followed::To {
                node: Node::File(blob),
                ..
            } => {
                let parts = &renderer.parse(reader, blob)?.manifest.broken;
                parts.iter().map(ToString::to_string).collect()
            }
            Followed::To { .. } | Followed::Missing(_) => Vec::new(),
        })
    }
}

impl<'a> Gathered<'a> {
    fn add(
        &mut self,
        after: bool,
        app: &'a App,
        rendering: &Arc<Rendering>,
        is_unsure: bool,
        only: Option<&ObjectRef>,
    ) {
        let items = if after {
            &mut self.after
        } else {
            &mut self.before
        };
        for (index, rendered) in rendering.objects.iter().enumerate() {
            if only.is_none_or(|only| may_be(only, &rendered.object.id)) {
                items.push(Item {
                    place: self.place,
                    app,
                    rendering: Arc::clone(rendering),
                    index,
                    is_unsure,
                });
            }
        }
        if rendering.how != How::Read {
            return;
        }
        for (path, why) in &rendering.broken {
            let file = self
                .broken
                .entry(path.clone())
                .or_insert_with(|| BrokenFile {
                    app,
                    before: Vec::new(),
                    after: Vec::new(),
                    objects: Vec::new(),
                });
            let parts = if after {
                &mut file.after
            } else {
                &mut file.before
            };
            parts.push(why.clone());
        }
    }
}

/// The file whose broken parts may hold the missing side of an object that seems to have vanished or appeared: one
/// with more broken parts on the side that lacks the object. (Files with as many on both sides are templates and the like.)
fn lost_in<'b, 'a>(
    old: Option<&Item<'_>>,
    new: Option<&Item<'_>>,
    broken: &'b mut HashMap<RepoPath, BrokenFile<'a>>,
) -> Option<&'b mut BrokenFile<'a>> {
    let (item, vanished) = match (old, new) {
        (Some(old), None) => (old, true),
        (None, Some(new)) => (new, false),
        _ => return None,
    };
    let file = broken.get_mut(item.path()?)?;
    let (before, after) = (file.before.len(), file.after.len());
    let lost = if vanished {
        after > before
    } else {
        before > after
    };
    lost.then_some(file)
}

fn order(change: &ResourceChange) -> (&str, &str, Option<&str>, &str, Option<&RepoPath>) {
    let object = &change.object;
    (
        &change.app,
        &object.kind,
        object.namespace.as_deref(),
        &object.name,
        change.path.as_ref(),
    )
}

/// Whether a path, or a directory above it, is one of `paths`.
fn is_or_is_below(path: &RepoPath, paths: &HashSet<&[u8]>) -> bool {
    let mut path: &[u8] = path.as_ref();
    while !paths.contains(path) {
        if path.is_empty() {
            return false;
        }
        path = parent(path.into());
    }
    true
}

/// Whether a plain recipe takes `path` for a manifest: what it names itself, and what is named like one below.
pub(super) fn reads(recipe: &Recipe, path: &RepoPath) -> bool {
    recipe.roots.contains(path)
        || (is_below_roots(recipe, path)
            && is_manifest_name(path.as_ref())
            && !is_kustomization_name(file_name(path.as_ref())))
}

/// Whether a path matters to a recipe without being below its roots.
pub(super) fn is_beside(recipe: &Recipe, path: &RepoPath) -> bool {
    recipe.touches(path) && !is_below_roots(recipe, path)
}

fn is_below_roots(recipe: &Recipe, path: &RepoPath) -> bool {
    recipe.roots.iter().any(|root| is_within(path, root))
}
