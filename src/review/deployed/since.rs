//! Since which commit each app runs its version: one walk down the history for all of them.

use crate::git::Oid;
use crate::history::{Origins, Rows};
use crate::layout::App;
use crate::manifest::Object;
use crate::task::Cancel;

use super::super::common::CommitLine;
use super::super::entry::line_of_row;
use super::super::version::{self, Version};
use super::super::workspace::Past;
use super::{Answer, State};

/// An app whose `since` is being looked for.
struct Search<'a> {
    app: &'a App,
    version: Version,
    objects: Vec<&'a Object>,
}

/// What was found for one deployment.
struct Found {
    environment: String,
    app: String,
    since: Option<CommitLine>,
    previous: Option<String>,
}

type Update = dyn Fn(&mut dyn FnMut(&mut Answer)) + Send + Sync;

pub fn find(past: &Past, state: &State, cancel: &Cancel, update: &Update) -> anyhow::Result<()> {
    let history = past.ws.history(state.commit);
    let origins = past.origins(state.commit)?;
    let mut open: Vec<Search> = state
        .apps
        .iter()
        .map(|desired| {
            let objects: Vec<&Object> = desired
                .rendering
                .objects
                .iter()
                .map(|rendered| &rendered.object)
                .collect();
            Search {
                app: &desired.app,
                version: version::of(&desired.app, objects.iter().copied()),
                objects,
            }
        })
        .collect();
    let mut known = past.reader.tree_of(state.commit)?;
    let mut seen = 0;
    loop {
        let rows = history.wait_grown(seen, cancel);
        while let Some(row) = rows.get(seen) {
            if open.is_empty() || cancel.is_cancelled() {
                return Ok(());
            }
            let before = match row.first_parent {
                Some(parent) => past.reader.tree_of(parent).ok(),
                None => Some(past.reader.empty_tree()),
            };
            // Where the parent is missing (a shallow clone) the search ends without an answer.
            let Some(before) = before else { break };
            let found = look(past, &origins, &rows, seen, known, before, &mut open)?;
            if !found.is_empty() {
                update(&mut |answer| found.iter().for_each(|found| set(answer, found)));
            }
            known = before;
            seen += 1;
        }
        if rows.complete() {
            break;
        }
    }
    let rest: Vec<Found> = open
        .iter()
        .map(|search| Found {
            environment: search.app.environment.clone(),
            app: search.app.name.clone(),
            since: None,
            previous: None,
        })
        .collect();
    update(&mut |answer| rest.iter().for_each(|found| set(answer, found)));
    Ok(())
}

/// Takes the apps out of `open` whose version the row set.
fn look(
    past: &Past,
    origins: &Origins,
    rows: &Rows,
    index: usize,
    after: Oid,
    before: Oid,
    open: &mut Vec<Search>,
) -> anyhow::Result<Vec<Found>> {
    let Some(row) = rows.get(index) else {
        return Ok(Vec::new());
    };
    let inner = &past.ws.inner;
    let layout_after = past.line.layouts.at(&past.reader, &inner.renderer, after)?;
    let layout_before =
        past.line
            .layouts
            .beside(&past.reader, &inner.renderer, after, before, &row.changes)?;
    let touches = |app: &App| {
        row.changes
            .iter()
            .any(|change| app.recipe.touches(&change.path))
    };
    let same = |a: &App, b: &App| a.environment == b.environment && a.name == b.name;

    let mut found = Vec::new();
    let mut kept = Vec::new();
    for search in open.drain(..) {
        let there = layout_before.apps.iter().find(|app| same(app, search.app));
        let touched = there.is_some_and(touches)
            || layout_after
                .apps
                .iter()
                .any(|app| same(app, search.app) && touches(app));
        if !touched && there.is_some() {
            kept.push(search);
            continue;
        }
        let earlier = match there {
            Some(app) => {
                let rendering = inner.renderer.render(&past.reader, before, &app.recipe)?;
                let objects: Vec<&Object> = rendering
                    .objects
                    .iter()
                    .map(|rendered| &rendered.object)
                    .collect();
                let version = version::of(app, objects.iter().copied());
                if is_same(&search, &version, &objects) {
                    kept.push(search);
                    continue;
                }
                version.version
            }
            None => None,
        };
        let source = origins
            .of(&past.reader, rows, index)
            .source
            .and_then(|source| rows.get(source));
        found.push(Found {
            environment: search.app.environment.clone(),
            app: search.app.name.clone(),
            since: Some(line_of_row(source.unwrap_or(row))),
            previous: earlier,
        });
    }
    *open = kept;
    Ok(found)
}

/// An app without images has no version; it is then as old as the last change of its objects.
fn is_same(search: &Search, version: &Version, objects: &[&Object]) -> bool {
    if search.version.images.is_empty() && search.version.version.is_none() {
        search.objects == objects
    } else {
        search.version == *version
    }
}

fn set(answer: &mut Answer, found: &Found) {
    let order: Vec<String> = answer
        .environments
        .iter()
        .map(|environment| environment.name.clone())
        .collect();
    let Some(app) = answer.apps.iter_mut().find(|app| app.name == found.app) else {
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
