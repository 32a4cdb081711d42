//! What is deployed where: apps down, environments across, the selected cell explained beside or below.

pub mod cell;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Facts, Look, Mouse, Screen, absent, labelled, standing};
use super::{change, resources, revert};
use crate::review::change::Range;
use crate::review::common::{Environment, Selector};
use crate::review::deployed::{Answer as Deployments, App, Deployment, Request};
use crate::review::revert::Scope;
use crate::review::{HealthStatus, Known};
use crate::tui::ask::{Answer, Question, Reply, Slot};
use crate::tui::cx::{Cx, Tone};
use crate::tui::filter::{Facet, Filter};
use crate::tui::keys::Action;
use crate::tui::theme::Role;
use crate::tui::widget::browser::{Browser, LIST};
use crate::tui::widget::doc::Doc;
use crate::tui::widget::paint;
use crate::tui::widget::panes;
use crate::tui::widget::row::{Row, cut};
use crate::tui::widget::words;

pub struct Deployed {
    answer: Slot<Deployments>,
    /// Indices of the apps that pass the filter, in order.
    rows: Vec<usize>,
    browser: Browser,
    /// The environment selected, and the first one in view.
    column: usize,
    first: usize,
    widths: Widths,
    sort: Sort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sort {
    #[default]
    Name,
    /// Changed last first.
    Newest,
    /// Worst first.
    Health,
}

/// Columns of the matrix: the app's name, then each environment with the version's part of it.
#[derive(Default)]
struct Widths {
    app: u16,
    environments: Vec<(u16, u16)>,
}

impl Default for Deployed {
    fn default() -> Deployed {
        Deployed {
            answer: Slot::default(),
            rows: Vec::new(),
            browser: Browser::with(vec![Doc::wrapped()]),
            column: 0,
            first: 0,
            widths: Widths::default(),
            sort: Sort::default(),
        }
    }
}

/// Notes said beside a cell; more are counted.
const NOTES: usize = 3;

impl Deployed {
    pub fn ask(&mut self, cx: &mut Cx) {
        let request = Request {
            at: cx.at.map(str::to_owned),
            ..Request::default()
        };
        self.answer.ask(cx, Question::Deployed(request));
    }

    pub fn reply(&mut self, reply: Reply) {
        let selected = self.app().map(|app| app.name.clone());
        if let Answer::Deployed(part) = reply.answer
            && self.answer.take(reply.ticket, part)
        {
            self.refill(selected);
        }
    }

    pub fn other_cluster(&mut self, environment: &str) {
        self.answer.stop();
        if let Some(answer) = self.answer.value_mut() {
            forget_live(answer, environment);
        }
    }

    /// Filters and sorts anew, with the same app selected as far as it is still there.
    fn refill(&mut self, selected: Option<String>) {
        let Some(answer) = self.answer.value() else {
            return;
        };
        let app = |i: &usize| &answer.apps[*i];
        let mut rows: Vec<usize> = (0..answer.apps.len())
            .filter(|i| passes(app(i), &self.browser.filter))
            .collect();
        match self.sort {
            Sort::Name => rows.sort_by(|a, b| app(a).name.cmp(&app(b).name)),
            Sort::Newest => rows.sort_by_key(|i| Reverse(newest(app(i)))),
            Sort::Health => rows.sort_by_key(|i| Reverse(worst(app(i)))),
        }
        if let Some(at) = selected.and_then(|name| rows.iter().position(|i| app(i).name == name)) {
            self.browser.list.at = at;
        }
        self.rows = rows;
    }

    fn app(&self) -> Option<&App> {
        self.answer
            .value()?
            .apps
            .get(*self.rows.get(self.browser.list.at)?)
            .map(Arc::as_ref)
    }

    pub fn environment(&self) -> Option<&Environment> {
        self.answer.value()?.environments.get(self.column)
    }

    fn cell(&self) -> Option<&Deployment> {
        cell_in(self.app()?, self.environment()?)
    }

