//! The tree of environments, apps and resources: which lines there are, and how each reads.

use std::collections::{BTreeSet, HashMap};

use crate::review::common::ResourceId;
use crate::review::deployed::{Answer as Deployments, Deployment};
use crate::review::drift::{self, Answer as Drifts};
use crate::review::{HealthStatus, Known, SyncState};
use crate::tui::ask::Slot;
use crate::tui::filter::{Facet, Filter};
use crate::tui::screen::deployed::cell;
use crate::tui::theme::Role;
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

/// A line of the tree. Indices into the answer that was used to make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Environment {
        index: usize,
        open: bool,
    },
    App {
        environment: usize,
        app: usize,
        cell: usize,
        open: bool,
    },
    Resource(ResourceId),
}

/// Something that can be opened and closed: an environment, or an app in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Branch {
    pub environment: String,
    pub app: Option<String>,
}

impl Node {
    /// The same branch or resource, open or not.
    pub fn is_same_place(&self, other: &Node) -> bool {
        match (self, other) {
            (Node::Environment { index: a, .. }, Node::Environment { index: b, .. }) => a == b,
            (
                Node::App {
                    environment: a,
                    app: x,
                    ..
                },
                Node::App {
                    environment: b,
                    app: y,
                    ..
                },
            ) => (a, x) == (b, y),
            (Node::Resource(a), Node::Resource(b)) => a == b,
            _ => false,
        }
    }
}

/// What is known about the live side of resources, looked up one by one.
#[derive(Default)]
pub struct Live {
    pub answer: Slot<Drifts>,
    /// Where each listed resource is in the answer.
    at: HashMap<ResourceId, usize>,
}

/// What is known about one resource's live side.
pub enum State<'a> {
    Listed(&'a drift::Resource),
    /// Compared, and not listed: as git says, and well.
    Well,
    /// Not compared: loading, or why not.
    Unknown(Row),
    /// Time travel: nothing live belongs to this.
    NotAsked,
}

impl Live {
    /// To be called when the answer has changed.
    pub fn index(&mut self) {
        let resources = self
            .answer
            .value()
            .map(|answer| answer.resources.as_slice())
            .unwrap_or_default();
        self.at = resources
            .iter()
            .enumerate()
            .map(|(i, resource)| (resource.id.clone(), i))
            .collect();
    }

    pub fn of(&self, id: &ResourceId) -> State<'_> {
        let Some(answer) = self.answer.value() else {
            return match (self.answer.is_waiting(), self.answer.failed()) {
                (_, Some(error)) => State::Unknown(
                    Row::of(Role::Error, "! ")
                        .with(Role::Text, error.lines().next().unwrap_or_default()),
                ),
                (true, None) => State::Unknown(words::loading()),
                (false, None) => State::NotAsked,
            };
        };
        if let Some(resource) = self.at.get(id).and_then(|i| answer.resources.get(*i)) {
            return State::Listed(resource);
        }
        let environment = answer
            .clusters
            .iter()
            .find(|environment| environment.name == id.environment);
        match environment.map(|environment| &environment.cluster) {
            None | Some(Known::Loading) if self.answer.is_waiting() => {
                State::Unknown(words::loading())
            }
            None | Some(Known::Loading) => State::Unknown(Row::of(Role::Unknown, "? not compared")),
            Some(Known::Unavailable(why)) => State::Unknown(words::why(why)),
            Some(Known::Fresh(_) | Known::Stale(..)) => {
                let kind = format!("{} ", id.object.kind);
                let unknown = answer.unknown.iter().find(|unknown| {
                    unknown.environment == id.environment
                        && (unknown.what == "everything" || unknown.what.starts_with(&kind))
                });
                unknown.map_or(State::Well, |unknown| {
                    State::Unknown(Row::of(Role::Unknown, "? ").with(Role::Text, &unknown.why))
                })
            }
        }
    }

    /// Those of an app that only the cluster has.
    fn extra<'a>(
        &'a self,
        environment: &'a str,
        app: &'a str,
    ) -> impl Iterator<Item = &'a ResourceId> {
        let resources = self
            .answer
            .value()
            .map(|answer| answer.resources.as_slice())
            .unwrap_or_default();
        let of_app = move |resource: &&drift::Resource| {
            resource.id.environment == environment && resource.id.app == app
        };
        let extra = |resource: &&drift::Resource| {
            matches!(resource.state, SyncState::Extra | SyncState::Orphaned)
        };
        resources
            .iter()
            .filter(of_app)
            .filter(extra)
            .map(|resource| &resource.id)
    }
}

