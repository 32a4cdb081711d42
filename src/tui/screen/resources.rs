//! Environments, their apps and the resources these are made of, as a tree, each with health and drift.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::timeline::selection;
use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{deployed, resource, revert};
use crate::review::common::{Environment, ResourceId, Selector};
use crate::review::deployed::{Answer as Deployments, Deployment, Request};
use crate::review::drift::{self, Answer as Drifts};
use crate::review::revert::Scope;
use crate::review::{HealthStatus, Known, SyncState};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect, K9s};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::panes::{self, Panes};
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

pub struct Resources {
    /// Only this app in this environment.
    only: Option<(String, String)>,
    deployed: Slot<Deployments>,
    drift: Slot<Drifts>,
    /// Where each listed resource is in the drift answer.
    drifts: HashMap<ResourceId, usize>,
    /// What the user opened or closed against the default.
    toggled: BTreeSet<Branch>,
    nodes: Vec<Node>,
    list: List,
    filter: Filter,
    panes: Panes,
    detail: Doc,
}

/// Something that can be opened and closed: an environment, or an app in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Branch {
    environment: String,
    app: Option<String>,
}

/// A line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
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

/// What is known about one resource's live side.
enum State<'a> {
    Listed(&'a drift::Resource),
    /// Compared, and not listed: as git says, and well.
    Well,
    /// Not compared: loading, or why not.
    Unknown(Row),
    /// Time travel: nothing live belongs to this.
    NotAsked,
}

const TREE: usize = 0;
const DETAIL: usize = 1;

impl Default for Resources {
    fn default() -> Resources {
        Resources {
            only: None,
            deployed: Slot::default(),
            drift: Slot::default(),
            drifts: HashMap::new(),
            toggled: BTreeSet::new(),
            nodes: Vec::new(),
            list: List::default(),
            filter: Filter::default(),
            panes: Panes::default(),
            detail: Doc::wrapped(),
        }
    }
}

impl Resources {
    /// The resources of one app in one environment.
    pub fn of(environment: &str, app: &str) -> Resources {
        Resources {
            only: Some((environment.to_owned(), app.to_owned())),
            ..Resources::default()
        }
    }

    pub fn ask(&mut self, cx: &mut Cx) {
        let at = cx.at.map(str::to_owned);
        let (environment, app) = self.only.clone().unzip();
        let request = Request {
            apps: app.clone().into_iter().collect(),
            environment: environment.clone(),
            at,
        };
        self.deployed.ask(cx, Question::Deployed(request));
        if cx.at.is_some() {
            self.drift.forget();
            self.drifts.clear();
        } else {
            let select = Selector {
                environment,
                ..Selector::default()
            };
            self.drift
                .ask(cx, Question::Drift(drift::Request { select, app }));
        }
    }

    pub fn reply(&mut self, reply: Reply) {
        match reply.answer {
            Answer::Deployed(part) => {
                self.deployed.take(reply.ticket, part);
            }
            Answer::Drift(part) => {
                self.drift.take(reply.ticket, part);
                let resources = self
                    .drift
                    .value()
                    .map(|answer| answer.resources.as_slice())
                    .unwrap_or_default();
                self.drifts = resources
                    .iter()
                    .enumerate()
                    .map(|(i, resource)| (resource.id.clone(), i))
                    .collect();
            }
            _ => {}
        }
        self.refill();
    }

