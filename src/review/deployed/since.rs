//! Since which commit each app runs its version: one walk down the history for all of them.
//!
//! Most commits concern no app that is still looked for, and of those that do most leave it declared as it is. So an app
//! keeps the recipe it was last seen with until one of its own files changes what is declared: the whole layout is found
//! anew only then, which takes a hundred times as long as reading the commit.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::git::{self, BStr, ByteSlice, Oid, PathChange, RepoPath};
use crate::history::{self, Origins, Row, Rows};
use crate::layout::{self, App, Layout};
use crate::manifest::Object;
use crate::render::kustomization::is_kustomization_name;
use crate::render::tree::{file_name, parent};
use crate::render::{self, How, Recipe, Rendering};
use crate::task::Cancel;

use super::super::common::CommitLine;
use super::super::entry::behind;
use super::super::version::{self, Version};
use super::super::workspace::Past;
use super::kept::{self, Kept};
use super::{Answer, State};

/// An app that could not be rendered before this many of the commits that touch it is taken to have begun after them.
const MAX_BROKEN: usize = 16;

/// What was found for one deployment.
struct Found {
    environment: String,
    app: String,
    since: Option<CommitLine>,
    previous: Option<String>,
    /// For the next run, unless it is from there.
    new: Option<kept::App>,
}

type Update = dyn Fn(&mut dyn FnMut(&mut Answer)) + Send + Sync;

pub fn find(past: &Past, state: &State, cancel: &Cancel, update: &Update) -> anyhow::Result<()> {
    let history = past.ws.history(state.commit);
    let kept = Kept::open(past);
    let mut search = Search::new(past, state, cancel)?;
    let mut seen = 0;
    let mut new = Vec::new();
    let mut told = HashSet::new();
    let mut tell = |found: Vec<Found>| {
        let names = |found: &Found| (found.environment.clone(), found.app.clone());
        told.extend(found.iter().map(names));
        if !found.is_empty() {
            update(&mut |answer| found.iter().for_each(|found| set(answer, found)));
        }
        new.extend(found.into_iter().filter_map(|found| found.new));
    };
    let is_whole = 'rows: loop {
        let rows = history.wait_grown(seen, cancel);
        while let Some(row) = rows.get(seen) {
            if search.is_done() || cancel.is_cancelled() {
                break 'rows true;
            }
            // What a commit changed that is not all there (a shallow clone) is not known, nor what came before.
            if row.problem.is_some() {
                break 'rows false;
            }
            let known = kept.as_ref().map_or(&[][..], |kept| kept.at(row.id));
            if !known.is_empty() {
                let rows = history.wait_complete(cancel);
                tell(search.recall(&rows, known, row.id == state.commit));
            }
            match search.step(&rows, seen, row) {
                Err(error) if is_unreadable(&error) => break 'rows false,
                found => tell(found?),
            }
            seen += 1;
        }
        if rows.complete() {
            break rows.end().is_none();
        }
    };
    if !cancel.is_cancelled() {
        tell(search.rest(&history.snapshot(), is_whole));
    }
    // The apps that were looked at where git could not be read.
    let apps = state.apps.iter().map(|desired| &desired.app);
    let lost: Vec<Found> = apps
        .filter(|app| !told.contains(&(app.environment.clone(), app.name.clone())))
        .map(|app| Found {
            environment: app.environment.clone(),
            app: app.name.clone(),
            since: None,
            previous: None,
            new: None,
        })
        .collect();
    if !cancel.is_cancelled() {
        update(&mut |answer| lost.iter().for_each(|found| set(answer, found)));
    }
    if let Some(kept) = kept {
        kept.save(state.commit, new);
    }
    Ok(())
}

/// An object is missing or broken.
fn is_unreadable(error: &anyhow::Error) -> bool {
    error.is::<git::Error>()
        || matches!(error.downcast_ref(), Some(history::Error::Git(_)))
        || matches!(error.downcast_ref(), Some(render::Error::Git(_)))
}

/// An app whose `since` is being looked for.
struct Wanted<'a> {
    /// As it was declared at the commit reached.
    app: App,
    version: Version,
    objects: Vec<&'a Object>,
    /// Its objects are those that a tool gave, not its sources.
    rendered: bool,
    /// The row after which it could be rendered, where it could not before, and how often it could not: it runs what it runs
    /// since then, unless it turns out to have run the same before it broke.
    repaired: Option<(usize, usize)>,
    /// It could not be rendered at a commit, which may be this machine's fault: what is found is not kept.
    is_unsure: bool,
}