/// What decides which lines there are.
pub struct View<'a> {
    /// Only this app in this environment.
    pub only: Option<&'a (String, String)>,
    pub filter: &'a Filter,
    /// What the user opened or closed against the default.
    pub toggled: &'a BTreeSet<Branch>,
    pub live: &'a Live,
}

/// The lines. Environments are open, apps are closed, unless there is a filter or one app alone.
pub fn nodes(answer: &Deployments, view: &View) -> Vec<Node> {
    let mut nodes = Vec::new();
    let everything = view.filter.is_empty();
    for (index, environment) in answer.environments.iter().enumerate() {
        if view.only.is_some_and(|(only, _)| *only != environment.name) {
            continue;
        }
        let below = apps(answer, index, view);
        if below.is_empty() && !everything {
            continue;
        }
        let open = !view.toggled.contains(&Branch {
            environment: environment.name.clone(),
            app: None,
        });
        nodes.push(Node::Environment { index, open });
        if open {
            nodes.extend(below);
        }
    }
    nodes
}

fn apps(answer: &Deployments, index: usize, view: &View) -> Vec<Node> {
    let environment = &answer.environments[index].name;
    let open_by_default = view.only.is_some() || !view.filter.is_empty();
    let mut nodes = Vec::new();
    for (app_index, app) in answer.apps.iter().enumerate() {
        let Some(cell) = app
            .deployments
            .iter()
            .position(|cell| cell.environment == *environment)
        else {
            continue;
        };
        let declared = app.deployments[cell].resources.iter();
        let all = declared.chain(view.live.extra(environment, &app.name));
        let resources: Vec<ResourceId> = all.filter(|id| passes(id, view)).cloned().collect();
        if resources.is_empty() && !view.filter.is_empty() {
            continue;
        }
        let branch = Branch {
            environment: environment.clone(),
            app: Some(app.name.clone()),
        };
        let open = open_by_default != view.toggled.contains(&branch);
        nodes.push(Node::App {
            environment: index,
            app: app_index,
            cell,
            open,
        });
        if open {
            nodes.extend(resources.into_iter().map(Node::Resource));
        }
    }
    nodes
}

fn passes(id: &ResourceId, view: &View) -> bool {
    if view.filter.is_empty() {
        return true;
    }
    let mut facets = vec![
        (Facet::Environment, id.environment.as_str()),
        (Facet::App, id.app.as_str()),
        (Facet::Kind, id.object.kind.as_str()),
        (Facet::Word, id.object.name.as_str()),
    ];
    facets.extend(
        id.object
            .namespace
            .iter()
            .map(|namespace| (Facet::Namespace, namespace.as_str())),
    );
    match view.live.of(id) {
        State::Listed(resource) => {
            facets.push((Facet::State, words::sync_mark(resource.state).1));
            facets.extend(
                resource
                    .health
                    .value()
                    .map(|health| (Facet::State, words::health_mark(health.status).1)),
            );
        }
        State::Well => facets.extend([(Facet::State, "healthy"), (Facet::State, "synced")]),
        State::Unknown(_) => facets.push((Facet::State, "unknown")),
        State::NotAsked => {}
    }
    view.filter.matches(&facets)
}

