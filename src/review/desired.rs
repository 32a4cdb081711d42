//! What git says is there: the objects of every app at a tree, and finding one of them by the name a person types.

use std::collections::HashSet;
use std::sync::Arc;

use super::common::{ResourceId, Selector};
use super::workspace::Past;
use crate::git::{ByteSlice, Oid, RepoPath};
use crate::layout::{App, Layout};
use crate::manifest::{Language, Object, ObjectRef, is_cluster_scoped, kind_for};
use crate::render::kustomization::GENERATED;
use crate::render::tree::{file_name, is_manifest_name};
use crate::render::{Recipe, Rendering, Source, Tool};
use crate::task::{Cancel, Rendered};
use crate::text;

/// An app with the objects its sources give.
pub struct DesiredApp {
    pub app: App,
    pub rendering: Arc<Rendering>,
}

impl DesiredApp {
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        let rendered = self.rendering.objects.iter();
        rendered.map(|rendered| &rendered.object)
    }
}

/// A declared object, and where.
#[derive(Clone)]
pub struct Declared {
    pub id: ResourceId,
    pub object: Object,
    pub source: Option<Source>,
}

impl<'a> Past<'a> {
    /// The apps of `layout` that `wanted` picks, rendered at `tree`.
    pub fn desired(
        &self,
        layout: &Layout,
        tree: Oid,
        wanted: impl Fn(&App) -> bool,
    ) -> anyhow::Result<Vec<DesiredApp>> {
        let apps: Vec<&App> = layout.apps.iter().filter(|app| wanted(app)).collect();
        let recipes: Vec<_> = apps.iter().map(|app| (tree, &app.recipe)).collect();
        let renderer = &self.ws.inner.renderer;
        let total = recipes.len();
        let waiting = &self.waiting;
        let tell = |done| waiting.tell(Rendered { done, total });
        let rendered = renderer.render_all(&self.reader, &recipes, waiting.cancel(), &tell)?;
        let apps = apps.into_iter().cloned().zip(rendered);
        Ok(apps
            .map(|(app, rendering)| DesiredApp { app, rendering })
            .collect())
    }

    /// Everything declared that `select` matches.
    pub fn declared(
        &self,
        layout: &Layout,
        tree: Oid,
        select: &Selector,
    ) -> anyhow::Result<Vec<Declared>> {
        let wanted = Wanted::new(select)?;
        let declaring = self.declaring(tree, &wanted);
        let mut may_hold = HashSet::new();
        for app in &layout.apps {
            let may = match &declaring {
                _ if !wanted.environment(&app.environment) => false,
                // Its files are all that it is made of.
                Some(files) if app.recipe.tool == Tool::Plain && reads_manifests(&app.recipe) => {
                    files.iter().any(|file| app.recipe.touches(file))
                }
                _ => self.may_hold(app, tree, &wanted)?,
            };
            if may {
                may_hold.insert((app.environment.as_str(), app.name.as_str()));
            }
        }
        let apps = self.desired(layout, tree, |app| {
            may_hold.contains(&(app.environment.as_str(), app.name.as_str()))
        })?;
        let mut found = Vec::new();
        for DesiredApp { app, rendering } in apps {
            for rendered in &rendering.objects {
                let path = rendered.source.as_ref().map(|source| &source.path);
                if wanted.matches(&rendered.object.id, path) {
                    found.push(Declared {
                        id: ResourceId {
                            environment: app.environment.clone(),
                            app: app.name.clone(),
                            object: rendered.object.id.clone(),
                        },
                        object: rendered.object.clone(),
                        source: rendered.source.clone(),
                    });
                }
            }
        }
        Ok(found)
    }

    /// The files that may declare what is wanted, where that is known.
    fn declaring(&self, tree: Oid, wanted: &Wanted) -> Option<Vec<RepoPath>> {
        if wanted.kinds.is_empty() || wanted.name.is_empty() {
            return None;
        }
        let mut files = Vec::new();
        for (_, kind) in &wanted.kinds {
            let layouts = &self.line.layouts;
            files.extend(layouts.known_to_declare(tree, kind, &wanted.name)?);
        }
        Some(files)
    }

