//! Apps through time: which app of one layout is which of another. Names follow from the layout and change with it, so
//! what an app reads comes first.

use std::mem::discriminant;

use crate::layout::{App, Layout};
use crate::render::{Recipe, Tool};

/// Whether two recipes read the same places and mean the same by them, whatever is there.
pub(super) fn same_sources(before: &Recipe, after: &Recipe) -> bool {
    (&before.tool, &before.roots, &before.namespace)
        == (&after.tool, &after.roots, &after.namespace)
}

fn same_roots(a: &Recipe, b: &Recipe) -> bool {
    // Manifests become a kustomization, and none of them another language's items.
    let are_manifests = |tool: &Tool| matches!(tool, Tool::Plain | Tool::Kustomize(_));
    let alike = discriminant(&a.tool) == discriminant(&b.tool)
        || (are_manifests(&a.tool) && are_manifests(&b.tool));
    !a.roots.is_empty() && a.roots == b.roots && alike
}

/// The apps of an environment.
pub(super) fn apps<'l>(layout: &'l Layout, environment: &str) -> Vec<&'l App> {
    layout
        .apps
        .iter()
        .filter(|app| app.environment == environment)
        .collect()
}

/// What the app called `app` after a change was called before it.
pub(super) fn name_before(
    before: &Layout,
    after: &Layout,
    environment: &str,
    app: &str,
) -> Option<String> {
    pair_apps(&apps(before, environment), &apps(after, environment))
        .into_iter()
        .find(|(_, after)| after.is_some_and(|after| after.name == app))?
        .0
        .map(|before| before.name.clone())
}

/// Which app became which: the one that reads the same places and means the same by them, else the one that the same order
/// declares, else the one that at least begins at the same places (what cannot be read has no namespace, and another name),
/// else the one of the same name.
pub(super) fn pair_apps<'l>(
    before: &[&'l App],
    after: &[&'l App],
) -> Vec<(Option<&'l App>, Option<&'l App>)> {
    let mut left: Vec<&App> = before.to_vec();
    let mut pairs: Vec<(Option<&App>, Option<&App>)> = Vec::with_capacity(after.len());
    let mut take = |fits: &dyn Fn(&App) -> bool| {
        let at = left.iter().position(|app| fits(app))?;
        Some(left.remove(at))
    };
    for app in after {
        let old = take(&|old| old.name == app.name && same_sources(&old.recipe, &app.recipe))
            .or_else(|| take(&|old| same_sources(&old.recipe, &app.recipe)));
        pairs.push((old, Some(app)));
    }
    let ways: [fn(&App, &App) -> bool; 4] = [
        |old, new| old.name == new.name && same_roots(&old.recipe, &new.recipe),
        |old, new| old.declared_by.is_some() && old.declared_by == new.declared_by,
        |old, new| same_roots(&old.recipe, &new.recipe),
        |old, new| old.name == new.name,
    ];
    for way in ways {
        for (old, new) in &mut pairs {
            if let (None, Some(new)) = (&old, new) {
                *old = take(&|old| way(old, new));
            }
        }
    }
    pairs.extend(left.into_iter().map(|old| (Some(old), None)));
    pairs
}