    pub fn act(&mut self, action: Action, cx: &mut Cx) {
        if self.browser.act(action) {
            return;
        }
        match action {
            Action::Left => self.column = self.column.saturating_sub(1),
            Action::Right => self.column += 1,
            Action::Sort => {
                self.sort = self.sort.next();
                cx.say(Tone::Note, format!("sorted by {}", self.sort.name()));
                self.refill(self.app().map(|app| app.name.clone()));
            }
            Action::Copy => {
                let since = self
                    .cell()
                    .and_then(|cell| cell.since.as_ref())
                    .map(|since| since.commit.to_string());
                if let Some(text) = since.or_else(|| self.app().map(|app| app.name.clone())) {
                    cx.copy(text);
                }
            }
            Action::Enter | Action::Diff | Action::Revert => self.open(action, cx),
            _ => {}
        }
    }

    /// Goes from the selected cell to its resources, to the commit that set it, or to undoing that commit.
    fn open(&self, action: Action, cx: &mut Cx) {
        let (Some(app), Some(cell)) = (self.app(), self.cell()) else {
            return;
        };
        match (action, &cell.since) {
            (Action::Enter, _) => cx.push(Screen::Resources(resources::Resources::of(
                &cell.environment,
                &app.name,
            ))),
            (Action::Diff, Some(since)) => {
                let select = Selector {
                    environment: Some(cell.environment.clone()),
                    ..Selector::default()
                };
                cx.push(Screen::Change(change::Change::new(
                    Range::Commit(since.commit.to_string()),
                    select,
                )));
            }
            (Action::Revert, Some(since)) => {
                let scope = Scope::App {
                    environment: cell.environment.clone(),
                    app: app.name.clone(),
                };
                cx.push(Screen::Revert(revert::Revert::new(
                    vec![since.clone()],
                    scope,
                )));
            }
            _ => {}
        }
    }

    pub fn blocked(&self, action: Action) -> Option<String> {
        if !matches!(
            action,
            Action::Enter | Action::Diff | Action::Revert | Action::Copy
        ) {
            return None;
        }
        let Some(app) = self.app() else {
            return Some("nothing is selected".to_owned());
        };
        if action == Action::Copy {
            return None;
        }
        let Some(cell) = self.cell() else {
            let environment = self
                .environment()
                .map(|environment| environment.name.as_str())
                .unwrap_or_default();
            return Some(format!("{} is not deployed to {environment}", app.name));
        };
        match (action, &cell.since, cell.searching) {
            (Action::Enter, ..) | (_, Some(_), _) => None,
            (_, None, true) => {
                Some("still looking for the commit that set this version".to_owned())
            }
            (_, None, false) => Some("no commit that set this version was found".to_owned()),
        }
    }

    pub fn set_filter(&mut self, text: &str) {
        let selected = self.app().map(|app| app.name.clone());
        self.browser.filter = Filter::parse(text);
        self.refill(selected);
    }

    /// Environments, namespaces and kinds by name, each with the filter that shows it.
    pub fn scopes(&self) -> Vec<String> {
        let apps = self
            .answer
            .value()
            .map(|answer| answer.apps.as_slice())
            .unwrap_or_default();
        let mut filters = BTreeSet::new();
        for cell in apps.iter().flat_map(|app| &app.deployments) {
            filters.insert((0, format!("env:{}", cell.environment)));
            for resource in &cell.resources {
                filters.extend(
                    resource
                        .object
                        .namespace
                        .as_ref()
                        .map(|namespace| (1, format!("ns:{namespace}"))),
                );
                filters.insert((2, format!("kind:{}", resource.object.kind)));
            }
        }
        filters.into_iter().map(|(_, filter)| filter).collect()
    }

    pub fn settle(&mut self, area: Rect, now: Timestamp) {
        let rects = match panes::is_wide(area) {
            true => panes::columns(area, &[3, 2]),
            // One more than the apps: the environments' names.
            false => panes::list_over_text(area, [3, 2], self.rows.len() + 1),
        };
        self.browser.settle(area, rects, self.rows.len(), 1);
        let environments = self
            .answer
            .value()
            .map_or(0, |answer| answer.environments.len());
        self.column = self.column.min(environments.saturating_sub(1));
        let width = self.browser.panes.inner(LIST).width;
        self.widths = self.measure(now, width);
        self.scroll_columns(width);
        let rows = self.explain(now);
        self.browser.show(0, rows);
    }