    fn may_hold(&self, app: &App, tree: Oid, wanted: &Wanted) -> anyhow::Result<bool> {
        let is_wanted = |id: &ObjectRef| wanted.is_called(id);
        let cancel = self.waiting.cancel();
        let renderer = &self.ws.inner.renderer;
        let config = wanted.is_config();
        let recipe = &app.recipe;
        Ok(renderer.may_hold(&self.reader, tree, recipe, &is_wanted, config, cancel)?)
    }

    /// The one resource `select` names at the tip, else the one that history last declared. Ambiguous: an error that
    /// lists the candidates.
    pub fn the_one(
        &self,
        tip: Oid,
        select: &Selector,
    ) -> anyhow::Result<(ResourceId, Option<Declared>)> {
        let layout = self.layout_of(tip)?;
        let tree = self.reader.tree_of(tip)?;
        let mut found = self.declared(&layout, tree, select)?;
        match found.len() {
            1 => {
                let declared = found.remove(0);
                Ok((declared.id.clone(), Some(declared)))
            }
            0 => match self.gone(tip, select)? {
                Some(id) => Ok((id, None)),
                None => Err(not_found(select)),
            },
            _ => Err(ambiguous(select, found.iter().map(|declared| &declared.id))),
        }
    }

    /// The one resource `select` names at the tips of all lines, or at what `at` names; with the line it is on.
    pub fn the_one_of_all(
        &self,
        at: Option<&str>,
        select: &Selector,
        cancel: &Cancel,
    ) -> anyhow::Result<(Past<'a>, Oid, (ResourceId, Option<Declared>))> {
        let mut lines = self.at_each(at, cancel)?;
        if lines.len() > 1 {
            let mut found = Vec::new();
            for (index, (past, commit)) in lines.iter().enumerate() {
                let layout = past.layout_of(*commit)?;
                let tree = past.reader.tree_of(*commit)?;
                let declared = past.declared(&layout, tree, select)?;
                found.extend(declared.into_iter().map(|declared| (index, declared.id)));
            }
            match found.as_slice() {
                [(index, _)] => lines = vec![lines.swap_remove(*index)],
                [] => {
                    for (past, commit) in lines {
                        if let Some(id) = past.gone(commit, select)? {
                            return Ok((past, commit, (id, None)));
                        }
                    }
                    return Err(not_found(select));
                }
                _ => return Err(ambiguous(select, found.iter().map(|(_, id)| id))),
            }
        }
        match lines.pop() {
            Some((past, commit)) => {
                let one = past.the_one(commit, select)?;
                Ok((past, commit, one))
            }
            None => Err(not_found(select)),
        }
    }
}

/// Whether all files that a plain recipe reads are called like manifests: one that is named may be called anything.
fn reads_manifests(recipe: &Recipe) -> bool {
    let mut roots = recipe.roots.iter().map(|root| root.as_bstr());
    roots.all(|root| is_manifest_name(root) || !file_name(root).contains(&b'.'))
}

/// A selector, read.
pub(super) struct Wanted {
    environment: Option<String>,
    namespace: Option<String>,
    /// Empty: any kind.
    kinds: Vec<(Option<String>, String)>,
    pub(super) name: String,
    pub(super) path: Option<RepoPath>,
}

impl Wanted {
    pub(super) fn new(select: &Selector) -> anyhow::Result<Wanted> {
        let (kinds, name) = match &select.resource {
            None => (Vec::new(), String::new()),
            Some(resource) => {
                let Some((kind, name)) = resource
                    .split_once('/')
                    .filter(|(kind, name)| !kind.is_empty() && !name.is_empty())
                else {
                    let resource = text::clean(resource);
                    let name = match resource.contains('/') || resource.is_empty() {
                        true => "api",
                        false => &resource,
                    };
                    anyhow::bail!(
                        "{resource:?} does not name a resource\nhint: write KIND/NAME, e.g. deploy/{name}"
                    )
                };
                (kinds(kind), name.to_owned())
            }
        };
        Ok(Wanted {
            environment: select.environment.clone(),
            namespace: select.namespace.clone(),
            kinds,
            name,
            path: select.path.as_deref().map(RepoPath::from),
        })
    }

