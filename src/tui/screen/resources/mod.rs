//! Environments, their apps and the resources these are made of, as a tree, each with health and drift.

mod tree;

use std::collections::BTreeSet;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::tree::{Branch, Live, Node, State, View};
use super::deployed::{self, cell};
use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{resource, revert, text};
use crate::review::common::{ResourceId, Selector};
use crate::review::deployed::{Answer as Deployments, Deployment, Request};
use crate::review::drift;
use crate::review::revert::Scope;
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect, K9s};
use crate::tui::filter::Filter;
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::browser::{Browser, LIST};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::panes;
use crate::tui::widget::row::Row;
use crate::tui::widget::{fields, words};

pub struct Resources {
    /// Only this app in this environment.
    only: Option<(String, String)>,
    deployed: Slot<Deployments>,
    live: Live,
    /// What the user opened or closed against the default.
    toggled: BTreeSet<Branch>,
    nodes: Vec<Node>,
    browser: Browser,
}

impl Default for Resources {
    fn default() -> Resources {
        Resources {
            only: None,
            deployed: Slot::default(),
            live: Live::default(),
            toggled: BTreeSet::new(),
            nodes: Vec::new(),
            browser: Browser::with(vec![Doc::wrapped()]),
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
            self.live = Live::default();
        } else {
            let select = Selector {
                environment,
                ..Selector::default()
            };
            self.live.answer.ask(
                cx,
                Question::Drift(drift::Request {
                    select,
                    app,
                    ..drift::Request::default()
                }),
            );
        }
    }

    pub fn reply(&mut self, reply: Reply) {
        match reply.answer {
            Answer::Deployed(part) => {
                self.deployed.take(reply.ticket, part);
            }
            Answer::Drift(part) => {
                self.live.answer.take(reply.ticket, part);
                self.live.index();
            }
            _ => {}
        }
        self.refill();
    }

    /// The one that the selected line is in.
    pub fn environment(&self) -> Option<&str> {
        let index = match self.node()? {
            Node::Resource(id) => return Some(&id.environment),
            Node::Environment { index, .. } => *index,
            Node::App { environment, .. } => *environment,
        };
        let environment = self.deployed.value()?.environments.get(index)?;
        Some(&environment.name)
    }

    pub fn other_cluster(&mut self, environment: &str) {
        self.deployed.stop();
        if let Some(answer) = self.deployed.value_mut() {
            deployed::forget_live(answer, environment);
        }
        self.live = Live::default();
        self.refill();
    }

    /// Makes the tree anew, with the same line selected as far as it is still there.
    fn refill(&mut self) {
        let Some(answer) = self.deployed.value() else {
            return;
        };
        let view = View {
            only: self.only.as_ref(),
            filter: &self.browser.filter,
            toggled: &self.toggled,
            live: &self.live,
        };
        let nodes = tree::nodes(answer, &view);
        let at = self
            .node()
            .and_then(|selected| nodes.iter().position(|node| node.is_same_place(selected)));
        self.browser.list.at = at.unwrap_or(self.browser.list.at);
        self.nodes = nodes;
    }