    /// Makes the tree anew, with the same line selected as far as it is still there.
    fn refill(&mut self) {
        let selected = self.nodes.get(self.list.at).cloned();
        let Some(answer) = self.deployed.value() else {
            return;
        };
        let mut nodes = Vec::new();
        for (index, environment) in answer.environments.iter().enumerate() {
            if self
                .only
                .as_ref()
                .is_some_and(|(only, _)| *only != environment.name)
            {
                continue;
            }
            let branch = Branch {
                environment: environment.name.clone(),
                app: None,
            };
            let open = !self.toggled.contains(&branch);
            let mut below = Vec::new();
            for (app_index, app) in answer.apps.iter().enumerate() {
                let Some(cell) = app
                    .deployments
                    .iter()
                    .position(|cell| cell.environment == environment.name)
                else {
                    continue;
                };
                let resources: Vec<ResourceId> = self
                    .resources(&app.deployments[cell], &app.name)
                    .into_iter()
                    .filter(|id| self.filter.is_empty() || self.passes(id))
                    .collect();
                if resources.is_empty() && !self.filter.is_empty() {
                    continue;
                }
                let branch = Branch {
                    environment: environment.name.clone(),
                    app: Some(app.name.clone()),
                };
                let open_by_default = self.only.is_some() || !self.filter.is_empty();
                let open = open_by_default != self.toggled.contains(&branch);
                below.push(Node::App {
                    environment: index,
                    app: app_index,
                    cell,
                    open,
                });
                if open {
                    below.extend(resources.into_iter().map(Node::Resource));
                }
            }
            if below.is_empty() && !self.filter.is_empty() {
                continue;
            }
            nodes.push(Node::Environment { index, open });
            if open {
                nodes.extend(below);
            }
        }
        let same = |node: &Node| {
            selected
                .as_ref()
                .is_some_and(|selected| same_place(selected, node))
        };
        self.list.at = nodes.iter().position(same).unwrap_or(self.list.at);
        self.nodes = nodes;
    }

    /// Declared ones, then those only the cluster has.
    fn resources(&self, cell: &Deployment, app: &str) -> Vec<ResourceId> {
        let mut out = cell.resources.clone();
        let extra = self
            .drift
            .value()
            .map(|answer| answer.resources.as_slice())
            .unwrap_or_default()
            .iter()
            .filter(|resource| {
                resource.id.environment == cell.environment
                    && resource.id.app == app
                    && matches!(resource.state, SyncState::Extra | SyncState::Orphaned)
            });
        out.extend(extra.map(|resource| resource.id.clone()));
        out
    }