    fn measure(&self, now: Timestamp, width: u16) -> Widths {
        let Some(answer) = self.answer.value() else {
            return Widths::default();
        };
        let shown = || self.rows.iter().map(|i| &answer.apps[*i]);
        let app = shown()
            .map(|app| Row::of(Role::Text, &app.name).width())
            .max()
            .unwrap_or(0);
        let environments = answer.environments.iter().map(|environment| {
            let cells = || shown().filter_map(|app| cell_in(app, environment));
            let version = cells().map(cell::version_width).max().unwrap_or(0);
            let widest = cells()
                .map(|cell| cell::row(cell, now, version).width())
                .max()
                .unwrap_or(0);
            (
                widest
                    .max(Row::of(Role::Text, &environment.name).width())
                    .clamp(6, 40),
                version,
            )
        });
        let environments: Vec<(u16, u16)> = environments.collect();
        // A third, and what the environments leave.
        let used: u16 = environments.iter().map(|(width, _)| width + 2).sum();
        let room = width.saturating_sub(used + 3).max(width / 3).max(8);
        Widths {
            app: app.clamp(3, room),
            environments,
        }
    }

    /// Moves the window over the environments so that the selected one is in it.
    fn scroll_columns(&mut self, width: u16) {
        self.first = self.first.min(self.column);
        let room = width.saturating_sub(self.widths.app + 3);
        let used = |first: usize, last: usize| {
            self.widths
                .environments
                .iter()
                .take(last + 1)
                .skip(first)
                .map(|(width, _)| width + 2)
                .sum::<u16>()
        };
        while self.first < self.column && used(self.first, self.column) > room {
            self.first += 1;
        }
    }

    /// The rows of the detail.
    fn explain(&self, now: Timestamp) -> Vec<Row> {
        let (Some(answer), Some(app), Some(environment)) =
            (self.answer.value(), self.app(), self.environment())
        else {
            return Vec::new();
        };
        let mut rows = match self.cell() {
            Some(cell) => cell::explain(cell, now),
            None => vec![Row::of(
                Role::Dim,
                &format!("{} is not deployed to {}", app.name, environment.name),
            )],
        };
        if let Some(cell) = self.cell() {
            rows.extend(words::environment(environment, cell.live.why()));
            let lost = cell::lost(answer, &app.name, &environment.name);
            let mut lost = lost.map(|why| Row::of(Role::Error, "! ").with(Role::Text, why));
            let names: Vec<String> = cell
                .resources
                .iter()
                .map(|resource| resource.object.to_string())
                .collect();
            let declared = Row::of(Role::Text, &format!("{}  ", names.len()))
                .with(Role::Dim, &names.join(", "));
            let first = match names.is_empty() {
                true => lost.next().unwrap_or(declared),
                false => declared,
            };
            rows.push(labelled("resources", first));
            rows.extend(lost.map(|why| labelled("", why)));
        }
        if !answer.notes.is_empty() {
            rows.push(Row::new());
        }
        // They are about the whole repository.
        let notes = answer.notes.iter().take(NOTES);
        rows.extend(notes.map(|note| Row::of(Role::Warning, "! ").with(Role::Text, note)));
        if answer.notes.len() > NOTES {
            let more = answer.notes.len() - NOTES;
            let text = format!("  and {more} more of the repository: gitopsy where lists them");
            rows.push(Row::of(Role::Dim, &text));
        }
        rows
    }

    pub fn facts(&self) -> Facts {
        let apps = self
            .answer
            .value()
            .map(|answer| answer.apps.as_slice())
            .unwrap_or_default();
        let visible = self
            .browser
            .list
            .visible()
            .filter_map(|at| apps.get(*self.rows.get(at)?));
        Facts {
            crumb: "Deployed".to_owned(),
            position: self.browser.list.position(),
            filter: Some(self.browser.filter.text().to_owned()),
            tickets: self.answer.ticket().into_iter().collect(),
            times: visible
                .flat_map(|app| &app.deployments)
                .filter_map(|cell| Some(cell.since.as_ref()?.time))
                .collect(),
            ..Facts::default()
        }
    }