impl Wanted<'_> {
    /// The answer for it: the row that set its version (`None`: it was never otherwise), and the version before.
    fn found(
        self,
        past: &Past,
        origins: &Origins,
        rows: &Rows,
        row: Option<usize>,
        previous: Option<String>,
    ) -> Found {
        let set_by = row.and_then(|row| Some(rows.get(row)?.id));
        Found {
            since: row.and_then(|row| behind(past, origins, rows, row)),
            previous: previous.clone(),
            new: (!self.is_unsure)
                .then(|| kept::App::new(&self.app, self.version, self.rendered, set_by, previous)),
            environment: self.app.environment,
            app: self.app.name,
        }
    }
}

struct Search<'a> {
    past: &'a Past<'a>,
    cancel: &'a Cancel,
    origins: Arc<Origins>,
    /// `None` once found.
    wanted: Vec<Option<Wanted<'a>>>,
    /// How many are not found yet.
    left: usize,
    /// Who reads a path, or something below it: indices into `wanted`. Those found are not taken out.
    readers: HashMap<RepoPath, Vec<usize>>,
    /// The last layout found.
    layout: Arc<Layout>,
}

/// An app before a commit.
enum Before {
    /// Declared as after it, and sure to give the same images.
    Unchanged,
    /// Declared as after it.
    Same,
    /// Declared otherwise.
    Other(App),
    /// Not deployed.
    Nowhere,
}

/// What an app ran before a commit.
enum Earlier {
    /// The same, declared like this.
    Same(App),
    /// Another version, or none.
    Other(Option<String>),
}