/// How a line reads.
pub fn row(node: &Node, answer: &Deployments, live: &Live) -> Row {
    match node {
        Node::Environment { index, open } => {
            let environment = &answer.environments[*index];
            let has = |cells: &[Deployment]| {
                cells
                    .iter()
                    .any(|cell| cell.environment == environment.name)
            };
            let apps = answer
                .apps
                .iter()
                .filter(|app| has(&app.deployments))
                .count();
            let row = Row::of(Role::Dim, twist(*open))
                .with(Role::Environment, &environment.name)
                .with(Role::Dim, &format!("  {}", words::count(apps, "app")));
            match &environment.cluster {
                Known::Unavailable(why) => row.gap().then(words::why(why)),
                _ => row,
            }
        }
        Node::App {
            environment,
            app,
            cell,
            open,
        } => app_row(
            &answer.apps[*app].name,
            &answer.apps[*app].deployments[*cell],
            *open,
            columns(answer),
            cell::lost(
                answer,
                &answer.apps[*app].name,
                &answer.environments[*environment].name,
            )
            .next()
            .is_some(),
        ),
        Node::Resource(id) => resource_row(id, live.of(id)),
    }
}

fn twist(open: bool) -> &'static str {
    if open { "▾ " } else { "▸ " }
}

/// Longer names and versions push on what is beside them.
const NAME: u16 = 44;
const VERSION: u16 = 12;

/// How wide the columns of apps are: name, version.
fn columns(answer: &Deployments) -> [u16; 2] {
    let apps = answer.apps.iter();
    let width = |text: &str| Row::of(Role::Text, text).width();
    let names = apps.clone().map(|app| width(&app.name));
    let cells = apps.flat_map(|app| &app.deployments);
    let versions = cells.map(|cell| cell.version.as_deref().map_or(0, &width));
    [
        names.max().unwrap_or(0).min(NAME),
        versions.max().unwrap_or(0).min(VERSION),
    ]
}

fn app_row(name: &str, cell: &Deployment, open: bool, columns: [u16; 2], is_lost: bool) -> Row {
    let version = cell.version.as_deref().unwrap_or_default();
    let mut row = Row::of(Role::Text, "  ")
        .with(Role::Dim, twist(open))
        .then(Row::of(Role::Text, name).pad(columns[0]))
        .with(Role::Text, "  ")
        .then(Row::of(Role::Version, version).pad(columns[1]));
    let count = words::count(cell.resources.len(), "resource");
    row = match (is_lost, cell.resources.is_empty()) {
        (true, true) => row.gap().with(Role::Error, "! not rendered"),
        (true, false) => row.gap().with(Role::Error, "! ").with(Role::Dim, &count),
        (false, _) => row.gap().with(Role::Dim, &count),
    };
    if let Some(live) = cell.live.value() {
        let (mark, word, role) = words::health_mark(live.health.status);
        if live.health.status != HealthStatus::Healthy {
            row.add(role, &format!("  {mark} {word}"));
        }
        if live.drifted > 0 {
            row.add(Role::Drift, &format!("  ≠{}", live.drifted));
        }
    }
    row
}

fn resource_row(id: &ResourceId, state: State) -> Row {
    let row = Row::of(Role::Text, "      ");
    let name = id.object.to_string();
    match state {
        State::Well => row.with(Role::Healthy, "● ").with(Role::Text, &name),
        State::NotAsked => row.with(Role::Text, "  ").with(Role::Text, &name),
        State::Unknown(why) => {
            // The mark that its explanation begins with.
            let mark: String = why.plain().chars().take(1).collect();
            row.with(Role::Dim, &mark)
                .with(Role::Text, " ")
                .with(Role::Text, &name)
        }
        State::Listed(resource) => listed(row, resource, &name),
    }
}

fn listed(row: Row, resource: &drift::Resource, name: &str) -> Row {
    let health = resource.health.value();
    let (mark, word, role) = health.map_or(("?", "", Role::Unknown), |health| {
        words::health_mark(health.status)
    });
    let mut row = row
        .with(role, mark)
        .with(Role::Text, " ")
        .with(Role::Text, name);
    if let Some(health) = health.filter(|health| health.status != HealthStatus::Healthy) {
        row = row
            .with(Role::Text, "  ")
            .with(role, word)
            .with(Role::Text, " ")
            .with(Role::Dim, &health.reason);
    }
    if resource.state != SyncState::Synced {
        let (mark, word, role) = words::sync_mark(resource.state);
        row.add(role, &format!("  {mark} {word}"));
        if !resource.fields.is_empty() {
            row.add(
                Role::Dim,
                &format!(" {}", words::count(resource.fields.len(), "field")),
            );
        }
    }
    row
}