    pub fn mouse(&mut self, mouse: Mouse, at: (u16, u16)) {
        self.browser.mouse(mouse, at, 1);
        if mouse == Mouse::Click && self.browser.panes.focus == LIST {
            let area = self.browser.panes.inner(LIST);
            let hit = self
                .columns(area)
                .into_iter()
                .find(|(_, x, width)| (*x..x + width + 2).contains(&at.0));
            self.column = hit.map_or(self.column, |(column, ..)| column);
        }
    }

    /// The environments in view: index, left edge, width.
    fn columns(&self, area: Rect) -> Vec<(usize, u16, u16)> {
        let mut x = area.x + self.widths.app + 3;
        let mut out = Vec::new();
        for (i, (width, _)) in self.widths.environments.iter().enumerate().skip(self.first) {
            let width = (*width).min(area.right().saturating_sub(x));
            if width < 3 {
                break;
            }
            out.push((i, x, width));
            x += width + 2;
        }
        out
    }

    pub fn view(&self, look: Look, buf: &mut Buffer) {
        let mut title = self.browser.title(LIST, "Deployed");
        if let Some(answer) = self.answer.value() {
            let all = words::count(answer.apps.len(), "app");
            let apps = if self.browser.filter.is_empty() {
                all
            } else {
                format!("{} of {all}", self.rows.len())
            };
            title.add(
                Role::Dim,
                &format!(
                    " · {apps} · {}",
                    words::count(answer.environments.len(), "environment")
                ),
            );
            if self.sort != Sort::Name {
                title.add(Role::Dim, &format!(" · by {}", self.sort.name()));
            }
        }
        if let Some(area) =
            self.browser
                .panes
                .frame(look.theme, buf, LIST, &title, &standing(&self.answer))
        {
            match self.answer.value() {
                None => paint::text(buf, look.theme, area, &absent(&self.answer)),
                Some(answer) if answer.apps.is_empty() => {
                    paint::text(buf, look.theme, area, &nothing())
                }
                Some(answer) => self.matrix(look, buf, area, answer),
            }
        }
        let title = match (self.app(), self.environment()) {
            (Some(app), Some(environment)) => self
                .browser
                .title(1, &app.name)
                .with(Role::Dim, " in ")
                .with(Role::Environment, &environment.name),
            _ => self.browser.title(1, "Detail"),
        };
        self.browser.view_doc(look, buf, 0, &title, &Row::new());
    }

    fn matrix(&self, look: Look, buf: &mut Buffer, area: Rect, answer: &Deployments) {
        let theme = look.theme;
        let columns = self.columns(area);
        paint::row(
            buf,
            theme,
            (area.x + 1, area.y),
            self.widths.app,
            &Row::of(Role::Label, "app"),
            Style::new(),
        );
        for (i, x, width) in &columns {
            let role = if *i == self.column {
                Role::Environment
            } else {
                Role::Label
            };
            paint::row(
                buf,
                theme,
                (*x, area.y),
                *width,
                &Row::of(role, &answer.environments[*i].name),
                Style::new(),
            );
        }
        if columns
            .last()
            .is_some_and(|(last, ..)| last + 1 < answer.environments.len())
        {
            paint::right(
                buf,
                theme,
                area,
                area.y,
                &Row::of(Role::Dim, "→"),
                Style::new(),
            );
        }
        if self.rows.is_empty() {
            paint::line(
                buf,
                theme,
                area,
                area.y + 1,
                &Row::of(Role::Dim, " no app passes the filter (esc clears it)"),
                Style::new(),
            );
        }
        for (y, at) in (area.y + 1..area.bottom()).zip(self.browser.list.visible()) {
            let app = &answer.apps[self.rows[at]];
            let selected = at == self.browser.list.at;
            let (mark, strong) = self.browser.selection(look, at);
            // The row is marked lightly, the cell strongly.
            let over = if selected {
                theme.style(Role::SelectedElsewhere)
            } else {
                Style::new()
            };
            paint::line(
                buf,
                theme,
                area,
                y,
                &Row::of(Role::Text, mark).with(Role::Text, &cut(&app.name, self.widths.app)),
                over,
            );
            for (i, x, width) in &columns {
                let version = self.widths.environments[*i].1;
                let row = cell_in(app, &answer.environments[*i]).map_or_else(
                    || Row::of(Role::Dim, "·"),
                    |cell| cell::row(cell, look.now, version),
                );
                let over = if selected && *i == self.column {
                    strong
                } else {
                    over
                };
                paint::row(buf, theme, (*x, y), *width, &row.pad(*width), over);
            }
        }
    }
}

impl Sort {
    fn next(self) -> Sort {
        match self {
            Sort::Name => Sort::Newest,
            Sort::Newest => Sort::Health,
            Sort::Health => Sort::Name,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Newest => "newest",
            Sort::Health => "health",
        }
    }
}

fn nothing() -> Vec<Row> {
    vec![
        Row::of(
            Role::Text,
            "Nothing is deployed from this repository, as far as its layout is understood.",
        ),
        Row::of(Role::Dim, "D shows what was looked for."),
    ]
}

fn cell_in<'a>(app: &'a App, environment: &Environment) -> Option<&'a Deployment> {
    app.deployments
        .iter()
        .find(|cell| cell.environment == environment.name)
}