impl<'a> Search<'a> {
    fn new(past: &'a Past, state: &'a State, cancel: &'a Cancel) -> anyhow::Result<Search<'a>> {
        let mut search = Search {
            past,
            cancel,
            origins: past.origins(state.commit)?,
            wanted: Vec::new(),
            left: state.apps.len(),
            readers: HashMap::new(),
            layout: Arc::clone(&state.layout),
        };
        let tree = past.reader.tree_of(state.commit)?;
        for desired in &state.apps {
            let objects = objects(&desired.rendering);
            search.read_by(search.wanted.len(), &desired.app);
            search.wanted.push(Some(Wanted {
                version: version::declared(past, tree, &desired.app, &desired.rendering)?,
                app: desired.app.clone(),
                objects,
                rendered: is_rendered(&desired.rendering),
                repaired: None,
                is_unsure: false,
            }));
        }
        Ok(search)
    }

    fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Takes the apps that ran at a commit what they run now, and are `known` from when that was a tip. (`is_here`: it is
    /// the one that is looked at.)
    fn recall(&mut self, rows: &Rows, known: &[kept::App], is_here: bool) -> Vec<Found> {
        let mut found = Vec::new();
        for place in &mut self.wanted {
            let Some(wanted) = place.as_ref().filter(|wanted| wanted.repaired.is_none()) else {
                continue;
            };
            let known = known
                .iter()
                .find(|known| known.is_of(&wanted.app, &wanted.version, wanted.rendered));
            let Some((known, row)) = known.and_then(|known| Some((known, known.row(rows)?))) else {
                continue;
            };
            let Some(wanted) = place.take() else {
                continue;
            };
            self.left -= 1;
            let previous = known.previous.clone();
            let mut it = wanted.found(self.past, &self.origins, rows, row, previous);
            it.new = it.new.filter(|_| !is_here);
            found.push(it);
        }
        found
    }

    /// What is left at the end: apps that were never otherwise, where history `is_whole`.
    fn rest(self, rows: &Rows, is_whole: bool) -> Vec<Found> {
        let (past, origins) = (self.past, self.origins);
        let rest = self.wanted.into_iter().flatten();
        rest.map(|wanted| {
            let found = wanted.found(past, &origins, rows, None, None);
            let new = found.new.filter(|_| is_whole);
            Found { new, ..found }
        })
        .collect()
    }

    fn read_by(&mut self, index: usize, app: &App) {
        for path in app.recipe.closure.iter().chain(&app.sources) {
            let path = path.strip_suffix(b"/").unwrap_or(path).as_bstr();
            let readers = match self.readers.get_mut(path) {
                Some(readers) => readers,
                None => self.readers.entry(path.to_owned()).or_default(),
            };
            if readers.last() != Some(&index) {
                readers.push(index);
            }
        }
    }

    /// The wanted apps that a change of these paths may change.
    fn touched(&self, changes: &[PathChange]) -> BTreeSet<usize> {
        let mut touched = BTreeSet::new();
        let mut seen: BTreeSet<&BStr> = BTreeSet::new();
        for change in changes {
            let mut path = change.path.as_bstr();
            while seen.insert(path) {
                let readers = self.readers.get(path).into_iter().flatten();
                touched.extend(readers.filter(|index| self.wanted[**index].is_some()));
                path = parent(path);
            }
        }
        touched
    }

    /// Takes the apps whose version the row set.
    fn step(&mut self, rows: &Rows, index: usize, row: &Row) -> anyhow::Result<Vec<Found>> {
        let touched = self.touched(&row.changes);
        if touched.is_empty() {
            return Ok(Vec::new());
        }
        let tree = rows.tree_before(&self.past.reader, index)?;
        let mut found = Vec::new();
        let mut declared: Vec<(usize, Wanted, Before)> = Vec::new();
        for at in touched {
            if let Some(wanted) = self.wanted[at].take() {
                let before = self.before(&wanted, row, tree)?;
                declared.push((at, wanted, before));
            }
        }
        let recipes: Vec<(Oid, &Recipe)> = declared
            .iter()
            .filter_map(|(_, wanted, before)| match before {
                Before::Same => Some((tree, &wanted.app.recipe)),
                Before::Other(app) => Some((tree, &app.recipe)),
                Before::Unchanged | Before::Nowhere => None,
            })
            .collect();
        let past = self.past;
        let renderer = &past.ws.inner.renderer;
        let rendered = match renderer.render_all(&past.reader, &recipes, self.cancel, &|_| {}) {
            Err(_) if self.cancel.is_cancelled() => return Ok(found),
            rendered => rendered?,
        };
        let mut rendered = rendered.into_iter();
        for (at, mut wanted, before) in declared {
            let is_alike = matches!(before, Before::Unchanged | Before::Same);
            let earlier = match before {
                Before::Unchanged => Earlier::Same(wanted.app.clone()),
                Before::Nowhere => Earlier::Other(None),
                Before::Same | Before::Other(_) => {
                    let Some(rendering) = rendered.next() else {
                        continue;
                    };
                    let app = match before {
                        Before::Other(app) => app,
                        _ => wanted.app.clone(),
                    };
                    self.compare(&mut wanted, app, &rendering, tree, index)?
                }
            };
            match earlier {
                Earlier::Same(app) => {
                    let wanted = Wanted { app, ..wanted };
                    self.keep(at, wanted, row, tree, is_alike)?;
                }
                Earlier::Other(previous) => {
                    let set_by = wanted.repaired.map_or(index, |(since, _)| since);
                    self.left -= 1;
                    found.push(wanted.found(past, &self.origins, rows, Some(set_by), previous));
                }
            }
        }
        Ok(found)
    }

    /// What an app ran before the row at `index`, by its rendering there.
    fn compare(
        &self,
        wanted: &mut Wanted,
        app: App,
        rendering: &Rendering,
        tree: Oid,
        index: usize,
    ) -> anyhow::Result<Earlier> {
        if wanted.rendered && !is_rendered(rendering) {
            wanted.is_unsure = true;
            let (since, count) = wanted.repaired.unwrap_or((index, 0));
            wanted.repaired = Some((since, count + 1));
            let may_be_same = !wanted.version.images.is_empty() && count < MAX_BROKEN;
            return Ok(match may_be_same {
                true => Earlier::Same(app),
                // What it ran is not known.
                false => Earlier::Other(None),
            });
        }
        let version = version::declared(self.past, tree, &app, rendering)?;
        if !is_same(wanted, &version, &objects(rendering)) {
            return Ok(Earlier::Other(version.version));
        }
        wanted.repaired = None;
        Ok(Earlier::Same(app))
    }

    /// Goes on looking for an app, as it was declared before the row.
    fn keep(
        &mut self,
        at: usize,
        mut wanted: Wanted<'a>,
        row: &Row,
        tree: Oid,
        is_alike: bool,
    ) -> anyhow::Result<()> {
        // Which files it reads is said by kustomizations, and by which files there are.
        let recipe = &mut wanted.app.recipe;
        let reads_others = row.changes.iter().any(|change| {
            let name = file_name(change.path.as_bstr());
            let may =
                change.before.is_none() || change.after.is_none() || is_kustomization_name(name);
            may && recipe.touches(&change.path)
        });
        if reads_others || !is_alike {
            let renderer = &self.past.ws.inner.renderer;
            let closure = renderer.closure(&self.past.reader, tree, recipe)?;
            recipe.closure.extend(closure);
            recipe.closure.sort();
            recipe.closure.dedup();
            self.read_by(at, &wanted.app);
        }
        self.wanted[at] = Some(wanted);
        Ok(())
    }

    /// How a wanted app was declared before a row.
    fn before(&mut self, wanted: &Wanted, row: &Row, tree: Oid) -> anyhow::Result<Before> {
        let (past, inner) = (self.past, &self.past.ws.inner);
        if self.is_declared_alike(wanted, row, tree)? {
            let recipe = &wanted.app.recipe;
            let unchanged = !wanted.version.images.is_empty()
                && wanted.repaired.is_none()
                && inner
                    .renderer
                    .keeps_images(&past.reader, tree, row.tree, recipe)?;
            return Ok(match unchanged {
                true => Before::Unchanged,
                false => Before::Same,
            });
        }
        self.layout = past.line.layouts.at(&past.reader, &inner.renderer, tree)?;
        let same =
            |app: &&App| app.environment == wanted.app.environment && app.name == wanted.app.name;
        Ok(match self.layout.apps.iter().find(same) {
            Some(app) => Before::Other(app.clone()),
            None => Before::Nowhere,
        })
    }

    /// Whether the row is sure to leave the app declared as it is.
    fn is_declared_alike(&self, wanted: &Wanted, row: &Row, tree: Oid) -> anyhow::Result<bool> {
        let reader = &self.past.reader;
        for root in &wanted.app.recipe.roots {
            if !root.is_empty() && reader.entry(tree, root.as_bstr())?.is_none() {
                return Ok(false);
            }
        }
        let renderer = &self.past.ws.inner.renderer;
        let both = row.between(tree);
        let (layout, app) = (&self.layout, &wanted.app);
        Ok(layout::is_declared_alike(
            reader, renderer, layout, app, both,
        )?)
    }
}

/// An app without images has no version; it is then as old as the last change of its objects.
fn is_same(wanted: &Wanted, version: &Version, objects: &[&Object]) -> bool {
    if wanted.version.images.is_empty() && wanted.version.version.is_none() {
        wanted.objects == objects
    } else {
        wanted.version == *version
    }
}

fn objects(rendering: &Rendering) -> Vec<&Object> {
    let objects = rendering.objects.iter();
    objects.map(|rendered| &rendered.object).collect()
}

fn is_rendered(rendering: &Rendering) -> bool {
    !matches!(rendering.how, How::Sources { .. })
}

fn set(answer: &mut Answer, found: &Found) {
    let order: Vec<String> = answer
        .environments
        .iter()
        .map(|environment| environment.name.clone())
        .collect();
    let Some(app) = answer.app_mut(&found.app) else {
        return;
    };
    for deployment in &mut app.deployments {
        if deployment.environment == found.environment {
            deployment.since = found.since.clone();
            deployment.previous = found.previous.clone();
            deployment.searching = false;
        }
    }
    set_behind(app, &order);
}

/// A deployment is behind the nearest environment before it in promotion order that runs another version since later.
fn set_behind(app: &mut super::App, order: &[String]) {
    let place = |environment: &str| order.iter().position(|name| name == environment);
    let all = app.deployments.clone();
    for deployment in &mut app.deployments {
        let mine = place(&deployment.environment);
        let before = all.iter().filter(|other| place(&other.environment) < mine);
        let nearest = before.max_by_key(|other| place(&other.environment));
        deployment.behind = nearest
            .filter(|other| other.version.is_some() && other.version != deployment.version)
            .filter(|other| match (&other.since, &deployment.since) {
                (Some(theirs), Some(mine)) => theirs.time > mine.time,
                _ => false,
            })
            .map(|other| other.environment.clone());
    }
}
