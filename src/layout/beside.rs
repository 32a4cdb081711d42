//! What is deployed beside Kubernetes objects, put next to them: into the environment of the same name, or one of its own.
//!
//! Whatever is found here changes nothing of what is deployed to clusters: environments and apps found there keep their
//! names, roots, destinations and deployers.

use std::collections::BTreeSet;

use super::draft::{Draft, FoundApp, components};
use super::overrides::Overrides;
use super::{Deployer, Layout};
use crate::git::{ByteSlice, Oid, Reader, RepoPath, Result};
use crate::manifest::{Document, Language};
use crate::render::tree::parent;
use crate::render::{Recipe, Renderer, Tool};

/// An app whose items are in these files (or directories).
pub(super) fn app(
    language: Language,
    deployer: Deployer,
    (environment, name): (String, String),
    roots: Vec<RepoPath>,
    closure: Vec<RepoPath>,
) -> FoundApp {
    let directory = roots
        .first()
        .map(|root| RepoPath::from(parent(root.as_bstr()).to_vec()));
    let directory = directory.unwrap_or_default();
    FoundApp {
        qualifier: components(&directory)
            .into_iter()
            .chain([name.clone()])
            .collect(),
        root: directory,
        environment,
        name,
        recipe: Recipe {
            tool: Tool::Items(language),
            roots,
            closure,
            namespace: None,
        },
        cluster: None,
        deployer: Some(deployer),
        declared_by: None,
        chart: None,
        version: None,
        sources: Vec::new(),
        marks: BTreeSet::new(),
    }
}

/// Whether two versions of a file say the same, as far as `said` reads it off their items.
pub(super) fn is_same<T: PartialEq>(
    reader: &Reader,
    renderer: &Renderer,
    language: Language,
    (before, after): (Oid, Oid),
    said: impl Fn(&[Document]) -> T,
) -> Result<bool> {
    let said = |blob| -> Result<T> {
        let parsed = renderer.items(reader, blob, language)?;
        Ok(said(&parsed.manifest.documents))
    };
    Ok(said(before)? == said(after)?)
}

/// Adds what is in `draft` to a finished layout.
pub(super) fn add(draft: Draft, overrides: &Overrides, layout: &mut Layout) {
    let found = draft.finish(Deployer::Unknown);
    for mut environment in found.environments {
        if layout.environment(&environment.name).is_some() {
            continue;
        }
        let mut deployers = found
            .apps
            .iter()
            .filter(|app| app.environment == environment.name)
            .map(|app| app.deployer);
        if let Some(first) = deployers.next()
            && deployers.all(|other| other == first)
        {
            environment.deployer = first;
        }
        layout.environments.push(environment);
    }
    layout.environments.sort_by(|a, b| {
        let order = |name| overrides.rank(name);
        order(&a.name)
            .cmp(&order(&b.name))
            .then_with(|| a.name.cmp(&b.name))
    });
    for mut app in found.apps {
        let taken = layout
            .apps
            .iter()
            .any(|other| (&other.environment, &other.name) == (&app.environment, &app.name));
        if taken && let Tool::Items(language) = app.recipe.tool {
            app.name = format!("{} ({})", app.name, language.name());
        }
        layout.apps.push(app);
    }
    let position = |name: &str| {
        let environments = &layout.environments;
        environments.iter().position(|known| known.name == name)
    };
    let mut apps = std::mem::take(&mut layout.apps);
    apps.sort_by(|a, b| {
        let place = |name| position(name);
        place(&a.environment)
            .cmp(&place(&b.environment))
            .then_with(|| a.name.cmp(&b.name))
    });
    layout.apps = apps;
    layout.kinds.extend(found.kinds);
    layout.reads.extend(found.reads);
    layout.notes.extend(found.notes);
}