/// What is live in an environment is not known any more.
pub fn forget_live(answer: &mut Deployments, environment: &str) {
    let environments = answer.environments.iter_mut();
    for shown in environments.filter(|shown| shown.name == environment) {
        shown.cluster = Known::Loading;
    }
    for app in answer.apps.iter_mut().map(Arc::make_mut) {
        let cells = app.deployments.iter_mut();
        for cell in cells.filter(|cell| cell.environment == environment) {
            cell.live = Known::Loading;
        }
    }
}

/// An app is shown when one of its cells has everything the filter asks for.
fn passes(app: &App, filter: &Filter) -> bool {
    filter.is_empty()
        || app
            .deployments
            .iter()
            .any(|cell| filter.matches(&facets(app, cell)))
}

fn facets<'a>(app: &'a App, cell: &'a Deployment) -> Vec<(Facet, &'a str)> {
    let mut facets = vec![
        (Facet::App, app.name.as_str()),
        (Facet::Environment, cell.environment.as_str()),
    ];
    facets.extend(
        cell.namespace
            .iter()
            .map(|namespace| (Facet::Namespace, namespace.as_str())),
    );
    facets.extend(
        cell.version
            .iter()
            .chain(&cell.images)
            .map(|text| (Facet::Word, text.as_str())),
    );
    facets.extend(
        cell.resources
            .iter()
            .map(|resource| (Facet::Kind, resource.object.kind.as_str())),
    );
    if let Some(since) = &cell.since {
        facets.extend([
            (Facet::Author, since.author.name.as_str()),
            (Facet::Word, since.subject.as_str()),
        ]);
    }
    if let Some(live) = cell.live.value() {
        facets.push((Facet::State, words::health_mark(live.health.status).1));
        facets.push((Facet::State, words::sync_mark(live.sync).1));
    }
    facets.extend(cell.behind.iter().map(|_| (Facet::State, "behind")));
    facets
}

fn newest(app: &App) -> Option<Timestamp> {
    app.deployments
        .iter()
        .filter_map(|cell| Some(cell.since.as_ref()?.time))
        .max()
}

/// How bad the worst cell is.
fn worst(app: &App) -> u8 {
    let badness = |status: HealthStatus| match status {
        HealthStatus::Degraded => 5,
        HealthStatus::Missing => 4,
        HealthStatus::Progressing => 3,
        HealthStatus::Unknown => 2,
        HealthStatus::Suspended => 1,
        HealthStatus::Healthy => 0,
    };
    app.deployments
        .iter()
        .filter_map(|cell| cell.live.value())
        .map(|live| badness(live.health.status))
        .max()
        .unwrap_or(0)
}