    fn node(&self) -> Option<&Node> {
        self.nodes.get(self.browser.list.at)
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
        let (environment, app, open) = match self.node()? {
            Node::Environment { index, open } => (*index, None, *open),
            Node::App {
                environment,
                app,
                open,
                ..
            } => (*environment, Some(answer.apps[*app].name.clone()), *open),
            Node::Resource(_) => return None,
        };
        Some((
            Branch {
                environment: answer.environments[environment].name.clone(),
                app,
            },
            open,
        ))
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        match action {
            // The next line is not always a resource.
            Action::NextMatch if self.browser.panes.focus == LIST => self.next_resource(true),
            Action::PreviousMatch if self.browser.panes.focus == LIST => self.next_resource(false),
            action if self.browser.act(action) => {}
            Action::Enter => match self.resource() {
                Some(id) => cx.push(Screen::Resource(resource::Resource::new(id.clone(), None))),
                None => self.toggle(None),
            },
            Action::Right => self.toggle(Some(true)),
            Action::Left => match self.branch() {
                Some((_, true)) => self.toggle(Some(false)),
                // To the line it is under.
                _ => {
                    let above = self.nodes[..self.browser.list.at]
                        .iter()
                        .rposition(|node| !matches!(node, Node::Resource(_)));
                    self.browser.list.at = above.unwrap_or(self.browser.list.at);
                }
            },
            Action::Yaml => {
                if let Some(id) = self.resource() {
                    cx.push(Screen::Text(text::Text::resource(id.clone())));
                }
            }
            Action::Logs => {
                if let Some(id) = self.resource() {
                    cx.push(Screen::Text(text::Text::logs(id)));
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
            Action::Copy => {
                let branch = || {
                    self.branch()
                        .map(|(branch, _)| branch.app.unwrap_or(branch.environment))
                };
                if let Some(name) = self
                    .resource()
                    .map(|id| id.object.to_string())
                    .or_else(branch)
                {
                    cx.copy(name);
                }
            }
            Action::K9s => {
                if let Some(id) = self.resource() {
                    cx.effect(Effect::K9s(K9s::on(&id.object, self.context())));
                }
            }
            _ => {}
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
        let at = self.browser.list.at;
        let found = match forward {
            true => (at + 1..self.nodes.len()).find(is_resource),
            false => (0..at).rev().find(is_resource),
        };
        self.browser.list.at = found.unwrap_or(at);
    }

    fn context(&self) -> Option<&str> {
        let name = &self.resource()?.environment;
        let environment = self
            .deployed
            .value()?
            .environments
            .iter()
            .find(|environment| environment.name == *name)?;
        environment.cluster.value()?.context.as_deref()
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Enter | Action::Copy if self.node().is_none() => {
                Some("nothing is selected".to_owned())
            }
            Action::Yaml | Action::Logs | Action::K9s if self.resource().is_none() => {
                Some("no resource is selected".to_owned())
            }
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
            Action::K9s if self.context().is_none() => {
                Some("no kubeconfig context is known for it".to_owned())
            }
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        self.browser.filter = Filter::parse(text);
        self.refill();
        // Landing on a heading would make enter close it.
        if !self.browser.filter.is_empty() && self.resource().is_none() {
            self.next_resource(true);
        }
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[1, 1]),
            false => panes::list_over_text(area, [2, 1], self.nodes.len()),
        };
        self.browser.settle(area, rects, self.nodes.len(), 0);
        let rows = self.explain(now);
        self.browser.show(0, rows);
    }

    fn explain(&self, now: Timestamp) -> Vec<Row> {
        match (self.deployed.value(), self.node()) {
            (Some(answer), Some(Node::Environment { index, .. })) => {
                let environment = &answer.environments[*index];
                let mut rows = words::environment(environment, None);
                let said = |name: &String| labelled("declared", Row::of(Role::Text, name));
                rows.extend(environment.destination.cluster.iter().map(said));
                rows
            }
            (Some(answer), Some(Node::App { .. })) => self
                .cell()
                .map(|(app, of)| {
                    let lost = cell::lost(answer, app, &of.environment);
                    let said = |why| Row::of(Role::Error, "! ").with(Role::Text, why);
                    let mut rows = cell::explain(of, now);
                    rows.extend(lost.map(|why| labelled("resources", said(why))));
                    rows
                })
                .unwrap_or_default(),
            (_, Some(Node::Resource(id))) => explain_resource(id, self.live.of(id), now),
            _ => Vec::new(),
        }
    }

    pub fn facts(&self) -> Facts {
        Facts {
            crumb: match &self.only {
                Some((environment, app)) => format!("{app} in {environment}"),
                None => "Resources".to_owned(),
            },
            position: self.browser.list.position(),
            filter: Some(self.browser.filter.text().to_owned()),
            tickets: [self.deployed.ticket(), self.live.answer.ticket()]
                .into_iter()
                .flatten()
                .collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        self.browser.mouse(mouse, at, 0);
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let mut title = self.browser.title(LIST, "Resources");
        if let Some((environment, app)) = &self.only {
            title = title
                .with(Role::Dim, " of ")
                .with(Role::Text, app)
                .with(Role::Dim, " in ")
                .with(Role::Environment, environment);
        }
        let note = match standing(&self.deployed) {
            note if note.is_empty() => standing(&self.live.answer),
            note => note,
        };
        self.browser
            .view_list(look, buf, &title, &note, &self.says(), |at| {
                match self.deployed.value() {
                    Some(answer) => tree::row(&self.nodes[at], answer, &self.live),
                    None => Row::new(),
                }
            });
        let title = match (self.resource(), self.branch()) {
            (Some(id), _) => self.browser.title(1, &id.object.to_string()),
            (
                None,
                Some((
                    Branch {
                        environment,
                        app: Some(app),
                    },
                    _,
                )),
            ) => self
                .browser
                .title(1, &app)
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
            (None, None) => self.browser.title(1, "Detail"),
        };
        self.browser.view_doc(look, buf, 0, &title, &Row::new());
    }

    fn says(&self) -> Vec<Row> {
        match self.deployed.value() {
            None => absent(&self.deployed),
            Some(_) if !self.nodes.is_empty() => Vec::new(),
            Some(_) if self.browser.filter.is_empty() => {
                vec![Row::of(Role::Dim, "no resource is declared here")]
            }
            Some(_) => vec![Row::of(
                Role::Dim,
                "no resource passes the filter (esc clears it)",
            )],
        }
    }
}

fn explain_resource(id: &ResourceId, state: State, now: Timestamp) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(
        id.object
            .namespace
            .iter()
            .map(|namespace| labelled("namespace", Row::of(Role::Text, namespace))),
    );
    let resource = match state {
        State::Well => {
            rows.push(labelled(
                "live",
                Row::of(Role::Healthy, "● Healthy  = synced"),
            ));
            return rows;
        }
        State::Unknown(row) => {
            rows.push(labelled("live", row));
            return rows;
        }
        State::NotAsked => {
            rows.push(labelled(
                "live",
                Row::of(Role::Dim, "not asked for another time"),
            ));
            return rows;
        }
        State::Listed(resource) => resource,
    };
    let (mark, word, role) = words::sync_mark(resource.state);
    rows.push(labelled(
        "live",
        Row::of(role, mark).with(role, " ").with(role, word),
    ));
    let health = resource
        .health
        .value()
        .map_or_else(|| words::standing(&resource.health, now), words::health);
    rows.push(labelled("health", health));
    rows.extend(
        resource
            .path
            .iter()
            .map(|path| labelled("declared", Row::of(Role::Text, path))),
    );
    for field in &resource.fields {
        let (desired, live) = fields::pair(field.desired.as_ref(), field.live.as_ref());
        let row = Row::of(Role::Drift, "≠ ")
            .with(Role::Text, &fields::short_path(&field.path))
            .with(Role::Dim, "  git ")
            .with(Role::Text, &desired)
            .with(Role::Dim, "  live ")
            .with(Role::Drift, &live);
        rows.push(row);
        rows.push(Row::of(Role::Text, "    ").then(words::cause(&field.cause, now)));
    }
    rows
}