    pub(super) fn environment(&self, name: &str) -> bool {
        self.environment
            .as_deref()
            .is_none_or(|wanted| wanted == name)
    }

    /// Whether it names one resource, and does not only say where.
    pub(super) fn is_named(&self) -> bool {
        !self.name.is_empty()
    }

    pub(super) fn matches(&self, object: &ObjectRef, path: Option<&RepoPath>) -> bool {
        let path = self.path.as_ref().is_none_or(|wanted| path == Some(wanted));
        self.is_called(object) && self.matches_namespace(object) && path
    }

    fn is_called(&self, object: &ObjectRef) -> bool {
        let kind = self.kinds.is_empty()
            || self.kinds.iter().any(|(group, kind)| {
                kind.eq_ignore_ascii_case(&object.kind)
                    && group.as_ref().is_none_or(|group| *group == object.group)
            });
        let name = self.name.is_empty() || self.name == object.name;
        kind && name
    }

    /// Whether it may be a ConfigMap or a Secret.
    fn is_config(&self) -> bool {
        let is = |kind: &str| {
            GENERATED
                .iter()
                .any(|generated| kind.eq_ignore_ascii_case(generated))
        };
        self.kinds.is_empty() || self.kinds.iter().any(|(_, kind)| is(kind))
    }

    pub(super) fn matches_namespace(&self, object: &ObjectRef) -> bool {
        self.namespace.is_none()
            || self.namespace == object.namespace
            || (object.namespace.is_none() && is_cluster_scoped(&object.group, &object.kind))
    }
}

/// The kinds a word may mean: a built-in short name, else the word itself, with the group after the first dot.
pub(super) fn kinds(word: &str) -> Vec<(Option<String>, String)> {
    let known: Vec<_> = kind_for(word)
        .iter()
        .map(|(group, kind)| (Some((*group).to_owned()), (*kind).to_owned()))
        .collect();
    if !known.is_empty() {
        // A Tekton Task and an Ansible task go by the same word.
        let items = Language::ALL.map(|language| language.group().to_owned());
        let items = items
            .into_iter()
            .map(|group| (Some(group), word.to_owned()));
        return known.into_iter().chain(items).collect();
    }
    match word.split_once('.') {
        Some((kind, group)) => vec![(Some(group.to_owned()), kind.to_owned())],
        None => vec![(None, word.to_owned())],
    }
}

fn not_found(select: &Selector) -> anyhow::Error {
    let mut what = select
        .resource
        .clone()
        .or_else(|| select.path.clone())
        .unwrap_or_else(|| "resource".to_owned());
    if let Some(namespace) = &select.namespace {
        what.push_str(&format!(" -n {namespace}"));
    }
    if let Some(environment) = &select.environment {
        what.push_str(&format!(" in {environment}"));
    }
    let what = text::clean_line(&what);
    anyhow::anyhow!(
        "{what} is declared nowhere, now or in the past\nhint: `gitopsy where` lists the apps; check kind, name and -n"
    )
}

fn ambiguous<'a>(
    select: &Selector,
    candidates: impl Iterator<Item = &'a ResourceId>,
) -> anyhow::Error {
    const SHOWN: usize = 12;
    let what = text::clean_line(
        select
            .resource
            .as_deref()
            .or(select.path.as_deref())
            .unwrap_or("the resource"),
    );
    let lines: Vec<String> = candidates
        .map(|id| {
            let namespace = id
                .object
                .namespace
                .as_deref()
                .map(|name| format!(" -n {name}"))
                .unwrap_or_default();
            text::clean_line(&format!(
                "{}{namespace} --env {}  ({})",
                id.object, id.environment, id.app
            ))
        })
        .collect();
    let more = lines.len().saturating_sub(SHOWN);
    let mut list: String = lines
        .iter()
        .take(SHOWN)
        .map(|line| format!("\n  {line}"))
        .collect();
    if more > 0 {
        list.push_str(&format!("\n  … and {more} more"));
    }
    anyhow::anyhow!("{what} names more than one resource:{list}\nhint: add --env, -n or --path")
}