    fn state(&self, id: &ResourceId) -> State<'_> {
        let Some(answer) = self.drift.value() else {
            return match (self.drift.is_waiting(), self.drift.failed()) {
                (_, Some(error)) => State::Unknown(
                    Row::of(Role::Error, "! ")
                        .with(Role::Text, error.lines().next().unwrap_or_default()),
                ),
                (true, None) => State::Unknown(words::loading()),
                (false, None) => State::NotAsked,
            };
        };
        if let Some(resource) = self.drifts.get(id).and_then(|i| answer.resources.get(*i)) {
            return State::Listed(resource);
        }
        let environment = answer
            .clusters
            .iter()
            .find(|environment| environment.name == id.environment);
        match environment.map(|environment| &environment.cluster) {
            None | Some(Known::Loading) if self.drift.is_waiting() => {
                State::Unknown(words::loading())
            }
            Some(Known::Unavailable(why)) => State::Unknown(words::why(why)),
            None | Some(Known::Loading) => State::Unknown(Row::of(Role::Unknown, "? not compared")),
            Some(Known::Fresh(_) | Known::Stale(..)) => {
                let unknown = answer.unknown.iter().find(|unknown| {
                    unknown.environment == id.environment
                        && (unknown.what == "everything"
                            || unknown.what.starts_with(&format!("{} ", id.object.kind)))
                });
                match unknown {
                    Some(unknown) => {
                        State::Unknown(Row::of(Role::Unknown, "? ").with(Role::Text, &unknown.why))
                    }
                    None => State::Well,
                }
            }
        }
    }

    fn node(&self) -> Option<&Node> {
        self.nodes.get(self.list.at)
    }

    fn resource(&self) -> Option<&ResourceId> {
        match self.node()? {
            Node::Resource(id) => Some(id),
            _ => None,
        }
    }

    fn cell(&self) -> Option<(&str, &Deployment)> {
        match self.node()? {
            Node::App { app, cell, .. } => {
                let app = self.deployed.value()?.apps.get(*app)?;
                Some((&app.name, app.deployments.get(*cell)?))
            }
            _ => None,
        }
    }

    fn branch(&self) -> Option<(Branch, bool)> {
        let answer = self.deployed.value()?;
        match self.node()? {
            Node::Environment { index, open } => Some((
                Branch {
                    environment: answer.environments[*index].name.clone(),
                    app: None,
                },
                *open,
            )),
            Node::App {
                environment,
                app,
                open,
                ..
            } => {
                let environment = answer.environments[*environment].name.clone();
                Some((
                    Branch {
                        environment,
                        app: Some(answer.apps[*app].name.clone()),
                    },
                    *open,
                ))
            }
            Node::Resource(_) => None,
        }
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.panes.act(action) || (self.panes.focus == DETAIL && self.detail.act(action)) {
            return;
        }
        match action {
            Action::Enter => match self.resource() {
                Some(id) => cx.push(Screen::Resource(resource::Resource::new(id.clone()))),
                None => self.toggle(None),
            },
            Action::Right => self.toggle(Some(true)),
            Action::Left => match self.branch() {
                Some((_, true)) => self.toggle(Some(false)),
                // To the line it is under.
                _ => {
                    let above = self.nodes[..self.list.at]
                        .iter()
                        .rposition(|node| !matches!(node, Node::Resource(_)));
                    self.list.at = above.unwrap_or(self.list.at);
                }
            },
            Action::Yaml => {
                if let Some(id) = self.resource() {
                    cx.push(Screen::Resource(resource::Resource::new(id.clone())));
                }
            }
            Action::Revert => {
                if let Some((app, cell)) = self.cell()
                    && let Some(since) = &cell.since
                {
                    let scope = Scope::App {
                        environment: cell.environment.clone(),
                        app: app.to_owned(),
                    };
                    cx.push(Screen::Revert(revert::Revert::new(
                        vec![since.clone()],
                        scope,
                    )));
                }
            }
            Action::Copy => match (self.resource(), self.cell()) {
                (Some(id), _) => cx.copy(id.object.to_string()),
                (None, Some((app, _))) => cx.copy(app.to_owned()),
                (None, None) => {
                    if let Some((branch, _)) = self.branch() {
                        cx.copy(branch.environment);
                    }
                }
            },
            Action::K9s => {
                if let Some((id, context)) = self.resource().zip(self.context()) {
                    let object = &id.object;
                    let k9s = K9s {
                        context: Some(context.to_owned()),
                        namespace: object.namespace.clone(),
                        kind: object.kind.clone(),
                        name: object.name.clone(),
                    };
                    cx.effect(Effect::K9s(k9s));
                }
            }
            Action::Wrap => self.detail.wrap = !self.detail.wrap,
            Action::NextMatch => self.next_resource(true),
            Action::PreviousMatch => self.next_resource(false),
            other => {
                self.list.act(other);
            }
        }
    }

    /// Opens or closes the selected branch; `None`: whichever it is not.
    fn toggle(&mut self, to: Option<bool>) {
        if let Some((branch, open)) = self.branch()
            && to != Some(open)
        {
            if !self.toggled.remove(&branch) {
                self.toggled.insert(branch);
            }
            self.refill();
        }
    }

    fn next_resource(&mut self, forward: bool) {
        let is_resource = |at: &usize| matches!(self.nodes.get(*at), Some(Node::Resource(_)));
        let found = match forward {
            true => (self.list.at + 1..self.nodes.len()).find(is_resource),
            false => (0..self.list.at).rev().find(is_resource),
        };
        self.list.at = found.unwrap_or(self.list.at);
    }

    fn environment(&self, name: &str) -> Option<&Environment> {
        self.deployed
            .value()?
            .environments
            .iter()
            .find(|environment| environment.name == name)
    }

    fn context(&self) -> Option<&str> {
        self.environment(&self.resource()?.environment)?
            .cluster
            .value()?
            .context
            .as_deref()
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Enter | Action::Copy if self.node().is_none() => {
                Some("nothing is selected".to_owned())
            }
            Action::Yaml if self.resource().is_none() => Some("no resource is selected".to_owned()),
            Action::Revert if self.resource().is_some() => {
                Some("open the resource and choose the commit in its log".to_owned())
            }
            Action::Revert => match self.cell() {
                None => Some(
                    "select an app: reverting undoes the commit that set its version".to_owned(),
                ),
                Some((_, cell)) if cell.since.is_none() => {
                    Some("the commit that set this version is not known".to_owned())
                }
                Some(_) => None,
            },
            Action::K9s if self.resource().is_none() => Some("no resource is selected".to_owned()),
            Action::K9s if self.context().is_none() => {
                Some("no kubeconfig context is known for it".to_owned())
            }
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        self.filter = Filter::parse(text);
        self.refill();
        // Landing on a heading would make enter close it.
        if !self.filter.is_empty() && self.resource().is_none() {
            self.next_resource(true);
        }
    }

    fn passes(&self, id: &ResourceId) -> bool {
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
        match self.state(id) {
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
        self.filter.matches(&facets)
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[1, 1]),
            false => panes::rows(area, &[2, 1]),
        };
        self.panes.settle(area, rects);
        self.list
            .settle(self.nodes.len(), self.panes.inner(TREE).height);
        let rows = self.explain(now);
        self.detail.set(rows);
        let inner = self.panes.inner(DETAIL);
        self.detail.settle(inner.width, inner.height);
    }

    fn explain(&self, now: Timestamp) -> Vec<Row> {
        let Some(answer) = self.deployed.value() else {
            return Vec::new();
        };
        match self.node() {
            None => Vec::new(),
            Some(Node::Environment { index, .. }) => {
                let environment = &answer.environments[*index];
                let mut rows = vec![
                    labelled(
                        "applied by",
                        Row::of(Role::Text, words::deployer(environment.deployer)),
                    ),
                    labelled("cluster", words::cluster(environment)),
                ];
                rows.extend(
                    environment
                        .destination
                        .cluster
                        .iter()
                        .map(|name| labelled("declared", Row::of(Role::Text, name))),
                );
                rows.extend(
                    environment
                        .destination
                        .namespace
                        .iter()
                        .map(|name| labelled("namespace", Row::of(Role::Text, name))),
                );
                if environment.protected {
                    rows.push(labelled(
                        "protected",
                        Row::of(Role::Warning, "staging asks for the environment's name"),
                    ));
                }
                rows
            }
            Some(Node::App { .. }) => self
                .cell()
                .map(|(_, cell)| deployed::explain_cell(cell, now))
                .unwrap_or_default(),
            Some(Node::Resource(id)) => self.explain_resource(id, now),
        }
    }

    fn explain_resource(&self, id: &ResourceId, now: Timestamp) -> Vec<Row> {
        let mut rows = Vec::new();
        rows.extend(
            id.object
                .namespace
                .iter()
                .map(|namespace| labelled("namespace", Row::of(Role::Text, namespace))),
        );
        match self.state(id) {
            State::Well => rows.push(labelled(
                "live",
                Row::of(Role::Healthy, "● Healthy  = synced"),
            )),
            State::Unknown(row) => rows.push(labelled("live", row)),
            State::NotAsked => rows.push(labelled(
                "live",
                Row::of(Role::Dim, "not asked for another time"),
            )),
            State::Listed(resource) => {
                let (mark, word, role) = words::sync_mark(resource.state);
                rows.push(labelled(
                    "live",
                    Row::of(role, mark).with(role, " ").with(role, word),
                ));
                match resource.health.value() {
                    Some(health) => rows.push(labelled("health", words::health(health))),
                    None => rows.push(labelled("health", words::standing(&resource.health, now))),
                }
                rows.extend(
                    resource
                        .path
                        .iter()
                        .map(|path| labelled("declared", Row::of(Role::Text, path))),
                );
                for field in &resource.fields {
                    let (desired, live) = (
                        words::value(field.desired.as_ref()),
                        words::value(field.live.as_ref()),
                    );
                    let path = crate::tui::widget::fields::short_path(&field.path);
                    rows.push(
                        Row::of(Role::Drift, "≠ ")
                            .with(Role::Text, &path)
                            .with(Role::Dim, "  git ")
                            .with(Role::Text, &desired)
                            .with(Role::Dim, "  live ")
                            .with(Role::Drift, &live),
                    );
                    rows.push(Row::of(Role::Text, "    ").then(words::cause(&field.cause, now)));
                }
            }
        }
        rows
    }

    pub fn facts(&self) -> Facts {
        Facts {
            crumb: match &self.only {
                Some((environment, app)) => format!("{app} in {environment}"),
                None => "Resources".to_owned(),
            },
            position: self.list.position(),
            filter: Some(self.filter.text().to_owned()),
            tickets: [self.deployed.ticket(), self.drift.ticket()]
                .into_iter()
                .flatten()
                .collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane) {
            (Mouse::Wheel(rows), TREE) => self.list.scroll(rows),
            (Mouse::Wheel(rows), _) => self.detail.scroll(rows),
            (Mouse::Click, _) => {
                self.panes.focus = pane;
                if let (TREE, Some(line)) = (pane, line) {
                    self.list.click(line);
                }
            }
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let role = if self.panes.focus == TREE {
            Role::FocusedTitle
        } else {
            Role::Title
        };
        let mut title = Row::of(role, "Resources");
        if let Some((environment, app)) = &self.only {
            title = title
                .with(Role::Dim, " of ")
                .with(Role::Text, app)
                .with(Role::Dim, " in ")
                .with(Role::Environment, environment);
        }
        let note = standing(&self.deployed);
        let note = if note.is_empty() {
            standing(&self.drift)
        } else {
            note
        };
        if let Some(area) = self.panes.frame(look.theme, buf, TREE, &title, &note) {
            let rows = match self.deployed.value() {
                None => absent(&self.deployed),
                Some(_) if self.nodes.is_empty() => vec![match self.filter.is_empty() {
                    true => Row::of(Role::Dim, "no resource is declared here"),
                    false => Row::of(Role::Dim, "no resource passes the filter (esc clears it)"),
                }],
                Some(answer) => {
                    for (y, at) in (area.top()..area.bottom()).zip(self.list.visible()) {
                        let row = self.line(&self.nodes[at], answer);
                        paint::line(
                            buf,
                            look.theme,
                            area,
                            y,
                            &row,
                            selection(look, at == self.list.at, self.panes.focus == TREE),
                        );
                    }
                    Vec::new()
                }
            };
            for (y, row) in (area.top()..area.bottom()).zip(rows) {
                paint::line(buf, look.theme, area, y, &row, Style::new());
            }
        }
        let title = match (self.resource(), self.branch()) {
            (Some(id), _) => Row::of(Role::Resource, &id.object.to_string()),
            (
                None,
                Some((
                    Branch {
                        environment,
                        app: Some(app),
                    },
                    _,
                )),
            ) => Row::of(Role::Title, &app)
                .with(Role::Dim, " in ")
                .with(Role::Environment, &environment),
            (
                None,
                Some((
                    Branch {
                        environment,
                        app: None,
                    },
                    _,
                )),
            ) => Row::of(Role::Environment, &environment),
            (None, None) => Row::of(Role::Title, "Detail"),
        };
        if let Some(area) = self.panes.frame(
            look.theme,
            buf,
            DETAIL,
            &title,
            &Row::of(Role::Dim, &self.detail.position()),
        ) {
            self.detail.view(look.theme, buf, area);
        }
    }

    fn line(&self, node: &Node, answer: &Deployments) -> Row {
        let twist = |open: bool| if open { "▾ " } else { "▸ " };
        match node {
            Node::Environment { index, open } => {
                let environment = &answer.environments[*index];
                let apps = answer
                    .apps
                    .iter()
                    .filter(|app| {
                        app.deployments
                            .iter()
                            .any(|cell| cell.environment == environment.name)
                    })
                    .count();
                let row = Row::of(Role::Dim, twist(*open))
                    .with(Role::Environment, &environment.name)
                    .with(Role::Dim, &format!("  {}", words::count(apps, "app")));
                match &environment.cluster {
                    Known::Unavailable(why) => row.with(Role::Text, "  ").then(words::why(why)),
                    _ => row,
                }
            }
            Node::App {
                app, cell, open, ..
            } => {
                let cell = &answer.apps[*app].deployments[*cell];
                let mut row = Row::of(Role::Text, "  ")
                    .with(Role::Dim, twist(*open))
                    .with(Role::Text, &answer.apps[*app].name);
                row = row
                    .with(Role::Text, "  ")
                    .with(Role::Version, cell.version.as_deref().unwrap_or_default());
                row.add(
                    Role::Dim,
                    &format!("  {}", words::count(cell.resources.len(), "resource")),
                );
                if let Some(live) = cell.live.value() {
                    let (mark, word, role) = words::health_mark(live.health.status);
                    if live.health.status != HealthStatus::Healthy {
                        row = row
                            .with(Role::Text, "  ")
                            .with(role, &format!("{mark} {word}"));
                    }
                    if live.drifted > 0 {
                        row = row
                            .with(Role::Text, "  ")
                            .with(Role::Drift, &format!("≠ {} drifted", live.drifted));
                    }
                }
                row
            }
            Node::Resource(id) => {
                let row = Row::of(Role::Text, "      ");
                let name = id.object.to_string();
                match self.state(id) {
                    State::Well => row.with(Role::Healthy, "● ").with(Role::Text, &name),
                    State::NotAsked => row.with(Role::Text, "  ").with(Role::Text, &name),
                    State::Unknown(why) => {
                        let mark: String = why.plain().chars().take(1).collect();
                        row.with(Role::Dim, &mark)
                            .with(Role::Text, " ")
                            .with(Role::Text, &name)
                    }
                    State::Listed(resource) => listed(row, resource, &name),
                }
            }
        }
    }
}

fn listed(row: Row, resource: &drift::Resource, name: &str) -> Row {
    let mut row = match resource.health.value() {
        Some(health) => {
            let (mark, _, role) = words::health_mark(health.status);
            row.with(role, mark)
        }
        None => row.with(Role::Unknown, "?"),
    };
    row = row.with(Role::Text, " ").with(Role::Text, name);
    if let Some(health) = resource
        .health
        .value()
        .filter(|health| health.status != HealthStatus::Healthy)
    {
        let (_, word, role) = words::health_mark(health.status);
        row = row
            .with(Role::Text, "  ")
            .with(role, word)
            .with(Role::Text, " ")
            .with(Role::Dim, &health.reason);
    }
    if resource.state != SyncState::Synced {
        let (mark, word, role) = words::sync_mark(resource.state);
        row = row
            .with(Role::Text, "  ")
            .with(role, &format!("{mark} {word}"));
        if !resource.fields.is_empty() {
            row.add(
                Role::Dim,
                &format!(" {}", words::count(resource.fields.len(), "field")),
            );
        }
    }
    row
}

/// The same branch or resource, open or not.
fn same_place(a: &Node, b: &Node) -> bool {
    match (a, b) {
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
