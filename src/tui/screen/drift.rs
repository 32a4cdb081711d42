//! Where the cluster is not what git says: each resource with its fields, who wrote them, when, and the commit that last set them.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::timeline::selection;
use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{change, resource};
use crate::review::change::Range;
use crate::review::common::{CommitLine, Selector};
use crate::review::drift::{Answer as Drifts, Request, Resource};
use crate::review::{Known, SyncState};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Effect, K9s, Tone};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::doc::Doc;
use crate::tui::widget::fields::{self, Field};
use crate::tui::widget::list::List;
use crate::tui::widget::paint;
use crate::tui::widget::panes::{self, Panes};
use crate::tui::widget::row::Row;
use crate::tui::widget::words;

#[derive(Default)]
pub struct Drift {
    answer: Slot<Drifts>,
    items: Vec<Item>,
    list: List,
    sort: Sort,
    filter: Filter,
    panes: Panes,
    detail: Doc,
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Resource(usize),
    /// Something that could not be compared.
    Unknown(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sort {
    #[default]
    Environment,
    /// Written last first.
    Newest,
}

const LIST: usize = 0;
const DETAIL: usize = 1;

impl Drift {
    pub fn ask(&mut self, cx: &mut Cx) {
        self.answer.ask(cx, Question::Drift(Request::default()));
    }

    pub fn reply(&mut self, reply: Reply) {
        let selected = self.resource().map(|resource| resource.id.clone());
        if let Answer::Drift(part) = reply.answer
            && self.answer.take(reply.ticket, part)
        {
            self.refill();
            let Some(answer) = self.answer.value() else {
                return;
            };
            let same = selected.and_then(|id| {
                self.items.iter().position(
                    |item| matches!(item, Item::Resource(i) if answer.resources[*i].id == id),
                )
            });
            self.list.at = same.unwrap_or(self.list.at);
        }
    }

    fn refill(&mut self) {
        let Some(answer) = self.answer.value() else {
            return;
        };
        let mut rows: Vec<usize> = (0..answer.resources.len())
            .filter(|i| passes(&answer.resources[*i], &self.filter))
            .collect();
        if self.sort == Sort::Newest {
            rows.sort_by_key(|i| std::cmp::Reverse(written(&answer.resources[*i])));
        }
        self.items = rows.into_iter().map(Item::Resource).collect();
        if self.filter.is_empty() {
            self.items
                .extend((0..answer.unknown.len()).map(Item::Unknown));
        }
    }

    fn item(&self) -> Option<Item> {
        self.items.get(self.list.at).copied()
    }

    fn resource(&self) -> Option<&Resource> {
        match self.item()? {
            Item::Resource(i) => self.answer.value()?.resources.get(i),
            Item::Unknown(_) => None,
        }
    }

    /// The commit that last set the first field in view that has one.
    fn commit(&self) -> Option<&CommitLine> {
        self.resource()?
            .fields
            .iter()
            .find_map(|field| field.cause.commit.as_ref())
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.panes.act(action) || (self.panes.focus == DETAIL && self.detail.act(action)) {
            return;
        }
        match action {
            Action::Enter | Action::Yaml => {
                if let Some(resource) = self.resource() {
                    cx.push(Screen::Resource(resource::Resource::new(
                        resource.id.clone(),
                    )));
                }
            }
            Action::Diff => {
                if let (Some(resource), Some(commit)) = (self.resource(), self.commit()) {
                    let select = Selector {
                        environment: Some(resource.id.environment.clone()),
                        ..Selector::default()
                    };
                    cx.push(Screen::Change(change::Change::new(
                        Range::Commit(commit.commit.to_string()),
                        select,
                    )));
                }
            }
            Action::Copy => {
                if let Some(resource) = self.resource() {
                    cx.copy(resource.id.object.to_string());
                }
            }
            Action::Pager => cx.effect(Effect::Page(self.detail.plain())),
            Action::K9s => {
                if let Some((resource, context)) = self.resource().zip(self.context()) {
                    let object = &resource.id.object;
                    let k9s = K9s {
                        context: Some(context.to_owned()),
                        namespace: object.namespace.clone(),
                        kind: object.kind.clone(),
                        name: object.name.clone(),
                    };
                    cx.effect(Effect::K9s(k9s));
                }
            }
            Action::Sort => {
                self.sort = match self.sort {
                    Sort::Environment => Sort::Newest,
                    Sort::Newest => Sort::Environment,
                };
                let by = if self.sort == Sort::Newest {
                    "sorted by who wrote last"
                } else {
                    "sorted by environment"
                };
                cx.say(Tone::Note, by);
                self.refill();
            }
            Action::Wrap => self.detail.wrap = !self.detail.wrap,
            Action::NextMatch => self.list.by(1),
            Action::PreviousMatch => self.list.by(-1),
            other => {
                self.list.act(other);
            }
        }
    }

    /// The kubeconfig context of the selected resource's environment.
    fn context(&self) -> Option<&str> {
        let resource = self.resource()?;
        let environment = self
            .answer
            .value()?
            .clusters
            .iter()
            .find(|environment| environment.name == resource.id.environment)?;
        environment.cluster.value()?.context.as_deref()
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        match action {
            Action::Enter | Action::Yaml | Action::Copy | Action::Pager
                if self.resource().is_none() =>
            {
                Some("no resource is selected".to_owned())
            }
            Action::Diff if self.commit().is_none() => {
                Some("no commit is known to have set these fields".to_owned())
            }
            Action::K9s if self.context().is_none() => {
                Some("no kubeconfig context is known for it".to_owned())
            }
            _ => None,
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        self.filter = Filter::parse(text);
        self.refill();
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[2, 3]),
            false => panes::rows(area, &[2, 3]),
        };
        self.panes.settle(area, rects);
        self.list
            .settle(self.items.len(), self.panes.inner(LIST).height);
        let inner = self.panes.inner(DETAIL);
        let rows = match (self.item(), self.answer.value()) {
            (Some(Item::Resource(i)), Some(answer)) => {
                explain(&answer.resources[i], now, inner.width, self.detail.wrap)
            }
            (Some(Item::Unknown(i)), Some(answer)) => vec![
                labelled("what", Row::of(Role::Text, &answer.unknown[i].what)),
                labelled(
                    "where",
                    Row::of(Role::Environment, &answer.unknown[i].environment),
                ),
                labelled("why", Row::of(Role::Warning, &answer.unknown[i].why)),
            ],
            _ => Vec::new(),
        };
        self.detail.set(rows);
        self.detail.settle(inner.width, inner.height);
    }

    pub fn facts(&self) -> Facts {
        let answer = self.answer.value();
        let times = self
            .list
            .visible()
            .filter_map(|at| match self.items.get(at)? {
                Item::Resource(i) => written(answer?.resources.get(*i)?),
                Item::Unknown(_) => None,
            });
        Facts {
            crumb: "Drift".to_owned(),
            position: self.list.position(),
            filter: Some(self.filter.text().to_owned()),
            tickets: self.answer.ticket().into_iter().collect(),
            times: times.collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        let Some((pane, line)) = self.panes.hit(at.0, at.1) else {
            return;
        };
        match (mouse, pane) {
            (Mouse::Wheel(rows), LIST) => self.list.scroll(rows),
            (Mouse::Wheel(rows), _) => self.detail.scroll(rows),
            (Mouse::Click, _) => {
                self.panes.focus = pane;
                if let (LIST, Some(line)) = (pane, line) {
                    self.list.click(line);
                }
            }
        }
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let role = if self.panes.focus == LIST {
            Role::FocusedTitle
        } else {
            Role::Title
        };
        let mut title = Row::of(role, "Drift");
        if let Some(answer) = self.answer.value() {
            let differ = answer.resources.len();
            title.add(
                Role::Dim,
                &format!(" · {} not as git says · {} in sync", differ, answer.synced),
            );
        }
        if let Some(area) = self
            .panes
            .frame(look.theme, buf, LIST, &title, &standing(&self.answer))
        {
            let rows = match self.answer.value() {
                None => absent(&self.answer),
                Some(answer) if self.items.is_empty() => self.nothing(answer),
                Some(answer) => {
                    self.items(look, buf, area, answer);
                    Vec::new()
                }
            };
            for (y, row) in (area.top()..area.bottom()).zip(rows) {
                paint::line(buf, look.theme, area, y, &row, Style::new());
            }
        }
        let title = match self.resource() {
            Some(resource) => Row::of(Role::Resource, &resource.id.object.to_string())
                .with(Role::Dim, " in ")
                .with(Role::Environment, &resource.id.environment),
            None => Row::of(Role::Title, "Detail"),
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

    /// No line: because all is well, because nothing passes, or because there is nothing to compare with.
    fn nothing(&self, answer: &Drifts) -> Vec<Row> {
        if !self.filter.is_empty() {
            return vec![Row::of(
                Role::Dim,
                "no resource passes the filter (esc clears it)",
            )];
        }
        if self.answer.is_waiting() {
            return vec![Row::of(Role::Dim, "… comparing")];
        }
        let asked = answer
            .clusters
            .iter()
            .any(|environment| environment.cluster.value().is_some());
        if asked {
            return vec![Row::of(Role::Good, "✓ ").with(
                Role::Text,
                &format!(
                    "all {} are as git says",
                    words::count(answer.synced, "resource")
                ),
            )];
        }
        let mut rows = vec![Row::of(Role::Text, "There is no cluster to compare with:")];
        rows.extend(answer.clusters.iter().map(|environment| {
            Row::of(Role::Environment, &format!("  {:<16} ", environment.name))
                .then(words::cluster(environment))
        }));
        rows
    }

    fn items(&self, look: Look, buf: &mut Buffer, area: Rect, answer: &Drifts) {
        for (y, at) in (area.top()..area.bottom()).zip(self.list.visible()) {
            let row = match self.items[at] {
                Item::Resource(i) => line(&answer.resources[i], look.now),
                Item::Unknown(i) => {
                    let unknown = &answer.unknown[i];
                    Row::of(Role::Unknown, "? ")
                        .with(Role::Text, &unknown.what)
                        .with(Role::Text, "  ")
                        .with(Role::Environment, &unknown.environment)
                        .with(Role::Warning, &format!("  {}", unknown.why))
                }
            };
            paint::line(
                buf,
                look.theme,
                area,
                y,
                &row,
                selection(look, at == self.list.at, self.panes.focus == LIST),
            );
        }
    }
}

/// `≠ Deployment/api  production shop  2 fields  kubectl-edit 35m`
fn line(resource: &Resource, now: Timestamp) -> Row {
    let (mark, word, role) = words::sync_mark(resource.state);
    let mut row = Row::of(role, mark).with(Role::Text, " ");
    if let Some(health) = resource.health.value() {
        let (mark, _, role) = words::health_mark(health.status);
        row = row.with(role, mark).with(Role::Text, " ");
    } else {
        row.add(Role::Dim, "  ");
    }
    row = row
        .with(Role::Text, &resource.id.object.to_string())
        .with(Role::Text, "  ")
        .with(Role::Environment, &resource.id.environment)
        .with(Role::Dim, &format!(" {}  ", resource.id.app));
    match resource.state {
        SyncState::Drifted => {
            row.add(Role::Text, &words::count(resource.fields.len(), "field"));
            let newest = resource.fields.iter().max_by_key(|field| field.cause.time);
            if let Some(manager) = newest.and_then(|field| field.cause.manager.as_ref()) {
                row = row.with(Role::Text, "  ").with(Role::Author, manager);
            }
            if let Some(time) = written(resource) {
                row.add(Role::Age, &format!(" {}", words::age(now, time)));
            }
        }
        SyncState::Synced => {
            if let Some(health) = resource.health.value() {
                let (_, word, role) = words::health_mark(health.status);
                row = row
                    .with(role, word)
                    .with(Role::Text, &format!("  {}", health.reason));
            }
        }
        _ => row.add(role, word),
    }
    row
}

fn explain(resource: &Resource, now: Timestamp, width: u16, whole: bool) -> Vec<Row> {
    let (mark, word, role) = words::sync_mark(resource.state);
    let said = match resource.state {
        SyncState::Missing => "  git declares it, the cluster does not have it",
        SyncState::Extra => "  the cluster has it, git does not declare it: will be pruned",
        SyncState::Orphaned => "  git does not declare it, and this deployer never prunes its kind",
        SyncState::Synced => "  as git says",
        SyncState::Drifted | SyncState::Unknown => "",
    };
    let mut rows = vec![labelled(
        "live",
        Row::of(role, mark)
            .with(role, " ")
            .with(role, word)
            .with(Role::Text, said),
    )];
    rows.push(labelled(
        "health",
        match &resource.health {
            Known::Fresh(health) | Known::Stale(health, _) => words::health(health)
                .gap()
                .then(words::standing(&resource.health, now)),
            unknown => words::standing(unknown, now),
        },
    ));
    rows.extend(
        resource
            .path
            .iter()
            .map(|path| labelled("declared", Row::of(Role::Text, path))),
    );
    if !resource.fields.is_empty() {
        rows.push(Row::new());
    }
    let table: Vec<Field> = resource
        .fields
        .iter()
        .map(|drift| {
            let (desired, live) = fields::pair(drift.desired.as_ref(), drift.live.as_ref());
            Field {
                path: drift.path.clone(),
                cells: vec![(Role::Text, desired), (Role::Drift, live)],
                mark: Some(("≠", Role::Drift)),
                notes: vec![words::cause(&drift.cause, now)],
                noise: false,
            }
        })
        .collect();
    rows.extend(fields::table(&["git", "live"], &table, width, whole));
    if !resource.suppressed.is_empty() {
        let reasons: Vec<String> = resource
            .suppressed
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        rows.push(Row::of(
            Role::Dim,
            &format!("suppressed: {}", reasons.join(", ")),
        ));
    }
    rows
}

/// When one of the differing fields' managers last wrote.
fn written(resource: &Resource) -> Option<Timestamp> {
    resource
        .fields
        .iter()
        .filter_map(|field| field.cause.time)
        .max()
}

fn passes(resource: &Resource, filter: &Filter) -> bool {
    let mut facets = vec![
        (Facet::Environment, resource.id.environment.as_str()),
        (Facet::App, resource.id.app.as_str()),
        (Facet::Kind, resource.id.object.kind.as_str()),
        (Facet::Word, resource.id.object.name.as_str()),
        (Facet::State, words::sync_mark(resource.state).1),
    ];
    facets.extend(
        resource
            .id
            .object
            .namespace
            .iter()
            .map(|namespace| (Facet::Namespace, namespace.as_str())),
    );
    if let Some(health) = resource.health.value() {
        facets.push((Facet::State, words::health_mark(health.status).1));
    }
    for field in &resource.fields {
        facets.extend(
            field
                .cause
                .manager
                .iter()
                .map(|manager| (Facet::Author, manager.as_str())),
        );
    }
    filter.matches(&facets)
}
